//! What the App hears of the past: history as an owner's phone brings it, and the last day as it happened.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::place::{Placed, Row, place};
use super::{FILES, stories};
use crate::engine::Meta;
use crate::webhook::Update;
use crate::world::{Direction, Media, Throughput, World};

/// Threads in one update of history.
const CHUNK: usize = 6;

/// Media of this age come again, with what they hold (§7.2).
const MEDIA_COME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How often it is looked whether all was delivered, where no try says so.
const LOOK: Duration = Duration::from_millis(20);

/// Puts the stories into the world as they stand at a time; nobody is told.
pub(crate) fn remember(meta: &Meta, at: Timestamp) {
    place_all(&mut meta.world(), at);
}

/// The same, and the App hears of it. Returns when all was delivered.
pub(crate) async fn tell(meta: &Arc<Meta>, at: Timestamp) {
    let placed = {
        let mut world = meta.world();
        let placed = place_all(&mut world, at);
        let numbers: Vec<String> = world.numbers.keys().cloned().collect();
        for number in &numbers {
            tell_past(&mut world, number, &placed, at);
        }
        placed
    };
    delivered(meta).await;
    tell_media(&mut meta.world(), &placed, at);
    delivered(meta).await;
    let mut recent: Vec<_> = placed.into_iter().map(|placed| placed.recent.into_iter()).collect();
    // A message of every conversation, then the next: the order within each is what makes it wait for an answer or not.
    loop {
        let round: Vec<Update> = recent.iter_mut().filter_map(Iterator::next).flatten().collect();
        if round.is_empty() {
            return;
        }
        meta.world().outgoing.extend(round);
        delivered(meta).await;
    }
}

fn place_all(world: &mut World, at: Timestamp) -> Vec<Placed> {
    let mut all = Vec::new();
    for (business, text) in FILES {
        let numbers = numbers_of(world, business);
        for story in stories(text) {
            let Some(number) = numbers.get(story.number) else { continue };
            all.extend(place(world, &story, number, at));
        }
    }
    // What a phone brings of its past is handed to Meta now, and kept from now on.
    for media in world.media.values_mut() {
        media.expires_at = media.expires_at.max(at + Media::life(media.inbound));
    }
    all
}

fn numbers_of(world: &World, business: &str) -> Vec<String> {
    let of_business = |number: &&String| world.business_of(number).is_some_and(|known| known.name == business);
    world.numbers.keys().filter(of_business).cloned().collect()
}

/// The address book and the history of a number, as its owner's phone app brings them (§7.2).
fn tell_past(world: &mut World, number: &str, placed: &[Placed], at: Timestamp) {
    let own: Vec<&Placed> = placed.iter().filter(|placed| placed.number == number).collect();
    let threads: Vec<&Placed> = own.iter().copied().filter(|placed| !placed.past.is_empty()).collect();
    if let Some(known) = world.numbers.get_mut(number).filter(|_| !own.is_empty()) {
        // The owner's phone app has worked beside the API, and was asked for all it had.
        known.throughput = Throughput::Coexistence;
        known.synced.extend(["smb_app_state_sync", "history"].map(str::to_owned));
        world.tell_contacts(number, at);
    }
    let chunks = threads.len().div_ceil(CHUNK);
    for (nth, chunk) in threads.chunks(CHUNK).enumerate() {
        // Phase 1: what is older than a day, up to 90 days.
        let metadata = json!({ "phase": 1, "chunk_order": nth + 1, "progress": (nth + 1) * 100 / chunks });
        let threads: Vec<Value> = chunk.iter().map(|placed| thread(placed)).collect();
        world.tell_number(number, "history", json!({ "history": [{ "metadata": metadata, "threads": threads }] }));
    }
}

/// What the placeholders of the last two weeks stand for, each in an update of its own.
fn tell_media(world: &mut World, placed: &[Placed], at: Timestamp) {
    for placed in placed {
        for row in placed.past.iter().filter(|row| row.is_medium && at.duration_since(row.at) < MEDIA_COME) {
            let list = if row.direction == Direction::FromCustomer { "messages" } else { "message_echoes" };
            world.tell_number(&placed.number, "history", json!({ "contacts": [placed.contact], list: [row.value] }));
        }
    }
}

fn thread(placed: &Placed) -> Value {
    let person = &placed.contact;
    let mut context = Map::new();
    for (key, value) in
        [("wa_id", &person["wa_id"]), ("user_id", &person["user_id"]), ("username", &person["profile"]["username"])]
    {
        if !value.is_null() {
            context.insert(key.into(), value.clone());
        }
    }
    let messages: Vec<Value> = placed.past.iter().map(past).collect();
    let mut thread = json!({ "context": context, "messages": messages });
    if !person["wa_id"].is_null() {
        thread["id"] = person["wa_id"].clone();
    }
    thread
}

/// A message as history tells it: media without what they hold.
fn past(row: &Row) -> Value {
    let mut value = row.value.clone();
    if row.is_medium {
        let kind = value["type"].as_str().unwrap_or_default().to_owned();
        value.shift_remove(&kind);
        value["type"] = "media_placeholder".into();
    }
    value.insert("history_context".into(), json!({ "status": row.status }));
    value.into()
}

/// Waits until every update has left and every webhook was taken.
async fn delivered(meta: &Meta) {
    let mut tried = meta.tried.subscribe();
    loop {
        {
            let world = meta.world();
            if world.outgoing.is_empty() && world.ledger.settled() {
                return;
            }
        }
        tokio::select! {
            _ = tried.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// What the App hears of a number, by field.
    fn heard(world: &World, number: &str, field: &str) -> Vec<Value> {
        let of = |update: &&Update| update.phone_number_id.as_deref() == Some(number) && update.field == field;
        world.outgoing.iter().filter(of).map(|update| update.value.clone()).collect()
    }

    #[test]
    fn history_ends_at_100_and_brings_every_message_once() {
        let now = Timestamp::from_second(1_795_000_000).expect("a time");
        let mut world = World::furnished(1, None, None, now);
        let placed = place_all(&mut world, now);
        let numbers: Vec<String> = world.numbers.keys().cloned().collect();
        let mut wamids = HashSet::new();
        for number in &numbers {
            tell_past(&mut world, number, &placed, now);
            let history = heard(&world, number, "history");
            assert_eq!(history.last().expect("a past")["history"][0]["metadata"]["progress"], 100);
            for chunk in history {
                for thread in chunk["history"][0]["threads"].as_array().expect("threads") {
                    assert!(thread["context"]["user_id"].is_string());
                    for message in thread["messages"].as_array().expect("messages") {
                        let said = message["timestamp"].as_str().and_then(|second| second.parse::<i64>().ok());
                        assert!(said.expect("a time") < now.as_second() - 24 * 3600, "{message}");
                        assert!(message["history_context"]["status"].is_string());
                        assert!(wamids.insert(message["id"].as_str().expect("a wamid").to_owned()));
                    }
                }
            }
            assert_eq!(heard(&world, number, "smb_app_state_sync").len(), 1);
        }
        world.outgoing.clear();
        tell_media(&mut world, &placed, now);
        assert!(world.outgoing.len() > 5);
        for update in &world.outgoing {
            let row = update.value.get("messages").or(update.value.get("message_echoes")).expect("a medium");
            assert!(wamids.contains(row[0]["id"].as_str().expect("a wamid")), "its placeholder came");
        }
        let recent: HashSet<&String> = placed
            .iter()
            .flat_map(|placed| &placed.recent)
            .flatten()
            .filter_map(|update| update.wamid.as_ref())
            .collect();
        assert!(recent.iter().all(|wamid| !wamids.contains(*wamid)));
        assert!(wamids.len() > 150 && placed.iter().filter(|placed| !placed.recent.is_empty()).count() > 12);
    }
}
