//! The way out of this process: HTTP calls to wazapp's API.

/// A client that carries a key: it goes to the named server alone, by no proxy and no redirect.
#[expect(clippy::disallowed_methods, reason = "the one place where this crate begins an HTTP client")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}
