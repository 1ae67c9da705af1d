//! Where Meta sends a number's webhooks, and whether it was told to.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Number;
use crate::database::{Operator, Result};
use crate::event::{self, Kind, Line, New};
use crate::scope::Scope;

/// A number was claimed, and waits for its webhooks: it is shown as `connecting`.
pub async fn waits(line: &Line<'_>, number_id: Uuid) -> Result<()> {
    line.query(
        "UPDATE wazapp.number SET hears = false WHERE organization_id = $1 AND id = $2",
        &[&line.organization_id(), &number_id],
    )
    .await?;
    Ok(())
}

/// Meta was told to send the webhooks of a connected number, to where `webhooks` says, as its `webhook_configuration`;
/// `None`: it did not say. What changes by that is told. Answers the number; `None`: it is not connected.
pub async fn led(
    tx: &Operator,
    scope: &Scope,
    number_id: Uuid,
    webhooks: Option<&Value>,
    now: Timestamp,
) -> Result<Option<Number>> {
    write(tx, scope, number_id, (true, webhooks), now).await
}

/// The same where Meta only said where the webhooks go.
pub async fn noted(
    tx: &Operator,
    scope: &Scope,
    number_id: Uuid,
    webhooks: &Value,
    now: Timestamp,
) -> Result<Option<Number>> {
    write(tx, scope, number_id, (false, Some(webhooks)), now).await
}

async fn write(
    tx: &Operator,
    scope: &Scope,
    number_id: Uuid,
    (hears, webhooks): (bool, Option<&Value>),
    now: Timestamp,
) -> Result<Option<Number>> {
    let line = event::line_of(tx, scope).await?;
    let changed = tx
        .query_opt(
            "UPDATE wazapp.number SET hears = hears OR $4, webhooks = coalesce($3::text::json, webhooks), updated_at = $5
             WHERE organization_id = $1 AND id = $2 AND status = 'connected'
               AND (NOT hears AND $4 OR webhooks::jsonb IS DISTINCT FROM coalesce($3::text::jsonb, webhooks::jsonb))
             RETURNING id",
            &[&scope.organization_id(), &number_id, &webhooks.map(Value::to_string), &hears, &now],
        )
        .await?;
    let number = super::find(tx, scope, number_id, now).await?.filter(Number::is_connected);
    if let (Some(_), Some(number)) = (changed, &number) {
        line.record(New::of(Kind::NumberUpdated, now, Some(number_id), number)).await?;
    }
    Ok(number)
}
