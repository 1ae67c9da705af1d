//! The past of a number that joined together with its phone app.

use serde_json::Value;

use super::change::Item;
use super::conversation::sender;
use super::items::{Items, Nest};
use super::message::{Direction, Origin, Place};
use super::party::{Business, Contacts, End, Party, customer};
use crate::json::Read;
use crate::phone::may_be_same;

/// How far the sync of the past has got. See Meta's page "history webhook reference".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryProgress {
    /// 0 for the last day, 1 up to day 90, 2 up to day 180.
    pub phase: Option<i64>,
    /// The place of this chunk among those of its phase; they may come in any order.
    pub chunk_order: Option<i64>,
    /// Percent done.
    pub progress: Option<i64>,
    /// Why there is no past, such as the owner's refusal.
    pub errors: Option<Value>,
}

pub(super) fn read(items: &mut Items, value: &Value, contacts: &Contacts) -> bool {
    items.each(Nest::Value, value, "history", |items, chunk| {
        let threads = items.each(Nest::Chunk, chunk, "threads", |items, thread| {
            let user = user_of(thread, contacts);
            items.each(Nest::Thread(thread), thread, "messages", |items, message| {
                read_message(items, message, &user);
                Ok(())
            });
            Ok(())
        });
        let flat = items.each(Nest::Chunk, chunk, "messages", |items, message| {
            read_message(items, message, &Party::default());
            Ok(())
        });
        if chunk.has("metadata") || chunk.has("errors") {
            items.push(Item::History(progress(chunk)));
        } else if !threads && !flat {
            return Err("without threads");
        }
        Ok(())
    })
}

fn progress(chunk: &Value) -> HistoryProgress {
    let metadata = chunk.get("metadata").unwrap_or(&Value::Null);
    HistoryProgress {
        phase: metadata.int("phase"),
        chunk_order: metadata.int("chunk_order"),
        progress: metadata.int("progress"),
        errors: chunk.errors(),
    }
}

/// The customer of a thread: its id, its context, and what the contacts add.
fn user_of(thread: &Value, contacts: &Contacts) -> Party {
    let mut user = Party::new(thread.id("id"), None, None);
    if let Some(context) = thread.object("context") {
        user.fill(&Party::read(context));
        user.name = context.text("name");
    }
    if !user.is_empty() {
        contacts.complete(&mut user, false);
    }
    user
}

fn read_message(items: &mut Items, message: &Value, user: &Party) {
    let business = items.scope.business();
    let direction = direction(message, user, business);
    let mut party = user.clone();
    match direction {
        Direction::Inbound => party.fill(&sender(message)),
        Direction::Outbound if user.is_empty() => party = customer(message, End::To, business),
        Direction::Outbound => {}
    }
    let origin = Origin::History;
    items.message(message, Place { origin, direction, party });
}

/// Who wrote a message of the past: the business if it is the sender, or if the sender is
/// not the thread's user.
pub(super) fn direction(message: &Value, user: &Party, business: Business<'_>) -> Direction {
    let from_me = message.get("history_context").and_then(|h| h.get("from_me")?.as_bool());
    let from = sender(message);
    let is_user = |party: &Party| {
        party
            .wa_id
            .as_deref()
            .zip(user.wa_id.as_deref())
            .is_some_and(|(one, other)| one == other || may_be_same(one, other))
            || party.user_id.is_some() && party.user_id == user.user_id
    };
    let is_business = business.sent(message);
    let inbound = match from_me {
        Some(from_me) => !from_me,
        None if is_business => false,
        None if user.is_empty() => !from.is_empty() || !message.has("to"),
        None if from.is_empty() => !message.has("to") && !message.has("to_user_id"),
        None => is_user(&from),
    };
    if inbound { Direction::Inbound } else { Direction::Outbound }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sender_tells_the_direction() {
        let user = Party::new(Some("222".into()), Some("US.2".into()), None);
        let nobody = Party::default();
        for (message, user, expected) in [
            (json!({"from": "111"}), &user, Direction::Outbound),
            (json!({"from": "222"}), &user, Direction::Inbound),
            (json!({"from": "+222"}), &user, Direction::Inbound),
            (json!({"from_user_id": "US.2"}), &user, Direction::Inbound),
            (json!({"from": "US.2"}), &user, Direction::Inbound),
            (json!({"from": "999"}), &user, Direction::Outbound),
            (json!({"to": "222"}), &user, Direction::Outbound),
            (json!({}), &user, Direction::Inbound),
            (json!({"from": "222"}), &nobody, Direction::Inbound),
            (json!({"from": "111"}), &nobody, Direction::Outbound),
            (json!({"to": "222"}), &nobody, Direction::Outbound),
            (json!({"from": "222", "history_context": {"from_me": true}}), &user, Direction::Outbound),
        ] {
            assert_eq!(direction(&message, user, Business(Some("111"))), expected, "{message}");
        }
    }
}
