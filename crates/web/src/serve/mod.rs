//! The accept loop: limits against slow and greedy clients, and an end that loses nobody.

mod body;
mod callers;
mod challenge;
mod client;
mod framing;
mod glance;
mod link;
mod peers;
mod proxies;
mod redirect;
mod stream;
mod streams;
mod tls;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HOST, HeaderValue, RETRY_AFTER};
use http::{Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use metrics::gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use body::{Arriving, Leaving};
use peers::{Peers, Place};
use stream::{Framed, Watched};

pub(crate) use body::is_too_slow;
pub(crate) use callers::{Caller, Standing};
pub use callers::{CallerAuthority, Callers, CallersError};
pub use challenge::Challenges;
pub(crate) use client::{Client, Size, Whose};
pub(crate) use peers::Peer;
pub use proxies::Proxies;
pub use redirect::to_https;
pub use tls::{Certificate, CertificateError, Tls};

/// Connections at once, where nobody says otherwise.
pub const CONNECTIONS: usize = 8192;

/// Headers must have arrived, and the next request begun, within this time.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// What is read ahead of a connection, at most; a request's head must fit in.
const BUFFER: usize = 16 << 10;

/// Requests under way when the server stops get this long.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// Of the places, one in so many is kept for webhooks: so many requests of other kinds are refused before one of them is.
const KEPT_FOR_WEBHOOKS: usize = 4;

/// Who is let in. Its clones count together: what comes by one way in takes no place twice by another.
#[derive(Clone, Debug)]
pub struct Admission {
    peers: Peers,
    /// Requests under way that are no webhooks.
    others: Arc<Semaphore>,
}

impl Admission {
    /// So many connections at once, and whom `X-Forwarded-For` is believed.
    pub fn new(connections: usize, proxies: Proxies) -> Self {
        let others = connections - connections / KEPT_FOR_WEBHOOKS;
        Self { peers: Peers::new(connections, proxies), others: Arc::new(Semaphore::new(others)) }
    }
}

/// Where connections come from.
#[derive(Debug)]
pub struct Listening {
    /// Bound.
    pub listener: TcpListener,
    /// With which they shake hands; none: plain HTTP.
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

/// Serves until the token is cancelled, then finishes what is under way.
pub async fn serve(listening: impl Into<Listening>, router: Router, admission: Admission, stop: CancellationToken) {
    let Listening { listener, tls } = listening.into();
    let Admission { peers, others } = admission;
    let server = Server { router, others, caller: None };
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(BUFFER).half_close(false);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: those at work will give some back.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = peers.admit(address.ip()) else { continue };
        stream::set_up(&stream);
        let stream = Watched::new(stream, place.link().clone());
        let (watcher, http, server, stop) = (graceful.watcher(), http.clone(), server.clone(), stop.clone());
        match tls.clone() {
            None => tokio::spawn(counted(attend(http, watcher, server, stream, place))),
            Some(tls) => tokio::spawn(async move {
                let link = place.link().clone();
                let shaken = tokio::select! {
                    shaken = tls.shake_hands(stream) => shaken,
                    () = link.is_cut() => return,
                    () = stop.cancelled() => return,
                };
                let caller = shaken.as_ref().ok().and_then(|stream| tls.caller(stream));
                let server = Server { caller, ..server };
                match shaken {
                    Ok(stream) if tls::is_http2(&stream) => {
                        counted(streams::attend(server, stream, place, stop)).await;
                        // Until here the end of the server waits for it.
                        drop(watcher);
                    }
                    Ok(stream) => counted(attend(http, watcher, server, stream, place)).await,
                    Err(error) => tracing::trace!(%error, "a connection did not come to TLS"),
                }
            }),
        };
    }
    drop(listener);
    if tokio::time::timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// Serves one connection, which counts meanwhile.
async fn counted(connection: impl Future<Output = ()>) {
    gauge!("wazapp_http_connections").increment(1);
    connection.await;
    gauge!("wazapp_http_connections").decrement(1);
}

/// Serves one connection to its end, or until its place is needed.
async fn attend<S>(http: http1::Builder, watcher: Watcher, server: Server, stream: S, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let link = place.link().clone();
    let place = Arc::new(place);
    let framed = TokioIo::new(Framed::new(stream));
    let answering = service_fn(move |request| server.clone().answer(request, place.clone()));
    let connection = watcher.watch(http.serve_connection(framed, answering));
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::trace!(%error, "a connection ended early");
            }
        }
        () = link.is_cut() => tracing::trace!("a connection gave way to others"),
    }
}

#[derive(Clone)]
struct Server {
    router: Router,
    /// Requests under way that are no webhooks.
    others: Arc<Semaphore>,
    /// Who is at the other end, where they are asked.
    caller: Option<Caller>,
}

impl Server {
    async fn answer(mut self, request: Request<Incoming>, place: Arc<Place>) -> Result<Response<Leaving>, Infallible> {
        let (parts, body) = request.into_parts();
        let mut request = Request::from_parts(parts, Body::new(Arriving::new(body, place.clone())));
        let answer = if let Some(refusal) = misframed(&request) {
            refusal
        } else if let Some(peer) = place.begin(request.headers()) {
            request.extensions_mut().insert(Client::new(peer, place.clone()));
            if let Some(caller) = self.caller.take() {
                request.extensions_mut().insert(caller);
            }
            self.routed(request).await
        } else {
            busy("Too many requests from your address are under way")
        };
        let (parts, body) = answer.into_parts();
        Ok(Response::from_parts(parts, Leaving::new(body, place)))
    }

    async fn routed(self, request: Request<Body>) -> Response {
        let path = request.uri().path();
        let webhook = path.strip_prefix("/webhook").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let place = if webhook { None } else { Some(self.others.try_acquire_owned()) };
        if let Some(Err(_)) = place {
            return busy("Too many requests are under way");
        }
        self.router.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// RFC 9112, section 3.2: who is asked must be said once.
fn misframed(request: &Request<Body>) -> Option<Response> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() == Version::HTTP_10) {
        return None;
    }
    let mut refusal = (StatusCode::BAD_REQUEST, "The request must have one Host header.\n").into_response();
    refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Some(refusal)
}

fn busy(why: &str) -> Response {
    let words = format!("{why}. Nothing was done: send it again in a second.\n");
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], words).into_response()
}
