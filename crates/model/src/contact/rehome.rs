//! Messages brought to whose they are, when it turns out that a name was somebody else's by then.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::evidence::Name;
use crate::conversation;
use crate::database::{Operator, Param, Result};
use crate::draft;
use crate::event::Line;

/// What was written under a name from one time until another is no longer this contact's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// Who has it.
    pub from: Uuid,
    /// The name it was written under, with all its spellings.
    pub names: Vec<Name>,
    /// From this second on.
    pub since: i64,
    /// Before this second; `None`: until now.
    pub until: Option<i64>,
}

/// How a message names its customer: the strongest name counts.
macro_rules! address {
    () => {
        "coalesce('user_id:' || (m.party ->> 'user_id'), 'parent_user_id:' || (m.party ->> 'parent_user_id'),
                  'wa_id:' || (m.party ->> 'wa_id'), 'username:' || (m.party ->> 'username'))"
    };
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(if at < 0 { Timestamp::UNIX_EPOCH } else { Timestamp::MAX })
}

/// The messages that stray: to and from the contact, and what the contact wrote in groups.
pub async fn any_organization_astray(tx: &Operator, organization_id: Uuid, astray: &Astray) -> Result<Vec<Uuid>> {
    let addresses: Vec<String> =
        astray.names.iter().map(|name| format!("{}:{}", name.kind.as_str(), name.value)).collect();
    let (since, until) = (second(astray.since), astray.until.map_or(Timestamp::MAX, second));
    let rows = tx
        .query(
            concat!(
                "SELECT m.id FROM wazapp.conversation v
                 JOIN wazapp.message m ON m.organization_id = v.organization_id AND m.conversation_id = v.id
                 WHERE v.organization_id = $1 AND v.contact_id = $2 AND m.timestamp >= $3 AND m.timestamp < $4
                   AND ",
                address!(),
                " = ANY ($5)
                 UNION ALL SELECT m.id FROM wazapp.message m
                 WHERE m.organization_id = $1 AND m.contact_id = $2 AND m.timestamp >= $3 AND m.timestamp < $4
                   AND ",
                address!(),
                " = ANY ($5)"
            ),
            &[&organization_id, &astray.from, &since, &until, &addresses],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The unread messages of these contacts: what is read stays read, wherever it moves.
pub async fn any_organization_unread(tx: &Operator, organization_id: Uuid, contacts: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = tx
        .query(
            concat!(
                "SELECT k.id FROM wazapp.conversation v
                 CROSS JOIN LATERAL (
                   SELECT m.id FROM wazapp.message m
                   WHERE m.organization_id = v.organization_id AND m.conversation_id = v.id AND ",
                conversation::told!(counts),
                " ORDER BY m.sequence DESC LIMIT v.unread_count) k
                 WHERE v.organization_id = $1 AND v.contact_id = ANY ($2) AND v.unread_count > 0"
            ),
            &[&organization_id, &contacts.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The conversations of these contacts.
pub(super) async fn conversations(tx: &Operator, organization_id: Uuid, contacts: &[Uuid]) -> Result<BTreeSet<Uuid>> {
    let rows = tx
        .query(
            "SELECT id FROM wazapp.conversation WHERE organization_id = $1 AND contact_id = ANY ($2)",
            &[&organization_id, &contacts.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes the row of a contact that messages are about to lead to; the rest of it follows.
pub async fn any_organization_make(tx: &Operator, organization_id: Uuid, id: Uuid) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.contact (organization_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[&organization_id, &id],
    )
    .await?;
    Ok(())
}

/// Gives messages to a contact: to its conversation on each one's number, begun if need be; what was written in a group
/// gets another author. The contact's row is there.
pub async fn any_organization_rehome(
    tx: &Operator,
    organization_id: Uuid,
    messages: &[Uuid],
    to: Uuid,
    now: Timestamp,
) -> Result<()> {
    let messages = messages.to_vec();
    let numbers = tx
        .query(
            "SELECT DISTINCT m.number_id FROM wazapp.message m
             JOIN wazapp.conversation v ON v.organization_id = m.organization_id AND v.id = m.conversation_id
             WHERE m.organization_id = $1 AND m.id = ANY ($2) AND v.group_id IS NULL
               AND NOT EXISTS (SELECT FROM wazapp.conversation t WHERE t.organization_id = $1 AND t.contact_id = $3
                                 AND t.number_id = m.number_id AND t.group_id IS NULL)",
            &[&organization_id, &messages, &to],
        )
        .await?;
    for number in numbers {
        tx.query(
            "INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, last_message_at)
             VALUES ($1, $2, $3, $4, 'resolved', $5)",
            &[&organization_id, &Uuid::now_v7(), &number.get::<_, Uuid>(0), &to, &now],
        )
        .await?;
    }
    let params: [&dyn Param; 3] = [&organization_id, &messages, &to];
    // Whoever changes the queue's rows and their messages takes the queue's first.
    tx.query(
        "SELECT FROM wazapp.outbox q WHERE q.organization_id = $1 AND q.message_id = ANY ($2) AND $3::uuid IS NOT NULL
         ORDER BY q.message_id FOR UPDATE OF q",
        &params,
    )
    .await?;
    // They come behind what is there, in their own order; recounting closes the gaps.
    let moved = tx
        .query(
            "UPDATE wazapp.message m SET conversation_id = n.to_id, sequence = n.sequence
             FROM (SELECT m.id, v.id AS from_id, t.id AS to_id,
                          t.last_sequence + row_number() OVER (PARTITION BY t.id ORDER BY m.sequence, m.id) AS sequence
                   FROM wazapp.message m
                   JOIN wazapp.conversation v ON v.organization_id = m.organization_id AND v.id = m.conversation_id
                   JOIN wazapp.conversation t ON t.organization_id = m.organization_id AND t.contact_id = $3
                     AND t.number_id = m.number_id AND t.group_id IS NULL
                   WHERE m.organization_id = $1 AND m.id = ANY ($2) AND v.group_id IS NULL) n
             WHERE m.organization_id = $1 AND m.id = n.id
             RETURNING n.from_id, n.to_id",
            &params,
        )
        .await?;
    let (from, to): (Vec<Uuid>, Vec<Uuid>) =
        moved.iter().map(|row| (row.get::<_, Uuid>(0), row.get::<_, Uuid>(1))).unzip();
    for statement in [conversation::HAND_ON, draft::GO_ON] {
        tx.query(statement, &[&organization_id, &from, &to]).await?;
    }
    tx.query(
        "UPDATE wazapp.message m SET contact_id = $3
         WHERE m.organization_id = $1 AND m.id = ANY ($2) AND m.contact_id IS NOT NULL",
        &params,
    )
    .await?;
    Ok(())
}

/// Works out everything that hangs on whose messages are: conversations from their messages, who reacted, what is unread.
pub async fn any_organization_resettle(
    tx: &Line<'_>,
    contacts: &[Uuid],
    before: &BTreeSet<Uuid>,
    unread: &[Uuid],
    now: Timestamp,
) -> Result<()> {
    let organization_id = tx.organization_id();
    let mut touched = conversations(tx, organization_id, contacts).await?;
    touched.extend(before);
    let touched: Vec<Uuid> = touched.into_iter().collect();
    tx.query(
        "UPDATE wazapp.conversation v SET unread_count =
           (SELECT count(*) FROM wazapp.message m WHERE m.organization_id = $1 AND m.id = ANY ($3) AND m.conversation_id = v.id)
         WHERE v.organization_id = $1 AND v.id = ANY ($2)",
        &[&organization_id, &touched, &unread.to_vec()],
    )
    .await?;
    let reactors: Vec<String> = contacts.iter().map(Uuid::to_string).collect();
    tx.query(
        "DELETE FROM wazapp.reaction r WHERE r.organization_id = $1 AND r.reactor = ANY ($2)",
        &[&organization_id, &reactors],
    )
    .await?;
    tx.query(
        "INSERT INTO wazapp.reaction AS r (organization_id, number_id, target_wamid, reactor, emoji, wamid, timestamp)
         SELECT DISTINCT ON (m.number_id, m.reply_to_wamid, coalesce(m.contact_id, v.contact_id))
                $1, m.number_id, m.reply_to_wamid, coalesce(m.contact_id, v.contact_id)::text, nullif(m.text, ''), m.wamid,
                m.timestamp
         FROM wazapp.message m
         JOIN wazapp.conversation v ON v.organization_id = m.organization_id AND v.id = m.conversation_id
         WHERE m.organization_id = $1 AND (v.contact_id = ANY ($2) OR m.contact_id = ANY ($2))
           AND m.conversation_id = ANY (
             SELECT id FROM wazapp.conversation WHERE organization_id = $1 AND contact_id = ANY ($2)
             UNION SELECT conversation_id FROM wazapp.message WHERE organization_id = $1 AND contact_id = ANY ($2))
           AND m.type = 'reaction' AND m.direction = 'inbound' AND m.reply_to_wamid IS NOT NULL AND m.wamid IS NOT NULL
         ORDER BY m.number_id, m.reply_to_wamid, coalesce(m.contact_id, v.contact_id), m.timestamp DESC,
                  m.wamid COLLATE \"C\" DESC",
        &[&organization_id, &contacts.to_vec()],
    )
    .await?;
    conversation::recount(tx, now, &touched).await
}

/// All conversations that these contacts have, to be looked at again once they were changed.
pub async fn any_organization_threads(
    tx: &Operator,
    organization_id: Uuid,
    contacts: &[Uuid],
) -> Result<BTreeSet<Uuid>> {
    conversations(tx, organization_id, contacts).await
}
