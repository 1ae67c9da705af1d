//! The listening side: HTTP that can also break off in the middle, as faults ask.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::engine::Meta;

/// How an answer breaks off.
#[derive(Debug)]
pub(crate) enum Abort {
    /// Not a byte of it arrives.
    Reset,
    /// Its head and half of its body arrive.
    Truncate(Response),
}

/// A response that the connection turns into a break.
pub(crate) fn abort(how: Abort) -> Response {
    let mut response = Response::new(Body::empty());
    match how {
        Abort::Reset => {
            response.extensions_mut().insert(Break);
            response
        }
        Abort::Truncate(whole) => {
            let (parts, body) = whole.into_parts();
            Response::from_parts(parts, Body::new(Half { body, sent: false, flushed: false }))
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Break;

/// Half of a body, then an error.
struct Half {
    body: Body,
    sent: bool,
    flushed: bool,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.sent && !self.flushed {
            // A pause in which hyper writes out what it has; at an error it would throw that away.
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.sent {
            return Poll::Ready(Some(Err(std::io::Error::other("cut, as a fault asks"))));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.sent = true;
                let half = frame.into_data().map(|data| data.slice(..data.len() / 2)).unwrap_or_default();
                Poll::Ready(Some(Ok(Frame::data(half))))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(std::io::Error::other(error)))),
            Poll::Ready(None) => Poll::Ready(Some(Err(std::io::Error::other("cut, as a fault asks")))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        // The whole length is announced: the client notices what is missing.
        self.body.size_hint()
    }
}

/// Serves until stopped.
pub(crate) async fn serve(meta: Arc<Meta>, listener: TcpListener, router: Router) {
    loop {
        let accepted = tokio::select! {
            () = meta.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        meta.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let router = router.clone();
                async move {
                    let answer: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
                    let answer = answer.unwrap_or_else(|never| match never {});
                    match answer.extensions().get::<Break>() {
                        Some(_) => Err(std::io::Error::other("broken off, as a fault asks")),
                        None => Ok(answer.map(|body| body.boxed_unsync())),
                    }
                }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::trace!(%error, "a connection ended early");
            }
        });
    }
}
