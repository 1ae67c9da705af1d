//! Claiming: which messages leave now.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::alternative::{self, Alternative};
use super::pace::next_probe;
use super::{LEASE, PAIR_AHEAD, PAIR_EACH, Turn};
use crate::database::{CommitError, DatabaseError, Operator, Pipeline, Result, Rows, column, params};
use crate::link::{Link, link_columns};
use crate::restoration;
use crate::upload::Attached;

/// A claim takes at most so many of a number, so that each gets its turn.
pub const MOST: i64 = 20;

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
pub(super) const AHEAD: SignedDuration = SignedDuration::from_micros(1_000_000 / PACE_EIGHTHS);

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

/// What a claim took.
#[derive(Debug)]
pub struct Taken {
    /// From where.
    pub number: Link,
    /// What; nothing, where everything that waits must wait longer.
    pub messages: Vec<Claimed>,
    /// As many as could be taken: there may be more that may leave now.
    pub more: bool,
    /// None could be taken: its pace lets nothing more go now.
    pub paced: bool,
}

/// A claim that did not come to its end.
#[derive(Debug)]
pub struct Lost {
    /// Why.
    pub error: DatabaseError,
    /// What it took nevertheless, if COMMIT was carried out: nobody answered that.
    pub taken: Vec<Taken>,
}

impl From<DatabaseError> for Lost {
    fn from(error: DatabaseError) -> Self {
        Self { error, taken: Vec::new() }
    }
}

/// What may leave now of numbers of one organization. Nobody else takes it until the transaction ends, with which it is written.
#[derive(Debug)]
pub struct Claim {
    organization_id: Option<Uuid>,
    numbers: Vec<(Pace, Vec<Waiting>)>,
}

/// Claims what may leave now from numbers of one organization, of each at most so many. A number that another node is at, or
/// that may send no more, is left out.
pub async fn any_organization_claim(tx: &Operator, now: Timestamp, turns: &[(Turn, i64)]) -> Result<Claim> {
    let organization_id = turns.first().map(|(turn, _)| turn.organization_id);
    let (is_held, paces) = futures::try_join!(restoration::is_held(tx), any_organization_paces(tx, now, turns))?;
    if is_held {
        return Ok(Claim { organization_id, numbers: Vec::new() });
    }
    let plain = paces.iter().map(|pace| any_organization_take(tx, now, pace, false, &[]));
    let mut taken = futures::future::try_join_all(plain).await?;
    let bulk = paces.iter().zip(&taken).map(|(pace, plain)| any_organization_take(tx, now, pace, true, plain));
    let bulk = futures::future::try_join_all(bulk).await?;
    taken.iter_mut().zip(bulk).for_each(|(taken, bulk)| taken.extend(bulk));
    let choosable = taken.iter_mut().flatten().filter_map(|one| Some((&mut one.message, one.alternative.take()?)));
    alternative::any_organization_choose(tx, now, choosable.collect()).await?;
    Ok(Claim { organization_id, numbers: paces.into_iter().zip(taken).collect() })
}

impl Claim {
    /// What leaves.
    pub fn messages(&self) -> impl Iterator<Item = &Claimed> {
        self.numbers.iter().flat_map(|(_, waiting)| waiting).map(|one| &one.message)
    }

    /// Writes it down, and ends the transaction: from then on it is the claimer's.
    pub async fn commit(self, tx: Operator, now: Timestamp) -> Result<Vec<Taken>, Lost> {
        let mut pipeline = Pipeline::at(now);
        if let Some(organization_id) = self.organization_id {
            any_organization_note(&mut pipeline, organization_id, now, &self.numbers);
        }
        let done = tx.finish(pipeline).await;
        let taken = self.numbers.into_iter().map(|(pace, waiting)| Taken {
            more: pace.allowed > 0 && i64::try_from(waiting.len()).unwrap_or(i64::MAX) >= pace.allowed,
            paced: pace.allowed < 1,
            messages: waiting.into_iter().map(|one| one.message).collect(),
            number: pace.number,
        });
        match done {
            Ok(()) => Ok(taken.collect()),
            Err(CommitError::NotDone(error)) => Err(error.into()),
            Err(CommitError::InDoubt(error)) => Err(Lost { error, taken: taken.collect() }),
        }
    }
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

/// What paces a number, and how much may leave of it now.
#[derive(Debug)]
struct Pace {
    number: Link,
    turn: Turn,
    /// When its next message has its place.
    ahead: Timestamp,
    /// How long one takes.
    each: SignedDuration,
    refusals: u32,
    /// Whether it rests, and is tried with one message.
    tries: bool,
    bulk_rests: bool,
    allowed: i64,
}

impl Pace {
    fn read(row: &Row, now: Timestamp, turns: &[(Turn, i64)]) -> Self {
        let number = Link::read(row);
        let rate = match row.get::<_, Option<&str>>("throughput") {
            _ if number.shared => SHARED,
            Some("HIGH") => HIGH,
            _ => STANDARD,
        };
        let (turn, room) =
            *turns.iter().find(|(turn, _)| turn.number_id == number.number_id).expect("it was asked for");
        let refusals = u32::try_from(row.get::<_, i32>("refusals")).unwrap_or(0);
        let ahead = row.get::<_, Timestamp>("next_at").max(now);
        let tries = row.get::<_, Option<bool>>("rests") == Some(true);
        let trusted = if tries { 1 } else { trusted(refusals) };
        Self {
            turn,
            ahead,
            each: SignedDuration::from_micros(8_000_000 / (PACE_EIGHTHS * rate)),
            refusals,
            tries,
            bulk_rests: row.get::<_, Option<bool>>("bulk_rests") == Some(true),
            allowed: allowed(ahead.duration_since(now), rate).min(room).min(trusted),
            number,
        }
    }

    /// Whether bulk may leave.
    fn lets_bulk(&self) -> bool {
        self.turn.bulk && !self.bulk_rests
    }
}

/// What paces these numbers; those that answer are ours until the transaction ends.
async fn any_organization_paces(tx: &Operator, now: Timestamp, turns: &[(Turn, i64)]) -> Result<Vec<Pace>> {
    let Some((first, _)) = turns.first() else { return Ok(Vec::new()) };
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                link_columns!(),
                ", p.next_at, p.refusals, p.paused_until > $3 AS rests, p.bulk_paused_until > $3 AS bulk_rests, n.throughput
                 FROM wazapp.number_pace p
                 JOIN wazapp.number n ON n.organization_id = p.organization_id AND n.id = p.number_id
                 WHERE p.organization_id = $1 AND p.number_id = ANY ($2)
                   AND n.status = 'connected' AND (p.paused_until IS NULL OR p.paused_until <= $3 OR p.probe_at <= $3)
                   AND (p.held_until IS NULL OR p.held_until <= $3) AND p.next_at < $4
                 ORDER BY p.number_id FOR UPDATE OF p SKIP LOCKED"
            ),
            &[&first.organization_id, &column(turns, |(turn, _)| turn.number_id), &now, &(now + AHEAD)],
        )
        .await?;
    Ok(rows.iter().map(|row| Pace::read(row, now, turns)).collect())
}

/// A message that was taken.
#[derive(Debug)]
struct Waiting {
    message: Claimed,
    /// What may leave in its place.
    alternative: Option<Alternative>,
    conversation_id: Uuid,
    /// When its recipient's next has its turn.
    next: Timestamp,
}

/// Takes messages of a number: of each conversation the first that is due, of each recipient no faster than Meta takes
/// them. What people write waits for no bulk message that has not left. What was taken before counts, and holds up its
/// conversations.
async fn any_organization_take(
    tx: &Operator,
    now: Timestamp,
    pace: &Pace,
    bulk: bool,
    before: &[Waiting],
) -> Result<Vec<Waiting>> {
    let most = pace.allowed - i64::try_from(before.len()).unwrap_or(pace.allowed);
    if most < 1 || bulk && !pace.lets_bulk() {
        return Ok(Vec::new());
    }
    let number = &pace.number;
    let rows = tx
        .query(
            // No two claims choose the same fence: whoever has it knows the claim for its own.
            "SELECT q.message_id, q.conversation_id, q.recipient, q.body::text AS body, q.files::text AS files,
                    q.alternative::text AS alternative, q.attempts + 1 AS attempt,
                    q.fence + 1 + floor(random() * (1::bigint << 40))::bigint AS fence, q.refusals, coalesce(r.refusals, 0) AS of_pair, r.next_at AS pair_next_at
             FROM wazapp.outbox q
             -- OFFSET 0: each row looks up its own. PostgreSQL plans for the empty tables it knows, where all of a number's pairs,
             -- and all that an organization is sending, are few.
             LEFT JOIN LATERAL (
               SELECT p.refusals, p.next_at FROM wazapp.pair_pace p
               WHERE p.organization_id = q.organization_id AND p.number_id = q.number_id AND p.recipient = q.recipient
               OFFSET 0) r ON true
             WHERE q.organization_id = $1 AND q.number_id = $2 AND q.state = 'queued' AND q.bulk = $6 AND q.send_at <= $3
               AND q.deadline > $3 AND (r.next_at IS NULL OR r.next_at <= $5) AND q.conversation_id <> ALL ($7)
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
            &[
                &number.organization_id,
                &number.number_id,
                &now,
                &most,
                &(now + PAIR_AHEAD),
                &bulk,
                &column(before, |one| one.conversation_id),
            ],
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
        refused: Refused { message: count(row, "refusals"), pair: count(row, "of_pair"), number: pace.refusals },
        files: row
            .get::<_, Option<&str>>("files")
            .map_or_else(Vec::new, |files| serde_json::from_str(files).expect("we wrote them ourselves")),
    };
    let next = |row: &Row| row.get::<_, Option<Timestamp>>("pair_next_at").map_or(now, |at| at.max(now)) + PAIR_EACH;
    let waiting = |row: &Row| Waiting {
        message: claimed(row),
        alternative: row.get::<_, Option<&str>>("alternative").map(Alternative::read),
        conversation_id: row.get("conversation_id"),
        next: next(row),
    };
    Ok(rows.iter().map(waiting).collect())
}

/// Writes that these are being sent, and that their numbers' and their recipients' turns are used.
fn any_organization_note<'a>(
    pipeline: &mut Pipeline<'a>,
    organization_id: Uuid,
    now: Timestamp,
    claims: &'a [(Pace, Vec<Waiting>)],
) {
    if claims.is_empty() {
        return;
    }
    let taken: Vec<&Waiting> = claims.iter().flat_map(|(_, waiting)| waiting).collect();
    if !taken.is_empty() {
        let rows = Rows::of(&taken)
            .given("organization", organization_id)
            .given("lease", now + LEASE)
            .column("id", |one| one.message.message_id)
            .column("fence", |one| one.message.fence);
        pipeline.add(rows.statement(
            "UPDATE wazapp.outbox q SET state = 'sending', attempts = q.attempts + 1, fence = k.fence,
               lease_until = {lease}, preparing = q.files IS NOT NULL
             FROM {rows} WHERE q.organization_id = {organization} AND q.message_id = k.id",
        ));
        pipeline.push(
            "UPDATE wazapp.message SET status = 'sending'
             WHERE organization_id = $1 AND id = ANY ($2) AND status = 'queued'",
            params![organization_id, column(&taken, |one| one.message.message_id)],
        );
        let turns: BTreeMap<(Uuid, &str), Timestamp> =
            taken.iter().map(|one| ((one.message.number_id, one.message.recipient.as_str()), one.next)).collect();
        let turns: Vec<_> = turns.into_iter().collect();
        let used = Rows::of(&turns)
            .all("organization_id", organization_id)
            .column("number_id", |(pair, _)| pair.0)
            .column("recipient", |(pair, _)| pair.1.to_owned())
            .column("next_at", |(_, next)| *next);
        pipeline.add(used.insert(
            "wazapp.pair_pace",
            // A refusal may have put it farther meanwhile.
            "ON CONFLICT (organization_id, number_id, recipient) DO UPDATE SET
               next_at = greatest(t.next_at, excluded.next_at)",
        ));
    }
    let spent = |(pace, waiting): &(Pace, Vec<Waiting>)| {
        pace.ahead + pace.each * i32::try_from(waiting.len()).unwrap_or(i32::MAX)
    };
    let served = Rows::of(claims)
        .given("organization", organization_id)
        .given("now", now)
        .given("hold", now + HOLD)
        .column("number_id", |(pace, _)| pace.number.number_id)
        .column("next_at", spent)
        .column("took", |(_, waiting)| !waiting.is_empty())
        .column("tries", |(pace, _)| pace.tries);
    pipeline.add(served.statement(concat!(
        "UPDATE wazapp.number_pace p SET served_at = {now}, next_at = CASE WHEN k.took THEN k.next_at ELSE p.next_at END,
           held_until = CASE WHEN k.took AND p.refusals > 0 THEN {hold} ELSE p.held_until END,
           probe_at = CASE WHEN k.took AND k.tries THEN ",
        next_probe!("{now}", "p.refusals"),
        " ELSE p.probe_at END
         FROM {rows} WHERE p.organization_id = {organization} AND p.number_id = k.number_id"
    )));
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
