//! A database far away: a TCP proxy that passes bytes on after a delay, both ways.
//!
//! Bytes wait in a queue with the time they are due, so what was sent together arrives together: only distance is
//! added, bandwidth is not taken away.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::clock;

/// The timer counts whole milliseconds and rounds up, which makes it this much late.
const TIMER_LATE: Duration = Duration::from_millis(1);

/// Chunks under way in one direction of one connection; enough for everything a database client has in flight.
const IN_FLIGHT: usize = 4096;

/// Runs until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Leads to `target`, `delay` away in each direction.
    pub(crate) async fn start(target: SocketAddr, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    // A failed connection shows at the client, which is told by the closing of its own.
                    let _ = connection(client, target, delay).await;
                });
            }
        });
        Ok(Self { address, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(client: TcpStream, target: SocketAddr, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(direction(from_client, to_server, delay), direction(from_server, to_client, delay))?;
    Ok(())
}

async fn direction(from: OwnedReadHalf, to: OwnedWriteHalf, delay: Duration) -> std::io::Result<()> {
    let (queue, due) = mpsc::channel(IN_FLIGHT);
    tokio::try_join!(take(from, queue, delay), pass_on(to, due))?;
    Ok(())
}

async fn take(mut from: OwnedReadHalf, queue: mpsc::Sender<(Instant, Bytes)>, delay: Duration) -> std::io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(64 * 1024);
        if from.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let due = Instant::from_std(clock::now() + delay.saturating_sub(TIMER_LATE));
        if queue.send((due, buffer.split().freeze())).await.is_err() {
            return Ok(());
        }
    }
}

async fn pass_on(mut to: OwnedWriteHalf, mut queue: mpsc::Receiver<(Instant, Bytes)>) -> std::io::Result<()> {
    while let Some((due, bytes)) = queue.recv().await {
        tokio::time::sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.unwrap();
                    to.shutdown().await.unwrap();
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn delays_both_ways() {
        let proxy = Proxy::start(echo().await, Duration::from_millis(10)).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let began = clock::now();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        let took = began.elapsed().as_millis();
        assert_eq!(&answer, b"ping");
        assert!((18..28).contains(&took), "{took} ms");
    }

    #[tokio::test]
    async fn does_not_throttle_what_is_pipelined() {
        let proxy = Proxy::start(echo().await, Duration::from_millis(10)).await.unwrap();
        let (mut from, mut to) = TcpStream::connect(proxy.address()).await.unwrap().into_split();
        let began = clock::now();
        let sender = tokio::spawn(async move {
            for chunk in 0..20_000u32 {
                to.write_all(&[chunk as u8; 1000]).await.unwrap();
            }
            to.shutdown().await.unwrap();
        });
        let mut all = Vec::new();
        from.read_to_end(&mut all).await.unwrap();
        sender.await.unwrap();
        assert_eq!(all.len(), 20_000_000);
        assert!(all.chunks(1000).enumerate().all(|(nth, chunk)| chunk.iter().all(|&byte| byte == nth as u8)));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}
