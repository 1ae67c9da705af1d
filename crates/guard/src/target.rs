//! A URL that may be called.

use std::net::IpAddr;

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::network::Networks;

/// The longest URL.
const LONGEST: usize = 2048;

/// A URL that an organization chose, and that may be called as far as can be told without asking for its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Url);

/// Why a URL is none that may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// It is no URL.
    #[error("is not a URL; write it whole, like https://example.com/hook")]
    NoUrl,
    /// It is too long.
    #[error("is longer than {LONGEST} characters")]
    Long,
    /// It is of another kind.
    #[error("must begin with https://")]
    NoHttps,
    /// It holds a user or a password.
    #[error("must not hold a user or a password; send them in a header instead")]
    Login,
    /// It names an address that is not public.
    #[error("names an address that is not public; an address on the public Internet is needed")]
    Private,
}

impl Target {
    /// Reads a URL. Names are not resolved here: [`crate::Guard`] does that at each call.
    pub fn read(text: &str, allowed: &Networks) -> Result<Self, NoTarget> {
        if text.len() > LONGEST {
            return Err(NoTarget::Long);
        }
        let mut url = Url::parse(text.trim()).map_err(|_| NoTarget::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NoTarget::NoHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NoTarget::Login);
        }
        url.set_fragment(None);
        if url.host_str().is_none_or(str::is_empty)
            || url.port() == Some(0)
            || HeaderValue::from_str(url.as_str()).is_err()
        {
            return Err(NoTarget::NoUrl);
        }
        let target = Self(url);
        let address = target.address();
        if address.is_some_and(|address| !allowed.admit(address)) {
            return Err(NoTarget::Private);
        }
        // In the clear only to where whoever runs the server allows it.
        let near = address.map_or_else(|| allowed.any() && target.is_local_name(), |address| allowed.contain(address));
        if target.is_plain() && !near { Err(NoTarget::NoHttps) } else { Ok(target) }
    }

    /// As it is called.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same with further parameters behind those that it has.
    pub fn with_query(&self, pairs: &[(&str, &str)]) -> Self {
        let mut url = self.0.clone();
        url.query_pairs_mut().extend_pairs(pairs);
        Self(url)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is called in the clear.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Where it names an address instead of a name: that one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let host = self.0.host_str()?;
        host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether its name is one of a machine or a private network, and may resolve to an allowed address.
    fn is_local_name(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_end_matches('.');
        let local = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];
        !host.contains('.') || local.iter().any(|end| host.ends_with(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Target, NoTarget> {
        Target::read(text, &Networks::default())
    }

    #[test]
    fn addresses_that_are_not_public_are_known_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0",
            "0.0",
            "10.1",
            "0xa000001",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "192.168.257",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "①②⑦.⓪.⓪.①",
            "１２７.０.０.１",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "127.0.0.1.",
        ] {
            for port in ["", ":80", ":8443"] {
                let url = format!("https://{host}{port}/hook");
                assert_eq!(read(&url).err(), Some(NoTarget::Private), "{url}");
            }
        }
    }

    #[test]
    fn what_is_no_such_url_is_told_why() {
        let told = [
            ("", NoTarget::NoUrl),
            ("example.com/hook", NoTarget::NoUrl),
            ("https://", NoTarget::NoUrl),
            ("https://example.com:0/", NoTarget::NoUrl),
            ("http://example.com/hook", NoTarget::NoHttps),
            ("http://8.8.8.8/", NoTarget::NoHttps),
            ("http://localhost./", NoTarget::NoHttps),
            ("ftp://example.com/", NoTarget::NoHttps),
            ("file:///etc/passwd", NoTarget::NoHttps),
            ("gopher://127.0.0.1:6379/_x", NoTarget::NoHttps),
            ("https://ana:secret@example.com/", NoTarget::Login),
            ("https://example.com@127.0.0.1/", NoTarget::Login),
        ];
        for (url, why) in told {
            assert_eq!(read(url).err(), Some(why), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        assert_eq!(read(&long).err(), Some(NoTarget::Long));
    }

    #[test]
    fn what_may_be_called_is_read() {
        let read = read("https://Example.com/a?b=c#d").unwrap();
        assert_eq!(read.as_str(), "https://example.com/a?b=c");
        assert_eq!(read.with_query(&[("hub.mode", "x y")]).as_str(), "https://example.com/a?b=c&hub.mode=x+y");
        let allowed = Networks::new(vec!["127.0.0.0/8".parse().unwrap()]);
        for near in
            ["http://127.0.0.1:9000/", "http://localhost:9000/hook", "https://[::ffff:127.0.0.1]/", "http://n8n:5678/"]
        {
            assert!(Target::read(near, &allowed).is_ok(), "{near}");
        }
        assert_eq!(Target::read("http://10.0.0.1/", &allowed).err(), Some(NoTarget::Private));
    }
}
