//! Open loop: requests at fixed times, whether or not the earlier ones have been answered.
//!
//! Latency counts from the time a request was due, so a stall shows in every request it held up. Each connection is a
//! blocking thread: the kernel wakes it within some 60 µs of the due time, where an async timer has steps of 1 ms.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::clock;
use crate::http::Answer;
use crate::measure::Tally;
use crate::source::Source;

/// A silent server is given up after this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// When requests are due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    pub(crate) every: Duration,
    pub(crate) count: u64,
}

impl Schedule {
    /// `rate` requests a second for `time`.
    pub(crate) fn new(start: Instant, rate: u32, time: Duration) -> Self {
        let every = Duration::from_secs(1) / rate;
        Self { start, every, count: (time.as_nanos() / every.as_nanos()) as u64 }
    }

    /// The time of the `nth` request; `None` after the last.
    pub(crate) fn due(&self, nth: u64) -> Option<Instant> {
        (nth < self.count).then(|| self.start + Duration::from_nanos(self.every.as_nanos() as u64 * nth))
    }
}

/// Connects, which may take a second when the server's backlog is short: to be done before anything is due.
pub(crate) fn connect_all(address: SocketAddr, connections: usize) -> Result<Vec<TcpStream>> {
    (0..connections).map(|_| connect(address)).collect()
}

/// Posts what `source` makes, by the schedule. Blocks until all is answered.
pub(crate) fn run(connections: Vec<TcpStream>, schedule: Schedule, source: Source) -> Result<Tally> {
    let shared = Arc::new(Shared { schedule, source: Mutex::new(source), next: AtomicU64::new(0) });
    let mut threads = Vec::new();
    for stream in connections {
        let shared = Arc::clone(&shared);
        threads.push(std::thread::Builder::new().stack_size(128 * 1024).spawn(move || shared.connection(stream))?);
    }
    let mut total = Tally::default();
    for thread in threads {
        total.add(thread.join().map_err(|_| anyhow!("a connection's thread panicked"))??);
    }
    Ok(total)
}

struct Shared {
    schedule: Schedule,
    source: Mutex<Source>,
    next: AtomicU64,
}

impl Shared {
    fn connection(&self, mut stream: TcpStream) -> Result<Tally> {
        let address = stream.peer_addr()?;
        let mut tally = Tally::default();
        let (mut request, mut read) = (Vec::with_capacity(1536), vec![0; 4096]);
        while let Some(due) = self.schedule.due(self.next.fetch_add(1, Ordering::Relaxed)) {
            clock::sleep_until(due);
            let Some(n) = self.source.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut request) else {
                break;
            };
            match exchange(&mut stream, &request, &mut read) {
                Ok(answer) => {
                    tally.answered(n, answer.status, due.elapsed());
                    if answer.last {
                        stream = connect(address)?;
                    }
                }
                Err(_) => {
                    tally.broken += 1;
                    stream = connect(address)?;
                }
            }
        }
        tally.elapsed = self.schedule.start.elapsed();
        Ok(tally)
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).context("connecting to the server")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn exchange(stream: &mut TcpStream, request: &[u8], read: &mut [u8]) -> Result<Answer> {
    stream.write_all(request)?;
    let mut length = 0;
    loop {
        let more = stream.read(&mut read[length..])?;
        if more == 0 {
            bail!("the server closed the connection, or its answer is too long");
        }
        length += more;
        if let Some(answer) = Answer::parse(&read[..length])? {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed::tests::{dummy, source};
    use crate::source::Pick;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_schedule() {
        let address = dummy(u64::MAX, u64::MAX).await;
        let schedule = Schedule::new(clock::now() + Duration::from_millis(50), 500, Duration::from_secs(1));
        let connections = connect_all(address, 16).unwrap();
        let load = move || run(connections, schedule, source(Pick::Anyone));
        let tally = tokio::task::spawn_blocking(load).await.unwrap().unwrap();
        assert_eq!(tally.acked.len(), 500);
        assert!((0.95..1.5).contains(&tally.elapsed.as_secs_f64()), "{:?}", tally.elapsed);
    }

    /// One connection and a server that takes 20 ms for each answer can do 50/s; at 100/s every request waits for those
    /// before it, and the latencies must say so.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_slow_server_cannot_hide_the_wait() {
        let address = dummy(u64::MAX, u64::MAX).await;
        let slow = crate::proxy::Proxy::start(address, Duration::from_millis(10)).await.unwrap();
        let schedule = Schedule::new(clock::now() + Duration::from_millis(50), 100, Duration::from_secs(1));
        let connections = connect_all(slow.address(), 1).unwrap();
        let load = move || run(connections, schedule, source(Pick::Anyone));
        let tally = tokio::task::spawn_blocking(load).await.unwrap().unwrap();
        let worst = tally.micros.iter().max().unwrap() / 1000;
        assert!(worst > 900, "{worst} ms");
    }
}
