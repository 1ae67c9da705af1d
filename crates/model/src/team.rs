//! People who look after conversations together.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Result, Tenant};

/// A team of an organization.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Team {
    /// UUIDv7.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Who is in it, by user id.
    pub member_ids: Vec<Uuid>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Team {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            name: row.get("name"),
            member_ids: row.get("member_ids"),
            created_at: row.get("created_at"),
        }
    }
}

const TEAMS: &str = "SELECT t.id, t.name, t.created_at,
       ARRAY(SELECT m.user_id FROM wazapp.team_member m WHERE m.organization_id = $1 AND m.team_id = t.id
             ORDER BY m.user_id) AS member_ids
     FROM wazapp.team t WHERE t.organization_id = $1 AND ($2::uuid IS NULL OR t.id = $2) ORDER BY lower(t.name), t.id";

/// All teams, by name.
pub async fn list(tx: &Tenant) -> Result<Vec<Team>> {
    Ok(tx.query(TEAMS, &[&tx.organization_id(), &None::<Uuid>]).await?.iter().map(Team::read).collect())
}

/// One of them.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Team>> {
    Ok(tx.query(TEAMS, &[&tx.organization_id(), &Some(id)]).await?.first().map(Team::read))
}
