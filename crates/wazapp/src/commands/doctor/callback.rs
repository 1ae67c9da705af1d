//! The callback as Meta meets it: the handshake, a signature that is not Meta's, and how soon it answers.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use web::webhook::REFUSED;
use whatsapp::signature;

use super::finding::{Finding, Level};
use super::server::Server;
use crate::config::Config;

const AREA: &str = "Callback";

const PATIENCE: Duration = Duration::from_secs(10);

/// Handshakes that are timed.
const TRIES: u32 = 5;

/// Meta wants half of the answers within this.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/guides/set-up-webhooks>
const MEDIAN: Duration = Duration::from_millis(250);

pub(super) async fn check(config: &Config, server: &Server) -> Vec<Finding> {
    let url = format!("{}/webhook", server.public_url(config));
    if !server.runs() && !url.starts_with("https://") {
        let says = "not asked: no server runs here, and no public URL says where else";
        return vec![Finding::warning(AREA, url, says, "wazapp serve, then wazapp doctor again")];
    }
    let client = match client() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::broken(AREA, url, error.to_string(), "see the certificates of this machine")];
        }
    };
    if asks_callers(config) {
        return vec![uncertified(&client, &url).await];
    }
    let mut findings = Vec::new();
    match &config.meta_verify_token {
        Some(token) => findings.extend(handshake(&client, &url, token.expose_secret()).await),
        None => findings.push(Finding::warning(
            AREA,
            &url,
            "its handshake cannot be tried without a verify token",
            "WAZAPP_META_VERIFY_TOKEN=…",
        )),
    }
    findings.push(forged(&client, &url).await);
    findings
}

fn client() -> reqwest::Result<reqwest::Client> {
    // Meta follows no redirect either.
    crate::outside::http().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()
}

/// Whether a callback proves itself to Meta with this word; if not, why not and what mends it.
pub(in crate::commands) async fn proves_itself(config: &Config, url: &str, token: &SecretString) -> Result<(), String> {
    let client = client().map_err(|error| error.to_string())?;
    let findings = match asks_callers(config) {
        true => vec![uncertified(&client, url).await],
        false => handshake(&client, url, token.expose_secret()).await,
    };
    match findings.into_iter().next() {
        Some(Finding { level: Level::Broken, says, fix, .. }) => {
            Err(format!("{url} {says}; {}", fix.unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

/// Whether only who shows a client certificate is answered.
fn asks_callers(config: &Config) -> bool {
    config.https.as_ref().is_some_and(|https| https.callers.is_some())
}

/// Only who calls with the certificate is answered, which this machine has not: that it is refused is all that can be seen from here.
async fn uncertified(client: &reqwest::Client, url: &str) -> Finding {
    let answer = match client.post(url).body("{}").send().await {
        Ok(answer) => answer,
        Err(error) => return Finding::broken(AREA, url, format!("does not answer: {}", words(error)), NOT_HERE),
    };
    let status = answer.status().as_u16();
    match answer.text().await.is_ok_and(|text| status == 403 && text.starts_with(REFUSED)) {
        true => Finding::good(AREA, url, "who shows no client certificate is refused"),
        false => {
            let says = format!("a call without a client certificate is answered {status}, not refused for it");
            Finding::broken(AREA, url, says, NOT_HERE)
        }
    }
}

/// What to do where the public URL does not lead here.
const NOT_HERE: &str =
    "see that WAZAPP_PUBLIC_URL leads to this server through the TLS proxy (docs/operate.md), with the path unchanged";

async fn handshake(client: &reqwest::Client, url: &str, token: &str) -> Vec<Finding> {
    let mut times = Vec::new();
    for nth in 0..TRIES {
        let challenge = format!("{}", 1_158_201_444 + nth);
        let query = [("hub.mode", "subscribe"), ("hub.challenge", &challenge), ("hub.verify_token", token)];
        let Ok(asked) = reqwest::Url::parse_with_params(url, query) else {
            return vec![Finding::broken(AREA, url, "is no URL", "WAZAPP_PUBLIC_URL=https://YOUR.NAME")];
        };
        let started = Instant::now();
        let answer = match client.get(asked).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let says = format!("does not answer: {}", words(error));
                return vec![Finding::broken(AREA, url, says, NOT_HERE)];
            }
        };
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        times.push(started.elapsed());
        if status != 200 || text != challenge {
            let says = format!("answers {status} to a handshake, without its challenge");
            let fix = if status == 403 {
                "restart the server, so that it knows the WAZAPP_META_VERIFY_TOKEN that is set here"
            } else {
                NOT_HERE
            };
            return vec![Finding::broken(AREA, url, says, fix)];
        }
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    let says = format!("median {} ms, from this machine; Meta wants 250 ms at most", median.as_millis());
    let answered = Finding::good(AREA, url, "answers the handshake");
    let soon = if median > MEDIAN {
        Finding::warning(AREA, "latency", says, "look for what is slow in front of wazapp: the proxy, the network")
    } else {
        Finding::good(AREA, "latency", says)
    };
    vec![answered, soon]
}

/// A body whose signature is nobody's must be refused, and changes nothing.
async fn forged(client: &reqwest::Client, url: &str) -> Finding {
    let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let nobodys = format!("sha256={}", "0".repeat(64));
    let request = client.post(url).header("content-type", "application/json").header(signature::HEADER, nobodys);
    match request.body(body).send().await.map(|answer| answer.status().as_u16()) {
        Ok(401) => Finding::good(AREA, "signatures", "a forged one is refused"),
        Ok(status @ 200..=299) => {
            let says = format!("a forged one is answered {status}: something else than wazapp answers there");
            Finding::broken(AREA, "signatures", says, NOT_HERE)
        }
        Ok(status) => {
            Finding::broken(AREA, "signatures", format!("a forged one is answered {status}, not 401"), NOT_HERE)
        }
        Err(error) => Finding::broken(AREA, "signatures", format!("no answer to a POST: {}", words(error)), NOT_HERE),
    }
}

/// What broke, to the innermost cause, without the URL: it has the verify token in it.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}
