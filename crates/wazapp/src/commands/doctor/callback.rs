//! The callback as Meta meets it, each App's: the handshake, a signature that is not Meta's, and how soon it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::app::Credentials;
use secrecy::{ExposeSecret, SecretString};
use web::webhook::REFUSED;
use whatsapp::signature;

use super::configuration::has_default_app;
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

/// An App's.
struct Callback {
    url: String,
    verify_token: Option<SecretString>,
    /// What gives it a verify token.
    fix: String,
}

/// The default App's, unless all Apps are the database's; and theirs. Of one whose secrets do not open that is said elsewhere.
fn callbacks(config: &Config, url: &str, others: &[Arc<Credentials>]) -> Vec<Callback> {
    let default = Callback {
        url: url.to_owned(),
        verify_token: config.meta_verify_token.clone(),
        fix: "WAZAPP_META_VERIFY_TOKEN=…".into(),
    };
    let default = (others.is_empty() || has_default_app(config)).then_some(default);
    let others = others.iter().filter(|app| !app.secrets.is_empty()).map(|app| Callback {
        url: format!("{url}/{}", app.id),
        verify_token: app.verify_tokens.first().cloned(),
        fix: format!("wazapp app rotate --app-id {} --verify-token -", app.id),
    });
    default.into_iter().chain(others).collect()
}

pub(super) async fn check(config: &Config, server: &Server, others: &[Arc<Credentials>]) -> Vec<Finding> {
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
    let (mut findings, mut slowest, mut unsigned) = (Vec::new(), None, Vec::new());
    let callbacks = callbacks(config, &url, others);
    for callback in &callbacks {
        match &callback.verify_token {
            Some(token) => match handshake(&client, &callback.url, token.expose_secret()).await {
                Ok(median) => {
                    findings.push(Finding::good(AREA, &callback.url, "answers the handshake"));
                    slowest = slowest.max(Some(median));
                }
                Err(finding) => findings.push(*finding),
            },
            None => {
                let says = "its handshake cannot be tried without a verify token";
                findings.push(Finding::warning(AREA, &callback.url, says, &callback.fix));
            }
        }
        unsigned.extend(forged(&client, &callback.url).await.err());
    }
    findings.extend(slowest.map(latency));
    if unsigned.is_empty() && !callbacks.is_empty() {
        findings.push(Finding::good(AREA, "signatures", "a forged one is refused"));
    }
    findings.extend(unsigned.into_iter().map(|finding| *finding));
    findings
}

fn client() -> reqwest::Result<reqwest::Client> {
    // Meta follows no redirect either.
    crate::outside::http().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()
}

/// Whether a callback proves itself to Meta with this word; if not, why not and what mends it.
pub(in crate::commands) async fn proves_itself(config: &Config, url: &str, token: &SecretString) -> Result<(), String> {
    let client = client().map_err(|error| error.to_string())?;
    let finding = match asks_callers(config) {
        true => uncertified(&client, url).await,
        false => match handshake(&client, url, token.expose_secret()).await {
            Ok(_) => return Ok(()),
            Err(finding) => *finding,
        },
    };
    match finding {
        Finding { level: Level::Broken, says, fix, .. } => Err(format!("{url} {says}; {}", fix.unwrap_or_default())),
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

/// What to do where another verify token is known there.
const ANOTHER_WORD: &str = "see that what answers there is a server of this database, which tells it an App's verify token within \
                            seconds; of the WAZAPP_META_VERIFY_TOKEN that is set here it knows once it is restarted";

/// How long it takes it to prove itself; else what is broken.
async fn handshake(client: &reqwest::Client, url: &str, token: &str) -> Result<Duration, Box<Finding>> {
    let broken = |says: String, fix: &str| Box::new(Finding::broken(AREA, url, says, fix));
    let mut times = Vec::new();
    for nth in 0..TRIES {
        let challenge = format!("{}", 1_158_201_444 + nth);
        let query = [("hub.mode", "subscribe"), ("hub.challenge", &challenge), ("hub.verify_token", token)];
        let Ok(asked) = reqwest::Url::parse_with_params(url, query) else {
            return Err(broken("is no URL".into(), "WAZAPP_PUBLIC_URL=https://YOUR.NAME"));
        };
        let started = Instant::now();
        let answer = match client.get(asked).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(broken(format!("does not answer: {}", words(error)), NOT_HERE)),
        };
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        times.push(started.elapsed());
        if status != 200 || text != challenge {
            let says = format!("answers {status} to a handshake, without its challenge");
            return Err(broken(says, if status == 403 { ANOTHER_WORD } else { NOT_HERE }));
        }
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn latency(median: Duration) -> Finding {
    let says = format!("median {} ms, from this machine; Meta wants 250 ms at most", median.as_millis());
    if median > MEDIAN {
        return Finding::warning(
            AREA,
            "latency",
            says,
            "look for what is slow in front of wazapp: the proxy, the network",
        );
    }
    Finding::good(AREA, "latency", says)
}

/// A body whose signature is nobody's must be refused, and changes nothing.
async fn forged(client: &reqwest::Client, url: &str) -> Result<(), Box<Finding>> {
    let broken = |says: String| Err(Box::new(Finding::broken(AREA, url, says, NOT_HERE)));
    let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let nobodys = format!("sha256={}", "0".repeat(64));
    let request = client.post(url).header("content-type", "application/json").header(signature::HEADER, nobodys);
    match request.body(body).send().await.map(|answer| answer.status().as_u16()) {
        Ok(401) => Ok(()),
        Ok(status @ 200..=299) => {
            broken(format!("a forged signature is answered {status}: something else than wazapp answers there"))
        }
        Ok(status) => broken(format!("a forged signature is answered {status}, not 401")),
        Err(error) => broken(format!("no answer to a POST: {}", words(error))),
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
