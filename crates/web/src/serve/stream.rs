//! A connection's bytes: who does not read is cut off, and what two readers may differ about is refused.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::framing::{Framing, POISON};
use super::link::Link;

/// Something of an answer must be read within this time; so a slow reader finishes, and one who stopped does not.
pub(super) const READ_SOME_WITHIN: Duration = Duration::from_secs(20);

/// What the system holds for one connection that is not read. Small, so that progress is seen early: the system takes
/// more only when a third of it is free.
const UNREAD: usize = 128 << 10;

/// What holds for every connection, with or without TLS.
pub(super) fn set_up(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_send_buffer_size(UNREAD);
}

/// The bytes that go over the network, below TLS where it is spoken: whoever reads nothing of them is seen here alone.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    link: Arc<Link>,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, link: Arc<Link>) -> Self {
        Self::for_so_long(stream, link, READ_SOME_WITHIN)
    }

    fn for_so_long(stream: S, link: Arc<Link>, patience: Duration) -> Self {
        Self { stream, link, patience, stalled: None }
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
            Box::pin(tokio::time::sleep(self.patience))
        });
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
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

/// The bytes of HTTP on a connection, followed before hyper has them.
pub(super) struct Framed<S> {
    stream: S,
    framing: Framing,
    /// What is left to say in the place of bytes that are refused.
    poison: Option<&'static [u8]>,
}

impl<S> Framed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, framing: Framing::default(), poison: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
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

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;
    use tokio_rustls::server::TlsStream;
    use tokio_rustls::{TlsConnector, client};

    use super::super::link::Stage;
    use super::super::tls::{Certificate, Tls};
    use super::*;

    type Ends = (TlsStream<Watched<DuplexStream>>, client::TlsStream<DuplexStream>, Arc<Link>);

    async fn over_tls(patience: Duration) -> Ends {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = made.signing_key.serialize_pem();
        let certificate = Certificate::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).expect("a pair");
        let tls = Tls::new(Some(&certificate));
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
        let (ours, theirs) = tokio::io::duplex(4 << 10);
        let link = Arc::new(Link::new(Instant::now()));
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let ours = Watched::for_so_long(ours, link.clone(), patience);
        let (ours, theirs) = tokio::join!(tls.shake_hands(ours), connector.connect(name, theirs));
        (ours.expect("a handshake"), theirs.expect("a handshake"), link)
    }

    /// TLS takes bytes that it could not hand on yet: whether they are read is seen below it.
    #[tokio::test]
    async fn who_does_not_read_is_cut_off_behind_tls_too() {
        for size in [10 << 10, 1 << 20] {
            let (mut ours, theirs, link) = over_tls(Duration::from_millis(300)).await;
            let bytes = vec![b'a'; size];
            let written = async {
                ours.write_all(&bytes).await?;
                ours.flush().await?;
                ours.shutdown().await
            };
            let cut = written.await.expect_err("nobody reads");
            assert_eq!(cut.kind(), io::ErrorKind::TimedOut, "{size}");
            link.enter(Stage::Sending);
            assert!(link.waits().is_some(), "it gives way before others do");
            drop(theirs);
        }
    }

    #[tokio::test]
    async fn who_reads_slowly_gets_all() {
        let (mut ours, mut theirs, link) = over_tls(Duration::from_secs(20)).await;
        let writing = tokio::spawn(async move {
            ours.write_all(&vec![b'a'; 100 << 10]).await?;
            ours.shutdown().await
        });
        let (mut read, mut some) = (0, [0; 4 << 10]);
        loop {
            tokio::task::yield_now().await;
            match theirs.read(&mut some).await.expect("it goes on") {
                0 => break,
                length => read += length,
            }
        }
        assert_eq!(read, 100 << 10);
        writing.await.expect("it ends").expect("all was read");
        link.enter(Stage::Sending);
        assert!(link.waits().is_none(), "nothing is unread");
    }
}
