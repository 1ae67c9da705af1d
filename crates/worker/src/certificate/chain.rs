//! What an authority gave, looked at before anybody is shown it.

use jiff::Timestamp;
use model::certificate::Issued;
use model::certificate::failure::{Failure, Reason};
use rcgen::{KeyPair, PublicKeyData};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The certificate, if it is ours: of this key and these domains, and not over.
pub(super) fn check(chain: String, key: &KeyPair, domains: &[String], now: Timestamp) -> Result<Issued, Failure> {
    let unfit = |detail: &str| Failure::new(Reason::Certificate, None, detail);
    let blocks: Result<Vec<Pem>, _> = Pem::iter_from_buffer(chain.as_bytes()).collect();
    let blocks = blocks.ok().filter(|blocks| !blocks.is_empty()).ok_or_else(|| unfit("it is no PEM"))?;
    let certificates: Result<Vec<_>, _> = blocks.iter().map(|pem| X509Certificate::from_der(&pem.contents)).collect();
    let certificates = certificates.map_err(|_| unfit("it is no certificate"))?;
    let (_, own) = &certificates[0];
    if own.public_key().raw != key.subject_public_key_info() {
        return Err(unfit("it is of another key"));
    }
    let names = own.subject_alternative_name().ok().flatten();
    let names: Vec<String> = names.map_or_else(Vec::new, |names| {
        let names = names.value.general_names.iter();
        names
            .filter_map(
                |name| if let GeneralName::DNSName(name) = name { Some(name.to_ascii_lowercase()) } else { None },
            )
            .collect()
    });
    if let Some(missing) = domains.iter().find(|domain| !names.contains(domain)) {
        return Err(Failure::new(Reason::Certificate, Some(missing.clone()), "it is of other domains"));
    }
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let (not_before, not_after) = (at(own.validity().not_before), at(own.validity().not_after));
    let (Some(not_before), Some(not_after)) = (not_before, not_after) else { return Err(unfit("it holds at no time")) };
    if not_after <= now || not_after <= not_before {
        return Err(unfit("it is over already"));
    }
    Ok(Issued { chain, key: key.serialize_pem().into(), not_before, not_after })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn only_what_is_ours_is_taken() {
        let domains = ["a.example.org".to_owned(), "b.example.org".to_owned()];
        let made = rcgen::generate_simple_self_signed(domains.clone()).expect("a certificate");
        let (chain, key) = (made.cert.pem(), made.signing_key);
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        let taken = check(chain.clone(), &key, &domains, now).expect("it is ours");
        assert_eq!(taken.chain, chain);
        let other = KeyPair::generate().expect("a key");
        let refused = |chain: &str, key, domains: &[String], now| {
            let failure = check(chain.to_owned(), key, domains, now).expect_err("it is not ours");
            assert_eq!(failure.reason, Reason::Certificate);
            failure.to_string()
        };
        assert!(refused(&chain, &other, &domains, now).contains("another key"));
        assert!(refused(&chain, &key, &["c.example.org".to_owned()], now).contains("other domains"));
        assert!(refused(&chain, &key, &domains, taken.not_after + SignedDuration::from_secs(1)).contains("over"));
        let broken = format!("{chain}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(refused(&broken, &key, &domains, now).contains("no certificate"), "nobody could show it");
        assert!(refused("none", &key, &domains, now).contains("no PEM"));
        assert!(refused(&key.serialize_pem(), &key, &domains, now).contains("no certificate"));
    }
}
