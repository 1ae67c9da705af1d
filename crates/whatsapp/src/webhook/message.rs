//! A message: what a customer wrote, or what another tool of the business wrote to one.

use serde_json::Value;

use super::effect::Effect;
use super::media::Media;
use super::party::Party;
use super::text;
use crate::json::{self, Read};
use crate::phone::digits;

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The `messages` field.
    Webhook,
    /// The `standby` field: another app holds the conversation.
    Standby,
    /// Sent by the business from its phone or by another app.
    Echo,
    /// Sent by the app that holds the conversation.
    StandbyEcho,
    /// The past of a number that joined with its phone app.
    History,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The customer.
    Inbound,
    /// The business.
    Outbound,
}

/// A message of any type, known or not. See Meta's page "messages webhook reference".
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Meta's id; `sha256:…` of the content if there is none.
    pub wamid: String,
    /// Where it came from.
    pub origin: Origin,
    /// Who wrote it.
    pub direction: Direction,
    /// Meta's `type`, or the name of the member that is present, or `unknown`.
    pub kind: String,
    /// The customer, whoever wrote the message.
    pub party: Party,
    /// The group it was written in.
    pub group_id: Option<String>,
    /// When it was written, in Unix seconds.
    pub timestamp: Option<i64>,
    /// A readable form for any type.
    pub text: String,
    /// The message it answers.
    pub reply_to: Option<String>,
    /// The ad or post that led the customer here.
    pub referral: Option<Value>,
    /// The file that comes with it.
    pub media: Option<Media>,
    /// What it does to other messages or contacts.
    pub effect: Effect,
    /// How far a message of the past had got, lower case.
    pub history_status: Option<String>,
    /// Why Meta could not pass on the content.
    pub errors: Option<Value>,
    /// Meta's object, unchanged.
    pub payload: Value,
}

/// Types by the member that holds their content, where `type` does not say.
const KINDS: [&str; 19] = [
    "text",
    "image",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "location",
    "contacts",
    "interactive",
    "button",
    "order",
    "reaction",
    "edit",
    "revoke",
    "system",
    "template",
    "unsupported",
    "request_welcome",
];

/// A message's `type`, or what its members tell.
pub(super) fn kind_of(message: &Value) -> String {
    declared(message).unwrap_or_else(|| shape_of(message)).to_owned()
}

/// The name of the member to read for the content. `type` leads, unless that member is
/// missing and another is there.
pub(super) fn shape_of(message: &Value) -> &str {
    let present = || KINDS.into_iter().find(|kind| message.has(kind));
    match declared(message) {
        Some("unsupported") => "unsupported",
        Some(kind) if message.has(kind) => kind,
        Some(kind) => present().unwrap_or(kind),
        None => present().unwrap_or("unknown"),
    }
}

/// A `type` that can be stored and shown.
fn declared(message: &Value) -> Option<&str> {
    let kind = message.get("type")?.as_str()?.trim();
    ((1..=LONGEST_KIND).contains(&kind.len()) && !kind.contains('\0')).then_some(kind)
}

const LONGEST_KIND: usize = 64;

/// What the place of a message in the body says about it.
pub(super) struct Place {
    pub(super) origin: Origin,
    pub(super) direction: Direction,
    pub(super) party: Party,
}

impl Message {
    /// Reads Meta's object. The content of an echo may sit one level deeper, as the body
    /// of the request that sent it.
    pub(super) fn read(payload: &Value, place: Place) -> Message {
        let content = content_of(payload);
        let shape = shape_of(content);
        let effect = Effect::of(payload, content, shape);
        let media = match effect {
            Effect::Edit { .. } => None,
            _ => Media::of(content, shape),
        };
        let of_history = payload.get("history_context");
        let mut party = place.party;
        if place.direction == Direction::Inbound && party.wa_id.is_none() {
            party.wa_id = shared_phone(content);
        }
        Message {
            wamid: payload.id("id").unwrap_or_else(|| synthetic_id(payload)),
            origin: place.origin,
            direction: place.direction,
            kind: kind_of(content),
            party,
            group_id: group_id(payload, content),
            timestamp: payload.seconds("timestamp").or_else(|| content.seconds("timestamp")),
            text: text::of(content, shape),
            reply_to: reply_to(content),
            referral: referral(content),
            media,
            effect,
            history_status: of_history.and_then(|h| h.text("status")).map(|s| s.to_lowercase()),
            errors: payload.errors().or_else(|| content.errors()),
            payload: payload.clone(),
        }
    }
}

/// The object with `type` and content: the message itself, or the request inside an echo.
pub(super) fn content_of(payload: &Value) -> &Value {
    match payload.object("message") {
        Some(request) if !payload.has("type") => request,
        _ => payload,
    }
}

/// Stable, so that a repeated delivery of a message without id is known as a repeat.
pub(super) fn synthetic_id(payload: &Value) -> String {
    format!("sha256:{}", json::hash(&[payload]))
}

fn group_id(payload: &Value, content: &Value) -> Option<String> {
    let sent_to = || is_for_group(content).then(|| content.id("to")).flatten();
    payload.id("group_id").or_else(|| content.id("group_id")).or_else(sent_to)
}

/// Whether a message was sent to a group: then `to` is no customer.
pub(super) fn is_for_group(content: &Value) -> bool {
    content.get("recipient_type").is_some_and(|kind| kind == "group")
}

/// The sender's own phone, where they shared it because they were asked to.
fn shared_phone(content: &Value) -> Option<String> {
    let card =
        content.list("contacts").iter().find(|card| card.text("origin").is_some_and(|o| o == "contact_request"))?;
    let written = |phone: &Value| phone.text("phone").filter(|text| text.trim_start().starts_with('+'));
    let phone = card.list("phones").iter().find_map(|phone| phone.id("wa_id").or_else(|| written(phone)))?;
    Some(digits(&phone)).filter(|digits| !digits.is_empty())
}

fn reply_to(content: &Value) -> Option<String> {
    let context = content.get("context")?;
    context.id("id").or_else(|| context.id("message_id"))
}

fn referral(content: &Value) -> Option<Value> {
    let referral = content.get("referral")?.as_object()?;
    (!referral.is_empty()).then(|| Value::Object(referral.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_type_leads_and_the_members_help_out() {
        for (message, kind, shape) in [
            (json!({"type": "text", "text": {}}), "text", "text"),
            (json!({"text": {}}), "text", "text"),
            (json!({"type": "text", "image": {}}), "text", "image"),
            (json!({"type": "poll", "poll": {}, "text": {}}), "poll", "poll"),
            (json!({"type": "poll"}), "poll", "poll"),
            (json!({"type": "unsupported", "text": {}}), "unsupported", "unsupported"),
            (json!({"type": null, "order": {}}), "order", "order"),
            (json!({"type": 7}), "unknown", "unknown"),
            (json!({"type": "", "context": {}}), "unknown", "unknown"),
            (json!({"type": "x".repeat(65)}), "unknown", "unknown"),
            (json!({"type": "a\u{0}", "text": {}}), "text", "text"),
        ] {
            assert_eq!(kind_of(&message), kind, "{message}");
            assert_eq!(shape_of(&message), shape, "{message}");
        }
    }
}
