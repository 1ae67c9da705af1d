//! What becomes of messages of the business: a ladder that is only climbed, and every update kept.

use e2e::body;
use e2e::random::orders;
use serde_json::{Value, json};

use super::{ANA, NUMBER, an_hour_ago, set_up};

/// Whatever comes first, and whether the message is there before, among or after its statuses, it ends at the same
/// step and every update is kept.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_statuses_and_their_message_ends_the_same() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let orders = orders(&["echo", "sent", "delivered", "read", "failed"]);
    assert_eq!(orders.len(), 120);
    // A body each, all at once: batches of any size must end the same.
    for (nth, order) in orders.iter().enumerate() {
        let wamid = format!("wamid.{nth}");
        for what in order {
            world
                .take(&match *what {
                    "echo" => body::echo(NUMBER, ANA, &wamid, at, "Done"),
                    status => body::status(NUMBER, &wamid, status, at + place(status), ANA),
                })
                .await;
        }
    }
    world.drain().await;
    let conversation = world.conversation(&acme).await;
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(messages.len(), orders.len());
    for (nth, order) in orders.iter().enumerate() {
        let wamid = format!("wamid.{nth}");
        let message = messages.iter().find(|one| one["wamid"] == wamid.as_str()).expect("the echo");
        assert_eq!(message["status"], "read", "{order:?}");
        assert_eq!(message["error"], Value::Null, "what was read did not fail: {order:?}");
    }
    for nth in [0, 60, 119] {
        let id = messages.iter().find(|one| one["wamid"] == format!("wamid.{nth}").as_str()).expect("it")["id"].clone();
        let path = format!("/messages/{}/statuses", id.as_str().expect("an id"));
        let kept = world.all(&acme, &path).await;
        let words: Vec<&str> = kept.iter().map(|one| one["status"].as_str().expect("a word")).collect();
        assert_eq!(words, ["sent", "delivered", "read", "failed"], "all of them, oldest first");
        assert!(kept.iter().all(|one| one["message_id"] == id));
    }
    assert_eq!(world.events(&acme, "message.status").await.len(), 4 * orders.len());
    world.end().await;
}

fn place(status: &str) -> i64 {
    match status {
        "sent" => 1,
        "delivered" => 2,
        "read" => 3,
        _ => 4,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_shows_with_its_reason_until_the_message_was_delivered_after_all() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::echo(NUMBER, ANA, "wamid.1", at, "Offer")).await;
    let errors = json!([{ "code": 131_049, "title": "Not delivered to maintain healthy ecosystem engagement" }]);
    let mut failed = body::status_of("wamid.1", "failed", at + 1, ANA);
    failed["errors"] = errors.clone();
    world.receive(&body::value(NUMBER, &json!({ "statuses": [failed] }))).await;
    let message = world.message(&acme, "wamid.1").await;
    // As Meta said it, and what it means.
    let advice = whatsapp::verdict::explain(131_049);
    let mut explained = errors;
    explained[0]["advice"] = json!({ "en": advice.en, "es": advice.es });
    assert_eq!((&message["status"], &message["error"]), (&json!("failed"), &explained));
    world.receive(&body::status(NUMBER, "wamid.1", "sent", at, ANA)).await;
    assert_eq!(world.message(&acme, "wamid.1").await["status"], "failed", "never back");
    world.receive(&body::status(NUMBER, "wamid.1", "delivered", at + 2, ANA)).await;
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!((&message["status"], &message["error"]), (&json!("delivered"), &Value::Null));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_waits_for_its_message() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::status(NUMBER, "wamid.1", "delivered", at + 5, ANA)).await;
    let waiting = world.all(&acme, "/statuses?wamid=wamid.1").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0]["status"], &waiting[0]["message_id"]), (&json!("delivered"), &Value::Null));
    assert!(world.conversations(&acme).await.is_empty(), "a status alone makes no conversation");
    world.receive(&body::echo(NUMBER, ANA, "wamid.1", at, "Hello")).await;
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!(message["status"], "delivered");
    assert_eq!(world.all(&acme, "/statuses?wamid=wamid.1").await[0]["message_id"], message["id"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_words_and_repeats_are_kept_once_and_move_nothing() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::echo(NUMBER, ANA, "wamid.1", at, "Hello")).await;
    for _ in 0..3 {
        world.receive(&body::status(NUMBER, "wamid.1", "sent", at + 1, ANA)).await;
        world.receive(&body::status(NUMBER, "wamid.1", "teleported", at + 2, ANA)).await;
    }
    let mut timeless = body::status_of("wamid.1", "delivered", at, ANA);
    timeless["timestamp"] = json!("soon");
    for _ in 0..2 {
        world.receive(&body::value(NUMBER, &json!({ "statuses": [timeless] }))).await;
    }
    assert_eq!(world.message(&acme, "wamid.1").await["status"], "delivered");
    let kept = world.all(&acme, "/statuses?wamid=wamid.1").await;
    let mut words: Vec<&str> = kept.iter().map(|one| one["status"].as_str().expect("a word")).collect();
    words.sort_unstable();
    assert_eq!(words, ["delivered", "sent", "teleported"]);
    assert_eq!(world.events(&acme, "message.status").await.len(), 3);
    world.end().await;
}

/// Billing and our own random id come with the status and must be readable.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_keeps_all_that_meta_said() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let mut status = body::status_of("wamid.1", "sent", at, ANA);
    status["biz_opaque_callback_data"] = json!("ours-1");
    status["pricing"] = json!({ "billable": true, "pricing_model": "PMP", "category": "service" });
    world.receive(&body::value(NUMBER, &json!({ "statuses": [status] }))).await;
    assert_eq!(world.all(&acme, "/statuses?wamid=wamid.1").await[0]["payload"], status);
    let event = &world.events(&acme, "message.status").await[0]["data"];
    assert_eq!((&event["callback_data"], &event["pricing"]), (&json!("ours-1"), &status["pricing"]));
    world.end().await;
}
