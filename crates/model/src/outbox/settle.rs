//! Settling: what became of claimed messages.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::pace::{Heard, Pause};
use super::plan::{self, Left, Undone};
use super::{Refused, Turn};
use crate::database::{CommitError, Database, Operator, Pipeline, RawJson, Result, Rows, column};
use crate::event::{self, Events, Kind, Lines, New};
use crate::message::{self, Key};
use crate::scope::Scope;
use crate::status::{self, climb};
use crate::trouble::Trouble;

/// Where a message may be sent twice, the status that would show that it was sent gets this long to come.
const RESEND_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// What Meta wants so much later holds up nobody behind it: it is then due at its new time.
const MUCH_LATER: SignedDuration = SignedDuration::from_mins(15);

/// What was heard of one claimed message, or not heard.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The owner.
    pub organization_id: Uuid,
    /// The message.
    pub message_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// The recipient.
    pub recipient: String,
    /// The claim; if there was another one since, this settles nothing.
    pub fence: i64,
    /// What Meta had refused before.
    pub refused: Refused,
    /// The token that the call went out with, as [`Link`](crate::link::Link) marks it. One that was brought since is
    /// not to blame.
    pub token_mark: Option<Vec<u8>>,
    /// What was heard.
    pub outcome: Outcome,
    /// Who must wait, beside this message.
    pub pause: Option<Pause>,
}

/// What became of a claimed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Meta has it.
    Accepted {
        /// Meta's id.
        wamid: String,
        /// The phone number in Meta's spelling, where it named one.
        wa_id: Option<String>,
        /// The user id, where it named one.
        user_id: Option<String>,
        /// Of templates: `accepted`, `held_for_quality_assessment` or `paused`.
        message_status: Option<String>,
    },
    /// Provably not sent; tried again.
    Retry {
        /// Not before this time.
        at: Timestamp,
        /// Why.
        error: Box<Trouble>,
    },
    /// Provably not sent, and no use trying again.
    Failed {
        /// Why.
        error: Box<Trouble>,
    },
    /// Nobody knows.
    Unknown {
        /// Why.
        error: Box<Trouble>,
    },
    /// Whoever claimed it never came back.
    LeaseEnded,
    /// It was still queued at its deadline.
    DeadlinePassed,
}

/// What one settled message writes.
#[derive(Debug, Default)]
struct Written {
    /// Done with: its row goes.
    gone: bool,
    /// Else its row: state, next try.
    state: Option<&'static str>,
    send_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    refused: bool,
    error: Option<String>,
    /// The message, where it changes.
    status: Option<String>,
    wamid: Option<String>,
    message_error: Option<String>,
    acceptance: Option<String>,
    /// It waited for a time of its own, and waits no more.
    left: bool,
    /// It never went.
    undone: Option<Undone>,
    event: Option<(Kind, Option<Value>)>,
}

/// Settles a batch in one transaction. Answers the numbers of which something may leave now that waited for these. `words`
/// adds to the errors of a status that came before its answer what they mean to people.
pub async fn any_organization_settle(
    database: &Database,
    now: Timestamp,
    settled: &[Settled],
    words: fn(&str) -> String,
) -> Result<Vec<Turn>> {
    let tx = database.operator().await?;
    let scopes = column(settled, |one| Scope::new(one.organization_id));
    let (scopes, keys) = (scopes.iter().collect::<Vec<_>>(), keys(settled));
    // They travel together: what is claimed is read once the lines are had.
    let (lines, rows, statuses) = futures::try_join!(
        event::any_organization_lines(&tx, &scopes),
        claimed(&tx, settled),
        status::any_organization_find(&tx, &keys),
    )?;
    let known = known(&lines, now, settled, (&rows, statuses), words).await?;

    let mut written: Vec<(&Settled, Written)> = Vec::new();
    let mut freed = told_before(settled, &rows);
    for row in &rows {
        let one = claim_of(settled, row);
        if let Some(what) = settle_one(one, row, &known, now) {
            if frees(one, row) {
                freed.insert(Turn::of(one.organization_id, one.number_id));
            }
            written.push((one, what));
        }
    }
    let mut events = Events::default();
    for (one, what) in &mut written {
        if let Some((kind, data)) = what.event.take() {
            let (subject_id, data) = (Some(one.message_id), data.map(|data| data.to_string()));
            let event = New { kind, at: now, subject_id, data, fingerprint: None };
            lines.note(&mut events, one.organization_id, event);
        }
    }
    let pace = Heard::of(settled, now);
    let left = written.iter().filter(|(_, what)| what.left).map(|(one, _)| Left {
        organization_id: one.organization_id,
        message_id: one.message_id,
        at: now,
    });
    let left: Vec<Left> = left.collect();
    let undone: Vec<Undone> = written.iter_mut().filter_map(|(_, what)| what.undone.take()).collect();
    let mut pipeline = Pipeline::at(now);
    write(&mut pipeline, &written);
    if !left.is_empty() {
        plan::stand(&left, now).into_iter().for_each(|statement| pipeline.add(statement));
    }
    if !undone.is_empty() {
        pipeline.add(plan::undo(&undone, now));
    }
    event::any_organization_record(&mut pipeline, &events);
    pace.write(&mut pipeline);
    tx.finish(pipeline).await.map_err(CommitError::in_job)?;
    Ok(freed.into_iter().collect())
}

/// The numbers of those that are no longer what they were claimed as: whoever settled them, by a status or otherwise, told
/// nobody that what waits may go on.
fn told_before(settled: &[Settled], rows: &[Row]) -> HashSet<Turn> {
    let mut left: HashSet<Uuid> = settled.iter().map(|one| one.message_id).collect();
    for row in rows {
        left.remove(&claim_of(settled, row).message_id);
    }
    let others = settled.iter().filter(|one| left.contains(&one.message_id));
    others.map(|one| Turn::of(one.organization_id, one.number_id)).collect()
}

/// Of which claim a row is.
fn claim_of<'s>(settled: &'s [Settled], row: &Row) -> &'s Settled {
    &settled[usize::try_from(row.get::<_, i64>("nth") - 1).expect("it was numbered from 1")]
}

/// Whether something waited for what became of it: what stands behind it in its conversation, itself, or, where Meta had
/// refused, whatever its number or its recipient has.
fn frees(one: &Settled, row: &Row) -> bool {
    let refused = one.refused.number > 0 || one.refused.pair > 0;
    refused || row.get("followed") || !matches!(one.outcome, Outcome::Accepted { .. })
}

/// The rows that are still what they were claimed as; they are ours until the transaction ends.
async fn claimed(tx: &Operator, settled: &[Settled]) -> Result<Vec<Row>> {
    let claims = Rows::of(settled)
        .column("organization_id", |one| one.organization_id)
        .column("id", |one| one.message_id)
        .column("fence", |one| one.fence)
        .statement(
            "SELECT k.nth, q.state, q.preparing, q.on_unknown, q.deadline, q.error, m.status,
                    m.callback_data, m.conversation_id, m.sequence, q.turned_from, m.received_at < q.due_at AS planned,
                    EXISTS (SELECT FROM wazapp.outbox f
                            WHERE f.organization_id = q.organization_id AND f.conversation_id = q.conversation_id
                              AND f.message_id <> q.message_id OFFSET 0) AS followed
             FROM {numbered rows}
             JOIN wazapp.outbox q
               ON q.organization_id = k.organization_id AND q.message_id = k.id AND q.fence = k.fence{here q}
             JOIN wazapp.message m ON m.organization_id = k.organization_id AND m.id = k.id{here m}
             WHERE q.state <> 'cancelled' ORDER BY k.organization_id, k.id FOR UPDATE OF q",
        );
    tx.run(&claims).await
}

/// What is known already under the ids that Meta gave: statuses that came before the answer, and, where the same message
/// came as an echo of another app's, that message.
#[derive(Debug, Default)]
struct Known {
    statuses: HashMap<Key, Vec<(String, Option<String>)>>,
    taken: HashMap<Key, Uuid>,
}

fn key(one: &Settled, wamid: &str) -> Key {
    Key { organization_id: one.organization_id, number_id: one.number_id, wamid: wamid.to_owned() }
}

async fn known(
    tx: &Lines<'_>,
    now: Timestamp,
    settled: &[Settled],
    (rows, statuses): (&[Row], Vec<status::Known>),
    words: fn(&str) -> String,
) -> Result<Known> {
    let mut known = Known::default();
    for stored in statuses {
        let errors = stored.errors.as_deref().map(words);
        known.statuses.entry(stored.update.message).or_default().push((stored.update.status, errors));
    }
    let ours: Vec<(Key, Uuid)> = rows.iter().filter_map(|row| accepted(settled, row)).collect();
    if ours.is_empty() {
        return Ok(known);
    }
    let keys = column(&ours, |(key, _)| key.clone());
    let (absorbed, mut found) = futures::try_join!(
        super::echo::any_organization_absorb(tx, now, &ours),
        message::any_organization_find(tx, &keys),
    )?;
    if absorbed {
        found = message::any_organization_find(tx, &keys).await?;
    }
    known.taken.extend(found.into_iter().map(|(key, message)| (key, message.id)));
    Ok(known)
}

/// What Meta called those that it took.
fn keys(settled: &[Settled]) -> Vec<Key> {
    let mut keys: Vec<Key> = settled
        .iter()
        .filter_map(|one| match &one.outcome {
            Outcome::Accepted { wamid, .. } => Some(key(one, wamid)),
            _ => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The id that Meta gave to a message which is still what it was claimed as.
fn accepted(settled: &[Settled], row: &Row) -> Option<(Key, Uuid)> {
    let one = claim_of(settled, row);
    match &one.outcome {
        Outcome::Accepted { wamid, .. } => Some((key(one, wamid), one.message_id)),
        _ => None,
    }
}

/// `None`: it is no longer what it was claimed as.
fn settle_one(one: &Settled, row: &Row, known: &Known, now: Timestamp) -> Option<Written> {
    let state: &str = row.get("state");
    let shown: Option<String> = row.get("status");
    let deadline: Timestamp = row.get("deadline");
    match &one.outcome {
        Outcome::Accepted { wamid, wa_id, user_id, message_status } => {
            let key = key(one, wamid);
            let mut status = climb(shown.as_deref(), "accepted");
            let mut message_error = None;
            for (update, errors) in known.statuses.get(&key).into_iter().flatten() {
                status::advance(&mut status, &mut message_error, update, errors.as_deref());
            }
            let free = known.taken.get(&key).is_none_or(|id| *id == one.message_id);
            Some(Written {
                gone: true,
                status,
                wamid: free.then(|| wamid.clone()),
                message_error,
                acceptance: Some(
                    json!({ "wa_id": wa_id, "user_id": user_id, "message_status": message_status }).to_string(),
                ),
                left: row.get("planned"),
                event: Some((Kind::MessageSent, None)),
                ..Written::default()
            })
        }
        // Its deadline comes first: that it fails is known now.
        Outcome::Retry { at, error } if *at >= deadline && deadline > now => {
            Some(given_up(one, row, shown.as_deref(), now, error))
        }
        Outcome::Retry { at, error } => Some(Written {
            state: Some("queued"),
            send_at: Some(*at),
            due_at: (at.duration_since(now) >= MUCH_LATER).then_some(*at),
            refused: one.pause.is_none(),
            error: Some(error.json()),
            ..Written::default()
        }),
        Outcome::Failed { error } => Some(failed(one, row, shown.as_deref(), now, error)),
        Outcome::Unknown { error } if state == "sending" => Some(unknown(one, row, shown.as_deref(), now, Some(error))),
        // Only its files were on their way: nothing was sent.
        Outcome::LeaseEnded if state == "sending" && row.get("preparing") => {
            Some(Written { state: Some("queued"), send_at: Some(now), ..Written::default() })
        }
        Outcome::LeaseEnded if state == "sending" => Some(unknown(one, row, shown.as_deref(), now, None)),
        Outcome::DeadlinePassed if state == "queued" && deadline <= now => {
            let last = Trouble::read_last(row, "error", "outbox.error");
            Some(given_up(one, row, shown.as_deref(), now, &Trouble::too_late_to_send(last)))
        }
        Outcome::Unknown { .. } | Outcome::LeaseEnded | Outcome::DeadlinePassed => None,
    }
}

/// What waited to be sent a second time may have been sent the first time: of that, nobody knows.
fn given_up(one: &Settled, row: &Row, shown: Option<&str>, now: Timestamp, error: &Trouble) -> Written {
    match shown {
        Some("unknown") => Written { state: Some("unknown"), ..Written::default() },
        _ => failed(one, row, shown, now, error),
    }
}

fn failed(one: &Settled, row: &Row, shown: Option<&str>, now: Timestamp, error: &Trouble) -> Written {
    Written {
        gone: true,
        left: row.get("planned"),
        // Of a first try nobody may know.
        undone: Undone::of(one.organization_id, row).filter(|_| shown != Some("unknown")),
        status: climb(shown, "failed"),
        message_error: Some(error.json()),
        event: Some((
            Kind::MessageStatus,
            Some(told(one.message_id, row.get("callback_data"), "failed", now, Some(error))),
        )),
        ..Written::default()
    }
}

fn unknown(one: &Settled, row: &Row, shown: Option<&str>, now: Timestamp, error: Option<&Trouble>) -> Written {
    let resend = row.get::<_, &str>("on_unknown") == "resend";
    let first = shown != Some("unknown");
    Written {
        state: Some(if resend { "queued" } else { "unknown" }),
        send_at: resend.then_some(now + RESEND_AFTER),
        error: error.map(Trouble::json),
        status: climb(shown, "unknown"),
        event: first
            .then(|| (Kind::MessageStatus, Some(told(one.message_id, row.get("callback_data"), "unknown", now, None)))),
        ..Written::default()
    }
}

/// The data of an event about a message that Meta never had, or may have.
pub(super) fn told(
    id: Uuid,
    callback_data: Option<&str>,
    status: &str,
    at: Timestamp,
    error: Option<&Trouble>,
) -> Value {
    let errors = error.map(|error| json!([error]));
    status::Told {
        message_id: Some(id),
        wamid: None,
        status,
        timestamp: at,
        participant: None,
        callback_data,
        errors: errors.as_ref(),
        pricing: None,
        conversation: None,
    }
    .json()
}

/// Settled messages by key; `id` is what the table calls theirs.
fn named<'r, 'p, 'w, 's>(
    settled: &'r [&'w (&'s Settled, Written)],
    id: &'static str,
) -> Rows<'r, 'p, &'w (&'s Settled, Written)> {
    Rows::of(settled).key("organization_id", |(one, _)| one.organization_id).key(id, |(one, _)| one.message_id)
}

fn write<'a>(pipeline: &mut Pipeline<'a>, written: &'a [(&'a Settled, Written)]) {
    let (gone, kept): (Vec<_>, Vec<_>) = written.iter().partition(|(_, what)| what.gone);
    if !gone.is_empty() {
        reactions(pipeline, &gone);
        identities(pipeline, &gone);
        let rows = named(&gone, "message_id");
        pipeline.add(rows.delete("wazapp.outbox"));
    }
    if !kept.is_empty() {
        let rows = named(&kept, "message_id")
            .news("state", |(_, what)| what.state)
            .news("send_at", |(_, what)| what.send_at)
            .news("due_at", |(_, what)| what.due_at)
            .news("error", |(_, what)| what.error.as_deref().map(RawJson))
            .added("refusals", |(_, what)| i32::from(what.refused))
            .all("lease_until", None::<Timestamp>);
        pipeline.add(rows.update("wazapp.outbox", ""));
    }
    let changed: Vec<_> = written.iter().filter(|(_, what)| what.status.is_some()).collect();
    if !changed.is_empty() {
        let rows = named(&changed, "id")
            .column("status", |(_, what)| what.status.as_deref())
            .first("wamid", |(_, what)| what.wamid.as_deref())
            .column("error", |(_, what)| what.message_error.as_deref().map(RawJson))
            .first("acceptance", |(_, what)| what.acceptance.as_deref().map(RawJson));
        pipeline.add(rows.update("wazapp.message", ""));
    }
}

/// A reaction of the business that Meta has shows on its message. Of several within a second, which is how exact messages'
/// times are, the one that was sent last shows: it stands by so many microseconds behind the second.
fn reactions(pipeline: &mut Pipeline<'_>, gone: &[&(&Settled, Written)]) {
    let accepted: Vec<_> = gone.iter().copied().filter(|(_, what)| what.wamid.is_some()).collect();
    if accepted.is_empty() {
        return;
    }
    let rows = named(&accepted, "id").column("wamid", |(_, what)| what.wamid.clone());
    pipeline.add(rows.statement(
        "INSERT INTO wazapp.reaction AS r (organization_id, number_id, target_wamid, reactor, emoji, wamid, timestamp)
         SELECT DISTINCT ON (m.organization_id, m.number_id, m.reply_to_wamid)
                m.organization_id, m.number_id, m.reply_to_wamid, 'business',
                nullif(m.payload -> 'reaction' ->> 'emoji', ''), k.wamid,
                m.timestamp + (m.sequence % 1000000) * interval '1 microsecond'
         FROM {rows}
         JOIN wazapp.message m ON m.organization_id = k.organization_id AND m.id = k.id{here m}
         WHERE m.type = 'reaction' AND m.reply_to_wamid IS NOT NULL
         ORDER BY m.organization_id, m.number_id, m.reply_to_wamid, m.timestamp DESC, m.sequence DESC
         ON CONFLICT (organization_id, number_id, target_wamid, reactor) DO UPDATE SET
           emoji = excluded.emoji, wamid = excluded.wamid, timestamp = excluded.timestamp
         WHERE (r.timestamp, r.wamid COLLATE \"C\") < (excluded.timestamp, excluded.wamid COLLATE \"C\")",
    ));
}

/// Meta may spell the phone number in another way than it was dialed, and will use its own from now on.
fn identities(pipeline: &mut Pipeline<'_>, gone: &[&(&Settled, Written)]) {
    let spelled: Vec<(Uuid, Uuid, &String)> = gone
        .iter()
        .filter_map(|(one, _)| match &one.outcome {
            Outcome::Accepted { wa_id: Some(wa_id), .. } if *wa_id != one.recipient => {
                Some((one.organization_id, one.message_id, wa_id))
            }
            _ => None,
        })
        .collect();
    if spelled.is_empty() {
        return;
    }
    let rows = Rows::of(&spelled)
        .column("organization_id", |row| row.0)
        .column("id", |row| row.1)
        .column("wa_id", |row| row.2.clone());
    pipeline.add(rows.statement(
        "INSERT INTO wazapp.contact_identity (organization_id, kind, value, contact_id)
         SELECT m.organization_id, 'wa_id', k.wa_id, v.contact_id
         FROM {rows}
         JOIN wazapp.message m ON m.organization_id = k.organization_id AND m.id = k.id{here m}
         JOIN wazapp.conversation v ON v.organization_id = m.organization_id AND v.id = m.conversation_id{here v}
         WHERE v.contact_id IS NOT NULL ORDER BY k.organization_id, k.wa_id ON CONFLICT DO NOTHING",
    ));
}
