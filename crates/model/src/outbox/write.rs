//! Writing queued messages down.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Turn;
use super::alternative::Alternative;
use super::enqueue::{Content, Idempotency, Options, Refusal, due_at, read};
use super::thread::{self, Thread};
use crate::database::{Result, Rows, Statement, Tenant};
use crate::message::Message;
use crate::upload;

/// A message that names no deadline is given up after this long.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// A message that is written down now.
pub(super) struct New<'w> {
    pub(super) id: Uuid,
    pub(super) thread: Thread,
    pub(super) content: &'w Content,
    /// What may leave in its place.
    pub(super) alternative: Option<Alternative>,
    /// The sender's own word, whatever leaves.
    pub(super) callback_data: Option<&'w str>,
    pub(super) options: &'w Options,
    pub(super) idempotency: Option<&'w Idempotency>,
}

impl New<'_> {
    fn deadline(&self, now: Timestamp) -> Timestamp {
        self.options.deadline.unwrap_or(due_at(self.options, now) + PATIENCE)
    }

    pub(super) fn turn(&self, organization_id: Uuid) -> Turn {
        Turn { organization_id, number_id: self.thread.number_id, bulk: self.options.bulk }
    }

    fn files(&self) -> Option<String> {
        let files = &self.content.files;
        (!files.is_empty()).then(|| serde_json::to_string(files).expect("our own shapes are JSON"))
    }
}

/// Messages, their rows in the queue, the conversations that show them, and the keys, in one statement. No two are of one
/// conversation: each takes the next place there.
const WRITE: &str = "
    WITH k AS MATERIALIZED (SELECT * FROM {rows}),
     thread AS (
       UPDATE wazapp.conversation v SET
         last_sequence = v.last_sequence + 1, updated_at = {now},
         state = CASE WHEN n.shows THEN 'waiting' ELSE v.state END,
         state_tie = CASE WHEN n.shows AND (v.state_at IS NULL OR v.state_at < {at}) THEN '0' || n.id::text ELSE v.state_tie END,
         state_at = CASE WHEN n.shows THEN greatest(v.state_at, {at}) ELSE v.state_at END,
         last_message_tie = CASE WHEN n.shows AND (v.last_message_id IS NULL OR v.last_message_at <= {at}) THEN n.id::text ELSE v.last_message_tie END,
         last_message_id = CASE WHEN n.shows AND (v.last_message_id IS NULL OR v.last_message_at <= {at}) THEN n.id ELSE v.last_message_id END,
         last_message_at = CASE WHEN n.shows AND (v.last_message_id IS NULL OR v.last_message_at <= {at}) THEN {at} ELSE v.last_message_at END
       FROM (
         SELECT k.*, CASE WHEN NOT k.shows THEN NULL WHEN o.state <> 'waiting' THEN o.state
                          ELSE (SELECT q.turned_from FROM wazapp.outbox q
                                WHERE q.organization_id = {organization} AND q.conversation_id = k.conversation_id
                                  AND q.state <> 'cancelled' AND q.turned_from IS NOT NULL
                                ORDER BY q.sequence LIMIT 1) END AS turned_from
         FROM k JOIN wazapp.conversation o ON o.organization_id = {organization} AND o.id = k.conversation_id) n
       WHERE v.organization_id = {organization} AND v.id = n.conversation_id
       RETURNING n.*, v.last_sequence),
     written AS (
       INSERT INTO wazapp.message
         (organization_id, id, conversation_id, number_id, sequence, direction, origin, type, text, payload,
          reply_to_wamid, status, timestamp, received_at, callback_data, party, sender_id, repeats)
       SELECT {organization}, id, conversation_id, number_id, last_sequence, 'outbound', 'api', type, text, body::json,
              reply_to_wamid, 'queued', {at}, {now}, callback_data,
              json_build_object(CASE WHEN by_phone THEN 'wa_id' ELSE 'user_id' END, recipient), sender_id, repeats
       FROM thread),
     known AS (
       INSERT INTO wazapp.idempotency_key (organization_id, key, fingerprint, message_id, created_at)
       SELECT {organization}, key, fingerprint, id, {now} FROM k WHERE key IS NOT NULL)
    INSERT INTO wazapp.outbox
      (organization_id, message_id, number_id, conversation_id, sequence, recipient, body, bulk, state, on_unknown,
       due_at, send_at, deadline, files, alternative, turned_from)
    SELECT {organization}, id, number_id, conversation_id, last_sequence, recipient, body::json, bulk, 'queued', on_unknown,
           due_at, due_at, deadline, files::json, alternative::json, turned_from
    FROM thread";

/// Messages that are to be written down, each in the conversation that is its thread's.
pub(super) struct Begun<'w>(Vec<(Uuid, New<'w>)>);

/// Begins the conversations that are not there yet.
pub(super) async fn begin<'w>(tx: &Tenant, now: Timestamp, all: Vec<New<'w>>) -> Result<Begun<'w>> {
    let threads: Vec<&Thread> = all.iter().map(|new| &new.thread).collect();
    let conversations = thread::begin(tx, now, &threads).await?;
    Ok(Begun(conversations.into_iter().zip(all).collect()))
}

impl Begun<'_> {
    /// Writes them down.
    pub(super) async fn write(&self, tx: &Tenant, now: Timestamp) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        tx.run(&statement(tx, now, &self.0)).await?;
        for (_, new) in &self.0 {
            if let Some(shown) = new.content.files.first() {
                upload::attach(tx, now, new.id, shown).await?;
            }
        }
        Ok(())
    }

    /// The same; and the messages that the answers name, which are read right behind.
    pub(super) async fn read(
        &self,
        tx: &Tenant,
        now: Timestamp,
        answers: Vec<Result<Uuid, Refusal>>,
    ) -> Result<Vec<Result<Message, Refusal>>> {
        if self.0.iter().any(|(_, new)| !new.content.files.is_empty()) {
            self.write(tx, now).await?;
            return read(tx, answers).await;
        }
        Ok(tx.both(self.write(tx, now), read(tx, answers)).await?.1)
    }
}

fn statement<'r>(tx: &Tenant, now: Timestamp, rows: &'r [(Uuid, New<'_>)]) -> Statement<'r> {
    // Meta's times are whole seconds: what was written in the same second stands in the order of its coming.
    let at = Timestamp::from_second(now.as_second()).expect("the start of a second is a time");
    Rows::of(rows)
        .given("organization", tx.organization_id())
        .given("now", now)
        .given("at", at)
        .column("conversation_id", |(conversation_id, _)| *conversation_id)
        .column("id", |(_, new)| new.id)
        .column("number_id", |(_, new)| new.thread.number_id)
        .column("recipient", |(_, new)| new.thread.recipient.as_str())
        .column("by_phone", |(_, new)| new.thread.by_phone)
        .column("type", |(_, new)| new.content.kind.as_str())
        .column("text", |(_, new)| new.content.text.as_str())
        .column("body", |(_, new)| new.content.body.as_str())
        .column("reply_to_wamid", |(_, new)| new.content.reply_to_wamid.clone())
        .column("callback_data", |(_, new)| new.callback_data.map(str::to_owned))
        .column("files", |(_, new)| new.files())
        .column("alternative", |(_, new)| new.alternative.as_ref().map(Alternative::json))
        // A reaction answers nobody and stands nowhere of its own.
        .column("shows", |(_, new)| new.content.kind != "reaction")
        .column("bulk", |(_, new)| new.options.bulk)
        .column("on_unknown", |(_, new)| if new.options.resend { "resend" } else { "settle" })
        .column("sender_id", |(_, new)| new.options.sender_id)
        .column("repeats", |(_, new)| new.options.repeats)
        .column("due_at", |(_, new)| due_at(new.options, now))
        .column("deadline", |(_, new)| new.deadline(now))
        .column("key", |(_, new)| new.idempotency.map(|known| known.key.clone()))
        .column("fingerprint", |(_, new)| new.idempotency.map(|known| known.fingerprint.as_slice()))
        .statement(WRITE)
}
