//! API v1 as its contract says: shapes, pages, filters, changes, the event log, and refusals.

mod change;
mod document;
mod filter;
mod log;
mod page;
mod refusal;
mod shape;

use e2e::{Organization, World, body};
use serde_json::{Value, json};

const NUMBER: &str = "10650000000001";
const ACCOUNT: &str = "20650000000001";

/// An organization with a number.
async fn acme(world: &World) -> Organization {
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, ACCOUNT, None).await;
    acme
}

/// A text from someone, which Meta says was written at this second.
async fn write(world: &World, from: &str, wamid: &str, second: i64) {
    let text = body::text(NUMBER, from, wamid, second, &format!("Text of {wamid}"));
    world.take(&text).await;
}

/// A text from someone with this profile name.
async fn write_as(world: &World, from: &str, name: &str, wamid: &str, second: i64) {
    let messages = json!([body::text_message(from, wamid, second, "Hello")]);
    let members = json!({ "contacts": [body::contact(from, name)], "messages": messages });
    world.receive(&body::value(NUMBER, &members)).await;
}

/// The values of one member, over a list.
fn column<'a>(rows: &'a [Value], member: &str) -> Vec<&'a Value> {
    rows.iter().map(|row| &row[member]).collect()
}

fn id(row: &Value) -> &str {
    row["id"].as_str().expect("an id")
}
