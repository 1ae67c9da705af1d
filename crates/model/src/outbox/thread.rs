//! The conversations that messages go into, found or begun for many at once.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::enqueue::{Recipient, Refusal, Template, To};
use crate::database::{Result, Rows, Tenant, column};

/// A refusal names at most so many templates.
const TEMPLATES: i64 = 50;

/// The conversation a message goes into.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    place: Place,
    pub(super) number_id: Uuid,
    pub(super) waba_id: String,
    pub(super) recipient: String,
    /// Whether the recipient is a phone number.
    pub(super) by_phone: bool,
    pub(super) window_expires_at: Option<Timestamp>,
    /// Since when the number is connected here.
    pub(super) connected_at: Timestamp,
}

/// Which conversation it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// One that is there.
    Known(Uuid),
    /// One that is begun with its first message, with a contact who is known.
    Begun { contact_id: Uuid, number_id: Uuid },
    /// The same, with somebody nobody has heard of yet.
    Met { kind: &'static str, name: String, number_id: Uuid },
}

impl Thread {
    /// Which it is: two of one place are one conversation.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }
}

/// What is known of where messages go.
pub(super) struct Threads {
    /// Conversations that were named.
    existing: HashMap<Uuid, Result<Thread, Refusal>>,
    numbers: HashMap<Uuid, Number>,
    /// Contacts, by what they are called.
    contacts: HashMap<(String, String), Uuid>,
    /// Conversations of those contacts, by contact and number.
    theirs: HashMap<(Uuid, Uuid), Theirs>,
}

struct Number {
    connected: bool,
    waba_id: String,
    connected_at: Timestamp,
}

struct Theirs {
    id: Uuid,
    window_expires_at: Option<Timestamp>,
    /// Whether whoever asks may see it.
    seen: bool,
}

impl Threads {
    /// Looks up where all of these go.
    pub(super) async fn find<'w>(tx: &Tenant, all: impl Iterator<Item = &'w To>) -> Result<Self> {
        let (mut conversations, mut numbers, mut recipients) = (Vec::new(), Vec::new(), Vec::new());
        for to in all {
            match to {
                To::Conversation(id) => conversations.push(*id),
                To::Recipient { number_id, recipient } => {
                    numbers.push(*number_id);
                    recipients.push(recipient);
                }
            }
        }
        let named = tx.both(existing(tx, conversations), of_numbers(tx, numbers));
        // Somebody is one contact, also for those who see nothing of them.
        let met = tx.past_limits(contacts(tx, &recipients));
        let ((existing, numbers), (contacts, mut theirs)) = tx.both(named, met).await?;
        if tx.scope().viewer_id().is_some() {
            let seen = conversations_of(tx, contacts.values().copied().collect()).await?;
            theirs.iter_mut().for_each(|(place, theirs)| theirs.seen = seen.contains(place));
        }
        Ok(Self { existing, numbers, contacts, theirs })
    }

    /// The conversation of one of them.
    pub(super) fn of(&self, to: &To) -> Result<Thread, Refusal> {
        let (number_id, recipient) = match to {
            To::Conversation(id) => {
                return self.existing.get(id).cloned().unwrap_or(Err(Refusal::NotThere("conversation")));
            }
            To::Recipient { number_id, recipient } => (*number_id, recipient),
        };
        let number = self.numbers.get(&number_id).ok_or(Refusal::NotThere("number"))?;
        if !number.connected {
            return Err(Refusal::Disconnected);
        }
        let contact = recipient.names().find_map(|(kind, name)| self.contacts.get(&(kind.to_owned(), name.to_owned())));
        let known = contact.and_then(|contact_id| self.theirs.get(&(*contact_id, number_id)));
        let place = match (contact, known) {
            // It is somebody else's.
            (_, Some(theirs)) if !theirs.seen => return Err(Refusal::NotThere("conversation")),
            (_, Some(theirs)) => Place::Known(theirs.id),
            (Some(contact_id), None) => Place::Begun { contact_id: *contact_id, number_id },
            (None, None) => Place::Met { kind: recipient.kind(), name: recipient.as_str().to_owned(), number_id },
        };
        Ok(Thread {
            place,
            number_id,
            waba_id: number.waba_id.clone(),
            recipient: recipient.as_str().to_owned(),
            by_phone: matches!(recipient, Recipient::Phone { .. }),
            window_expires_at: known.and_then(|theirs| theirs.window_expires_at),
            connected_at: number.connected_at,
        })
    }
}

/// Conversations that are there, or why nothing can be sent into them.
pub(super) async fn existing(tx: &Tenant, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Result<Thread, Refusal>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .query(
            "SELECT v.id, v.number_id, n.status, n.waba_id, n.connected_at, v.group_id,
                    coalesce(c.wa_id, c.user_id) AS recipient, c.wa_id IS NOT NULL AS by_phone, v.window_expires_at
             FROM wazapp.conversation v
             JOIN wazapp.number n ON n.organization_id = v.organization_id AND n.id = v.number_id
             LEFT JOIN wazapp.contact c ON c.organization_id = v.organization_id AND c.id = v.contact_id
             WHERE v.organization_id = $1 AND v.id = ANY ($2)",
            &[&tx.organization_id(), &ids],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("id"), Thread::read(row))).collect())
}

impl Thread {
    fn read(row: &Row) -> Result<Self, Refusal> {
        if row.get::<_, &str>("status") != "connected" {
            return Err(Refusal::Disconnected);
        }
        if row.get::<_, Option<&str>>("group_id").is_some() {
            return Err(Refusal::Group);
        }
        Ok(Self {
            place: Place::Known(row.get("id")),
            number_id: row.get("number_id"),
            waba_id: row.get("waba_id"),
            recipient: row.get::<_, Option<_>>("recipient").ok_or(Refusal::Nameless)?,
            by_phone: row.get("by_phone"),
            window_expires_at: row.get("window_expires_at"),
            connected_at: row.get("connected_at"),
        })
    }
}

async fn of_numbers(tx: &Tenant, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Number>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql =
        "SELECT id, status, waba_id, connected_at FROM wazapp.number WHERE organization_id = $1 AND id = ANY ($2)";
    let rows = tx.query(sql, &[&tx.organization_id(), &ids]).await?;
    let number = |row: &Row| Number {
        connected: row.get::<_, &str>("status") == "connected",
        waba_id: row.get("waba_id"),
        connected_at: row.get("connected_at"),
    };
    Ok(rows.iter().map(|row| (row.get("id"), number(row))).collect())
}

/// Contacts by what they are called, and their conversations by contact and number.
type Met = (HashMap<(String, String), Uuid>, HashMap<(Uuid, Uuid), Theirs>);

/// Who of these is known, by what they are called, and what was said with them.
async fn contacts(tx: &Tenant, recipients: &[&Recipient]) -> Result<Met> {
    let (phones, users): (Vec<_>, Vec<_>) =
        recipients.iter().flat_map(|recipient| recipient.names()).partition(|(kind, _)| *kind == "wa_id");
    let (mut contacts, mut theirs) = Met::default();
    if phones.is_empty() && users.is_empty() {
        return Ok((contacts, theirs));
    }
    let rows = tx
        .query(
            "SELECT i.kind, i.value, i.contact_id, v.id, v.number_id, v.window_expires_at
             FROM wazapp.contact_identity i
             LEFT JOIN wazapp.conversation v
               ON v.organization_id = i.organization_id AND v.contact_id = i.contact_id AND v.group_id IS NULL
             WHERE i.organization_id = $1
               AND (i.kind = 'wa_id' AND i.value = ANY ($2) OR i.kind = 'user_id' AND i.value = ANY ($3))",
            &[&tx.organization_id(), &column(&phones, |name| name.1), &column(&users, |name| name.1)],
        )
        .await?;
    for row in &rows {
        let contact_id = row.get("contact_id");
        contacts.insert((row.get("kind"), row.get("value")), contact_id);
        if let Some(id) = row.get("id") {
            let conversation = Theirs { id, window_expires_at: row.get("window_expires_at"), seen: true };
            theirs.insert((contact_id, row.get("number_id")), conversation);
        }
    }
    Ok((contacts, theirs))
}

/// By contact and number, where whoever asks sees a conversation of theirs.
async fn conversations_of(tx: &Tenant, contacts: Vec<Uuid>) -> Result<HashSet<(Uuid, Uuid)>> {
    if contacts.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = tx
        .query(
            "SELECT contact_id, number_id FROM wazapp.conversation
             WHERE organization_id = $1 AND contact_id = ANY ($2) AND group_id IS NULL",
            &[&tx.organization_id(), &contacts],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("contact_id"), row.get("number_id"))).collect())
}

/// Templates that would reach the recipient now.
pub(super) async fn templates(tx: &Tenant, thread: &Thread) -> Result<Vec<Template>> {
    let rows = tx
        .query(
            "SELECT name, language FROM wazapp.template
             WHERE organization_id = $1 AND waba_id = $2 AND status = 'APPROVED' AND name IS NOT NULL AND language IS NOT NULL
               AND ($4 OR category IS DISTINCT FROM 'AUTHENTICATION')
             ORDER BY name, language LIMIT $3",
            &[&tx.organization_id(), &thread.waba_id, &TEMPLATES, &thread.by_phone],
        )
        .await?;
    Ok(rows.iter().map(|row| Template { name: row.get("name"), language: row.get("language") }).collect())
}

/// Begins the conversations that are not there yet; answers which each message goes into.
pub(super) async fn begin(tx: &Tenant, now: Timestamp, threads: &[&Thread]) -> Result<Vec<Uuid>> {
    let (mut met, mut begun) = (Vec::new(), Vec::new());
    let ids = threads
        .iter()
        .map(|thread| {
            let (contact_id, number_id) = match &thread.place {
                Place::Known(id) => return *id,
                Place::Begun { contact_id, number_id } => (*contact_id, *number_id),
                Place::Met { kind, name, number_id } => {
                    let contact_id = Uuid::now_v7();
                    met.push((contact_id, *kind, name.as_str()));
                    (contact_id, *number_id)
                }
            };
            let id = Uuid::now_v7();
            begun.push((id, contact_id, number_id));
            id
        })
        .collect();
    meet(tx, &met).await?;
    if !begun.is_empty() {
        let rows = Rows::of(&begun)
            .all("organization_id", tx.organization_id())
            .column("id", |one| one.0)
            .column("contact_id", |one| one.1)
            .column("number_id", |one| one.2)
            .all("state", "waiting")
            .all("last_message_at", now)
            .all("assignee_id", whose(tx).await?);
        tx.run(&rows.insert("wazapp.conversation", "")).await?;
    }
    Ok(ids)
}

/// Makes contacts of whom nobody had heard.
async fn meet(tx: &Tenant, met: &[(Uuid, &'static str, &str)]) -> Result<()> {
    if met.is_empty() {
        return Ok(());
    }
    let as_kind =
        |wanted: &'static str| move |one: &(Uuid, &'static str, &str)| (one.1 == wanted).then(|| one.2.to_owned());
    let contacts = Rows::of(met)
        .all("organization_id", tx.organization_id())
        .column("id", |one| one.0)
        .column("wa_id", as_kind("wa_id"))
        .column("user_id", as_kind("user_id"));
    tx.run(&contacts.insert("wazapp.contact", "")).await?;
    let identities = Rows::of(met)
        .all("organization_id", tx.organization_id())
        .column("kind", |one| one.1)
        .column("value", |one| one.2)
        .column("contact_id", |one| one.0);
    tx.run(&identities.insert("wazapp.contact_identity", "")).await?;
    Ok(())
}

/// Who sees only what is theirs, or their teams', begins conversations that are theirs.
async fn whose(tx: &Tenant) -> Result<Option<Uuid>> {
    let Some(viewer_id) = tx.scope().viewer_id() else { return Ok(None) };
    let sql = "SELECT viewer_id FROM wazapp.sight WHERE organization_id = $1 AND viewer_id = $2 AND sees <> 'all'";
    let row = tx.query_opt(sql, &[&tx.organization_id(), &viewer_id]).await?;
    Ok(row.map(|row| row.get("viewer_id")))
}
