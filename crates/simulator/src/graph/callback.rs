//! Callbacks that callers name: what Meta takes before it asks them to prove themselves (§2.1, §2.6).

use std::net::IpAddr;

use reqwest::Url;

use super::call::missing;
use crate::error::GraphError;
use crate::world::Callback;

/// The longest URL of an override, in characters (§2.3).
const LONGEST_OVERRIDE: usize = 200;

/// A callback, checked: an absolute URL with HTTPS, except on this machine, and a word that proves it.
pub(super) fn callback(param: &str, url: String, verify_token: Option<String>) -> Result<Callback, GraphError> {
    let verify_token = verify_token.filter(|word| !word.is_empty()).ok_or_else(|| missing("verify_token"))?;
    let read = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let read = read.ok_or_else(|| refused(param, "must be a valid URL"))?;
    if read.scheme() == "http" && !on_this_machine(&read) {
        return Err(refused(param, "must be an https URL"));
    }
    Ok(Callback { url, verify_token })
}

/// The callback of an override, which is also short.
pub(super) fn overriding(url: String, verify_token: Option<String>) -> Result<Callback, GraphError> {
    if url.chars().count() > LONGEST_OVERRIDE {
        return Err(refused("override_callback_uri", "must be at most 200 characters long"));
    }
    callback("override_callback_uri", url, verify_token)
}

fn on_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn refused(param: &str, why: &str) -> GraphError {
    GraphError::of(100).message(format!("(#100) Param {param} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        let taken = |url: &str| overriding(url.into(), Some("word".into())).is_ok();
        assert!(taken("https://example.com/webhook"));
        assert!(taken("http://127.0.0.1:8080/webhook"));
        assert!(taken("http://[::1]:8080/webhook"));
        assert!(taken("http://localhost/webhook"));
        assert!(!taken("http://example.com/webhook"));
        assert!(!taken("/webhook"));
        assert!(!taken(&format!("https://example.com/{}", "a".repeat(200))));
        assert!(overriding("https://example.com/webhook".into(), None).is_err());
    }
}
