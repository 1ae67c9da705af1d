//! Bodies on their way in and out: a request's must arrive, and a connection says whose move it is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as Outgoing;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::link::Stage;
use super::peers::Place;

/// So many bytes, or the rest, must arrive in so much waiting.
const PIECE: usize = 16 << 10;
const PIECE_WITHIN: Duration = Duration::from_secs(20);

/// The client sends too slowly to be waited for.
#[derive(Debug, thiserror::Error)]
#[error("the body arrives too slowly")]
pub(crate) struct TooSlow;

/// Whether an error of reading a body is [`TooSlow`].
pub(crate) fn is_too_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<TooSlow>())
}

/// A request's body. Only waiting for the client counts, not the time in which nobody asks for more.
pub(super) struct Arriving {
    inner: Incoming,
    place: Arc<Place>,
    deadline: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Instant>,
    waited: Duration,
    arrived: usize,
}

impl Arriving {
    pub(super) fn new(inner: Incoming, place: Arc<Place>) -> Self {
        let stage = if inner.is_end_stream() { Stage::Working } else { Stage::Receiving };
        place.link().enter(stage);
        Self { inner, place, deadline: None, waiting_since: None, waited: Duration::ZERO, arrived: 0 }
    }

    fn came(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.arrived += bytes;
        if self.arrived >= PIECE {
            (self.arrived, self.waited) = (0, Duration::ZERO);
        }
    }

    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let left = PIECE_WITHIN.saturating_sub(self.waited);
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            match &mut self.deadline {
                Some(deadline) => deadline.as_mut().reset(now + left),
                None => self.deadline = Some(Box::pin(tokio::time::sleep_until(now + left))),
            }
        }
        self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready())
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.came(frame.data_ref().map_or(0, Bytes::len));
                if self.inner.is_end_stream() {
                    self.place.link().enter(Stage::Working);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => {
                self.place.link().enter(Stage::Working);
                Poll::Ready(end.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending if self.is_late(context) => Poll::Ready(Some(Err(TooSlow.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Whoever answers without the rest of a body is at work all the same.
impl Drop for Arriving {
    fn drop(&mut self) {
        if self.place.link().stage() == Stage::Receiving {
            self.place.link().enter(Stage::Working);
        }
    }
}

/// An answer's body; with its end the connection waits for the next request.
pub(super) struct Leaving {
    inner: Outgoing,
    place: Arc<Place>,
}

impl Leaving {
    pub(super) fn new(inner: Outgoing, place: Arc<Place>) -> Self {
        place.link().enter(Stage::Sending);
        Self { inner, place }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.place.done();
    }
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
