//! A restored server sends nothing until a person lets it; then each goes once.

use e2e::receiver::Receiver;
use model::{delivery, outbox};
use serde_json::json;

use super::{Stage, Target, text};

/// The backup has a message that is due and an event that its endpoint was not told of.
async fn waiting(stage: &mut Stage, hook: &Receiver) {
    let conversation = stage.world.conversation(&stage.organization).await;
    let path = format!("/conversations/{}/messages", conversation["id"].as_str().expect("an id"));
    let later = stage.world.now() + jiff::SignedDuration::from_hours(2);
    let message = json!({ "type": "text", "text": { "body": "Ya llegó su pan." }, "send_at": later });
    let (status, said) = stage.world.post_api(&stage.organization, &path, &message).await;
    assert_eq!(status, 202, "{said}");
    let endpoint = json!({ "url": hook.url(), "format": "wazapp" });
    let (status, said) = stage.world.post_api(&stage.organization, "/endpoints", &endpoint).await;
    assert_eq!(status, 201, "{said}");
    stage.world.idle().await;
    let sql = stage.world.sql().await;
    sql.batch_execute(
        "UPDATE wazapp.outbox SET due_at = now() - interval '1 minute', send_at = now() - interval '1 minute';
         UPDATE wazapp.endpoint SET cursor = 0",
    )
    .await
    .expect("it waits");
}

fn simulated(stage: &Stage) -> impl FnOnce(e2e::program::Installation) -> e2e::program::Installation {
    let (url, app, secret) =
        (stage.world.meta().url().to_owned(), stage.world.app_id().to_owned(), stage.world.secret().to_owned());
    move |installation| {
        installation
            .setting("WAZAPP_GRAPH_URL", &url)
            .setting("WAZAPP_META_APP_ID", &app)
            .setting("WAZAPP_META_APP_SECRET", &secret)
            .setting("WAZAPP_ALLOW_TARGETS", "127.0.0.0/8")
    }
}

/// What a look would find to send and to tell.
async fn turns(target: &Target) -> (usize, usize) {
    let access = model::database::Access::socket(&e2e::cluster::socket_dir(), &target.name);
    let database = model::Database::new(access, 1).expect("pools");
    let (tx, now) = (database.operator().await.expect("a transaction"), model::Clock::default().now());
    let messages = outbox::any_organization_turns(&tx, now, &[]).await.expect("the statement runs").len();
    let endpoints = delivery::any_organization_turns(&tx, now, None).await.expect("the statement runs").len();
    tx.close();
    database.close();
    (messages, endpoints)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_until_it_is_released_and_then_each_once() {
    let (mut stage, hook) = (Stage::new().await, Receiver::open().await);
    waiting(&mut stage, &hook).await;
    let before = stage.world.meta().accepted(&stage.number).await.len();
    let heard = hook.heard().len();
    let (backup, _) = stage.back_up("held.age").await;
    let target = Target::beside(simulated(&stage)).await;
    let said = target.restored(&backup, &stage.identity).await;
    assert_eq!((&said["held"]["messages"], &said["held"]["due"]), (&json!(1), &json!(1)), "{said}");
    assert_eq!(turns(&target).await, (0, 0), "it is held");
    let server = target.installation.serve().await;
    let held = target.installation.json(&["restore", "held"]).await;
    assert_eq!(held["waiting"]["messages"], 1, "{held}");
    let doctor = target.installation.run(&["doctor"]).await;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("wazapp restore release"), "{doctor}");
    assert_eq!(stage.world.meta().accepted(&stage.number).await.len(), before);
    assert_eq!(hook.heard().len(), heard);

    let released = target.installation.json(&["restore", "release"]).await;
    assert_eq!((&released["released"], &released["waiting"]["messages"]), (&json!(true), &json!(1)), "{released}");
    hook.until_count(heard + 1).await;
    e2e::until("it was sent", async || stage.world.meta().accepted(&stage.number).await.len() > before).await;
    let sql = target.sql().await;
    let open = "SELECT (SELECT count(*) FROM wazapp.outbox WHERE state IN ('queued', 'sending'))
                     + (SELECT count(*) FROM wazapp.delivery WHERE state IN ('waiting', 'calling'))";
    e2e::until("nothing waits", async || sql.query_one(open, &[]).await.expect("a row").get::<_, i64>(0) == 0).await;
    assert_eq!(stage.world.meta().accepted(&stage.number).await.len(), before + 1, "once");
    let ids: Vec<String> = hook.heard().iter().map(|told| told.header("webhook-id").to_owned()).collect();
    let different: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), different.len(), "{ids:?}");
    let again = target.installation.json(&["restore", "release"]).await;
    assert_eq!(again, json!({ "released": false }));
    assert!(server.terminate().await.0.success());
    drop(sql);
    target.end().await;
    stage.world.end().await;
}

/// What the other server may have sent since can be let go instead.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_before_can_be_dropped() {
    let (mut stage, hook) = (Stage::new().await, Receiver::open().await);
    waiting(&mut stage, &hook).await;
    let before = stage.world.meta().accepted(&stage.number).await.len();
    let (backup, _) = stage.back_up("dropped.age").await;
    let target = Target::beside(simulated(&stage)).await;
    target.restored(&backup, &stage.identity).await;
    let released = target.installation.json(&["restore", "release", "--drop-queued"]).await;
    assert_eq!((&released["released"], &released["dropped"]), (&json!(true), &json!(1)), "{released}");
    let server = target.installation.serve().await;
    let sql = target.sql().await;
    let failed = "SELECT count(*) FROM wazapp.message WHERE direction = 'outbound' AND status = 'failed'";
    e2e::until("it failed", async || sql.query_one(failed, &[]).await.expect("a row").get::<_, i64>(0) == 1).await;
    assert_eq!(stage.world.meta().accepted(&stage.number).await.len(), before);
    assert!(server.terminate().await.0.success());
    let check = ["restore", "--from", text(&backup), "--identity", text(&stage.identity), "--check"];
    target.installation.json(&check).await;
    drop(sql);
    target.end().await;
    stage.world.end().await;
}
