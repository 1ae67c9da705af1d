//! Customers: who they are, how their phones behave, and what businesses hear of it.

mod support;

use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver, answered};

async fn list(laptop: &Laptop) -> Vec<Value> {
    let (_, answer) = answered(laptop.client.get(format!("{}/_sim/customers", laptop.simulator.url()))).await;
    answer["data"].as_array().expect("rows").clone()
}

async fn patch(laptop: &Laptop, key: &str, body: Value) -> Answered {
    let url = format!("{}/_sim/customers/{key}", laptop.simulator.url());
    answered(laptop.client.patch(url).body(body.to_string())).await
}

async fn post(laptop: &Laptop, path: &str, body: Value) -> Answered {
    let url = format!("{}/_sim/{path}", laptop.simulator.url());
    answered(laptop.client.post(url).body(body.to_string())).await
}

/// Somebody writes to the first number; answers the customer's key.
async fn writes(laptop: &Laptop, from: &str, more: Value) -> String {
    let mut message = json!({ "phone_number_id": laptop.number, "from": from, "text": { "body": "hi" } });
    message.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    laptop.sim("messages", message).await["customer"].as_str().expect("a key").to_owned()
}

/// The first number writes; answers the wamid.
async fn answers(laptop: &Laptop, to: &str, message: Value) -> String {
    let mut body = json!({ "messaging_product": "whatsapp", "to": to });
    body.as_object_mut().expect("an object").extend(message.as_object().cloned().expect("a message"));
    let (status, answer) = laptop.post(&format!("{}/messages", laptop.number), &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["messages"][0]["id"].as_str().expect("an id").to_owned()
}

fn message<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    value["messages"].as_array()?.iter().find(|message| message["type"] == kind)
}

#[tokio::test]
async fn customers_are_added_found_and_changed() {
    let laptop = Laptop::start().await;
    let ana = laptop.sim("customers", json!({ "name": "Ana", "phone": "+52 55 1234 5678", "reads": "opened" })).await;
    assert_eq!((&ana["wa_id"], &ana["country"]), (&json!("5215512345678"), &json!("MX")));
    let luz = laptop.sim("customers", json!({ "username": "@Luz.Sol" })).await;
    assert_eq!((&luz["username"], &luz["phone"]), (&json!("luz.sol"), &Value::Null));
    assert_eq!(writes(&laptop, "@luz.sol", json!({})).await, luz["key"]);
    assert_eq!(writes(&laptop, "52 1 55 1234 5678", json!({ "profile_name": "Ana T." })).await, ana["key"]);
    assert_eq!(list(&laptop).await[0]["name"], "Ana T.");

    for (body, status) in [
        (json!({ "name": "Nobody" }), 400),
        (json!({ "phone": "12" }), 400),
        (json!({ "username": "a b" }), 400),
        (json!({ "phone": "5255 1234 5678" }), 409),
        (json!({ "username": "luz.sol" }), 409),
        (json!({ "username": "new.one", "sign": "leo" }), 400),
        (json!({ "username": "new.one", "blocks": ["1"] }), 404),
        (json!({ "username": "new.one", "script": [{ "answer": "hi" }] }), 400),
    ] {
        assert_eq!(post(&laptop, "customers", body.clone()).await.0, status, "{body}");
    }
    assert_eq!(list(&laptop).await.len(), 2);

    let key = luz["key"].as_str().expect("a key");
    let (status, changed) = patch(&laptop, key, json!({ "name": "Luz", "blocks": [laptop.number] })).await;
    assert_eq!((status, &changed["name"], &changed["blocks"]), (200, &json!("Luz"), &json!([laptop.number])));
    assert_eq!(patch(&laptop, key, json!({ "phone": "+1 650 555 0100" })).await.1["wa_id"], "16505550100");
    assert_eq!(patch(&laptop, key, json!({ "phone": "+1 650 555 0101" })).await.0, 400);
    assert_eq!(patch(&laptop, "c99", json!({})).await.0, 404);
}

#[tokio::test]
async fn a_user_id_that_nobody_knows_becomes_somebody_with_that_very_id() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let key = writes(&laptop, "BR.13491208655302741918", json!({ "profile_name": "Bia" })).await;
    let (value, _, _) = receiver.hears("messages", |value| message(value, "text").is_some()).await;
    let heard = message(&value, "text").expect("a text");
    assert_eq!((&heard["from_user_id"], &heard["from"]), (&json!("BR.13491208655302741918"), &Value::Null));
    assert_eq!(value["contacts"][0]["profile"]["name"], "Bia");
    assert_eq!(writes(&laptop, "BR.13491208655302741918", json!({})).await, key);
    assert_eq!(list(&laptop).await[0]["country"], "BR");
}

#[tokio::test]
async fn a_change_of_number_is_told_and_user_ids_are_made_anew() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let key = writes(&laptop, "525512345678", json!({ "profile_name": "Ana" })).await;
    let before = list(&laptop).await[0]["user_ids"].clone();
    let (status, _) = post(&laptop, &format!("customers/{key}/number"), json!({ "phone": "+54 11 2345 6789" })).await;
    assert_eq!(status, 200);
    let (value, _, _) = receiver.hears("messages", |value| message(value, "system").is_some()).await;
    let heard = message(&value, "system").expect("a system message");
    assert_eq!(value.get("contacts"), None);
    assert_eq!(heard["from"], "5215512345678");
    let system = &heard["system"];
    assert_eq!(system["type"], "user_changed_number");
    assert_eq!(system["wa_id"], "5491123456789");
    assert_eq!(system["body"], "User Ana changed from 5215512345678 to 5491123456789");
    let after = list(&laptop).await[0]["user_ids"].clone();
    let only = |ids: &Value| ids.as_object().expect("ids").values().next().expect("an id").clone();
    assert_eq!((&system["previous_user_id"], &system["user_id"]), (&only(&before), &only(&after)));
    assert!(only(&after).as_str().expect("an id").starts_with("AR."));
    assert_eq!(writes(&laptop, "5491123456789", json!({})).await, key);
}

#[tokio::test]
async fn stopped_marketing_is_told() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let key = writes(&laptop, "16505551234", json!({})).await;
    let path = format!("customers/{key}/preferences");
    let body = |word: &str| json!({ "phone_number_id": laptop.number, "marketing": word });
    assert_eq!(post(&laptop, &path, body("stop")).await.1["stopped_marketing"], json!([laptop.number]));
    let (value, entry, time) = receiver.hears("user_preferences", |_| true).await;
    assert_eq!((entry, time), (json!(laptop.waba), Value::Null));
    let told = &value["user_preferences"][0];
    assert_eq!((&told["wa_id"], &told["category"]), (&json!("16505551234"), &json!("marketing_messages")));
    assert_eq!((&told["value"], told["timestamp"].is_i64()), (&json!("stop"), true));
    assert_eq!(post(&laptop, &path, body("resume")).await.1["stopped_marketing"], json!([]));
    assert_eq!(post(&laptop, &path, body("perhaps")).await.0, 400);
}

#[tokio::test]
async fn a_phone_that_is_turned_on_receives_what_waited() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let key = writes(&laptop, "16505551234", json!({})).await;
    patch(&laptop, &key, json!({ "reads": "off" })).await;
    let wamid = answers(&laptop, "16505551234", json!({ "text": { "body": "hello" } })).await;
    receiver.hears_status(&wamid, "sent").await;
    laptop.advance("24h").await;
    patch(&laptop, &key, json!({ "reads": "soon" })).await;
    let told = receiver.hears_status(&wamid, "read").await;
    let at = |status: &str| {
        let row = told.iter().find(|row| row["status"] == status).expect("it was told");
        row["timestamp"].as_str().and_then(|second| second.parse::<i64>().ok()).expect("seconds")
    };
    assert!(at("delivered") - at("sent") >= 24 * 3600);
}

#[tokio::test]
async fn a_script_taps_and_answers() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let key = writes(&laptop, "16505551234", json!({})).await;
    let script = json!([
        { "when": "table", "answer": { "type": "tap", "title": "no" }, "after_seconds": 30 },
        { "when": "why", "answer": { "text": { "body": "no time" } } },
    ]);
    assert_eq!(patch(&laptop, &key, json!({ "script": script })).await.0, 200);
    let button = |id: &str, title: &str| json!({ "type": "reply", "reply": { "id": id, "title": title } });
    let buttons = json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "A TABLE?" },
        "action": { "buttons": [button("y", "Yes"), button("n", "No")] } } });
    let wamid = answers(&laptop, "16505551234", buttons).await;
    receiver.hears_status(&wamid, "read").await;
    laptop.advance("30s").await;
    let (value, _, _) = receiver.hears("messages", |value| message(value, "interactive").is_some()).await;
    let tapped = message(&value, "interactive").expect("a tap");
    assert_eq!(tapped["interactive"]["button_reply"], json!({ "id": "n", "title": "No" }));
    assert_eq!(tapped["context"]["id"], wamid);
    answers(&laptop, "16505551234", json!({ "text": { "body": "Why?" } })).await;
    receiver
        .hears("messages", |value| message(value, "text").is_some_and(|text| text["text"]["body"] == "no time"))
        .await;
}
