//! The shapes of the contract, as they come over the wire.

use e2e::{World, body};
use serde_json::{Value, json};

use super::{NUMBER, acme, id, write};

/// What a member may be.
fn fits(value: &Value, kind: &str) -> bool {
    if let Some(kind) = kind.strip_suffix('?') {
        return value.is_null() || fits(value, kind);
    }
    let text = value.as_str();
    match kind {
        "uuid" => text.and_then(|text| text.parse().ok()).is_some_and(|id: uuid::Uuid| id.get_version_num() == 7),
        "time" => text.is_some_and(|text| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()),
        "text" => text.is_some(),
        "count" => value.as_i64().is_some_and(|count| count >= 0),
        "flag" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        words => text.is_some_and(|text| words.split('|').any(|word| word == text)),
    }
}

#[track_caller]
fn assert_shape(row: &Value, members: &[(&str, &str)]) {
    for (name, kind) in members {
        let value = row.get(name).unwrap_or_else(|| panic!("no {name} in {row:#}"));
        assert!(fits(value, kind), "{name} is no {kind}: {value} in {row:#}");
    }
}

const CONVERSATION: &[(&str, &str)] = &[
    ("id", "uuid"),
    ("number_id", "uuid"),
    ("phone_number_id", "text"),
    ("contact", "object?"),
    ("state", "active|waiting|resolved"),
    ("unread_count", "count"),
    ("last_message", "object?"),
    ("last_inbound_at", "time?"),
    ("window_expires_at", "time?"),
    ("assignee_id", "uuid?"),
    ("team_id", "uuid?"),
    ("created_at", "time"),
    ("updated_at", "time"),
];
const MESSAGE: &[(&str, &str)] = &[
    ("id", "uuid"),
    ("conversation_id", "uuid"),
    ("sequence", "count"),
    ("direction", "inbound|outbound"),
    ("type", "text"),
    ("text", "text"),
    ("payload", "object"),
    ("wamid", "text?"),
    ("reply_to_wamid", "text?"),
    ("media", "object?"),
    ("status", "text?"),
    ("error", "object?"),
    ("timestamp", "time"),
    ("received_at", "time"),
];
const MEDIA: &[(&str, &str)] = &[
    ("id", "uuid"),
    ("state", "pending|stored|failed"),
    ("mime_type", "text?"),
    ("filename", "text?"),
    ("size", "count?"),
    ("sha256", "text?"),
    ("thumbnail", "flag"),
    ("error", "object?"),
];
const EVENT: &[(&str, &str)] =
    &[("id", "uuid"), ("sequence", "count"), ("type", "text"), ("timestamp", "time"), ("data", "object")];
const CONTACT: &[(&str, &str)] =
    &[("id", "uuid"), ("name", "text?"), ("wa_id", "text?"), ("user_id", "text?"), ("username", "text?")];

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_has_the_shape_of_the_contract() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let listed = world.conversation(&acme).await;
    assert_shape(&listed, CONVERSATION);
    assert_shape(&listed["contact"], CONTACT);
    assert_shape(
        &listed["last_message"],
        &[
            ("id", "uuid"),
            ("type", "text"),
            ("direction", "inbound|outbound"),
            ("preview", "text"),
            ("timestamp", "time"),
        ],
    );
    assert_eq!(listed["phone_number_id"], NUMBER);
    assert_eq!(listed["state"], "active");
    assert_eq!(listed["unread_count"], 1);
    assert_eq!(listed["contact"]["wa_id"], "34600111222");
    assert_eq!(listed["contact"]["name"], "Name of 34600111222");
    assert_eq!(listed["last_message"]["preview"], "Text of wamid.1");
    assert_eq!(listed["last_message"]["timestamp"], "2026-11-18T11:06:40Z");
    assert_eq!(listed["last_inbound_at"], "2026-11-18T11:06:40Z");
    assert_eq!(listed["window_expires_at"], "2026-11-19T11:06:40Z");
    let alone = world.read(&acme, &format!("/conversations/{}", id(&listed))).await;
    assert_eq!(alone, listed, "alone as in the list");
    let numbers = world.all(&acme, "/numbers").await;
    assert_eq!(listed["number_id"], numbers[0]["id"]);
    assert_shape(
        &numbers[0],
        &[
            ("id", "uuid"),
            ("phone_number_id", "text"),
            ("waba_id", "text"),
            ("status", "connected|disconnected"),
            ("connected_at", "time"),
        ],
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_the_shape_of_the_contract() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let image = json!({
        "from": "34600111222", "id": "wamid.image", "timestamp": "1795000001", "type": "image",
        "image": { "id": "77", "mime_type": "image/jpeg", "sha256": "aGFzaA==", "caption": "Look" },
        "context": { "from": "15550001111", "id": "wamid.text" },
    });
    let tomorrow = json!({
        "from": "34600111222", "id": "wamid.tomorrow", "timestamp": "1795000002", "type": "hologram",
        "hologram": { "angle": 7, "deep": [{ "er": null }] },
    });
    write(&world, "34600111222", "wamid.text", 1_795_000_000).await;
    for message in [&image, &tomorrow] {
        world.take(&body::message(NUMBER, message.clone())).await;
    }
    world.take(&body::echo(NUMBER, "34600111222", "wamid.echo", 1_795_000_003, "Answer")).await;
    world.receive(&body::status(NUMBER, "wamid.echo", "delivered", 1_795_000_004, "34600111222")).await;

    let messages = world.all_messages(&acme).await;
    assert_eq!(messages.len(), 4);
    for message in &messages {
        assert_shape(message, MESSAGE);
        let alone = world.read(&acme, &format!("/messages/{}", id(message))).await;
        assert_eq!(&alone, message, "alone as in the list");
        let found = world.read(&acme, &format!("/messages?wamid={}", message["wamid"].as_str().unwrap())).await;
        assert_eq!(found, json!({ "data": [message], "next_cursor": null }), "by wamid as by id");
    }
    let [text, image_row, tomorrow_row, echo] = messages.as_slice() else { unreachable!() };
    assert_eq!(
        (&text["type"], &text["text"], &text["media"]),
        (&json!("text"), &json!("Text of wamid.text"), &Value::Null)
    );
    assert_eq!((&image_row["text"], &image_row["reply_to_wamid"]), (&json!("Look"), &json!("wamid.text")));
    assert_shape(&image_row["media"], MEDIA);
    assert_eq!(
        (&image_row["media"]["mime_type"], &image_row["media"]["state"]),
        (&json!("image/jpeg"), &json!("pending"))
    );
    assert_eq!(image_row["payload"], image, "Meta's object, unchanged");
    assert_eq!(tomorrow_row["type"], "hologram", "keeps its own name");
    assert_eq!(tomorrow_row["payload"], tomorrow);
    assert!(!tomorrow_row["text"].as_str().unwrap().is_empty(), "and is readable");
    assert_eq!((&echo["direction"], &echo["status"]), (&json!("outbound"), &json!("delivered")));
    assert_eq!(echo["timestamp"], "2026-11-18T11:06:43Z");

    let statuses = world.read(&acme, &format!("/messages/{}/statuses", id(echo))).await;
    assert_eq!(statuses["data"][0]["status"], "delivered");
    assert_shape(
        &statuses["data"][0],
        &[
            ("wamid", "text"),
            ("message_id", "uuid?"),
            ("status", "text"),
            ("timestamp", "time?"),
            ("received_at", "time"),
            ("payload", "object"),
        ],
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_the_shape_of_the_contract() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.take(&body::echo(NUMBER, "34600111222", "wamid.echo", 1_795_000_003, "Answer")).await;
    world.receive(&body::status(NUMBER, "wamid.echo", "delivered", 1_795_000_004, "34600111222")).await;
    let conversation = world.conversation(&acme).await;
    let path = format!("/conversations/{}", id(&conversation));
    world.patch(&acme, &path, &json!({ "state": "resolved" })).await;
    let path = format!("/contacts/{}", conversation["contact"]["id"].as_str().unwrap());
    world.patch(&acme, &path, &json!({ "own_name": "Ana" })).await;

    let events = world.all(&acme, "/events").await;
    for (place, event) in events.iter().enumerate() {
        assert_shape(event, EVENT);
        assert_eq!(event["sequence"], place + 1);
    }
    let of = |kind: &str| {
        events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
    };
    let received = of("message.received");
    assert_eq!(received["data"], world.message(&acme, "wamid.1").await);
    assert_shape(&received["data"], MESSAGE);
    assert_shape(&of("conversation.updated")["data"], CONVERSATION);
    assert_eq!(of("conversation.updated")["data"]["state"], "resolved");
    assert_shape(&of("contact.updated")["data"], CONTACT);
    of("message.status");
    of("message.sent");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn me_is_the_organization_of_the_key() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let me = world.read(&acme, "/me").await;
    assert_eq!(me["organization"]["id"], acme.id.to_string());
    assert_eq!(me["organization"]["slug"], "acme");
    assert_eq!(me["organization"]["name"], "Acme");
    world.end().await;
}
