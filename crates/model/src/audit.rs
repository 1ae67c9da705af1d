//! Who did what: written in the transaction that did it, never changed, kept apart from messages.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::act::Act;
use crate::database::{DatabaseError, Operator, Param, RawJson, Result, Tenant, Tx};
use crate::membership;
use crate::page::{Cursor, Page};
use crate::scope::Scope;
use crate::user::User;

/// What kind of somebody did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person who is signed in.
    User,
    /// A program with an API key.
    Key,
    /// Whoever runs the server, at its command line.
    Operator,
}

impl ActorKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Key, Self::Operator];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            Self::Operator => "operator",
        }
    }

    fn read(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| DatabaseError::UnknownWord { column: "audit.actor", word: word.to_owned() })
    }
}

/// Who does something, and from where.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Actor {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// The user's or the key's id.
    pub id: Option<Uuid>,
    /// As they were called then.
    pub name: String,
    /// The address it came from; of IPv6, the network.
    pub address: Option<String>,
}

impl Actor {
    /// Whoever runs the server, at its command line.
    pub fn operator() -> Self {
        Self { kind: ActorKind::Operator, id: None, name: "wazapp".into(), address: None }
    }
}

/// Something to write down. `before` and `after` never hold a secret.
#[derive(Clone, Debug)]
pub struct Deed {
    /// What was done: an act's word, and which of its kinds, such as `members.manage/invite`.
    pub act: String,
    /// To what.
    pub subject_id: Option<String>,
    /// As it is called.
    pub subject_name: Option<String>,
    /// What held before.
    pub before: Option<Value>,
    /// What holds now.
    pub after: Option<Value>,
}

impl Deed {
    /// A deed on something.
    pub fn new(act: Act, what: &'static str, subject_id: impl ToString, subject_name: impl Into<String>) -> Self {
        Self::called(format!("{}/{what}", act.word()), subject_id, subject_name)
    }

    /// A deed on how somebody signs in, which is theirs in every organization.
    pub fn of_account(what: &'static str, user: &User) -> Self {
        Self::called(format!("account/{what}"), user.id, user.name.as_str())
    }

    /// A deed of the server's operator, on what belongs to no organization.
    pub fn of_server(what: &'static str, subject_id: impl ToString, subject_name: impl Into<String>) -> Self {
        Self::called(format!("server/{what}"), subject_id, subject_name)
    }

    fn called(act: String, subject_id: impl ToString, subject_name: impl Into<String>) -> Self {
        let subject_id = Some(subject_id.to_string());
        Self { act, subject_id, subject_name: Some(subject_name.into()), before: None, after: None }
    }

    /// With what held before and holds now.
    #[must_use]
    pub fn changed(self, before: Option<Value>, after: Option<Value>) -> Self {
        Self { before, after, ..self }
    }
}

/// What was written down.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Entry {
    /// UUIDv7.
    pub id: Uuid,
    /// When it was done.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `members.manage/invite`.
    pub act: String,
    /// To what.
    pub subject_id: Option<String>,
    /// As it was called.
    pub subject_name: Option<String>,
    /// What held before.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Json<Box<RawValue>>>,
    /// What holds since.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Json<Box<RawValue>>>,
}

impl Entry {
    fn read(row: &Row) -> Result<Self> {
        let actor = Actor {
            kind: ActorKind::read(row.get("actor"))?,
            id: row.get("actor_id"),
            name: row.get("actor_name"),
            address: row.get("address"),
        };
        Ok(Self {
            id: row.get("id"),
            at: row.get("at"),
            actor,
            act: row.get("act"),
            subject_id: row.get("subject_id"),
            subject_name: row.get("subject_name"),
            before: row.get("before"),
            after: row.get("after"),
        })
    }
}

const COLUMNS: &str = "id, at, actor, actor_id, actor_name, address, act, subject_id, subject_name, before, after";

/// Writes down what is done in this transaction.
pub async fn record(tx: &Tenant, now: Timestamp, actor: &Actor, deed: &Deed) -> Result<()> {
    write(tx, Some(tx.organization_id()), now, actor, deed).await
}

/// The same of what is done to one organization in a transaction across them.
pub async fn any_organization_record(
    tx: &Operator,
    scope: &Scope,
    now: Timestamp,
    actor: &Actor,
    deed: &Deed,
) -> Result<()> {
    write(tx, Some(scope.organization_id()), now, actor, deed).await
}

/// The same of what concerns one person wherever they work: each of their organizations reads it, and whoever runs the server
/// where they have none, or run it too.
pub async fn any_organization_record_of(
    tx: &Operator,
    now: Timestamp,
    actor: &Actor,
    whose: &User,
    deed: &Deed,
) -> Result<()> {
    let places = membership::any_organization_places(tx, whose.id).await?;
    for scope in &places {
        any_organization_record(tx, scope, now, actor, deed).await?;
    }
    if places.is_empty() || whose.is_operator {
        record_of_server(tx, now, actor, deed).await?;
    }
    Ok(())
}

/// The same of what belongs to no organization.
pub async fn record_of_server(tx: &Operator, now: Timestamp, actor: &Actor, deed: &Deed) -> Result<()> {
    write(tx, None, now, actor, deed).await
}

async fn write(tx: &Tx, organization: Option<Uuid>, now: Timestamp, actor: &Actor, deed: &Deed) -> Result<()> {
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    let (before, after) = (json(&deed.before), json(&deed.after));
    let id = Uuid::now_v7();
    let (kind, before, after) = (actor.kind.word(), before.as_deref().map(RawJson), after.as_deref().map(RawJson));
    let params: [&dyn Param; 11] = [
        &id,
        &now,
        &kind,
        &actor.id,
        &actor.name,
        &actor.address,
        &deed.act,
        &deed.subject_id,
        &deed.subject_name,
        &before,
        &after,
    ];
    let Some(organization) = organization else {
        let sql = format!(
            "INSERT INTO wazapp.server_audit ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        );
        tx.query(&sql, &params).await?;
        return Ok(());
    };
    let sql = format!(
        "INSERT INTO wazapp.audit (organization_id, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    let params: Vec<&dyn Param> = [&organization as &dyn Param].into_iter().chain(params).collect();
    tx.query(&sql, &params).await?;
    Ok(())
}

/// What a list may be narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this user or key.
    pub actor_id: Option<Uuid>,
    /// Only acts whose word begins so.
    pub act: Option<String>,
    /// Only on this.
    pub subject_id: Option<String>,
}

/// What was done in an organization, newest first.
pub async fn list(tx: &Tenant, filter: &Filter, after: Option<Cursor>, limit: i64) -> Result<Page<Entry>> {
    let before = after.map(|cursor| cursor.tie);
    let sql = format!(
        "SELECT {COLUMNS} FROM wazapp.audit
         WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR actor_id = $3)
           AND ($4::text IS NULL OR starts_with(act, $4)) AND ($5::text IS NULL OR subject_id = $5)
         ORDER BY id DESC LIMIT $6"
    );
    let params: [&dyn Param; 6] =
        [&tx.organization_id(), &before, &filter.actor_id, &filter.act, &filter.subject_id, &(limit + 1)];
    let rows = tx.query_filtered(&sql, &params).await?;
    let entries: Vec<Entry> = rows.iter().map(Entry::read).collect::<Result<_>>()?;
    Ok(Page::new(entries, limit, |entry| Cursor::at(entry.at, entry.id)))
}
