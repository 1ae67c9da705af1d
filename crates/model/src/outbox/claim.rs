//! Claiming: which messages leave now.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::pace::next_probe;
use super::{LEASE, PAIR_AHEAD, PAIR_EACH};
use crate::database::{Engine, Operator, Result, Rows, column};
use crate::link::{Link, link_columns};
use crate::restoration;
use crate::upload::Attached;

/// A claim takes at most so many, so that every number gets its turn.
const MOST: i64 = 20;

/// A look names at most so many numbers: whoever comes later waits for so many claims.
const TURNS: i64 = 64;

/// After a refusal, the answer of what is tried next is waited for this long; no call takes longer.
const HOLD: SignedDuration = SignedDuration::from_secs(30);

/// How fast numbers may send, a second: 80 as a rule, a raised number, and one that is shared with a phone.
/// <https://developers.facebook.com/docs/whatsapp/throughput>
const STANDARD: i64 = 80;
const HIGH: i64 = 1000;
const SHARED: i64 = 20;

/// Meta counts over any second, so a burst and what follows it within the second must fit together: an eighth of the rate
/// at once, and the rest at seven eighths of its pace.
const PACE_EIGHTHS: i64 = 7;
const AHEAD: SignedDuration = SignedDuration::from_micros(1_000_000 / PACE_EIGHTHS);

/// A message to send now. It is the claimer's until its lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The owner.
    pub organization_id: Uuid,
    /// The message's id, which Meta echoes.
    pub message_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// A phone number's digits, a user id, or a group's id.
    pub recipient: String,
    /// JSON: Meta's object, without its recipient.
    pub body: String,
    /// The how manieth time it is tried.
    pub attempt: u32,
    /// Which claim an answer belongs to.
    pub fence: i64,
    /// What Meta refused before.
    pub refused: Refused,
    /// Files that Meta must have before the call, which then begins with [`any_organization_begin`].
    pub files: Vec<Attached>,
}

/// How often Meta refused in a row, when a message was claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The message itself.
    pub message: u32,
    /// Anything from its number to its recipient, so that both rested.
    pub pair: u32,
    /// Anything from its number, so that it rested.
    pub number: u32,
}

/// A number that has something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The owner.
    pub organization_id: Uuid,
    /// The number.
    pub number_id: Uuid,
}

/// What a claim took.
#[derive(Debug)]
pub struct Taken {
    /// From where.
    pub number: Link,
    /// What; nothing, where everything that waits must wait longer.
    pub messages: Vec<Claimed>,
    /// As many as could be taken: there may be more that may leave now.
    pub more: bool,
}

/// Whether other numbers may have something to send now too.
pub fn are_more_turns(turns: &[Turn]) -> bool {
    i64::try_from(turns.len()).unwrap_or(i64::MAX) >= TURNS
}

/// Of the numbers that `$waiting` names, those from which something may leave now.
macro_rules! turns {
    ($waiting:literal) => {
        concat!(
            $waiting,
            " SELECT p.organization_id, p.number_id FROM waiting w
             JOIN wazapp.number_pace p ON p.organization_id = w.organization_id AND p.number_id = w.number_id
             JOIN wazapp.number n ON n.organization_id = p.organization_id AND n.id = p.number_id
             WHERE n.status = 'connected' AND (p.paused_until IS NULL OR p.paused_until <= $1 OR p.probe_at <= $1)
               AND (p.held_until IS NULL OR p.held_until <= $1)
               AND p.next_at < $3 AND p.number_id <> ALL ($2)
               AND (EXISTS (SELECT FROM wazapp.outbox q WHERE q.organization_id = p.organization_id
                              AND q.number_id = p.number_id AND q.state = 'queued' AND NOT q.bulk
                              AND q.send_at <= $1 AND q.deadline > $1)
                 OR (p.bulk_paused_until IS NULL OR p.bulk_paused_until <= $1)
                    AND EXISTS (SELECT FROM wazapp.outbox q WHERE q.organization_id = p.organization_id
                              AND q.number_id = p.number_id AND q.state = 'queued' AND q.bulk
                              AND q.send_at <= $1 AND q.deadline > $1))
             ORDER BY p.served_at LIMIT $4"
        )
    };
}

/// From number to number along the index, past all that waits of each: ten thousand of one are one step. One look says
/// that nothing is due anywhere, which is most of the time.
const TURNS_BY_INDEX: &str = turns!(
    "WITH RECURSIVE waiting AS (
       (SELECT organization_id, number_id FROM wazapp.outbox
        WHERE state = 'queued' AND EXISTS (SELECT FROM wazapp.outbox WHERE state = 'queued' AND send_at <= $1)
        ORDER BY organization_id, number_id LIMIT 1)
       UNION ALL
       SELECT next.organization_id, next.number_id FROM waiting w CROSS JOIN LATERAL (
         SELECT o.organization_id, o.number_id FROM wazapp.outbox o
         WHERE o.state = 'queued' AND (o.organization_id, o.number_id) > (w.organization_id, w.number_id)
         ORDER BY o.organization_id, o.number_id LIMIT 1) next)"
);

/// Citus follows no recursion from shard to shard: all that is due is read.
const TURNS_ON_CITUS: &str = turns!(
    "WITH waiting AS (
       SELECT DISTINCT organization_id, number_id FROM wazapp.outbox WHERE state = 'queued' AND send_at <= $1)"
);

/// The numbers from which something may leave now, the one that was served longest ago first; `full` are passed over.
pub async fn any_organization_turns(tx: &Operator, now: Timestamp, full: &[Uuid]) -> Result<Vec<Turn>> {
    if restoration::is_held(tx).await? {
        return Ok(Vec::new());
    }
    let turns = match tx.engine() {
        Engine::PostgreSql => TURNS_BY_INDEX,
        Engine::Citus => TURNS_ON_CITUS,
    };
    let rows = tx.query(turns, &[&now, &full.to_vec(), &(now + AHEAD), &TURNS]).await?;
    Ok(rows.iter().map(|row| Turn { organization_id: row.get(0), number_id: row.get(1) }).collect())
}

/// Claims what may leave now from a number, at most `room`. `None`: another node is at it, or it may send no more.
pub async fn any_organization_claim(tx: &Operator, now: Timestamp, turn: Turn, room: i64) -> Result<Option<Taken>> {
    let Some(row) = any_organization_pace(tx, now, turn).await? else {
        return Ok(None);
    };
    let number = Link::read(&row);
    let rate = match row.get::<_, Option<&str>>("throughput") {
        _ if number.shared => SHARED,
        Some("HIGH") => HIGH,
        _ => STANDARD,
    };
    let refusals = u32::try_from(row.get::<_, i32>("refusals")).unwrap_or(0);
    let ahead = row.get::<_, Timestamp>("next_at").max(now);
    let tries = row.get::<_, Option<bool>>("rests") == Some(true);
    let trusted = if tries { 1 } else { trusted(refusals) };
    let allowed = allowed(ahead.duration_since(now), rate).min(room).min(trusted);
    let mut messages = any_organization_take(tx, now, &number, false, allowed).await?;
    let bulk_rests = row.get::<_, Option<bool>>("bulk_rests") == Some(true);
    let left = if bulk_rests { 0 } else { allowed - i64::try_from(messages.len()).unwrap_or(allowed) };
    messages.extend(any_organization_take(tx, now, &number, true, left).await?);
    for message in &mut messages {
        message.refused.number = refusals;
    }
    let each = SignedDuration::from_micros(8_000_000 / (PACE_EIGHTHS * rate));
    let spent = each * i32::try_from(messages.len()).unwrap_or(i32::MAX);
    tx.query(
        concat!(
            "UPDATE wazapp.number_pace SET served_at = $3, next_at = CASE WHEN $5 THEN $4 ELSE next_at END,
               held_until = CASE WHEN $5 AND refusals > 0 THEN $6 ELSE held_until END,
               probe_at = CASE WHEN $5 AND $7 THEN ",
            next_probe!("$3::timestamptz", "refusals"),
            " ELSE probe_at END
             WHERE organization_id = $1 AND number_id = $2"
        ),
        &[
            &number.organization_id,
            &number.number_id,
            &now,
            &(ahead + spent),
            &!messages.is_empty(),
            &(now + HOLD),
            &tries,
        ],
    )
    .await?;
    let more = allowed > 0 && i64::try_from(messages.len()).unwrap_or(i64::MAX) >= allowed;
    Ok(Some(Taken { number, messages, more }))
}

/// How many leave at once of a number that was refused so many times: one, and twice as many with each time that goes
/// well.
fn trusted(refusals: u32) -> i64 {
    (MOST >> refusals.min(62)).max(1)
}

/// How many more fit now, when the number's clock runs ahead by so much.
fn allowed(ahead: SignedDuration, rate: i64) -> i64 {
    let room = AHEAD - ahead;
    i64::try_from(room.as_micros() * i128::from(PACE_EIGHTHS * rate) / 8_000_000).unwrap_or(0).max(0)
}

/// What paces the number; it is ours until the transaction ends.
async fn any_organization_pace(tx: &Operator, now: Timestamp, turn: Turn) -> Result<Option<Row>> {
    tx.query_opt(
        concat!(
            "SELECT ",
            link_columns!(),
            ", p.next_at, p.refusals, p.paused_until > $3 AS rests, p.bulk_paused_until > $3 AS bulk_rests, n.throughput
         FROM wazapp.number_pace p
         JOIN wazapp.number n ON n.organization_id = p.organization_id AND n.id = p.number_id
         WHERE p.organization_id = $1 AND p.number_id = $2
           AND n.status = 'connected' AND (p.paused_until IS NULL OR p.paused_until <= $3 OR p.probe_at <= $3)
           AND (p.held_until IS NULL OR p.held_until <= $3) AND p.next_at < $4
         FOR UPDATE OF p SKIP LOCKED"
        ),
        &[&turn.organization_id, &turn.number_id, &now, &(now + AHEAD)],
    )
    .await
}

/// Takes messages of a number: of each conversation the first that is due, of each recipient no faster than Meta takes
/// them. What people write waits for no bulk message that has not left.
async fn any_organization_take(
    tx: &Operator,
    now: Timestamp,
    number: &Link,
    bulk: bool,
    most: i64,
) -> Result<Vec<Claimed>> {
    if most < 1 {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            // No two claims choose the same fence: whoever has it knows the claim for its own.
            "SELECT q.message_id, q.recipient, q.body::text AS body, q.files::text AS files, q.attempts + 1 AS attempt,
                    q.fence + 1 + floor(random() * (1::bigint << 40))::bigint AS fence, q.refusals, coalesce(r.refusals, 0) AS of_pair, r.next_at AS pair_next_at
             FROM wazapp.outbox q
             -- OFFSET 0: each row looks up its own. PostgreSQL plans for the empty tables it knows, where all of a number's pairs,
             -- and all that an organization is sending, are few.
             LEFT JOIN LATERAL (
               SELECT p.refusals, p.next_at FROM wazapp.pair_pace p
               WHERE p.organization_id = q.organization_id AND p.number_id = q.number_id AND p.recipient = q.recipient
               OFFSET 0) r ON true
             WHERE q.organization_id = $1 AND q.number_id = $2 AND q.state = 'queued' AND q.bulk = $6 AND q.send_at <= $3
               AND q.deadline > $3 AND (r.next_at IS NULL OR r.next_at <= $5)
               AND NOT EXISTS (
                 SELECT FROM wazapp.outbox e
                 WHERE e.organization_id = q.organization_id AND e.conversation_id = q.conversation_id
                   AND e.state = 'sending' OFFSET 0)
               AND NOT EXISTS (
                 SELECT FROM wazapp.outbox e
                 WHERE e.organization_id = q.organization_id AND e.conversation_id = q.conversation_id
                   -- Said so, it does not lead through all that is queued.
                   AND e.sequence < q.sequence AND e.due_at <= $3 AND e.state || '' = 'queued' AND (q.bulk OR NOT e.bulk)
                 OFFSET 0)
             ORDER BY q.send_at, q.sequence LIMIT $4 FOR UPDATE OF q SKIP LOCKED",
            &[&number.organization_id, &number.number_id, &now, &most, &(now + PAIR_AHEAD), &bulk],
        )
        .await?;
    let count = |row: &Row, column| u32::try_from(row.get::<_, i32>(column)).unwrap_or(0);
    let claimed = |row: &Row| Claimed {
        organization_id: number.organization_id,
        message_id: row.get("message_id"),
        number_id: number.number_id,
        recipient: row.get("recipient"),
        body: row.get("body"),
        attempt: count(row, "attempt"),
        fence: row.get("fence"),
        refused: Refused { message: count(row, "refusals"), pair: count(row, "of_pair"), number: 0 },
        files: row
            .get::<_, Option<&str>>("files")
            .map_or_else(Vec::new, |files| serde_json::from_str(files).expect("we wrote them ourselves")),
    };
    let messages: Vec<Claimed> = rows.iter().map(claimed).collect();
    if !messages.is_empty() {
        let next =
            |row: &Row| row.get::<_, Option<Timestamp>>("pair_next_at").map_or(now, |at| at.max(now)) + PAIR_EACH;
        let turns: BTreeMap<&str, Timestamp> = rows.iter().map(|row| (row.get("recipient"), next(row))).collect();
        any_organization_note(tx, now, number, &messages, turns).await?;
    }
    Ok(messages)
}

/// Writes that these are being sent, and that their recipients' turns are used: when each has its next.
async fn any_organization_note(
    tx: &Operator,
    now: Timestamp,
    number: &Link,
    messages: &[Claimed],
    turns: BTreeMap<&str, Timestamp>,
) -> Result<()> {
    let ids = column(messages, |message| message.message_id);
    tx.query(
        "UPDATE wazapp.outbox q SET state = 'sending', attempts = q.attempts + 1, fence = k.fence, lease_until = $3,
                                    preparing = q.files IS NOT NULL
         FROM unnest($2::uuid[], $4::bigint[]) AS k (id, fence)
         WHERE q.organization_id = $1 AND q.message_id = k.id",
        &[&number.organization_id, &ids, &(now + LEASE), &column(messages, |message| message.fence)],
    )
    .await?;
    tx.query(
        "UPDATE wazapp.message SET status = 'sending'
         WHERE organization_id = $1 AND id = ANY ($2) AND status = 'queued'",
        &[&number.organization_id, &ids],
    )
    .await?;
    let turns: Vec<(&str, Timestamp)> = turns.into_iter().collect();
    let used = Rows::of(&turns)
        .all("organization_id", number.organization_id)
        .all("number_id", number.number_id)
        .column("recipient", |turn| turn.0)
        .column("next_at", |turn| turn.1)
        .insert(
            "wazapp.pair_pace",
            // A refusal may have put it farther meanwhile.
            "ON CONFLICT (organization_id, number_id, recipient) DO UPDATE SET
               next_at = greatest(t.next_at, excluded.next_at)",
        );
    tx.run(&used).await?;
    Ok(())
}

/// Of a claim whose COMMIT nobody answered: the messages that it has after all. They are the claimer's for another lease.
pub async fn any_organization_recognize(tx: &Operator, now: Timestamp, taken: &Taken) -> Result<HashSet<Uuid>> {
    let rows = tx
        .query(
            "UPDATE wazapp.outbox q SET lease_until = $5
             FROM unnest($2::uuid[], $3::bigint[]) AS k (id, fence)
             WHERE q.organization_id = $1 AND q.message_id = k.id AND q.fence = k.fence AND q.state = 'sending'
               AND q.lease_until > $4 RETURNING q.message_id",
            &[
                &taken.number.organization_id,
                &column(&taken.messages, |message| message.message_id),
                &column(&taken.messages, |message| message.fence),
                &now,
                &(now + LEASE),
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The files of a claimed message are at Meta, and the call begins. `false`: the claim is lost, or the deadline passed:
/// it must not begin.
pub async fn any_organization_begin(tx: &Operator, now: Timestamp, message: &Claimed) -> Result<bool> {
    let begun = tx
        .query_opt(
            "UPDATE wazapp.outbox SET preparing = false, lease_until = $4
             WHERE organization_id = $1 AND message_id = $2 AND fence = $3 AND state = 'sending' AND preparing
               AND lease_until > $5 AND deadline > $5 RETURNING message_id",
            &[&message.organization_id, &message.message_id, &message.fence, &(now + LEASE), &now],
        )
        .await?;
    Ok(begun.is_some())
}

/// The files of a claimed message are still on their way to Meta. `false`: the claim is lost.
pub async fn any_organization_renew(tx: &Operator, now: Timestamp, message: &Claimed) -> Result<bool> {
    let renewed = tx
        .query_opt(
            "UPDATE wazapp.outbox SET lease_until = $4
             WHERE organization_id = $1 AND message_id = $2 AND fence = $3 AND state = 'sending' AND preparing
             RETURNING message_id",
            &[&message.organization_id, &message.message_id, &message.fence, &(now + LEASE)],
        )
        .await?;
    Ok(renewed.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_no_second_more_leave_than_meta_takes() {
        for rate in [SHARED, STANDARD, HIGH] {
            let each = 8_000_000 / (PACE_EIGHTHS * rate);
            let (mut next, mut left) = (0_i64, Vec::new());
            // Someone looks every millisecond, and takes what fits.
            for now in (0..5_000_000).step_by(1000) {
                let ahead = next.max(now) - now;
                let fits = allowed(SignedDuration::from_micros(ahead), rate);
                next = next.max(now) + fits * each;
                left.extend(std::iter::repeat_n(now, usize::try_from(fits).unwrap()));
            }
            let most = left.iter().map(|from| left.iter().filter(|at| (*from..from + 1_000_000).contains(*at)).count());
            let (most, rate) = (most.max().unwrap(), usize::try_from(rate).unwrap());
            assert!(
                most <= rate && left.len() > 5 * rate * 4 / 5,
                "{rate}: {most} in a second, {} in five",
                left.len()
            );
        }
    }
}
