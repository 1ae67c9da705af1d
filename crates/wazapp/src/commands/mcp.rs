//! `wazapp mcp`: the tools of `/mcp` on standard input and output, for an assistant on this machine. It asks a running server's
//! API, here or elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use model::Clock;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use rmcp::ServiceExt;
use rmcp::transport::stdio_pipes;
use secrecy::{ExposeSecret, SecretString};
use web::mcp::{Answer, Api, Ask, BASE, LONGEST_ANSWER, MCP, Me, NoAnswer, Tools, VIA};

use super::remote;
use crate::config::Config;
use crate::outside;
use crate::serve::Signals;
use crate::telemetry;

/// The variables that hold the key, or name its file. No flag does: others see a process's arguments.
pub(crate) const KEY_VARIABLE: &str = "WAZAPP_API_KEY";
pub(crate) const KEY_FILE_VARIABLE: &str = "WAZAPP_API_KEY_FILE";

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, Args)]
#[command(
    after_help = "The key of an organization (`wazapp key create`) is read from WAZAPP_API_KEY, or from the file that \
                        --key-file or WAZAPP_API_KEY_FILE names. docs/mcp.md says how assistants are connected."
)]
pub(crate) struct Mcp {
    /// The server, such as https://wa.example.com [default: what others call the server of this configuration].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A file with the API key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Serves until standard input ends, or somebody stops it. Standard output is the protocol's alone.
pub(crate) async fn run(config: &Config, mcp: &Mcp) -> anyhow::Result<()> {
    telemetry::log(config);
    let mut signals = Signals::new()?;
    let (url, said_by) = match &mcp.url {
        Some(url) => (url.clone(), "--url"),
        None => (config.public_url(config.listen), "WAZAPP_PUBLIC_URL"),
    };
    let (url, key) = (remote::address(&url, said_by)?, key(mcp)?);
    remote::warn_in_the_clear(&url);
    let server = Server::new(url, key)?;
    tokio::select! {
        served = serve(server) => served,
        () = signals.any() => Ok(()),
    }
}

async fn serve(server: Server) -> anyhow::Result<()> {
    if let Err(wrong) = Me::ask(&server).await {
        bail!("{}", wrong.words());
    }
    match Tools::new(server, Clock::default()).serve(stdio_pipes()).await {
        Ok(service) => _ = service.waiting().await?,
        // Whoever looks whether it starts, and closes standard input at once, did nothing wrong.
        Err(ended) => tracing::debug!(%ended, "no client began"),
    }
    Ok(())
}

fn key(mcp: &Mcp) -> anyhow::Result<SecretString> {
    let said = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let file = mcp.key_file.clone().or_else(|| said(KEY_FILE_VARIABLE).map(PathBuf::from));
    remote::secret(KEY_VARIABLE, said(KEY_VARIABLE), file)?.with_context(|| {
        format!(
            "there is no API key: put one into {KEY_VARIABLE}, or name its file with --key-file; `wazapp key create` makes it"
        )
    })
}

/// The API of a running server, for the holder of a key.
#[derive(Debug)]
struct Server {
    url: Url,
    key: SecretString,
    client: Client,
}

impl Server {
    fn new(url: Url, key: SecretString) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", key.expose_secret());
        let mut authorization =
            HeaderValue::try_from(bearer).ok().context("the API key has characters that no key has: copy it again")?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(VIA, HeaderValue::from_static(MCP));
        // The key is for this server and no other.
        let client = outside::http().redirect(Policy::none()).default_headers(headers);
        let client = client.connect_timeout(CONNECT_WITHIN).timeout(ANSWERED_WITHIN).build()?;
        Ok(Self { url, key, client })
    }

    fn request(&self, ask: &Ask) -> Result<RequestBuilder, NoAnswer> {
        let url = self.url.join(&format!("{BASE}{}", ask.path)).map_err(|error| NoAnswer(error.to_string()))?;
        let mut request = self.client.request(ask.method.clone(), url);
        if let Some(key) = &ask.idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        Ok(match &ask.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        })
    }

    async fn read(mut answer: Response) -> Result<Answer, NoAnswer> {
        let status = answer.status();
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(none)? {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(NoAnswer(format!("it is longer than {LONGEST_ANSWER} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer::new(status, location, &body))
    }
}

impl Api for Server {
    async fn ask(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        let answer = self.request(ask)?.send().await.map_err(none)?;
        Self::read(answer).await
    }

    fn key(&self) -> &SecretString {
        &self.key
    }
}

/// Why there is no answer: what lies under the error, without the address, in which somebody's words may stand.
fn none(error: reqwest::Error) -> NoAnswer {
    let error = anyhow::Error::new(error.without_url());
    NoAnswer(format!("{error:#}"))
}
