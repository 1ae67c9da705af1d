//! The way out of this room: HTTP calls to whoever is neither Meta nor an organization's.

/// Clients of the authority that gives certificates, which whoever runs the server chose. No proxy stands between.
#[expect(clippy::disallowed_methods, reason = "the one place where the worker begins an HTTP client")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}
