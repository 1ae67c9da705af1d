//! Settling by echo: a status webhook brings back the id that the send carried, and with it certainty.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::plan::{self, Left};
use crate::conversation;
use crate::database::{Result, Rows};
use crate::event::Lines;
use crate::message::Key;

/// A status that echoes one of our ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The message as Meta names it, and the number that the webhook was for.
    pub key: Key,
    /// The message as the send named it.
    pub message_id: Uuid,
}

/// Gives messages the ids that Meta knows them by, where they have none yet, and takes them off the queue. Answers the
/// messages that were settled by this. An id of someone else's, or of
/// nobody's, changes nothing.
pub async fn any_organization_settle_echoes(tx: &Lines<'_>, now: Timestamp, echoes: &[Echo]) -> Result<Vec<Echo>> {
    if echoes.is_empty() {
        return Ok(Vec::new());
    }
    let mut messages = BTreeSet::new();
    let mut unique: BTreeMap<&Key, Uuid> = BTreeMap::new();
    for echo in echoes {
        if !unique.contains_key(&echo.key) && messages.insert((echo.key.organization_id, echo.message_id)) {
            unique.insert(&echo.key, echo.message_id);
        }
    }
    let unique: Vec<(&Key, Uuid)> = unique.into_iter().collect();
    let unsettled = unsettled(tx, &unique).await?;
    if unsettled.is_empty() {
        return Ok(Vec::new());
    }
    let unique: Vec<(&Key, Uuid)> = unique.into_iter().filter(|(_, id)| unsettled.contains(id)).collect();
    let named = || {
        Rows::of(&unique)
            .key("organization_id", |(key, _)| key.organization_id)
            .key("number_id", |(key, _)| key.number_id)
    };
    let ours: Vec<(Key, Uuid)> = unique.iter().map(|(key, id)| ((*key).clone(), *id)).collect();
    // The queue's rows first: whoever else changes both takes them in this order.
    let queued = named().key("message_id", |(_, id)| *id).statement(
        "DELETE FROM wazapp.outbox q USING {rows}
         WHERE q.organization_id = k.organization_id AND q.number_id = k.number_id AND q.message_id = k.message_id{here q}
         RETURNING q.organization_id, q.message_id, (SELECT q.due_at FROM wazapp.message m
           WHERE m.organization_id = q.organization_id AND m.id = q.message_id AND m.received_at < q.due_at)",
    );
    // It left when it was to leave: what is heard now may have come at any time since.
    let left =
        |row: &Row| Some(Left { organization_id: row.get(0), message_id: row.get(1), at: row.get::<_, Option<_>>(2)? });
    let left: Vec<Left> = tx.run(&queued).await?.iter().filter_map(left).collect();
    if !left.is_empty() {
        for statement in plan::stand(&left, now) {
            tx.run(&statement).await?;
        }
    }
    any_organization_absorb(tx, now, &ours).await?;
    let known = named().key("id", |(_, id)| *id).column("wamid", |(key, _)| key.wamid.as_str()).update(
        "wazapp.message",
        // Said so, it leads to no index: there may be a great many without an id, and no statistics know of them.
        "AND t.direction = 'outbound' AND coalesce(t.wamid, '') = '' AND t.origin = 'api'
         AND NOT EXISTS (SELECT FROM wazapp.message x WHERE x.organization_id = t.organization_id
                           AND x.number_id = t.number_id AND x.wamid = k.wamid)
         RETURNING t.organization_id, t.number_id, t.wamid, t.id",
    );
    let rows = tx.run(&known).await?;
    Ok(rows
        .iter()
        .map(|row| Echo {
            key: Key { organization_id: row.get(0), number_id: row.get(1), wamid: row.get(2) },
            message_id: row.get(3),
        })
        .collect())
}

/// Those of them that wait for an answer, or of which nobody knows what Meta calls them: most were settled by their answer.
async fn unsettled(tx: &Lines<'_>, echoes: &[(&Key, Uuid)]) -> Result<HashSet<Uuid>> {
    let waiting = Rows::of(echoes)
        .column("organization_id", |(key, _)| key.organization_id)
        .column("number_id", |(key, _)| key.number_id)
        .column("id", |(_, id)| *id)
        .statement(
            "SELECT m.id FROM {rows}
             JOIN wazapp.message m ON m.organization_id = k.organization_id AND m.id = k.id AND m.number_id = k.number_id
               AND m.direction = 'outbound' AND m.origin = 'api'{here m}
             WHERE coalesce(m.wamid, '') = '' OR EXISTS (
               SELECT FROM wazapp.outbox q
               WHERE q.organization_id = m.organization_id AND q.message_id = m.id OFFSET 0)",
        );
    Ok(tx.run(&waiting).await?.iter().map(|row| row.get(0)).collect())
}

/// A send of ours may come back as an echo before Meta has answered it: then there are two rows of one message, known now
/// by Meta's id. Ours stays; the echo goes, and what was told of it is told of ours. Answers whether there was any.
pub(super) async fn any_organization_absorb(tx: &Lines<'_>, now: Timestamp, ours: &[(Key, Uuid)]) -> Result<bool> {
    let twins = Rows::of(ours)
        .column("organization_id", |(key, _)| key.organization_id)
        .column("number_id", |(key, _)| key.number_id)
        .column("wamid", |(key, _)| key.wamid.as_str())
        .column("id", |(_, id)| *id)
        .statement(
            "SELECT k.organization_id, k.id, x.id AS echo, x.conversation_id
             FROM {rows}
             JOIN wazapp.message m ON m.organization_id = k.organization_id AND m.id = k.id AND m.number_id = k.number_id
               AND m.direction = 'outbound' AND m.origin = 'api' AND coalesce(m.wamid, '') = ''{here m}
             JOIN wazapp.message x
               ON x.organization_id = k.organization_id AND x.number_id = k.number_id AND x.wamid = k.wamid{here x}
             WHERE x.direction = 'outbound' AND x.origin IN ('echo', 'standby_echo', 'history')",
        );
    let rows = tx.run(&twins).await?;
    let absorbed = !rows.is_empty();
    for row in rows {
        let (organization_id, own, echo): (Uuid, Uuid, Uuid) = (row.get(0), row.get(1), row.get(2));
        // What happened a moment ago stands at the end of the log.
        tx.query(
            "UPDATE wazapp.event e SET subject_id = $3 FROM wazapp.organization_sequence s
             WHERE s.organization_id = $1 AND e.organization_id = $1 AND e.sequence > s.last - 10000 AND e.subject_id = $2",
            &[&organization_id, &echo, &own],
        )
        .await?;
        tx.query("DELETE FROM wazapp.message WHERE organization_id = $1 AND id = $2", &[&organization_id, &echo])
            .await?;
        conversation::recount(&tx.of(organization_id), now, &[row.get(3)]).await?;
    }
    Ok(absorbed)
}
