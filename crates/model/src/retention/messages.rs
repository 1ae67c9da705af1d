//! Messages go, with all that hangs on them: versions, reactions, statuses, media. Their conversation stays as it stands.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Step;
use crate::conversation::told;
use crate::database::{Operator, Param, Result, column};
use crate::event;
use crate::scope::Scope;

/// The messages go; with them, by their foreign keys, versions and media, of which files that nobody shows any more are
/// swept. What waits in the queue, or may be under way, stays.
const GO: &str = concat!(
    "WITH past AS (
       SELECT m.id FROM wazapp.message m
       WHERE m.organization_id = $1 AND m.timestamp < $2 AND m.timestamp >= $3
         AND NOT EXISTS (SELECT FROM wazapp.outbox q WHERE q.organization_id = $1 AND q.message_id = m.id)
       ORDER BY m.timestamp LIMIT $4)
     DELETE FROM wazapp.message m USING past WHERE m.organization_id = $1 AND m.id = past.id
     RETURNING m.conversation_id, m.number_id, m.wamid, m.reply_to_wamid, m.timestamp,
       CASE WHEN ",
    told!(opens),
    " THEN least(m.timestamp, m.received_at) END AS inbound_at"
);

/// What is kept by Meta's ids follows. A reaction goes with its target; where that is not here, with the message that
/// brought it.
pub(crate) const FOLLOW: [&str; 3] = [
    "DELETE FROM wazapp.status s USING unnest($2::uuid[], $3::text[], $4::text[]) AS k (number_id, wamid, target)
     WHERE s.organization_id = $1 AND s.number_id = k.number_id AND s.wamid = k.wamid",
    "DELETE FROM wazapp.reaction r USING unnest($2::uuid[], $3::text[], $4::text[]) AS k (number_id, wamid, target)
     WHERE r.organization_id = $1 AND r.number_id = k.number_id AND r.target_wamid = k.wamid",
    "DELETE FROM wazapp.reaction r USING unnest($2::uuid[], $3::text[], $4::text[]) AS k (number_id, wamid, target)
     WHERE r.organization_id = $1 AND r.number_id = k.number_id AND r.target_wamid = k.target AND r.wamid = k.wamid
       AND NOT EXISTS (SELECT FROM wazapp.message m
                       WHERE m.organization_id = $1 AND m.number_id = r.number_id AND m.wamid = r.target_wamid)",
];

/// A conversation keeps its state, its window, its place and when the contact wrote last. It shows a message that is there,
/// or none, and has no more unread ones than there are.
pub(crate) const STAY: &str = concat!(
    "UPDATE wazapp.conversation v SET
       messages_gone = v.messages_gone + k.gone, gone_inbound_at = greatest(v.gone_inbound_at, k.inbound_at),
       unread_count = CASE WHEN v.unread_count = 0 THEN 0 ELSE least(v.unread_count,
         (SELECT count(*) FROM wazapp.message m
          WHERE m.organization_id = $1 AND m.conversation_id = v.id AND ",
    told!(counts),
    ")) END,
       last_message_id = l.id, last_message_tie = CASE WHEN l.id IS NULL THEN '' ELSE v.last_message_tie END
     FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) AS k (id, gone, inbound_at)
     JOIN wazapp.conversation o ON o.organization_id = $1 AND o.id = k.id
     LEFT JOIN wazapp.message l ON l.organization_id = $1 AND l.id = o.last_message_id
     WHERE v.organization_id = $1 AND v.id = k.id"
);

/// What went of one conversation.
#[derive(Default)]
struct Went {
    gone: i64,
    inbound_at: Option<Timestamp>,
}

/// Lets messages go that were written before this time, the oldest first, at most so many, in their organization's line.
pub async fn any_organization_drop_messages(
    tx: &Operator,
    scope: &Scope,
    before: Timestamp,
    from: Timestamp,
    most: i64,
) -> Result<Step> {
    let line = event::line_of(tx, scope).await?;
    let organization_id = scope.organization_id();
    let rows = line.query(GO, &[&organization_id, &before, &from, &most]).await?;
    if rows.is_empty() {
        return Ok(Step::default());
    }
    let told: Vec<&Row> = rows.iter().filter(|row| row.get::<_, Option<&str>>("wamid").is_some()).collect();
    let numbers: Vec<Uuid> = column(&told, |row| row.get("number_id"));
    let wamids: Vec<Option<String>> = column(&told, |row| row.get("wamid"));
    let targets: Vec<Option<String>> = column(&told, |row| row.get("reply_to_wamid"));
    let params: [&dyn Param; 4] = [&organization_id, &numbers, &wamids, &targets];
    for statement in FOLLOW {
        line.query(statement, &params).await?;
    }
    let mut conversations: BTreeMap<Uuid, Went> = BTreeMap::new();
    for row in &rows {
        let went = conversations.entry(row.get("conversation_id")).or_default();
        went.gone += 1;
        went.inbound_at = went.inbound_at.max(row.get("inbound_at"));
    }
    let (ids, went): (Vec<Uuid>, Vec<Went>) = conversations.into_iter().unzip();
    let (gone, inbound_at) = (column(&went, |went| went.gone), column(&went, |went| went.inbound_at));
    line.query(STAY, &[&organization_id, &ids, &gone, &inbound_at]).await?;
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    line.query(
        "UPDATE wazapp.retention SET messages_gone = messages_gone + $2 WHERE organization_id = $1",
        &[&organization_id, &total],
    )
    .await?;
    Ok(Step { gone: total.unsigned_abs(), last: rows.iter().map(|row| row.get("timestamp")).max() })
}
