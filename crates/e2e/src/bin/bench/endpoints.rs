//! Every organization has its events told to an endpoint, and a tenth of the endpoints are dead: how long the others wait.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::body::parse_wamid;
use crate::exact::Exactness;
use crate::measure::Spread;
use crate::meter::Cpu;
use crate::stage::{Bench, say};
use crate::{clock, world};

/// Messages a second, each an event that is told.
const RATE: u32 = 500;
/// One endpoint in so many never answers.
const DEAD: u32 = 10;
/// For what is on its way when the last webhook was answered.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize)]
pub(crate) struct Endpoints {
    pub(crate) endpoints: usize,
    pub(crate) dead: usize,
    /// From the time a webhook was due until the endpoint was called: acknowledging and applying are in it.
    pub(crate) called: Spread,
    /// Of all that was to be told to those who answer.
    pub(crate) missed: usize,
    /// By message, its receiving in it.
    pub(crate) cpu: Cpu,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<(Endpoints, Exactness)> {
    let mut stage = bench.stage("endpoints", bench.cluster.address()).await?;
    let count = bench.shape.organizations;
    let client = bench.cluster.connect(stage.database()).await?;
    let ids: Vec<Uuid> = (0..count).map(|nth| bench.organization(nth)).collect();
    let keys = world::keys(&client, &ids).await?;
    let (alive, dead) = (Sink::open(true).await?, Sink::open(false).await?);
    let http = reqwest::Client::builder().no_proxy().build()?;
    for (nth, key) in (0..count).zip(&keys) {
        let sink = if nth % DEAD == 0 { &dead } else { &alive };
        let wanted = serde_json::json!({ "url": format!("http://{}/{nth}", sink.address), "format": "wazapp" });
        let url = format!("http://{}/api/v1/endpoints", stage.address());
        let answer = http
            .post(url)
            .bearer_auth(key)
            .header("content-type", "application/json")
            .body(wanted.to_string())
            .send()
            .await?;
        ensure!(answer.status() == 201, "an endpoint is refused: {}", answer.text().await?);
    }
    let time = Duration::from_secs(bench.options.scale(30, 8));
    let meter = stage.meter(&[])?;
    let posted = bench.post_evenly(stage.address(), RATE, time, count).await?;
    let (messages, _) = stage.settle(&posted.tally).await?;
    let of_alive = |wamid: &str| parse_wamid(wamid).filter(|(writer, _)| writer.organization % DEAD != 0);
    let told = "SELECT wamid FROM wazapp.message WHERE received_at >= $1";
    let rows = client.query(told, &[&posted.began]).await.context("what was to be told")?;
    let expected: Vec<u64> = rows.iter().filter_map(|row| Some(of_alive(row.get(0))?.1)).collect();
    let began = clock::now();
    while alive.calls().len() < expected.len() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cpu = meter.per_message(messages)?;
    let calls = alive.calls().clone();
    let heard: std::collections::HashSet<u64> = calls.iter().map(|(n, _)| *n).collect();
    let waits = calls.iter().filter_map(|(n, at)| {
        let wait = at.saturating_duration_since(posted.due(*n)?);
        Some(wait.as_micros().try_into().unwrap_or(u32::MAX))
    });
    let endpoints = Endpoints {
        endpoints: keys.len(),
        dead: keys.len().div_ceil(DEAD as usize),
        called: Spread::of(waits.collect()),
        missed: expected.iter().filter(|n| !heard.contains(n)).count(),
        cpu,
    };
    say(&format!("{endpoints}"));
    Ok((endpoints, stage.end().await?.1))
}

/// Takes calls; one that is dead reads them, and never answers.
struct Sink {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<(u64, Instant)>>>,
}

impl Sink {
    async fn open(answers: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = Self { address: listener.local_addr()?, calls: Arc::default() };
        let calls = Arc::clone(&sink.calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let calls = Arc::clone(&calls);
                // A caller that goes away ends it.
                tokio::spawn(async move { take(stream, answers, &calls).await });
            }
        });
        Ok(sink)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Instant)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(mut stream: TcpStream, answers: bool, calls: &Mutex<Vec<(u64, Instant)>>) -> Result<()> {
    let mut read = Vec::new();
    while stream.read_buf(&mut read).await? > 0 {
        while let Some(length) = request_length(&read)? {
            let wamid = std::str::from_utf8(&read[..length])?.split('"').find(|part| part.starts_with("wamid.HBgM"));
            if let Some((_, n)) = wamid.and_then(parse_wamid) {
                calls.lock().unwrap_or_else(PoisonError::into_inner).push((n, clock::now()));
            }
            read.drain(..length);
            if answers {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
            }
        }
    }
    Ok(())
}

/// How long the first request is, once it is all there.
fn request_length(read: &[u8]) -> Result<Option<usize>> {
    let Some(head) = read.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&read[..head])?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = head + 4 + length.context("a call without a length")?.trim().parse::<usize>()?;
    Ok((read.len() >= length).then_some(length))
}

impl std::fmt::Display for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { endpoints, dead, called, missed, cpu } = self;
        write!(f, "{endpoints} endpoints, {dead} dead, at {RATE}/s: webhook to call {called}; {cpu}")?;
        if *missed > 0 {
            write!(f, "; {missed} not told within {PATIENCE:?}")?;
        }
        Ok(())
    }
}
