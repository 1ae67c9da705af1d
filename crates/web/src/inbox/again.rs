//! Sending a message once more that did not go, or of which nobody knows: what is stored of it, whatever a form says.

use std::collections::HashSet;

use jiff::Timestamp;
use model::database::{DatabaseError, Tenant};
use model::message::{self, Message};
use model::user::Language;
use serde_json::Value;
use uuid::Uuid;

use super::compose::{self, Composed, ShownFile};
use crate::pages::{Failure, Said};

/// The message that a form wants sent once more, if it wants one: one of this conversation, that whoever asks may see.
pub(super) async fn wanted(tx: &Tenant, conversation_id: Uuid, again: &str) -> Result<Option<Message>, Failure> {
    let id = match again {
        "" => return Ok(None),
        id => id.parse().map_err(|_| Failure::NotThere)?,
    };
    let found = message::these(tx, conversation_id, vec![id]).await?.pop().filter(goes_again);
    found.map(Some).ok_or(Failure::NotThere)
}

/// Whether a page can say a message again.
fn goes_again(message: &Message) -> bool {
    let is_file = matches!(message.r#type.as_str(), "image" | "video" | "audio" | "document" | "sticker");
    message.direction == "outbound" && (message.r#type == "text" || is_file && message.media.is_some())
}

/// Whether it did not go, as far as anybody knows.
fn is_open(message: &Message) -> bool {
    matches!(message.status.as_deref(), Some("failed" | "unknown"))
}

/// Whether that is still so, and nobody said it again. Nothing must come between this and the sending.
pub(super) async fn is_still_open(tx: &Tenant, conversation_id: Uuid, id: Uuid) -> Result<bool, Failure> {
    let found = message::these(tx, conversation_id, vec![id]).await?;
    Ok(found.first().is_some_and(is_open) && message::repeated(tx, vec![id]).await?.is_empty())
}

/// Which of these messages can be said again: those that are open, and that nobody said again. Where that fails too, that one can.
pub(super) async fn offered(tx: &Tenant, messages: &[Message]) -> Result<HashSet<Uuid>, DatabaseError> {
    let open = messages.iter().filter(|message| is_open(message) && goes_again(message));
    let mut open: HashSet<Uuid> = open.map(|message| message.id).collect();
    if !open.is_empty() {
        let said = message::repeated(tx, open.iter().copied().collect()).await?;
        open.retain(|id| !said.contains(id));
    }
    Ok(open)
}

/// The message, as Meta takes it, with the line that said who wrote it, where it had one.
pub(super) async fn compose(
    tx: &Tenant,
    now: Timestamp,
    message: &Message,
    language: Language,
) -> Result<Result<Composed, Said>, Failure> {
    let reply_to = message.reply_to_wamid.clone();
    let Some(media) = &message.media else { return Ok(compose::text(&message.text, reply_to, language)) };
    let payload: Value = serde_json::from_str(message.payload.0.get()).unwrap_or_default();
    let kind = message.r#type.as_str();
    let shown = ShownFile {
        media_id: media.id,
        as_document: kind == "document",
        voice: payload[kind]["voice"] == true,
        words: payload[kind]["caption"].as_str().unwrap_or_default(),
    };
    shown.message(tx, now, reply_to, language).await
}
