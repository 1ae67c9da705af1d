//! Connected numbers as an operator examines them.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::database::{Operator, Result};
use crate::link::{Link, link_columns};
use crate::scope::Scope;
use crate::trouble::Trouble;

/// A connected number as it is examined by an operator.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The owner's slug.
    pub organization: String,
    /// The way to it.
    pub link: Link,
    /// Digits.
    pub display_phone_number: Option<String>,
    /// Whether sending rests now.
    pub paused: bool,
    /// Until then; `None` with `paused`: until somebody mends it.
    pub paused_until: Option<Timestamp>,
    /// Why.
    pub pause_reason: Option<Trouble>,
    /// When Meta last answered.
    pub checked_at: Option<Timestamp>,
    /// The account that a webhook of Meta's named for it, where that is not the one of its claim.
    pub other_account: Option<String>,
}

/// All connected numbers of this server, or of one organization.
pub async fn any_organization_examine(tx: &Operator, scope: Option<&Scope>, now: Timestamp) -> Result<Vec<Examined>> {
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                link_columns!(),
                ", o.slug, n.display_phone_number, n.checked_at, c.other_account, coalesce(p.paused_until > $2, false) AS paused,
                   CASE WHEN isfinite(p.paused_until) THEN p.paused_until END AS paused_until,
                   p.pause_reason
                 FROM wazapp.number n JOIN wazapp.organization o ON o.id = n.organization_id
                 LEFT JOIN wazapp.number_claim c ON c.organization_id = n.organization_id AND c.number_id = n.id
                 LEFT JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
                 WHERE n.status = 'connected' AND ($1::uuid IS NULL OR n.organization_id = $1) ORDER BY o.slug, n.id"
            ),
            &[&scope.map(Scope::organization_id), &now],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Examined {
            organization: row.get("slug"),
            link: Link::read(row),
            display_phone_number: row.get("display_phone_number"),
            paused: row.get("paused"),
            paused_until: row.get("paused_until"),
            pause_reason: Trouble::read(row, "pause_reason", "number_pace.pause_reason")?,
            checked_at: row.get("checked_at"),
            other_account: row.get("other_account"),
        })
    };
    rows.iter().map(read).collect()
}
