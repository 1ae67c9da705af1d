//! A phone's chats and messages, as the page draws them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::world::script::choices;
use crate::world::{Direction, Message, Number, Thread, World};

/// A business number as a contact of the phone.
pub(super) fn number(world: &World, number: &Number) -> Value {
    json!({
        "phone_number_id": number.id, "display": number.display, "name": number.verified_name,
        "business": world.business_of(&number.id).map(|business| &business.name),
        "verified": world.business_of(&number.id).is_some_and(|business| business.verified),
        "about": number.profile.about, "registered": number.registered,
    })
}

/// The chats of a customer, the last said first, then the numbers they never wrote with.
pub(super) fn chats(world: &World, customer: &str, now: Timestamp, speed: f64) -> Vec<Value> {
    let mut rows: Vec<(Option<Timestamp>, Value)> = Vec::new();
    for of in world.numbers.values() {
        let thread = world.threads.get(&(of.id.clone(), customer.to_owned()));
        let seen: Vec<&Message> = thread.map(|thread| visible(world, thread).collect()).unwrap_or_default();
        let last = seen.iter().rev().find(|message| message.error.is_none()).copied();
        let mut row = relation(world, of, customer, thread, now, speed);
        row.insert("unread".into(), seen.iter().filter(|message| unread(message, thread)).count().into());
        row.insert("last".into(), last.map(|last| message(world, last)).into());
        rows.push((last.map(|last| last.at), Value::Object(row)));
    }
    // Stable: numbers without a word stay in their own order.
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// One chat with all that the phone shows of it.
pub(super) fn thread(world: &World, of: &Number, customer: &str, now: Timestamp, speed: f64) -> Value {
    let thread = world.threads.get(&(of.id.clone(), customer.to_owned()));
    let mut chat = relation(world, of, customer, thread, now, speed);
    let messages: Vec<Value> =
        thread.into_iter().flat_map(|thread| visible(world, thread)).map(|shown| message(world, shown)).collect();
    chat.insert("messages".into(), messages.into());
    chat.insert("window_open".into(), world.window_open(&of.id, customer, now).into());
    chat.insert("customer".into(), world.customers[customer].show());
    chat.insert("now".into(), json!(now));
    Value::Object(chat)
}

/// How number and customer stand to each other.
fn relation(
    world: &World,
    of: &Number,
    customer: &str,
    thread: Option<&Thread>,
    now: Timestamp,
    speed: f64,
) -> Map<String, Value> {
    let known = &world.customers[customer];
    let typing = thread.and_then(|thread| thread.typing_until).map_or(0.0, |until| {
        // Of the world's time, which is what the page waits in.
        (until.duration_since(now).as_secs_f64() / speed).max(0.0)
    });
    Map::from_iter([
        ("number".to_owned(), number(world, of)),
        ("typing_seconds".to_owned(), typing.into()),
        ("blocked".to_owned(), known.blocks.contains(&of.id).into()),
        ("marketing_stopped".to_owned(), known.stopped_marketing.contains(&of.id).into()),
    ])
}

/// What a phone shows: what its owner wrote, what came, and what did not reach it.
fn visible<'a>(world: &'a World, thread: &'a Thread) -> impl Iterator<Item = &'a Message> {
    thread.wamids.iter().filter_map(|wamid| world.messages.get(wamid)).filter(|message| {
        message.direction == Direction::FromCustomer || message.error.is_some() || message.has("delivered")
    })
}

fn unread(message: &Message, thread: Option<&Thread>) -> bool {
    let came = message.statuses.iter().find(|(status, _)| *status == "delivered").map(|(_, at)| *at);
    let looked = thread.and_then(|thread| thread.looked_at);
    message.direction == Direction::FromBusiness
        && message.error.is_none()
        && !message.has("read")
        && came.is_some_and(|at| looked.is_none_or(|looked| looked < at))
}

/// A message.
fn message(world: &World, shown: &Message) -> Value {
    let options: Vec<Value> = choices(shown)
        .into_iter()
        .map(|choice| json!({ "title": choice.title, "description": choice.description }))
        .collect();
    let reactions: Vec<Value> = shown.reactions.iter().map(|(by, emoji)| json!({ "by": by, "emoji": emoji })).collect();
    let status = ["failed", "played", "read", "delivered", "sent"].into_iter().find(|status| shown.has(status));
    json!({
        "wamid": shown.wamid, "from": shown.direction, "kind": shown.kind,
        "content": if shown.deleted { &Value::Null } else { &shown.content },
        "rendered": if shown.deleted { None } else { shown.rendered.as_ref() },
        "media": media(world, &shown.content), "reply_to": shown.reply_to, "at": shown.at, "status": status,
        "error": shown.error, "reactions": reactions, "edited": shown.edited, "deleted": shown.deleted,
        "choices": options,
    })
}

/// Type, name and size of the medium that a message carries.
fn media(world: &World, content: &Value) -> Option<Value> {
    let media = world.media.get(content["id"].as_str()?)?;
    Some(json!({
        "id": media.id, "mime_type": media.mime_type, "filename": media.filename, "size": media.bytes.len(),
    }))
}
