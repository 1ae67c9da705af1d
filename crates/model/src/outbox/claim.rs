//! Claiming: which messages leave now.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{LEASE, PAIR_AHEAD, PAIR_SECONDS};
use crate::conversation::column;
use crate::database::{Operator, Result};
use crate::link::{Link, link_columns};
use crate::upload::Attached;

/// A claim takes at most so many, so that every number gets its turn.
const MOST: i64 = 20;

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
    /// Files that Meta must have before the call, which then begins with [`any_organization_begin`].
    pub files: Vec<Attached>,
}

/// What a claim took.
#[derive(Debug)]
pub struct Taken {
    /// From where.
    pub number: Link,
    /// What; nothing, where everything that waits must wait longer.
    pub messages: Vec<Claimed>,
}

/// Claims what may leave now from one number: the one that was served longest ago. `busy` are numbers to pass over, with
/// how many more may be taken of each. `None`: nothing is due elsewhere.
pub async fn any_organization_claim(tx: &Operator, now: Timestamp, busy: &[(Uuid, i64)]) -> Result<Option<Taken>> {
    let full: Vec<Uuid> = busy.iter().filter(|(_, room)| *room < 1).map(|(number, _)| *number).collect();
    let Some(row) = any_organization_next(tx, now, &full).await? else {
        return Ok(None);
    };
    let number = Link::read(&row);
    let rate = match row.get::<_, Option<&str>>("throughput") {
        _ if row.get("shared") => SHARED,
        Some("HIGH") => HIGH,
        _ => STANDARD,
    };
    let room = busy.iter().find(|(id, _)| *id == number.number_id).map_or(MOST, |(_, room)| *room);
    let ahead = row.get::<_, Timestamp>("next_at").max(now);
    let allowed = allowed(ahead.duration_since(now), rate).min(room).min(MOST);
    let messages = any_organization_take(tx, now, &number, allowed).await?;
    let each = SignedDuration::from_micros(8_000_000 / (PACE_EIGHTHS * rate));
    let spent = each * i32::try_from(messages.len()).unwrap_or(i32::MAX);
    tx.query(
        "UPDATE wazapp.number_pace SET served_at = $3, next_at = CASE WHEN $5 THEN $4 ELSE next_at END
         WHERE organization_id = $1 AND number_id = $2",
        &[&number.organization_id, &number.number_id, &now, &(ahead + spent), &!messages.is_empty()],
    )
    .await?;
    Ok(Some(Taken { number, messages }))
}

/// How many more fit now, when the number's clock runs ahead by so much.
fn allowed(ahead: SignedDuration, rate: i64) -> i64 {
    let room = AHEAD - ahead;
    i64::try_from(room.as_micros() * i128::from(PACE_EIGHTHS * rate) / 8_000_000).unwrap_or(0).max(0)
}

/// The number whose turn it is; it is ours until the transaction ends.
async fn any_organization_next(tx: &Operator, now: Timestamp, full: &[Uuid]) -> Result<Option<Row>> {
    tx.query_opt(
        concat!(
            "SELECT ",
            link_columns!(),
            ", p.next_at, n.throughput, n.history IS NOT NULL AS shared
         FROM wazapp.number_pace p
         JOIN wazapp.number n ON n.organization_id = p.organization_id AND n.id = p.number_id
         -- One look says that nothing is due anywhere, which is most of the time.
         WHERE EXISTS (SELECT FROM wazapp.outbox WHERE state = 'queued' AND send_at <= $1)
           AND n.status = 'connected' AND (p.paused_until IS NULL OR p.paused_until <= $1)
           AND p.next_at < $3 AND p.number_id <> ALL ($2)
           AND EXISTS (SELECT FROM wazapp.outbox q WHERE q.organization_id = p.organization_id
                         AND q.number_id = p.number_id AND q.state = 'queued' AND q.send_at <= $1 AND q.deadline > $1)
         ORDER BY p.served_at LIMIT 1 FOR UPDATE OF p SKIP LOCKED"
        ),
        &[&now, &full.to_vec(), &(now + AHEAD)],
    )
    .await
}

/// Takes messages of a number: of each conversation the first that is due, of each recipient no faster than Meta takes
/// them.
async fn any_organization_take(tx: &Operator, now: Timestamp, number: &Link, most: i64) -> Result<Vec<Claimed>> {
    let rows = tx
        .query(
            "SELECT q.message_id, q.recipient, q.body::text AS body, q.files::text AS files, q.attempts + 1 AS attempt,
                    q.fence + 1 AS fence
             FROM wazapp.outbox q
             LEFT JOIN wazapp.pair_pace r
               ON r.organization_id = q.organization_id AND r.number_id = q.number_id AND r.recipient = q.recipient
             WHERE q.organization_id = $1 AND q.number_id = $2 AND q.state = 'queued' AND q.send_at <= $3
               AND q.deadline > $3 AND (r.next_at IS NULL OR r.next_at <= $5)
               AND NOT EXISTS (
                 SELECT FROM wazapp.outbox e
                 WHERE e.organization_id = q.organization_id AND e.conversation_id = q.conversation_id
                   AND e.sequence < q.sequence AND e.state IN ('queued', 'sending') AND e.due_at <= $3)
             ORDER BY q.bulk, q.send_at, q.sequence LIMIT $4 FOR UPDATE OF q SKIP LOCKED",
            &[&number.organization_id, &number.number_id, &now, &most, &(now + PAIR_AHEAD)],
        )
        .await?;
    let messages: Vec<Claimed> = rows
        .iter()
        .map(|row| Claimed {
            organization_id: number.organization_id,
            message_id: row.get("message_id"),
            number_id: number.number_id,
            recipient: row.get("recipient"),
            body: row.get("body"),
            attempt: u32::try_from(row.get::<_, i32>("attempt")).unwrap_or(u32::MAX),
            fence: row.get("fence"),
            files: row
                .get::<_, Option<&str>>("files")
                .map_or_else(Vec::new, |files| serde_json::from_str(files).expect("we wrote them ourselves")),
        })
        .collect();
    if messages.is_empty() {
        return Ok(messages);
    }
    let ids = column(&messages, |message| message.message_id);
    tx.query(
        "UPDATE wazapp.outbox SET state = 'sending', attempts = attempts + 1, fence = fence + 1, lease_until = $3,
                                  preparing = files IS NOT NULL
         WHERE organization_id = $1 AND message_id = ANY ($2)",
        &[&number.organization_id, &ids, &(now + LEASE)],
    )
    .await?;
    tx.query(
        "UPDATE wazapp.message SET status = 'sending'
         WHERE organization_id = $1 AND id = ANY ($2) AND status = 'queued'",
        &[&number.organization_id, &ids],
    )
    .await?;
    let mut recipients = column(&messages, |message| message.recipient.as_str());
    recipients.sort_unstable();
    recipients.dedup();
    tx.query(
        "INSERT INTO wazapp.pair_pace AS r (organization_id, number_id, recipient, next_at)
         SELECT $1::uuid, $2::uuid, k.recipient, $4::timestamptz + $5::bigint * interval '1 second'
         FROM unnest($3::text[]) AS k (recipient)
         ON CONFLICT (organization_id, number_id, recipient) DO UPDATE SET
           next_at = greatest(r.next_at, $4) + $5 * interval '1 second'",
        &[&number.organization_id, &number.number_id, &recipients, &now, &PAIR_SECONDS],
    )
    .await?;
    Ok(messages)
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
