//! Messages: inbound and outbound, any type, with Meta's object kept as it came.

mod known;

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::conversation::told;
use crate::database::{Result, Tenant, Tx};
use crate::media::{Media, media_columns, media_file};
use crate::page::{Cursor, Page};

pub use known::*;

/// Why a message failed: what a webhook said, a list, or what kept it from leaving.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described")]
enum MessageError {
    Told(Vec<MetaError>),
    Here(MetaError),
}

/// An error as Meta words it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(value_type = Object)]
struct MetaError(Json<Box<RawValue>>);

/// A message as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Message {
    /// UUIDv7.
    pub id: Uuid,
    /// The conversation it stands in.
    pub conversation_id: Uuid,
    /// Its number in the conversation: no gap, no repeat, in order of arrival.
    pub sequence: i64,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// `webhook`, `standby`, `echo` (written on the phone), `standby_echo` (written by another app) or `history`.
    pub origin: String,
    /// Meta's message type.
    pub r#type: String,
    /// The body, caption, button title, or a short readable form. Empty once it was deleted.
    pub text: String,
    /// Meta's object, unchanged.
    #[schema(value_type = Object)]
    pub payload: Json<Box<RawValue>>,
    /// Meta's id.
    pub wamid: Option<String>,
    /// Meta's id of the message this one answers, reacts to, edits or deletes.
    pub reply_to_wamid: Option<String>,
    /// Who wrote it, in a group.
    pub contact_id: Option<Uuid>,
    /// Which of your people wrote it; null where a program did, or somebody on the phone.
    pub sender_id: Option<Uuid>,
    /// The file it carries.
    pub media: Option<Media>,
    /// When a queued message is to leave, where it was planned for later.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub send_at: Option<Timestamp>,
    /// How far an outbound message has come; see `/messages/{id}/statuses` for every step.
    pub status: Option<String>,
    /// Why it failed, or what was wrong with it, as Meta said: a list of Meta's errors where a webhook said it, one where it never
    /// left.
    #[schema(value_type = Option<MessageError>)]
    pub error: Option<Json<Box<RawValue>>>,
    /// The sender's own word, as `biz_opaque_callback_data` named it: every `message.status` event brings it back.
    pub callback_data: Option<String>,
    /// The reactions it has now.
    #[schema(value_type = Vec<Reaction>)]
    pub reactions: Json<Box<RawValue>>,
    /// What its text was before it was edited or deleted, oldest first.
    #[schema(value_type = Vec<Version>)]
    pub versions: Json<Box<RawValue>>,
    /// When it was last edited.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted for everyone.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Meta's time.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Our time.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
}

/// One reaction to a message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// The contact's id, or `business`.
    pub from: String,
    /// Meta's id of the reaction.
    pub wamid: String,
    /// Meta's time.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

/// What a message's text was before.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Version {
    /// The text.
    pub text: String,
    /// Meta's id of the edit or deletion that replaced it.
    pub replaced_by: String,
    /// Meta's time of that.
    #[schema(value_type = String, format = DateTime)]
    pub replaced_at: Timestamp,
}

macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT m.*, ",
            media_columns!(),
            ", coalesce((SELECT json_agg(json_build_object('emoji', r.emoji, 'from', r.reactor, 'wamid', r.wamid,
                                'timestamp', to_char(r.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))
                                ORDER BY r.timestamp, r.reactor)
                              FROM wazapp.reaction r
                              WHERE r.organization_id = m.organization_id AND r.number_id = m.number_id
                                AND r.target_wamid = m.wamid AND r.emoji IS NOT NULL), '[]') AS reactions,
                    coalesce((SELECT json_agg(json_build_object('text', w.text, 'replaced_by', w.replaced_by,
                                'replaced_at', to_char(w.replaced_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))
                                ORDER BY w.replaced_at, w.replaced_by)
                              FROM wazapp.message_version w
                              WHERE w.organization_id = m.organization_id AND w.message_id = m.id), '[]') AS versions,
                    (SELECT q.due_at FROM wazapp.outbox q
                     WHERE m.status = 'queued' AND q.organization_id = m.organization_id AND q.message_id = m.id
                       AND m.received_at < q.due_at) AS send_at
             FROM wazapp.message m
             LEFT JOIN wazapp.media d ON d.organization_id = m.organization_id AND d.message_id = m.id",
            media_file!(),
            "WHERE m.organization_id = $1 AND ",
            $where
        )
    };
}

impl Message {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id"),
            conversation_id: row.get("conversation_id"),
            sequence: row.get("sequence"),
            direction: row.get("direction"),
            origin: row.get("origin"),
            r#type: row.get("type"),
            text: row.get("text"),
            payload: row.get("payload"),
            wamid: row.get("wamid"),
            reply_to_wamid: row.get("reply_to_wamid"),
            contact_id: row.get("contact_id"),
            sender_id: row.get("sender_id"),
            media: Media::read(row)?,
            send_at: row.get("send_at"),
            status: row.get("status"),
            error: row.get("error"),
            callback_data: row.get("callback_data"),
            reactions: row.get("reactions"),
            versions: row.get("versions"),
            edited_at: row.get("edited_at"),
            revoked_at: row.get("revoked_at"),
            timestamp: row.get("timestamp"),
            received_at: row.get("received_at"),
        })
    }
}

/// A conversation's messages, newest first by Meta's second, then by sequence.
pub async fn list(tx: &Tenant, conversation_id: Uuid, after: Option<Cursor>, limit: i64) -> Result<Page<Message>> {
    let after = after.unwrap_or(Cursor { at: Timestamp::MAX.as_microsecond(), tie: Uuid::max() });
    let rows = tx
        .query(
            select!(
                "m.conversation_id = $2 AND (m.timestamp, m.sequence) < ($3, $4)
                 ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $5"
            ),
            &[&tx.organization_id(), &conversation_id, &after.timestamp(), &after.sequence(), &(limit + 1)],
        )
        .await?;
    let cursor = |message: &Message| Cursor::at_sequence(message.timestamp, message.sequence);
    Ok(Page::new(rows.iter().map(Message::read).collect::<Result<_>>()?, limit, cursor))
}

/// When the contact wrote last, looked for among the newest hundreds.
pub async fn last_inbound(tx: &Tenant, conversation_id: Uuid) -> Result<Option<Timestamp>> {
    let row = tx
        .query_opt(
            "SELECT m.timestamp FROM (
               SELECT m.timestamp, m.sequence, m.direction, m.type FROM wazapp.message m
               WHERE m.organization_id = $1 AND m.conversation_id = $2 ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $3) m
             WHERE m.direction = 'inbound' AND m.type <> 'system' ORDER BY m.timestamp DESC, m.sequence DESC LIMIT 1",
            &[&tx.organization_id(), &conversation_id, &LOOKED_AT],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Those behind a place in a conversation, in their order; the answer goes on behind its last.
pub async fn behind(tx: &Tenant, conversation_id: Uuid, place: Cursor, limit: i64) -> Result<Page<Message>> {
    let rows = tx
        .query(
            select!(
                "m.conversation_id = $2 AND (m.timestamp, m.sequence) > ($3, $4)
                 ORDER BY m.timestamp, m.sequence LIMIT $5"
            ),
            &[&tx.organization_id(), &conversation_id, &place.timestamp(), &place.sequence(), &(limit + 1)],
        )
        .await?;
    let cursor = |message: &Message| Cursor::at_sequence(message.timestamp, message.sequence);
    Ok(Page::new(rows.iter().map(Message::read).collect::<Result<_>>()?, limit, cursor))
}

/// Where a message stands; `None`: not in this conversation.
pub async fn place(tx: &Tenant, conversation_id: Uuid, id: Uuid) -> Result<Option<Cursor>> {
    let row = tx
        .query_opt(
            "SELECT timestamp, sequence FROM wazapp.message
             WHERE organization_id = $1 AND id = $2 AND conversation_id = $3",
            &[&tx.organization_id(), &id, &conversation_id],
        )
        .await?;
    Ok(row.map(|row| Cursor::at_sequence(row.get("timestamp"), row.get("sequence"))))
}

/// As many of the newest are looked at for the first that is unread.
const LOOKED_AT: i64 = 500;

/// Where the first of so many unread messages stands, or, where that is long ago, the oldest one that is looked at. It costs
/// the same however long the conversation is.
pub async fn first_unread(tx: &Tenant, conversation_id: Uuid, unread: i32) -> Result<Option<Cursor>> {
    let row = tx
        .query_opt(
            concat!(
                "SELECT u.timestamp, u.sequence FROM (
                   SELECT m.timestamp, m.sequence
                   FROM (SELECT * FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = $2
                         ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $4) m
                   WHERE ",
                told!(counts),
                " ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $3) u
                 ORDER BY u.timestamp, u.sequence LIMIT 1"
            ),
            &[&tx.organization_id(), &conversation_id, &i64::from(unread), &LOOKED_AT],
        )
        .await?;
    Ok(row.map(|row| Cursor::at_sequence(row.get("timestamp"), row.get("sequence"))))
}

/// One message.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Message>> {
    Ok(many(tx, tx.organization_id(), vec![id]).await?.into_iter().next())
}

/// Messages of an organization by id, in no order; those that are not there are left out.
pub async fn by_id(tx: &Tenant, ids: Vec<Uuid>) -> Result<Vec<Message>> {
    many(tx, tx.organization_id(), ids).await
}

/// So many messages are looked through in one request for those that somebody sees.
const LOOKED_THROUGH: i64 = 10_000;

/// The messages of all conversations, last stored first. Of a great many that tell little of what somebody sees, a part at a
/// time is looked through: a page may then hold few, or none, and yet not be the last.
pub async fn list_all(tx: &Tenant, after: Option<Cursor>, limit: i64) -> Result<Page<Message>> {
    let below = after.map_or(Uuid::max(), |cursor| cursor.tie);
    let rest = if tx.scope().viewer_id().is_some() { looked_through(tx, below).await? } else { None };
    let sql = select!("m.id < $2 AND m.id >= $4 ORDER BY m.id DESC LIMIT $3");
    let rows = tx.query(sql, &[&tx.organization_id(), &below, &(limit + 1), &rest.unwrap_or_default()]).await?;
    let rows: Vec<Message> = rows.iter().map(Message::read).collect::<Result<_>>()?;
    let mut page = Page::new(rows, limit, |message| Cursor { at: 0, tie: message.id });
    page.next_cursor = page.next_cursor.or(rest.map(|tie| Cursor { at: 0, tie }.encode()));
    Ok(page)
}

/// As far as one request looks below an id; `None`: to the end. It is a time, and names nobody's message.
async fn looked_through(tx: &Tenant, below: Uuid) -> Result<Option<Uuid>> {
    let last =
        "SELECT id FROM wazapp.message WHERE organization_id = $1 AND id < $2 ORDER BY id DESC OFFSET $3 LIMIT 1";
    let row = tx.past_limits(tx.query_opt(last, &[&tx.organization_id(), &below, &LOOKED_THROUGH])).await?;
    Ok(row.map(|row| beginning_of_millisecond(row.get("id"))).filter(|rest| *rest < below))
}

/// The least UUIDv7 of the time that one says.
fn beginning_of_millisecond(id: Uuid) -> Uuid {
    const TIME: u128 = u128::MAX << 80;
    Uuid::from_u128(id.as_u128() & TIME)
}

/// Several messages, in no order.
pub(crate) async fn many(tx: &Tx, organization_id: Uuid, ids: Vec<Uuid>) -> Result<Vec<Message>> {
    let rows = tx.query(select!("m.id = ANY ($2)"), &[&organization_id, &ids]).await?;
    rows.iter().map(Message::read).collect()
}

/// One message by Meta's id on one of the organization's numbers.
pub async fn find(tx: &Tenant, wamid: &str) -> Result<Option<Message>> {
    let row = tx
        .query_opt(
            select!(
                "m.wamid = $2 AND m.number_id IN (SELECT id FROM wazapp.number WHERE organization_id = $1)
                 ORDER BY m.timestamp DESC LIMIT 1"
            ),
            &[&tx.organization_id(), &wamid],
        )
        .await?;
    row.as_ref().map(Message::read).transpose()
}

/// The messages of a conversation with these ids of Meta's.
pub async fn quoted(tx: &Tenant, conversation_id: Uuid, wamids: Vec<String>) -> Result<Vec<Message>> {
    if wamids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            select!(
                "m.number_id = (SELECT v.number_id FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.id = $2)
                 AND m.wamid = ANY ($3) AND m.conversation_id = $2"
            ),
            &[&tx.organization_id(), &conversation_id, &wamids],
        )
        .await?;
    rows.iter().map(Message::read).collect()
}

/// Messages of a conversation by id, oldest first; those that are not there are left out.
pub async fn these(tx: &Tenant, conversation_id: Uuid, ids: Vec<Uuid>) -> Result<Vec<Message>> {
    let rows = tx
        .query(
            select!("m.id = ANY ($3) AND m.conversation_id = $2 ORDER BY m.timestamp, m.sequence"),
            &[&tx.organization_id(), &conversation_id, &ids],
        )
        .await?;
    rows.iter().map(Message::read).collect()
}

/// Which of these messages another one says once more.
pub async fn repeated(tx: &Tenant, ids: Vec<Uuid>) -> Result<HashSet<Uuid>> {
    let sql = "SELECT repeats FROM wazapp.message WHERE organization_id = $1 AND repeats = ANY ($2)";
    // Also where the other one stands where whoever asks sees nothing.
    let rows = tx.past_limits(async { tx.query(sql, &[&tx.organization_id(), &ids]).await }).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Who answered since: the newest outbound message behind this sequence number that is not this person's.
pub async fn answered_since(tx: &Tenant, conversation_id: Uuid, seen: i64, me: Uuid) -> Result<Option<Message>> {
    let row = tx
        .query_opt(
            select!(
                "m.id = (SELECT w.id FROM (SELECT * FROM wazapp.message w
                                           WHERE w.organization_id = $1 AND w.conversation_id = $2
                                           ORDER BY w.timestamp DESC, w.sequence DESC LIMIT 100) w
                         WHERE w.sequence > $3 AND w.direction = 'outbound' AND w.sender_id IS DISTINCT FROM $4
                         ORDER BY w.sequence DESC LIMIT 1)"
            ),
            &[&tx.organization_id(), &conversation_id, &seen, &me],
        )
        .await?;
    row.as_ref().map(Message::read).transpose()
}

/// Files are looked for among so many of a conversation's newest messages.
const LOOKED_AT_FOR_FILES: i64 = 1_000;

/// The newest messages of a conversation that carry a file, newest first.
pub async fn with_files(tx: &Tenant, conversation_id: Uuid, limit: i64) -> Result<Vec<Message>> {
    let rows = tx
        .query(
            select!(
                "m.id IN (SELECT w.id FROM (SELECT * FROM wazapp.message w
                                            WHERE w.organization_id = $1 AND w.conversation_id = $2
                                            ORDER BY w.timestamp DESC, w.sequence DESC LIMIT $3) w
                          JOIN wazapp.media f ON f.organization_id = $1 AND f.message_id = w.id
                          ORDER BY w.timestamp DESC, w.sequence DESC LIMIT $4)
                 ORDER BY m.timestamp DESC, m.sequence DESC"
            ),
            &[&tx.organization_id(), &conversation_id, &LOOKED_AT_FOR_FILES, &limit],
        )
        .await?;
    rows.iter().map(Message::read).collect()
}
