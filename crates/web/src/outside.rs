//! The way out of this room: HTTP calls to whoever is no Meta.

/// Clients of the identity provider. No proxy stands between.
#[expect(clippy::disallowed_methods, reason = "the one place where pages begin an HTTP client")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}
