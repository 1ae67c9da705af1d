//! Whom a number hears no more.

use jiff::Timestamp;
use uuid::Uuid;

use super::Conversation;
use super::change::record_update;
use crate::database::{Result, Tenant};
use crate::event;

/// Notes what Meta did: the contact is blocked on the number since then, or is not. Who is so already stays so since before, and
/// nothing is told. Answers whether that was new, too.
pub async fn set_blocked(
    tx: &Tenant,
    now: Timestamp,
    id: Uuid,
    since: Option<Timestamp>,
) -> Result<(Option<Conversation>, bool)> {
    let line = event::line(tx).await?;
    let changed = tx
        .query_opt(
            "UPDATE wazapp.conversation SET blocked_at = $3, updated_at = $4
             WHERE organization_id = $1 AND id = $2 AND (blocked_at IS NULL) <> ($3::timestamptz IS NULL) RETURNING id",
            &[&tx.organization_id(), &id, &since, &now],
        )
        .await?
        .is_some();
    let shown = if changed { record_update(&line, now, id).await? } else { super::get(tx, id).await? };
    Ok((shown, changed))
}
