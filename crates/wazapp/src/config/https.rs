//! The settings of HTTPS: a certificate in files, or one that the server gets by itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use worker::certificate::Binding;

use super::error::ConfigError;
use super::layers::Layers;
use super::parse;
use super::settings::Setting;

/// Everybody comes here first, where the server gets its certificate by itself.
const REDIRECT: &str = "[::]:80";

/// A certificate is of no more names: so says the most used authority.
const MOST_DOMAINS: usize = 100;

/// HTTPS beside plain HTTP.
#[derive(Clone, Debug)]
pub struct Https {
    /// Where its certificate comes from.
    pub certificate: CertificateSource,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where everybody is led from plain HTTP to HTTPS.
    pub redirect: Option<SocketAddr>,
    /// Whose client certificates the webhook takes; none: it asks nobody for one.
    pub callers: Option<CallersOfWebhook>,
}

/// Whose client certificates the webhook takes.
#[derive(Clone, Debug)]
pub struct CallersOfWebhook {
    /// The files of the authorities that give them.
    pub files: Vec<PathBuf>,
    /// The name that they are of.
    pub name: String,
}

/// Where a certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// From files that somebody else renews.
    Files {
        /// The certificate, and those that lead to its authority.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// From an authority that the server asks by itself.
    Acme(Acme),
}

/// What an authority is asked for, by ACME.
#[derive(Clone, Debug)]
pub struct Acme {
    /// The domains, the one that people know first.
    pub domains: Vec<String>,
    /// Whom the authority writes to.
    pub email: Option<String>,
    /// The URL of its directory.
    pub directory: String,
    /// By what an authority that makes accounts beforehand knows whose a new one is.
    pub binding: Option<Binding>,
    /// The file of the certificate by which a private authority proves itself.
    pub ca: Option<PathBuf>,
}

pub(super) fn read(said: &Layers) -> Result<Option<Https>, ConfigError> {
    refuse_contradictions(said)?;
    let path = |text: &str| Ok(PathBuf::from(text));
    let files = said.optional("tls_cert", path)?.zip(said.optional("tls_key", path)?);
    let certificate = match (files, acme(said)?) {
        (Some((cert, key)), _) => CertificateSource::Files { cert, key },
        (None, Some(acme)) => CertificateSource::Acme(acme),
        (None, None) => return Ok(None),
    };
    let (listen, redirect) =
        (said.required("https_listen", parse::listen)?, said.optional("redirect_listen", redirect)?);
    let redirect = match (redirect, &certificate) {
        (Some(said), _) => said,
        (None, CertificateSource::Acme(_)) => Some(said.required("redirect_listen", |_| parse::listen(REDIRECT))?),
        (None, CertificateSource::Files { .. }) => None,
    };
    let files = said.list("webhook_client_ca", |path| match path.is_empty() {
        true => Err("names no file: leave the comma out".to_owned()),
        false => Ok(PathBuf::from(path)),
    })?;
    let name = said.required("webhook_client_name", domain)?;
    let callers = (!files.is_empty()).then_some(CallersOfWebhook { files, name });
    Ok(Some(Https { certificate, listen, redirect, callers }))
}

fn acme(said: &Layers) -> Result<Option<Acme>, ConfigError> {
    let mut domains: Vec<String> = Vec::new();
    for domain in said.list("domain", domain)? {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    if domains.is_empty() {
        return Ok(None);
    }
    if domains.len() > MOST_DOMAINS {
        said.refuse(
            "domain",
            &format!("more than {MOST_DOMAINS} domains: a certificate is of no more, leave some out"),
        )?;
    }
    Ok(Some(Acme {
        domains,
        email: said.optional("acme_email", email)?,
        directory: said.required("acme_directory", directory)?,
        binding: said
            .optional("acme_eab_key_id", |id| Ok(id.to_owned()))?
            .zip(said.optional("acme_eab_key", Binding::key)?)
            .map(|(key_id, key)| Binding { key_id, key }),
        ca: said.optional("acme_ca", |text| Ok(PathBuf::from(text)))?,
    }))
}

impl Https {
    /// What the server is called where nothing else is said.
    pub(super) fn public_url(&self) -> Option<String> {
        match &self.certificate {
            CertificateSource::Acme(acme) => acme.domains.first().map(|domain| format!("https://{domain}")),
            CertificateSource::Files { .. } => None,
        }
    }
}

fn refuse_contradictions(said: &Layers) -> Result<(), ConfigError> {
    match (said.is_set("tls_cert"), said.is_set("tls_key")) {
        (true, false) => said.refuse("tls_cert", "set without tls_key: set WAZAPP_TLS_KEY too, the file of its key")?,
        (false, true) => said.refuse("tls_key", "set without tls_cert: set WAZAPP_TLS_CERT too, or unset this one")?,
        _ => {}
    }
    let (files, domain) = (said.is_set("tls_cert"), said.is_set("domain"));
    if files && domain {
        let problem = "set beside tls_cert: either the server gets its certificate by itself, so unset WAZAPP_TLS_CERT and \
                       WAZAPP_TLS_KEY, or it is in files, so unset WAZAPP_DOMAIN";
        said.refuse("domain", problem)?;
    }
    let public_url = said.text("public_url").to_ascii_lowercase();
    if files && !public_url.starts_with("https://") {
        let problem =
            "set without an https:// public_url: set WAZAPP_PUBLIC_URL to https:// and the name in the certificate";
        said.refuse("tls_cert", problem)?;
    }
    if domain && public_url.starts_with("http://") {
        let problem =
            "set beside a public_url without HTTPS: set WAZAPP_PUBLIC_URL to https:// and a domain, or unset it";
        said.refuse("domain", problem)?;
    }
    if !files && !domain {
        let problem = "set without domain and without tls_cert: a proxy that speaks HTTPS asks for the certificate itself, so unset this \
                       one; or let the server speak HTTPS by WAZAPP_DOMAIN, or WAZAPP_TLS_CERT and WAZAPP_TLS_KEY";
        said.refuse("webhook_client_ca", problem)?;
        let problem = "set without domain and without tls_cert: set WAZAPP_DOMAIN, or WAZAPP_TLS_CERT and WAZAPP_TLS_KEY, or unset \
                       this one";
        if said.text("redirect_listen") != "none" {
            said.refuse("redirect_listen", problem)?;
        }
        if is_other(said, "https_listen") {
            said.refuse("https_listen", problem)?;
        }
    }
    if !said.is_set("webhook_client_ca") && is_other(said, "webhook_client_name") {
        let problem = "set without webhook_client_ca: set WAZAPP_WEBHOOK_CLIENT_CA too, the file of its authority, or unset this one";
        said.refuse("webhook_client_name", problem)?;
    }
    match (said.is_set("acme_eab_key_id"), said.is_set("acme_eab_key")) {
        (true, false) => {
            said.refuse("acme_eab_key_id", "set without acme_eab_key: set WAZAPP_ACME_EAB_KEY too, or unset this one")?
        }
        (false, true) => said
            .refuse("acme_eab_key", "set without acme_eab_key_id: set WAZAPP_ACME_EAB_KEY_ID too, or unset this one")?,
        _ => {}
    }
    if !domain {
        for key in ["acme_email", "acme_directory", "acme_ca", "acme_eab_key_id", "acme_eab_key"] {
            if is_other(said, key) {
                said.refuse(key, "set without domain: set WAZAPP_DOMAIN too, or unset this one")?;
            }
        }
    }
    Ok(())
}

/// Whether something else is said than the manual names as the default.
fn is_other(said: &Layers, key: &'static str) -> bool {
    Setting::named(key).is_none_or(|setting| setting.default != said.text(key))
}

fn redirect(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "none" => Ok(None),
        text => parse::listen(text).map(Some).map_err(|problem| format!("{problem}; or none")),
    }
}

/// A name that an authority may prove over HTTP or TLS, as DNS has it.
fn domain(text: &str) -> Result<String, String> {
    if text.contains('*') {
        return Err(format!(
            "\"{text}\" is a wildcard: an authority proves it by DNS alone, which is not supported. Name each domain, or put a \
             certificate in files (WAZAPP_TLS_CERT)"
        ));
    }
    let problem = || format!("\"{text}\" is no domain: write only its name, like wa.example.com");
    // Without scheme, port, path and the like; what comes back is in ASCII, as DNS has it.
    if text.is_empty() || text.contains(['/', ':', '@', '?', '#', '[', '\\', '%']) || text.contains(char::is_whitespace)
    {
        return Err(problem());
    }
    let url = reqwest::Url::parse(&format!("https://{}/", text.trim_end_matches('.'))).map_err(|_| problem())?;
    let name = url.domain().ok_or_else(|| format!("\"{text}\" is an IP address: write a domain that leads to it"))?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match name.len() <= 253 && name.contains('.') && name.split('.').all(is_label) {
        true => Ok(name.to_owned()),
        false => Err(problem()),
    }
}

fn email(text: &str) -> Result<String, String> {
    let parts = text.split_once('@').is_some_and(|(whose, host)| !whose.is_empty() && host.contains('.'));
    let plain = text.len() <= 254
        && text.is_ascii()
        && !text.contains(|char: char| char.is_whitespace() || ",?&<>".contains(char));
    match parts && plain && text.matches('@').count() == 1 {
        true => Ok(text.to_owned()),
        false => Err(format!("\"{text}\" is no e-mail address: write like admin@example.com")),
    }
}

/// Only on this machine may an authority do without HTTPS.
fn directory(text: &str) -> Result<String, String> {
    let problem = || format!("\"{text}\" is not the URL of an ACME directory: write https:// and its address");
    parse::http_url(text).map_err(|_| problem())?;
    let url = reqwest::Url::parse(text).map_err(|_| problem())?;
    let is_here = url.host_str().is_some_and(|host| ["127.0.0.1", "[::1]", "localhost"].contains(&host));
    match url.scheme() == "https" || is_here {
        // As it is compared: scheme and host in small letters.
        true => Ok(url.into()),
        false => Err(problem()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_name_as_dns_has_it() {
        for (text, name) in [
            ("wa.example.com", "wa.example.com"),
            ("WA.Example.com.", "wa.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(domain(text).as_deref(), Ok(name));
        }
        let long = format!("{}.example.com", "a".repeat(64));
        for text in
            ["", "localhost", "a b.com", "https://a.com", "a.com:443", "a.com/x", "-a.com", "a_b.com", "a..com", &long]
        {
            assert!(domain(text).is_err_and(|problem| problem.contains("is no domain")), "{text}");
        }
        for text in ["192.0.2.7", "0x7f.1", "2130706433"] {
            assert!(domain(text).is_err_and(|problem| problem.contains("IP address")), "{text}");
        }
        assert!(domain("*.example.com").is_err_and(|problem| problem.contains("WAZAPP_TLS_CERT")));
    }

    #[test]
    fn whom_an_authority_writes_to_is_an_address() {
        assert!(email("admin@example.com").is_ok());
        for text in ["admin", "@example.com", "a@b", "a@b@c.org", "a b@c.org", "a@c.org,b@c.org", "a@c.org?x=1"] {
            assert!(email(text).is_err(), "{text}");
        }
        assert!(directory("https://ca.example.org/dir").is_ok() && directory("http://127.0.0.1:1/dir").is_ok());
        assert!(directory("http://ca.example.org/dir").is_err() && directory("ca.example.org").is_err());
    }
}
