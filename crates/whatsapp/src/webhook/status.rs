//! How far a message of the business has got.

use serde_json::Value;

use super::party::{Contacts, Party};
use crate::json::Read;

/// One update of a sent message. See Meta's page "status messages webhook reference".
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The message, ours or another app's.
    pub wamid: String,
    /// `sent`, `delivered`, `read`, `played`, `failed` or a new word, lower case.
    pub status: String,
    /// When it happened, in Unix seconds.
    pub timestamp: Option<i64>,
    /// The customer; in a group, the member this update is about.
    pub recipient: Party,
    /// The group the message went to.
    pub group_id: Option<String>,
    /// The id of the group's member.
    pub participant: Option<String>,
    /// What our send request asked to be echoed.
    pub callback_data: Option<String>,
    /// Why it failed.
    pub errors: Option<Value>,
    /// What it costs.
    pub pricing: Option<Value>,
    /// The conversation it was charged to; mostly absent since v24.
    pub conversation: Option<Value>,
    /// Meta's object, unchanged.
    pub payload: Value,
    /// Whether another app sent the message while we stood by.
    pub standby: bool,
}

impl Status {
    /// Reads Meta's object; one without id could never be told to a message.
    pub(super) fn read(payload: &Value, contacts: &Contacts, alone: bool, standby: bool) -> Option<Status> {
        let phone = payload.id("recipient_participant_id").or_else(|| payload.id("participant_recipient_id"));
        let user_id = payload.id("recipient_participant_user_id");
        let participant = phone.clone().or_else(|| user_id.clone());
        let to_group = payload.get("recipient_type").is_some_and(|t| t == "group") || participant.is_some();
        let mut recipient = if to_group {
            Party::new(phone, user_id, payload.id("recipient_participant_parent_user_id"))
        } else {
            recipient(payload)
        };
        if !to_group || !recipient.is_empty() {
            contacts.complete(&mut recipient, alone);
        }
        let conversation = payload.object("conversation");
        let pricing = payload.object("pricing").or_else(|| conversation?.object("pricing"));
        let status = payload.text("status").unwrap_or_else(|| "unknown".to_owned());
        Some(Status {
            wamid: payload.id("id")?,
            status: status.to_lowercase(),
            timestamp: payload.seconds("timestamp"),
            recipient,
            group_id: to_group.then(|| payload.id("recipient_id")).flatten(),
            participant,
            callback_data: payload.text("biz_opaque_callback_data"),
            errors: payload.errors(),
            pricing: pricing.cloned(),
            conversation: conversation.cloned(),
            payload: payload.clone(),
            standby,
        })
    }
}

/// The recipient of a message or call to one user, in the spellings of several months.
pub(super) fn recipient(payload: &Value) -> Party {
    let parent = ["recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id"]
        .iter()
        .find_map(|key| payload.id(key));
    Party::new(payload.id("recipient_id"), payload.id("recipient_user_id"), parent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(payload: Value) -> Option<Status> {
        Status::read(&payload, &Contacts::default(), true, false)
    }

    #[test]
    fn a_status_of_a_group_names_the_group_and_the_member() {
        for key in ["recipient_participant_id", "participant_recipient_id"] {
            let status = read(json!({"id": "w", "status": "READ", "recipient_id": "grp", key: "1650"})).unwrap();
            assert_eq!(status.status, "read");
            assert_eq!(status.group_id.as_deref(), Some("grp"));
            assert_eq!(status.participant.as_deref(), Some("1650"));
            assert_eq!(status.recipient.wa_id.as_deref(), Some("1650"));
        }
        let whole = read(json!({"id": "w", "recipient_id": "grp", "recipient_type": "group"})).unwrap();
        assert_eq!(whole.status, "unknown");
        assert_eq!((whole.group_id.as_deref(), whole.recipient.is_empty()), (Some("grp"), true));
    }

    #[test]
    fn pricing_may_hide_in_the_conversation() {
        let status = read(json!({"id": "w", "conversation": {"pricing": {"billable": true}}})).unwrap();
        assert_eq!(status.pricing, Some(json!({"billable": true})));
    }

    #[test]
    fn a_status_without_id_is_none() {
        assert_eq!(read(json!({"status": "sent"})), None);
    }
}
