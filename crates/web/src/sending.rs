//! What every way of sending has in common: from a checked message to its place in the queue.

mod gather;

use std::collections::HashSet;

use jiff::SignedDuration;
use model::database::Tenant;
use model::event;
use model::message::{self, Message};
use model::outbox::{self, Content, Due, Idempotency, Recipient, Refusal, Wish};
use model::template::known::Known;
use model::{CommitError, DatabaseError, Scope};
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp::outgoing::{self, Outgoing, Problems, TemplateUse};
use whatsapp::phone;

use crate::State;

pub use gather::Gathering;
pub(crate) use gather::Order;

/// How far ahead a message may be planned.
pub(crate) const FAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A checked message as the queue takes it.
pub(crate) fn content(outgoing: Outgoing) -> Content {
    let mut body = outgoing.body;
    let mut callback_data = None;
    if let Value::Object(members) = &mut body {
        members.shift_remove("recipient_type");
        // Meta gets our id in its place: that is how a send whose answer was lost is known again.
        callback_data = members.shift_remove("biz_opaque_callback_data");
    }
    let reacts_to = body["reaction"]["message_id"].as_str().map(str::to_owned);
    Content {
        kind: outgoing.kind.as_str().to_owned(),
        text: outgoing.text,
        body: body.to_string(),
        reply_to_wamid: outgoing.reply_to.or(reacts_to),
        callback_data: callback_data.as_ref().and_then(Value::as_str).map(str::to_owned),
        needs_window: outgoing.needs_window,
        needs_phone: outgoing.needs_phone,
        files: Vec::new(),
    }
}

/// Measures a message by the template that it uses, as far as that is known, and writes what the customer will read.
pub(crate) fn fill(content: &mut Content, known: &Known, wanted: &TemplateUse) -> Result<(), Problems> {
    let Some(template) = known.template.as_ref().filter(|template| template.components_whole) else {
        return Ok(());
    };
    let Some(components) = &template.components else {
        return Ok(());
    };
    let preview = outgoing::fill(components, &wanted.parameters)?;
    content.needs_phone |= preview.needs_phone || template.category.as_deref() == Some("AUTHENTICATION");
    let words = preview.words();
    if !words.is_empty() {
        content.text = words;
    }
    Ok(())
}

/// A recipient as people write it, with the spellings that WhatsApp may know them by.
pub(crate) fn recipient(written: &str) -> Result<Recipient, outgoing::Problem> {
    Ok(match outgoing::recipient(written)? {
        outgoing::Recipient::Phone(digits) => {
            Recipient::Phone { spellings: phone::equivalents(&digits), digits, user_id: None }
        }
        outgoing::Recipient::UserId(id) => Recipient::User(id),
    })
}

/// A key, with what else the request says: the same key with something else is a mistake of whoever sends it.
pub(crate) fn idempotency(key: String, operation: &str, body: &Value) -> Idempotency {
    Idempotency { key, fingerprint: whatsapp::json_hash(&[&json!(operation), body]).into_bytes() }
}

/// Ends a transaction in which files and templates were looked up, before the message is queued in another. Files that it shows
/// stay from here on, and nothing else was changed.
pub(crate) async fn looked(tx: Tenant, shows_files: bool) -> Result<(), DatabaseError> {
    if !shows_files {
        tx.close();
        return Ok(());
    }
    tx.commit().await.map_err(CommitError::in_job)
}

/// A message that was put into the queue.
pub(crate) enum Queued {
    /// Its place is durable: it will be sent.
    Surely(Message),
    /// The database went away at COMMIT, and could not say what became of it.
    Perhaps(Message),
}

/// Queues a message in a transaction of the caller's, and tells the sender of this process. An error means that nothing was
/// queued.
pub(crate) async fn queue(state: &State, tx: Tenant, wish: Wish<'_>) -> Result<Result<Queued, Refusal>, DatabaseError> {
    let line = event::line(&tx).await?;
    let (answer, due) = outbox::enqueue(&line, state.clock.now(), wish).await?;
    match answer {
        Ok(message) => Ok(Ok(finish(state, tx, vec![message], due).await?.remove(0))),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Commits messages that were put into the queue, and tells the sender of this process. An error means that nothing was queued.
pub(crate) async fn finish(
    state: &State,
    tx: Tenant,
    messages: Vec<Message>,
    due: Due,
) -> Result<Vec<Queued>, DatabaseError> {
    let scope = *tx.scope();
    let queued = match tx.commit().await {
        Ok(()) => messages.into_iter().map(Queued::Surely).collect(),
        Err(CommitError::NotDone(error)) => return Err(error),
        // PostgreSQL forgot the transaction, as after a crash of its own; not what it kept.
        Err(CommitError::InDoubt(_)) => {
            let there = are_there(state, &scope, &messages).await;
            let seen = |message: Message| match there.contains(&message.id) {
                true => Queued::Surely(message),
                false => Queued::Perhaps(message),
            };
            messages.into_iter().map(seen).collect()
        }
    };
    state.wake.tell(due);
    Ok(queued)
}

/// Which of them can be seen; none where nothing can be.
async fn are_there(state: &State, scope: &Scope, messages: &[Message]) -> HashSet<Uuid> {
    let find = async {
        let tx = state.database.tenant(scope).await?;
        message::by_id(&tx, messages.iter().map(|message| message.id).collect()).await
    };
    find.await.map(|found| found.into_iter().map(|message| message.id).collect()).unwrap_or_default()
}
