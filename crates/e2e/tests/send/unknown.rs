//! Sends whose answer never came whole. They may have been accepted, so they are not repeated: the status that echoes
//! our id tells.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Stage, text};

/// Whatever breaks after Meta accepted a message, it is accepted once, and its status says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_is_settled_by_the_status() {
    let stage = Stage::new().await;
    let mut sent = Vec::new();
    for fault in [
        json!({ "kind": "reset_after_accept", "count": 1 }),
        json!({ "kind": "truncate_answer", "count": 1 }),
        json!({ "kind": "html_500", "after_accept": true, "count": 1 }),
        json!({ "kind": "hang", "after_accept": true, "count": 1 }),
    ] {
        // No status comes by itself while nobody knows.
        let silence = json!({ "kind": "delay", "seconds": 600.0 });
        stage.world.meta().faults(json!([fault, silence])).await;
        let id = stage.send(text(&fault["kind"].to_string())).await;
        let unknown = stage.until(&id, "unknown").await;
        assert!(unknown["wamid"].is_null() && unknown["error"].is_null(), "{fault}: {unknown:#}");
        stage.world.meta().no_faults().await;
        stage.world.advance(Duration::from_secs(700)).await;
        let read = stage.until(&id, "read").await;
        assert!(read["wamid"].is_string(), "{fault}: {read:#}");
        sent.push(id);
    }
    stage.sent().await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, sent, "each once");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.outbox").await, 0);
    let told = stage.world.events(&stage.organization, "message.sent").await;
    let told: Vec<&str> = told.iter().map(|event| event["data"]["id"].as_str().unwrap()).collect();
    assert_eq!(told, sent, "each told once");
    stage.world.end().await;
}

/// Before Meta accepted it, such an answer looks the same: it stays unknown, is not sent again, and holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_accepted_stays_unknown() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "html_500", "count": 1 }])).await;
    let lost = stage.send(text("perdido")).await;
    stage.until(&lost, "unknown").await;
    let next = stage.send(text("siguiente")).await;
    stage.until(&next, "read").await;
    stage.world.advance(Duration::from_secs(3 * 86_400)).await;
    stage.nothing_is_due().await;
    let tried = "SELECT attempts::bigint FROM wazapp.outbox";
    assert_eq!(stage.world.count(tried).await, 1, "the one whose fate is unknown, and once only");
    assert_eq!(stage.status(&lost).await, "unknown");
    assert_eq!(stage.accepted().await, [next]);
    stage.world.settle().await;
    stage.world.end().await;
}

/// Whoever prefers twice to never says so.
#[tokio::test(flavor = "multi_thread")]
async fn resend_sends_again_and_stops_when_a_status_comes() {
    let stage = Stage::new().await;
    let wish = |body: &str| {
        let mut message = text(body);
        message["on_unknown"] = json!("resend");
        message
    };
    stage.world.meta().faults(json!([{ "kind": "html_500", "count": 1 }])).await;
    let lost = stage.send(wish("perdido")).await;
    stage.until(&lost, "unknown").await;
    stage.world.advance(Duration::from_secs(31)).await;
    stage.until(&lost, "read").await;

    // It was accepted, and its status comes before the second time.
    stage.world.meta().faults(json!([{ "kind": "reset_after_accept", "count": 1 }])).await;
    let came = stage.send(wish("llegó")).await;
    stage.until(&came, "read").await;
    stage.world.advance(Duration::from_secs(3600)).await;
    stage.nothing_is_due().await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [lost, came], "each once");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.outbox").await, 0);
    stage.world.end().await;
}

/// The race that loses statuses elsewhere: the webhook is applied before the send has its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_before_the_answer_is_not_lost() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "early_status" }, { "kind": "slow", "seconds": 0.5 }])).await;
    let mut sent = Vec::new();
    for nth in 0..3 {
        sent.push(stage.send(text(&nth.to_string())).await);
    }
    for id in &sent {
        stage.until(id, "read").await;
        let statuses = stage.world.all(&stage.organization, &format!("/messages/{id}/statuses")).await;
        let words: Vec<&str> = statuses.iter().map(|row| row["status"].as_str().unwrap()).collect();
        assert_eq!(words, ["sent", "delivered", "read"]);
    }
    stage.sent().await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, sent);
    assert_eq!(stage.world.events(&stage.organization, "message.sent").await.len(), 3, "each told once");
    stage.world.end().await;
}

/// A server that dies between the call and its answer leaves a claim whose lease ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_nobody_comes_back_for_is_settled_by_the_status() {
    let mut stage = Stage::new().await;
    // The answer comes so late that the lease, by a clock put ahead, is over before.
    let slow = json!({ "kind": "slow", "seconds": 1.5, "count": 1 });
    let silence = json!({ "kind": "delay", "seconds": 600.0 });
    stage.world.meta().faults(json!([slow, silence])).await;
    let id = stage.send(text("¿llegó?")).await;
    stage.world.until("Meta has it", async || stage.accepted().await.len() == 1).await;
    let sql = stage.world.sql().await;
    // As if another server had claimed it: this one's answer, when it comes, settles nothing.
    sql.execute("UPDATE wazapp.outbox SET fence = fence + 1", &[]).await.unwrap();
    stage.world.advance(Duration::from_secs(91)).await;
    let unknown = stage.until(&id, "unknown").await;
    assert!(unknown["wamid"].is_null());
    // A graceful stop hears the call out: its answer came.
    stage.world.restart().await;
    assert_eq!(stage.status(&id).await, "unknown", "the answer of a lost claim changes nothing");
    stage.world.meta().no_faults().await;
    stage.world.advance(Duration::from_secs(700)).await;
    stage.until(&id, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [id]);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.outbox").await, 0);
    drop(sql);
    stage.world.end().await;
}

/// The answer of the claim itself counts, however late it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_still_settles_its_own_claim() {
    let stage = Stage::new().await;
    let slow = json!({ "kind": "slow", "seconds": 1.5, "count": 1 });
    let silence = json!({ "kind": "delay", "seconds": 600.0 });
    stage.world.meta().faults(json!([slow, silence])).await;
    let id = stage.send(text("tarde")).await;
    stage.world.until("Meta has it", async || stage.accepted().await.len() == 1).await;
    stage.world.advance(Duration::from_secs(91)).await;
    stage.until(&id, "unknown").await;
    let accepted = stage.until(&id, "accepted").await;
    assert!(accepted["wamid"].is_string());
    stage.world.meta().no_faults().await;
    stage.world.advance(Duration::from_secs(700)).await;
    stage.until(&id, "read").await;
    stage.world.settle().await;
    stage.world.end().await;
}

/// A graceful stop hears calls out; what is queued is sent after the start.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_loses_and_doubles_nothing() {
    let mut stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "slow", "seconds": 0.3 }])).await;
    let mut sent = Vec::new();
    for nth in 0..6 {
        sent.push(stage.send(text(&nth.to_string())).await);
    }
    for some in 1..=2 {
        stage.world.until("Meta has some of them", async || stage.accepted().await.len() >= some).await;
        stage.world.restart().await;
    }
    for id in &sent {
        stage.until(id, "read").await;
    }
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, sent);
    stage.world.end().await;
}

/// Somebody who can sign, as an organization with its own App can, names our id or a neighbour's: nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_id_in_a_status_changes_nothing() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "html_500", "count": 1 }])).await;
    let lost = stage.send(text("perdido")).await;
    stage.until(&lost, "unknown").await;
    let second = stage.world.organization("Harbor").await;
    stage.world.connect(&second, "4711", "4712", None).await;
    let before = stage.message(&lost).await;
    for opaque in [json!(lost), json!(uuid::Uuid::now_v7()), json!("order 7"), json!(""), Value::Null] {
        let mut status = e2e::body::status_of("wamid.foreign", "sent", 1_795_000_000, super::LUCIA);
        status["biz_opaque_callback_data"] = opaque;
        stage.world.receive(&e2e::body::value("4711", &json!({ "statuses": [status] }))).await;
    }
    assert_eq!(stage.message(&lost).await, before);
    let inbound = stage.world.conversation(&stage.organization).await;
    let inbound = stage.world.messages(&stage.organization, &inbound).await.remove(0);
    let mut status = e2e::body::status_of("wamid.inbound", "sent", 1_795_000_000, super::LUCIA);
    status["biz_opaque_callback_data"] = inbound["id"].clone();
    let body = e2e::body::value(&stage.number.phone_number_id, &json!({ "statuses": [status] }));
    stage.world.receive(&body).await;
    assert_eq!(stage.message(inbound["id"].as_str().unwrap()).await, inbound);
    stage.world.end().await;
}
