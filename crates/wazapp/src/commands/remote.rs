//! What commands are told that call a running server with a key: where it is, and their secrets. Other users of a machine see
//! a process's arguments, so secrets stand in variables or files.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use reqwest::Url;
use secrecy::SecretString;

/// The address of a server, without a path; `said_by` names where it was said. What is no address may hold a secret, and is
/// not repeated.
pub(super) fn address(text: &str, said_by: &str) -> anyhow::Result<Url> {
    let mut url: Url =
        text.parse().ok().with_context(|| format!("{said_by} is not a URL like https://wa.example.com"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        bail!("{said_by} must begin with https:// or http://, and name a server");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        bail!("{said_by} is the server's address alone: the key goes into a variable or a file");
    }
    if !matches!(url.path(), "/" | "/api/v1" | "/api/v1/") {
        bail!("{said_by} is the address of a wazapp server alone, such as https://wa.example.com: leave out its path");
    }
    url.set_path("");
    Ok(url)
}

/// Whether what is said to a server can be read on its way.
fn is_in_the_clear(url: &Url) -> bool {
    // An address in its usual form, a name in small letters: a parsed URL has them so.
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && !is_here
}

/// Tells whoever started this that others on the way read along.
pub(super) fn warn_in_the_clear(url: &Url) {
    if is_in_the_clear(url) {
        eprintln!("the key and the messages go to {url} unencrypted: use https:// unless that network is yours alone");
    }
}

/// A secret: what its variable says, or what a file holds. `None`: neither is said.
pub(super) fn secret(
    variable: &str,
    said: Option<String>,
    file: Option<PathBuf>,
) -> anyhow::Result<Option<SecretString>> {
    let text = match (said, file) {
        (Some(_), Some(_)) => bail!("both {variable} and a file with the same are said: leave one out"),
        (Some(text), None) => text,
        (None, Some(file)) => std::fs::read_to_string(&file)
            .with_context(|| format!("the file in place of {variable}, {}, cannot be read", file.display()))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_url_is_the_address_of_a_server() {
        for good in ["https://wa.example.com", "https://wa.example.com/api/v1", "HTTPS://wa.example.com/api/v1/"] {
            assert_eq!(address(good, "--url").unwrap().as_str(), "https://wa.example.com/", "{good}");
        }
        for (url, says) in [
            ("wa.example.com", "not a URL"),
            ("wz_key", "not a URL"),
            ("ftp://wa.example.com", "must begin with"),
            ("https://wz_key@wa.example.com", "the key goes into"),
            ("https://wa.example.com/?key=wz_key", "the key goes into"),
            ("https://wa.example.com/#wz_key", "the key goes into"),
            ("https://wa.example.com/mcp", "leave out its path"),
        ] {
            let said = format!("{:#}", address(url, "--url").unwrap_err());
            assert!(said.contains(says) && said.contains("--url") && !said.contains("wz_key"), "{url}: {said}");
        }
    }

    /// Went wrong: `HTTP://` was taken for encrypted, and 127.evil.example for this machine.
    #[test]
    fn what_can_be_read_on_its_way_is_told() {
        let clear = |url: &str| is_in_the_clear(&address(url, "--url").unwrap());
        for url in [
            "http://wa.example.com",
            "HTTP://wa.example.com",
            "http://127.evil.example",
            "http://localhost.evil.example",
        ] {
            assert!(clear(url), "{url}");
        }
        for url in [
            "https://wa.example.com",
            "http://127.0.0.1:8080",
            "http://127.1",
            "http://[::1]:8080",
            "http://LOCALHOST:8080",
            "http://[0:0::1]",
        ] {
            assert!(!clear(url), "{url}");
        }
    }

    #[test]
    fn a_secret_is_said_in_one_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "wz_1\n").unwrap();
        let path = Some(file.path().to_owned());
        let read = |said: Option<&str>, file| secret("WAZAPP_API_KEY", said.map(str::to_owned), file);
        for found in [read(Some(" wz_1 "), None), read(None, path.clone())] {
            assert_eq!(found.unwrap().unwrap().expose_secret(), "wz_1");
        }
        assert!(read(None, None).unwrap().is_none());
        assert!(read(Some("wz_1"), path).is_err() && read(None, Some("/nonexistent".into())).is_err());
    }
}
