//! Calls to Meta's Graph API, and what came of them.
//!
//! One client, pinned to one host: a call's URL is made of the base URL and of ids that were looked at, redirects are
//! refused, and a token travels in the `Authorization` header alone. No error and no `Debug` shows a token or a URL's
//! query. What a caller must know after a call that failed is which of three things happened: Meta said no, the
//! request never left, or nobody can tell. That is [`Failure`]; [`verdict`](crate::verdict) says what to do then.

mod accounts;
mod apps;
mod blocks;
mod call;
mod callback;
mod credential;
mod download;
mod failure;
mod media;
mod messages;
mod numbers;
mod onboarding;
mod page;
mod relay;
mod scrub;
mod templates;
mod uploads;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

pub use accounts::{Override, SubscribedApp, Waba};
pub use apps::{Subscription, SubscriptionField};
pub use blocks::{Blocks, Listed, Unlisted, User};
pub use callback::HandshakeFailure;
pub use credential::Credential;
pub use download::{Download, DownloadFailure};
pub use failure::{Failure, MetaError, NotSent, Unknown};
pub use media::{MediaInfo, Upload};
pub use messages::Sent;
pub use numbers::Number;
pub use onboarding::{Granted, GranularScope, TokenInfo};
pub use relay::{Content, Relayed};
pub use templates::{CreatedTemplate, Template, TemplatePage, TemplateQuery};
pub use uploads::Sample;

/// Meta closes idle connections after a while it does not tell; one that is used in that very moment breaks, and the
/// send on it is unknown. Giving connections up first makes that rare.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name, TCP and TLS together.
    pub connect: Duration,
    /// A whole call, from the connection to the last byte of the answer.
    pub call: Duration,
    /// A whole upload of a medium.
    pub upload: Duration,
    /// A download, from one piece to the next.
    pub piece: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(30),
            upload: Duration::from_secs(300),
            piece: Duration::from_secs(30),
        }
    }
}

/// A client of the Graph API. Clones share their connections.
#[derive(Clone)]
pub struct Graph {
    client: reqwest::Client,
    /// With the version, without a slash at the end.
    base: Arc<Url>,
    timeouts: Timeouts,
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The base URL is not one.
    #[error("the Graph URL must be http(s)://host, without a user, a query or a fragment")]
    BaseUrl,
    /// The version is not one.
    #[error("the Graph version is written like v26.0")]
    Version,
    /// The HTTP client could not be made.
    #[error("the HTTP client for the Graph API could not be made: {0}")]
    Client(String),
}

impl Graph {
    /// A client for `https://graph.facebook.com`, or whatever stands in its place, and a version, as `v26.0`.
    pub fn new(base_url: &str, version: &str) -> Result<Self, SetupError> {
        Self::with_timeouts(base_url, version, Timeouts::default())
    }

    /// The same, with other timeouts.
    #[expect(clippy::disallowed_methods, reason = "the one place where clients of Meta's begin")]
    pub fn with_timeouts(base_url: &str, version: &str, timeouts: Timeouts) -> Result<Self, SetupError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // A request that is put twice may be carried out twice.
            .retry(reqwest::retry::never())
            // What a break in the middle says of a request is known for HTTP/1.1: one request, one connection.
            .http1_only()
            .connect_timeout(timeouts.connect)
            .pool_idle_timeout(IDLE_CONNECTION)
            // Meta answers downloads without a name with a page that says nothing.
            .user_agent(concat!("wazapp/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SetupError::Client(failure::words(error)))?;
        Ok(Self { client, base: Arc::new(base(base_url, version)?), timeouts })
    }
}

impl Graph {
    /// The version that calls are made in, as `v26.0`.
    pub fn version(&self) -> &str {
        self.base.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default()
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

fn base(base_url: &str, version: &str) -> Result<Url, SetupError> {
    let mut url = Url::parse(base_url).map_err(|_| SetupError::BaseUrl)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(SetupError::BaseUrl);
    }
    if !is_version(version) {
        return Err(SetupError::Version);
    }
    url.path_segments_mut().map_err(|()| SetupError::BaseUrl)?.pop_if_empty().push(version);
    Ok(url)
}

fn is_version(version: &str) -> bool {
    let digits = |word: &str| (1..=3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    let parts = version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_host_and_perhaps_a_path() {
        let made = |url: &str| base(url, "v26.0").map(String::from);
        assert_eq!(made("https://graph.facebook.com").as_deref(), Ok("https://graph.facebook.com/v26.0"));
        assert_eq!(made("https://graph.facebook.com/").as_deref(), Ok("https://graph.facebook.com/v26.0"));
        assert_eq!(made("http://127.0.0.1:8090/meta/").as_deref(), Ok("http://127.0.0.1:8090/meta/v26.0"));
        for wrong in
            ["", "graph.facebook.com", "ftp://host", "https://user@host", "https://host/?a=b", "https://host/#a"]
        {
            assert_eq!(made(wrong), Err(SetupError::BaseUrl), "{wrong}");
        }
    }

    #[test]
    fn a_version_is_written_as_meta_does() {
        assert!(is_version("v26.0") && is_version("v100.1"));
        for wrong in ["", "v", "26.0", "v26", "v26.", "v.0", "v26.0/", "v26.0.1", "../v26.0", "V26.0"] {
            assert!(!is_version(wrong), "{wrong}");
        }
    }
}
