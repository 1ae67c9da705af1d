//! People who look after conversations together.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conversation;
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

/// Makes a team. `None`: there is one of this name.
pub async fn create(tx: &Tenant, now: Timestamp, name: &str) -> Result<Option<Team>> {
    let id = Uuid::now_v7();
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.team (organization_id, id, name, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organization_id, name) DO NOTHING RETURNING id",
            &[&tx.organization_id(), &id, &name, &now],
        )
        .await?;
    if row.is_none() { Ok(None) } else { get(tx, id).await }
}

/// What became of another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// It has it.
    Done,
    /// Another team has it.
    Taken,
    /// There is no such team.
    NotThere,
}

/// Calls a team by another name, and holds it until the end of the transaction.
pub async fn rename(tx: &Tenant, id: Uuid, name: &str) -> Result<Renamed> {
    // Two who take the same name come one after the other.
    let rows = tx
        .query("SELECT id, name FROM wazapp.team WHERE organization_id = $1 ORDER BY id FOR NO KEY UPDATE", &[&tx.organization_id()])
        .await?;
    if !rows.iter().any(|row| row.get::<_, Uuid>("id") == id) {
        return Ok(Renamed::NotThere);
    }
    if rows.iter().any(|row| row.get::<_, Uuid>("id") != id && row.get::<_, &str>("name") == name) {
        return Ok(Renamed::Taken);
    }
    tx.query("UPDATE wazapp.team SET name = $3 WHERE organization_id = $1 AND id = $2", &[&tx.organization_id(), &id, &name])
        .await?;
    Ok(Renamed::Done)
}

/// Says who is in a team. Who does not work here is left out.
pub async fn set_members(tx: &Tenant, id: Uuid, user_ids: &[Uuid]) -> Result<()> {
    let (organization, user_ids) = (tx.organization_id(), user_ids.to_vec());
    tx.query(
        "DELETE FROM wazapp.team_member WHERE organization_id = $1 AND team_id = $2 AND user_id <> ALL ($3)",
        &[&organization, &id, &user_ids],
    )
    .await?;
    tx.query(
        "INSERT INTO wazapp.team_member (organization_id, team_id, user_id)
         SELECT $1, $2, m.user_id FROM wazapp.membership m WHERE m.organization_id = $1 AND m.user_id = ANY ($3)
         ON CONFLICT DO NOTHING",
        &[&organization, &id, &user_ids],
    )
    .await?;
    Ok(())
}

/// Ends a team. What was its is no team's. `None`: there is none.
pub async fn remove(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Team>> {
    let Some(team) = get(tx, id).await? else { return Ok(None) };
    conversation::leave_team(tx, now, id).await?;
    tx.query("DELETE FROM wazapp.team WHERE organization_id = $1 AND id = $2", &[&tx.organization_id(), &id]).await?;
    Ok(Some(team))
}
