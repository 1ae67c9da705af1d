//! Who calls the webhook shows who it is by a client certificate, where the server is told whose it takes: Meta's, say.
//!
//! Everybody else comes by the same port. So whoever connects is asked, and may have none, or one that is nobody's; what it is worth is
//! judged where it matters (`web/src/webhook/door.rs`).

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::tls::Tls;

/// Whose certificates are taken: those that these authorities gave to this name.
#[derive(Clone, Debug)]
pub struct Callers {
    name: String,
    verifier: Arc<dyn ClientCertVerifier>,
    authorities: Vec<CallerAuthority>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerAuthority {
    /// What it is called.
    pub name: String,
    /// When its certificate ends.
    pub not_after: Timestamp,
}

/// Why authorities cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum CallersError {
    /// Neither PEM, nor X.509 inside.
    #[error("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A server's or a client's own.
    #[error("{0} is no authority's certificate: take that of the authority which gave it")]
    NoAuthority(String),
}

impl Callers {
    /// `pem`: each holds the certificates of one or several authorities.
    pub fn from_pem(pem: &[Vec<u8>], name: &str) -> Result<Self, CallersError> {
        let (mut roots, mut authorities) = (RootCertStore::empty(), Vec::new());
        for pem in pem {
            let before = authorities.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| CallersError::NoCertificate)?;
                authorities.push(authority(&certificate)?);
                roots.add(certificate).map_err(|_| CallersError::NoCertificate)?;
            }
            if authorities.len() == before {
                return Err(CallersError::NoCertificate);
            }
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.map_err(|_| CallersError::NoCertificate)?;
        Ok(Self { name: name.to_ascii_lowercase(), verifier, authorities })
    }

    /// In the order of the files.
    pub fn authorities(&self) -> &[CallerAuthority] {
        &self.authorities
    }

    /// The name that a certificate must be of.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For a handshake in which everybody is asked.
    pub(super) fn asking(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::new(Asking { verifier: self.verifier.clone(), algorithms: algorithms() })
    }

    fn judge(&self, shown: &[CertificateDer<'static>], now: UnixTime) -> Standing {
        let Some((own, chain)) = shown.split_first() else { return Standing::Nobody };
        if let Err(error) = self.verifier.verify_client_cert(own, chain, now) {
            return Standing::Unproven(error.to_string());
        }
        let names = names(own);
        match names.contains(&self.name) {
            true => Standing::Proven,
            false => Standing::Other(names.join(", ")),
        }
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    aws_lc_rs::default_provider().signature_verification_algorithms
}

fn authority(certificate: &CertificateDer<'_>) -> Result<CallerAuthority, CallersError> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| CallersError::NoCertificate)?;
    let name = read.subject().to_string();
    if !read.is_ca() {
        return Err(CallersError::NoAuthority(name));
    }
    let not_after = Timestamp::from_second(read.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
    Ok(CallerAuthority { name, not_after })
}

/// The names of DNS that a certificate is of, and its common name.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let mut names: Vec<String> =
        read.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_ascii_lowercase).collect();
    let others = read.subject_alternative_name().ok().flatten();
    for name in others.iter().flat_map(|names| &names.value.general_names) {
        if let GeneralName::DNSName(name) = name
            && !names.iter().any(|known| known.eq_ignore_ascii_case(name))
        {
            names.push(name.to_ascii_lowercase());
        }
    }
    names
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They showed no certificate.
    Nobody,
    /// Theirs is of no authority that is taken, or not in force.
    Unproven(String),
    /// Theirs is of these names.
    Other(String),
    /// They are who they should be.
    Proven,
}

/// The other end of a connection, for who wants to know; an extension of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    tls: Tls,
    certificates: Vec<CertificateDer<'static>>,
    /// By whom, and how.
    judged: Mutex<Option<(Arc<Callers>, Standing)>>,
}

impl Caller {
    pub(super) fn new(tls: Tls, certificates: &[CertificateDer<'_>]) -> Self {
        let certificates = certificates.iter().map(|shown| shown.clone().into_owned()).collect();
        Self(Arc::new(Shown { tls, certificates, judged: Mutex::default() }))
    }

    /// By the authorities that are taken now, not by those of when it connected.
    pub(crate) fn standing(&self) -> Standing {
        let Some(callers) = self.0.tls.callers() else { return Standing::Nobody };
        let mut judged = self.0.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by, standing)) = &*judged
            && Arc::ptr_eq(by, &callers)
        {
            return standing.clone();
        }
        let standing = callers.judge(&self.0.certificates, UnixTime::now());
        *judged = Some((callers, standing.clone()));
        standing
    }
}

/// Takes whatever is shown, if who shows it has its key.
#[derive(Debug)]
struct Asking {
    verifier: Arc<dyn ClientCertVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// A browser asks its owner for none that others gave.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

    use super::*;

    const NAME: &str = "client.webhooks.example.org";

    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    }

    fn client(common: &str, others: &[&str], by: &CertifiedIssuer<'_, KeyPair>) -> CertificateDer<'static> {
        let names: Vec<String> = others.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.signed_by(&KeyPair::generate().expect("a key"), by).expect("a certificate").der().clone()
    }

    #[test]
    fn who_calls_is_known_by_name_and_authority() {
        let (old, new, other) = (authority("Old"), authority("New"), authority("Other"));
        let callers = Callers::from_pem(&[old.pem().into_bytes(), new.pem().into_bytes()], NAME).expect("authorities");
        let judge = |shown: &[CertificateDer<'static>]| callers.judge(shown, UnixTime::now());
        assert_eq!(judge(&[]), Standing::Nobody);
        for by in [&old, &new] {
            assert_eq!(judge(&[client("Client.Webhooks.example.org", &[], by)]), Standing::Proven);
            assert_eq!(judge(&[client("Meta", &[NAME], by)]), Standing::Proven);
            let named = judge(&[client("x.example.org", &["y.example.org"], by)]);
            assert_eq!(named, Standing::Other("x.example.org, y.example.org".to_owned()));
        }
        assert!(matches!(judge(&[client(NAME, &[NAME], &other)]), Standing::Unproven(_)));
        assert_eq!(callers.authorities().len(), 2);
        assert!(callers.authorities()[0].name.contains("Old"));
        // Several in one file are as good.
        let both = format!("{}{}", old.pem(), new.pem()).into_bytes();
        assert_eq!(Callers::from_pem(&[both], NAME).expect("authorities").authorities().len(), 2);
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let made = rcgen::generate_simple_self_signed(["wa.example.org".to_owned()]).expect("a certificate");
        let refused = |pem: &str| Callers::from_pem(&[pem.as_bytes().to_vec()], NAME).expect_err("no authority");
        assert!(matches!(refused(&made.cert.pem()), CallersError::NoAuthority(_)));
        for pem in ["", "none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(refused(pem), CallersError::NoCertificate), "{pem}");
        }
    }
}
