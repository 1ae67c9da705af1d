//! The certificate of HTTPS: readable, of our name, and not about to end.

use jiff::{SignedDuration, Timestamp};
use web::serve::{CallerAuthority, Certificate};

use super::Examination;
use super::dates;
use super::finding::Finding;
use crate::certificate::acme::Examined;
use crate::certificate::{CallerFiles, Files, LITTLE};
use crate::config::{Acme, CertificateSource, Config};

const AREA: &str = "HTTPS";

/// One in files.
pub(super) fn check(config: &Config, public_url: &str, now: Timestamp) -> Vec<Finding> {
    let Some(CertificateSource::Files { cert, key }) = config.https.as_ref().map(|https| &https.certificate) else {
        return Vec::new();
    };
    match Files::new(cert, key).read() {
        Ok(certificate) => {
            let fix = "renew it where it comes from; the server reads the new files within seconds";
            vec![name(&certificate, public_url), end(&certificate, now, LITTLE, fix)]
        }
        Err(error) => {
            let fix = "write both files anew, as whoever made the certificate gave them: the server's own first, its chain behind it";
            vec![Finding::broken(AREA, "tls_cert", format!("{error:#}"), fix)]
        }
    }
}

/// The name that Meta's client certificates are of.
const OF_META: &str = "client.webhooks.fbclientcerts.com";

/// An authority of webhooks' callers is changed well before its end: whoever calls does so too.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The authorities of webhooks' callers.
pub(super) fn callers(config: &Config, now: Timestamp) -> Vec<Finding> {
    let Some(callers) = config.https.as_ref().and_then(|https| https.callers.as_ref()) else { return Vec::new() };
    match CallerFiles::new(&callers.files, &callers.name).read() {
        Ok(read) => {
            let authorities = read.authorities();
            let names = authorities.iter().map(|authority| authority.name.as_str());
            let changed = (callers.name == OF_META).then(|| dates::client_certificate(names, now)).flatten();
            authorities.iter().map(|authority| caller_authority(authority, now)).chain(changed).collect()
        }
        Err(error) => {
            let fix = "write the file anew, with the certificates (PEM) of the authorities that give callers theirs";
            vec![Finding::broken(AREA, "webhook_client_ca", format!("{error:#}"), fix)]
        }
    }
}

fn caller_authority(authority: &CallerAuthority, now: Timestamp) -> Finding {
    let CallerAuthority { name, not_after } = authority;
    let fix = "see whether Meta gives client certificates by another authority now (mTLS for webhooks in its documentation); name both \
               files in WAZAPP_WEBHOOK_CLIENT_CA while it changes";
    match not_after.duration_since(now) {
        left if left <= SignedDuration::ZERO => {
            Finding::warning(AREA, "webhook_client_ca", format!("{name} ended at {not_after}"), fix)
        }
        left if left < SOON => Finding::warning(AREA, "webhook_client_ca", format!("{name} ends at {not_after}"), fix),
        _ => Finding::good(AREA, "webhook_client_ca", format!("{name} holds until {not_after}")),
    }
}

/// One that the server gets by itself.
pub(super) async fn got(examination: &Examination<'_>) -> anyhow::Result<Vec<Finding>> {
    let config = examination.config;
    let Some(CertificateSource::Acme(acme)) = config.https.as_ref().map(|https| &https.certificate) else {
        return Ok(Vec::new());
    };
    let examined = Examined::read(&examination.database, &examination.keyring, acme, examination.now).await?;
    Ok(standing(&examined, acme, &examination.public_url, examination.now))
}

fn standing(examined: &Examined, acme: &Acme, public_url: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &examined.certificate {
        Some(Err(why)) => {
            let says = format!("the one that the database has cannot be read: {why}");
            let fix = "give the server the key that it was sealed with (WAZAPP_MASTER_KEY); or, where that is lost, DELETE FROM \
                       wazapp.certificate: it gets another one";
            findings.push(Finding::broken(AREA, "certificate", says, fix));
        }
        Some(Ok(certificate)) => {
            let third = certificate.not_after().duration_since(certificate.not_before()) / 3;
            let fix = "see why renewing fails, below and in the server's log; see that a server runs";
            findings.extend([name(certificate, public_url), end(certificate, now, third / 2, fix)]);
            let missing: Vec<&str> =
                acme.domains.iter().map(String::as_str).filter(|domain| !certificate.is_of(domain)).collect();
            if !missing.is_empty() {
                let says = format!("the certificate is not of {} yet", missing.join(", "));
                findings.push(Finding::warning(
                    AREA,
                    "domains",
                    says,
                    "wait for the next certificate, or see below why there is none",
                ));
            }
        }
        None => {
            let says = format!("there is no certificate of {} yet: nobody comes to HTTPS", acme.domains.join(", "));
            let fix = "run `wazapp serve`: it asks for one by itself; where it has failed, the reason is below";
            findings.push(Finding::broken(AREA, "certificate", says, fix));
        }
    }
    if let Some((at, failure)) = &examined.failed {
        let again = examined.again_at.map(|at| format!("; it is tried again at {at}")).unwrap_or_default();
        let says = format!("{failure}, at {at}{again}");
        findings.push(Finding::warning(AREA, "last attempt", says, failure.reason.fix()));
    }
    findings
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

fn end(certificate: &Certificate, now: Timestamp, little: SignedDuration, fix: &str) -> Finding {
    let until = certificate.not_after();
    if until <= now {
        return Finding::broken(AREA, "end", format!("ended at {until}: Meta and browsers refuse it"), fix);
    }
    if until.duration_since(now) < little {
        return Finding::warning(AREA, "end", format!("ends at {until}, and was not renewed"), fix);
    }
    Finding::good(AREA, "end", format!("holds until {until}"))
}

#[cfg(test)]
mod tests {
    use model::certificate::failure::{Failure, Reason};

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
        assert_eq!(end(&certificate, until, LITTLE, "renew it").level, Level::Broken);
        assert_eq!(end(&certificate, until - LITTLE / 2, LITTLE, "renew it").level, Level::Warning);
        assert_eq!(end(&certificate, until - LITTLE * 2, LITTLE, "renew it").level, Level::Good);
    }

    #[test]
    fn an_authority_of_callers_is_changed_before_it_ends() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        let level = |left| {
            let authority = CallerAuthority { name: "CN=Meta".to_owned(), not_after: now + left };
            let finding = caller_authority(&authority, now);
            assert!(finding.says.contains("CN=Meta"));
            finding.level
        };
        assert_eq!(level(SOON * 2), Level::Good);
        assert_eq!(level(SOON / 2), Level::Warning);
        assert_eq!(level(-SOON), Level::Warning);
    }

    #[test]
    fn one_that_the_server_gets_says_what_went_wrong_and_whose_move_it_is() {
        let acme = Acme {
            domains: vec!["wa.example.org".to_owned(), "b.example.org".to_owned()],
            email: None,
            binding: None,
            directory: "https://ca.example.org/dir".to_owned(),
            ca: None,
        };
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        let failure = Failure::new(Reason::Connection, Some("b.example.org".to_owned()), "refused");
        let mut examined = Examined { certificate: None, failed: Some((now, failure)), again_at: Some(now) };
        let findings = standing(&examined, &acme, "https://wa.example.org", now);
        assert_eq!(findings.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Broken, Level::Warning]);
        assert!(findings[1].says.contains("b.example.org") && findings[1].says.contains("tried again"));
        assert!(findings[1].fix.as_deref().is_some_and(|fix| fix.contains("80 and 443")));
        let made = rcgen::generate_simple_self_signed(["wa.example.org".to_owned()]).expect("a certificate");
        let pem = (made.cert.pem(), made.signing_key.serialize_pem());
        examined.certificate = Some(Err("it is sealed by another key".to_owned()));
        let findings = standing(&examined, &acme, "https://wa.example.org", now);
        assert_eq!(findings[0].level, Level::Broken);
        assert!(findings[0].says.contains("another key") && findings[0].says.contains("cannot be read"));
        examined.certificate =
            Some(Certificate::from_pem(pem.0.as_bytes(), pem.1.as_bytes()).map_err(|_| String::new()));
        examined.failed = None;
        let findings = standing(&examined, &acme, "https://wa.example.org", now);
        let levels: Vec<Level> = findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Good, Level::Good, Level::Warning], "one domain is missing");
    }
}
