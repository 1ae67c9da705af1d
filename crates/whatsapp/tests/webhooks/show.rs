//! Items as lines that a person can compare.

use std::fs;

use serde_json::Value;
use whatsapp::webhook::{BadReason, Change, Effect, Item, Message, Part, Party, Status, parse};

/// The fixtures of a folder, by name; none if the folder is missing.
pub(crate) fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

pub(crate) fn own_fixtures() -> Vec<(String, Vec<u8>)> {
    fixtures(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/webhooks"))
}

pub(crate) fn changes(parts: &[Part]) -> impl Iterator<Item = &Change> {
    parts.iter().filter_map(|part| match part {
        Part::Change(change) => Some(change),
        Part::Bad(_) => None,
    })
}

pub(crate) fn items(body: &[u8]) -> Vec<Item> {
    changes(&parse(body)).flat_map(|change| change.items.clone()).collect()
}

/// A body of one `messages` change with the given value members.
pub(crate) fn body(value: Value) -> Vec<u8> {
    let change = serde_json::json!({"field": "messages", "value": value});
    let body = serde_json::json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [change]}]});
    serde_json::to_vec(&body).unwrap()
}

pub(crate) fn lines(body: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for part in parse(body) {
        match part {
            Part::Change(change) => lines.extend(change.items.iter().map(line)),
            Part::Bad(bad) => lines.push(format!("{}: {}", bad.reason.as_str(), bad.detail)),
        }
    }
    lines
}

fn line(item: &Item) -> String {
    match item {
        Item::Message(message) => show_message(message),
        Item::Status(status) => show_status(status),
        Item::ContactSync(sync) => {
            format!("contact {:?} {} at {}", sync.action, who(&sync.party), opt(sync.timestamp))
        }
        Item::History(h) => format!(
            "history phase {} chunk {} progress {} errors {}",
            opt(h.phase),
            opt(h.chunk_order),
            opt(h.progress),
            h.errors.is_some()
        ),
        Item::Error(error) => format!("error {}", error["code"]),
        Item::Template(t) => format!(
            "template {} {} {} status {} category {} quality {} reason {} components {}",
            opt(t.template_id.as_deref()),
            opt(t.name.as_deref()),
            opt(t.language.as_deref()),
            opt(t.status.as_deref()),
            opt(t.category.as_deref()),
            opt(t.quality.as_deref()),
            opt(t.reason.as_deref()),
            opt(t.components.as_ref()),
        ),
        Item::Number(n) => format!(
            "number {} {} limit {} name {} {} username {} throughput {} settings {}",
            opt(n.display_phone_number.as_deref()),
            opt(n.quality_event.as_deref()),
            opt(n.messaging_limit.as_deref()),
            opt(n.verified_name.as_deref()),
            opt(n.name_status.as_deref()),
            opt(n.username.as_deref()),
            opt(n.throughput.as_deref()),
            n.settings.is_some(),
        ),
        Item::Notice(n) => format!(
            "notice {} {} by {} at {}",
            n.kind,
            opt(n.name.as_deref()),
            n.party.as_ref().map_or("-".to_owned(), who),
            opt(n.timestamp),
        ),
        Item::Bad(bad) => {
            assert_eq!(bad.reason, BadReason::BadChange);
            format!("bad {}", bad.detail)
        }
    }
}

fn show_message(m: &Message) -> String {
    let mut line = format!("{:?} {:?} {} {} {} “{}”", m.origin, m.direction, m.kind, m.wamid, who(&m.party), m.text);
    if let Some(group) = &m.group_id {
        line += &format!(" in {group}");
    }
    if let Some(target) = &m.reply_to {
        line += &format!(" to {target}");
    }
    if let Some(media) = &m.media {
        line += &format!(" file {}", opt(media.id.as_ref().or(media.url.as_ref())));
    }
    if let Some(status) = &m.history_status {
        line += &format!(" was {status}");
    }
    if m.errors.is_some() {
        line += " with errors";
    }
    line + &show_effect(&m.effect)
}

fn show_effect(effect: &Effect) -> String {
    match effect {
        Effect::Plain => String::new(),
        Effect::Line => " (line)".to_owned(),
        Effect::Reaction { target, emoji } => {
            format!(" (reaction {} on {target})", opt(emoji.as_deref()))
        }
        Effect::Edit { target, kind, text, media, .. } => {
            format!(" (edit of {target}: {kind} “{text}” {})", opt(media.as_ref().and_then(|m| m.id.as_deref())))
        }
        Effect::Revoke { target } => format!(" (revoke of {target})"),
        Effect::Identity { previous, current } => {
            format!(" (was {} is {})", who(previous), who(current))
        }
    }
}

fn show_status(s: &Status) -> String {
    let mut line = format!("status {} {} {}", s.status, s.wamid, who(&s.recipient));
    if let Some(group) = &s.group_id {
        line += &format!(" in {group} member {}", opt(s.participant.as_deref()));
    }
    if let Some(data) = &s.callback_data {
        line += &format!(" for {data}");
    }
    if let Some(pricing) = &s.pricing {
        line += &format!(" price {}", pricing["category"]);
    }
    if s.errors.is_some() {
        line += " with errors";
    }
    if s.standby {
        line += " (standby)";
    }
    line
}

/// The identities of a party that are there, then the name.
fn who(p: &Party) -> String {
    let ids = [&p.wa_id, &p.user_id, &p.parent_user_id];
    let mut shown: Vec<String> = ids.into_iter().flatten().cloned().collect();
    shown.extend(p.username.as_ref().map(|name| format!("@{name}")));
    shown.extend(p.name.as_ref().map(|name| format!("<{name}>")));
    if shown.is_empty() { "nobody".to_owned() } else { shown.join("/") }
}

fn opt(value: Option<impl ToString>) -> String {
    value.map_or("-".to_owned(), |v| v.to_string())
}
