//! HTTP/2 over TLS: what works over HTTP/1.1 works over it, and who floods it is cut off.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Options, Posts, World, body, until};
use reqwest::{Certificate, Version};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wazapp::certificate::Files;
use wazapp::server::{Https, Source};
use whatsapp::signature;

const NUMBER: &str = "106540352242922";

/// No neighbour waits longer; on an idle machine it is milliseconds.
const SOON: Duration = Duration::from_secs(3);

/// A certificate in files, of `localhost`.
pub(crate) struct Made {
    folder: TempDir,
    cert: rcgen::Certificate,
}

impl Made {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("cert"), made.cert.pem()).expect("written");
        std::fs::write(folder.path().join("key"), made.signing_key.serialize_pem()).expect("written");
        Self { folder, cert: made.cert }
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn https(&self) -> (Https, SocketAddr) {
        let mut files = Files::new(&self.folder.path().join("cert"), &self.folder.path().join("key"));
        let source = Source::Files { certificate: files.read().expect("a pair"), files };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        (Https { listener, source, redirect: None, callers: None }, address)
    }

    /// One that trusts it, and finds it there.
    pub(crate) fn client(&self, address: SocketAddr) -> reqwest::ClientBuilder {
        let root = Certificate::from_der(self.cert.der()).expect("a certificate");
        e2e::outside::http().tls_certs_only([root]).resolve("localhost", address)
    }

    /// A connection on which HTTP/2 was agreed; it shows this certificate.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        shown: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_root_certificates(roots);
        let mut config = match shown {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("a pair"),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_streams_come_over_http_2_and_end_well_with_the_server() {
    let options = Options { public_url: Some("https://localhost".to_owned()), ..Options::default() };
    let (world, made) = (World::with(options).await, Made::new());
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    let (https, address) = made.https().await;
    let node = world.secure_node(https).await;
    let url = format!("https://localhost:{}", address.port());
    let client = made.client(address).build().expect("a client");
    for (client, version) in [
        (client.clone(), Version::HTTP_2),
        (made.client(address).http1_only().build().expect("a client"), Version::HTTP_11),
    ] {
        let answer = client.get(format!("{url}/livez")).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    }

    // A stream of events stays open while webhooks come by the same connection.
    let stream = client.get(format!("{url}/api/v1/events/stream")).bearer_auth(&acme.key);
    let mut stream = stream.send().await.expect("an answer");
    assert_eq!((stream.status().as_u16(), stream.version()), (200, Version::HTTP_2));
    let posts = Posts::through(client.clone(), &url, world.secret());
    for nth in 0..3 {
        let text = body::text(NUMBER, "34600111222", &format!("wamid.{nth}"), 1_795_000_000 + nth, "hola");
        assert_eq!(posts.post(body::bytes(&text)).await, 200);
    }
    let forged = Posts::through(client.clone(), &url, "another secret");
    assert_eq!(forged.post("{}").await, 401);
    let mut told = String::new();
    while told.matches("event: message.received").count() < 3 {
        let chunk = tokio::time::timeout(SOON * 10, stream.chunk()).await.expect("it comes");
        told.push_str(&String::from_utf8_lossy(&chunk.expect("no error").expect("it goes on")));
    }

    // The server ends: the stream with its last frame, not in the middle of one, and the connection with it.
    let rest = tokio::spawn(async move {
        while stream.chunk().await?.is_some() {}
        Ok::<_, reqwest::Error>(())
    });
    let began = Instant::now();
    node.stop().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    rest.await.expect("it ends").expect("as streams do");
    assert!(client.get(format!("{url}/livez")).send().await.is_err());
    world.drain().await;
    world.end().await;
}

/// Opens streams and takes them back, until the server has enough; answers how many.
async fn flood(made: &Made, address: SocketAddr) -> usize {
    let Ok(stream) = made.connect(address, None).await else { return 0 };
    let Ok((mut requests, connection)) = h2::client::handshake(stream).await else { return 0 };
    let connection = tokio::spawn(connection);
    let (mut begun, mut under_way) = (0, Vec::new());
    while std::future::poll_fn(|context| requests.poll_ready(context)).await.is_ok() {
        // Whose body is waited for.
        let request = axum::http::Request::post("https://localhost/webhook");
        let request = request.header(signature::HEADER, signature::sign("none", b"")).body(()).expect("a request");
        let Ok(request) = requests.send_request(request, false) else { break };
        under_way.push(request);
        begun += 1;
        if begun % 16 == 0 {
            // What is taken back before it went never goes.
            tokio::time::sleep(Duration::from_millis(1)).await;
            for (_, mut taken_back) in under_way.drain(..) {
                taken_back.send_reset(h2::Reason::CANCEL);
            }
        }
    }
    let _ = connection.await;
    begun
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_cut_off_while_others_are_served() {
    let (world, made) = (World::new().await, Arc::new(Made::new()));
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    let (https, address) = made.https().await;
    let node = world.secure_node(https).await;
    let (stop, cut, most) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let flooding: Vec<_> = (0..4)
        .map(|_| {
            let (made, stop, cut, most) = (made.clone(), stop.clone(), cut.clone(), most.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(flood(&made, address).await, Ordering::Relaxed);
                    cut.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    until("the flood is cut off again and again", async || cut.load(Ordering::Relaxed) > 8).await;
    let client = made.client(address).build().expect("a client");
    let posts = Posts::through(client, &format!("https://localhost:{}", address.port()), world.secret());
    for nth in 0..20 {
        let text = body::text(NUMBER, "34600111222", &format!("wamid.{nth}"), 1_795_000_000 + nth, "hola");
        let began = Instant::now();
        assert_eq!(posts.post(body::bytes(&text)).await, 200);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for one in flooding {
        one.await.expect("it ends");
    }
    let most = most.load(Ordering::Relaxed);
    assert!((1..1000).contains(&most), "{most} on one connection");
    node.stop().await;
    world.drain().await;
    world.end().await;
}
