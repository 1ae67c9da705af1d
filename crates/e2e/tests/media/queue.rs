//! The queue: what a crash leaves, who waits for whom, and how often bytes are kept.

use std::time::{Duration, Instant};

use model::media;
use serde_json::json;
use uuid::Uuid;

use super::{LUCIA, Stage, hex, png};

/// A server that died in the middle of a fetch leaves a claim; when its lease ends, another fetches.
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_nobody_came_back_from_is_done_again() {
    let mut stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "html_500", "edge": "media" }])).await;
    let wamid = stage.picture(&png(20, 20, 1)).await;
    stage.world.stop().await;
    // As one that claims and is killed.
    let sql = stage.world.sql().await;
    let claimed = "UPDATE wazapp.media SET fence = fence + 1, attempts = attempts + 1, next_at = $1 RETURNING fence";
    let lease = stage.world.now() + media::LEASE;
    let dead: i64 = sql.query_one(claimed, &[&lease]).await.expect("a claim").get(0);
    stage.world.meta().no_faults().await;
    stage.world.restart().await;
    assert_eq!(stage.media(&wamid).await["state"], "pending", "it is somebody else's");
    stage.world.advance(Duration::from_secs(361)).await;
    let stored = stage.until(&wamid, "stored").await;
    // The dead one comes back: what it says is no longer asked for.
    let settled = media::Settled {
        scope: stage.organization.scope,
        id: stored["id"].as_str().expect("an id").parse().expect("a UUID"),
        fence: dead,
        outcome: media::Outcome::Failed { error: "{}".into() },
        pause: None,
    };
    let heard =
        media::any_organization_settle(stage.world.database(), stage.world.now(), &settled).await.expect("it is asked");
    assert!(!heard, "its claim is over");
    assert_eq!(stage.media(&wamid).await["state"], "stored");
    stage.world.end().await;
}

/// A server that is stopped lets go of what it fetches, so the next does not wait for a lease to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_lets_go_of_what_it_fetches() {
    let mut stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "slow", "edge": "media", "seconds": 1.5, "count": 1 }])).await;
    let wamid = stage.picture(&png(20, 20, 1)).await;
    let sql = stage.world.sql().await;
    stage
        .world
        .until("it is being fetched", async || {
            let count = "SELECT count(*) FROM wazapp.media WHERE fence > 0";
            sql.query_one(count, &[]).await.expect("a count").get::<_, i64>(0) == 1
        })
        .await;
    let begun = Instant::now();
    stage.world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    stage.world.restart().await;
    stage.world.until("it is stored", async || stage.media(&wamid).await["state"] == "stored").await;
    stage.world.end().await;
}

/// An organization whose files hang delays nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn one_organization_that_hangs_delays_only_itself() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Bar Sol").await;
    let number = stage.world.meta().numbers().await.remove(2);
    stage.world.connect_simulated(&other, &number).await;
    let hangs =
        json!([{ "kind": "slow", "edge": "media", "seconds": 60, "phone_number_id": stage.number.phone_number_id }]);
    stage.world.meta().faults(hangs).await;
    for _ in 0..60 {
        stage.world.meta().customer_sends(&stage.number, LUCIA, json!({ "type": "image", "image": {} })).await;
    }
    stage.world.settle().await;
    let begun = Instant::now();
    let wamid = stage.world.meta().customer_sends(&number, LUCIA, json!({ "type": "image", "image": {} })).await;
    stage.world.settle().await;
    let stored = async || stage.world.message(&other, &wamid).await["media"]["state"] == "stored";
    stage.world.until("the other's picture is stored", stored).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    stage.world.end().await;
}

/// Claims go round: with many waiting in one organization, the next claim is the other's.
#[tokio::test(flavor = "multi_thread")]
async fn organizations_take_turns() {
    let mut stage = Stage::new().await;
    let other = stage.world.organization("Bar Sol").await;
    let number = stage.world.meta().numbers().await.remove(2);
    stage.world.connect_simulated(&other, &number).await;
    stage.world.meta().faults(json!([{ "kind": "html_500", "edge": "media" }])).await;
    for _ in 0..9 {
        stage.world.meta().customer_sends(&stage.number, LUCIA, json!({ "type": "image", "image": {} })).await;
    }
    stage.world.meta().customer_sends(&number, LUCIA, json!({ "type": "image", "image": {} })).await;
    stage.world.settle().await;
    stage.world.stop().await;
    stage.world.sql().await.batch_execute("UPDATE wazapp.media SET next_at = 'epoch'").await.expect("all are due");
    let database = stage.world.database_apart();
    let tx = database.operator().await.expect("a transaction");
    let mut last = Uuid::nil();
    let mut taken = Vec::new();
    while let Some((id, claimed)) =
        media::any_organization_claim(&tx, stage.world.now(), last, &[], 4).await.expect("a claim")
    {
        assert!(claimed.iter().all(|one| one.scope.organization_id() == id));
        taken.push((id, claimed.len()));
        last = id;
    }
    let (first, second) = (stage.organization.id, other.id);
    assert_eq!(taken, [(first, 4), (second, 1), (first, 4), (first, 1)]);
    drop(tx);
    database.close();
    stage.world.end().await;
}

/// The same bytes are kept once in an organization, and apart from the next one's.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_one_file_in_each_organization() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Bar Sol").await;
    let number = stage.world.meta().numbers().await.remove(2);
    stage.world.connect_simulated(&other, &number).await;
    let bytes = b"%PDF-1.4 the same";
    let first = stage.sends("document", "application/pdf", bytes, Some("a.pdf")).await;
    let second = stage.sends("document", "application/pdf", bytes, Some("b.pdf")).await;
    let file = json!({ "data": data_encoding::BASE64.encode(bytes), "mime_type": "application/pdf" });
    let third = json!({ "type": "document", "document": file });
    let third = stage.world.meta().customer_sends(&number, LUCIA, third).await;
    let (first, second) = (stage.until(&first, "stored").await, stage.until(&second, "stored").await);
    let stored = async || stage.world.message(&other, &third).await["media"]["state"] == "stored";
    stage.world.until("the other's is stored", stored).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(stage.files(), [hex(bytes), hex(bytes)]);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file").await, 2);
    stage.world.end().await;
}
