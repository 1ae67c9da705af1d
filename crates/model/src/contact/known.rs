//! Contacts as batches read and write them.

use std::collections::HashSet;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::evidence::Name;
use super::kept_words;
use crate::database::{Operator, Pipeline, Result, Rows, params};
use crate::moment::{Latest, Moment};

/// The kinds of name Meta uses for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Phone number.
    WaId,
    /// Business-scoped user id.
    UserId,
    /// The user id above it.
    ParentUserId,
    /// Username.
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

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "wa_id" => Self::WaId,
            "user_id" => Self::UserId,
            "parent_user_id" => Self::ParentUserId,
            _ => Self::Username,
        }
    }
}

/// One name of one contact, as Meta wrote it.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The owner.
    pub organization_id: Uuid,
    /// UUIDv7.
    pub id: Uuid,
    /// Meta's profile name.
    pub profile_name: Option<String>,
    /// The name in the address book of the phone that shares the number.
    pub book: Latest<Option<String>>,
    /// Phone number.
    pub wa_id: Option<String>,
    /// Business-scoped user id.
    pub user_id: Option<String>,
    /// The user id above it.
    pub parent_user_id: Option<String>,
    /// Username.
    pub username: Option<String>,
}

impl Known {
    /// A contact of whom nothing is known yet.
    pub fn new(organization_id: Uuid) -> Self {
        Self {
            organization_id,
            id: Uuid::now_v7(),
            profile_name: None,
            book: Latest::begin(None),
            wa_id: None,
            user_id: None,
            parent_user_id: None,
            username: None,
        }
    }

    fn read(row: &Row) -> Self {
        let book_name: Option<String> = row.get("book_name");
        let tie = book_name.clone().unwrap_or_default();
        let moment = row.get::<_, Option<Timestamp>>("book_at").map(|at| Moment::new(at, tie));
        Self {
            organization_id: row.get("organization_id"),
            id: row.get("id"),
            profile_name: row.get("profile_name"),
            book: Latest { moment: moment.or_else(|| book_name.as_deref().map(Moment::of_old)), value: book_name },
            wa_id: row.get("wa_id"),
            user_id: row.get("user_id"),
            parent_user_id: row.get("parent_user_id"),
            username: row.get("username"),
        }
    }
}

/// Who goes by these names now.
pub async fn any_organization_find(tx: &Operator, identities: &[Identity]) -> Result<Vec<(Identity, Known)>> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(identities)
        .column("organization_id", |identity| identity.organization_id)
        .column("kind", |identity| identity.kind.as_str())
        .column("value", |identity| identity.value.as_str())
        .statement(
            "SELECT k.kind, k.value, c.* FROM {rows}
             JOIN wazapp.contact_identity i
               ON i.organization_id = k.organization_id AND i.kind = k.kind AND i.value = k.value{here i}
             JOIN wazapp.contact c ON c.organization_id = i.organization_id AND c.id = i.contact_id{here c}",
        );
    let rows = tx.run(&rows).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let organization_id = row.get("organization_id");
            let identity = Identity { organization_id, kind: Kind::parse(row.get("kind")), value: row.get("value") };
            (identity, Known::read(row))
        })
        .collect())
}

/// Contacts by id.
pub async fn any_organization_load(tx: &Operator, wanted: &[(Uuid, Uuid)]) -> Result<Vec<Known>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(wanted).column("organization_id", |one| one.0).column("id", |one| one.1).statement(
        "SELECT c.* FROM {rows}
         JOIN wazapp.contact c ON c.organization_id = k.organization_id AND c.id = k.id{here c}",
    );
    let rows = tx.run(&rows).await?;
    Ok(rows.iter().map(Known::read).collect())
}

/// What a contact's newest messages call them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// The newest profile name, and when.
    pub name: Option<(String, Moment)>,
    /// The newest username, and when.
    pub username: Option<(String, Moment)>,
}

/// The newest message of each contact that says a member of its party.
const CALLED: &str = "
    SELECT k.nth, n.value, n.timestamp, n.wamid
    FROM {numbered rows}
    CROSS JOIN LATERAL (
      (SELECT m.party ->> {member} AS value, m.timestamp, m.wamid COLLATE \"C\" AS wamid
       FROM wazapp.conversation v
       CROSS JOIN LATERAL (
         SELECT m.party, m.timestamp, m.wamid FROM wazapp.message m
         WHERE m.organization_id = v.organization_id AND m.conversation_id = v.id AND m.party ->> {member} IS NOT NULL{here m}
         ORDER BY m.timestamp DESC, m.wamid COLLATE \"C\" DESC LIMIT 1) m
       WHERE v.organization_id = k.organization_id AND v.contact_id = k.id{here v})
      UNION ALL
      (SELECT m.party ->> {member}, m.timestamp, m.wamid COLLATE \"C\" FROM wazapp.message m
       WHERE m.organization_id = k.organization_id AND m.contact_id = k.id AND m.party ->> {member} IS NOT NULL{here m}
       ORDER BY m.timestamp DESC, m.wamid COLLATE \"C\" DESC LIMIT 1)
      ORDER BY 2 DESC, 3 DESC LIMIT 1) n";

/// Those of these contacts that are from a time of which messages went past their retention.
pub async fn any_organization_older_than_messages(tx: &Operator, wanted: &[(Uuid, Uuid)]) -> Result<HashSet<Uuid>> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let contacts = Rows::of(wanted).column("organization_id", |one| one.0).column("id", |one| one.1).statement(
        "SELECT c.id FROM {rows}
         JOIN wazapp.contact c ON c.organization_id = k.organization_id AND c.id = k.id{here c}
         JOIN wazapp.retention r ON r.organization_id = c.organization_id AND c.created_at < r.messages_since{here r}",
    );
    let rows = tx.run(&contacts).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What the newest messages call these contacts. Their rows keep only the names, for what is said of them comes in any
/// order: when it differs, their messages say which is newer.
pub async fn any_organization_called(tx: &Operator, wanted: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Called)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<(Uuid, Called)> = wanted.iter().map(|(_, id)| (*id, Called::default())).collect();
    for member in ["name", "username"] {
        let rows = Rows::of(wanted)
            .column("organization_id", |one| one.0)
            .column("id", |one| one.1)
            .given("member", member)
            .statement(CALLED);
        let rows = tx.run(&rows).await?;
        for row in rows {
            let nth = usize::try_from(row.get::<_, i64>("nth") - 1).expect("it was numbered from 1");
            let wamid: Option<String> = row.get("wamid");
            let called = Some((row.get("value"), Moment::new(row.get("timestamp"), wamid.unwrap_or_default())));
            match member {
                "name" => found[nth].1.name = called,
                _ => found[nth].1.username = called,
            }
        }
    }
    Ok(found)
}

/// Writes contacts, new ones and changed ones alike. Sorted by key here, so that batches never wait for each other
/// in a circle.
pub fn any_organization_save<'a>(pipeline: &mut Pipeline<'a>, contacts: &'a mut [Known]) {
    if contacts.is_empty() {
        return;
    }
    contacts.sort_by_key(|contact| (contact.organization_id, contact.id));
    let rows = Rows::of(contacts)
        .column("organization_id", |contact| contact.organization_id)
        .column("id", |contact| contact.id)
        .column("profile_name", |contact| contact.profile_name.as_deref())
        .column("book_name", |contact| contact.book.value.as_deref())
        .column("book_at", |contact| contact.book.moment.as_ref().map(|moment| moment.at))
        .column("wa_id", |contact| contact.wa_id.as_deref())
        .column("user_id", |contact| contact.user_id.as_deref())
        .column("parent_user_id", |contact| contact.parent_user_id.as_deref())
        .column("username", |contact| contact.username.as_deref())
        .given("now", pipeline.now());
    pipeline.add(rows.insert(
        "wazapp.contact",
        "ON CONFLICT (organization_id, id) DO UPDATE SET
           profile_name = excluded.profile_name, book_name = excluded.book_name, wa_id = excluded.wa_id,
           user_id = excluded.user_id, parent_user_id = excluded.parent_user_id, username = excluded.username,
           book_at = excluded.book_at, updated_at = {now}",
    ));
}

/// What an address book says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookEntry {
    /// Whose contact, and their name.
    pub identity: (Uuid, Name),
    /// What the book calls them; `None`: the entry was removed, or names nobody.
    pub name: Option<String>,
    /// Meta's time.
    pub at: Timestamp,
}

impl BookEntry {
    /// Its place among all that the book ever said of a contact.
    pub fn moment(&self) -> Moment {
        Moment::new(self.at, self.name.clone().unwrap_or_default())
    }
}

/// What address books last said of these names. An entry that was removed is remembered, also where its contact is gone:
/// an older one that comes late does not bring it back.
pub async fn any_organization_book(tx: &Operator, names: &[(Uuid, Name)]) -> Result<Vec<BookEntry>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(names)
        .column("organization_id", |(organization, _)| *organization)
        .column("kind", |(_, name)| name.kind.as_str())
        .column("value", |(_, name)| name.value.as_str())
        .statement(
            "SELECT b.* FROM {rows}
             JOIN wazapp.book_entry b
               ON b.organization_id = k.organization_id AND b.kind = k.kind AND b.value = k.value{here b}",
        );
    let rows = tx.run(&rows).await?;
    Ok(rows
        .iter()
        .map(|row| BookEntry {
            identity: (
                row.get("organization_id"),
                Name { kind: Kind::parse(row.get("kind")), value: row.get("value") },
            ),
            name: row.get("name"),
            at: row.get("at"),
        })
        .collect())
}

/// Keeps the newest entry of each name. `entries` holds each name once.
pub fn any_organization_note<'a>(pipeline: &mut Pipeline<'a>, entries: &'a [BookEntry]) {
    if entries.is_empty() {
        return;
    }
    let rows = Rows::of(entries)
        .column("organization_id", |entry| entry.identity.0)
        .column("kind", |entry| entry.identity.1.kind.as_str())
        .column("value", |entry| entry.identity.1.value.as_str())
        .column("name", |entry| entry.name.as_deref())
        .column("at", |entry| entry.at);
    pipeline.add(rows.insert(
        "wazapp.book_entry",
        "ON CONFLICT (organization_id, kind, value) DO UPDATE SET name = excluded.name, at = excluded.at
         WHERE (t.at, coalesce(t.name, '') COLLATE \"C\") < (excluded.at, coalesce(excluded.name, '') COLLATE \"C\")",
    ));
}

/// Removes contacts of an organization that nothing stands with, and that neither people nor a phone's address book name.
pub fn any_organization_forget_unused<'a>(pipeline: &mut Pipeline<'a>, organization_id: Uuid, contacts: &'a [Uuid]) {
    pipeline.push(
        concat!(
            "DELETE FROM wazapp.contact c
             WHERE organization_id = $1 AND id = ANY ($2) AND num_nonnulls(",
            kept_words!(),
            ") = 0
               AND NOT EXISTS (SELECT FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.contact_id = c.id)
               AND NOT EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = $1 AND m.contact_id = c.id)"
        ),
        params![organization_id, contacts.to_vec()],
    );
}
