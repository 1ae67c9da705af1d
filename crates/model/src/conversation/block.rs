//! Whom a number hears no more.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Conversation, record_update};
use crate::database::{Result, Tenant};
use crate::event;

/// Notes what Meta did: the contact is blocked on the number since then, or is not.
pub async fn set_blocked(
    tx: &Tenant,
    now: Timestamp,
    id: Uuid,
    since: Option<Timestamp>,
) -> Result<Option<Conversation>> {
    let line = event::line(tx).await?;
    tx.query(
        "UPDATE wazapp.conversation SET blocked_at = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2",
        &[&tx.organization_id(), &id, &since, &now],
    )
    .await?;
    record_update(&line, now, id).await
}
