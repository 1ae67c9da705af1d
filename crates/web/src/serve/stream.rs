//! A connection's bytes: who does not read is cut off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::framing::{Framing, POISON};
use super::link::Link;

/// Something of an answer must be read within this time; so a slow reader finishes, and one who stopped does not.
const READ_SOME_WITHIN: Duration = Duration::from_secs(20);

/// What the system holds for one connection that is not read. Small, so that progress is seen early: the system takes
/// more only when a third of it is free.
const UNREAD: usize = 128 << 10;

/// What holds for every connection, with or without TLS.
pub(super) fn set_up(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_send_buffer_size(UNREAD);
}

/// The bytes of HTTP on a connection, watched.
pub(super) struct Watched<S> {
    stream: S,
    link: Arc<Link>,
    framing: Framing,
    /// What is left to say in the place of bytes that are refused.
    poison: Option<&'static [u8]>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, link: Arc<Link>) -> Self {
        Self { stream, link, framing: Framing::default(), poison: None, stalled: None }
    }

    /// What a write came to; one that waits too long has failed.
    fn progress(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.stalled.take().is_some() {
                self.link.unread(false);
            }
            return written;
        }
        let link = &self.link;
        let stalled = self.stalled.get_or_insert_with(|| {
            link.unread(true);
            Box::pin(tokio::time::sleep_until(Instant::now() + READ_SOME_WITHIN))
        });
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.poison.is_none() {
            let before = into.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
            let Err(at) = self.framing.follow(&into.filled()[before..]) else {
                return Poll::Ready(Ok(()));
            };
            into.set_filled(before + at);
            self.poison = Some(POISON);
        }
        let poison = self.poison.take().unwrap_or_default();
        let (now, later) = poison.split_at(poison.len().min(into.remaining()));
        into.put_slice(now);
        self.poison = Some(later);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.progress(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
