//! What each kind of webhook means: bodies in, conversations, contacts, statuses and events out.

mod account;
mod any_order;
mod cases;
mod conversations;
mod effects;
mod merges;
mod people;
mod phone;
mod routing;
mod statuses;
mod words;

use e2e::{Organization, World};
use jiff::Timestamp;
use serde_json::Value;

/// Meta's ids of the number and the account that [`set_up`] connects.
const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "102290129340398";
/// A customer.
const ANA: &str = "34600111222";

/// A world with one organization that has one number.
async fn set_up() -> (World, Organization) {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, ACCOUNT, None).await;
    (world, acme)
}

/// An hour ago, in Meta's seconds.
fn an_hour_ago() -> i64 {
    e2e::outside::now().as_second() - 3600
}

/// Seconds as the API shows them.
fn shown(second: i64) -> Value {
    let timestamp = Timestamp::from_second(second).expect("a time");
    Value::String(timestamp.to_string())
}

/// Seconds and a day, when the service window ends.
fn a_day_after(second: i64) -> Value {
    shown(second + 24 * 3600)
}

/// The texts of messages.
fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["text"].as_str().expect("a text")).collect()
}

/// The Meta ids of messages.
fn wamids(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["wamid"].as_str().expect("a wamid")).collect()
}
