//! HTTPS, by a certificate that may be replaced while the server runs.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use super::callers::{Caller, Callers};
use super::challenge::{self, Challenges};

/// Who connects and does not shake hands within this time is let go.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// What is spoken, what is better first. <https://www.rfc-editor.org/rfc/rfc7301>
const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// A certificate with its chain and key, which fit each other.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a certificate cannot be used: what to look at, without a byte of the key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Neither PEM, nor X.509 inside.
    #[error("the certificate file holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// None of PKCS#8, PKCS#1 and SEC1, or of a kind that is not supported.
    #[error(
        "the key file holds no private key in PEM that can be used (RSA, ECDSA P-256 or P-384, Ed25519; not encrypted)"
    )]
    NoKey,
    /// The first certificate of the file must be the server's own.
    #[error("the key is not that of the first certificate in the certificate file")]
    NotAPair,
}

impl Certificate {
    /// From what the files of certificate (the server's own first, then those that lead to its authority) and key hold, in PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate)?;
        let own = chain.first().ok_or(CertificateError::NoCertificate)?.clone();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key);
        let key = CertifiedKey::new(chain, key.map_err(|_| CertificateError::NoKey)?);
        key.keys_match().map_err(|_| CertificateError::NotAPair)?;
        let (_, own) = X509Certificate::from_der(&own).map_err(|_| CertificateError::NoCertificate)?;
        let at = |time: ASN1Time| Timestamp::from_second(time.timestamp());
        let validity = own.validity();
        Ok(Self {
            key: Arc::new(key),
            names: names(&own),
            not_before: at(validity.not_before).unwrap_or(Timestamp::MIN),
            not_after: at(validity.not_after).unwrap_or(Timestamp::MAX),
        })
    }

    /// When it begins.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is of this name. <https://www.rfc-editor.org/rfc/rfc6125#section-6.4.3>
    pub fn is_of(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => *name == host,
        })
    }

    /// The names that it is of.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|four| std::net::Ipv4Addr::from(four).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|all| std::net::Ipv6Addr::from(all).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

/// Shakes hands with whoever connects, by the certificate that is in force then.
#[derive(Clone)]
pub struct Tls {
    asked: Arc<RwLock<Asked>>,
    current: Arc<Current>,
    challenges: Option<Challenges>,
}

/// How hands are shaken, and who is taken for whom then.
struct Asked {
    config: Arc<ServerConfig>,
    /// None: nobody is asked who they are.
    callers: Option<Arc<Callers>>,
}

/// None: there is none yet, so nobody comes to TLS.
#[derive(Debug)]
struct Current(RwLock<Option<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with the suites that rustls holds safe. Without a certificate, nobody comes to TLS until there is one.
    pub fn new(certificate: Option<&Certificate>) -> Self {
        let current = Arc::new(Current(RwLock::new(certificate.map(|certificate| certificate.key.clone()))));
        let asked = Asked { config: config(&current, None), callers: None };
        Self { asked: Arc::new(RwLock::new(asked)), current, challenges: None }
    }

    /// Whoever connects from now on is asked who they are; who is connected already is taken for whom these say.
    pub fn ask(&self, callers: Callers) {
        let config = config(&self.current, Some(callers.asking()));
        let asked = Asked { config, callers: Some(Arc::new(callers)) };
        *self.asked.write().unwrap_or_else(PoisonError::into_inner) = asked;
    }

    pub(super) fn callers(&self) -> Option<Arc<Callers>> {
        self.asked.read().unwrap_or_else(PoisonError::into_inner).callers.clone()
    }

    /// Who is at the other end. None: nobody is asked.
    pub(super) fn caller<S>(&self, stream: &TlsStream<S>) -> Option<Caller> {
        self.callers()?;
        Some(Caller::new(self.clone(), stream.get_ref().1.peer_certificates().unwrap_or_default()))
    }

    /// The same, which also answers an authority that asks whose the domains are.
    #[must_use]
    pub fn answering(self, challenges: Challenges) -> Self {
        Self { challenges: Some(challenges), ..self }
    }

    /// Whoever connects from now on is shown this certificate; who is connected stays.
    pub fn replace(&self, certificate: &Certificate) {
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Some(certificate.key.clone());
    }

    pub(super) async fn shake_hands<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::time::timeout(HANDSHAKE_WITHIN, self.greet(stream)).await?
    }

    async fn greet<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let greeted = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        match &self.challenges {
            Some(challenges) if challenge::is_asked(&greeted.client_hello()) => {
                challenges.shake_hands(greeted).await?;
                Err(std::io::Error::other("an authority has seen what it asked for"))
            }
            _ => {
                let config = self.asked.read().unwrap_or_else(PoisonError::into_inner).config.clone();
                greeted.into_stream(config).await
            }
        }
    }
}

fn config(current: &Arc<Current>, asking: Option<Arc<dyn ClientCertVerifier>>) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of both versions");
    let config = match asking {
        Some(asking) => config.with_client_cert_verifier(asking),
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_cert_resolver(current.clone());
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    Arc::new(config)
}

/// Whether the two agreed on HTTP/2.
pub(super) fn is_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let (chain, key) = made(&["wa.example.com", "*.bots.example.com", "192.0.2.7"]);
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect("a pair");
        for name in ["wa.example.com", "WA.example.com", "a.bots.example.com", "192.0.2.7"] {
            assert!(certificate.is_of(name), "{name}");
        }
        for name in ["example.com", "bots.example.com", "a.b.bots.example.com", "192.0.2.8", ""] {
            assert!(!certificate.is_of(name), "{name}");
        }
        assert!(certificate.not_after() > Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let ((chain, key), (_, other)) = (made(&["a.example.com"]), made(&["a.example.com"]));
        let refused = |chain: &str, key: &str| {
            let error = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect_err("it does not fit");
            let words = error.to_string();
            assert!(!words.contains(key.lines().nth(1).unwrap_or("no key")), "{words}");
            error
        };
        assert!(matches!(refused(&chain, &other), CertificateError::NotAPair));
        assert!(matches!(refused(&chain, "none"), CertificateError::NoKey));
        assert!(matches!(refused(&chain, &chain), CertificateError::NoKey));
        assert!(matches!(refused("none", &key), CertificateError::NoCertificate));
        assert!(matches!(refused(&key, &key), CertificateError::NoCertificate));
    }
}
