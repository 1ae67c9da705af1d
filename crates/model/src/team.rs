//! People who look after conversations together.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::Act;
use crate::audit::Deed;
use crate::conversation;
use crate::database::{Result, Tenant};
use crate::event;

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

impl Team {
    /// That it was made, as the audit tells it.
    pub fn made(&self) -> Deed {
        self.deed("create").changed(None, Some(self.told()))
    }

    /// That it is another one than before.
    pub fn changed(&self, before: &Self) -> Deed {
        self.deed("change").changed(Some(before.told()), Some(self.told()))
    }

    /// That it ended.
    pub fn ended(&self) -> Deed {
        self.deed("delete").changed(Some(self.told()), None)
    }

    fn deed(&self, what: &'static str) -> Deed {
        Deed::new(Act::ManageTeams, what, self.id, self.name.as_str())
    }

    fn told(&self) -> Value {
        json!({ "name": self.name, "member_ids": self.member_ids })
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

/// Whether a name is taken by another team.
async fn is_taken(tx: &Tenant, name: &str, but: Option<Uuid>) -> Result<bool> {
    let row = tx
        .query_opt(
            "SELECT FROM wazapp.team WHERE organization_id = $1 AND name = $2 AND ($3::uuid IS NULL OR id <> $3)",
            &[&tx.organization_id(), &name, &but],
        )
        .await?;
    Ok(row.is_some())
}

/// Why a team is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is no such team.
    NotThere,
    /// Another one is called so.
    Taken,
    /// These do not work here.
    Strangers(Vec<Uuid>),
}

/// Makes a team.
pub async fn create(tx: &Tenant, now: Timestamp, name: &str, member_ids: &[Uuid]) -> Result<Result<Team, Unfit>> {
    // Teams are made, and people let go, one after the other.
    event::line(tx).await?;
    if is_taken(tx, name, None).await? {
        return Ok(Err(Unfit::Taken));
    }
    let id = Uuid::now_v7();
    tx.query(
        "INSERT INTO wazapp.team (organization_id, id, name, created_at) VALUES ($1, $2, $3, $4)",
        &[&tx.organization_id(), &id, &name, &now],
    )
    .await?;
    if let Some(unfit) = set_members(tx, id, member_ids).await? {
        return Ok(Err(unfit));
    }
    Ok(get(tx, id).await?.ok_or(Unfit::NotThere))
}

/// Calls a team by another name, or says who is in it; what is not given stays. The answer is the team before and after.
pub async fn change(
    tx: &Tenant,
    id: Uuid,
    name: Option<&str>,
    member_ids: Option<&[Uuid]>,
) -> Result<Result<(Team, Team), Unfit>> {
    event::line(tx).await?;
    let Some(before) = get(tx, id).await? else { return Ok(Err(Unfit::NotThere)) };
    if let Some(name) = name {
        if is_taken(tx, name, Some(id)).await? {
            return Ok(Err(Unfit::Taken));
        }
        tx.query(
            "UPDATE wazapp.team SET name = $3 WHERE organization_id = $1 AND id = $2",
            &[&tx.organization_id(), &id, &name],
        )
        .await?;
    }
    if let Some(member_ids) = member_ids
        && let Some(unfit) = set_members(tx, id, member_ids).await?
    {
        return Ok(Err(unfit));
    }
    Ok(get(tx, id).await?.map(|after| (before, after)).ok_or(Unfit::NotThere))
}

/// Ends a team; what was its is no team's. `None`: there is no such team.
pub async fn delete(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Team>> {
    event::line(tx).await?;
    let Some(before) = get(tx, id).await? else { return Ok(None) };
    conversation::leave_team(tx, now, id).await?;
    tx.query("DELETE FROM wazapp.team WHERE organization_id = $1 AND id = $2", &[&tx.organization_id(), &id]).await?;
    Ok(Some(before))
}

async fn set_members(tx: &Tenant, id: Uuid, member_ids: &[Uuid]) -> Result<Option<Unfit>> {
    let (organization, ids) = (tx.organization_id(), member_ids.to_vec());
    let strangers = tx
        .query(
            "SELECT asked FROM unnest($2::uuid[]) AS t (asked)
             WHERE NOT EXISTS (SELECT FROM wazapp.membership m WHERE m.organization_id = $1 AND m.user_id = asked)",
            &[&organization, &ids],
        )
        .await?;
    if !strangers.is_empty() {
        return Ok(Some(Unfit::Strangers(strangers.iter().map(|row| row.get(0)).collect())));
    }
    tx.query(
        "DELETE FROM wazapp.team_member WHERE organization_id = $1 AND team_id = $2 AND user_id <> ALL ($3)",
        &[&organization, &id, &ids],
    )
    .await?;
    tx.query(
        "INSERT INTO wazapp.team_member (organization_id, team_id, user_id)
         SELECT m.organization_id, $2::uuid, m.user_id FROM wazapp.membership m
         WHERE m.organization_id = $1 AND m.user_id = ANY ($3)
         ON CONFLICT (organization_id, team_id, user_id) DO NOTHING",
        &[&organization, &id, &ids],
    )
    .await?;
    Ok(None)
}
