//! Planned messages, and those taken back.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::{MARTIN, Stage, text};

fn in_an_hour() -> serde_json::Value {
    let mut message = text("más tarde");
    message["send_at"] = json!((e2e::outside::now() + SignedDuration::from_hours(1)).to_string());
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_message_leaves_at_its_time_and_holds_nobody_up() {
    let stage = Stage::new().await;
    let planned = stage.send(in_an_hour()).await;
    let now = stage.send(text("ahora")).await;
    stage.until(&now, "read").await;
    assert_eq!(stage.status(&planned).await, "queued");
    stage.world.advance(Duration::from_secs(3605)).await;
    stage.until(&planned, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [now, planned]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_message_can_be_cancelled_and_a_sent_one_cannot() {
    let stage = Stage::new().await;
    let planned = stage.send(in_an_hour()).await;
    let path = format!("/messages/{planned}");
    let (status, answer) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!(
        (status, &answer["status"], &answer["error"]["code"]),
        (200, &json!("failed"), &json!("cancelled")),
        "{answer}"
    );
    // What was cancelled never went, and no answer says that it may have.
    let later = json!({ "send_at": in_an_hour()["send_at"] });
    for (status, problem) in [
        stage.world.delete(&stage.organization, &path).await,
        stage.world.patch(&stage.organization, &path, &later).await,
    ] {
        assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
        let detail = problem["detail"].as_str().expect("words");
        assert!(detail.contains("was cancelled") && !detail.contains("may have been"), "{detail}");
    }
    let sent = stage.send(text("ahora")).await;
    stage.until(&sent, "read").await;
    assert_eq!(stage.world.delete(&stage.organization, &format!("/messages/{sent}")).await.0, 409);
    let conversation = stage.world.conversation(&stage.organization).await;
    let inbound = stage.world.messages(&stage.organization, &conversation).await.remove(0);
    let path = format!("/messages/{}", inbound["id"].as_str().unwrap());
    assert_eq!(stage.world.delete(&stage.organization, &path).await.0, 409, "never queued");

    stage.world.advance(Duration::from_secs(7200)).await;
    let after = stage.send(text("después")).await;
    stage.until(&after, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [sent, after]);
    let told = stage.world.events(&stage.organization, "message.status").await;
    assert!(
        told.iter().any(|event| event["data"]["message_id"] == planned.as_str() && event["data"]["status"] == "failed")
    );
    stage.world.end().await;
}

/// Two contacts turn out to be one person while messages to both wait: they wait in the one conversation that is left.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_follows_its_conversation() {
    let stage = Stage::new().await;
    let template = stage.template().await;
    let user_id = "ES.13491208655302741918";
    for to in [MARTIN, user_id, MARTIN] {
        let mut body = in_an_hour();
        body = json!({ "number_id": stage.number_id, "to": to, "type": "template", "template": template, "send_at": body["send_at"] });
        let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
    }
    assert_eq!(stage.world.conversations(&stage.organization).await.len(), 3);
    let mut status = e2e::body::status_of("wamid.other", "sent", 1_795_000_000, MARTIN);
    status["recipient_user_id"] = json!(user_id);
    let body = e2e::body::value(&stage.number.phone_number_id, &json!({ "statuses": [status] }));
    stage.world.receive(&body).await;
    assert_eq!(stage.world.conversations(&stage.organization).await.len(), 2);
    let astray = "SELECT count(*) FROM wazapp.outbox q JOIN wazapp.message m ON m.id = q.message_id
                  WHERE (q.conversation_id, q.sequence) <> (m.conversation_id, m.sequence)";
    assert_eq!(stage.world.count(astray).await, 0);
    assert_eq!(stage.world.count("SELECT count(DISTINCT conversation_id) FROM wazapp.outbox").await, 1);
    stage.world.end().await;
}
