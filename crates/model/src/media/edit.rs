//! Edits that bring another file: it shows once it is stored, for WhatsApp never takes away a file that we have.

use jiff::Timestamp;
use uuid::Uuid;

use super::same_bytes;
use crate::database::{Operator, Result};
use crate::moment::{Moment, standing};

/// The file of an edit that is stored.
struct Edited {
    medium: Uuid,
    sha256: String,
    moment: Moment,
}

/// An edit's file was stored: has the edited message show the one that stands after all edits whose files are here, under
/// an id of its own. Answers the message, where it shows another file now.
pub(super) async fn show(tx: &Operator, organization_id: Uuid, edit: Uuid, now: Timestamp) -> Result<Option<Uuid>> {
    let rows = tx
        .query(
            "SELECT t.message_id, coalesce(t.own_sha256, t.sha256) AS own, n.timestamp, n.wamid, w.id, w.file
             FROM wazapp.message e
             JOIN wazapp.message m
               ON m.organization_id = e.organization_id AND m.number_id = e.number_id AND m.wamid = e.reply_to_wamid
             JOIN wazapp.media t ON t.organization_id = m.organization_id AND t.message_id = m.id AND t.state = 'stored'
             JOIN wazapp.message n ON n.organization_id = e.organization_id AND n.number_id = e.number_id
               AND n.reply_to_wamid = e.reply_to_wamid AND n.type = 'edit' AND n.direction = m.direction
             JOIN wazapp.media w ON w.organization_id = n.organization_id AND w.message_id = n.id AND w.state = 'stored'
             WHERE e.organization_id = $1 AND e.id = $2 AND e.type = 'edit' AND n.wamid IS NOT NULL AND w.file IS NOT NULL",
            &[&organization_id, &edit],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (message, own): (Uuid, Option<&str>) = (row.get("message_id"), row.get("own"));
    let edits: Vec<Edited> = rows
        .iter()
        .map(|row| Edited {
            medium: row.get("id"),
            sha256: row.get("file"),
            moment: Moment::new(row.get("timestamp"), row.get::<_, &str>("wamid")),
        })
        .collect();
    let repeats = |edit: &&Edited, before: Option<&&Edited>| {
        same_bytes(Some(&edit.sha256), before.map_or(own, |before| Some(&before.sha256)))
    };
    let mut edits: Vec<&Edited> = edits.iter().collect();
    let Some(shown) = standing(&mut edits, |edit| edit.moment.clone(), repeats) else { return Ok(None) };
    take(tx, organization_id, message, shown.medium, now).await
}

/// A message shows the file of another medium, unless it shows the same bytes. Answers the message, where it did not.
async fn take(
    tx: &Operator,
    organization_id: Uuid,
    message: Uuid,
    medium: Uuid,
    now: Timestamp,
) -> Result<Option<Uuid>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.media t SET
               id = $3, meta_id = d.meta_id, url = d.url, mime_type = d.mime_type, filename = d.filename,
               own_sha256 = coalesce(t.own_sha256, t.sha256, ''), sha256 = d.sha256, size = d.size, file = d.file,
               fetched_at = $4, error = NULL, fence = t.fence + 1
             FROM wazapp.media d
             WHERE d.organization_id = $1 AND d.id = $5 AND d.state = 'stored'
               AND t.organization_id = $1 AND t.message_id = $2 AND t.state = 'stored' AND t.file <> d.file
             RETURNING t.message_id",
            &[&organization_id, &message, &Uuid::now_v7(), &now, &medium],
        )
        .await?;
    Ok(row.and_then(|row| row.get(0)))
}
