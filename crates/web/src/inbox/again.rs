//! Sending a message once more that did not go, or of which nobody knows: what is stored of it, whatever a form says.

use std::collections::HashSet;

use jiff::Timestamp;
use model::database::{DatabaseError, Tenant};
use model::message::{self, Message};
use model::user::Language;
use serde_json::Value;
use sha2::{Digest, Sha256};
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

/// What the message is called that says this one again. There is one such name, so whoever asks, and from whatever page, it is
/// said again once; where that fails too, that one is said again.
pub(super) fn name(id: Uuid) -> Uuid {
    let (millis, _) = id.as_u64_pair();
    let hash = Sha256::digest([b"again ".as_slice(), id.as_bytes()].concat());
    let random = std::array::from_fn(|at| hash[at]);
    uuid::Builder::from_unix_timestamp_millis(millis >> 16, &random).into_uuid()
}

/// Whether that is still so, and nobody said it again. Nothing must come between this and the sending.
pub(super) async fn is_still_open(tx: &Tenant, conversation_id: Uuid, id: Uuid) -> Result<bool, Failure> {
    let found = message::these(tx, conversation_id, vec![id, name(id)]).await?;
    Ok(matches!(&found[..], [one] if one.id == id && is_open(one)))
}

/// Which of these messages can be said again: those that are open, and that nobody said again.
pub(super) async fn offered(
    tx: &Tenant,
    conversation_id: Uuid,
    messages: &[Message],
) -> Result<HashSet<Uuid>, DatabaseError> {
    let open = messages.iter().filter(|message| is_open(message) && goes_again(message));
    let mut open: HashSet<Uuid> = open.map(|message| message.id).collect();
    if !open.is_empty() {
        let names = open.iter().copied().map(name).collect();
        let said: HashSet<Uuid> =
            message::these(tx, conversation_id, names).await?.into_iter().map(|message| message.id).collect();
        open.retain(|id| !said.contains(&name(*id)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_said_again_has_a_name_of_its_own_and_always_the_same() {
        let [one, other] = [Uuid::now_v7(), Uuid::now_v7()];
        assert_eq!(name(one), name(one));
        assert!(name(one) != one && name(one) != name(other) && name(name(one)) != one);
        assert_eq!(name(one).get_version_num(), 7);
        assert_eq!(name(one).as_bytes()[..6], one.as_bytes()[..6]);
    }
}
