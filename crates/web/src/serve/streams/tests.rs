use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request as Asked;
use axum::routing::{get, post};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{Method, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::super::peers::Peers;
use super::super::proxies::Proxies;
use super::super::{Client, stream::Watched};
use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn soon<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, coming).await.expect("it comes in time")
}

/// What a handler is told.
async fn told(request: Asked) -> String {
    let headers = request.headers();
    let all = |name| headers.get_all(name).iter().map(|value| value.to_str().expect("ASCII")).collect::<Vec<_>>();
    assert_eq!(request.version(), Version::HTTP_2);
    assert!(request.extensions().get::<Client>().is_some());
    format!("{} {:?} {:?}", request.uri(), all(HOST), all(COOKIE))
}

fn router() -> Router {
    Router::new()
        .route("/told", get(told))
        .route("/never", get(std::future::pending::<()>))
        .route("/large", get(async || vec![b'a'; 1 << 20]))
        .route("/echo", post(async |body: Body| body))
}

/// The server's side of one connection.
struct Served {
    peers: Peers,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

fn serve(places: usize, patience: Duration, idle: Duration) -> (DuplexStream, Served) {
    let (peers, stop) = (Peers::new(places, Proxies::default()), CancellationToken::new());
    let place = peers.admit(IpAddr::from([192, 0, 2, 1])).expect("a place");
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let ours = Watched::new(ours, place.link().clone());
    let server = Server { router: router(), others: Arc::new(Semaphore::new(64)), caller: None };
    let ended = tokio::spawn(attend_with(server, ours, Streams::of(place, patience), idle, stop.clone()));
    (theirs, Served { peers, stop, ended })
}

/// One that serves a client which others wrote.
async fn connected(places: usize, patience: Duration, idle: Duration) -> (Browser, Served) {
    let (theirs, served) = serve(places, patience, idle);
    let (requests, connection) = h2::client::Builder::new()
        .initial_window_size(64 << 10)
        .initial_connection_window_size(1 << 20)
        .handshake(theirs)
        .await
        .expect("a handshake");
    (Browser { requests, connection: tokio::spawn(connection) }, served)
}

struct Browser {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Browser {
    async fn begin(&mut self, method: Method, path: &str) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let uri = format!("https://wa.example.org{path}");
        let is_whole = method == Method::GET;
        let request = Request::builder().method(method).uri(uri).header(COOKIE, "a=1").header(COOKIE, "b=2");
        soon(std::future::poll_fn(|context| self.requests.poll_ready(context))).await?;
        self.requests.send_request(request.body(()).expect("a request"), is_whole)
    }

    async fn get(&mut self, path: &str) -> Result<(StatusCode, String), h2::Error> {
        let (answer, _) = self.begin(Method::GET, path).await?;
        let (parts, body) = soon(answer).await?.into_parts();
        Ok((parts.status, read(body).await?))
    }
}

async fn read(mut body: h2::RecvStream) -> Result<String, h2::Error> {
    let mut text = Vec::new();
    while let Some(data) = soon(body.data()).await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        text.extend_from_slice(&data);
    }
    Ok(String::from_utf8(text).expect("UTF-8"))
}

#[tokio::test]
async fn a_handler_sees_what_it_sees_over_http_1() {
    let (mut browser, _served) = connected(64, LONG, LONG).await;
    let (status, said) = browser.get("/told?x=1").await.expect("an answer");
    assert_eq!((status, said.as_str()), (StatusCode::OK, r#"/told?x=1 ["wa.example.org"] ["a=1; b=2"]"#));
    let large = browser.get("/large").await.expect("an answer").1;
    assert_eq!(large.len(), 1 << 20, "all of it comes, whatever room there is at once");
    let (answer, mut body) = browser.begin(Method::POST, "/echo").await.expect("begun");
    body.send_data("hola".into(), true).expect("sent");
    assert_eq!(read(soon(answer).await.expect("an answer").into_body()).await.expect("its end"), "hola");
}

#[test]
fn who_is_asked_is_said_once() {
    let hosts = |authority: &str, host: Option<&str>| {
        let mut request = Request::builder().uri(format!("https://{authority}/x"));
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        as_one_connection_has_it(request.body(()).expect("a request")).headers().get_all(HOST).iter().count()
    };
    assert_eq!(hosts("wa.example.org", None), 1);
    assert_eq!(hosts("wa.example.org", Some("WA.example.org")), 1);
    assert_eq!(hosts("wa.example.org", Some("other.example.org")), 2, "which is refused");
}

#[tokio::test]
async fn streams_take_places_as_connections_do() {
    // A quarter is one peer's: the connection and three streams.
    let (mut browser, served) = connected(16, LONG, LONG).await;
    let mut under_way = Vec::new();
    for _ in 0..3 {
        under_way.push(browser.begin(Method::GET, "/never").await.expect("begun"));
    }
    let refused = browser.get("/told").await.expect_err("we are at work for all that it may have");
    assert!(refused.is_reset(), "{refused}");
    assert!(served.peers.admit(IpAddr::from([192, 0, 2, 2])).is_some(), "others are let in");
    let (taken_back, mut stream) = under_way.remove(0);
    stream.send_reset(Reason::CANCEL);
    drop(taken_back);
    let answered = async {
        while browser.get("/told").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(answered).await;
}

#[tokio::test]
async fn who_takes_all_back_is_cut_off() {
    let (mut browser, served) = connected(1024, LONG, LONG).await;
    let mut begun = 0;
    while let Ok((_, mut stream)) = browser.begin(Method::GET, "/never").await {
        begun += 1;
        // What is taken back before it went never goes.
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.send_reset(Reason::CANCEL);
        assert!(begun < 10 * TAKEN_BACK, "it goes on");
    }
    assert!(begun >= TAKEN_BACK / 2, "{begun} are no flood");
    soon(served.ended).await.expect("it ends");
}

#[tokio::test]
async fn who_lets_be_answered_may_take_back() {
    let (mut browser, _served) = connected(1024, LONG, LONG).await;
    for _ in 0..3 * TAKEN_BACK {
        let (_, mut stream) = browser.begin(Method::GET, "/never").await.expect("begun");
        assert_eq!(browser.get("/told").await.expect("an answer").0, StatusCode::OK);
        stream.send_reset(Reason::CANCEL);
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends_and_others_go_on() {
    let (mut browser, _served) = connected(64, Duration::from_millis(400), LONG).await;
    let (answer, _) = browser.begin(Method::GET, "/large").await.expect("begun");
    let mut body = soon(answer).await.expect("an answer").into_body();
    let mut came = 0;
    let cut = loop {
        match soon(body.data()).await {
            // No room is given back.
            Some(Ok(data)) => came += data.len(),
            Some(Err(error)) => break error,
            None => panic!("all came, {came} bytes"),
        }
    };
    assert!(cut.is_reset() && came <= 64 << 10, "{cut}, {came}");
    assert_eq!(browser.get("/told").await.expect("an answer").0, StatusCode::OK);
}

#[tokio::test]
async fn an_idle_connection_is_told_that_it_ends() {
    let (mut browser, served) = connected(64, LONG, Duration::from_millis(200)).await;
    assert_eq!(browser.get("/told").await.expect("an answer").0, StatusCode::OK);
    soon(served.ended).await.expect("it ends");
    soon(browser.connection).await.expect("it ends").expect("without an error");
}

#[tokio::test]
async fn what_is_under_way_when_the_server_stops_is_answered() {
    let (mut browser, served) = connected(64, LONG, LONG).await;
    assert_eq!(browser.get("/told").await.expect("an answer").0, StatusCode::OK);
    let (answer, mut body) = browser.begin(Method::POST, "/echo").await.expect("begun");
    body.send_data("ho".into(), false).expect("sent");
    let answer = soon(answer).await.expect("an answer has begun");
    served.stop.cancel();
    let refused = async { while browser.get("/told").await.is_ok() {} };
    soon(refused).await;
    body.send_data("la".into(), true).expect("sent");
    assert_eq!(read(answer.into_body()).await.expect("its end"), "hola");
    soon(served.ended).await.expect("it ends");
    soon(browser.connection).await.expect("it ends").expect("without an error");
}

/// Nine bytes before each frame: <https://www.rfc-editor.org/rfc/rfc9113#section-4.1>
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A head without an end: CONTINUATION after CONTINUATION.
#[tokio::test]
async fn a_head_without_an_end_is_cut_off() {
    let (theirs, served) = serve(64, LONG, LONG);
    let (mut reading, mut writing) = tokio::io::split(theirs);
    let reads = tokio::spawn(async move { reading.read_to_end(&mut Vec::new()).await });
    writing.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &frame(1, 0, 1, &[0x82])].concat()).await.expect("sent");
    // A literal header without indexing, again and again.
    let header = [&[0, 1, b'a', 100][..], &[b'b'; 100]].concat();
    let mut sent = 0;
    while writing.write_all(&frame(9, 0, 1, &header.repeat(100))).await.is_ok() {
        sent += header.len() * 100;
        assert!(sent < 4 << 20, "it goes on");
    }
    soon(served.ended).await.expect("it ends");
    let _ = soon(reads).await;
}

/// A head that never comes whole holds no connection for ever.
#[tokio::test]
async fn half_a_head_is_waited_for_as_an_idle_connection_is() {
    let (mut theirs, served) = serve(64, LONG, Duration::from_millis(200));
    theirs.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &frame(1, 0, 1, &[0x82])].concat()).await.expect("sent");
    soon(served.ended).await.expect("it ends");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let (mut browser, _served) = connected(64, LONG, LONG).await;
    let request = Request::get("https://wa.example.org/told").header("x", "a".repeat(BUFFER));
    soon(std::future::poll_fn(|context| browser.requests.poll_ready(context))).await.expect("ready");
    let sent = browser.requests.send_request(request.body(()).expect("a request"), true);
    if let Ok((answer, _)) = sent
        && let Ok(answer) = soon(answer).await
    {
        assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    assert_eq!(browser.get("/told").await.expect("an answer").0, StatusCode::OK);
}
