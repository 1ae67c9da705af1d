//! The certificate of HTTPS: readable, of our name, and not about to end.

use jiff::Timestamp;
use web::serve::Certificate;

use super::finding::Finding;
use crate::certificate::{Files, LITTLE};
use crate::config::Config;

const AREA: &str = "HTTPS";

pub(super) fn check(config: &Config, public_url: &str, now: Timestamp) -> Vec<Finding> {
    let Some(https) = &config.https else { return Vec::new() };
    match Files::from(https).read() {
        Ok(certificate) => vec![name(&certificate, public_url), end(&certificate, now)],
        Err(error) => {
            let fix = "write both files anew, as whoever made the certificate gave them: the server's own first, its chain behind it";
            vec![Finding::broken(AREA, "tls_cert", format!("{error:#}"), fix)]
        }
    }
}

fn name(certificate: &Certificate, public_url: &str) -> Finding {
    let url = reqwest::Url::parse(public_url).ok();
    let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default().trim_matches(['[', ']']);
    if certificate.is_of(host) {
        return Finding::good(AREA, "name", host);
    }
    let says = format!("the certificate is of {}, not of {host}: nobody takes it", certificate.names().join(", "));
    Finding::broken(
        AREA,
        "name",
        says,
        "a certificate of that name, or WAZAPP_PUBLIC_URL=https:// and a name in the certificate",
    )
}

fn end(certificate: &Certificate, now: Timestamp) -> Finding {
    let until = certificate.not_after();
    let fix = "renew it where it comes from; the server reads the new files within seconds";
    if until <= now {
        return Finding::broken(AREA, "end", format!("ended at {until}: Meta and browsers refuse it"), fix);
    }
    if until.duration_since(now) < LITTLE {
        return Finding::warning(AREA, "end", format!("ends at {until}, and was not renewed"), fix);
    }
    Finding::good(AREA, "end", format!("holds until {until}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_nobody_takes_is_broken() {
        let made = rcgen::generate_simple_self_signed(["wa.example.org".to_owned()]).expect("a certificate");
        let certificate =
            Certificate::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes());
        let certificate = certificate.expect("a pair");
        assert_eq!(name(&certificate, "https://wa.example.org").level, Level::Good);
        assert_eq!(name(&certificate, "https://else.example.org").level, Level::Broken);
        let until = certificate.not_after();
        assert_eq!(end(&certificate, until).level, Level::Broken);
        assert_eq!(end(&certificate, until - LITTLE / 2).level, Level::Warning);
        assert_eq!(end(&certificate, until - LITTLE * 2).level, Level::Good);
    }
}
