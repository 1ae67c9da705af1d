//! Calls: an event to act on at once, and a line in the conversation.

use serde_json::Value;

use super::change::Item;
use super::effect::Effect;
use super::items::{Items, Nest};
use super::message::{Direction, Message, Origin, synthetic_id};
use super::notice::Notice;
use super::party::{Business, Contacts, End, customer};
use crate::json::Read;

/// Reads `calls`. See Meta's page "calls webhook reference".
pub(super) fn read(items: &mut Items, value: &Value, contacts: &Contacts) -> bool {
    let scope = items.scope;
    let business = scope.business();
    let alone = value.list("calls").len() == 1;
    items.each(Nest::Value, value, "calls", |items, call| {
        let direction = direction(call, business);
        let end = if direction == Direction::Inbound { End::From } else { End::To };
        let mut party = customer(call, end, business);
        contacts.complete(&mut party, alone);
        items.push(Item::Notice(Notice::read(items.scope, call).about(party.clone())));
        if !is_about_files(call) {
            let wacid = call.id("id").unwrap_or_else(|| synthetic_id(call));
            items.push(Item::Message(Box::new(Message {
                wamid: format!("call:{wacid}"),
                origin: Origin::Webhook,
                direction,
                kind: "call".to_owned(),
                party,
                group_id: None,
                timestamp: call.seconds("timestamp"),
                text: text(call),
                reply_to: None,
                referral: None,
                media: None,
                effect: Effect::Line,
                history_status: None,
                errors: call.errors(),
                payload: call.clone(),
            })));
        }
        Ok(())
    })
}

fn direction(call: &Value, business: Business<'_>) -> Direction {
    match call.get("direction").and_then(Value::as_str) {
        Some("USER_INITIATED") => Direction::Inbound,
        Some(_) => Direction::Outbound,
        None if business.sent(call) => Direction::Outbound,
        None => Direction::Inbound,
    }
}

/// A recording or a transcript that became available long after the call.
fn is_about_files(call: &Value) -> bool {
    let event = call.get("event").and_then(Value::as_str).unwrap_or_default();
    event.contains("recording")
        || event.contains("transcript")
        || call.has("call_recording")
        || call.has("call_transcript")
}

/// How the call ended and how long it was, or what else happened.
fn text(call: &Value) -> String {
    let state = call.text("status").or_else(|| call.text("event")).unwrap_or_default();
    let length = call.int("duration").map(|s| format!("{}:{:02}", s / 60, (s % 60).abs()));
    let parts = ["📞".to_owned(), state.to_lowercase(), length.unwrap_or_default()];
    parts.join(" ").trim_end().to_owned()
}
