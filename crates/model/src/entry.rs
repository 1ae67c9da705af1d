//! A look of whoever runs the server into an organization where they do not work: for a while, as a viewer.
//!
//! It is no membership. Whoever begins one writes it into the organization's audit in the same transaction.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{Operator, Result};
use crate::scope::Scope;

/// How long one lasts; then its person says anew why.
pub const LASTS: SignedDuration = SignedDuration::from_hours(1);

/// Begins one, or goes on with it. The answer is until when.
pub async fn begin(tx: &Operator, now: Timestamp, scope: &Scope, user_id: Uuid) -> Result<Timestamp> {
    let ends_at = now + LASTS;
    tx.query(
        "INSERT INTO wazapp.entry (organization_id, user_id, ends_at) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, user_id) DO UPDATE SET ends_at = EXCLUDED.ends_at",
        &[&scope.organization_id(), &user_id, &ends_at],
    )
    .await?;
    Ok(ends_at)
}

/// Forgets those whose time is over.
pub async fn any_organization_let_go(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.entry WHERE ends_at <= $1", &[&now]).await?;
    Ok(())
}
