//! Who asks for challenges is anybody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use e2e::{Authority, World, body};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::{DOMAIN, NOBODY, anywhere, https};

/// No neighbour waits longer; on an idle machine it is milliseconds.
const SOON: Duration = Duration::from_secs(3);

/// Takes whatever it is shown.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What is shown to whoever asks as an authority does (TLS-ALPN-01).
async fn asked_by_tls(address: SocketAddr) -> Option<Vec<u8>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = config.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider)));
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let name = ServerName::try_from(DOMAIN).expect("a name");
    let stream = TcpStream::connect(address).await.ok()?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_strangers_at_the_challenge_delay_nobody() {
    let (world, authority) = (World::new().await, Authority::start().await);
    let acme = world.organization("Acme").await;
    world.connect(&acme, "11", "200", None).await;
    let secure = https(&authority, NOBODY, anywhere(), Some(anywhere())).await;
    let address = secure.listener.local_addr().expect("its address");
    let plain = secure.redirect.as_ref().expect("port 80").local_addr().expect("its address");
    let node = world.secure_node(secure).await;
    let client = e2e::outside::http().build().expect("a client");
    let ask = async |token: &str| {
        let url = format!("http://{plain}/.well-known/acme-challenge/{token}");
        let answer = client.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };

    let mut strangers = JoinSet::new();
    for nth in 0..1000 {
        let client = client.clone();
        strangers.spawn(async move {
            for again in 0..2 {
                let url = format!("http://{plain}/.well-known/acme-challenge/stranger-{nth}-{again}");
                assert_eq!(client.get(url).send().await.expect("an answer").status(), 404);
            }
            if nth % 10 == 0 {
                assert!(asked_by_tls(address).await.is_none_or(|shown| !shown.is_empty()));
            }
        });
    }
    let mut told = 0;
    while !strangers.is_empty() {
        told += 1;
        let text = body::text("11", "34600111222", &format!("wamid.{told}"), 1_795_000_000, "hola");
        let began = Instant::now();
        assert_eq!(node.posts().post(body::bytes(&text)).await, 200);
        assert!(began.elapsed() < SOON, "stored after {:?}", began.elapsed());
        if told == 3 {
            // Of two configurations that ask about one domain in two ways, each is answered its own way.
            let sql = world.sql().await;
            let order = "INSERT INTO wazapp.acme_order (id, directory, domains, again_at)
                         VALUES (gen_random_uuid(), 'd', '{wa.example.org}', 'infinity') RETURNING id";
            let id: uuid::Uuid = sql.query_one(order, &[]).await.expect("an order").get(0);
            let challenge =
                "INSERT INTO wazapp.acme_challenge (token, order_id, domain, key_authorization, created_at, way)
                             VALUES ('b', $1, 'wa.example.org', 'b.key', '2026-11-29', 'tls-alpn-01'),
                                    ('a', $1, 'wa.example.org', 'a.key', '2026-11-30', 'http-01')";
            sql.execute(challenge, &[&id]).await.expect("challenges");
            let began = Instant::now();
            assert_eq!(ask("a").await, (200, "a.key".to_owned()));
            assert_eq!(ask("b").await.0, 404);
            let shown = asked_by_tls(address).await.expect("it is answered");
            let answer = Sha256::digest("b.key");
            assert!(shown.windows(answer.len()).any(|window| window == &answer[..]));
            assert!(began.elapsed() < SOON * 3, "answered after {:?}", began.elapsed());
        }
        while let Some(one) = strangers.try_join_next() {
            one.expect("every stranger is answered");
        }
    }
    assert!(told > 3, "{told}");
    node.stop().await;
    world.drain().await;
    world.end().await;
}
