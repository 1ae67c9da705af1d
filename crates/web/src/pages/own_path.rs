//! Where to go on, as a form or an address says it: only ever a place of ours.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// The longest that is followed.
const LONGEST: usize = 512;

/// A path of this server, with its query. Whatever could be read as an address elsewhere is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnPath(String);

impl OwnPath {
    /// Where people land who asked for nothing else.
    pub(crate) fn inbox() -> Self {
        Self("/inbox".into())
    }

    /// Reads what somebody sent.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let fits = text.len() <= LONGEST
            && text.bytes().all(plain)
            && path.starts_with('/')
            && !path.contains("//")
            && !path.split('/').any(|part| part == "." || part == "..")
            && !path.contains(':');
        fits.then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is no path of ours leads to the inbox.
impl<'de> Deserialize<'de> for OwnPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self::read(&text).unwrap_or_else(Self::inbox))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_elsewhere() {
        for elsewhere in [
            "", "inbox", "//evil.example", "///evil.example", "////evil.example/%2f..", "/\\evil.example", "\\\\evil.example",
            "\\/evil.example", "/\\/evil.example", "https://evil.example", "https:evil.example", "http:///evil.example",
            "HTTPS://evil.example", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "/\tevil.example",
            "/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example", " //evil.example", "/ /evil.example", "\u{a0}//evil.example",
            "/.//evil.example", "/..//evil.example", "/../evil", "/./evil", "/inbox//evil.example", "/\0/evil.example",
            "?next=//evil.example", "#//evil.example", "@evil.example", "/inbox\r\nSet-Cookie: a=b", "/ñ", "/https://evil.example",
            "mailto:a@evil.example", "/:@evil.example",
        ] {
            assert_eq!(OwnPath::read(elsewhere), None, "{elsewhere:?}");
        }
        for own in ["/", "/inbox", "/settings/audit?act=keys.manage&after=12", "/inbox/0190?view=mine#m-1", "/docs?u=https://a.example"] {
            assert_eq!(OwnPath::read(own).as_ref().map(OwnPath::as_str), Some(own));
        }
        assert_eq!(OwnPath::read(&format!("/{}", "a".repeat(LONGEST))), None);
    }
}
