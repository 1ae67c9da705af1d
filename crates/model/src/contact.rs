//! WhatsApp users as one organization knows them.
//!
//! A contact answers to several identities. Every one Meta ever used leads back to it; the contact itself shows the
//! latest of each kind.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Operator, Pipeline, Result, Tenant, params};
use crate::event;
use crate::page::{Cursor, Page};
use crate::scope::Scope;
use crate::search::{Search, matches};

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
    tx.commit().await?;
    if !search.is_indexed() || i64::try_from(rows.len()).is_ok_and(|found| found > limit) {
        return Ok(page(&rows, limit));
    }
    let tx = Search::indexed_in(database, scope).await?;
    let found = tx
        .query(
            concat!(
                // All that the index finds first: else the newest would be walked again.
                "WITH found AS MATERIALIZED (
                   SELECT c.id FROM wazapp.contact c WHERE c.organization_id = $1 AND ",
                matches!("$2"),
                ") SELECT id FROM found WHERE id < $3 ORDER BY id DESC LIMIT $4"
            ),
            &[&scope.organization_id(), &search.pattern(), &before(after), &(limit + 1)],
        )
        .await?;
    tx.commit().await?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.get("id")).collect();
    let tx = database.tenant(scope).await?;
    let rows = tx
        .query(
            "SELECT * FROM wazapp.contact WHERE organization_id = $1 AND id = ANY ($2) ORDER BY id DESC",
            &[&tx.organization_id(), &ids],
        )
        .await?;
    tx.commit().await?;
    Ok(page(&rows, limit))
}

fn before(after: Option<Cursor>) -> Uuid {
    after.map_or(Uuid::max(), |cursor| cursor.tie)
}

fn page(rows: &[Row], limit: i64) -> Page<Contact> {
    Page::new(rows.iter().map(Contact::read).collect(), limit, |contact| Cursor { at: 0, tie: contact.id })
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
pub async fn change(tx: &Tenant, id: Uuid, change: &Change) -> Result<Option<Contact>> {
    let Some(known) = get(tx, id).await? else { return Ok(None) };
    if change.own_name.as_ref().is_none_or(|name| *name == known.own_name)
        && change.notes.as_ref().is_none_or(|notes| *notes == known.notes)
    {
        return Ok(Some(known));
    }
    event::line_up(tx).await?;
    let row = tx
        .query_opt(
            "UPDATE wazapp.contact SET own_name = CASE WHEN $3 THEN $4 ELSE own_name END,
                                       notes = CASE WHEN $5 THEN $6 ELSE notes END, updated_at = now()
             WHERE organization_id = $1 AND id = $2 RETURNING *",
            &[
                &tx.organization_id(),
                &id,
                &change.own_name.is_some(),
                &change.own_name.clone().flatten(),
                &change.notes.is_some(),
                &change.notes.clone().flatten(),
            ],
        )
        .await?;
    let Some(contact) = row.as_ref().map(Contact::read) else {
        return Ok(None);
    };
    event::record(tx, "contact.updated", Some(id), &contact).await?;
    Ok(Some(contact))
}

/// The kinds of name Meta uses for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Phone number.
    WaId,
    /// Business-scoped user id.
    UserId,
    /// The user id above it.
    ParentUserId,
    /// Username: the only kind that may pass to another person.
    Username,
}

impl Kind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaId => "wa_id",
            Self::UserId => "user_id",
            Self::ParentUserId => "parent_user_id",
            Self::Username => "username",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "wa_id" => Self::WaId,
            "user_id" => Self::UserId,
            "parent_user_id" => Self::ParentUserId,
            _ => Self::Username,
        }
    }
}

/// One name of one contact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Whose contact.
    pub organization_id: Uuid,
    /// What kind of name.
    pub kind: Kind,
    /// The name.
    pub value: String,
}

/// A contact as batches read and write it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The owner.
    pub organization_id: Uuid,
    /// UUIDv7.
    pub id: Uuid,
    /// Meta's profile name.
    pub profile_name: Option<String>,
    /// The name in the address book of the phone that shares the number.
    pub book_name: Option<String>,
    /// Phone number.
    pub wa_id: Option<String>,
    /// Business-scoped user id.
    pub user_id: Option<String>,
    /// The user id above it.
    pub parent_user_id: Option<String>,
    /// Username.
    pub username: Option<String>,
}

/// The contacts behind these identities.
pub async fn any_organization_find(tx: &Operator, identities: &[Identity]) -> Result<Vec<(Identity, Known)>> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    let (organizations, kinds, values) = columns(identities.iter());
    let rows = tx
        .query(
            "SELECT k.organization_id, k.kind, k.value, c.id, c.profile_name, c.book_name, c.wa_id, c.user_id,
                    c.parent_user_id, c.username
             FROM unnest($1::uuid[], $2::text[], $3::text[]) AS k (organization_id, kind, value)
             JOIN wazapp.contact_identity i
               ON i.organization_id = k.organization_id AND i.kind = k.kind AND i.value = k.value
             JOIN wazapp.contact c ON c.organization_id = i.organization_id AND c.id = i.contact_id",
            &[&organizations, &kinds, &values],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let organization_id = row.get("organization_id");
            let identity = Identity { organization_id, kind: Kind::parse(row.get("kind")), value: row.get("value") };
            let known = Known {
                organization_id,
                id: row.get("id"),
                profile_name: row.get("profile_name"),
                book_name: row.get("book_name"),
                wa_id: row.get("wa_id"),
                user_id: row.get("user_id"),
                parent_user_id: row.get("parent_user_id"),
                username: row.get("username"),
            };
            (identity, known)
        })
        .collect())
}

fn columns<'a>(identities: impl Iterator<Item = &'a Identity>) -> (Vec<Uuid>, Vec<&'static str>, Vec<&'a str>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for identity in identities {
        columns.0.push(identity.organization_id);
        columns.1.push(identity.kind.as_str());
        columns.2.push(identity.value.as_str());
    }
    columns
}

/// Writes contacts, new ones and changed ones alike. Sorted by key here, so that batches never wait for each other
/// in a circle.
pub fn any_organization_save<'a>(pipeline: &mut Pipeline<'a>, contacts: &'a mut [Known]) {
    if contacts.is_empty() {
        return;
    }
    contacts.sort_by_key(|contact| (contact.organization_id, contact.id));
    pipeline.push("INSERT INTO wazapp.contact
           (organization_id, id, profile_name, book_name, wa_id, user_id, parent_user_id, username)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         ON CONFLICT (organization_id, id) DO UPDATE SET
           profile_name = excluded.profile_name, book_name = excluded.book_name, wa_id = excluded.wa_id,
           user_id = excluded.user_id, parent_user_id = excluded.parent_user_id, username = excluded.username,
           updated_at = now()", params![
contacts.iter().map(|contact| contact.organization_id).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.id).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.profile_name.as_deref()).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.book_name.as_deref()).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.wa_id.as_deref()).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.user_id.as_deref()).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.parent_user_id.as_deref()).collect::<Vec<_>>(),
contacts.iter().map(|contact| contact.username.as_deref()).collect::<Vec<_>>(),
]);
}

/// Lets identities lead to contacts. One that led elsewhere leads here from now on.
pub fn any_organization_identify<'a>(pipeline: &mut Pipeline<'a>, identities: &'a mut [(Identity, Uuid)]) {
    if identities.is_empty() {
        return;
    }
    identities.sort();
    let (organizations, kinds, values) = columns(identities.iter().map(|(identity, _)| identity));
    let contacts: Vec<Uuid> = identities.iter().map(|(_, contact)| *contact).collect();
    pipeline.push(
        "INSERT INTO wazapp.contact_identity (organization_id, kind, value, contact_id)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[])
         ON CONFLICT (organization_id, kind, value) DO UPDATE SET contact_id = excluded.contact_id",
        params![organizations, kinds, values, contacts,],
    );
}

/// Makes one contact of two: identities, conversations and all. Where both had a conversation on the same number the
/// messages continue in the survivor's.
pub async fn any_organization_merge(tx: &Operator, organization_id: Uuid, survivor: Uuid, other: Uuid) -> Result<()> {
    let params: [&dyn crate::database::Param; 3] = [&organization_id, &survivor, &other];
    for statement in [
        // Whoever changes the queue's rows and their messages takes the queue's first.
        "SELECT FROM wazapp.conversation v
         JOIN wazapp.outbox q ON q.organization_id = v.organization_id AND q.conversation_id = v.id
         WHERE v.organization_id = $1 AND v.contact_id IN ($2, $3) FOR UPDATE OF q",
        "UPDATE wazapp.contact_identity SET contact_id = $2 WHERE organization_id = $1 AND contact_id = $3",
        // Messages of twin conversations move behind the survivor's, in their own order.
        "WITH twin AS (
           SELECT s.id AS survivor, o.id AS other, s.last_sequence
           FROM wazapp.conversation o
           JOIN wazapp.conversation s
             ON s.organization_id = o.organization_id AND s.number_id = o.number_id AND s.contact_id = $2
           WHERE o.organization_id = $1 AND o.contact_id = $3)
         UPDATE wazapp.message m SET conversation_id = moved.survivor, sequence = moved.sequence
         FROM (SELECT m.id, t.survivor,
                      t.last_sequence + row_number() OVER (PARTITION BY t.survivor ORDER BY m.sequence) AS sequence
               FROM wazapp.message m JOIN twin t ON m.conversation_id = t.other WHERE m.organization_id = $1) moved
         WHERE m.organization_id = $1 AND m.id = moved.id",
        "UPDATE wazapp.outbox q SET conversation_id = m.conversation_id, sequence = m.sequence
         FROM wazapp.conversation o, wazapp.message m
         WHERE o.organization_id = $1 AND o.contact_id = $3 AND $2::uuid IS NOT NULL
           AND q.organization_id = $1 AND q.conversation_id = o.id
           AND m.organization_id = $1 AND m.id = q.message_id AND m.conversation_id <> q.conversation_id",
        "UPDATE wazapp.conversation s SET
           last_sequence = s.last_sequence + o.last_sequence, unread_count = s.unread_count + o.unread_count,
           last_message_id = CASE WHEN s.last_message_id IS NULL OR o.last_message_at > s.last_message_at
                                  THEN coalesce(o.last_message_id, s.last_message_id) ELSE s.last_message_id END,
           last_message_at = greatest(s.last_message_at, o.last_message_at),
           last_inbound_at = greatest(s.last_inbound_at, o.last_inbound_at),
           window_expires_at = greatest(s.window_expires_at, o.window_expires_at),
           referral = coalesce(s.referral, o.referral), assignee_id = coalesce(s.assignee_id, o.assignee_id),
           state = CASE WHEN 'active' IN (s.state, o.state) THEN 'active'
                        WHEN 'waiting' IN (s.state, o.state) THEN 'waiting' ELSE 'resolved' END,
           updated_at = now()
         FROM wazapp.conversation o
         WHERE s.organization_id = $1 AND s.contact_id = $2
           AND o.organization_id = $1 AND o.contact_id = $3 AND o.number_id = s.number_id",
        "DELETE FROM wazapp.conversation o USING wazapp.conversation s
         WHERE o.organization_id = $1 AND o.contact_id = $3
           AND s.organization_id = $1 AND s.contact_id = $2 AND s.number_id = o.number_id",
        "UPDATE wazapp.conversation SET contact_id = $2, updated_at = now() WHERE organization_id = $1 AND contact_id = $3",
        "UPDATE wazapp.message SET contact_id = $2
         WHERE organization_id = $1 AND contact_id = $3
           AND conversation_id IN (SELECT id FROM wazapp.conversation WHERE organization_id = $1 AND group_id IS NOT NULL)",
        // Both reacted to the same message: the later reaction counts.
        "DELETE FROM wazapp.reaction s USING wazapp.reaction o
         WHERE s.organization_id = $1 AND s.reactor = $2::uuid::text
           AND o.organization_id = $1 AND o.reactor = $3::uuid::text
           AND o.number_id = s.number_id AND o.target_wamid = s.target_wamid AND o.timestamp > s.timestamp",
        "UPDATE wazapp.reaction r SET reactor = $2::uuid::text WHERE organization_id = $1 AND reactor = $3::uuid::text
           AND NOT EXISTS (SELECT FROM wazapp.reaction s WHERE s.organization_id = $1 AND s.number_id = r.number_id
                           AND s.target_wamid = r.target_wamid AND s.reactor = $2::uuid::text)",
        "DELETE FROM wazapp.reaction WHERE organization_id = $1 AND reactor = $3::uuid::text AND $2::uuid IS NOT NULL",
        "UPDATE wazapp.contact s SET
           own_name = coalesce(s.own_name, o.own_name), book_name = coalesce(s.book_name, o.book_name),
           profile_name = coalesce(s.profile_name, o.profile_name), notes = coalesce(s.notes, o.notes),
           wa_id = coalesce(s.wa_id, o.wa_id), user_id = coalesce(s.user_id, o.user_id),
           parent_user_id = coalesce(s.parent_user_id, o.parent_user_id), username = coalesce(s.username, o.username),
           updated_at = now()
         FROM wazapp.contact o WHERE s.organization_id = $1 AND s.id = $2 AND o.organization_id = $1 AND o.id = $3",
        "DELETE FROM wazapp.contact WHERE organization_id = $1 AND id = $3 AND $2::uuid IS NOT NULL",
    ] {
        tx.query(statement, &params).await?;
    }
    Ok(())
}

/// Removes a contact that the phone's address book dropped, if nothing else speaks of it.
pub fn any_organization_forget_unused(pipeline: &mut Pipeline<'_>, organization_id: Uuid, id: Uuid) {
    pipeline.push(
        "DELETE FROM wazapp.contact c WHERE organization_id = $1 AND id = $2 AND own_name IS NULL AND notes IS NULL
           AND book_name IS NULL AND profile_name IS NULL
           AND NOT EXISTS (SELECT FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.contact_id = $2)",
        params![organization_id, id],
    );
}
