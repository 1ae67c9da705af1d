//! What people change in a conversation: whose it is, what it waits for, what is read.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Conversation, State, get, told};
use crate::database::{Result, Tenant};
use crate::event::{self, Kind, Line, New};

/// What people may change. An outer `None` leaves a field as it is, an inner `None` clears it.
#[derive(Debug, Default)]
pub struct Change {
    /// What it waits for.
    pub state: Option<State>,
    /// Whose it is.
    pub assignee_id: Option<Option<Uuid>>,
    /// Which team looks after it.
    pub team_id: Option<Option<Uuid>>,
}

/// To whom a conversation cannot be handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Nobody who works here.
    Assignee,
    /// No team of the organization's.
    Team,
}

/// Whether whoever a conversation is handed to is there; people and teams go in the organization's line too.
pub async fn unfit(tx: &Tenant, change: &Change) -> Result<Option<Unfit>> {
    let (assignee, team) = (change.assignee_id.flatten(), change.team_id.flatten());
    if assignee.is_none() && team.is_none() {
        return Ok(None);
    }
    event::line(tx).await?;
    let row = tx
        .query_opt(
            "SELECT $2::uuid IS NULL OR EXISTS (
                      SELECT FROM wazapp.membership m WHERE m.organization_id = $1 AND m.user_id = $2) AS assignee,
                    $3::uuid IS NULL OR EXISTS (
                      SELECT FROM wazapp.team t WHERE t.organization_id = $1 AND t.id = $3) AS team",
            &[&tx.organization_id(), &assignee, &team],
        )
        .await?
        .expect("a SELECT without FROM answers a row");
    Ok(if !row.get::<_, bool>("assignee") {
        Some(Unfit::Assignee)
    } else if !row.get::<_, bool>("team") {
        Some(Unfit::Team)
    } else {
        None
    })
}

/// Changes what people may change.
///
/// A change to what is there already makes no event, and takes no place in the organization's line.
pub async fn change(tx: &Tenant, now: Timestamp, id: Uuid, change: &Change) -> Result<Option<Conversation>> {
    let Some(known) = get(tx, id).await? else { return Ok(None) };
    if change.state.is_none_or(|state| state == known.state)
        && change.assignee_id.is_none_or(|assignee| assignee == known.assignee_id)
        && change.team_id.is_none_or(|team| team == known.team_id)
    {
        return Ok(Some(known));
    }
    let line = event::line(tx).await?;
    // Who hands it on may see it no more from here.
    tx.past_limits(async {
        write(&line, now, id, change).await?;
        record_update(&line, now, id).await
    })
    .await
}

async fn write(tx: &Tenant, now: Timestamp, id: Uuid, change: &Change) -> Result<()> {
    if let Some(state) = change.state {
        // Queue rows first. What is still to go, and proves not to have gone, leaves it as was said last.
        let said = "UPDATE wazapp.outbox SET turned_from = nullif($3, 'waiting')
                    WHERE organization_id = $1 AND conversation_id = $2 AND turned_from IS NOT NULL";
        tx.query(said, &[&tx.organization_id(), &id, &state.as_str()]).await?;
    }
    tx.query(
        "UPDATE wazapp.conversation SET state = coalesce($3, state),
                                        state_at = CASE WHEN $3 IS NULL THEN state_at ELSE coalesce(state_at, 'epoch') END,
                                        state_tie = CASE WHEN $3 IS NOT NULL AND coalesce(state_at, 'epoch') = 'epoch'
                                                         THEN 'people' ELSE state_tie END,
                                        assignee_id = CASE WHEN $4 THEN $5 ELSE assignee_id END,
                                        team_id = CASE WHEN $6 THEN $7 ELSE team_id END, updated_at = $8
         WHERE organization_id = $1 AND id = $2",
        &[
            &tx.organization_id(),
            &id,
            &change.state.map(State::as_str),
            &change.assignee_id.is_some(),
            &change.assignee_id.flatten(),
            &change.team_id.is_some(),
            &change.team_id.flatten(),
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// What is somebody's is nobody's from now on; the answer is how many conversations that were.
///
/// Whoever may let people go may see everything: [`Act::needs_whole_sight`](crate::act::Act::needs_whole_sight).
pub(crate) async fn leave_all(tx: &Tenant, now: Timestamp, assignee: Uuid) -> Result<usize> {
    let sql = "UPDATE wazapp.conversation SET assignee_id = NULL, updated_at = $3
               WHERE organization_id = $1 AND assignee_id = $2 RETURNING id";
    leave(tx, now, sql, assignee).await
}

/// The same of what is a team's.
pub(crate) async fn leave_team(tx: &Tenant, now: Timestamp, team: Uuid) -> Result<usize> {
    let sql = "UPDATE wazapp.conversation SET team_id = NULL, updated_at = $3
               WHERE organization_id = $1 AND team_id = $2 RETURNING id";
    leave(tx, now, sql, team).await
}

async fn leave(tx: &Tenant, now: Timestamp, sql: &str, whose: Uuid) -> Result<usize> {
    let line = event::line(tx).await?;
    let rows = tx.query(sql, &[&tx.organization_id(), &whose, &now]).await?;
    for row in &rows {
        record_update(&line, now, row.get("id")).await?;
    }
    Ok(rows.len())
}

/// Marks everything inbound as read.
pub async fn mark_read(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Conversation>> {
    mark_read_through(tx, now, id, None).await
}

/// As many of the newest messages are looked at for what came behind what was read.
const LOOKED_AT: i64 = 500;

/// Marks what is inbound as read up to this sequence number; `None`: all. It never makes more unread.
pub async fn mark_read_through(
    tx: &Tenant,
    now: Timestamp,
    id: Uuid,
    through: Option<i64>,
) -> Result<Option<Conversation>> {
    let known = get(tx, id).await?;
    if known.as_ref().is_none_or(|known| known.unread_count == 0) {
        return Ok(known);
    }
    let line = event::line(tx).await?;
    let changed = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.conversation v SET unread_count = n.left_unread, updated_at = $3
                 FROM (SELECT CASE WHEN $4::bigint IS NULL THEN 0 ELSE (
                         SELECT count(*)::int
                         FROM (SELECT * FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = $2
                               ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $5) m
                         WHERE m.sequence > $4 AND ",
                told!(counts),
                ") END AS left_unread) n WHERE v.organization_id = $1 AND v.id = $2 AND v.unread_count > n.left_unread RETURNING v.id"
            ),
            &[&tx.organization_id(), &id, &now, &through, &LOOKED_AT],
        )
        .await?;
    if changed.is_some() { record_update(&line, now, id).await } else { get(tx, id).await }
}

/// Marks the newest that the customer wrote as unread, where all is read; where they wrote nothing, there is nothing to read.
pub async fn mark_unread(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Conversation>> {
    let line = event::line(tx).await?;
    let changed = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.conversation v SET unread_count = 1, updated_at = $3
                 WHERE v.organization_id = $1 AND v.id = $2 AND v.unread_count = 0 AND EXISTS (
                   SELECT FROM (SELECT * FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = $2
                                ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $4) m WHERE ",
                told!(counts),
                ") RETURNING v.id"
            ),
            &[&tx.organization_id(), &id, &now, &LOOKED_AT],
        )
        .await?;
    if changed.is_some() { record_update(&line, now, id).await } else { get(tx, id).await }
}

pub(super) async fn record_update(line: &Line<'_, Tenant>, now: Timestamp, id: Uuid) -> Result<Option<Conversation>> {
    let conversation = get(line, id).await?;
    if let Some(conversation) = &conversation {
        line.record(New::of(Kind::ConversationUpdated, now, Some(id), conversation)).await?;
    }
    Ok(conversation)
}
