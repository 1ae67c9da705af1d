//! The way out of this process: HTTP calls of the commands and of the demo.

/// Clients for what runs beside us, or is asked as anybody would ask it. No proxy stands between.
#[expect(clippy::disallowed_methods, reason = "the one place where commands begin an HTTP client")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}
