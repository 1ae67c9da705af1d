//! Messages as batches read and write them.

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Operator, Pipeline, RawJson, Result, Rows, Statement};
use crate::media;

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

/// Messages by what identifies them, as a statement in its own words takes them.
pub(crate) fn named<'k>(keys: &'k [Key], words: &'static str) -> Statement<'k> {
    Rows::of(keys)
        .column("organization_id", |key| key.organization_id)
        .column("number_id", |key| key.number_id)
        .column("wamid", |key| key.wamid.as_str())
        .statement(words)
}

/// Which of several accounts of one message shows: the fuller one, then the one that came the better way, then, so that it
/// does not depend on what came first, the greater one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// How full it is, and how it came.
    pub rendition: i16,
    /// SHA-256 of Meta's object.
    pub digest: Vec<u8>,
}

/// What another account of a message says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retold {
    /// How it came.
    pub origin: &'static str,
    /// JSON.
    pub payload: String,
    /// What it answers or changes.
    pub reply_to_wamid: Option<String>,
    /// JSON: the ad or post that led here.
    pub referral: Option<String>,
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
    /// Its text before any edit or deletion.
    pub original: String,
    /// Which account of it shows.
    pub rank: Rank,
    /// As Meta said: the hash of the file that came with it, whatever an edit brought since.
    pub sha256: Option<String>,
    /// The account that takes the place of the stored one.
    pub retold: Option<Retold>,
    /// JSON: how the customer was named; `None`: it is from before that was kept.
    pub party: Option<String>,
    /// Its number in another conversation, where it moves there.
    pub sequence: Option<i64>,
    /// Whether it waits for an answer.
    pub counts: bool,
    /// Meta's time.
    pub at: Timestamp,
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

const FIND: &str = "
    SELECT m.organization_id, m.number_id, m.wamid, m.id, m.conversation_id, m.type, m.direction, m.text, m.status,
            m.error::text AS error, m.callback_data, m.edited_at, m.revoked_at, m.timestamp,
            coalesce(m.rendition,
              CASE m.type WHEN 'media_placeholder' THEN 0 WHEN 'unsupported' THEN 10 WHEN 'unknown' THEN 10 ELSE 20 END
              + CASE m.origin WHEN 'api' THEN 70 WHEN 'webhook' THEN 5 WHEN 'standby' THEN 4 WHEN 'echo' THEN 3
                              WHEN 'standby_echo' THEN 2 ELSE 1 END)::int2 AS rendition,
            -- An address of a file is another one each time.
            sha256(convert_to(regexp_replace(m.payload::text, '\"url\":\"[^\"]*\"', '\"url\":\"\"', 'g'), 'UTF8')) AS digest,
            m.party::text AS party,
            coalesce(m.counts, m.origin = 'webhook' AND m.direction = 'inbound'
                       AND m.type NOT IN ('reaction', 'edit', 'revoke', 'system', 'call')) AS counts,
            CASE WHEN m.edited_at IS NULL AND m.revoked_at IS NULL THEN m.text ELSE coalesce(
              (SELECT w.text FROM wazapp.message_version w
               WHERE w.organization_id = m.organization_id AND w.message_id = m.id
               ORDER BY w.replaced_at, w.replaced_by COLLATE \"C\" LIMIT 1), m.text) END AS original,
            (SELECT coalesce(d.own_sha256, d.sha256) FROM wazapp.media d
             WHERE d.organization_id = m.organization_id AND d.message_id = m.id) AS sha256
     FROM {rows}
     JOIN wazapp.message m
       ON m.organization_id = k.organization_id AND m.number_id = k.number_id AND m.wamid = k.wamid{here m}";

/// The messages with these ids of Meta's.
pub async fn any_organization_find(tx: &Operator, wanted: &[Key]) -> Result<Vec<(Key, Known)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.run(&named(wanted, FIND)).await?;
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
                original: row.get("original"),
                rank: Rank { rendition: row.get("rendition"), digest: row.get("digest") },
                sha256: row.get("sha256"),
                retold: None,
                party: row.get("party"),
                sequence: None,
                counts: row.get("counts"),
                at: row.get("timestamp"),
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
    /// Whether the business made it.
    pub outbound: bool,
    /// The new text; `None`: deleted.
    pub text: Option<String>,
    /// The new file, where an edit brings one; it stands with the edit's own row.
    pub media: Option<media::New>,
    /// Meta's time.
    pub at: Timestamp,
}

const AMENDMENTS: &str = "
    SELECT m.organization_id, m.number_id, m.reply_to_wamid, m.wamid, m.direction, m.type, m.text, m.timestamp,
            d.message_id AS d_message_id, d.meta_id, d.url, d.mime_type, d.filename, d.sha256
     FROM {rows}
     JOIN wazapp.message m
       ON m.organization_id = k.organization_id AND m.number_id = k.number_id AND m.reply_to_wamid = k.wamid{here m}
     LEFT JOIN wazapp.media d ON d.organization_id = m.organization_id AND d.message_id = m.id
     WHERE m.type IN ('edit', 'revoke') ORDER BY m.timestamp, m.wamid COLLATE \"C\"";

/// The edits and deletions that came before these messages, oldest first.
pub async fn any_organization_find_amendments(tx: &Operator, targets: &[Key]) -> Result<Vec<(Key, Amendment)>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.run(&named(targets, AMENDMENTS)).await?;
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
                own_sha256: None,
            });
            let outbound = row.get::<_, &str>("direction") == "outbound";
            (key, Amendment { wamid: row.get("wamid"), outbound, text, media, at: row.get("timestamp") })
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
    /// JSON: how the customer was named.
    pub party: String,
    /// Whether it waits for an answer.
    pub counts: bool,
    /// Which account of it shows.
    pub rendition: i16,
    /// JSON: the ad or post that led here.
    pub referral: Option<String>,
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
    let rows = Rows::of(new)
        .column("organization_id", |row| row.organization_id)
        .column("id", |row| row.id)
        .column("conversation_id", |row| row.conversation_id)
        .column("number_id", |row| row.number_id)
        .column("contact_id", |row| row.contact_id)
        .column("sequence", |row| row.sequence)
        .column("direction", |row| if row.outbound { "outbound" } else { "inbound" })
        .column("origin", |row| row.origin)
        .column("type", |row| row.kind.as_str())
        .column("text", |row| row.text.as_str())
        .column("payload", |row| RawJson(&row.payload))
        .column("wamid", |row| row.wamid.as_str())
        .column("reply_to_wamid", |row| row.reply_to_wamid.as_deref())
        .column("status", |row| row.status.as_deref())
        .column("error", |row| row.error.as_deref().map(RawJson))
        .column("edited_at", |row| row.edited_at)
        .column("revoked_at", |row| row.revoked_at)
        .column("timestamp", |row| row.timestamp)
        .column("received_at", |row| row.received_at)
        .column("party", |row| RawJson(&row.party))
        .column("counts", |row| row.counts)
        .column("rendition", |row| row.rendition)
        .column("referral", |row| row.referral.as_deref().map(RawJson));
    pipeline.add(rows.insert("wazapp.message", ""));
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
    let rows = Rows::of(updates)
        .key("organization_id", |row| row.organization_id)
        .key("id", |row| row.message.id)
        .column("conversation_id", |row| row.message.conversation_id)
        .news("sequence", |row| row.message.sequence)
        .column("type", |row| row.message.kind.as_str())
        .column("text", |row| row.message.text.as_str())
        .column("status", |row| row.message.status.as_deref())
        .column("error", |row| row.message.error.as_deref().map(RawJson))
        .column("edited_at", |row| row.message.edited_at)
        .column("revoked_at", |row| row.message.revoked_at)
        .column("timestamp", |row| row.message.at)
        .column("counts", |row| row.message.counts)
        .column("rendition", |row| row.message.rank.rendition)
        .news("party", |row| row.message.party.as_deref().map(RawJson))
        .news("payload", |row| retold(row).map(|retold| RawJson(&retold.payload)))
        .news("origin", |row| retold(row).map(|retold| retold.origin))
        .news("reply_to_wamid", |row| retold(row).and_then(|retold| retold.reply_to_wamid.as_deref()))
        .news("referral", |row| retold(row).and_then(|retold| retold.referral.as_deref().map(RawJson)));
    pipeline.add(rows.update("wazapp.message", ""));
}

fn retold(row: &Update) -> Option<&Retold> {
    row.message.retold.as_ref()
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
    let rows = Rows::of(versions)
        .column("organization_id", |row| row.organization_id)
        .column("message_id", |row| row.message_id)
        .column("replaced_by", |row| row.replaced_by.as_str())
        .column("replaced_at", |row| row.replaced_at)
        .column("text", |row| row.text.as_str());
    pipeline.add(rows.insert(
        "wazapp.message_version",
        "ON CONFLICT (organization_id, message_id, replaced_by) DO UPDATE SET
           text = excluded.text, replaced_at = excluded.replaced_at",
    ));
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
    let rows = Rows::of(reactions)
        .column("organization_id", |row| row.target.organization_id)
        .column("number_id", |row| row.target.number_id)
        .column("target_wamid", |row| row.target.wamid.as_str())
        .column("reactor", |row| row.reactor.as_str())
        .column("emoji", |row| row.emoji.as_deref())
        .column("wamid", |row| row.wamid.as_str())
        .column("timestamp", |row| row.at);
    pipeline.add(rows.insert(
        "wazapp.reaction",
        "ON CONFLICT (organization_id, number_id, target_wamid, reactor) DO UPDATE SET
           emoji = excluded.emoji, wamid = excluded.wamid, timestamp = excluded.timestamp
         WHERE (t.timestamp, t.wamid COLLATE \"C\") <= (excluded.timestamp, excluded.wamid COLLATE \"C\")",
    ));
}
