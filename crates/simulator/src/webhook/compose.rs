//! Updates into bodies: to whom, how many in one, and the exact bytes.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};
use serde_json::{Map, Value, json};

use super::{OVERRIDABLE, Update};
use crate::world::World;

/// Updates that Meta puts into one POST at most (§2.5).
const MOST: usize = 1000;

/// A body that is to be posted.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) app_id: String,
    pub(crate) url: String,
    pub(crate) bytes: Bytes,
    pub(crate) phone_number_ids: Vec<String>,
    pub(crate) wamids: Vec<String>,
    pub(crate) fields: Vec<String>,
}

/// Puts updates into bodies: some alone, some together, by the world's chance. Takes apart by App and callback.
pub(crate) fn compose(world: &mut World, updates: Vec<Update>) -> Vec<Body> {
    let mut open: Vec<(String, String, Vec<Update>)> = Vec::new();
    for update in updates {
        for (app_id, url) in targets(world, &update) {
            let batched = update.together || world.chance.happens(world.batching);
            let fits = |(app, to, inside): &&mut (String, String, Vec<Update>)| {
                batched && *app == app_id && *to == url && inside.len() < MOST
            };
            match open.iter_mut().rev().find(fits) {
                Some((_, _, inside)) => inside.push(update.clone()),
                None => open.push((app_id, url, vec![update.clone()])),
            }
        }
    }
    open.into_iter().map(|(app_id, url, updates)| body(world, app_id, url, updates)).collect()
}

/// The Apps that hear of an update, and where: the number's callback, else the account's, else the App's (§2.6).
fn targets(world: &World, update: &Update) -> Vec<(String, String)> {
    // What is told to a partner's portfolio reaches its Apps, whether they hear of the account or not (§3).
    let partners: Vec<_> = world.apps.values().filter(|app| app.business_id == update.entry_id).collect();
    if !partners.is_empty() {
        let hears = |app: &&crate::world::App| {
            let subscription = app.subscription.as_ref().filter(|one| one.fields.contains(&update.field))?;
            Some((app.id.clone(), subscription.callback.url.clone()))
        };
        return partners.iter().filter_map(hears).collect();
    }
    let Some(waba) = world.wabas.get(&update.waba_id) else {
        return Vec::new();
    };
    let number = update.phone_number_id.as_ref().and_then(|id| world.numbers.get(id));
    let overridable = OVERRIDABLE.contains(&update.field.as_str());
    let target = |(app_id, of_waba): (&String, &Option<crate::world::Callback>)| {
        let app = world.apps.get(app_id)?;
        let subscription = app.subscription.as_ref()?;
        if !subscription.fields.contains(&update.field) {
            return None;
        }
        let of_number = number.and_then(|number| number.override_callback.as_ref());
        let other = if overridable { of_number.or(of_waba.as_ref()) } else { None };
        Some((app_id.clone(), other.unwrap_or(&subscription.callback).url.clone()))
    };
    waba.subscribed.iter().filter_map(target).collect()
}

fn body(world: &mut World, app_id: String, url: String, updates: Vec<Update>) -> Body {
    let mut made =
        Body { app_id, url, bytes: Bytes::new(), phone_number_ids: Vec::new(), wamids: Vec::new(), fields: Vec::new() };
    let mut entries: Vec<Entry> = Vec::new();
    for update in updates {
        made.phone_number_ids.extend(update.phone_number_id.clone());
        made.wamids.extend(update.wamid.clone());
        made.fields.push(update.field.clone());
        let fits = |entry: &&mut Entry| entry.id == update.entry_id && entry.time == update.time;
        let changes = match entries.iter_mut().find(fits) {
            Some(entry) => &mut entry.changes,
            None => {
                entries.push(Entry { id: update.entry_id, time: update.time, changes: Vec::new() });
                &mut entries.last_mut().expect("one was pushed").changes
            }
        };
        // Of one number, updates share a value as often as not.
        let shared = world.chance.happens(0.5);
        let last = changes.last_mut().filter(|(field, value)| {
            shared && *field == update.field && field == "messages" && value["metadata"] == update.value["metadata"]
        });
        match last {
            Some((_, value)) => merge(value, update.value),
            None => changes.push((update.field, update.value)),
        }
    }
    let entry: Vec<Value> = entries.into_iter().map(Entry::into_json).collect();
    made.bytes = bytes(&json!({ "object": "whatsapp_business_account", "entry": entry }));
    made
}

/// `entry[]` of a body: an account, the time where its fields have one, and what changed, as (field, value).
struct Entry {
    id: String,
    time: Option<i64>,
    changes: Vec<(String, Value)>,
}

impl Entry {
    fn into_json(self) -> Value {
        let mut entry = Map::from_iter([("id".to_owned(), Value::from(self.id))]);
        if let Some(time) = self.time {
            entry.insert("time".into(), time.into());
        }
        let changes = self.changes.into_iter().map(|(field, value)| json!({ "value": value, "field": field }));
        entry.insert("changes".into(), changes.collect());
        Value::Object(entry)
    }
}

/// Joins the lists of two values of one number; people are named once.
fn merge(into: &mut Value, from: Value) {
    let Value::Object(from) = from else { return };
    for (key, list) in from {
        let Value::Array(list) = list else { continue };
        let known = into.as_object_mut().expect("a value is an object").entry(key.clone()).or_insert_with(|| json!([]));
        let known = known.as_array_mut().expect("the same key holds a list in both");
        known.extend(list);
        if key == "contacts" {
            let mut seen = Vec::new();
            known.retain(|contact| {
                let fresh = !seen.contains(contact);
                seen.push(contact.clone());
                fresh
            });
        }
    }
}

/// Compact JSON in ASCII, with `\/`, as Meta signs it (§2.2).
pub(crate) fn bytes(value: &Value) -> Bytes {
    let mut out = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Ascii);
    value.serialize(&mut serializer).expect("a Value has nothing that JSON lacks");
    out.into()
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for char in fragment.chars() {
            match char {
                '/' => writer.write_all(br"\/")?,
                ' '..='~' => writer.write_all(&[char as u8])?,
                _ => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(br#"\""#),
            CharEscape::ReverseSolidus => writer.write_all(br"\\"),
            CharEscape::Solidus => writer.write_all(br"\/"),
            CharEscape::Backspace => writer.write_all(br"\b"),
            CharEscape::FormFeed => writer.write_all(br"\f"),
            CharEscape::LineFeed => writer.write_all(br"\n"),
            CharEscape::CarriageReturn => writer.write_all(br"\r"),
            CharEscape::Tab => writer.write_all(br"\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_compact_ascii() {
        let value = json!({ "text": "ñ 😀 a/b \"q\"\n\u{7f}", "n": 1 });
        assert_eq!(bytes(&value), br#"{"text":"\u00f1 \ud83d\ude00 a\/b \"q\"\n\u007f","n":1}"#.as_slice());
    }
}
