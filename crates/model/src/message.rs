//! Messages: inbound and outbound, any type, with Meta's object kept as it came.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::conversation::column;
use crate::database::{Operator, Pipeline, Result, Tenant, params};
use crate::media::{self, Media, media_columns, media_file};
use crate::page::{Cursor, Page};

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
    /// The file it carries.
    pub media: Option<Media>,
    /// How far an outbound message has come; see `/messages/{id}/statuses` for every step.
    pub status: Option<String>,
    /// Why it failed, or what was wrong with it, as Meta said.
    #[schema(value_type = Option<Object>)]
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
                              WHERE w.organization_id = m.organization_id AND w.message_id = m.id), '[]') AS versions
             FROM wazapp.message m
             LEFT JOIN wazapp.media d ON d.organization_id = m.organization_id AND d.message_id = m.id",
            media_file!(),
            "WHERE m.organization_id = $1 AND ",
            $where
        )
    };
}

impl Message {
    fn read(row: &Row) -> Self {
        Self {
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
            media: Media::read(row),
            status: row.get("status"),
            error: row.get("error"),
            callback_data: row.get("callback_data"),
            reactions: row.get("reactions"),
            versions: row.get("versions"),
            edited_at: row.get("edited_at"),
            revoked_at: row.get("revoked_at"),
            timestamp: row.get("timestamp"),
            received_at: row.get("received_at"),
        }
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
    Ok(Page::new(rows.iter().map(Message::read).collect(), limit, cursor))
}

/// One message.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Message>> {
    Ok(many(tx, vec![id]).await?.into_iter().next())
}

/// Several messages, in no order.
pub(crate) async fn many(tx: &Tenant, ids: Vec<Uuid>) -> Result<Vec<Message>> {
    let rows = tx.query(select!("m.id = ANY ($2)"), &[&tx.organization_id(), &ids]).await?;
    Ok(rows.iter().map(Message::read).collect())
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
    Ok(row.as_ref().map(Message::read))
}

/// What identifies a message to Meta.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The owner.
    pub organization_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Meta's id.
    pub wamid: String,
}

fn keys<'a>(keys: &'a [Key]) -> (Vec<Uuid>, Vec<Uuid>, Vec<&'a str>) {
    (
        column(keys, |key| key.organization_id),
        column(keys, |key| key.number_id),
        column(keys, |key: &'a Key| key.wamid.as_str()),
    )
}

/// A stored message, as far as batches look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// UUIDv7.
    pub id: Uuid,
    /// The conversation it stands in.
    pub conversation_id: Uuid,
    /// Meta's message type.
    pub kind: String,
    /// Whether the business wrote it.
    pub outbound: bool,
    /// Its text now.
    pub text: String,
    /// JSON, where another object takes the place of the stored one.
    pub payload: Option<String>,
    /// How far it has come.
    pub status: Option<String>,
    /// JSON: what is wrong with it.
    pub error: Option<String>,
    /// The sender's own word.
    pub callback_data: Option<String>,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub revoked_at: Option<Timestamp>,
}

/// The messages with these ids of Meta's.
pub async fn any_organization_find(tx: &Operator, wanted: &[Key]) -> Result<Vec<(Key, Known)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (organizations, numbers, wamids) = keys(wanted);
    let rows = tx
        .query(
            "SELECT m.organization_id, m.number_id, m.wamid, m.id, m.conversation_id, m.type, m.direction, m.text, m.status,
                    m.error::text AS error, m.callback_data, m.edited_at, m.revoked_at
             FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k (organization_id, number_id, wamid)
             JOIN wazapp.message m
               ON m.organization_id = k.organization_id AND m.number_id = k.number_id AND m.wamid = k.wamid",
            &[&organizations, &numbers, &wamids],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let key = Key { organization_id: row.get(0), number_id: row.get(1), wamid: row.get(2) };
            let known = Known {
                id: row.get("id"),
                conversation_id: row.get("conversation_id"),
                kind: row.get("type"),
                outbound: row.get::<_, &str>("direction") == "outbound",
                text: row.get("text"),
                payload: None,
                status: row.get("status"),
                error: row.get("error"),
                callback_data: row.get("callback_data"),
                edited_at: row.get("edited_at"),
                revoked_at: row.get("revoked_at"),
            };
            (key, known)
        })
        .collect())
}

/// An edit or a deletion that points at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// Meta's id of the edit or deletion.
    pub wamid: String,
    /// The new text; `None`: deleted.
    pub text: Option<String>,
    /// The new file, where an edit brings one; it stands with the edit's own row.
    pub media: Option<media::New>,
    /// Meta's time.
    pub at: Timestamp,
}

/// The edits and deletions that came before these messages, oldest first.
pub async fn any_organization_find_amendments(tx: &Operator, targets: &[Key]) -> Result<Vec<(Key, Amendment)>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let (organizations, numbers, wamids) = keys(targets);
    let rows = tx
        .query(
            "SELECT m.organization_id, m.number_id, m.reply_to_wamid, m.wamid, m.type, m.text, m.timestamp,
                    d.message_id AS d_message_id, d.meta_id, d.url, d.mime_type, d.filename, d.sha256
             FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k (organization_id, number_id, wamid)
             JOIN wazapp.message m
               ON m.organization_id = k.organization_id AND m.number_id = k.number_id AND m.reply_to_wamid = k.wamid
             LEFT JOIN wazapp.media d ON d.organization_id = m.organization_id AND d.message_id = m.id
             WHERE m.type IN ('edit', 'revoke') ORDER BY m.timestamp, m.sequence",
            &[&organizations, &numbers, &wamids],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let key = Key { organization_id: row.get(0), number_id: row.get(1), wamid: row.get(2) };
            let text = (row.get::<_, &str>("type") == "edit").then(|| row.get("text"));
            let media = row.get::<_, Option<Uuid>>("d_message_id").map(|message_id| media::New {
                organization_id: key.organization_id,
                message_id,
                meta_id: row.get("meta_id"),
                url: row.get("url"),
                mime_type: row.get("mime_type"),
                filename: row.get("filename"),
                sha256: row.get("sha256"),
            });
            (key, Amendment { wamid: row.get("wamid"), text, media, at: row.get("timestamp") })
        })
        .collect())
}

/// A message to store.
#[derive(Clone, Debug)]
pub struct New {
    /// The owner.
    pub organization_id: Uuid,
    /// UUIDv7.
    pub id: Uuid,
    /// The conversation it stands in.
    pub conversation_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Who wrote it, in a group.
    pub contact_id: Option<Uuid>,
    /// Its number in the conversation.
    pub sequence: i64,
    /// Whether the business wrote it.
    pub outbound: bool,
    /// How it came to us.
    pub origin: &'static str,
    /// Meta's message type.
    pub kind: String,
    /// Readable.
    pub text: String,
    /// JSON.
    pub payload: String,
    /// Meta's id.
    pub wamid: String,
    /// What it answers or changes.
    pub reply_to_wamid: Option<String>,
    /// How far it has come.
    pub status: Option<String>,
    /// JSON.
    pub error: Option<String>,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub revoked_at: Option<Timestamp>,
    /// Meta's time.
    pub timestamp: Timestamp,
    /// Our time.
    pub received_at: Timestamp,
}

/// Stores messages. The caller knows that none of them is stored yet; the unique key on Meta's id is the last word.
pub fn any_organization_insert<'a>(pipeline: &mut Pipeline<'a>, new: &'a mut [New]) {
    if new.is_empty() {
        return;
    }
    new.sort_by_key(|row| (row.organization_id, row.id));
    pipeline.push("INSERT INTO wazapp.message
           (organization_id, id, conversation_id, number_id, contact_id, sequence, direction, origin, type, text, payload,
            wamid, reply_to_wamid, status, error, edited_at, revoked_at, timestamp, received_at)
         SELECT k.o, k.id, k.v, k.n, k.c, k.q, k.d, k.g, k.t, k.x, k.p::json, k.w, k.r, k.s, k.e::json, k.ed, k.rv, k.at, k.rc
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::text[],
                     $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                     $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[])
           AS k (o, id, v, n, c, q, d, g, t, x, p, w, r, s, e, ed, rv, at, rc)", params![
            column(new, |row| row.organization_id),
            column(new, |row| row.id),
            column(new, |row| row.conversation_id),
            column(new, |row| row.number_id),
            column(new, |row| row.contact_id),
            column(new, |row| row.sequence),
            column(new, |row| if row.outbound { "outbound" } else { "inbound" }),
            column(new, |row| row.origin),
            column(new, |row| row.kind.as_str()),
            column(new, |row| row.text.as_str()),
            column(new, |row| row.payload.as_str()),
            column(new, |row| row.wamid.as_str()),
            column(new, |row| row.reply_to_wamid.as_deref()),
            column(new, |row| row.status.as_deref()),
            column(new, |row| row.error.as_deref()),
            column(new, |row| row.edited_at),
            column(new, |row| row.revoked_at),
            column(new, |row| row.timestamp),
            column(new, |row| row.received_at),
        ]);
}

/// What later webhooks changed about stored messages.
#[derive(Clone, Debug)]
pub struct Update {
    /// The owner.
    pub organization_id: Uuid,
    /// The message as it is now.
    pub message: Known,
}

/// Writes changes of stored messages, sorted by key.
pub fn any_organization_update<'a>(pipeline: &mut Pipeline<'a>, updates: &'a mut [Update]) {
    if updates.is_empty() {
        return;
    }
    updates.sort_by_key(|row| (row.organization_id, row.message.id));
    pipeline.push(
        "UPDATE wazapp.message m SET
           type = k.t, text = k.x, payload = coalesce(k.p::json, m.payload), status = k.s, error = k.e::json,
           edited_at = k.ed, revoked_at = k.rv
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[])
           AS k (o, id, t, x, p, s, e, ed, rv)
         WHERE m.organization_id = k.o AND m.id = k.id",
        params![
            column(updates, |row| row.organization_id),
            column(updates, |row| row.message.id),
            column(updates, |row| row.message.kind.as_str()),
            column(updates, |row| row.message.text.as_str()),
            column(updates, |row| row.message.payload.as_deref()),
            column(updates, |row| row.message.status.as_deref()),
            column(updates, |row| row.message.error.as_deref()),
            column(updates, |row| row.message.edited_at),
            column(updates, |row| row.message.revoked_at),
        ],
    );
}

/// A text that an edit or a deletion replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The owner.
    pub organization_id: Uuid,
    /// The message.
    pub message_id: Uuid,
    /// Meta's id of the edit or deletion.
    pub replaced_by: String,
    /// Meta's time of it.
    pub replaced_at: Timestamp,
    /// The text it replaced.
    pub text: String,
}

/// Keeps replaced texts.
pub fn any_organization_keep_versions<'a>(pipeline: &mut Pipeline<'a>, versions: &'a [NewVersion]) {
    if versions.is_empty() {
        return;
    }
    pipeline.push(
        "INSERT INTO wazapp.message_version (organization_id, message_id, replaced_by, replaced_at, text)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[])
         ON CONFLICT DO NOTHING",
        params![
            column(versions, |row| row.organization_id),
            column(versions, |row| row.message_id),
            column(versions, |row| row.replaced_by.as_str()),
            column(versions, |row| row.replaced_at),
            column(versions, |row| row.text.as_str()),
        ],
    );
}

/// A reaction, or its removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReaction {
    /// The message it is on; it may come later.
    pub target: Key,
    /// The contact's id, or `business`.
    pub reactor: String,
    /// `None`: taken back.
    pub emoji: Option<String>,
    /// Meta's id of the reaction.
    pub wamid: String,
    /// Meta's time.
    pub at: Timestamp,
}

/// Keeps the latest reaction of everyone on every message. `reactions` holds one per target and reactor.
pub fn any_organization_react<'a>(pipeline: &mut Pipeline<'a>, reactions: &'a mut [NewReaction]) {
    if reactions.is_empty() {
        return;
    }
    reactions.sort_by(|a, b| (&a.target, &a.reactor).cmp(&(&b.target, &b.reactor)));
    pipeline.push(
        "INSERT INTO wazapp.reaction AS r (organization_id, number_id, target_wamid, reactor, emoji, wamid, timestamp)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
         ON CONFLICT (organization_id, number_id, target_wamid, reactor) DO UPDATE SET
           emoji = excluded.emoji, wamid = excluded.wamid, timestamp = excluded.timestamp
         WHERE r.timestamp <= excluded.timestamp",
        params![
            column(reactions, |row| row.target.organization_id),
            column(reactions, |row| row.target.number_id),
            column(reactions, |row| row.target.wamid.as_str()),
            column(reactions, |row| row.reactor.as_str()),
            column(reactions, |row| row.emoji.as_deref()),
            column(reactions, |row| row.wamid.as_str()),
            column(reactions, |row| row.at),
        ],
    );
}
