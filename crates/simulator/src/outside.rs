//! What the simulator takes from outside: the time it begins with, and HTTP clients.

use jiff::Timestamp;

/// The system's time.
#[expect(clippy::disallowed_methods, reason = "the one place where the simulator asks what time it is")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// HTTP clients: for webhooks, and for looking at the server.
#[expect(clippy::disallowed_methods, reason = "the one place where the simulator begins an HTTP client")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}
