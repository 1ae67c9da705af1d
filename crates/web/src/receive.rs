//! From a signed body to a committed row: group commit.
//!
//! A writer takes whatever queued while its last commit was under way and commits it in one transaction. No delay is
//! added, and under load one flush serves hundreds of requests. The queue is bounded: full means 503, and Meta tries
//! again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use model::Clock;
use model::activity::Activity;
use model::database::{Connection, Database, DatabaseError};
use model::inbound::{self, Backlog, Body, Stream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use whatsapp::webhook;

/// The most bodies in one transaction: beyond it a larger batch saves nothing.
const BATCH: usize = 250;

/// Meta gives up on an answer after some seconds and tries again later; so do we.
const PATIENCE: Duration = Duration::from_secs(10);

/// From this round trip on the database is called remote, and several batches are kept under way.
const REMOTE: Duration = Duration::from_millis(2);
const BATCHES_UNDER_WAY: u32 = 4;

/// The pause between attempts to connect grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The body was not stored; Meta must send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// More waits than can be held.
    QueueFull,
    /// The database is away or did not answer in time.
    DatabaseAway,
}

/// Takes bodies to be stored.
#[derive(Clone, Debug)]
pub struct Receiver {
    writers: Arc<[(mpsc::Sender<Waiting>, Arc<HeldUp>)]>,
}

#[derive(Debug)]
struct Waiting {
    body: Body,
    stored: oneshot::Sender<Result<(), NotStored>>,
}

impl Receiver {
    /// Starts the writers. They end when the token is cancelled and what was queued is written.
    pub fn start(
        database: &Database,
        backlog: &Arc<Backlog>,
        clock: &Clock,
        writers: usize,
        queue: usize,
        stop: &CancellationToken,
    ) -> (Self, JoinSet<()>) {
        let mut running = JoinSet::new();
        let writers = (0..writers.max(1))
            .map(|_| {
                let (sender, waiting) = mpsc::channel(queue.div_ceil(writers.max(1)));
                let held_up = Arc::new(HeldUp::default());
                let writer = Writer {
                    database: database.clone(),
                    backlog: backlog.clone(),
                    clock: clock.clone(),
                    waiting,
                    held_up: held_up.clone(),
                    stop: stop.clone(),
                };
                running.spawn(writer.run());
                (sender, held_up)
            })
            .collect();
        (Self { writers }, running)
    }

    /// Stores a body. On success it is committed.
    pub async fn receive(&self, body: Body) -> Result<(), NotStored> {
        // A number always goes to the same writer, so its bodies keep their order.
        let (writer, _) = &self.writers[usize::try_from(body.lane).unwrap_or(0) % self.writers.len()];
        let (stored, answer) = oneshot::channel();
        writer.try_send(Waiting { body, stored }).map_err(|_| NotStored::QueueFull)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            _ => Err(NotStored::DatabaseAway),
        }
    }

    /// How many bodies wait for a commit.
    pub fn waiting(&self) -> usize {
        self.writers.iter().map(|(writer, _)| writer.max_capacity() - writer.capacity()).sum()
    }

    /// For how long the database has confirmed nothing of what it was given; of several writers, of the worst.
    pub fn held_up(&self) -> Duration {
        self.writers.iter().map(|(_, held_up)| held_up.time()).max().unwrap_or_default()
    }
}

/// Since when a writer waits for the database.
#[derive(Debug, Default)]
struct HeldUp(Mutex<Option<Instant>>);

impl HeldUp {
    fn time(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begins(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// It heard something. Whether it waits for more?
    fn heard(&self, waits: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = waits.then(Instant::now);
    }
}

struct Writer {
    database: Database,
    backlog: Arc<Backlog>,
    clock: Clock,
    waiting: mpsc::Receiver<Waiting>,
    held_up: Arc<HeldUp>,
    stop: CancellationToken,
}

/// A connection that takes what is written: its stream has begun.
struct Way {
    connection: Connection,
    round_trip: Duration,
    stream: Stream,
}

impl Way {
    async fn open(database: &Database, now: Timestamp) -> Result<Self, DatabaseError> {
        let (connection, round_trip) = loop {
            let connection = database.connection().await?;
            match connection.round_trip().await {
                Ok(round_trip) => break (connection, round_trip),
                // It died while it was idle.
                Err(_) => connection.discard(),
            }
        };
        match Stream::start(&connection, now).await {
            Ok(stream) => Ok(Self { connection, round_trip, stream }),
            Err(error) => {
                connection.discard();
                Err(error)
            }
        }
    }
}

/// Why a writer left its connection.
enum Left {
    Stopped,
    ConnectionLost,
}

impl Writer {
    async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let Some(Way { connection, round_trip, stream }) = self.connect(&mut pause).await else {
                return;
            };
            let left = self.write(&connection, round_trip, stream).await;
            connection.discard();
            if matches!(left, Left::Stopped) {
                return;
            }
        }
    }

    /// A connection with a fresh stream; none: stopped. Whoever waits meanwhile is told to come back.
    async fn connect(&mut self, pause: &mut Duration) -> Option<Way> {
        self.held_up.begins();
        loop {
            if self.stop.is_cancelled() && self.waiting.is_empty() {
                return None;
            }
            match Way::open(&self.database, self.clock.now()).await {
                Ok(way) => {
                    if !pause.is_zero() {
                        tracing::info!("the database is back: webhooks are stored again");
                    }
                    *pause = Duration::ZERO;
                    self.held_up.heard(false);
                    return Some(way);
                }
                Err(error) => {
                    if pause.is_zero() {
                        tracing::warn!(%error, "webhooks are answered 503: {}", error.reason());
                    }
                    if self.stop.is_cancelled() {
                        return None;
                    }
                    *pause = (*pause * 2).clamp(Duration::from_millis(50), LONGEST_PAUSE);
                    self.refuse_for(*pause).await;
                }
            }
        }
    }

    async fn refuse_for(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.stop.cancelled() => return,
                waiting = self.waiting.recv() => match waiting {
                    Some(waiting) => _ = waiting.stored.send(Err(NotStored::DatabaseAway)),
                    None => return,
                },
            }
        }
    }

    async fn write(&mut self, connection: &Connection, round_trip: Duration, mut stream: Stream) -> Left {
        let (most, spacing) =
            if round_trip > REMOTE { (BATCHES_UNDER_WAY, round_trip / BATCHES_UNDER_WAY) } else { (1, Duration::ZERO) };
        let mut under_way: FuturesUnordered<BoxFuture<'_, Result<(), DatabaseError>>> = FuturesUnordered::new();
        let mut next = Instant::now();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            // A stream whose time is over takes no more: what is under way ends, and another begins.
            let free = under_way.len() < most as usize && (under_way.is_empty() || !stream.is_stale(self.clock.now()));
            // The next batch leaves at once if none is under way or it is full; else a part of a round trip later.
            let due = under_way.is_empty() || self.waiting.len() >= BATCH || Instant::now() >= next;
            tokio::select! {
                biased;
                Some(done) = under_way.next(), if !under_way.is_empty() => {
                    if done.is_err() {
                        return Left::ConnectionLost;
                    }
                    self.held_up.heard(!under_way.is_empty());
                }
                taken = self.waiting.recv_many(&mut batch, BATCH), if free && due => {
                    if taken == 0 {
                        return self.finish(under_way).await;
                    }
                    self.held_up.begins();
                    let now = self.clock.now();
                    if stream.is_stale(now) {
                        match Stream::start(connection, now).await {
                            Ok(fresh) => stream = fresh,
                            Err(_) => return self.lost(&mut batch),
                        }
                    }
                    next = Instant::now() + spacing;
                    let told = (self.backlog.clone(), self.database.activity().clone());
                    let taken = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                    under_way.push(Box::pin(commit(connection, &mut stream, taken, now, told)));
                }
                () = tokio::time::sleep_until(next), if free && !due => {}
                () = self.stop.cancelled(), if !self.waiting.is_closed() => self.waiting.close(),
            }
        }
    }

    fn lost(&self, batch: &mut Vec<Waiting>) -> Left {
        for waiting in batch.drain(..) {
            let _ = waiting.stored.send(Err(NotStored::DatabaseAway));
        }
        Left::ConnectionLost
    }

    async fn finish(&self, mut under_way: FuturesUnordered<BoxFuture<'_, Result<(), DatabaseError>>>) -> Left {
        while under_way.next().await.is_some() {}
        Left::Stopped
    }
}

/// Commits a batch and answers everyone in it. An error means that the connection is of no more use.
fn commit<'a>(
    connection: &'a Connection,
    stream: &mut Stream,
    batch: Vec<Waiting>,
    now: Timestamp,
    (backlog, activity): (Arc<Backlog>, Activity),
) -> impl Future<Output = Result<(), DatabaseError>> + 'a {
    let reserved = stream.reserve(batch.len(), now);
    async move {
        let (bodies, stored): (Vec<Body>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.body, waiting.stored)).unzip();
        let started = Instant::now();
        let result = inbound::append(connection, reserved, &bodies).await;
        let answer = match &result {
            Ok(()) => {
                measure(&bodies, started.elapsed(), now);
                backlog.appended(bodies.iter().map(|body| (body.lane, !webhook::peek_only_statuses(&body.bytes))));
                // Whoever looks because of it finds the bodies.
                activity.note();
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, bodies = bodies.len(), "webhooks could not be stored: answered 503");
                Err(NotStored::DatabaseAway)
            }
        };
        for stored in stored {
            let _ = stored.send(answer);
        }
        result
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch is small")]
fn measure(bodies: &[Body], took: Duration, now: Timestamp) {
    counter!("wazapp_bodies_received_total").increment(bodies.len() as u64);
    counter!("wazapp_bytes_received_total").increment(bodies.iter().map(|body| body.bytes.len() as u64).sum());
    histogram!("wazapp_receive_batch_bodies").record(bodies.len() as f64);
    histogram!("wazapp_receive_commit_seconds").record(took.as_secs_f64());
    gauge!("wazapp_receive_last_commit_timestamp").set(now.as_second() as f64);
}
