//! Many who follow the event log at once: how long until they hear, what each of them costs, and a restart of which nothing may
//! show in what they heard.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, Response};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::body::parse_wamid;
use crate::exact::Exactness;
use crate::measure::Spread;
use crate::meter::Cpu;
use crate::stage::{Bench, Posted, Stage, say};
use crate::{clock, process, world};

const STREAMS: u32 = 500;
/// Over so many organizations: each stream is told its share of all events.
const ORGANIZATIONS: [u32; 2] = [50, 5];
/// Messages a second; each is one event.
const RATE: u32 = 500;
/// A node that was stopped is there again within this, and whoever waits hears something.
const PATIENCE: Duration = Duration::from_secs(30);

/// One number of organizations.
#[derive(Debug, Serialize)]
pub(crate) struct Try {
    pub(crate) streams: u32,
    pub(crate) organizations: u32,
    /// From the time a webhook was due until its event was read by each who follows: acknowledging and applying are in it.
    pub(crate) told: Spread,
    /// The same while their node is started again and another one takes the webhooks.
    pub(crate) told_over_a_restart: Spread,
    /// Memory under this load with the streams, less that without, shared among them.
    pub(crate) stream_kb: f64,
    pub(crate) cpu: Cpu,
    /// What some stream heard twice, out of order, of another organization, or not at all.
    pub(crate) wrongs: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Live {
    pub(crate) tries: Vec<Try>,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<(Live, Vec<Exactness>)> {
    let (mut tries, mut exact) = (Vec::new(), Vec::new());
    for organizations in ORGANIZATIONS {
        let mut stage = bench.stage("live", bench.cluster.address()).await?;
        let one = one(bench, &mut stage, organizations).await?;
        say(&format!("{one}"));
        tries.push(one);
        exact.push(stage.end().await?.1);
    }
    Ok((Live { tries }, exact))
}

async fn one(bench: &Bench<'_>, stage: &mut Stage<'_>, organizations: u32) -> Result<Try> {
    let client = bench.cluster.connect(stage.database()).await?;
    let ids: Vec<Uuid> = (0..organizations).map(|nth| bench.organization(nth)).collect();
    let keys = world::keys(&client, &ids).await?;
    let time = Duration::from_secs(bench.options.scale(15, 5));
    let load = async |at| bench.post_evenly(at, RATE, time, organizations).await;

    let (alone, without) = with_memory(stage, load(stage.address())).await?;
    stage.settle(&alone.tally).await?;

    let (node, at) = watch::channel(stage.address());
    let (end, ends) = watch::channel(None);
    let http = Client::builder().no_proxy().build()?;
    let mut followers = JoinSet::new();
    for nth in 0..STREAMS {
        let organization = nth % organizations;
        let (key, http) = (keys[organization as usize].clone(), http.clone());
        let follower = Follower { http, key, organization, at: at.clone(), ends: ends.clone(), heard: Vec::new() };
        let (stream, position) = follower.open(None).await.context("a stream does not open")?;
        followers.spawn(follower.follow(stream, position));
    }

    let meter = stage.meter(&[])?;
    let (with, memory) = with_memory(stage, load(stage.address())).await?;
    let (messages, _) = stage.settle(&with.tally).await?;
    let cpu = meter.per_message(messages)?;

    let mut other = bench.node("live").await?;
    let posting = load(other.address());
    let restarting = async {
        tokio::time::sleep(time / 3).await;
        stage.restart().await?;
        node.send_replace(stage.address());
        anyhow::Ok(())
    };
    let (over_a_restart, restarted) = tokio::join!(posting, restarting);
    restarted?;
    let over_a_restart = over_a_restart?;
    stage.settle(&over_a_restart.tally).await?;

    let last = "SELECT last FROM wazapp.organization_sequence WHERE organization_id = $1";
    let mut lasts = Vec::new();
    for id in &ids {
        lasts.push(client.query_one(last, &[id]).await?.get(0));
    }
    end.send_replace(Some(lasts));
    let (mut heard, mut wrongs) = (Vec::new(), Vec::new());
    while let Some(follower) = followers.join_next().await {
        match follower? {
            Ok(all) => heard.extend(all),
            Err(wrong) => wrongs.push(format!("{wrong:#}")),
        }
    }
    other.stop();
    Ok(Try {
        streams: STREAMS,
        organizations,
        told: spread(&heard, &with),
        told_over_a_restart: spread(&heard, &over_a_restart),
        stream_kb: (memory - without) / f64::from(STREAMS) / 1e3,
        cpu,
        wrongs,
    })
}

/// What comes of this, and the most memory of the server meanwhile, in bytes.
async fn with_memory<T>(stage: &Stage<'_>, what: impl Future<Output = Result<T>>) -> Result<(T, f64)> {
    let pid = stage.server().pid();
    let mut what = std::pin::pin!(what);
    let mut most = 0;
    loop {
        tokio::select! {
            outcome = &mut what => return Ok((outcome?, most as f64)),
            () = tokio::time::sleep(Duration::from_millis(200)) => most = most.max(process::resident(pid)?),
        }
    }
}

/// How long after a webhook was due its event was read.
fn spread(heard: &[(u64, std::time::Instant)], posted: &Posted) -> Spread {
    let waits = heard.iter().filter_map(|(n, at)| {
        let due = posted.due(*n)?;
        Some(at.saturating_duration_since(due).as_micros().try_into().unwrap_or(u32::MAX))
    });
    Spread::of(waits.collect())
}

/// One who follows an organization's log.
struct Follower {
    http: Client,
    key: String,
    organization: u32,
    /// Where the node is.
    at: watch::Receiver<SocketAddr>,
    /// Each organization's last event, once there are no more.
    ends: watch::Receiver<Option<Vec<i64>>>,
    /// Messages, and when their events were read.
    heard: Vec<(u64, std::time::Instant)>,
}

impl Follower {
    /// A stream behind this event, or from now on; and the number of its first frame, which tells where it begins.
    async fn open(&self, last: Option<i64>) -> Result<(Stream, i64)> {
        let url = format!("http://{}/api/v1/events/stream", *self.at.borrow());
        let mut request = self.http.get(url).bearer_auth(&self.key);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?.error_for_status()?;
        let mut stream = Stream { response, text: String::new() };
        let begin = if last.is_none() { stream.next().await?.id } else { 0 };
        Ok((stream, last.unwrap_or(begin)))
    }

    /// Hears everything up to the end.
    async fn follow(mut self, mut stream: Stream, mut position: i64) -> Result<Vec<(u64, std::time::Instant)>> {
        let mut ends = self.ends.clone();
        loop {
            let end = ends.borrow_and_update().as_ref().map(|ends| ends[self.organization as usize]);
            if end.is_some_and(|end| position >= end) {
                return Ok(self.heard);
            }
            let next = tokio::select! {
                next = tokio::time::timeout(PATIENCE, stream.next()) => next.context("hears nothing any more")?,
                _ = ends.changed() => continue,
            };
            let Ok(frame) = next else {
                stream = self.again(position).await?;
                continue;
            };
            if frame.event == "heartbeat" {
                continue;
            }
            self.take(&frame, position)?;
            position = frame.id;
        }
    }

    fn take(&mut self, frame: &Frame, position: i64) -> Result<()> {
        if frame.id != position + 1 {
            bail!("a stream heard {} behind {position}", frame.id);
        }
        match frame.wamid().and_then(parse_wamid) {
            Some((writer, n)) if writer.organization == self.organization => {
                self.heard.push((n, clock::now()));
                Ok(())
            }
            Some((writer, _)) => bail!("{} heard of {}", self.organization, writer.organization),
            None => Ok(()),
        }
    }

    /// Comes again, to wherever the node is then.
    async fn again(&self, position: i64) -> Result<Stream> {
        let began = clock::now();
        loop {
            match self.open(Some(position)).await {
                Ok((stream, _)) => return Ok(stream),
                Err(error) if began.elapsed() > PATIENCE => return Err(error.context("a stream does not open again")),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

struct Stream {
    response: Response,
    text: String,
}

struct Frame {
    id: i64,
    event: String,
    data: String,
}

impl Stream {
    async fn next(&mut self) -> Result<Frame> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
                let frame = Frame {
                    id: line("id: ").context("a frame without a number")?.parse()?,
                    event: line("event: ").context("a frame without a kind")?.to_owned(),
                    data: line("data: ").unwrap_or_default().to_owned(),
                };
                self.text = rest.to_owned();
                return Ok(frame);
            }
            let chunk = self.response.chunk().await?.context("the stream is over")?;
            self.text.push_str(std::str::from_utf8(&chunk)?);
        }
    }
}

impl Frame {
    fn wamid(&self) -> Option<&str> {
        let rest = &self.data[self.data.find("wamid.HBgM")?..];
        rest.split('"').next()
    }
}

impl std::fmt::Display for Try {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { streams, organizations, told, told_over_a_restart, stream_kb, cpu, wrongs } = self;
        write!(
            f,
            "{streams} streams of {organizations} organizations at {RATE}/s: webhook to reader {told}; over a restart \
             {told_over_a_restart}; {stream_kb:.0} KB a stream; {cpu}"
        )?;
        if !wrongs.is_empty() {
            write!(f, "; WRONG: {} streams, such as {}", wrongs.len(), wrongs[0])?;
        }
        Ok(())
    }
}
