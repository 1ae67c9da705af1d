//! What a member, or a key, is limited to see. The database enforces it where rows are read: the policies `within_sight`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::database::{DatabaseError, Result, Tenant};

/// Whose conversations somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sees {
    /// All of the organization's.
    All,
    /// Their own, and their teams'.
    Teams,
    /// Their own.
    Own,
}

impl Sees {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::Teams, Self::Own];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Teams => "teams",
            Self::Own => "own",
        }
    }

    pub(crate) fn read(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|sees| sees.word() == word);
        known.ok_or_else(|| DatabaseError::UnknownWord { column: "sight.sees", word: word.to_owned() })
    }
}

/// What somebody is limited to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Limits {
    /// Whose conversations they see.
    pub sees: Sees,
    /// The numbers they are limited to, by our ids; null: all.
    pub number_ids: Option<Vec<Uuid>>,
}

impl Limits {
    /// Of who sees everything.
    pub const NONE: Self = Self { sees: Sees::All, number_ids: None };
}

/// What a member, or a key, is limited to.
pub async fn of(tx: &Tenant, viewer_id: Uuid) -> Result<Limits> {
    let row = tx
        .query_opt(
            "SELECT sees, number_ids FROM wazapp.sight WHERE organization_id = $1 AND viewer_id = $2",
            &[&tx.organization_id(), &viewer_id],
        )
        .await?;
    let Some(row) = row else { return Ok(Limits::NONE) };
    Ok(Limits { sees: Sees::read(row.get("sees"))?, number_ids: row.get("number_ids") })
}

/// Limits a member, or a key, from their next request on; streams that are open end within seconds.
pub async fn set(tx: &Tenant, viewer_id: Uuid, limits: &Limits) -> Result<()> {
    let organization = tx.organization_id();
    if *limits == Limits::NONE {
        tx.query(
            "DELETE FROM wazapp.sight WHERE organization_id = $1 AND viewer_id = $2",
            &[&organization, &viewer_id],
        )
        .await?;
        return Ok(());
    }
    let numbers: BTreeSet<Uuid> = limits.number_ids.iter().flatten().copied().collect();
    tx.query(
        "INSERT INTO wazapp.sight (organization_id, viewer_id, sees, number_ids) VALUES ($1, $2, $3, CASE WHEN $4 THEN $5::uuid[] END)
         ON CONFLICT (organization_id, viewer_id) DO UPDATE SET sees = excluded.sees, number_ids = excluded.number_ids",
        &[
            &organization,
            &viewer_id,
            &limits.sees.word(),
            &limits.number_ids.is_some(),
            &numbers.into_iter().collect::<Vec<Uuid>>(),
        ],
    )
    .await?;
    Ok(())
}

/// Which of these are no numbers of the organization's.
pub async fn foreign_numbers(tx: &Tenant, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = tx
        .query(
            "SELECT asked FROM unnest($2::uuid[]) AS t (asked)
             WHERE NOT EXISTS (SELECT FROM wazapp.number n WHERE n.organization_id = $1 AND n.id = asked)",
            &[&tx.organization_id(), &ids.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
