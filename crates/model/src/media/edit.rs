//! Edits that bring another file: it shows once it is stored, for WhatsApp never takes away a file that we have.

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Operator, Result};

/// An edit's file was stored: has the edited message show it, under an id of its own, unless a newer edit's file is here
/// or the message was deleted. Answers the message, where it shows another file now.
pub(super) async fn show(tx: &Operator, organization_id: Uuid, edit: Uuid, now: Timestamp) -> Result<Option<Uuid>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.media t SET
               id = $3, meta_id = d.meta_id, url = d.url, mime_type = d.mime_type, filename = d.filename,
               sha256 = d.sha256, size = d.size, file = d.file, fetched_at = $4, error = NULL, fence = t.fence + 1
             FROM wazapp.message e
             JOIN wazapp.media d ON d.organization_id = e.organization_id AND d.message_id = e.id AND d.state = 'stored'
             JOIN wazapp.message m
               ON m.organization_id = e.organization_id AND m.number_id = e.number_id AND m.wamid = e.reply_to_wamid
             WHERE e.organization_id = $1 AND e.id = $2 AND e.type = 'edit' AND m.revoked_at IS NULL
               AND t.organization_id = $1 AND t.message_id = m.id AND t.state = 'stored' AND t.file <> d.file
               AND NOT EXISTS (
                 SELECT FROM wazapp.message n
                 JOIN wazapp.media w ON w.organization_id = n.organization_id AND w.message_id = n.id AND w.state = 'stored'
                 WHERE n.organization_id = $1 AND n.number_id = e.number_id AND n.reply_to_wamid = e.reply_to_wamid
                   AND n.type = 'edit' AND (n.timestamp, n.wamid COLLATE \"C\") > (e.timestamp, e.wamid COLLATE \"C\"))
             RETURNING t.message_id",
            &[&organization_id, &edit, &Uuid::now_v7(), &now],
        )
        .await?;
    Ok(row.and_then(|row| row.get(0)))
}
