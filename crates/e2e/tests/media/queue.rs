//! The queue: what a crash leaves, who waits for whom, and how often bytes are kept.

use std::time::{Duration, Instant};

use model::link::{self, By};
use model::media;
use model::outbox::Pause;
use model::trouble::Trouble;
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
        outcome: media::Outcome::Failed { error: Trouble::unanswered("…").into() },
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

/// Went wrong: once one of its numbers was not connected, a claim locked all of an organization's media that were due, and
/// another node found none.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_leaves_the_rest_to_other_nodes() {
    let mut stage = Stage::new().await;
    let gone = stage.world.meta().numbers().await.remove(2);
    stage.world.connect_simulated(&stage.organization, &gone).await;
    stage.world.disconnect(&stage.organization, &gone.phone_number_id).await;
    stage.world.meta().faults(json!([{ "kind": "html_500", "edge": "media" }])).await;
    for _ in 0..5 {
        stage.world.meta().customer_sends(&stage.number, LUCIA, json!({ "type": "image", "image": {} })).await;
    }
    stage.world.settle().await;
    stage.world.stop().await;
    stage.world.sql().await.batch_execute("UPDATE wazapp.media SET next_at = 'epoch'").await.expect("all are due");
    let database = stage.world.database_apart();
    let mut nodes = Vec::new();
    for wanted in [2, 3] {
        let tx = database.operator().await.expect("a transaction");
        let claimed = media::any_organization_claim(&tx, stage.world.now(), Uuid::nil(), &[], wanted).await;
        let (_, claimed) = claimed.expect("a claim").expect("some are due");
        assert_eq!(claimed.len() as i64, wanted);
        nodes.push(tx);
    }
    drop(nodes);
    database.close();
    stage.world.end().await;
}

/// A picture gets its thumbnail once a medium shows it: until then its bytes may not be there.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_still_being_stored_waits_for_its_thumbnail() {
    let mut stage = Stage::new().await;
    stage.world.stop().await;
    let sql = stage.world.sql().await;
    let (id, name) = (stage.organization.id, hex(b"soon"));
    let announced = format!(
        "INSERT INTO wazapp.file (organization_id, sha256, size, thumbnail_at, touched_at) VALUES ('{id}', '{name}', 4, 'epoch', now())"
    );
    sql.batch_execute(&announced).await.expect("a row before its bytes");
    let database = stage.world.database_apart();
    let next = async || {
        let tx = database.operator().await.expect("a transaction");
        media::any_organization_next_picture(&tx, stage.world.now()).await.expect("it runs")
    };
    assert!(next().await.is_none());
    let shown = format!(
        "INSERT INTO wazapp.media (organization_id, id, state, file) VALUES ('{id}', gen_random_uuid(), 'stored', '{name}')"
    );
    sql.batch_execute(&shown).await.expect("a medium");
    assert_eq!(next().await.expect("it is its turn").sha256, name);
    database.close();
    stage.world.end().await;
}

/// While the store is away, no picture loses its tries.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_no_thumbnail() {
    let stage = Stage::new().await;
    let picture = png(400, 400, 7);
    let first = stage.picture(&picture).await;
    stage.until(&first, "stored").await;
    stage.thumbnailed(&first).await;
    let thumbnail = stage.files().into_iter().find(|name| *name != hex(&picture)).expect("a thumbnail");
    // The same thumbnail has no place in the next organization: a file lies where its folder would be.
    let other = stage.world.organization("Bar Sol").await;
    let number = stage.world.meta().numbers().await.remove(2);
    stage.world.connect_simulated(&other, &number).await;
    let folder = stage.world.media_dir().join(other.id.to_string());
    std::fs::create_dir_all(&folder).expect("a folder");
    let in_the_way = folder.join(&thumbnail[..2]);
    std::fs::write(&in_the_way, []).expect("a file");
    let image = json!({ "data": data_encoding::BASE64.encode(&picture), "mime_type": "image/png" });
    let wamid = json!({ "type": "image", "image": image });
    let wamid = stage.world.meta().customer_sends(&number, LUCIA, wamid).await;
    stage.world.settle().await;
    for nth in 0..4 {
        let tried = format!(
            "SELECT count(*) FROM wazapp.file WHERE organization_id = '{}' AND thumbnail_attempts = 0 AND thumbnail_at > '{}'",
            other.id,
            stage.world.now()
        );
        let what = format!("it was tried, {nth}");
        stage.world.until(&what, async || stage.world.count(&tried).await == 1).await;
        stage.world.advance(Duration::from_secs(121)).await;
    }
    std::fs::remove_file(in_the_way).expect("the store is back");
    let made = async || {
        stage.world.advance(Duration::from_secs(121)).await;
        stage.world.message(&other, &wamid).await["media"]["thumbnail"] == true
    };
    stage.world.until("it has a thumbnail", made).await;
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

/// An edit that brings another picture brings another medium: bytes under an id never change, so that browsers may keep
/// them. One that brings the same picture with other words changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn another_picture_is_another_medium() {
    let stage = Stage::new().await;
    let wamid = stage.picture(&png(20, 20, 1)).await;
    let before = stage.until(&wamid, "stored").await;
    let edit = async |image: serde_json::Value| {
        let edit = json!({ "original_message_id": wamid, "message": { "type": "image", "image": image } });
        stage.world.meta().customer_sends(&stage.number, LUCIA, json!({ "type": "edit", "edit": edit })).await;
        stage.world.settle().await;
    };
    edit(json!({ "caption": "La tarta" })).await;
    let message = stage.world.message(&stage.organization, &wamid).await;
    assert_eq!((&message["text"], &message["media"]["id"]), (&json!("La tarta"), &before["id"]));
    assert_eq!(message["media"]["state"], "stored");

    let bytes = png(20, 20, 2);
    edit(json!({ "data": data_encoding::BASE64.encode(&bytes), "mime_type": "image/png" })).await;
    // The former one is shown until the new one's bytes are here.
    stage.world.until("the new picture is shown", async || stage.media(&wamid).await["id"] != before["id"]).await;
    let after = stage.until(&wamid, "stored").await;
    assert_eq!(stage.content(&after).await.bytes().await.expect("bytes"), bytes);
    assert_eq!(stage.content(&before).await.status(), 404);
    stage.world.end().await;
}

/// A fetch with the old token is under way while the number gets another: its refusal stops nobody any more. That of the
/// token in force does, and is looked at soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_refusal_of_an_old_token_does_not_stop_the_new_one() {
    let stage = Stage::new().await;
    let (world, acme) = (&stage.world, &stage.organization);
    let number = world.connect_with(acme, "11", "12", None, "old").await;
    let settled = format!("UPDATE wazapp.number SET check_at = 'infinity' WHERE id = '{number}'");
    let stopped = format!(
        "SELECT count(*) FROM wazapp.number n JOIN wazapp.number_pace p ON p.number_id = n.id
         WHERE n.id = '{number}' AND n.check_at = 'epoch' AND n.problem IS NOT NULL AND p.paused_until IS NULL"
    );
    for (reconnects, stops) in [(true, 0), (false, 1)] {
        let tx = world.database().operator().await.expect("a transaction");
        let tried = link::find(&tx, &acme.scope, By::Id(number)).await.expect("the statement runs").expect("a number");
        tx.commit().await.expect("it is read");
        if reconnects {
            world.connect_with(acme, "11", "12", None, "new").await;
        }
        world.sql().await.batch_execute(&settled).await.expect("it was looked at");
        let heard = media::Settled {
            scope: acme.scope,
            id: Uuid::now_v7(),
            fence: 1,
            outcome: media::Outcome::Retry { at: world.now(), error: Trouble::unanswered("…").into(), counts: false },
            pause: Some((tried, Pause::Number { until: None, reason: Trouble::unanswered("…").into() })),
        };
        media::any_organization_settle(world.database(), world.now(), &heard).await.expect("it is written");
        assert_eq!(world.count(&stopped).await, stops, "reconnected: {reconnects}");
    }
    stage.world.end().await;
}
