//! Cookies: over HTTPS under a name that only this host can set, and that no script reads.
//! <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use jiff::SignedDuration;
use model::user::Language;
use secrecy::{ExposeSecret, SecretString};

use crate::State;

/// Holds a session.
const SESSION: &str = "wazapp";

/// Holds that somebody signed in here before.
const DEVICE: &str = "wazapp-device";

/// Holds in which language its owner reads.
const LANGUAGE: &str = "wazapp-language";

/// Holds what a browser is asked for when it comes back from the identity provider.
const FLOW: &str = "wazapp-flow";

const HOST: &str = "__Host-";

/// What the session's cookie is called over HTTPS.
pub(crate) fn session_name() -> String {
    format!("{HOST}{SESSION}")
}

/// What is chosen once is kept for long.
pub(crate) const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The session that a request carries. With two of them nobody could say who asks.
pub(crate) fn session(headers: &HeaderMap) -> Option<SecretString> {
    one(headers, SESSION).map(SecretString::from)
}

/// What this browser holds of earlier sign-ins.
pub(crate) fn device(headers: &HeaderMap) -> Option<String> {
    one(headers, DEVICE)
}

/// Sets the session for as long as it can last.
pub(crate) fn set_session(state: &State, session: &SecretString) -> HeaderValue {
    set(state, SESSION, session.expose_secret(), model::session::LONGEST)
}

/// Forgets the session.
pub(crate) fn forget_session(state: &State) -> HeaderValue {
    set(state, SESSION, "", SignedDuration::ZERO)
}

/// Notes that somebody signed in here.
pub(crate) fn set_device(state: &State, device: &str) -> HeaderValue {
    set(state, DEVICE, device, SignedDuration::from_hours(400 * 24))
}

/// Notes in which language somebody reads.
pub(crate) fn set_language(state: &State, language: Language) -> HeaderValue {
    set(state, LANGUAGE, language.word(), YEAR)
}

/// Keeps a flow for as long as it holds. It arrives with the answer: `Lax` lets cookies come along where a page of somebody
/// else's leads here.
pub(crate) fn set_flow(state: &State, flow: &str) -> HeaderValue {
    set(state, FLOW, flow, model::provider_account::FLOW_HOLDS)
}

/// The flow that a browser keeps.
pub(crate) fn flow(headers: &HeaderMap) -> Option<String> {
    one(headers, FLOW)
}

/// Forgets the flow.
pub(crate) fn forget_flow(state: &State) -> HeaderValue {
    set(state, FLOW, "", SignedDuration::ZERO)
}

/// The language that was noted.
pub(crate) fn language(headers: &HeaderMap) -> Option<Language> {
    one(headers, LANGUAGE).as_deref().and_then(Language::of)
}

fn set(state: &State, name: &str, value: &str, holds: SignedDuration) -> HeaderValue {
    keep(state.public_url.starts_with("https://"), name, value, holds)
}

/// A cookie that is kept for so long.
pub(crate) fn keep(is_https: bool, name: &str, value: &str, holds: SignedDuration) -> HeaderValue {
    let (prefix, secure) = if is_https { (HOST, "; Secure") } else { ("", "") };
    let text = format!("{prefix}{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", holds.as_secs());
    let mut value = HeaderValue::try_from(text).expect("our own values are plain ASCII");
    value.set_sensitive(true);
    value
}

/// The one value of a cookie, by its name over HTTPS or without.
pub(crate) fn one(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (called, value) = pair.trim().split_once('=')?;
        (called.strip_prefix(HOST).unwrap_or(called) == name && !value.is_empty()).then_some(value)
    });
    match (values.next(), values.next()) {
        (Some(only), None) => Some(only.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        session(&headers).map(|session| session.expose_secret().to_owned())
    }

    #[test]
    fn a_session_is_the_one_of_its_name() {
        assert_eq!(read(&["wazapp=a"]).as_deref(), Some("a"));
        assert_eq!(read(&["theme=dark; __Host-wazapp=a"]).as_deref(), Some("a"));
        assert_eq!(read(&["theme=dark", "wazapp=a"]).as_deref(), Some("a"));
        for none in [
            &[][..],
            &["wazapp="],
            &["wazapp=a; wazapp=b"],
            &["__Host-wazapp=a; wazapp=b"],
            &["wazapp2=a"],
            &["wazapp"],
        ] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }
}
