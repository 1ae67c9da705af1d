//! Messages that leave later than they were written: another time for them, and their place once they left.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::enqueue::Template;
use super::settle::told;
use super::thread::{existing, templates};
use super::window::Window;
use crate::conversation;
use crate::database::{Result, Rows, Statement, Tenant};
use crate::event::{self, Kind, New};
use crate::message::{self, Message};

/// What became of a wish to send a message at another time.
#[derive(Debug)]
pub enum Replanned {
    /// It leaves at the new time.
    Done(Box<Message>),
    /// It is not queued any more.
    TooLate(Box<Message>),
    /// The recipient's service window will be closed then.
    WindowClosed {
        /// Since when it will be.
        since: Timestamp,
        /// What may be sent instead.
        templates: Vec<Template>,
    },
}

/// Gives a queued message another time; one that is over means at once. `None`: there is no such message. Its patience stays as
/// long as it was.
pub async fn replan(tx: &Tenant, now: Timestamp, id: Uuid, send_at: Timestamp) -> Result<Option<Replanned>> {
    let line = event::line(tx).await?;
    let due_at = send_at.max(now);
    let Some(message) = message::get(tx, id).await? else { return Ok(None) };
    // What was let through for a time is let through for an earlier one. What cannot be said there at all any more fails when its
    // time comes, with its reason.
    if message.r#type != "template"
        && due_at > message.send_at.unwrap_or(now)
        && let Some(Ok(thread)) = existing(tx, vec![message.conversation_id]).await?.remove(&message.conversation_id)
        && let Window::Closed { since } = Window::at(due_at, thread.window_expires_at, thread.connected_at)
        && !has_alternative(tx, id).await?
    {
        return Ok(Some(Replanned::WindowClosed { since, templates: templates(tx, &thread).await? }));
    }
    let moved = tx
        .query_opt(
            "UPDATE wazapp.outbox q SET due_at = $3, send_at = $3, deadline = q.deadline + ($3::timestamptz - q.due_at)
             FROM wazapp.message m
             WHERE q.organization_id = $1 AND q.message_id = $2 AND q.state = 'queued'
               AND m.organization_id = $1 AND m.id = $2 AND m.status = 'queued'
             RETURNING m.callback_data",
            &[&tx.organization_id(), &id, &due_at],
        )
        .await?;
    let Some(moved) = moved else { return Ok(Some(Replanned::TooLate(Box::new(message)))) };
    let told = told(id, moved.get("callback_data"), "queued", now, None);
    line.record(New::of(Kind::MessageStatus, now, Some(id), &told)).await?;
    Ok(message::get(tx, id).await?.map(Box::new).map(Replanned::Done))
}

/// Whether something else leaves in its place where the window is closed then.
async fn has_alternative(tx: &Tenant, id: Uuid) -> Result<bool> {
    let sql = "SELECT FROM wazapp.outbox WHERE organization_id = $1 AND message_id = $2 AND alternative IS NOT NULL";
    Ok(tx.query_opt(sql, &[&tx.organization_id(), &id]).await?.is_some())
}

/// A message that ended its waiting later than it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) organization_id: Uuid,
    pub(super) message_id: Uuid,
    /// When it left, as far as that is known.
    pub(super) at: Timestamp,
}

/// What left later than it was written stands where it left, among what came meanwhile. Within a second the same shows as where all is
/// worked out from the messages ([`conversation::recount`](crate::conversation::recount)). The caller holds the organizations' lines.
pub(super) fn stand(left: &[Left], now: Timestamp) -> [Statement<'_>; 2] {
    let rows = || {
        Rows::of(left)
            .column("organization_id", |one| one.organization_id)
            .column("id", |one| one.message_id)
            .column("at", |one| Timestamp::from_second(one.at.as_second()).expect("the start of a second is a time"))
            .column("now", move |_| now)
    };
    let message = rows().statement(
        "UPDATE wazapp.message m SET timestamp = k.at FROM {rows}
         WHERE m.organization_id = k.organization_id AND m.id = k.id{here m} AND m.type <> 'reaction'",
    );
    let conversation = rows().statement(
        "UPDATE wazapp.conversation v SET
           updated_at = greatest(v.updated_at, n.now),
           state = CASE WHEN n.turns THEN 'waiting' ELSE v.state END,
           state_tie = CASE WHEN n.turns THEN '0' || n.id::text ELSE v.state_tie END,
           state_at = CASE WHEN n.turns THEN n.at ELSE v.state_at END,
           last_message_tie = CASE WHEN n.shows THEN n.id::text ELSE v.last_message_tie END,
           last_message_id = CASE WHEN n.shows THEN n.id ELSE v.last_message_id END,
           last_message_at = CASE WHEN n.shows THEN n.at ELSE v.last_message_at END
         FROM (SELECT DISTINCT ON (m.organization_id, m.conversation_id) m.organization_id, m.conversation_id, m.id, k.at, k.now,
                 (m.status IS DISTINCT FROM 'failed' OR m.wamid IS NOT NULL)
                   AND (o.state_at IS NULL
                        OR (o.state_at, o.state_tie COLLATE \"C\") < (k.at, ('0' || m.id::text) COLLATE \"C\")) AS turns,
                 o.last_message_id IS NULL
                   OR (o.last_message_at, o.last_message_tie COLLATE \"C\") < (k.at, m.id::text COLLATE \"C\") AS shows
               FROM {rows} JOIN wazapp.message m ON m.organization_id = k.organization_id AND m.id = k.id{here m}
               JOIN wazapp.conversation o ON o.organization_id = m.organization_id AND o.id = m.conversation_id{here o}
               WHERE m.type <> 'reaction' ORDER BY m.organization_id, m.conversation_id, k.at DESC, m.id DESC) n
         WHERE v.organization_id = n.organization_id AND v.id = n.conversation_id",
    );
    [message, conversation]
}

/// A message that proved never to have been with Meta, and that made its conversation wait for the customer.
#[derive(Clone, Debug)]
pub(super) struct Undone {
    organization_id: Uuid,
    conversation_id: Uuid,
    sequence: i64,
    turned_from: String,
}

impl Undone {
    /// `None`: it found the conversation as it left it.
    pub(super) fn of(organization_id: Uuid, row: &Row) -> Option<Self> {
        let turned_from = row.get::<_, Option<_>>("turned_from")?;
        let (conversation_id, sequence) = (row.get("conversation_id"), row.get("sequence"));
        Some(Self { organization_id, conversation_id, sequence, turned_from })
    }
}

/// What never went is no answer: its conversation is again as it was found, unless somebody wrote or said otherwise since, or another
/// answer stands. The caller holds the organizations' lines.
pub(super) fn undo(undone: &[Undone], now: Timestamp) -> Statement<'_> {
    let rows = Rows::of(undone)
        .column("organization_id", |one| one.organization_id)
        .column("id", |one| one.conversation_id)
        .column("sequence", |one| one.sequence)
        .column("turned_from", |one| one.turned_from.as_str())
        .column("now", move |_| now);
    rows.statement(concat!(
        "UPDATE wazapp.conversation v SET
           updated_at = greatest(v.updated_at, n.now), state = n.turned_from,
           state_at = coalesce(n.at, v.state_at), state_tie = coalesce(n.tie, v.state_tie)
         FROM (SELECT DISTINCT ON (o.organization_id, o.id) o.organization_id, o.id, k.turned_from, k.now, s.at, s.tie
               FROM {rows} JOIN wazapp.conversation o ON o.organization_id = k.organization_id AND o.id = k.id{here o}
               LEFT JOIN LATERAL (SELECT ",
        conversation::told!(turns),
        ") s ON true
               WHERE o.state = 'waiting' AND s.state IS DISTINCT FROM 'waiting'
                 -- What went past its retention may have been an answer.
                 AND (s.at IS NOT NULL OR o.messages_gone = 0)
                 -- Within a second what a customer wrote stands behind what was answered.
                 AND NOT EXISTS (SELECT FROM wazapp.message m
                   WHERE m.organization_id = o.organization_id AND m.conversation_id = o.id AND m.timestamp >= s.at AND ",
        conversation::told!(answers),
        ") ORDER BY o.organization_id, o.id, k.sequence DESC) n
         WHERE v.organization_id = n.organization_id AND v.id = n.id"
    ))
}
