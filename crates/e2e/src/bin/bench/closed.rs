//! Closed loop: a number of connections, each with one request on its way, as fast as the answers come.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::clock;
use crate::http::Answer;
use crate::measure::Tally;
use crate::source::Source;

/// After a refusal or a broken connection.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Posts what `source` makes until `time` is over or the source is empty. Blocks: it has a thread and a runtime of its
/// own, so that nothing else delays it.
pub(crate) fn run(address: SocketAddr, connections: usize, time: Duration, source: Source) -> Result<Tally> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let source = Arc::new(Mutex::new(source));
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(connect(address).await?);
        }
        let began = clock::now();
        let mut tasks: JoinSet<Result<Tally>> = JoinSet::new();
        for stream in streams {
            tasks.spawn(connection(address, stream, began + time, Arc::clone(&source)));
        }
        let mut total = Tally::default();
        let all = async {
            while let Some(tally) = tasks.join_next().await {
                total.add(tally??);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(time + PATIENCE, all).await.context("the server stopped answering")??;
        total.elapsed = began.elapsed();
        Ok(total)
    })
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("connecting to the server")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn connection(
    address: SocketAddr,
    mut stream: TcpStream,
    end: Instant,
    source: Arc<Mutex<Source>>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let (mut request, mut read) = (Vec::with_capacity(1536), Vec::with_capacity(1024));
    while clock::now() < end {
        let Some(n) = source.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut request) else {
            break;
        };
        let posted = clock::now();
        match exchange(&mut stream, &request, &mut read).await {
            Ok(answer) => {
                tally.answered(n, answer.status, posted.elapsed());
                if answer.status != 200 {
                    tokio::time::sleep(PAUSE).await;
                }
                if answer.last {
                    stream = connect(address).await?;
                }
            }
            Err(_) => {
                tally.broken += 1;
                tokio::time::sleep(PAUSE).await;
                stream = connect(address).await?;
            }
        }
    }
    Ok(tally)
}

async fn exchange(stream: &mut TcpStream, request: &[u8], read: &mut Vec<u8>) -> Result<Answer> {
    stream.write_all(request).await?;
    read.clear();
    loop {
        if stream.read_buf(read).await? == 0 {
            bail!("the server closed the connection");
        }
        if let Some(answer) = Answer::parse(read)? {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::body::Shape;
    use crate::source::Pick;

    /// Answers every request; every `refuse`th with 503, and every `hang_up`th by closing the connection.
    pub(crate) async fn dummy(refuse: u64, hang_up: u64) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(AtomicU64::new(0));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let served = Arc::clone(&served);
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    while stream.read_buf(&mut read).await.is_ok_and(|length| length > 0) {
                        let text = std::str::from_utf8(&read).unwrap();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else {
                            continue;
                        };
                        let length = head.split("Content-Length: ").nth(1).unwrap();
                        if body.len() < length.parse::<usize>().unwrap() {
                            continue;
                        }
                        read.clear();
                        let nth = served.fetch_add(1, Ordering::Relaxed) + 1;
                        if nth.is_multiple_of(hang_up) {
                            return;
                        }
                        let status = if nth.is_multiple_of(refuse) { "503 No" } else { "200 OK" };
                        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        address
    }

    pub(crate) fn source(pick: Pick) -> Source {
        Source::new(Shape { organizations: 10, contacts: 10 }, pick, 0.0, 1, Arc::default())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everyone_is_acknowledged_once() {
        let address = dummy(u64::MAX, u64::MAX).await;
        let load = move || run(address, 8, Duration::from_secs(20), source(Pick::Everyone));
        let tally = tokio::task::spawn_blocking(load).await.unwrap().unwrap();
        assert_eq!((tally.acked.len(), tally.distinct().len(), tally.broken), (101, 101, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn refusals_and_broken_connections_are_counted_and_survived() {
        let address = dummy(10, 25).await;
        let load = move || run(address, 4, Duration::from_millis(500), source(Pick::Anyone));
        let tally = tokio::task::spawn_blocking(load).await.unwrap().unwrap();
        assert!(tally.broken > 0 && tally.refused[&503] > 0 && tally.acked.len() > 50);
        assert!(tally.elapsed >= Duration::from_millis(500));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "a measurement: cargo test --release -- --ignored --nocapture"]
    async fn how_fast_the_load_itself_is() {
        let address = dummy(u64::MAX, u64::MAX).await;
        let load = move || run(address, 64, Duration::from_secs(3), source(Pick::Anyone));
        let tally = tokio::task::spawn_blocking(load).await.unwrap().unwrap();
        println!("{:.0} requests/s against a server that does nothing", tally.acked_per_second());
    }
}
