//! From the bytes of a POST to its changes.

use std::sync::Arc;

use serde_json::Value;

use super::change::Change;
use crate::json::{self, Map, type_of};

/// A part of a body.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every part is a change")]
pub enum Part {
    /// A change that could be read.
    Change(Change),
    /// A part that could not.
    Bad(Bad),
}

/// Something that could not be read, kept for a person or a later version to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// What is wrong.
    pub reason: BadReason,
    /// Where and why, without any content of messages.
    pub detail: String,
    /// A body of just this part that can be parsed again, or the raw bytes.
    pub body: Vec<u8>,
}

/// What is wrong with a bad part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadReason {
    /// The body is no JSON, even after mending.
    NotJson,
    /// It is JSON, but no event of a WhatsApp account.
    BadEnvelope,
    /// An entry without changes.
    BadEntry,
    /// A change without value, or something broken inside one.
    BadChange,
}

impl BadReason {
    /// A name to store and to count by.
    pub fn as_str(self) -> &'static str {
        match self {
            BadReason::NotJson => "not_json",
            BadReason::BadEnvelope => "bad_envelope",
            BadReason::BadEntry => "bad_entry",
            BadReason::BadChange => "bad_change",
        }
    }
}

/// So many bad parts (or bad items of a change) get bodies of their own; beyond that the
/// whole is kept once instead, or a body of small bad parts would grow a hundredfold.
pub(super) const MOST_BAD: usize = 100;

/// The kind of object that WhatsApp's webhooks are about.
pub const OBJECT: &str = "whatsapp_business_account";

/// Takes a body apart. Never panics and never fails as a whole: a body that is no JSON
/// gives one [`Bad`] part, an empty list of entries gives no part at all.
pub fn parse(body: &[u8]) -> Vec<Part> {
    let bad = |reason, detail| vec![Part::Bad(Bad { reason, detail, body: body.to_vec() })];
    let whole = match json::parse(body) {
        Ok(whole) => whole,
        Err(detail) => return bad(BadReason::NotJson, detail),
    };
    let entries = match entries(whole) {
        Ok(entries) => entries,
        Err(detail) => return bad(BadReason::BadEnvelope, detail),
    };
    let mut parts = Vec::new();
    for (n, entry) in entries.into_iter().enumerate() {
        read_entry(n, entry, &mut parts);
    }
    if parts.iter().filter(|part| matches!(part, Part::Bad(_))).count() > MOST_BAD {
        parts.retain(|part| matches!(part, Part::Change(_)));
        parts.extend(bad(BadReason::BadEntry, format!("more than {MOST_BAD} bad parts")));
    }
    parts
}

fn entries(whole: Value) -> Result<Vec<Value>, String> {
    let Value::Object(mut envelope) = whole else {
        return Err(format!("body is {}", type_of(&whole)));
    };
    match envelope.get("object") {
        None | Some(Value::Null) => {}
        Some(Value::String(object)) if object == OBJECT => {}
        Some(Value::String(object)) => return Err(format!("object is {}", word(object))),
        Some(other) => return Err(format!("object is {}", type_of(other))),
    }
    match envelope.swap_remove("entry") {
        Some(Value::Array(entries)) => Ok(entries),
        Some(other) => Err(format!("entry is {}", type_of(&other))),
        None => Err("entry is missing".to_owned()),
    }
}

/// A product's name fit for a log line.
fn word(object: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    object.chars().filter(plain).take(40).collect()
}

fn read_entry(n: usize, entry: Value, parts: &mut Vec<Part>) {
    let bad = |detail: String, entry: &Value| {
        let body = entry_body(entry);
        Part::Bad(Bad { reason: BadReason::BadEntry, detail, body })
    };
    match entry {
        Value::Object(mut map) => match map.swap_remove("changes") {
            Some(Value::Array(changes)) => {
                let header = Arc::new(header(map));
                let read = |(k, change)| read_change((n, k), &header, change);
                parts.extend(changes.into_iter().enumerate().map(read));
            }
            Some(other) => {
                let detail = format!("entry[{n}].changes is {}", type_of(&other));
                map.insert("changes".to_owned(), other);
                parts.push(bad(detail, &Value::Object(map)));
            }
            None => {
                let detail = format!("entry[{n}].changes is missing");
                parts.push(bad(detail, &Value::Object(map)));
            }
        },
        other => parts.push(bad(format!("entry[{n}] is {}", type_of(&other)), &other)),
    }
}

fn read_change(at: (usize, usize), header: &Arc<Value>, change: Value) -> Part {
    let place = format!("entry[{}].changes[{}]", at.0, at.1);
    let problem = match change.get("value") {
        Some(value) if value.is_object() => {
            return Part::Change(Change::read(at, header.clone(), change));
        }
        Some(value) => format!("{place}.value is {}", type_of(value)),
        None if change.is_object() => format!("{place}.value is missing"),
        None => format!("{place} is {}", type_of(&change)),
    };
    Part::Bad(Bad { reason: BadReason::BadChange, detail: problem, body: change_body(header, &change) })
}

/// What an entry says about all of its changes; each of them carries a copy out again, so
/// only what is known and small is kept.
fn header(mut entry: Map) -> Value {
    const KNOWN: [&str; 4] = ["id", "time", "field", "waba_info"];
    let mut header = Map::new();
    for key in KNOWN {
        if let Some(member) = entry.swap_remove(key)
            && is_small(&member)
        {
            header.insert(key.to_owned(), member);
        }
    }
    Value::Object(header)
}

/// Whether a value can be repeated for every part without making the whole much larger.
pub(super) fn is_small(value: &Value) -> bool {
    match value {
        Value::String(s) => s.len() <= json::LONGEST_ID,
        Value::Array(list) => list.len() <= 8 && list.iter().all(|v| !v.is_object() && is_small(v)),
        Value::Object(map) => map.len() <= 8 && map.values().all(|v| !v.is_object() && is_small(v)),
        _ => true,
    }
}

fn entry_body(entry: &Value) -> Vec<u8> {
    let mut out = format!(r#"{{"object":"{OBJECT}","entry":["#).into_bytes();
    json::write(entry, &mut out);
    out.extend_from_slice(b"]}");
    out
}

/// A body of one entry with one change.
pub(super) fn change_body(header: &Value, change: &Value) -> Vec<u8> {
    let mut out = format!(r#"{{"object":"{OBJECT}","entry":["#).into_bytes();
    json::write(header, &mut out);
    // The header is an object: its closing brace makes room for the changes.
    out.pop();
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(br#""changes":["#);
    json::write(change, &mut out);
    out.extend_from_slice(b"]}]}");
    out
}
