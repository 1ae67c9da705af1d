//! The server ends in the middle.

use std::time::Duration;

use e2e::Organization;
use model::connection::{self, How, Job, LEASE, New};
use secrecy::SecretString;
use serde_json::json;

use super::{Stage, id, steps};

/// A worker took an attempt and died: when its lease ends, another goes on with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_worker_died_goes_on() {
    let mut stage = Stage::new().await;
    stage.world.stop().await;
    let token = SecretString::from(stage.number.token.clone());
    let new = New {
        phone_number_id: Some(&stage.number.phone_number_id),
        waba_id: Some(&stage.number.waba_id),
        token: Some(&token),
        ..New::of(How::Token)
    };
    stage.world.restart().await;
    let database = stage.world.database();
    let tx = database.operator().await.unwrap();
    let scope = &stage.organization.scope;
    let mut dead =
        connection::any_organization_begin(&tx, scope, stage.world.keyring(), stage.world.now(), &new).await.unwrap();
    dead.starts(connection::What::Token, stage.world.now());
    assert!(dead.any_organization_save(&tx, true, stage.world.now()).await.unwrap());
    tx.commit().await.unwrap();
    let path = format!("/connections/{}", dead.connection.id);
    let state = async || stage.world.read(&stage.organization, &path).await;
    assert_eq!(
        (steps(&state().await)[0].as_str(), state().await["state"].clone()),
        ("token:running", json!("running"))
    );

    stage.world.advance(Duration::try_from(LEASE).unwrap() + Duration::from_secs(1)).await;
    stage.world.until("it goes on", async || state().await["state"] == "done").await;
    assert_eq!(stage.numbers().await.len(), 1);
    // Who wakes up late writes no more.
    let tx = database.operator().await.unwrap();
    assert!(!dead.any_organization_save(&tx, true, stage.world.now()).await.unwrap());
    tx.commit().await.unwrap();
    stage.world.end().await;
}

/// A server that is stopped while Meta does not answer leaves the attempt to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_outlives_its_server() {
    let mut stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "slow", "edge": "phone_numbers", "seconds": 1, "count": 1 }])).await;
    let begun = json!({ "session": { "event": "FINISH", "waba_id": "1" } });
    let (status, _) = stage.world.post_api(&stage.organization, "/connections", &begun).await;
    assert_eq!(status, 202);
    let (url, key, wish) = (stage.world.url().to_owned(), stage.organization.key.clone(), stage.wish());
    let client = stage.world.client().clone();
    let asked = tokio::spawn(async move {
        let request = client.post(format!("{url}/api/v1/numbers")).bearer_auth(key);
        request.header("content-type", "application/json").body(wish.to_string()).send().await
    });
    let under_way = "SELECT count(*) FROM wazapp.connection WHERE steps::text LIKE '%account\",\"state\":\"running%'";
    stage.world.until("Meta is slow", async || stage.world.count(under_way).await == 1).await;
    stage.world.restart().await;
    let answer = asked.await.unwrap().expect("an answer");
    assert_eq!(answer.status(), 202, "who asked does not keep the server from stopping");
    stage
        .world
        .until("the next server goes on", async || {
            stage.numbers().await.first().is_some_and(|number| number["status"] == "connected")
        })
        .await;
    let attempts = stage.world.all(&stage.organization, "/connections").await;
    let done = attempts.iter().find(|attempt| attempt["how"] == "token").unwrap();
    stage
        .world
        .until("it is done", async || {
            let path = format!("/connections/{}", id(done));
            stage.world.read(&stage.organization, &path).await["state"] == "done"
        })
        .await;
    stage.world.end().await;
}

/// Disconnecting kept the token for the calls that follow, in the transaction whose answer was lost; done once more it found
/// nothing connected, and nothing to tell Meta with.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_whose_commit_is_not_answered_is_done_once() {
    let world = e2e::World::with(e2e::Options { simulated: true, proxied: true, ..e2e::Options::default() }).await;
    let organization = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    let stage = Stage { world, organization, number };
    let number = stage.connected().await;
    let lost = stage.world.proxy().lose_commit(r#""release","state":"done""#);
    let (status, left) = stage.world.delete(&stage.organization, &format!("/numbers/{}", id(&number))).await;
    lost.await.expect("a commit without an answer");
    assert_eq!((status, &left["warnings"]), (200, &json!([])), "{left:#}");
    assert_eq!(steps(&left["connection"]), ["release:done", "unsubscribe:done"]);
    assert!(stage.subscribed().await.is_empty(), "Meta was told");
    stage.world.end().await;
}

/// One organization's attempts, however many, leave room for others'.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_every_place() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let other = stage.world.organization("Harbor & Pine").await;
    let (database, now) = (stage.world.database(), stage.world.now());
    for scope in std::iter::repeat_n(&stage.organization.scope, 9).chain([&other.scope]) {
        let tx = database.tenant(scope).await.unwrap();
        connection::begin(&tx, stage.world.keyring(), now, &New::of(How::Token)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let take = async |at| {
        let tx = database.operator().await.unwrap();
        let mut taken = Vec::new();
        while let Some(job) = connection::any_organization_take(&tx, at).await.unwrap() {
            taken.push(job);
        }
        tx.commit().await.unwrap();
        taken
    };
    let count = |taken: &[Job], of: &Organization| taken.iter().filter(|job| job.scope == of.scope).count();
    let taken = take(now).await;
    assert_eq!((count(&taken, &stage.organization), count(&taken, &other)), (4, 1));
    assert_eq!(take(now).await.len(), 0);
    // Who came to an end makes place for the next.
    let tx = database.operator().await.unwrap();
    let mut done = taken.into_iter().find(|job| job.scope == stage.organization.scope).unwrap();
    done.ends(now);
    assert!(done.any_organization_save(&tx, false, now).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(count(&take(now).await, &stage.organization), 1);
    // And so does one that died.
    let later = now + LEASE + jiff::SignedDuration::from_secs(1);
    assert_eq!(count(&take(later).await, &stage.organization), 4);
    stage.world.end().await;
}

/// The database goes away in the middle: what Meta answered is written when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_outlives_the_databases_absence() {
    let world = e2e::World::with(e2e::Options { simulated: true, proxied: true, ..e2e::Options::default() }).await;
    let organization = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    world.meta().faults(json!([{ "kind": "slow", "edge": "phone_numbers", "seconds": 1, "count": 1 }])).await;
    let stage = Stage { world, organization, number };
    let wish = stage.wish();
    let cut = async {
        let under_way =
            "SELECT count(*) FROM wazapp.connection WHERE steps::text LIKE '%account\",\"state\":\"running%'";
        stage.world.until("Meta is slow", async || stage.world.count(under_way).await == 1).await;
        stage.world.proxy().cut();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        stage.world.proxy().mend();
    };
    // Whoever asked may be told 503 meanwhile; the attempt goes on.
    let (_, ()) = tokio::join!(stage.connect(&wish), cut);
    stage
        .world
        .until("it is done", async || {
            let (status, list) = stage.world.get(&stage.organization, "/connections").await;
            status == 200 && list["data"][0]["state"] == "done"
        })
        .await;
    assert_eq!(stage.numbers().await.len(), 1);
    stage.world.end().await;
}
