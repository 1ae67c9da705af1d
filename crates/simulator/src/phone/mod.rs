//! The customer's phone: a page, and what it asks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::Stream;
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::control::customers::{known, known_number};
use crate::control::{Mistake, read};
use crate::engine::Meta;
use crate::world::customer::Reads;
use crate::world::script::choices;
use crate::world::{Customer, Direction, World};

mod page;
mod show;
mod voice;

/// A text may be edited for this long (§11).
const EDITABLE: SignedDuration = SignedDuration::from_mins(15);

/// The routes of the page.
pub(crate) fn router() -> Router<Arc<Meta>> {
    Router::new()
        .route("/", get(page::index))
        .route("/_phone/page/{name}", get(page::file))
        .route("/_phone/state", get(state))
        .route("/_phone/chats", get(chats))
        .route("/_phone/thread", get(thread))
        .route("/_phone/send", post(send))
        .route("/_phone/tap", post(tap))
        .route("/_phone/open", post(open))
        .route("/_phone/played", post(played))
        .route("/_phone/block", post(block))
        .route("/_phone/media", post(upload))
        .route("/_phone/media/{id}", get(media))
        .route("/_phone/live", get(live))
}

/// Whose phone.
#[derive(Deserialize)]
struct Phone {
    customer: String,
}

/// A chat on a phone.
#[derive(Deserialize)]
struct Chat {
    customer: String,
    phone_number_id: String,
}

impl Chat {
    fn checked(&self, world: &World) -> Result<(), Mistake> {
        known(world, &self.customer)?;
        known_number(world, &self.phone_number_id)
    }
}

/// Whom one can be, and to whom one can write.
async fn state(State(meta): State<Arc<Meta>>) -> axum::Json<Value> {
    let now = meta.clock.now();
    let world = meta.world();
    let numbers: Vec<Value> = world.numbers.values().map(|number| show::number(&world, number)).collect();
    let customers: Vec<Value> = world.customers.values().map(Customer::show).collect();
    axum::Json(json!({ "numbers": numbers, "customers": customers, "now": now }))
}

async fn chats(State(meta): State<Arc<Meta>>, Query(of): Query<Phone>) -> Result<axum::Json<Value>, Mistake> {
    let (now, speed) = (meta.clock.now(), meta.clock.speed());
    let world = meta.world();
    known(&world, &of.customer)?;
    let chats = show::chats(&world, &of.customer, now, speed);
    Ok(axum::Json(json!({ "customer": world.customers[&of.customer].show(), "chats": chats, "now": now })))
}

async fn thread(State(meta): State<Arc<Meta>>, Query(of): Query<Chat>) -> Result<axum::Json<Value>, Mistake> {
    let (now, speed) = (meta.clock.now(), meta.clock.speed());
    let world = meta.world();
    of.checked(&world)?;
    Ok(axum::Json(show::thread(&world, &world.numbers[&of.phone_number_id], &of.customer, now, speed)))
}

#[derive(Deserialize)]
struct Write {
    #[serde(flatten)]
    chat: Chat,
    /// Meta's message object without id and timestamp.
    message: Map<String, Value>,
}

/// The customer writes, reacts, edits or deletes.
async fn send(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let write: Write = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    write.chat.checked(&world)?;
    let message = world.complete(&write.chat.phone_number_id, write.message, now).map_err(Mistake::bad)?;
    may_change(&world, &write.chat, &message, now)?;
    hand_over(&mut world, &write.chat, message, now)
}

/// Edits and deletions concern one's own messages; edits only for a while.
fn may_change(world: &World, chat: &Chat, message: &Map<String, Value>, now: Timestamp) -> Result<(), Mistake> {
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    let target = match kind {
        "edit" | "revoke" => message[kind]["original_message_id"].as_str(),
        "reaction" => message[kind]["message_id"].as_str(),
        _ => return Ok(()),
    };
    let target = target.and_then(|wamid| world.messages.get(wamid));
    let target = target
        .filter(|target| target.customer == chat.customer && target.phone_number_id == chat.phone_number_id)
        .ok_or_else(|| Mistake::not_found("there is no such message in this chat"))?;
    if kind == "reaction" {
        return Ok(());
    }
    if target.direction != Direction::FromCustomer || target.deleted {
        return Err(Mistake::conflict("only one's own messages can be changed"));
    }
    if kind == "edit" && now.duration_since(target.at) >= EDITABLE {
        return Err(Mistake::conflict("a message can be edited for 15 minutes"));
    }
    Ok(())
}

fn hand_over(
    world: &mut World,
    chat: &Chat,
    message: Map<String, Value>,
    now: Timestamp,
) -> Result<axum::Json<Value>, Mistake> {
    if world.customers[&chat.customer].blocks.contains(&chat.phone_number_id) {
        return Err(Mistake::conflict("the customer blocks this number"));
    }
    match world.customer_sends(&chat.phone_number_id, &chat.customer, message, now) {
        Some(wamid) => Ok(axum::Json(json!({ "id": wamid }))),
        None => Err(Mistake::conflict("the number blocks this customer: nobody hears it")),
    }
}

#[derive(Deserialize)]
struct Tap {
    #[serde(flatten)]
    chat: Chat,
    wamid: String,
    /// Its place among the message's choices.
    choice: usize,
}

/// The customer taps a button, a row or a quick reply.
async fn tap(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let tap: Tap = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    tap.chat.checked(&world)?;
    let tapped = world
        .messages
        .get(&tap.wamid)
        .filter(|message| message.customer == tap.chat.customer && message.phone_number_id == tap.chat.phone_number_id);
    let choice = tapped.and_then(|message| choices(message).into_iter().nth(tap.choice));
    let reply = choice.ok_or_else(|| Mistake::not_found("there is nothing to tap"))?.reply;
    hand_over(&mut world, &tap.chat, reply, now)
}

/// The customer looks at a chat: what came is read, unless they keep read receipts to themselves.
async fn open(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let chat: Chat = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    chat.checked(&world)?;
    let key = (chat.phone_number_id.clone(), chat.customer.clone());
    if let Some(thread) = world.threads.get_mut(&key) {
        thread.looked_at = Some(now);
    }
    if matches!(world.customers[&chat.customer].reads, Reads::Soon | Reads::Opened) {
        world.customer_opens(&chat.phone_number_id, &chat.customer, now);
    }
    Ok(axum::Json(json!({ "success": true })))
}

#[derive(Deserialize)]
struct Played {
    #[serde(flatten)]
    chat: Chat,
    wamid: String,
}

/// The customer listens to a voice note (§5).
async fn played(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let played: Played = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    played.chat.checked(&world)?;
    let message = world.messages.get(&played.wamid).filter(|message| message.customer == played.chat.customer);
    let message = message.ok_or_else(|| Mistake::not_found("there is no such message in this chat"))?;
    let tells = world.customers[&played.chat.customer].reads != Reads::Never;
    if tells && message.direction == Direction::FromBusiness && message.content["voice"] == true {
        world.step(&played.wamid, "played", now);
    }
    Ok(axum::Json(json!({ "success": true })))
}

#[derive(Deserialize)]
struct Block {
    #[serde(flatten)]
    chat: Chat,
    blocked: bool,
}

/// The customer blocks a number, or no longer.
async fn block(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let block: Block = read(&body)?;
    let mut world = meta.world();
    block.chat.checked(&world)?;
    let blocks = &mut world.customers[&block.chat.customer].blocks;
    if block.blocked {
        blocks.insert(block.chat.phone_number_id.clone());
    } else {
        blocks.remove(&block.chat.phone_number_id);
    }
    world.changed(&block.chat.customer, &block.chat.phone_number_id, "customers");
    Ok(axum::Json(json!({ "success": true })))
}

#[derive(Deserialize)]
struct Upload {
    phone_number_id: String,
    filename: Option<String>,
}

/// A file for the next message; the body is its bytes. What a browser recorded becomes what WhatsApp records.
async fn upload(
    State(meta): State<Arc<Meta>>,
    Query(upload): Query<Upload>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Result<axum::Json<Value>, Mistake> {
    if body.is_empty() {
        return Err(Mistake::bad("the file is empty"));
    }
    let mime = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mime = mime.unwrap_or("application/octet-stream");
    let (mime, body) = match voice::from_webm(mime, &body) {
        Some(ogg) => ("audio/ogg; codecs=opus", ogg.into()),
        None => (mime, body),
    };
    let now = meta.clock.now();
    let mut world = meta.world();
    known_number(&world, &upload.phone_number_id)?;
    let id = world.receive_media(&upload.phone_number_id, mime, upload.filename.as_deref(), body, now);
    Ok(axum::Json(json!({ "id": id })))
}

/// A medium for the page; a part of it where the browser asks for one.
async fn media(State(meta): State<Arc<Meta>>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Mistake> {
    let found = meta.world().media.get(&id).map(|media| (media.mime_type.clone(), media.bytes.clone()));
    let (mime, bytes) = found.ok_or_else(|| Mistake::not_found(format!("there is no medium {id}")))?;
    let fixed = [
        (header::CONTENT_TYPE, mime),
        // A file may be anything: alone in a tab it can do nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    match asked.and_then(|asked| range(asked, bytes.len())) {
        Some((from, to)) => {
            let of = format!("bytes {from}-{to}/{}", bytes.len());
            let part = bytes.slice(from..=to);
            Ok((StatusCode::PARTIAL_CONTENT, fixed, [(header::CONTENT_RANGE, of)], part).into_response())
        }
        None => Ok((fixed, bytes).into_response()),
    }
}

/// The first and last byte of a range, where it names one that can be given.
fn range(asked: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let last = length.checked_sub(1)?;
    let (from, to) = match (from, to) {
        ("", tail) => (length.saturating_sub(tail.parse().ok()?), last),
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.min(last)),
    };
    (from <= to).then_some((from, to))
}

/// What happens on a phone, as it happens: `message` events with `{"phone_number_id","what"}`, and `reload` for a page
/// that fell behind.
async fn live(
    State(meta): State<Arc<Meta>>,
    Query(of): Query<Phone>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = meta.world().live.subscribe();
    let events = futures::stream::unfold((changes, of.customer), async |(mut changes, customer)| {
        loop {
            let event = match changes.recv().await {
                Ok(change) if change.customer == customer || change.customer.is_empty() => {
                    let data = json!({ "phone_number_id": change.phone_number_id, "what": change.what });
                    Event::default().data(data.to_string())
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => Event::default().event("reload").data("{}"),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), (changes, customer)));
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("bytes=0-", 10), Some((0, 9)));
        assert_eq!(range("bytes=2-4", 10), Some((2, 4)));
        assert_eq!(range("bytes=-3", 10), Some((7, 9)));
        assert_eq!(range("bytes=5-99", 10), Some((5, 9)));
        assert_eq!(range("bytes=10-", 10), None);
        assert_eq!(range("bytes=0-", 0), None);
        assert_eq!(range("lines=1-2", 10), None);
    }
}
