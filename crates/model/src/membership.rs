//! As what a person works in an organization.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::{Act, Role};
use crate::audit::Deed;
use crate::conversation;
use crate::database::{Operator, Result, Tenant};
use crate::invitation;
use crate::scope::Scope;
use crate::sight::{Limits, Sees};
use crate::user::User;

/// Somebody who works in an organization, as the others see them.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Member {
    /// The user's id.
    pub user_id: Uuid,
    /// What people call them.
    pub name: String,
    /// By which they sign in.
    pub email: String,
    /// As what they work here.
    pub role: Role,
    /// What they are limited to see.
    #[serde(flatten)]
    #[schema(inline)]
    pub limits: Limits,
    /// The teams they are in.
    pub team_ids: Vec<Uuid>,
    /// When they last did anything here, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
    /// Conversations that are theirs and not resolved.
    pub open_conversations: i64,
    /// Since when they belong here.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Member {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            user_id: row.get("user_id"),
            name: row.get("name"),
            email: row.get("email"),
            role: Role::read(row.get("role"), "membership.role")?,
            limits: match row.get::<_, Option<&str>>("sees") {
                Some(sees) => Limits { sees: Sees::read(sees)?, number_ids: row.get("number_ids") },
                None => Limits::NONE,
            },
            team_ids: Vec::new(),
            last_seen_at: row.get("last_seen_at"),
            open_conversations: row.get("open_conversations"),
            created_at: row.get("created_at"),
        })
    }
}

impl Member {
    /// That they work here otherwise than before, as the audit tells it.
    pub fn changed(&self, before: &Self) -> Deed {
        self.deed("change").changed(Some(before.told()), Some(self.told()))
    }

    /// That they work here no more.
    pub fn let_go(&self) -> Deed {
        self.deed("remove").changed(Some(self.told()), None)
    }

    fn deed(&self, what: &'static str) -> Deed {
        Deed::new(Act::ManageMembers, what, self.user_id, self.name.as_str())
    }

    fn told(&self) -> Value {
        let Limits { sees, number_ids } = &self.limits;
        json!({ "email": self.email, "role": self.role, "sees": sees, "number_ids": number_ids })
    }
}

/// That somebody works in an organization from now on: added by others, or by an invitation.
pub fn begun(what: Begun, user: &User, role: Role) -> Deed {
    let what = match what {
        Begun::Added => "add",
        Begun::Invited => "join",
        Begun::ByRule => "join_by_rule",
    };
    let after = json!({ "email": user.email, "role": role });
    Deed::new(Act::ManageMembers, what, user.id, user.name.as_str()).changed(None, Some(after))
}

/// How somebody came to work in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Whoever runs the server, or set it up, said so.
    Added,
    /// They accepted an invitation.
    Invited,
    /// A rule for whoever signs in by the identity provider lets them.
    ByRule,
}

const MEMBERS: &str = "SELECT m.user_id, u.name, u.email, m.role, m.last_seen_at, m.created_at, s.sees, s.number_ids,
       (SELECT count(*) FROM wazapp.conversation v
        WHERE v.organization_id = $1 AND v.assignee_id = m.user_id AND v.state <> 'resolved') AS open_conversations
     FROM wazapp.membership m JOIN wazapp.\"user\" u ON u.id = m.user_id
     LEFT JOIN wazapp.sight s ON s.organization_id = m.organization_id AND s.viewer_id = m.user_id AND m.role <> 'owner'
     WHERE m.organization_id = $1 AND ($2::uuid IS NULL OR m.user_id = $2) ORDER BY lower(u.name), m.user_id";

/// Everybody who works in the organization, by name.
pub async fn list(tx: &Tenant) -> Result<Vec<Member>> {
    members(tx, None).await
}

/// What everybody who works in the organization is called, by name.
pub async fn names(tx: &Tenant) -> Result<Vec<(Uuid, String)>> {
    let rows = tx
        .query(
            "SELECT m.user_id, u.name FROM wazapp.membership m JOIN wazapp.\"user\" u ON u.id = m.user_id
             WHERE m.organization_id = $1 ORDER BY lower(u.name), m.user_id",
            &[&tx.organization_id()],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("user_id"), row.get("name"))).collect())
}

/// One of them.
pub async fn get(tx: &Tenant, user_id: Uuid) -> Result<Option<Member>> {
    Ok(members(tx, Some(user_id)).await?.pop())
}

async fn members(tx: &Tenant, only: Option<Uuid>) -> Result<Vec<Member>> {
    let rows = tx.query(MEMBERS, &[&tx.organization_id(), &only]).await?;
    let mut members: Vec<Member> = rows.iter().map(Member::read).collect::<Result<_>>()?;
    let rows = tx
        .query(
            "SELECT user_id, team_id FROM wazapp.team_member WHERE organization_id = $1 ORDER BY team_id",
            &[&tx.organization_id()],
        )
        .await?;
    let mut teams: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for row in &rows {
        teams.entry(row.get("user_id")).or_default().push(row.get("team_id"));
    }
    for member in &mut members {
        member.team_ids = teams.remove(&member.user_id).unwrap_or_default();
    }
    Ok(members)
}

/// An organization as somebody who works in it sees it from outside.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Belonging {
    /// The organization's id.
    pub organization_id: Uuid,
    /// Its short name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// As what they work there; of whoever only looks in, a viewer.
    pub role: Role,
    /// Whether they work there, and do not only look in.
    #[serde(skip)]
    pub is_member: bool,
}

/// Where a person works or looks in, by name; of suspended organizations nothing.
pub async fn any_organization_of(tx: &Operator, now: Timestamp, user_id: Uuid) -> Result<Vec<Belonging>> {
    let rows = tx
        .query(
            "SELECT o.id, o.slug, o.name, coalesce(m.role, 'viewer') AS role, m.user_id IS NOT NULL AS is_member
             FROM (SELECT organization_id FROM wazapp.membership WHERE user_id = $1
                   UNION SELECT organization_id FROM wazapp.entry WHERE user_id = $1 AND ends_at > $2) open
             JOIN wazapp.organization o ON o.id = open.organization_id AND o.suspended_at IS NULL
             LEFT JOIN wazapp.membership m ON m.organization_id = open.organization_id AND m.user_id = $1
             ORDER BY lower(o.name), o.id",
            &[&user_id, &now],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Belonging {
                organization_id: row.get("id"),
                slug: row.get("slug"),
                name: row.get("name"),
                role: Role::read(row.get("role"), "membership.role")?,
                is_member: row.get("is_member"),
            })
        })
        .collect()
}

/// Every organization that somebody is a member of, in one order, suspended ones too.
pub(crate) async fn any_organization_places(tx: &Operator, user_id: Uuid) -> Result<Vec<Scope>> {
    let rows = tx
        .query("SELECT organization_id FROM wazapp.membership WHERE user_id = $1 ORDER BY organization_id", &[&user_id])
        .await?;
    Ok(rows.iter().map(|row| Scope::new(row.get("organization_id"))).collect())
}

/// Lets somebody work in an organization; who does already keeps the greater of both roles.
pub async fn add(tx: &Operator, now: Timestamp, scope: &Scope, user_id: Uuid, role: Role) -> Result<()> {
    let greater =
        "CASE WHEN array_position($5, EXCLUDED.role) > array_position($5, m.role) THEN EXCLUDED.role ELSE m.role END";
    let sql = format!(
        "INSERT INTO wazapp.membership AS m (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, user_id) DO UPDATE SET role = {greater}"
    );
    let roles: Vec<&str> = Role::ALL.map(Role::word).to_vec();
    tx.query(&sql, &[&scope.organization_id(), &user_id, &role.word(), &now, &roles]).await?;
    tx.query(
        "DELETE FROM wazapp.departure WHERE organization_id = $1 AND user_id = $2",
        &[&scope.organization_id(), &user_id],
    )
    .await?;
    Ok(())
}

/// Lets somebody work in an organization because a rule says so. False: they do already, in whichever role, or they did once
/// and were let go, which a rule does not undo.
pub async fn add_by_rule(tx: &Operator, now: Timestamp, scope: &Scope, user_id: Uuid, role: Role) -> Result<bool> {
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.membership (organization_id, user_id, role, created_at)
             SELECT $1, $2, $3, $4 WHERE NOT EXISTS (
               SELECT FROM wazapp.departure d WHERE d.organization_id = $1 AND d.user_id = $2)
             ON CONFLICT (organization_id, user_id) DO NOTHING RETURNING user_id",
            &[&scope.organization_id(), &user_id, &role.word(), &now],
        )
        .await?;
    Ok(row.is_some())
}

/// What became of a change of somebody's place.
#[derive(Clone, Debug)]
pub enum Changed<T> {
    /// It is done.
    Done(T),
    /// They do not work here.
    NotThere,
    /// It is the last owner: an organization without one could be managed by nobody.
    LastOwner,
}

/// Gives somebody another role. The answer is as what they worked before.
pub async fn change_role(tx: &Tenant, now: Timestamp, user_id: Uuid, role: Role) -> Result<Changed<Role>> {
    let before = match held(tx, user_id, role).await? {
        Changed::Done(before) => before,
        other => return Ok(other),
    };
    tx.query(
        "UPDATE wazapp.membership SET role = $3 WHERE organization_id = $1 AND user_id = $2",
        &[&tx.organization_id(), &user_id, &role.word()],
    )
    .await?;
    invitation::take_back_of(tx, now, user_id, Some(role)).await?;
    Ok(Changed::Done(before))
}

/// Lets somebody work here no more. What was theirs is nobody's; the answer is how many conversations that were.
pub async fn remove(tx: &Tenant, now: Timestamp, user_id: Uuid) -> Result<Changed<usize>> {
    match held(tx, user_id, Role::Viewer).await? {
        Changed::Done(_) => {}
        Changed::NotThere => return Ok(Changed::NotThere),
        Changed::LastOwner => return Ok(Changed::LastOwner),
    }
    let left = conversation::leave_all(tx, now, user_id).await?;
    invitation::take_back_of(tx, now, user_id, None).await?;
    let organization = tx.organization_id();
    tx.query("DELETE FROM wazapp.sight WHERE organization_id = $1 AND viewer_id = $2", &[&organization, &user_id])
        .await?;
    tx.query("DELETE FROM wazapp.membership WHERE organization_id = $1 AND user_id = $2", &[&organization, &user_id])
        .await?;
    tx.query(
        "INSERT INTO wazapp.departure (organization_id, user_id, left_at) VALUES ($1, $2, $3)",
        &[&organization, &user_id, &now],
    )
    .await?;
    Ok(Changed::Done(left))
}

/// As what they work here, held until the end of the transaction with all owners: of two who leave at once one is the last.
async fn held(tx: &Tenant, user_id: Uuid, will_be: Role) -> Result<Changed<Role>> {
    let rows = tx
        .query(
            "SELECT user_id, role FROM wazapp.membership
             WHERE organization_id = $1 AND (user_id = $2 OR role = 'owner') ORDER BY user_id FOR NO KEY UPDATE",
            &[&tx.organization_id(), &user_id],
        )
        .await?;
    let Some(own) = rows.iter().find(|row| row.get::<_, Uuid>("user_id") == user_id) else {
        return Ok(Changed::NotThere);
    };
    let role = Role::read(own.get("role"), "membership.role")?;
    let owners = rows.iter().filter(|row| row.get::<_, &str>("role") == Role::Owner.word()).count();
    Ok(if role == Role::Owner && will_be != Role::Owner && owners == 1 {
        Changed::LastOwner
    } else {
        Changed::Done(role)
    })
}

/// Organizations of which a person is the last owner, by name.
pub async fn any_organization_last_owner(tx: &Operator, user_id: Uuid) -> Result<Vec<String>> {
    let rows = tx
        .query(
            "SELECT o.name FROM wazapp.membership m JOIN wazapp.organization o ON o.id = m.organization_id
             WHERE m.user_id = $1 AND m.role = 'owner' AND NOT EXISTS (
               SELECT FROM wazapp.membership other
               WHERE other.organization_id = m.organization_id AND other.role = 'owner' AND other.user_id <> $1)
             ORDER BY o.name",
            &[&user_id],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
