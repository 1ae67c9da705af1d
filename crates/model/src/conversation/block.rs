//! Whom a number hears no more.

use jiff::Timestamp;
use uuid::Uuid;

use super::Conversation;
use super::change::record_update;
use crate::contact::ContactSummary;
use crate::database::{Result, Tenant, column};
use crate::event::{self, Line};

/// Notes what Meta did: the contact is blocked on the number since then, or is not. Who is so already stays so since before, and
/// nothing is told. Answers whether that was new, too.
pub async fn set_blocked(
    tx: &Tenant,
    now: Timestamp,
    id: Uuid,
    since: Option<Timestamp>,
) -> Result<(Option<Conversation>, bool)> {
    let line = event::line(tx).await?;
    set(&line, now, id, since).await
}

/// The same of everybody who has one of these names, on a number: Meta did it to them, whatever of them whoever asked it sees.
/// Answers of whom it was new.
pub async fn set_blocked_by_name(
    tx: &Tenant,
    now: Timestamp,
    number_id: Uuid,
    (phones, user_ids): (&[String], &[String]),
    since: Option<Timestamp>,
) -> Result<Vec<ContactSummary>> {
    let line = event::line(tx).await?;
    let names = |all| column(all, String::as_str);
    tx.past_limits(async {
        let rows = tx
            .query(
                "SELECT v.id FROM wazapp.conversation v
                 WHERE v.organization_id = $1 AND v.number_id = $2 AND v.group_id IS NULL AND v.contact_id IN (
                   SELECT i.contact_id FROM wazapp.contact_identity i WHERE i.organization_id = $1
                     AND (i.kind = 'wa_id' AND i.value = ANY ($3) OR i.kind = 'user_id' AND i.value = ANY ($4)))
                 ORDER BY v.id",
                &[&tx.organization_id(), &number_id, &names(phones), &names(user_ids)],
            )
            .await?;
        let mut new = Vec::new();
        for row in &rows {
            let (shown, changed) = set(&line, now, row.get("id"), since).await?;
            new.extend(shown.and_then(|shown| shown.contact).filter(|_| changed));
        }
        Ok(new)
    })
    .await
}

async fn set(
    line: &Line<'_, Tenant>,
    now: Timestamp,
    id: Uuid,
    since: Option<Timestamp>,
) -> Result<(Option<Conversation>, bool)> {
    let changed = line
        .query_opt(
            "UPDATE wazapp.conversation SET blocked_at = $3, updated_at = $4
             WHERE organization_id = $1 AND id = $2 AND (blocked_at IS NULL) <> ($3::timestamptz IS NULL) RETURNING id",
            &[&line.organization_id(), &id, &since, &now],
        )
        .await?
        .is_some();
    let shown = if changed { record_update(line, now, id).await? } else { super::get(line, id).await? };
    Ok((shown, changed))
}
