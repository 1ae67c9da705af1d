//! One event, or one body of Meta's, for one endpoint: until it was taken, or given up.
//!
//! The worker makes deliveries of what lies behind an endpoint's cursor (`claim.rs`), claims those that are due, calls, and
//! writes down what came of it (`settle.rs`). When a call is tried again is data ([`SCHEDULE`]).

mod claim;
mod schedule;
mod settle;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{DatabaseError, Operator, Result, Tenant};
use crate::page::{Cursor, Page};

pub use claim::{
    Call, Caller, Claimed, Content, Served, TURNS, Turn, any_organization_claims, any_organization_next,
    any_organization_turns,
};
pub use schedule::{FEW, SCHEDULE, Verdict, verdict};
pub use settle::{
    GIVE_UP_AFTER, Heard, Told, any_organization_let_go, any_organization_settle, any_organization_settle_taken,
};

/// The type of the event that tries an endpoint out.
pub const TEST: &str = "endpoint.test";

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryState)]
pub enum State {
    /// It is to be told, or told again.
    Waiting,
    /// It is being told.
    Calling,
    /// The endpoint took it.
    Delivered,
    /// It was given up.
    Failed,
    /// It was not told, because people wished so.
    Skipped,
}

impl State {
    const ALL: [Self; 5] = [Self::Waiting, Self::Calling, Self::Delivered, Self::Failed, Self::Skipped];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Calling => "calling",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Reads what people type.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    fn read(word: &str) -> Result<Self> {
        Self::of(word).ok_or_else(|| DatabaseError::UnknownWord { column: "delivery.state", word: word.to_owned() })
    }
}

/// One call, and what came of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Attempt {
    /// The how manieth.
    pub number: i32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i32,
    /// The answer's status; null: there was none.
    pub status: Option<i16>,
    /// Why there was none, or not the whole of it.
    pub error: Option<String>,
    /// How the answer begins, at most 2 KiB.
    pub answer: Option<String>,
}

/// One event for one endpoint.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Delivery {
    /// UUIDv7.
    pub id: Uuid,
    /// For which endpoint.
    pub endpoint_id: Uuid,
    /// The event's number in the event log; in Meta's format its number in what Meta sent; null: a test.
    pub sequence: Option<i64>,
    /// The event's type; in Meta's format its fields.
    pub kind: String,
    /// The conversation.
    pub conversation_id: Option<Uuid>,
    /// How far it is.
    pub state: State,
    /// How often it was tried.
    pub tries: i32,
    /// When it is tried next, or at the latest; null: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// The last call; null: there was none yet.
    pub last_attempt: Option<Attempt>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was taken, or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl Attempt {
    fn read(row: &Row) -> Self {
        Self {
            number: row.get("number"),
            at: row.get("at"),
            took_ms: row.get("took_ms"),
            status: row.get("status"),
            error: row.get("error"),
            answer: row.get("answer"),
        }
    }
}

impl Delivery {
    fn read(row: &Row) -> Result<Self> {
        let ended_at: Option<Timestamp> = row.get("ended_at");
        Ok(Self {
            id: row.get("id"),
            endpoint_id: row.get("endpoint_id"),
            sequence: row.get("sequence"),
            kind: row.get("kind"),
            conversation_id: row.get("conversation_id"),
            state: State::read(row.get("state"))?,
            tries: row.get("tries"),
            due_at: ended_at.is_none().then(|| row.get("due_at")),
            last_attempt: row.get::<_, Option<i32>>("number").map(|_| Attempt::read(row)),
            created_at: row.get("created_at"),
            ended_at,
        })
    }
}

macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT d.id, d.endpoint_id, d.sequence, d.kind, d.conversation_id, d.state, d.tries, d.due_at, d.created_at, d.ended_at,
               a.number, a.at, a.took_ms, a.status, a.error, a.answer
             FROM wazapp.delivery d LEFT JOIN LATERAL (
               SELECT * FROM wazapp.delivery_attempt a WHERE a.organization_id = $1 AND a.delivery_id = d.id
               ORDER BY a.number DESC LIMIT 1) a ON true
             WHERE d.organization_id = $1 AND ",
            $where
        )
    };
}

/// An endpoint's deliveries, newest first.
pub async fn list(
    tx: &Tenant,
    endpoint_id: Uuid,
    state: Option<State>,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Page<Delivery>> {
    let before = after.map_or(Uuid::max(), |cursor| cursor.tie);
    let rows = tx
        .query_filtered(
            select!(
                "d.endpoint_id = $2 AND d.id < $3 AND ($4::text IS NULL OR d.state = $4) ORDER BY d.id DESC LIMIT $5"
            ),
            &[&tx.organization_id(), &endpoint_id, &before, &state.map(State::word), &(limit + 1)],
        )
        .await?;
    let cursor = |delivery: &Delivery| Cursor::at(delivery.created_at, delivery.id);
    Ok(Page::new(rows.iter().map(Delivery::read).collect::<Result<_>>()?, limit, cursor))
}

/// One of them.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Delivery>> {
    let row = tx.query_opt(select!("d.id = $2"), &[&tx.organization_id(), &id]).await?;
    row.as_ref().map(Delivery::read).transpose()
}

/// The calls of a delivery, oldest first.
pub async fn attempts(tx: &Tenant, id: Uuid) -> Result<Vec<Attempt>> {
    let rows = tx
        .query(
            "SELECT * FROM wazapp.delivery_attempt WHERE organization_id = $1 AND delivery_id = $2 ORDER BY number",
            &[&tx.organization_id(), &id],
        )
        .await?;
    Ok(rows.iter().map(Attempt::read).collect())
}

/// Which part of a log is told once more.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Behind this number.
    pub after: i64,
    /// Up to this one.
    pub through: i64,
}

/// Has a delivery told once more, at once. False: it is not there, or under way.
pub async fn retry(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.delivery SET state = 'waiting', step = 0, batch_id = NULL, due_at = $3, ended_at = NULL
             WHERE organization_id = $1 AND id = $2 AND state <> 'calling' RETURNING endpoint_id",
            &[&tx.organization_id(), &id, &now],
        )
        .await?;
    let Some(row) = row else { return Ok(false) };
    due(tx, now, row.get("endpoint_id")).await?;
    Ok(true)
}

/// Has what an endpoint heard, or should have, told once more; what has ended of it begins anew. Answers how much it is. What
/// the endpoint was never to hear is not told by it.
pub async fn replay(tx: &Tenant, now: Timestamp, endpoint_id: Uuid, range: Range) -> Result<usize> {
    let rows = tx
        .query(
            "UPDATE wazapp.delivery SET state = 'waiting', step = 0, batch_id = NULL, due_at = $5, ended_at = NULL
             WHERE organization_id = $1 AND endpoint_id = $2 AND sequence > $3 AND sequence <= $4
               AND state IN ('delivered', 'failed', 'skipped') RETURNING 1",
            &[&tx.organization_id(), &endpoint_id, &range.after, &range.through, &now],
        )
        .await?;
    due(tx, now, endpoint_id).await?;
    Ok(rows.len())
}

/// Has an endpoint told of something that never happened, so that people see whether it hears.
pub async fn test(tx: &Tenant, now: Timestamp, endpoint_id: Uuid) -> Result<Delivery> {
    let id = Uuid::now_v7();
    tx.query(
        "INSERT INTO wazapp.delivery (organization_id, id, endpoint_id, kind, state, due_at, created_at)
         SELECT s.organization_id, $2::uuid, $3::uuid, $4::text, 'waiting', $5::timestamptz, $5::timestamptz
         FROM wazapp.organization_sequence s WHERE s.organization_id = $1",
        &[&tx.organization_id(), &id, &endpoint_id, &TEST, &now],
    )
    .await?;
    due(tx, now, endpoint_id).await?;
    Ok(get(tx, id).await?.expect("it was written in this transaction"))
}

/// People have an endpoint called now, whatever it asked for.
async fn due(tx: &Tenant, now: Timestamp, endpoint_id: Uuid) -> Result<()> {
    tx.query(
        "UPDATE wazapp.endpoint SET due_at = least(due_at, $3), rests_until = NULL
         WHERE organization_id = $1 AND id = $2",
        &[&tx.organization_id(), &endpoint_id, &now],
    )
    .await?;
    Ok(())
}

/// What waits, over all organizations: how much, and since when the oldest is due.
pub async fn any_organization_backlog(tx: &Operator) -> Result<(i64, Option<Timestamp>)> {
    let row = tx
        .query_opt(
            "SELECT count(*) AS waiting, min(d.due_at) AS oldest FROM wazapp.delivery d
             JOIN wazapp.endpoint e ON e.organization_id = d.organization_id AND e.id = d.endpoint_id
             WHERE d.state IN ('waiting', 'calling') AND e.state = 'on'",
            &[],
        )
        .await?
        .expect("an aggregate answers a row");
    Ok((row.get("waiting"), row.get("oldest")))
}
