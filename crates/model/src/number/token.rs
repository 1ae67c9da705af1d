//! A number's token, and what Meta said when it was looked at.

use jiff::Timestamp;
use uuid::Uuid;

use super::Opens;
use crate::connection::Learned;
use crate::database::{Operator, Result};
use crate::event::Line;
use crate::link::token_place;
use crate::outbox;
use crate::scope::Scope;
use crate::secret::Keyring;

/// Writes what Meta said of a number and its token. What Meta did not say stays.
pub async fn keep(line: &Line<'_>, now: Timestamp, number_id: Uuid, learned: &Learned) -> Result<()> {
    line.query(
        "UPDATE wazapp.number SET
               token_app_id = coalesce($3, token_app_id), token_expires_at = $4,
               token_checked_at = coalesce($5, token_checked_at),
               display_phone_number = coalesce($6, display_phone_number), verified_name = coalesce($7, verified_name),
               name_status = coalesce($8, name_status), quality_rating = coalesce($9, quality_rating),
               messaging_limit = coalesce($10, messaging_limit), throughput = coalesce($11, throughput),
               platform_type = coalesce($12, platform_type), is_on_biz_app = coalesce($13, is_on_biz_app),
               webhooks = coalesce($14::text::json, webhooks),
               updated_at = $15
             WHERE organization_id = $1 AND id = $2",
        &[
            &line.organization_id(),
            &number_id,
            &learned.token_app_id,
            &learned.token_expires_at,
            &learned.token_checked_at,
            &learned.display_phone_number,
            &learned.verified_name,
            &learned.name_status,
            &learned.quality_rating,
            &learned.messaging_limit,
            &learned.throughput,
            &learned.platform_type,
            &learned.is_on_biz_app,
            &learned.webhooks.as_ref().map(serde_json::Value::to_string),
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// Puts another token in force for the connected number that it opens, and for those of the organization's connected
/// numbers that Meta showed it beside that one. Pauses that waited for a person end. Answers their ids: none, if the number
/// is not connected, or is not the one that the token opens.
pub async fn replace_token(
    tx: &Line<'_>,
    keyring: &Keyring,
    number_id: Uuid,
    (opens, learned): (&Opens, &Learned),
    now: Timestamp,
) -> Result<Vec<Uuid>> {
    let organization = opens.scope.organization_id();
    let rows = tx
        .query(
            "SELECT n.id FROM wazapp.number n
             JOIN wazapp.number own ON own.organization_id = n.organization_id AND own.id = $2 AND own.phone_number_id = $4
             WHERE n.organization_id = $1 AND n.status = 'connected' AND own.status = 'connected'
               AND (n.id = own.id OR n.phone_number_id = ANY ($3)) ORDER BY n.id FOR NO KEY UPDATE OF n",
            &[&organization, &number_id, &opens.beside, &opens.phone_number_id],
        )
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let sealer = keyring.sealer(tx).await?;
    for id in ids.iter().copied() {
        let sealed = sealer.seal(token_place(organization, &id.to_string()), &opens.token);
        tx.query(
            "UPDATE wazapp.number SET token = $3, token_app_id = $4, token_expires_at = $5, token_checked_at = $6,
                   problem = NULL, check_at = 'epoch', updated_at = $7
                 WHERE organization_id = $1 AND id = $2",
            &[
                &organization,
                &id,
                &sealed,
                &learned.token_app_id,
                &learned.token_expires_at,
                &learned.token_checked_at,
                &now,
            ],
        )
        .await?;
        outbox::let_go(tx, &opens.scope, id, None).await?;
    }
    Ok(ids)
}

/// Notes which platform carries the number from now on, such as `CLOUD_API`, and nothing else: the rest of what is known
/// may be newer than what its caller knows.
pub async fn carried_by(tx: &Operator, now: Timestamp, scope: &Scope, number_id: Uuid, platform: &str) -> Result<()> {
    tx.query(
        "UPDATE wazapp.number SET platform_type = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2",
        &[&scope.organization_id(), &number_id, &platform, &now],
    )
    .await?;
    Ok(())
}
