//! What an authority asks before it gives a certificate, answered by any node: the one that has asked for the certificate keeps
//! the answers in the database. HTTP-01: <https://www.rfc-editor.org/rfc/rfc8555#section-8.3>, TLS-ALPN-01:
//! <https://www.rfc-editor.org/rfc/rfc8737>.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use model::Database;
use model::certificate::challenge::{self, Open};
use model::database::Result;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::ClientHello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::server::StartHandshake;

use super::glance::Glance;

/// What an authority says it speaks when it asks.
const ALPN: &[u8] = b"acme-tls/1";

/// Authorities' tokens have some forty characters.
const LONGEST_TOKEN: usize = 256;

/// The answers to an authority. Whoever asks is anybody, so all who come at once cost the database one look.
#[derive(Clone, Debug)]
pub struct Challenges {
    database: Database,
    domains: Arc<[String]>,
    open: Glance<Arc<[Open]>>,
}

impl Challenges {
    /// Those of these domains.
    pub fn new(database: Database, domains: &[String]) -> Self {
        Self { database, domains: domains.into(), open: Glance::default() }
    }

    /// Where HTTP-01 is answered.
    pub(super) fn routes(self) -> Router {
        Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).with_state(self)
    }

    /// The challenges that are open. `None`: the database is away.
    async fn open(&self) -> Option<Arc<[Open]>> {
        self.open.take(async || self.look().await.ok()).await
    }

    async fn look(&self) -> Result<Arc<[Open]>> {
        let tx = self.database.operator().await?;
        let open = challenge::open(&tx).await?;
        tx.close();
        Ok(open.into())
    }

    /// Answers who shakes hands only to see who is here, and ends the connection.
    pub(super) async fn shake_hands<S>(&self, greeted: StartHandshake<S>) -> std::io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = greeted.client_hello();
        let domain = hello.server_name().map(str::to_ascii_lowercase);
        let domain =
            domain.filter(|domain| self.domains.contains(domain)).ok_or_else(|| no("it is of no domain of ours"))?;
        let open = self.open().await.ok_or_else(|| no("the database is away"))?;
        let asked = open.iter().find(|open| open.is_of_domain(&domain));
        let asked = asked.ok_or_else(|| no("nothing is asked about this domain"))?;
        let config = config(domain, &asked.key_authorization).map_err(|_| no("its certificate cannot be made"))?;
        let mut stream = greeted.into_stream(Arc::new(config)).await?;
        stream.shutdown().await
    }
}

fn no(why: &'static str) -> std::io::Error {
    std::io::Error::other(why)
}

/// Whether it is an authority that asks: it speaks nothing else.
pub(super) fn is_asked(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut spoken| spoken.next() == Some(ALPN) && spoken.next().is_none())
}

/// That shows the answer.
fn certificate(domain: String, answer: &str) -> Result<(CertificateDer<'static>, KeyPair), rcgen::Error> {
    let mut params = CertificateParams::new(vec![domain])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&Sha256::digest(answer))];
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.der().clone(), key))
}

/// With that certificate.
fn config(domain: String, answer: &str) -> Result<ServerConfig, Box<dyn std::error::Error>> {
    let (certificate, key) = certificate(domain, answer)?;
    let provider = aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    // What looks at a pair before it takes it knows no certificate like this: its extension is critical, and an authority's alone.
    let shown = CertifiedKey::new(vec![certificate], key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

async fn answer(State(challenges): State<Challenges>, Path(token): Path<String>) -> Response {
    let is_token =
        token.len() <= LONGEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let nothing = || (StatusCode::NOT_FOUND, "No certificate is being asked for with this token.\n").into_response();
    if !is_token {
        return nothing();
    }
    let Some(open) = challenges.open().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "The database is away.\n").into_response();
    };
    match open.iter().find(|open| open.is_of_token(&token)) {
        Some(open) => ([(CONTENT_TYPE, "application/octet-stream")], open.key_authorization.clone()).into_response(),
        None => nothing(),
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

    use super::*;

    #[test]
    fn the_certificate_shows_the_answer_and_the_domain_alone() {
        let made = certificate("wa.example.org".to_owned(), "token.thumbprint").expect("it is made").0;
        let (_, read) = X509Certificate::from_der(&made).expect("a certificate");
        let names = read.subject_alternative_name().expect("readable").expect("there").value;
        assert_eq!(names.general_names, [GeneralName::DNSName("wa.example.org")]);
        let shown = read.extensions().iter().find(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31");
        let shown = shown.expect("what an authority looks for");
        assert!(shown.critical);
        // An OCTET STRING of 32 bytes.
        assert_eq!(shown.value, [&[4, 32][..], &Sha256::digest("token.thumbprint")].concat());
        config("wa.example.org".to_owned(), "token.thumbprint").expect("it can be shown");
    }
}
