//! What a message does to other messages or to contacts.

use serde_json::Value;

use super::media::Media;
use super::message::{kind_of, shape_of};
use super::party::Party;
use super::text;
use crate::json::Read;

/// What follows from a message beside its own line in the conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// An ordinary message.
    Plain,
    /// A reaction to a message, perhaps one never seen.
    Reaction {
        /// The message reacted to.
        target: String,
        /// `None` takes the reaction back.
        emoji: Option<String>,
    },
    /// A message was changed by its author.
    Edit {
        /// The message changed.
        target: String,
        /// The type of the new content.
        kind: String,
        /// The text of the new content.
        text: String,
        /// The file of the new content.
        media: Option<Media>,
        /// Meta's object of the new content.
        payload: Value,
    },
    /// A message was deleted for everyone.
    Revoke {
        /// The message deleted.
        target: String,
    },
    /// A user has new ids.
    Identity {
        /// The user so far.
        previous: Party,
        /// The same user from now on.
        current: Party,
    },
    /// A line to show that changes nothing.
    Line,
}

impl Effect {
    pub(super) fn of(payload: &Value, content: &Value, shape: &str) -> Effect {
        let inner = content.get(shape).unwrap_or(&Value::Null);
        match shape {
            "reaction" => reaction(inner).unwrap_or(Effect::Line),
            "edit" => edit(inner).unwrap_or(Effect::Line),
            "revoke" => target(inner).map_or(Effect::Line, |target| Effect::Revoke { target }),
            "system" => identity(payload, inner).unwrap_or(Effect::Line),
            _ => Effect::Plain,
        }
    }
}

fn reaction(reaction: &Value) -> Option<Effect> {
    let target = reaction.id("message_id")?;
    Some(Effect::Reaction { target, emoji: reaction.text("emoji") })
}

fn edit(edit: &Value) -> Option<Effect> {
    let message = edit.object("message")?;
    let shape = shape_of(message);
    Some(Effect::Edit {
        target: target(edit)?,
        kind: kind_of(message),
        text: text::of(message, shape),
        media: Media::of(message, shape).filter(Media::can_be_had),
        payload: message.clone(),
    })
}

fn target(change: &Value) -> Option<String> {
    change.id("original_message_id").or_else(|| change.id("message_id"))
}

/// A change of phone or user id, in the spellings of several years.
fn identity(payload: &Value, system: &Value) -> Option<Effect> {
    let current_phone = system.id("wa_id").or_else(|| system.id("new_wa_id"));
    let current = Party::new(
        current_phone.clone(),
        system.id("user_id").or_else(|| system.id("new_user_id")),
        system.id("parent_user_id").or_else(|| system.id("new_parent_user_id")),
    );
    let previous_phone = [payload.id("from"), system.id("customer"), system.id("previous_wa_id")]
        .into_iter()
        .flatten()
        .find(|phone| Some(phone) != current_phone.as_ref());
    let older = |own: Option<String>, sender: Option<String>, now: &Option<String>| {
        own.or(sender).filter(|id| Some(id) != now.as_ref())
    };
    let previous = Party::new(
        previous_phone,
        older(system.id("previous_user_id"), payload.id("from_user_id"), &current.user_id),
        older(system.id("previous_parent_user_id"), payload.id("from_parent_user_id"), &current.parent_user_id),
    );
    let kind = system.text("type").unwrap_or_default();
    let changed = CHANGES.contains(&kind.as_str()) || (kind.is_empty() && !current.is_empty());
    (changed && !current.is_empty() && !previous.is_empty()).then_some(Effect::Identity { previous, current })
}

const CHANGES: [&str; 3] = ["user_changed_number", "customer_changed_number", "user_changed_user_id"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(message: Value) -> Effect {
        Effect::of(&message, &message, shape_of(&message))
    }

    fn ids(phone: Option<&str>, user_id: Option<&str>) -> Party {
        Party::new(phone.map(str::to_owned), user_id.map(str::to_owned), None)
    }

    #[test]
    fn a_reaction_is_taken_back_by_an_empty_or_missing_emoji() {
        for gone in [
            json!({"message_id": "a", "emoji": ""}),
            json!({"message_id": "a", "emoji": null}),
            json!({"message_id": "a"}),
        ] {
            let effect = of(json!({"type": "reaction", "reaction": gone}));
            assert_eq!(effect, Effect::Reaction { target: "a".into(), emoji: None });
        }
    }

    #[test]
    fn effects_without_a_target_are_mere_lines() {
        for broken in [
            json!({"type": "reaction", "reaction": {"emoji": "👍"}}),
            json!({"type": "edit", "edit": {"message": {"text": {"body": "x"}}}}),
            json!({"type": "edit", "edit": {"original_message_id": "a"}}),
            json!({"type": "revoke", "revoke": {}}),
            json!({"type": "revoke"}),
            json!({"type": "system", "system": {"type": "user_changed_number"}}),
            json!({"type": "system", "from": "1", "system": {"type": "user_changed_number", "wa_id": "1"}}),
            json!({"type": "system", "from": "1", "system": {"type": "customer_identity_changed", "wa_id": "2"}}),
        ] {
            assert_eq!(of(broken.clone()), Effect::Line, "{broken}");
        }
    }

    #[test]
    fn every_spelling_of_a_changed_number_is_read() {
        let (old, new) = (ids(Some("1"), None), ids(Some("2"), None));
        for system in [
            json!({"type": "user_changed_number", "wa_id": "2"}),
            json!({"type": "user_changed_number", "new_wa_id": 2}),
            json!({"type": "customer_changed_number", "wa_id": "2", "customer": "1"}),
            json!({"new_wa_id": "2"}),
        ] {
            let effect = of(json!({"from": "1", "type": "system", "system": system}));
            assert_eq!(effect, Effect::Identity { previous: old.clone(), current: new.clone() });
        }
        let from_new = json!({"from": "2", "type": "system",
            "system": {"type": "user_changed_number", "wa_id": "2", "customer": "1"}});
        assert_eq!(of(from_new), Effect::Identity { previous: old, current: new });
    }

    #[test]
    fn user_ids_change_without_any_phone() {
        let system = json!({"type": "user_changed_user_id", "user_id": "US.2", "previous_user_id": "US.1"});
        assert_eq!(
            of(json!({"type": "system", "system": system})),
            Effect::Identity { previous: ids(None, Some("US.1")), current: ids(None, Some("US.2")) },
        );
    }
}
