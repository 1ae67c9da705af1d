//! WhatsApp users as one organization knows them.
//!
//! A contact answers to several identities. Every one Meta ever used leads back to it; the contact itself shows the
//! latest of each kind.

mod evidence;
mod known;
mod merge;
mod rehome;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Param, Result, Tenant};
use crate::event::{self, New};
use crate::page::{Cursor, Page};
use crate::scope::Scope;
use crate::search::{Search, matches};

pub use evidence::*;
pub use known::*;
pub use merge::*;
pub use rehome::*;

/// What people, or a phone's address book, say of a contact `c`: who has any of it stays, whoever else is gone.
macro_rules! kept_words {
    () => {
        "c.own_name, c.notes, c.book_name"
    };
}
pub(crate) use kept_words;

/// A contact as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Contact {
    /// UUIDv7.
    pub id: Uuid,
    /// The name to show: the organization's own, else the phone's address book, else Meta's profile name.
    pub name: Option<String>,
    /// The name the user gave themselves.
    pub profile_name: Option<String>,
    /// The name this organization gave.
    pub own_name: Option<String>,
    /// The organization's notes.
    pub notes: Option<String>,
    /// Phone number in Meta's spelling, digits only.
    pub wa_id: Option<String>,
    /// Business-scoped user id.
    pub user_id: Option<String>,
    /// The user id above it, in a group of portfolios.
    pub parent_user_id: Option<String>,
    /// Username, without `@`.
    pub username: Option<String>,
    /// When we first heard of them.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When any of this last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// The short form that conversations carry.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ContactSummary {
    /// UUIDv7.
    pub id: Uuid,
    /// The name to show.
    pub name: Option<String>,
    /// Phone number in Meta's spelling.
    pub wa_id: Option<String>,
    /// Business-scoped user id.
    pub user_id: Option<String>,
    /// Username, without `@`.
    pub username: Option<String>,
}

impl Contact {
    fn read(row: &Row) -> Self {
        let own_name: Option<String> = row.get("own_name");
        let book_name: Option<String> = row.get("book_name");
        let profile_name: Option<String> = row.get("profile_name");
        Self {
            id: row.get("id"),
            name: own_name.clone().or(book_name).or_else(|| profile_name.clone()),
            profile_name,
            own_name,
            notes: row.get("notes"),
            wa_id: row.get("wa_id"),
            user_id: row.get("user_id"),
            parent_user_id: row.get("parent_user_id"),
            username: row.get("username"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// What these contacts are called; who has no name, by their number.
pub async fn names(tx: &Tenant, ids: Vec<Uuid>) -> Result<Vec<(Uuid, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            "SELECT id, coalesce(own_name, book_name, profile_name, '+' || wa_id, '@' || username, user_id, '?') AS name
             FROM wazapp.contact WHERE organization_id = $1 AND id = ANY ($2)",
            &[&tx.organization_id(), &ids],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("id"), row.get("name"))).collect())
}

/// An organization's contacts, newest first.
pub async fn list(tx: &Tenant, after: Option<Cursor>, limit: i64) -> Result<Page<Contact>> {
    let rows = tx
        .query(
            "SELECT * FROM wazapp.contact WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            &[&tx.organization_id(), &before(after), &(limit + 1)],
        )
        .await?;
    Ok(page(&rows, limit))
}

/// Of them, those whom a search finds.
pub async fn search(
    database: &Database,
    scope: &Scope,
    search: &Search,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Page<Contact>> {
    let tx = database.tenant(scope).await?;
    let rows = tx
        .query(
            concat!(
                "SELECT c.* FROM (SELECT * FROM wazapp.contact WHERE organization_id = $1 AND id < $2
                                  ORDER BY id DESC LIMIT $4) c
                 WHERE ",
                matches!("$3"),
                " ORDER BY c.id DESC LIMIT $5"
            ),
            &[&tx.organization_id(), &before(after), &search.pattern(), &search.newest(), &(limit + 1)],
        )
        .await?;
    tx.close();
    if !search.is_indexed() || i64::try_from(rows.len()).is_ok_and(|found| found > limit) {
        return Ok(page(&rows, limit));
    }
    const FOUND: &str = concat!(
        // All that the index finds first: else the newest would be walked again.
        "WITH found AS MATERIALIZED (
           SELECT c.id FROM wazapp.contact c WHERE c.organization_id = $1 AND ",
        matches!("$2"),
        ") SELECT id FROM found WHERE id < $3 ORDER BY id DESC LIMIT $4"
    );
    let params: [&dyn Param; 4] = [&scope.organization_id(), &search.pattern(), &before(after), &(limit + 1)];
    let ids = Search::find(database, scope, FOUND, &params).await?;
    let tx = database.tenant(scope).await?;
    let mut found = these(&tx, ids).await?;
    tx.close();
    found.sort_unstable_by_key(|contact| std::cmp::Reverse(contact.id));
    Ok(paged(found, limit))
}

fn before(after: Option<Cursor>) -> Uuid {
    after.map_or(Uuid::max(), |cursor| cursor.tie)
}

fn page(rows: &[Row], limit: i64) -> Page<Contact> {
    paged(rows.iter().map(Contact::read).collect(), limit)
}

fn paged(rows: Vec<Contact>, limit: i64) -> Page<Contact> {
    Page::new(rows, limit, |contact| Cursor { at: 0, tie: contact.id })
}

/// Some of them, by id, in no order; those that are not there are left out.
pub async fn these(tx: &Tenant, ids: Vec<Uuid>) -> Result<Vec<Contact>> {
    let sql = "SELECT * FROM wazapp.contact WHERE organization_id = $1 AND id = ANY ($2)";
    Ok(tx.query(sql, &[&tx.organization_id(), &ids]).await?.iter().map(Contact::read).collect())
}

/// One contact.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Contact>> {
    let row = tx
        .query_opt("SELECT * FROM wazapp.contact WHERE organization_id = $1 AND id = $2", &[&tx.organization_id(), &id])
        .await?;
    Ok(row.as_ref().map(Contact::read))
}

/// What people may change. An outer `None` leaves a field as it is, an inner `None` clears it.
#[derive(Debug, Default)]
pub struct Change {
    /// The organization's own name for the contact.
    pub own_name: Option<Option<String>>,
    /// The organization's notes.
    pub notes: Option<Option<String>>,
}

/// Changes what people may change.
///
/// A change to what is there already makes no event, and takes no place in the organization's line.
pub async fn change(tx: &Tenant, now: Timestamp, id: Uuid, change: &Change) -> Result<Option<Contact>> {
    let Some(known) = get(tx, id).await? else { return Ok(None) };
    if change.own_name.as_ref().is_none_or(|name| *name == known.own_name)
        && change.notes.as_ref().is_none_or(|notes| *notes == known.notes)
    {
        return Ok(Some(known));
    }
    let line = event::line(tx).await?;
    let row = tx
        .query_opt(
            "UPDATE wazapp.contact SET own_name = CASE WHEN $3 THEN $4 ELSE own_name END,
                                       notes = CASE WHEN $5 THEN $6 ELSE notes END, updated_at = $7
             WHERE organization_id = $1 AND id = $2 RETURNING *",
            &[
                &tx.organization_id(),
                &id,
                &change.own_name.is_some(),
                &change.own_name.clone().flatten(),
                &change.notes.is_some(),
                &change.notes.clone().flatten(),
                &now,
            ],
        )
        .await?;
    let Some(contact) = row.as_ref().map(Contact::read) else {
        return Ok(None);
    };
    line.record(New::of(event::Kind::ContactUpdated, now, Some(id), &contact)).await?;
    Ok(Some(contact))
}
