//! `/events/samples`

use axum::Json;
use model::event::{self, Event, Kind};
use model::page::Page;
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use utoipa::IntoParams;
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Query, given};
use super::refusals::Always;
use crate::problem::Problem;

/// So many are answered.
const MOST: i64 = 3;

/// Which kind of event to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The events' type; `message.received` if left out.
    #[serde(default, rename = "type", deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    kind: Option<OneKind>,
}

/// One type of events.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct OneKind(Kind);

impl TryFrom<String> for OneKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let kind = Kind::of(&word).filter(|kind| *kind != Kind::Meta(String::new()));
        kind.map(Self)
            .ok_or_else(|| format!("no event has the type `{word}`; one type is expected, such as `message.received`"))
    }
}

/// Read sample events
///
/// Up to three events of a type as an endpoint is told of them, newest first, for a program whose owner maps their fields: your
/// organization's own newest ones, or, where there are none, one that never happened, in the same shape. Its `sequence` is 0.
#[utoipa::path(
    get, path = "/events/samples", operation_id = "listSampleEvents", tag = "Events", params(Wanted),
    responses(
        (status = 200, description = "Samples.", body = Page<Event>, example = json!(example::page(example::event()))),
        Always,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Event>>, Problem> {
    let kind = wanted.kind.map_or(Kind::MessageReceived, |kind| kind.0);
    let tx = caller.begin().await?;
    let mut data = event::newest(&tx, &kind, MOST).await?;
    tx.close();
    if data.is_empty() {
        data.push(made_up(kind, caller.now()).map_err(|_| Problem::internal())?);
    }
    Ok(Json(Page { data, next_cursor: None }))
}

/// One that never happened.
fn made_up(kind: Kind, now: jiff::Timestamp) -> serde_json::Result<Event> {
    let shown = example::event();
    let id = |name: &str| shown[name].as_str().and_then(|text| Uuid::parse_str(text).ok());
    // Where the log itself names what an event is of.
    let of_conversation = matches!(
        kind,
        Kind::MessageReceived
            | Kind::MessageSent
            | Kind::MessageUpdated
            | Kind::MessageMedia
            | Kind::MessageStatus
            | Kind::ConversationUpdated
            | Kind::ConversationMerged
    );
    Ok(Event {
        id: id("id").unwrap_or_default(),
        sequence: 0,
        timestamp: now,
        conversation_id: id("conversation_id").filter(|_| of_conversation),
        number_id: id("number_id").filter(|_| of_conversation),
        data: to_raw_value(&data(&kind))?,
        r#type: kind,
    })
}

/// What it says, by its kind; docs/api.md has the same table.
fn data(kind: &Kind) -> Value {
    let (message, contact, conversation) = (example::message(), example::contact(), example::conversation());
    let (number, phone_number) = (&conversation["number_id"], &conversation["phone_number_id"]);
    let other = "019a0b1c-0000-7000-8000-00000000b002";
    match kind {
        Kind::MessageReceived | Kind::MessageUpdated => message,
        Kind::MessageSent => example::accepted(),
        Kind::MessageMedia => json!({ "message_id": message["id"], "media": example::media() }),
        Kind::MessageStatus => json!({
            "message_id": message["id"], "wamid": message["wamid"], "status": "delivered", "timestamp": message["timestamp"],
            "participant": null, "callback_data": null, "errors": null, "pricing": null, "conversation": null,
        }),
        Kind::ConversationUpdated => conversation,
        Kind::ContactUpdated => json!({
            "id": contact["id"], "profile_name": "Ana", "wa_id": contact["wa_id"], "user_id": contact["user_id"],
            "parent_user_id": null, "username": contact["username"],
        }),
        Kind::ContactMerged => json!({ "id": contact["id"], "merged_id": other }),
        Kind::ConversationMerged => {
            json!({ "id": conversation["id"], "merged_id": other, "contact_id": contact["id"] })
        }
        Kind::ContactSeparated => json!({ "id": contact["id"], "separated_id": other }),
        Kind::MessagePayment => json!({
            "field": "payment", "name": "captured", "waba_id": "102290129340398", "number_id": number,
            "phone_number_id": phone_number, "contact_id": contact["id"], "wamid": message["wamid"],
            "message_id": message["id"], "data": { "id": message["wamid"], "status": "captured", "type": "payment" },
        }),
        Kind::NumberUpdated => example::number(),
        Kind::TemplateUpdated => json!({
            "field": "message_template_status_update", "name": "APPROVED", "waba_id": "102290129340398",
            "data": {
                "event": "APPROVED", "message_template_id": 1_689_556_908_129_832_i64,
                "message_template_name": "order_confirmation", "message_template_language": "es", "reason": "NONE",
            },
        }),
        Kind::EndpointUpdated => json!({
            "id": "019a0b1c-0000-7000-8000-00000000f001", "host": "example.com", "description": "CRM", "format": "wazapp",
            "state": "off", "trouble": null,
        }),
        Kind::HistoryProgress => json!({
            "number_id": number, "phone_number_id": phone_number, "phase": 0, "chunk_order": 1, "progress": 55,
            "errors": null,
        }),
        Kind::MetaError => json!({
            "number_id": number, "phone_number_id": phone_number, "field": "messages",
            "error": { "code": 130_429, "title": "Rate limit hit" },
        }),
        Kind::Meta(field) => json!({ "field": field, "name": null, "waba_id": "102290129340398", "data": {} }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_sample() {
        for kind in Kind::OURS.iter().cloned().chain([Kind::meta("account_update")]) {
            let word = kind.word().into_owned();
            let shown = serde_json::to_value(made_up(kind, jiff::Timestamp::UNIX_EPOCH).unwrap()).unwrap();
            assert_eq!((&shown["type"], &shown["sequence"]), (&json!(word), &json!(0)));
            assert!(shown["data"].as_object().is_some_and(|data| !data.is_empty()), "{shown}");
        }
    }

    #[test]
    fn a_sample_is_of_one_type() {
        for word in ["message.*", "", "mesage.received", "meta."] {
            assert!(OneKind::try_from(word.to_owned()).is_err(), "{word}");
        }
        assert_eq!(OneKind::try_from("meta.calls".to_owned()).unwrap().0, Kind::meta("calls"));
    }
}
