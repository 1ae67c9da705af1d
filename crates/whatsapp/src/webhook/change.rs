//! One change: the news of one webhook field about one number or account.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::contact_sync::ContactSync;
use super::envelope::{Bad, change_body};
use super::history::HistoryProgress;
use super::items;
use super::message::Message;
use super::notice::Notice;
use super::number::NumberUpdate;
use super::scope::Scope;
use super::status::Status;
use super::template::TemplateUpdate;

/// A change, with what is needed to route it and all it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it stands in its body: in which entry, and there the how manieth change.
    pub at: (usize, usize),
    /// The webhook field; if Meta left it out, what the value's members tell, or empty.
    pub field: String,
    /// The entry's id: an account, or a portfolio for partner events.
    pub entry_id: Option<String>,
    /// The entry's time, in Unix seconds; absent for messages.
    pub entry_time: Option<i64>,
    /// The number it is about, by id.
    pub phone_number_id: Option<String>,
    /// The number it is about, digits only.
    pub display_phone_number: Option<String>,
    /// The WhatsApp account it is about: candidates, the most reliable first.
    pub waba_ids: Vec<String>,
    /// The portfolio that owns the account: candidates.
    pub owner_business_ids: Vec<String>,
    /// What it says.
    pub items: Vec<Item>,
    envelope: Envelope,
}

/// Meta's objects, to write the change out again.
#[derive(Debug, Clone, PartialEq)]
struct Envelope {
    entry: Arc<Value>,
    change: Value,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A message, from or to a customer.
    Message(Box<Message>),
    /// How far a message has got.
    Status(Box<Status>),
    /// An entry of the phone's address book.
    ContactSync(ContactSync),
    /// How far the sync of the past has got.
    History(HistoryProgress),
    /// An error of the account, of no single message.
    Error(Value),
    /// News of a template.
    Template(TemplateUpdate),
    /// News of a number.
    Number(NumberUpdate),
    /// Any other event.
    Notice(Notice),
    /// An item that could not be read, among others that could.
    Bad(Bad),
}

impl Item {
    /// Meta's id of the message that it is, or is about.
    fn wamid(&self) -> Option<&str> {
        match self {
            Self::Message(message) => Some(&message.wamid),
            Self::Status(status) => Some(&status.wamid),
            _ => None,
        }
    }
}

impl Change {
    pub(super) fn read(at: (usize, usize), entry: Arc<Value>, change: Value) -> Change {
        let scope = Scope::read(&entry, &change);
        Change {
            at,
            entry_id: scope.entry_id(),
            entry_time: scope.entry_time(),
            phone_number_id: scope.phone_number_id(),
            display_phone_number: scope.display_phone_number.clone(),
            waba_ids: scope.waba_ids(),
            owner_business_ids: scope.owner_business_ids(),
            items: items::read(&scope),
            field: scope.field,
            envelope: Envelope { entry, change },
        }
    }

    /// A body of just this change, with those of its messages and statuses alone that are among its items by now: for a change
    /// that others have a part of.
    pub fn to_body_of_items(&self) -> Vec<u8> {
        let own: HashSet<&str> = self.items.iter().filter_map(Item::wamid).collect();
        let mut change = self.envelope.change.clone();
        if let Some(Value::Object(value)) = change.get_mut("value") {
            for list in ["messages", "statuses", "message_echoes"] {
                if let Some(Value::Array(items)) = value.get_mut(list) {
                    items.retain(|item| item.get("id").and_then(Value::as_str).is_some_and(|id| own.contains(id)));
                }
            }
            for of_all in ["contacts", "errors", "history", "state_sync"] {
                value.swap_remove(of_all);
            }
        }
        change_body(&self.envelope.entry, &change)
    }

    /// A body of just this change; [`parse`](super::parse) reads the same items from it.
    pub fn to_body(&self) -> Vec<u8> {
        change_body(&self.envelope.entry, &self.envelope.change)
    }
}
