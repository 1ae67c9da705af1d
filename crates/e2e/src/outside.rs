//! What tests take from outside, where there is no [`World`](crate::World) to ask: the time, and HTTP clients.

use jiff::Timestamp;

/// The system's time. A world has its own: [`World::now`](crate::World::now).
#[expect(clippy::disallowed_methods, reason = "the one place where tests ask what time it is")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// An HTTP client of a test's own. No proxy stands between.
#[expect(clippy::disallowed_methods, reason = "the one place where tests begin an HTTP client")]
pub fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}
