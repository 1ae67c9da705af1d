//! A change of user ids as drafts of 2026 announced it, before Meta made it a system message.

use serde_json::{Value, json};

use super::change::Item;
use super::effect::Effect;
use super::items::{Items, Nest};
use super::message::{Direction, Message, Origin, Place, synthetic_id};
use super::notice::Notice;
use super::party::{Contacts, Party};
use crate::json::Read;

impl Items<'_> {
    /// Reads a list of such changes, or one as the value itself.
    pub(super) fn user_id_updates(&mut self, value: &Value) {
        let contacts = Contacts::read(value, self.scope.business());
        let listed = self.each(Nest::Value, value, "user_id_update", |items, update| {
            items.user_id_update(update, &contacts);
            Ok(())
        });
        if !listed {
            self.user_id_update(value, &contacts);
        }
    }

    fn user_id_update(&mut self, update: &Value, contacts: &Contacts) {
        let system = json!({
            "type": "user_changed_user_id",
            "body": update.get("detail"),
            "wa_id": update.get("wa_id"),
            "user_id": moved(update, "user_id", "current"),
            "previous_user_id": moved(update, "user_id", "previous"),
            "parent_user_id": moved(update, "parent_user_id", "current"),
            "previous_parent_user_id": moved(update, "parent_user_id", "previous"),
        });
        let message = json!({
            "id": update.id("id").unwrap_or_else(|| synthetic_id(update)),
            "timestamp": update.get("timestamp"),
            "type": "system",
            "system": system,
        });
        let mut message = Message::read(
            &message,
            Place { origin: Origin::Webhook, direction: Direction::Inbound, party: Party::default() },
        );
        message.payload = update.clone();
        let mut party = Party::default();
        if let Effect::Identity { current, .. } = &message.effect {
            party.clone_from(current);
            contacts.complete(&mut party, true);
            message.party.clone_from(&party);
            self.push(Item::Message(Box::new(message)));
        }
        self.push(Item::Notice(Notice::read(self.scope, update).about(party)));
    }
}

/// `user_id` as an object of `previous` and `current`, or two members side by side.
fn moved(update: &Value, key: &str, when: &str) -> Option<String> {
    match update.object(key) {
        Some(both) => both.id(when),
        None if when == "current" => update.id(key),
        None => update.id(&format!("{when}_{key}")),
    }
}
