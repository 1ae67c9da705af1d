//! The address book of a number that is also used on a phone.

use serde_json::Value;

use super::party::Party;
use crate::json::Read;

/// What happened to an entry of the address book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncAction {
    /// It is there, new or changed.
    Add,
    /// It was deleted.
    Remove,
}

/// One entry. See Meta's page "smb_app_state_sync webhook reference".
#[derive(Debug, Clone, PartialEq)]
pub struct ContactSync {
    /// The contact; the name is the one the business gave.
    pub party: Party,
    /// Whether the entry came or went.
    pub action: SyncAction,
    /// When, in Unix seconds.
    pub timestamp: Option<i64>,
    /// Meta's object, unchanged.
    pub payload: Value,
}

impl ContactSync {
    pub(super) fn read(payload: &Value) -> Option<ContactSync> {
        let contact = payload.object("contact")?;
        let mut party = Party::read(contact);
        party.name = ["full_name", "first_name", "name"].iter().find_map(|key| contact.text(key));
        let removed =
            matches!(payload.get("action").and_then(Value::as_str), Some("remove" | "removed" | "delete" | "deleted"));
        let metadata = payload.get("metadata").unwrap_or(&Value::Null);
        Some(ContactSync {
            party,
            action: if removed { SyncAction::Remove } else { SyncAction::Add },
            timestamp: metadata.seconds("timestamp").or_else(|| payload.seconds("timestamp")),
            payload: payload.clone(),
        })
    }
}
