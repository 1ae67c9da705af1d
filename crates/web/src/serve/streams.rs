//! HTTP/2: each stream of a connection has a place of its own and is held to what a connection of HTTP/1.1 is held to. What the
//! protocol brings that is new, floods of what costs only the server, ends the connection.

mod pieces;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{COOKIE, HOST, HeaderMap, HeaderValue};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::link::Stage;
use super::peers::Place;
use super::stream::READ_SOME_WITHIN;
use super::{BUFFER, HEADERS_WITHIN, Server};
use pieces::Pieces;

/// Streams of one connection at once.
const AT_ONCE: u32 = 100;

/// What a client may send of bodies that nobody has read yet, on a stream and on all of a connection's.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// What is held of an answer that the system does not take yet.
const UNSENT: usize = 32 << 10;

/// A peer that is gone, or says nothing for so long that it may as well be, is found out by asking it.
const ASKED_EVERY: Duration = Duration::from_secs(20);
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// Who was told that the connection ends gets this long to agree.
const PARTS_WITHIN: Duration = Duration::from_secs(5);

/// Requests that a client takes back before they are answered, beyond those that it lets be answered. A browser that leaves a page
/// takes back some dozens; a flood, all (CVE-2023-44487).
const TAKEN_BACK: usize = 100;

tokio::task_local! {
    /// The place of the stream that the task is at work for.
    static PLACE: Arc<Place>;
}

/// The streams of one connection.
#[derive(Clone, Debug)]
struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connection: Place,
    open: watch::Sender<usize>,
    /// How many more requests the client may take back.
    credit: AtomicUsize,
    patience: Duration,
}

/// Serves one connection to its end: until its place is needed, it is idle for too long, or the server stops.
pub(super) async fn attend<S>(server: Server, stream: S, place: Place, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    attend_with(server, stream, Streams::of(place, READ_SOME_WITHIN), HEADERS_WITHIN, stop).await;
}

async fn attend_with<S>(server: Server, stream: S, streams: Streams, idle: Duration, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let link = streams.0.connection.link().clone();
    let answering = {
        let streams = streams.clone();
        service_fn(move |request| streams.clone().answer(server.clone(), request))
    };
    let mut connection = pin!(streams.http().serve_connection(TokioIo::new(stream), answering));
    let mut parting = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection ended early");
                }
                return;
            }
            () = link.is_cut() => {
                tracing::trace!("a connection gave way to others, or took back too many requests");
                return;
            }
            () = streams.idle_for(PARTS_WITHIN), if parting => return,
            () = stop.cancelled(), if !parting => {}
            () = streams.idle_for(idle), if !parting => {}
        }
        parting = true;
        connection.as_mut().graceful_shutdown();
    }
}

impl Streams {
    fn of(connection: Place, patience: Duration) -> Self {
        let (open, credit) = (watch::Sender::new(0), AtomicUsize::new(TAKEN_BACK));
        Self(Arc::new(Shared { connection, open, credit, patience }))
    }

    fn http(&self) -> http2::Builder<Self> {
        let mut http = http2::Builder::new(self.clone());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(AT_ONCE)
            .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(UNSENT)
            .keep_alive_interval(ASKED_EVERY)
            .keep_alive_timeout(ANSWERS_WITHIN);
        http
    }

    async fn answer(self, server: Server, request: Request<Incoming>) -> Result<Response<Pieces>, Infallible> {
        let place = PLACE.with(Arc::clone);
        let begun = Begun { streams: &self, answered: false };
        let answer = server.answer(as_one_connection_has_it(request), place.clone()).await?;
        begun.answer();
        Ok(answer.map(|body| Pieces::new(body, place.link().clone())))
    }

    /// No stream was open for so long.
    async fn idle_for(&self, span: Duration) {
        let mut open = self.0.open.subscribe();
        loop {
            let none = *open.borrow_and_update() == 0;
            tokio::select! {
                _ = open.changed() => {}
                () = tokio::time::sleep(span), if none => return,
            }
        }
    }

    fn count(&self, change: impl FnOnce(&mut usize)) {
        let link = self.0.connection.link();
        self.0.open.send_modify(|open| {
            change(open);
            // While there are streams, it is they who give way; it does itself, if nothing of what it carries is read.
            link.enter(if *open == 0 { Stage::Idle } else { Stage::Sending });
        });
    }
}

/// Runs what hyper does for one stream.
impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        // None: we are at work for all that its peer may have. What is dropped is reset.
        let Some(place) = self.0.connection.admit_stream() else { return };
        let (link, patience, open) = (place.link().clone(), self.0.patience, Open::new(self));
        tokio::spawn(PLACE.scope(Arc::new(place), async move {
            let _open = open;
            tokio::select! {
                () = stream => {}
                () = link.is_cut() => tracing::trace!("a stream gave way to others"),
                () = link.is_not_read(patience) => tracing::trace!("a stream is not read"),
            }
        }));
    }
}

/// A stream that is open.
struct Open(Streams);

impl Open {
    fn new(streams: &Streams) -> Self {
        streams.count(|open| *open += 1);
        Self(streams.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.count(|open| *open -= 1);
    }
}

/// A request that is not answered yet. Dropped before it is, the client took it back.
struct Begun<'a> {
    streams: &'a Streams,
    answered: bool,
}

impl Begun<'_> {
    fn answer(mut self) {
        self.answered = true;
        let more = |credit: usize| (credit < TAKEN_BACK).then_some(credit + 1);
        let _ = self.streams.0.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let Shared { credit, connection, .. } = &*self.streams.0;
        let less = |credit: usize| credit.checked_sub(1);
        if !self.answered && credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
            connection.link().cut();
        }
    }
}

/// As HTTP/1.1 has it, so that nobody behind here sees a difference: who is asked stands in the header Host, cookies in one line,
/// and the URI is a path. <https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3>, section 8.3.1.
fn as_one_connection_has_it<B>(mut request: Request<B>) -> Request<B> {
    if let Some(authority) = request.uri().authority().and_then(|asked| HeaderValue::from_str(asked.as_str()).ok()) {
        let headers = request.headers_mut();
        // What says another one stands there twice, and is refused for it.
        if headers.get(HOST).is_none_or(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())) {
            headers.append(HOST, authority);
        }
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    join_cookies(request.headers_mut());
    request
}

fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests;
