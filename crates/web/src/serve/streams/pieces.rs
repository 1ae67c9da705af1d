//! An answer's body in small pieces: whether the client reads it is seen by whether more of it is asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::body::Leaving;
use super::super::link::Link;

/// A piece is taken once the client has room for its first byte: this is what waits for more room, at most.
const PIECE: usize = 16 << 10;

/// The next piece is asked for when the client has room for all of those before.
pub(in crate::serve) struct Pieces {
    inner: Leaving,
    link: Arc<Link>,
    rest: Bytes,
    is_last: bool,
}

impl Pieces {
    pub(super) fn new(inner: Leaving, link: Arc<Link>) -> Self {
        Self { inner, link, rest: Bytes::new(), is_last: false }
    }

    fn piece(&mut self) -> Bytes {
        let whole = self.rest.len() <= PIECE;
        // The last byte goes alone: then nothing is left that waits for room when all is over for us.
        let length = match whole && self.is_last && self.rest.len() > 1 {
            true => self.rest.len() - 1,
            false => self.rest.len().min(PIECE),
        };
        self.rest.split_to(length)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.link.unread(false);
        if self.rest.is_empty() {
            let next = ready!(Pin::new(&mut self.inner).poll_frame(context));
            match next.map(|next| next.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    self.rest = data;
                    self.is_last = self.inner.is_end_stream();
                }
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece = self.piece();
        self.link.unread(true);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) = (u64::try_from(self.rest.len()).unwrap_or(u64::MAX), self.inner.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}
