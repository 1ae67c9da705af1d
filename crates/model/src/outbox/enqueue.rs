//! Queueing a message, and taking it back.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::plan::{self, Undone};
use super::window::Window;
use crate::database::{Operator, Result, Tenant};
use crate::event::{self, Kind, New};
use crate::message::{self, Message};
use crate::quota::{self, Quota};
use crate::scope::Scope;
use crate::trouble::Trouble;
use crate::upload::{self, Attached};

/// A message that names no deadline is given up after this long.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// A refusal names at most so many templates.
const TEMPLATES: i64 = 50;

/// Who a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Whoever a conversation is with.
    Conversation(Uuid),
    /// Someone, from one of the organization's numbers.
    Recipient {
        /// Our id of the number.
        number_id: Uuid,
        /// Them.
        recipient: Recipient,
    },
}

/// How someone is named who may not have written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// By phone.
    Phone {
        /// Digits, as they are sent to Meta.
        digits: String,
        /// Other digits that WhatsApp may use for the same phone.
        spellings: Vec<String>,
        /// Their user id, where it is known too: by either they are found.
        user_id: Option<String>,
    },
    /// By business-scoped user id.
    User(String),
}

impl Recipient {
    /// The same person, with the user id that they are known by too.
    #[must_use]
    pub fn known_as(self, also: Option<String>) -> Self {
        match self {
            Self::Phone { digits, spellings, .. } => Self::Phone { digits, spellings, user_id: also },
            Self::User(id) => Self::User(id),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Phone { digits, .. } => digits,
            Self::User(id) => id,
        }
    }
}

/// What to send.
#[derive(Clone, Debug)]
pub struct Content {
    /// Meta's message type.
    pub kind: String,
    /// Readable.
    pub text: String,
    /// JSON: Meta's object, without its recipient.
    pub body: String,
    /// Meta's id of the message that it answers or reacts to.
    pub reply_to_wamid: Option<String>,
    /// The sender's own word, which comes back with every status.
    pub callback_data: Option<String>,
    /// Whether Meta takes it only while the recipient's service window is open.
    pub needs_window: bool,
    /// Whether it can go to a phone number alone.
    pub needs_phone: bool,
    /// Files of the organization's that it shows; [`upload::find`] had them stay.
    pub files: Vec<Attached>,
}

/// What else may be said of a message.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What it will be called; none: what comes next. One that is taken is refused as a key is that was used before.
    pub id: Option<Uuid>,
    /// Which person sends it; none: a program.
    pub sender_id: Option<Uuid>,
    /// The message that it says once more: one alone does.
    pub repeats: Option<Uuid>,
    /// Not before this time.
    pub send_at: Option<Timestamp>,
    /// Given up at this time.
    pub deadline: Option<Timestamp>,
    /// Whether it is sent again when nobody knows whether it was sent.
    pub resend: bool,
    /// Whether it waits behind what people write.
    pub bulk: bool,
    /// Whether it goes to Meta also where the recipient's service window is known to be closed.
    pub force: bool,
    /// Sent in its place where the window is closed.
    pub when_window_closed: Option<Content>,
}

/// By what a repeated request is known.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The client's word.
    pub key: String,
    /// Stands for everything else in the request.
    pub fingerprint: Vec<u8>,
}

/// Why a message was not queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The organization has no such conversation or number.
    NotThere(&'static str),
    /// The number is not connected.
    Disconnected,
    /// It is a group, to which nothing can be sent.
    Group,
    /// The contact has neither a phone number nor a user id.
    Nameless,
    /// It can go to a phone number alone, and only a user id is known.
    NeedsPhone,
    /// The recipient's service window is known to be closed.
    WindowClosed {
        /// Since when.
        since: Timestamp,
        /// What may be sent instead.
        templates: Vec<Template>,
    },
    /// The key came with another request before.
    KeyReused,
}

/// An approved template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Such as `en_US`.
    pub language: String,
}

/// The conversation a message goes into.
pub(super) struct Thread {
    conversation_id: Uuid,
    number_id: Uuid,
    waba_id: String,
    recipient: String,
    /// Whether the recipient is a phone number.
    by_phone: bool,
    pub(super) window_expires_at: Option<Timestamp>,
    /// Since when the number is connected here.
    pub(super) connected_at: Timestamp,
}

/// Queues a message. A repeated request is answered with the message that it queued the first time. An organization that has
/// too many waiting is refused by [`DatabaseError::OverQuota`](crate::DatabaseError::OverQuota).
pub async fn enqueue(
    tx: &Tenant,
    now: Timestamp,
    to: &To,
    content: &Content,
    options: &Options,
    idempotency: Option<&Idempotency>,
) -> Result<Result<Message, Refusal>> {
    // Everyone who begins conversations or numbers messages lines up, so nobody does the same beside us.
    event::line(tx).await?;
    if let Some(idempotency) = idempotency
        && let Some(answer) = repeated(tx, idempotency).await?
    {
        return Ok(answer);
    }
    let thread = match to {
        To::Conversation(id) => existing(tx, *id).await?,
        To::Recipient { number_id, recipient } => meeting(tx, now, *number_id, recipient).await?,
    };
    let thread = match thread {
        Ok(thread) => thread,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let due_at = options.send_at.map_or(now, |at| at.max(now));
    let window = Window::at(due_at, thread.window_expires_at, thread.connected_at);
    let content = match (window, &options.when_window_closed) {
        _ if !content.needs_window || options.force => content,
        (Window::Open, _) | (Window::Unknown, None) => content,
        (_, Some(instead)) => instead,
        (Window::Closed { since }, None) => {
            let templates = templates(tx, &thread).await?;
            return Ok(Err(Refusal::WindowClosed { since, templates }));
        }
    };
    if content.needs_phone && !thread.by_phone {
        return Ok(Err(Refusal::NeedsPhone));
    }
    // Also one that whoever sends does not see has its name.
    if let Some(id) = options.id
        && tx.past_limits(message::get(tx, id)).await?.is_some()
    {
        return Ok(Err(Refusal::KeyReused));
    }
    let id = write(tx, now, due_at, &thread, content, options, idempotency).await?;
    quota::check(tx, now, Quota::QueuedMessages).await?;
    Ok(Ok(message::get(tx, id).await?.expect("it was written just now")))
}

/// How a request with this key was answered before, if it came before.
pub async fn repeated(tx: &Tenant, idempotency: &Idempotency) -> Result<Option<Result<Message, Refusal>>> {
    let row = tx
        .query_opt(
            "SELECT message_id, fingerprint FROM wazapp.idempotency_key WHERE organization_id = $1 AND key = $2",
            &[&tx.organization_id(), &idempotency.key],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    if row.get::<_, Vec<u8>>("fingerprint") != idempotency.fingerprint {
        return Ok(Some(Err(Refusal::KeyReused)));
    }
    Ok(Some(message::get(tx, row.get("message_id")).await?.ok_or(Refusal::KeyReused)))
}

/// Forgets a key whose message was provably not sent and will not be, because nobody waited for it any more or its time was
/// over: the same request is a new one then. False: there is no such key, or its message had another end.
pub async fn forget_unsent(tx: &Operator, scope: &Scope, key: &str) -> Result<bool> {
    let row = tx
        .query_opt(
            "DELETE FROM wazapp.idempotency_key k USING wazapp.message m
             WHERE k.organization_id = $1 AND k.key = $2 AND m.organization_id = $1 AND m.id = k.message_id
               AND m.status = 'failed' AND m.wamid IS NULL AND m.error ->> 'code' IN ('cancelled', 'deadline')
             RETURNING k.key",
            &[&scope.organization_id(), &key],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn existing(tx: &Tenant, id: Uuid) -> Result<Result<Thread, Refusal>> {
    let row = tx
        .query_opt(
            "SELECT v.number_id, n.status, n.waba_id, n.connected_at, v.group_id, coalesce(c.wa_id, c.user_id) AS recipient,
                    c.wa_id IS NOT NULL AS by_phone, v.window_expires_at
             FROM wazapp.conversation v
             JOIN wazapp.number n ON n.organization_id = v.organization_id AND n.id = v.number_id
             LEFT JOIN wazapp.contact c ON c.organization_id = v.organization_id AND c.id = v.contact_id
             WHERE v.organization_id = $1 AND v.id = $2",
            &[&tx.organization_id(), &id],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Err(Refusal::NotThere("conversation")));
    };
    if row.get::<_, &str>("status") != "connected" {
        return Ok(Err(Refusal::Disconnected));
    }
    if row.get::<_, Option<&str>>("group_id").is_some() {
        return Ok(Err(Refusal::Group));
    }
    let Some(recipient) = row.get("recipient") else {
        return Ok(Err(Refusal::Nameless));
    };
    Ok(Ok(Thread {
        conversation_id: id,
        number_id: row.get("number_id"),
        waba_id: row.get("waba_id"),
        recipient,
        by_phone: row.get("by_phone"),
        window_expires_at: row.get("window_expires_at"),
        connected_at: row.get("connected_at"),
    }))
}

/// The conversation with someone, begun if need be.
async fn meeting(
    tx: &Tenant,
    now: Timestamp,
    number_id: Uuid,
    recipient: &Recipient,
) -> Result<Result<Thread, Refusal>> {
    let organization_id = tx.organization_id();
    let number = tx
        .query_opt(
            "SELECT status, waba_id, connected_at FROM wazapp.number WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &number_id],
        )
        .await?;
    let Some(number) = number else {
        return Ok(Err(Refusal::NotThere("number")));
    };
    if number.get::<_, &str>("status") != "connected" {
        return Ok(Err(Refusal::Disconnected));
    }
    // Somebody is one contact, also for those who see nothing of them.
    let (contact_id, known) = tx
        .past_limits(async {
            let contact_id = contact(tx, recipient).await?;
            Ok((contact_id, conversation(tx, contact_id, number_id).await?))
        })
        .await?;
    let (conversation_id, window_expires_at) = match known {
        // It is somebody else's.
        Some(_) if tx.scope().viewer_id().is_some() && conversation(tx, contact_id, number_id).await?.is_none() => {
            return Ok(Err(Refusal::NotThere("conversation")));
        }
        Some(known) => known,
        None => (begin(tx, now, contact_id, number_id).await?, None),
    };
    Ok(Ok(Thread {
        conversation_id,
        number_id,
        waba_id: number.get("waba_id"),
        recipient: recipient.as_str().to_owned(),
        by_phone: matches!(recipient, Recipient::Phone { .. }),
        window_expires_at,
        connected_at: number.get("connected_at"),
    }))
}

/// A contact's conversation on a number, with the end of its service window.
async fn conversation(tx: &Tenant, contact_id: Uuid, number_id: Uuid) -> Result<Option<(Uuid, Option<Timestamp>)>> {
    let row = tx
        .query_opt(
            "SELECT id, window_expires_at FROM wazapp.conversation
             WHERE organization_id = $1 AND contact_id = $2 AND group_id IS NULL AND number_id = $3",
            &[&tx.organization_id(), &contact_id, &number_id],
        )
        .await?;
    Ok(row.map(|row| (row.get("id"), row.get("window_expires_at"))))
}

/// Begins one. Who sees only what is theirs, or their teams', begins one that is theirs.
async fn begin(tx: &Tenant, now: Timestamp, contact_id: Uuid, number_id: Uuid) -> Result<Uuid> {
    let id = Uuid::now_v7();
    tx.query(
        "INSERT INTO wazapp.conversation
           (organization_id, id, number_id, contact_id, state, last_message_at, assignee_id)
         VALUES ($1, $2, $3, $4, 'waiting', $5,
                 (SELECT s.viewer_id FROM wazapp.sight s
                  WHERE s.organization_id = $1 AND s.viewer_id = $6 AND s.sees <> 'all'))",
        &[&tx.organization_id(), &id, &number_id, &contact_id, &now, &tx.scope().viewer_id()],
    )
    .await?;
    Ok(id)
}

/// The contact behind a name, made if need be. The spelling that was asked for comes first.
async fn contact(tx: &Tenant, recipient: &Recipient) -> Result<Uuid> {
    let (kind, name, spellings, user_id) = match recipient {
        Recipient::Phone { digits, spellings, user_id } => ("wa_id", digits, spellings.clone(), user_id.as_ref()),
        Recipient::User(id) => ("user_id", id, Vec::new(), None),
    };
    let names: Vec<String> = std::iter::once(name.clone()).chain(spellings).collect();
    if let Some(known) = known(tx, kind, &names).await? {
        return Ok(known);
    }
    if let Some(id) = user_id
        && let Some(known) = known(tx, "user_id", std::slice::from_ref(id)).await?
    {
        return Ok(known);
    }
    let id = Uuid::now_v7();
    tx.query(
        "WITH met AS (
           INSERT INTO wazapp.contact (organization_id, id, wa_id, user_id)
           VALUES ($1::uuid, $2::uuid, CASE WHEN $3::text = 'wa_id' THEN $4::text END, CASE WHEN $3 = 'user_id' THEN $4 END))
         INSERT INTO wazapp.contact_identity (organization_id, kind, value, contact_id) VALUES ($1, $3, $4, $2)",
        &[&tx.organization_id(), &id, &kind, name],
    )
    .await?;
    Ok(id)
}

/// The contact with one of these names, the first of them if that is known.
async fn known(tx: &Tenant, kind: &str, names: &[String]) -> Result<Option<Uuid>> {
    let row = tx
        .query_opt(
            "SELECT contact_id FROM wazapp.contact_identity
             WHERE organization_id = $1 AND kind = $2 AND value = ANY ($3) ORDER BY value = $4 DESC LIMIT 1",
            &[&tx.organization_id(), &kind, &names.to_vec(), &names.first().map(String::as_str)],
        )
        .await?;
    Ok(row.map(|row| row.get("contact_id")))
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

/// Message, queue row, the conversation that shows it, and the key, in one statement.
async fn write(
    tx: &Tenant,
    now: Timestamp,
    due_at: Timestamp,
    thread: &Thread,
    content: &Content,
    options: &Options,
    idempotency: Option<&Idempotency>,
) -> Result<Uuid> {
    let id = options.id.unwrap_or_else(Uuid::now_v7);
    // Meta's times are whole seconds: what was written in the same second stands in the order of its coming.
    let at = Timestamp::from_second(now.as_second()).expect("the start of a second is a time");
    // A reaction answers nobody and stands nowhere of its own.
    let shows = content.kind != "reaction";
    let files =
        (!content.files.is_empty()).then(|| serde_json::to_string(&content.files).expect("our own shapes are JSON"));
    tx.query(
        "WITH before AS (
           SELECT CASE WHEN NOT $16::bool THEN NULL WHEN v.state <> 'waiting' THEN v.state
                       ELSE (SELECT q.turned_from FROM wazapp.outbox q
                             WHERE q.organization_id = $1::uuid AND q.conversation_id = $3::uuid AND q.state <> 'cancelled'
                               AND q.turned_from IS NOT NULL ORDER BY q.sequence LIMIT 1) END AS state
           FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.id = $3),
         thread AS (
           UPDATE wazapp.conversation SET
             last_sequence = last_sequence + 1, updated_at = $10,
             state = CASE WHEN $16::bool THEN 'waiting' ELSE state END,
             state_tie = CASE WHEN $16 AND (state_at IS NULL OR state_at < $8::timestamptz) THEN '0' || $2::uuid::text ELSE state_tie END,
             state_at = CASE WHEN $16 THEN greatest(state_at, $8) ELSE state_at END,
             last_message_tie = CASE WHEN $16 AND (last_message_id IS NULL OR last_message_at <= $8) THEN $2::uuid::text ELSE last_message_tie END,
             last_message_id = CASE WHEN $16 AND (last_message_id IS NULL OR last_message_at <= $8) THEN $2 ELSE last_message_id END,
             last_message_at = CASE WHEN $16 AND (last_message_id IS NULL OR last_message_at <= $8) THEN $8 ELSE last_message_at END
           WHERE organization_id = $1::uuid AND id = $3::uuid RETURNING last_sequence),
         written AS (
           INSERT INTO wazapp.message
             (organization_id, id, conversation_id, number_id, sequence, direction, origin, type, text, payload,
              reply_to_wamid, status, timestamp, received_at, callback_data, party, sender_id, repeats)
           SELECT $1, $2, $3, $4::uuid, last_sequence, 'outbound', 'api', $5::text, $6::text, $7::text::json, $9::text, 'queued', $8,
                  $10::timestamptz, $19::text,
                  json_build_object(CASE WHEN $21::bool THEN 'wa_id' ELSE 'user_id' END, $11::text), $22::uuid, $23::uuid
           FROM thread),
         known AS (
           INSERT INTO wazapp.idempotency_key (organization_id, key, fingerprint, message_id, created_at)
           SELECT $1, $17::text, $18::bytea, $2, $10 WHERE $17 IS NOT NULL)
         INSERT INTO wazapp.outbox
           (organization_id, message_id, number_id, conversation_id, sequence, recipient, body, bulk, state, on_unknown,
            due_at, send_at, deadline, files, turned_from)
         SELECT $1, $2, $4, $3, last_sequence, $11::text, $7::text::json, $12::bool, 'queued',
                CASE WHEN $13::bool THEN 'resend' ELSE 'settle' END, $14::timestamptz, $14, $15::timestamptz,
                $20::text::json, before.state
         FROM thread CROSS JOIN before",
        &[
            &tx.organization_id(),
            &id,
            &thread.conversation_id,
            &thread.number_id,
            &content.kind,
            &content.text,
            &content.body,
            &at,
            &content.reply_to_wamid,
            &now,
            &thread.recipient,
            &options.bulk,
            &options.resend,
            &due_at,
            &options.deadline.unwrap_or(due_at + PATIENCE),
            &shows,
            &idempotency.map(|known| known.key.clone()),
            &idempotency.map(|known| known.fingerprint.as_slice()),
            &content.callback_data,
            &files,
            &thread.by_phone,
            &options.sender_id,
            &options.repeats,
        ],
    )
    .await?;
    if let Some(shown) = content.files.first() {
        upload::attach(tx, now, id, shown).await?;
    }
    Ok(id)
}

/// What became of a wish to take a message back.
#[derive(Debug)]
pub enum Cancelled {
    /// It will not be sent.
    Done(Box<Message>),
    /// It was sent, or may have been.
    TooLate(Box<Message>),
}

/// Takes a message back that is still queued, or whose files are still on their way to Meta.
pub async fn cancel(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Cancelled>> {
    let line = event::line(tx).await?;
    let organization_id = tx.organization_id();
    // A message whose fate is unknown may wait to be sent again: it cannot be taken back any more.
    let taken = tx
        .query_opt(
            "UPDATE wazapp.outbox q SET state = 'cancelled' FROM wazapp.message m
             WHERE q.organization_id = $1 AND q.message_id = $2 AND (q.state = 'queued' OR q.state = 'sending' AND q.preparing)
               AND m.organization_id = $1 AND m.id = $2 AND m.status IN ('queued', 'sending')
             RETURNING m.callback_data, m.conversation_id, m.sequence, q.turned_from",
            &[&organization_id, &id],
        )
        .await?;
    if let Some(taken) = &taken {
        let error = Trouble::cancelled();
        tx.query(
            "UPDATE wazapp.message SET status = 'failed', error = $3::text::json WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &id, &error.json()],
        )
        .await?;
        let undone = Undone::of(organization_id, taken);
        if let Some(undone) = &undone {
            tx.run(&plan::undo(std::slice::from_ref(undone), now)).await?;
        }
        let told = super::settle::told(id, taken.get("callback_data"), "failed", now, Some(&error));
        line.record(New::of(Kind::MessageStatus, now, Some(id), &told)).await?;
    }
    let Some(message) = message::get(tx, id).await?.map(Box::new) else {
        return Ok(None);
    };
    Ok(Some(if taken.is_some() { Cancelled::Done(message) } else { Cancelled::TooLate(message) }))
}

/// Has a message that is at Meta now tried no more: where Meta refuses it, whatever for, it fails.
pub async fn try_no_more(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<()> {
    // No answer is written while we look, so what is at Meta is so until we are done.
    event::line(tx).await?;
    tx.query(
        "UPDATE wazapp.outbox SET deadline = least(deadline, $3)
         WHERE organization_id = $1 AND message_id = $2 AND state = 'sending'",
        &[&tx.organization_id(), &id, &now],
    )
    .await?;
    Ok(())
}
