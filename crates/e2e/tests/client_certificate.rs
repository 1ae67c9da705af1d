//! Meta shows who it is by a client certificate (mTLS), where the server is told to take no other.

use std::path::Path;

use axum::http::{Method, Request};
use bytes::Bytes;
use e2e::{Options, World, body, until};
use h2::client::SendRequest;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use reqwest::Identity;
use rustls::pki_types::PrivatePkcs8KeyDer;
use wazapp::certificate::CallerFiles;
use whatsapp::signature;

use super::http2::Made;

const NAME: &str = "client.webhooks.example.org";
const NUMBER: &str = "106540352242922";

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A certificate of this name, and its key.
struct Shown {
    cert: rcgen::Certificate,
    key: KeyPair,
}

fn given(by: &Issuer, name: &str) -> Shown {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    Shown { cert: params.signed_by(&key, by).expect("a certificate"), key }
}

impl Shown {
    fn identity(&self) -> Identity {
        let pem = format!("{}{}", self.cert.pem(), self.key.serialize_pem());
        Identity::from_pem(pem.as_bytes()).expect("an identity")
    }
}

/// As who changes the authorities writes them: in one step.
fn write(file: &Path, authorities: &[&Issuer]) {
    let pem: String = authorities.iter().map(|authority| authority.pem()).collect();
    let partial = file.with_extension("partial");
    std::fs::write(&partial, pem).expect("written");
    std::fs::rename(&partial, file).expect("written");
}

fn message(nth: i64) -> Vec<u8> {
    let text = body::text(NUMBER, "34600111222", &format!("wamid.{nth}"), 1_795_000_000 + nth, "hola");
    body::bytes(&text)
}

/// Posts on one connection that stays open; answers the status.
async fn post(requests: &mut SendRequest<Bytes>, secret: &str, nth: i64) -> u16 {
    let bytes = message(nth);
    let request = Request::builder().method(Method::POST).uri("https://localhost/webhook");
    let request = request.header(signature::HEADER, signature::sign(secret, &bytes)).body(()).expect("a request");
    std::future::poll_fn(|context| requests.poll_ready(context)).await.expect("the connection goes on");
    let (answer, mut stream) = requests.send_request(request, false).expect("begun");
    let _ = stream.send_data(bytes.into(), true);
    answer.await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_shows_the_certificate_calls_the_webhook() {
    let options = Options { verify_token: Some("word".to_owned()), ..Options::default() };
    let (world, made) = (World::with(options).await, Made::new());
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    let (old, new, other) = (authority("Old"), authority("New"), authority("Other"));
    let file = made.folder().join("callers");
    write(&file, &[&old]);
    let (mut https, address) = made.https().await;
    let mut files = CallerFiles::new(std::slice::from_ref(&file), NAME);
    https.callers = Some((files.read().expect("an authority"), files));
    let node = world.secure_node(https).await;

    let url = format!("https://localhost:{}", address.port());
    let call = async |shown: Option<&Shown>, method: Method, path: &str| {
        let client = made.client(address);
        let client = match shown {
            Some(shown) => client.identity(shown.identity()),
            None => client,
        };
        let bytes = message(0);
        let request = client.build().expect("a client").request(method.clone(), format!("{url}{path}"));
        let request = request.header(signature::HEADER, signature::sign(world.secret(), &bytes));
        let request = if method == Method::POST { request.body(bytes) } else { request };
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let handshake = "/webhook?hub.mode=subscribe&hub.challenge=77&hub.verify_token=word";
    let meta = given(&old, NAME);
    assert_eq!(call(Some(&meta), Method::POST, "/webhook").await.0, 200);
    assert_eq!(call(Some(&meta), Method::GET, handshake).await, (200, "77".to_owned()));
    let (wrong_name, wrong_authority) = (given(&old, "other.example.org"), given(&other, NAME));
    for (shown, why) in [
        (None, "none was shown"),
        (Some(&wrong_name), "another name (other.example.org)"),
        (Some(&wrong_authority), "no authority that is taken"),
    ] {
        for (method, path) in [(Method::POST, "/webhook"), (Method::POST, "/webhook/1"), (Method::GET, handshake)] {
            let (status, words) = call(shown, method, path).await;
            assert_eq!(status, 403, "{words}");
            assert!(words.starts_with(web::webhook::REFUSED) && words.contains(why), "{words}");
        }
        assert_eq!(call(shown, Method::GET, "/livez").await.0, 200, "all else is for everybody");
    }
    assert_eq!(node.posts().post(message(1)).await, 403, "there is no way around");

    // The authority changes: both count for a while, and nobody's connection ends.
    let mut kept = made.requests(address, Some(&meta)).await;
    assert_eq!(post(&mut kept, world.secret(), 2).await, 200);
    let next = given(&new, NAME);
    write(&file, &[&old, &new]);
    until("the new one is taken", async || call(Some(&next), Method::POST, "/webhook").await.0 == 200).await;
    assert_eq!(post(&mut kept, world.secret(), 3).await, 200, "and the old one still is");
    write(&file, &[&new]);
    let mut nth = 4;
    until("the old one is not taken any more", async || {
        nth += 1;
        post(&mut kept, world.secret(), nth).await == 403
    })
    .await;
    assert_eq!(call(Some(&next), Method::POST, "/webhook").await.0, 200);
    drop(kept);
    node.stop().await;
    world.drain().await;
    world.end().await;
}

impl Made {
    /// A connection that stays open, which shows this certificate.
    async fn requests(&self, address: std::net::SocketAddr, shown: Option<&Shown>) -> SendRequest<Bytes> {
        let shown = shown
            .map(|shown| (vec![shown.cert.der().clone()], PrivatePkcs8KeyDer::from(shown.key.serialize_der()).into()));
        let stream = self.connect(address, shown).await.expect("a connection");
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        requests
    }
}
