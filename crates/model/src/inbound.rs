//! Queue 1: raw webhook bodies, appended by writers and read by lanes.
//!
//! A *stream* is one writer connection; it numbers its rows itself, so within a stream rows become visible in order and
//! a cursor that has passed a row will never miss an earlier one. A *lane* holds the bodies of some numbers: each
//! number's bodies are applied in order, lanes run in parallel. Nothing here is updated or deleted row by row, but by an
//! erasure ([`crate::erasure`]).

use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use siphasher::sip::SipHasher13;
use tokio::sync::Notify;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Connection, Database, DatabaseError, Operator, Pipeline, Result, Rows, column};

/// Lanes of the default App's bodies.
const SHARED: usize = 32;

/// Apps beside it have lanes apart, a few each: what their owners sign stands in front of nobody else's.
const APPS: usize = 16;
const OF_APP: usize = 8;

/// How many lanes there are; migrations made as many rows.
pub const LANES: usize = SHARED + APPS * OF_APP;

/// A lane's part of a batch ends behind the body that reaches this many bytes: parsed, a body takes ten times its size.
pub const LANE_BYTES: usize = 512 << 10;

/// A stream takes rows for this long.
const STREAM_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// All rows of a stream lie between these times before and after its start, which lets PostgreSQL skip the other days'
/// partitions. A row beyond them would never be read: [`Reserved::time`] keeps every row within, whatever clocks do.
const HOURS_BEFORE: i32 = 1;
const HOURS_AFTER: i32 = 26;
const STREAM_BEFORE: SignedDuration = SignedDuration::from_hours(HOURS_BEFORE as i64);
const STREAM_AFTER: SignedDuration = SignedDuration::from_hours(HOURS_AFTER as i64);

/// PostgreSQL's times have no finer parts.
const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

/// An idle stream ends well before upkeep may remove it.
const STREAM_IDLE: SignedDuration = SignedDuration::from_mins(30);

/// Whose lanes a body may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// The default App's.
    Shared,
    /// Those of the nth App beside it.
    OfApp(usize),
}

impl Lanes {
    /// The lane of a number. The hash has a fixed key: every node, and every version, must agree.
    pub fn lane(self, phone_number_id: Option<&[u8]>) -> i16 {
        let (first, count) = match self {
            Self::Shared => (0, SHARED),
            Self::OfApp(nth) => (SHARED + nth % APPS * OF_APP, OF_APP),
        };
        let nth = phone_number_id.map_or(0, |id| {
            let mut hasher = SipHasher13::new_with_keys(0x77617a, 0x617070);
            hasher.write(id);
            usize::try_from(hasher.finish() % count as u64).expect("lanes are few")
        });
        i16::try_from(first + nth).expect("lanes are few")
    }
}

/// A body to append.
#[derive(Clone, Debug)]
pub struct Body {
    /// See [`Lanes::lane`].
    pub lane: i16,
    /// The App it was signed for; `None`: the default App.
    pub app_id: Option<String>,
    /// As received.
    pub bytes: Bytes,
    /// When it was received.
    pub received_at: Timestamp,
}

/// One writer's sequence of rows.
#[derive(Debug)]
pub struct Stream {
    id: Uuid,
    position: i64,
    started_at: Timestamp,
    used_at: Timestamp,
}

/// Rows reserved for one batch.
#[derive(Debug)]
pub struct Reserved {
    stream: Uuid,
    first: i64,
    started_at: Timestamp,
}

impl Reserved {
    /// When a row of this stream was received, as the stream can hold it. A body may have waited while the clock was put
    /// right, or the machine slept.
    fn time(&self, received_at: Timestamp) -> Timestamp {
        received_at.clamp(self.started_at - STREAM_BEFORE, self.started_at + STREAM_AFTER - MICROSECOND)
    }
}

impl Stream {
    /// Registers a new stream.
    pub async fn start(connection: &Connection, now: Timestamp) -> Result<Self> {
        let id = Uuid::now_v7();
        connection.run("INSERT INTO wazapp.stream (id, started_at) VALUES ($1, $2)", &[&id, &now]).await?;
        Ok(Self { id, position: 0, started_at: now, used_at: now })
    }

    /// Whether its time is over, or the clock was put back before it, and the writer must start another.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let (age, unused) = (now.duration_since(self.started_at), now.duration_since(self.used_at));
        age > STREAM_LIFE || age < -STREAM_BEFORE || unused > STREAM_IDLE
    }

    /// Numbers the rows of the next batch.
    pub fn reserve(&mut self, rows: usize, now: Timestamp) -> Reserved {
        let first = self.position + 1;
        self.position += i64::try_from(rows).expect("a batch is small");
        self.used_at = now;
        Reserved { stream: self.id, first, started_at: self.started_at }
    }
}

/// Appends one batch in one transaction and one round trip. On success the bodies are durable.
pub async fn append(connection: &Connection, reserved: Reserved, bodies: &[Body]) -> Result<()> {
    let rows = connection
        .run(
            // The key-share lock on the stream's row keeps upkeep from removing the stream under us.
            "WITH stream AS (SELECT id FROM wazapp.stream WHERE id = $1 FOR KEY SHARE),
                  appended AS (
                    INSERT INTO wazapp.inbound (stream_id, lane, position, received_at, app_id, body)
                    SELECT stream.id, k.lane, $2 + k.nth - 1, k.received_at, k.app_id, k.body
                    FROM stream, unnest($3::smallint[], $4::timestamptz[], $5::text[], $6::bytea[])
                      WITH ORDINALITY AS k (lane, received_at, app_id, body, nth)
                    RETURNING 1)
             SELECT count(*) FROM appended",
            &[
                &reserved.stream,
                &reserved.first,
                &column(bodies, |body| body.lane),
                &column(bodies, |body| reserved.time(body.received_at)),
                &column(bodies, |body| body.app_id.as_deref()),
                &column(bodies, |body| body.bytes.as_ref()),
            ],
        )
        .await?;
    let appended: i64 = rows.first().map_or(0, |row| row.get(0));
    if appended == i64::try_from(bodies.len()).expect("a batch is small") {
        Ok(())
    } else {
        Err(DatabaseError::Unfit("the stream was ended".into()))
    }
}

/// What this process knows to be waiting, by lane. Hints only: polling is the truth.
#[derive(Debug)]
pub struct Backlog {
    /// A [`Count`] each, in one word.
    lanes: [AtomicU64; LANES],
    appended: Notify,
}

/// Bodies that wait in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub all: u32,
    /// Those that somebody looks out for.
    pub hurried: u32,
}

impl Count {
    fn read(word: u64) -> Self {
        let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).expect("it is a half");
        Self { all: half(word >> 32), hurried: half(word) }
    }

    fn word(self) -> u64 {
        u64::from(self.all) << 32 | u64::from(self.hurried)
    }

    fn with(self, is_hurried: bool) -> Self {
        Self { all: self.all.saturating_add(1), hurried: self.hurried.saturating_add(u32::from(is_hurried)) }
    }

    /// Of nothing, nobody looks out for anything.
    fn without(self, taken: Self) -> Self {
        let all = self.all.saturating_sub(taken.all);
        Self { all, hurried: self.hurried.saturating_sub(taken.hurried).min(all) }
    }
}

impl Default for Backlog {
    fn default() -> Self {
        Self { lanes: std::array::from_fn(|_| AtomicU64::default()), appended: Notify::default() }
    }
}

impl Backlog {
    /// Bodies were committed: the lane of each, and whether somebody looks out for what it tells.
    pub fn appended(&self, bodies: impl Iterator<Item = (i16, bool)>) {
        for (lane, is_hurried) in bodies {
            self.change(lane, |count| count.with(is_hurried));
        }
        self.appended.notify_waiters();
    }

    /// The next [`Backlog::appended`], from now on.
    pub fn more(&self) -> impl Future<Output = ()> {
        self.appended.notified()
    }

    /// Waits for [`Backlog::appended`], if nothing waits already in these lanes.
    pub async fn wait(&self, lanes: &[i16]) {
        let more = self.more();
        if self.waiting(lanes) == 0 {
            more.await;
        }
    }

    /// How many bodies wait in these lanes.
    pub fn waiting(&self, lanes: &[i16]) -> u32 {
        lanes.iter().map(|lane| self.count(*lane).all).sum()
    }

    /// Whether something waits in these lanes that somebody looks out for.
    pub fn is_hurried(&self, lanes: &[i16]) -> bool {
        lanes.iter().any(|lane| self.count(*lane).hurried > 0)
    }

    /// How many bodies wait in all lanes.
    pub fn total(&self) -> u32 {
        self.lanes.iter().map(|lane| Count::read(lane.load(Ordering::Relaxed)).all).sum()
    }

    /// How many bodies wait in one lane.
    pub fn count(&self, lane: i16) -> Count {
        self.at(lane).map(|lane| Count::read(lane.load(Ordering::Relaxed))).unwrap_or_default()
    }

    /// Bodies of a lane were taken.
    pub fn taken(&self, lane: i16, taken: Count) {
        self.change(lane, |count| count.without(taken));
    }

    /// A lane may hold more than was counted: look again.
    pub fn suspect(&self, lane: i16) {
        self.appended(std::iter::once((lane, true)));
    }

    fn change(&self, lane: i16, change: impl Fn(Count) -> Count) {
        let Some(lane) = self.at(lane) else { return };
        let changed = |word| Some(change(Count::read(word)).word());
        let _ = lane.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    fn at(&self, lane: i16) -> Option<&AtomicU64> {
        self.lanes.get(usize::try_from(lane).ok()?)
    }
}

/// A body to apply.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its lane.
    pub lane: i16,
    /// Its stream.
    pub stream_id: Uuid,
    /// Its place in the stream.
    pub position: i64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The App it was signed for; `None`: the default App.
    pub app_id: Option<String>,
    /// As received.
    pub body: Bytes,
}

impl Claimed {
    fn read(row: &Row) -> Self {
        Self {
            lane: row.get("lane"),
            stream_id: row.get("stream_id"),
            position: row.get("position"),
            received_at: row.get("received_at"),
            app_id: row.get("app_id"),
            body: Bytes::copy_from_slice(row.get("body")),
        }
    }
}

/// What a claim found.
#[derive(Debug, Default)]
pub struct Claim {
    /// The lanes that are ours until the transaction ends; another node may hold some of those asked for.
    pub lanes: Vec<i16>,
    /// The bodies to apply, in order within each lane.
    pub bodies: Vec<Claimed>,
}

/// Begins a transaction, locks lanes and reads past their cursors, at most `quota` bodies a lane and stream. What the
/// transaction waits for others, it waits so long at most; `None`: until it has it.
pub async fn claim(database: &Database, lanes: &[(i16, i32)], patience: Option<Duration>) -> Result<(Operator, Claim)> {
    let patience = patience.map_or(0, |patience| patience.as_millis()).to_string();
    let ids = column(lanes, |(lane, _)| *lane);
    let quotas = column(lanes, |(_, quota)| *quota);
    let bytes = i64::try_from(LANE_BYTES).expect("a lane's bytes are few");
    // All of it travels in one round trip. The second statement takes its snapshot after the first holds its locks;
    // what it reads of lanes that another node holds is dropped below.
    let (tx, [locked, read]) = database
        .operator_reading([
            (
                "SELECT id, set_config('lock_timeout', $2, true) FROM wazapp.lane
                 WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
                &[&ids, &patience],
            ),
            (
                "SELECT q.lane, s.id AS stream_id, i.position, i.received_at, i.app_id, i.body
                 FROM unnest($1::smallint[], $2::int[]) AS q (lane, quota)
                 CROSS JOIN wazapp.stream s
                 LEFT JOIN wazapp.lane_cursor c ON c.lane = q.lane AND c.stream_id = s.id
                 CROSS JOIN LATERAL (
                   SELECT i.position, i.received_at, i.app_id, i.body,
                          sum(octet_length(i.body)) OVER (ORDER BY i.position) - octet_length(i.body) AS bytes_before
                   FROM wazapp.inbound i
                   WHERE i.stream_id = s.id AND i.lane = q.lane AND i.position > coalesce(c.position, 0)
                     AND i.received_at >= s.started_at - make_interval(hours => $4)
                     AND i.received_at < s.started_at + make_interval(hours => $5)
                   ORDER BY i.position LIMIT q.quota) i
                 WHERE i.bytes_before < $3",
                &[&ids, &quotas, &bytes, &HOURS_BEFORE, &HOURS_AFTER],
            ),
        ])
        .await?;
    let lanes: Vec<i16> = locked.iter().map(|row| row.get(0)).collect();
    let mut bodies: Vec<Claimed> =
        read.iter().filter(|row| lanes.contains(&row.get::<_, i16>("lane"))).map(Claimed::read).collect();
    bodies.sort_by_key(|body| (body.lane, body.received_at, body.stream_id, body.position));
    Ok((tx, Claim { lanes, bodies }))
}

/// Moves the lanes' cursors past these bodies.
pub fn settle(pipeline: &mut Pipeline<'_>, bodies: &[Claimed]) {
    let mut ends = std::collections::BTreeMap::new();
    for body in bodies {
        let end = ends.entry((body.lane, body.stream_id)).or_insert(body.position);
        *end = body.position.max(*end);
    }
    let ends: Vec<_> = ends.into_iter().collect();
    if ends.is_empty() {
        return;
    }
    let rows = Rows::of(&ends)
        .column("lane", |end| end.0.0)
        .column("stream_id", |end| end.0.1)
        .column("position", |end| end.1);
    pipeline.add(rows.insert(
        "wazapp.lane_cursor",
        "ON CONFLICT (lane, stream_id) DO UPDATE SET position = greatest(t.position, excluded.position)",
    ));
}

/// How many received bodies are not applied yet.
pub async fn unapplied(tx: &Operator) -> Result<i64> {
    let row = tx
        .query_opt(
            "SELECT count(*) FROM wazapp.inbound i
             -- A stream is forgotten, and its cursors with it, once all of it is applied.
             JOIN wazapp.stream s ON s.id = i.stream_id
             LEFT JOIN wazapp.lane_cursor c ON c.lane = i.lane AND c.stream_id = i.stream_id
             WHERE i.position > coalesce(c.position, 0)",
            &[],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Opens a walk over the bodies of a time range, in the order they were received; read it with [`next_replayed`].
pub async fn open_replay(tx: &Operator, from: Timestamp, until: Timestamp) -> Result<()> {
    tx.execute("SET LOCAL enable_seqscan = on").await?;
    tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    tx.execute(&format!(
        "DECLARE replay NO SCROLL CURSOR FOR
         SELECT lane, stream_id, position, received_at, app_id, body FROM wazapp.inbound
         WHERE received_at >= '{from}' AND received_at < '{until}' ORDER BY received_at, stream_id, position"
    ))
    .await
}

/// The next bodies of the walk; none: it is over.
pub async fn next_replayed(tx: &Operator) -> Result<Vec<Claimed>> {
    let rows = tx.query("FETCH 200 FROM replay", &[]).await?;
    Ok(rows.iter().map(Claimed::read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_mixed_well_and_never_change() {
        let lane = |id: &str| Lanes::Shared.lane(Some(id.as_bytes()));
        assert_eq!(Lanes::Shared.lane(None), 0);
        // Fixed forever: cursors and nodes of other versions rely on it.
        assert_eq!((lane("106540352242922"), lane("840099427199504")), (28, 16));
        let mut counts = [0; SHARED];
        for number in 0..10_000 {
            counts[lane(&format!("1065403522{number:05}")) as usize] += 1;
        }
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*least > 230 && *most < 400, "{counts:?}");
    }

    /// Whatever number a body names, its App decides who else is in its lane.
    #[test]
    fn apps_share_no_lane() {
        let all = |lanes: Lanes| -> std::collections::BTreeSet<i16> {
            (0..500).map(|id: u32| lanes.lane(Some(&id.to_be_bytes()))).chain([lanes.lane(None)]).collect()
        };
        let (shared, first, second) = (all(Lanes::Shared), all(Lanes::OfApp(0)), all(Lanes::OfApp(1)));
        assert_eq!((shared.len(), first.len(), second.len()), (SHARED, OF_APP, OF_APP));
        assert!(shared.is_disjoint(&first) && shared.is_disjoint(&second) && first.is_disjoint(&second));
        assert!(all(Lanes::OfApp(APPS - 1)).iter().all(|lane| usize::try_from(*lane).unwrap() < LANES));
    }

    /// A clock put back ends a stream too: its times would lie before it.
    #[test]
    fn a_stream_ends_with_its_time() {
        let now = Timestamp::UNIX_EPOCH;
        let stream = |age: i64, unused: i64| Stream {
            id: Uuid::nil(),
            position: 0,
            started_at: now - SignedDuration::from_mins(age),
            used_at: now - SignedDuration::from_mins(unused),
        };
        for (age, unused, stale) in [(0, 0, false), (1440, 0, false), (1441, 0, true), (40, 31, true), (-61, 0, true)] {
            assert_eq!(stream(age, unused).is_stale(now), stale, "{age} minutes old, not used for {unused}");
        }
    }

    #[test]
    fn a_backlog_never_counts_below_nothing() {
        let backlog = Backlog::default();
        backlog.appended([(3, false), (3, true), (4, false)].into_iter());
        assert_eq!(backlog.waiting(&[3, 4]), 3);
        backlog.taken(3, Count { all: 10, hurried: 10 });
        assert_eq!(backlog.waiting(&[3, 4]), 1);
        assert_eq!(backlog.count(999).all, 0);
    }

    #[test]
    fn a_backlog_knows_where_somebody_waits() {
        let backlog = Backlog::default();
        backlog.appended([(3, true), (3, false), (4, false)].into_iter());
        assert!(backlog.is_hurried(&[3, 4]) && !backlog.is_hurried(&[4, 999]));
        backlog.taken(3, Count { all: 1, hurried: 0 });
        assert!(backlog.is_hurried(&[3]), "what a batch had no room for is waited for as before");
        backlog.taken(3, Count { all: 1, hurried: 1 });
        assert!(!backlog.is_hurried(&[3, 4]));
        backlog.suspect(4);
        assert!(backlog.is_hurried(&[4]));
        backlog.taken(4, Count { all: 2, hurried: 0 });
        assert!(!backlog.is_hurried(&[4]), "where nothing waits, nobody does");
    }

    #[test]
    fn what_came_during_a_look_that_found_nothing_stays_counted() {
        let backlog = Backlog::default();
        backlog.suspect(3);
        let before = backlog.count(3);
        backlog.appended(std::iter::once((3, true)));
        backlog.taken(3, before);
        assert_eq!(backlog.count(3), Count { all: 1, hurried: 1 });
    }
}
