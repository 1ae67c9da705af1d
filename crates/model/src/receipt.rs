//! Read receipts: what customers are told was read. One row a conversation: Meta takes a message as read with all before
//! it, so the newest is all there is to tell.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{CommitError, Operator, Pipeline, Result, Rows, Tenant};
use crate::link::{Link, link_columns};
use crate::restoration;

/// Meta forgets messages after so long.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/guides/mark-message-as-read>
const MARKABLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What could not be told by then is not told any more: a tick a day late tells nobody anything.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// A claimed receipt whose claimer never came back is told again: twice does no harm.
const CLAIM: SignedDuration = SignedDuration::from_secs(60);

/// The newest message of a conversation that can be marked as read: written to the business by one person, not long ago.
/// Groups know no receipts. `$1` organization, `$2` conversation, `$3` the oldest time.
macro_rules! newest {
    () => {
        "SELECT m.number_id, m.wamid, m.timestamp FROM wazapp.conversation v
         JOIN wazapp.message m ON m.organization_id = v.organization_id AND m.conversation_id = v.id
         WHERE v.organization_id = $1 AND v.id = $2 AND v.group_id IS NULL AND m.timestamp > $3::timestamptz
           AND m.direction = 'inbound' AND m.origin = 'webhook' AND m.wamid IS NOT NULL
           AND m.type NOT IN ('reaction', 'edit', 'revoke', 'system', 'call')
         ORDER BY m.timestamp DESC, m.sequence DESC LIMIT 1"
    };
}

/// A message that can be marked as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The number it was written to.
    pub number_id: Uuid,
    /// Meta's id of it.
    pub wamid: String,
}

/// The newest message of a conversation that can be marked as read.
pub async fn newest(tx: &Tenant, now: Timestamp, conversation_id: Uuid) -> Result<Option<Newest>> {
    let row = tx.query_opt(newest!(), &[&tx.organization_id(), &conversation_id, &(now - MARKABLE)]).await?;
    Ok(row.map(|row| Newest { number_id: row.get("number_id"), wamid: row.get("wamid") }))
}

/// Has the customer told that everything was read, unless that was told already.
pub async fn queue(tx: &Tenant, now: Timestamp, conversation_id: Uuid) -> Result<()> {
    tx.query(
        concat!(
            "WITH newest AS (",
            newest!(),
            ") INSERT INTO wazapp.receipt AS r
                 (organization_id, conversation_id, number_id, wamid, message_at, state, next_at, deadline)
               SELECT $1, $2, number_id, wamid, timestamp, 'waiting', $4::timestamptz, $5::timestamptz FROM newest
               ON CONFLICT (organization_id, conversation_id) DO UPDATE SET
                 number_id = excluded.number_id, wamid = excluded.wamid, message_at = excluded.message_at,
                 state = 'waiting', next_at = excluded.next_at, deadline = excluded.deadline, attempts = 0,
                 fence = r.fence + 1
               WHERE r.message_at <= excluded.message_at AND (r.wamid <> excluded.wamid OR r.state = 'given_up')"
        ),
        &[&tx.organization_id(), &conversation_id, &(now - MARKABLE), &now, &(now + PATIENCE)],
    )
    .await?;
    Ok(())
}

/// A receipt to tell now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The way to Meta.
    pub number: Link,
    /// The conversation.
    pub conversation_id: Uuid,
    /// What was read.
    pub wamid: String,
    /// The how manieth time it is tried.
    pub attempt: u32,
    /// Given up at this time.
    pub deadline: Timestamp,
    /// Which claim an answer belongs to.
    pub fence: i64,
}

/// Those of an organization's due receipts that nobody else takes at the same moment.
const TAKE: &str = concat!(
    "WITH due AS (
       SELECT conversation_id FROM wazapp.receipt
       WHERE organization_id = $1 AND conversation_id = ANY ($2) AND state = 'waiting' AND next_at <= $3
       FOR UPDATE SKIP LOCKED)
     UPDATE wazapp.receipt t SET attempts = attempts + 1, fence = fence + 1, next_at = $4
     FROM due JOIN wazapp.number n ON n.organization_id = $1
     WHERE t.organization_id = $1 AND t.conversation_id = due.conversation_id AND n.id = t.number_id
     RETURNING t.conversation_id, t.wamid, t.attempts, t.fence, t.deadline, ",
    link_columns!()
);

/// Claims receipts that are due: up to `room` in all and `each` of a number, none of the `busy` ones. Those of numbers
/// that rest wait.
pub async fn any_organization_claim(
    tx: &Operator,
    now: Timestamp,
    busy: &[Uuid],
    room: i64,
    each: i64,
) -> Result<Vec<Claimed>> {
    if restoration::is_held(tx).await? {
        return Ok(Vec::new());
    }
    let due = tx
        .query(
            "SELECT d.organization_id, array_agg(d.conversation_id) AS conversations FROM (
               SELECT r.organization_id, r.conversation_id
               FROM (SELECT DISTINCT organization_id, number_id FROM wazapp.receipt
                     WHERE state = 'waiting' AND next_at <= $1 AND number_id <> ALL ($2)) w
               JOIN wazapp.number n ON n.organization_id = w.organization_id AND n.id = w.number_id
               JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
               CROSS JOIN LATERAL (
                 SELECT d.organization_id, d.conversation_id FROM wazapp.receipt d
                 WHERE d.organization_id = n.organization_id AND d.number_id = n.id AND d.state = 'waiting'
                   AND d.next_at <= $1
                 ORDER BY d.next_at LIMIT $4) r
               WHERE n.status = 'connected' AND (p.paused_until IS NULL OR p.paused_until <= $1)
               LIMIT $3) d
             GROUP BY d.organization_id",
            &[&now, &busy.to_vec(), &room, &each],
        )
        .await?;
    let mut rows = Vec::new();
    for of_one in due {
        let (organization_id, conversations): (Uuid, Vec<Uuid>) = (of_one.get(0), of_one.get(1));
        let taken = tx.query(TAKE, &[&organization_id, &conversations, &now, &(now + CLAIM)]).await?;
        rows.extend(taken);
    }
    Ok(rows
        .iter()
        .map(|row| Claimed {
            number: Link::read(row),
            conversation_id: row.get("conversation_id"),
            wamid: row.get("wamid"),
            attempt: u32::try_from(row.get::<_, i32>("attempts")).unwrap_or(u32::MAX),
            deadline: row.get("deadline"),
            fence: row.get("fence"),
        })
        .collect())
}

/// What became of a claimed receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Meta has it.
    Told,
    /// Not now: tried again.
    Retry {
        /// Not before this time.
        at: Timestamp,
    },
    /// No use trying again.
    GivenUp,
}

/// Writes what became of claimed receipts. One that a newer message took the place of stays as it is.
pub async fn any_organization_settle(tx: Operator, now: Timestamp, settled: &[(Claimed, Outcome)]) -> Result<()> {
    let next = |outcome: &Outcome| match outcome {
        Outcome::Told => ("told", now),
        Outcome::Retry { at } => ("waiting", *at),
        Outcome::GivenUp => ("given_up", now),
    };
    let mut pipeline = Pipeline::at(now);
    let rows = Rows::of(settled)
        .key("organization_id", |(one, _)| one.number.organization_id)
        .key("conversation_id", |(one, _)| one.conversation_id)
        .key("fence", |(one, _)| one.fence)
        .column("state", |(_, outcome)| next(outcome).0)
        .column("next_at", |(_, outcome)| next(outcome).1);
    pipeline.add(rows.update("wazapp.receipt", "AND t.state = 'waiting'"));
    tx.finish(pipeline).await.map_err(CommitError::in_job)
}
