//! What happened, in order: the log that clients read with `after=`, and the truth behind live updates.

mod bell;
mod kind;
mod line;
mod relay;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::database::{Operator, Pipeline, RawJson, Result, Rows, Tenant, Tx};
use crate::message;
use crate::scope::Scope;

pub(crate) use bell::Shared as SharedBell;
pub use bell::{Bell, Follower};
pub use kind::Kind;
pub(crate) use line::{Ends, any_organization_take, head, queue};
pub use line::{Events, Line, Lines, any_organization_lines, line, line_of};
pub use relay::relay;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Event {
    /// UUIDv7, the same wherever this event is told.
    pub id: Uuid,
    /// Its place in the organization's log: no gap, and never below what a reader has already seen.
    pub sequence: i64,
    /// Such as `message.received`.
    #[schema(value_type = String)]
    pub r#type: Kind,
    /// When it happened: Meta's time where Meta named one.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Where its message or conversation is now; null where it is of none.
    pub conversation_id: Option<Uuid>,
    /// The number of that.
    pub number_id: Option<Uuid>,
    /// The message, conversation or contact as it is now, or what Meta said.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// So many events are looked through in one statement for those that somebody sees.
const LOOKED_THROUGH: i64 = 10_000;

/// What was asked for has gone, or never was: a reader may know more than a log that was restored from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBegins {
    /// The number of the oldest event that is there; if all went, of the next one.
    pub oldest: i64,
    /// The number of the newest one.
    pub newest: i64,
}

impl LogBegins {
    /// Refused where what lies behind an event has gone, or is not this log's.
    pub fn unless_reached(self, after: i64) -> Result<(), Self> {
        if 0 < after && (after < self.oldest - 1 || after > self.newest) { Err(self) } else { Ok(()) }
    }

    /// Behind which event a reader who came from that one goes on.
    pub fn on_from(self, after: i64) -> i64 {
        if after > self.newest { self.newest } else { self.oldest - 1 }
    }
}

/// Where the log begins and ends.
pub async fn begins(tx: &Tenant) -> Result<LogBegins> {
    let (oldest, newest) = futures::try_join!(oldest(tx), last(tx))?;
    Ok(LogBegins { oldest, newest })
}

/// Events after a sequence number, oldest first; after 0 from the oldest on. Never skips one: who asks for what has gone is
/// told where the log begins.
pub async fn list(tx: &Tenant, after: i64, limit: i64) -> Result<Result<Vec<Event>, LogBegins>> {
    if tx.scope().viewer_id().is_some() {
        return list_seen(tx, after, limit).await;
    }
    let events = read(tx, after, i64::MAX, limit).await?;
    // Numbers have no gap. Where the log begins is looked up behind the events: it may move on meanwhile.
    let goes_on = events.first().is_some_and(|first| first.sequence - 1 == after);
    if after <= 0 || goes_on {
        return Ok(Ok(events));
    }
    Ok(begins(tx).await?.unless_reached(after).map(|()| events))
}

/// [`list`] for who is limited: of a long log that tells little of what they see, a part at a time is looked through.
async fn list_seen(tx: &Tenant, after: i64, limit: i64) -> Result<Result<Vec<Event>, LogBegins>> {
    let begins = begins(tx).await?;
    if let Err(begins) = begins.unless_reached(after) {
        return Ok(Err(begins));
    }
    let LogBegins { oldest, newest: last } = begins;
    let (mut events, mut from) = (Vec::new(), after.max(oldest - 1));
    loop {
        let missing = limit - i64::try_from(events.len()).unwrap_or(limit);
        if missing <= 0 || from >= last {
            return Ok(Ok(events));
        }
        events.extend(read(tx, from, from.saturating_add(LOOKED_THROUGH), missing).await?);
        from += LOOKED_THROUGH;
    }
}

/// Where the log begins.
async fn oldest(tx: &Tenant) -> Result<i64> {
    let row = tx
        .query_opt("SELECT oldest_event FROM wazapp.retention WHERE organization_id = $1", &[&tx.organization_id()])
        .await?;
    Ok(row.map_or(1, |row| row.get(0)))
}

macro_rules! told {
    ($where:literal) => {
        concat!(
            "SELECT e.id, e.sequence, e.type, e.timestamp, e.subject_id, e.data, v.id AS conversation_id,
                    coalesce(m.number_id, v.number_id) AS number_id
             FROM wazapp.event e
             LEFT JOIN wazapp.message m ON m.organization_id = $1 AND m.id = e.subject_id
             LEFT JOIN wazapp.conversation v ON v.organization_id = $1 AND v.id = coalesce(m.conversation_id, e.subject_id)
             WHERE e.organization_id = $1 AND ",
            $where,
            " ORDER BY e.sequence"
        )
    };
}

/// Those behind one event, up to another one.
async fn read(tx: &Tenant, after: i64, upto: i64, limit: i64) -> Result<Vec<Event>> {
    let behind = concat!(told!("e.sequence > $2 AND e.sequence <= $3"), " LIMIT $4");
    let rows = tx.query(behind, &[&tx.organization_id(), &after, &upto, &limit]).await?;
    told(tx, tx.organization_id(), &rows).await
}

/// The newest of a kind whose message is still there, newest first. A long log is looked through at its end alone.
pub async fn newest(tx: &Tenant, kind: &Kind, most: i64) -> Result<Vec<Event>> {
    let (word, from) = (kind.word(), last(tx).await? - LOOKED_THROUGH);
    let statement = told!(
        "e.sequence IN (
           SELECT n.sequence FROM wazapp.event n
           LEFT JOIN wazapp.message s ON s.organization_id = $1 AND s.id = n.subject_id
           WHERE n.organization_id = $1 AND n.type = $2 AND n.sequence > $3 AND (n.data IS NOT NULL OR s.id IS NOT NULL)
           ORDER BY n.sequence DESC LIMIT $4)"
    );
    let rows = tx.query(statement, &[&tx.organization_id(), &word.as_ref(), &from, &most]).await?;
    let mut events = told(tx, tx.organization_id(), &rows).await?;
    events.reverse();
    Ok(events)
}

/// Those with these numbers, of an organization whose work a worker does.
pub(crate) async fn at(tx: &Operator, scope: &Scope, sequences: &[i64]) -> Result<Vec<Event>> {
    let rows = tx.query(told!("e.sequence = ANY ($2)"), &[&scope.organization_id(), &sequences.to_vec()]).await?;
    told(tx, scope.organization_id(), &rows).await
}

/// As they are told: who is told of a message gets it as it is now.
async fn told(tx: &Tx, organization_id: Uuid, rows: &[Row]) -> Result<Vec<Event>> {
    let told_by_message: Vec<Uuid> = rows
        .iter()
        .filter(|row| row.get::<_, Option<Json<Box<RawValue>>>>("data").is_none())
        .filter_map(|row| row.get("subject_id"))
        .collect();
    let messages = if told_by_message.is_empty() {
        Vec::new()
    } else {
        message::many(tx, organization_id, told_by_message).await?
    };
    let messages: HashMap<Uuid, _> = messages.into_iter().map(|message| (message.id, message)).collect();
    let render = |subject: Option<Uuid>| to_raw_value(&subject.and_then(|id| messages.get(&id)));
    rows.iter()
        .map(|row| {
            let data = match row.get::<_, Option<Json<Box<RawValue>>>>("data") {
                Some(data) => data.0,
                None => render(row.get("subject_id")).expect("a message is JSON"),
            };
            Ok(Event {
                id: row.get("id"),
                sequence: row.get("sequence"),
                r#type: Kind::read(row.get("type"))?,
                timestamp: row.get("timestamp"),
                data,
                conversation_id: row.get("conversation_id"),
                number_id: row.get("number_id"),
            })
        })
        .collect()
}

/// The number of the newest event; 0: there is none.
pub async fn last(tx: &Tenant) -> Result<i64> {
    let row = tx
        .query_opt("SELECT last FROM wazapp.organization_sequence WHERE organization_id = $1", &[&tx.organization_id()])
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// An event to record, before its organization's [`Line`] gives it a number.
#[derive(Clone, Debug)]
pub struct New {
    /// What it tells of.
    pub kind: Kind,
    /// When it happened.
    pub at: Timestamp,
    /// What it is about.
    pub subject_id: Option<Uuid>,
    /// JSON; `None`: the subject, a message, says it all.
    pub data: Option<String>,
    /// Of a notice from Meta, so that a repeat is known.
    pub fingerprint: Option<Vec<u8>>,
}

impl New {
    /// An event that says `data` of a subject.
    pub fn of(kind: Kind, at: Timestamp, subject_id: Option<Uuid>, data: &impl Serialize) -> Self {
        let data = serde_json::to_string(data).expect("our own shapes are JSON");
        Self { kind, at, subject_id, data: Some(data), fingerprint: None }
    }
}

/// Records events and moves the logs' ends.
pub fn any_organization_record<'a>(pipeline: &mut Pipeline<'a>, events: &'a Events) {
    let rows = events.rows();
    if rows.is_empty() {
        return;
    }
    let numbered = Rows::of(rows)
        .column("organization_id", |row| row.organization_id)
        .column("sequence", |row| row.sequence)
        .column("id", |_| Uuid::now_v7())
        .column("type", |row| row.event.kind.word().into_owned())
        .column("timestamp", |row| row.event.at)
        .column("subject_id", |row| row.event.subject_id)
        .column("data", |row| row.event.data.as_deref().map(RawJson))
        .column("fingerprint", |row| row.event.fingerprint.as_deref());
    pipeline.add(numbered.insert("wazapp.event", ""));
    let mut ends: HashMap<Uuid, i64> = HashMap::new();
    for row in rows {
        let end = ends.entry(row.organization_id).or_default();
        *end = row.sequence.max(*end);
    }
    let mut ends: Vec<(Uuid, i64)> = ends.into_iter().collect();
    ends.sort_unstable();
    let ends = Rows::of(&ends).key("organization_id", |end| end.0).column("last", |end| end.1);
    pipeline.add(ends.update("wazapp.organization_sequence", ""));
}

/// Which of these notices are recorded already.
pub async fn any_organization_find_fingerprints(
    tx: &Operator,
    wanted: &[(Uuid, Vec<u8>)],
) -> Result<Vec<(Uuid, Vec<u8>)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let known = Rows::of(wanted)
        .column("organization_id", |row| row.0)
        .column("fingerprint", |row| row.1.as_slice())
        .statement(
            "SELECT e.organization_id, e.fingerprint FROM {rows}
             JOIN wazapp.event e ON e.organization_id = k.organization_id AND e.fingerprint = k.fingerprint{here e}",
        );
    let rows = tx.run(&known).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
