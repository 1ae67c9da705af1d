//! Planned messages, and those taken back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Stage, text};

fn in_an_hour() -> serde_json::Value {
    let mut message = text("más tarde");
    message["send_at"] = json!((Timestamp::now() + SignedDuration::from_hours(1)).to_string());
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
    assert_eq!(stage.world.delete(&stage.organization, &path).await.0, 409, "once");
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
