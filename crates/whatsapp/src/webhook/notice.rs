//! An event to keep and to pass on, beside what it means to us.

use serde_json::Value;

use super::field::Subject;
use super::party::Party;
use super::scope::Scope;
use crate::json::{self, Read};

/// Something Meta says that is no message and no status.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The webhook field, known or not.
    pub kind: String,
    /// What happened, such as `PARTNER_ADDED`, `connect` or `group_create`.
    pub name: Option<String>,
    /// When, in Unix seconds.
    pub timestamp: Option<i64>,
    /// The customer concerned.
    pub party: Option<Party>,
    /// The message concerned.
    pub wamid: Option<String>,
    /// What it is about, whatever its field is called.
    pub subject: Subject,
    /// The same for each delivery of the same event.
    pub key: String,
    /// Meta's object: one element of a list, or the whole value.
    pub data: Value,
}

/// Where an event's name may be, the most telling first.
const NAMES: [&str; 7] = ["event", "event_name", "type", "decision", "value", "status", "alert_type"];

impl Notice {
    pub(super) fn read(scope: &Scope, data: &Value) -> Notice {
        let inner = data.get("alert_info").unwrap_or(&Value::Null);
        let name = NAMES.iter().find_map(|key| data.text(key).or_else(|| inner.text(key)));
        let timestamp = data.seconds("timestamp").or_else(|| scope.value.seconds("timestamp"));
        Notice {
            kind: scope.field.clone(),
            name,
            timestamp: timestamp.or_else(|| scope.entry.seconds("time")),
            party: None,
            wamid: None,
            subject: Subject::default(),
            key: key(scope, data),
            data: data.clone(),
        }
    }

    pub(super) fn about(self, party: Party) -> Notice {
        Notice { party: Some(party).filter(|p| !p.is_empty()), ..self }
    }

    pub(super) fn named(self, name: Option<String>) -> Notice {
        Notice { name, ..self }
    }
}

/// Two numbers of a group, or of a customer who wants nothing any more, are told the same in the same second: an element of a
/// list does not say of which it is.
fn key(scope: &Scope, data: &Value) -> String {
    let entry = |key| scope.entry.get(key).unwrap_or(&Value::Null);
    let field = Value::String(scope.field.clone());
    let mut said = vec![&field, entry("id"), entry("time"), data];
    let number = scope.phone_number_id().filter(|_| !std::ptr::eq(data, scope.value)).map(Value::String);
    said.extend(&number);
    json::hash(&said)
}
