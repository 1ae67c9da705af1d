//! A number that Meta gave another id: it goes on here as the one that it was.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Opens, Proof, claim};
use crate::database::{Operator, Result};
use crate::event::Line;
use crate::link::{Link, link_columns};
use crate::scope::Scope;

/// What the organization has of these digits under another id, while it has nothing under this one: the one that was
/// connected last.
pub async fn former(tx: &Operator, scope: &Scope, phone_number_id: &str, digits: &[String]) -> Result<Option<Link>> {
    let row = tx
        .query_opt(
            concat!(
                "SELECT ",
                link_columns!(),
                " FROM wazapp.number n WHERE n.organization_id = $1 AND n.phone_number_id <> $2
                   AND n.display_phone_number = ANY ($3)
                   AND NOT EXISTS (SELECT FROM wazapp.number o WHERE o.organization_id = $1 AND o.phone_number_id = $2)
                 ORDER BY n.status = 'connected' DESC, n.connected_at DESC, n.id DESC LIMIT 1"
            ),
            &[&scope.organization_id(), &phone_number_id, &digits.to_vec()],
        )
        .await?;
    Ok(row.as_ref().map(Link::read))
}

/// Gives a number of the organization the id that Meta has for it now, before it is connected under that, unless somebody
/// else has that id. What Meta had of it under the old one, it has no more.
pub async fn give_id(tx: &Line<'_>, proof: &Proof, former: &str, now: Timestamp) -> Result<()> {
    let Opens { scope, phone_number_id, .. } = &proof.opens;
    let organization_id = scope.organization_id();
    // Whoever claims the id in this moment waits for us, or we find that it is theirs.
    let number = tx
        .query_opt(
            "SELECT id, app_id, waba_id FROM wazapp.number WHERE organization_id = $1 AND phone_number_id = $2",
            &[&organization_id, &former],
        )
        .await?;
    let Some(number) = number else { return Ok(()) };
    let id: Uuid = number.get("id");
    let claimed = tx
        .query_opt(
            "INSERT INTO wazapp.number_claim (phone_number_id, organization_id, number_id, app_id, waba_id, claimed_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (phone_number_id) DO NOTHING RETURNING number_id",
            &[
                phone_number_id,
                &organization_id,
                &id,
                &number.get::<_, Option<String>>("app_id"),
                &number.get::<_, String>("waba_id"),
                &now,
            ],
        )
        .await?;
    if claimed.is_none() {
        return Ok(());
    }
    claim::end(tx, former, now).await?;
    tx.query(
        "UPDATE wazapp.number SET phone_number_id = $3, connected_at = $4, updated_at = $4
         WHERE organization_id = $1 AND id = $2",
        &[&organization_id, &id, phone_number_id, &now],
    )
    .await?;
    tx.query("DELETE FROM wazapp.upload WHERE organization_id = $1 AND number_id = $2", &[&organization_id, &id])
        .await?;
    Ok(())
}
