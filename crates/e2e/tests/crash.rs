//! What was answered 200 is there, exactly once, whatever dies; what could not be stored was not answered 200.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::ledger::{Ledger, Persistence, SENDERS};
use e2e::program::{Installation, Server, connect_unchecked};
use e2e::receiver::{Heard, Receiver};
use e2e::{Options, World};
use tokio::time::Instant;

const NUMBER: &str = "106540352242922";
const SECRET: &str = "a secret of the tests";
const PATIENCE: Duration = Duration::from_secs(60);

fn ledger() -> Ledger {
    Ledger::new(NUMBER, SECRET)
}

/// An installation with one organization and its number; answers the API key.
async fn install() -> (Installation, Server, String) {
    let installation = Installation::new()
        .setting("WAZAPP_META_APP_SECRET", SECRET)
        .setting("WAZAPP_LOG", "warn")
        .setting("WAZAPP_ALLOW_TARGETS", "127.0.0.0/8");
    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&connect_unchecked("acme", (NUMBER, "1"), "none")).await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await;
    let key = key["key"].as_str().expect("a key").to_owned();
    (installation, server, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed_in_the_middle() {
    let (installation, mut server, key) = install().await;
    let ledger = ledger();
    for round in 0..3 {
        let senders = ledger.send(server.url(), &round.to_string(), 10_000, Persistence::Stop);
        ledger.until_taken(150 * (round + 1)).await;
        server.kill().await;
        senders.finished().await;
        server = installation.serve().await;
    }
    ledger.assert_shown(server.url(), &key, &ledger.wamids(true)).await;
    ledger.repeat_all(server.url()).await;
    ledger.assert_shown(server.url(), &key, &ledger.wamids(false)).await;
    assert!(server.terminate().await.0.success());
}

/// Waits until an endpoint heard enough: what was under way when a server died is told again once its lease is over.
async fn until_heard(hook: &Receiver, what: &str, enough: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let heard = hook.heard();
        if enough(&heard) {
            return heard;
        }
        assert!(Instant::now() < deadline, "it never came to it that {what}: {} calls", heard.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Wherever the server dies while it tells an endpoint, the endpoint is told everything, and twice only what was under way then,
/// under the same id. `WAZAPP_KILLS=20` kills it so often.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_everything_wherever_the_server_dies() {
    let kills: usize = std::env::var("WAZAPP_KILLS").map_or(3, |text| text.parse().expect("a number"));
    let hook = Receiver::open().await;
    let (installation, mut server, _) = install().await;
    installation.json(&["endpoint", "add", "--org", "acme", "--url", hook.url()]).await;
    let (ledger, mut died) = (ledger(), Vec::new());
    for round in 0..kills {
        let senders = ledger.send(server.url(), &round.to_string(), 40, Persistence::Stop);
        let enough = hook.heard().len() + 10 + 7 * round;
        until_heard(&hook, "some calls came", |heard| heard.len() >= enough).await;
        died.push(Instant::now());
        server.kill().await;
        senders.finished().await;
        server = installation.serve().await;
    }
    let wamid = |call: &Heard| call.body["data"]["wamid"].as_str().unwrap_or_default().to_owned();
    let wanted = ledger.wamids(true);
    let heard = until_heard(&hook, "everything was told", |heard| {
        let told: BTreeSet<String> = heard.iter().map(wamid).collect();
        wanted.iter().all(|wamid| told.contains(wamid))
    })
    .await;
    let mut calls: BTreeMap<String, Vec<&Heard>> = BTreeMap::new();
    for call in &heard {
        calls.entry(wamid(call)).or_default().push(call);
    }
    for (wamid, calls) in calls {
        for pair in calls.windows(2) {
            assert_eq!(pair[0].header("webhook-id"), pair[1].header("webhook-id"), "{wamid}");
            let between = died.iter().any(|at| pair[0].at <= *at + PATIENCE / 60 && *at <= pair[1].at);
            assert!(between, "{wamid} was told twice though nothing died in between");
        }
    }
    assert!(server.terminate().await.0.success());
}

/// The server starts its PostgreSQL again by itself. Meanwhile it answers 503, never 200, and Meta's retries bring
/// everything.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_killed_in_the_middle() {
    let (_installation, server, key) = install().await;
    let ledger = ledger();
    let each = 150;
    let senders = ledger.send(server.url(), "pg", each, Persistence::Retry);
    for round in 1..=2 {
        ledger.until_taken(SENDERS * each * round / 4).await;
        server.kill_postgres();
        ledger.until_refused().await;
    }
    senders.finished().await;
    assert_eq!(ledger.wamids(true).len(), SENDERS * each);
    ledger.assert_shown(server.url(), &key, &ledger.wamids(false)).await;
    assert!(server.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_under_load_loses_nothing() {
    let (installation, server, key) = install().await;
    let ledger = ledger();
    let senders = ledger.send(server.url(), "term", 10_000, Persistence::Stop);
    ledger.until_taken(150).await;
    let (status, took, log) = server.terminate().await;
    assert!(status.success(), "{status}: {log}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    senders.finished().await;
    assert!(!installation.data_dir().join("postgres/postmaster.pid").exists(), "its PostgreSQL is stopped too");
    let server = installation.serve().await;
    ledger.assert_shown(server.url(), &key, &ledger.wamids(true)).await;
    assert!(server.terminate().await.0.success());
}

/// A receiver that says 200 before it has written would pass every test but this one.
#[tokio::test(flavor = "multi_thread")]
async fn cut_off_from_the_database_it_says_503_and_recovers_by_itself() {
    let world = World::with(Options { proxied: true, ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "1", None).await;
    let ledger = ledger();
    for round in 0..3 {
        assert_eq!(world.post(ledger.message(&format!("wamid.{round}.before"))).await, 200);
        world.proxy().cut();
        for nth in 0..5 {
            assert_eq!(world.post(ledger.message(&format!("wamid.{round}.lost.{nth}"))).await, 503, "round {round}");
        }
        world.proxy().mend();
        world
            .until("it takes webhooks again", async || {
                world.post(ledger.message(&format!("wamid.{round}.after"))).await == 200
            })
            .await;
    }
    world.drain().await;
    let mut wamids: Vec<String> = world
        .all_messages(&acme)
        .await
        .iter()
        .map(|message| message["wamid"].as_str().expect("a wamid").to_owned())
        .collect();
    wamids.sort_unstable();
    let expected: Vec<String> =
        (0..3).flat_map(|round| ["after", "before"].map(|what| format!("wamid.{round}.{what}"))).collect();
    assert_eq!(wamids, expected);
    world.end().await;
}

/// Connections break at any moment, also between COMMIT and its answer: nothing is lost, nothing is doubled.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_all_the_time() {
    let world = World::with(Options { proxied: true, batch: Some(7), ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "1", None).await;
    let ledger = Ledger::new(NUMBER, world.secret());
    let senders = ledger.send(world.url(), "shaken", 60, Persistence::Retry);
    for round in 1..=20 {
        ledger.until_taken(SENDERS * 60 * round / 22).await;
        world.proxy().shake();
    }
    senders.finished().await;
    assert!(ledger.refused() > 0, "the breaks were felt");
    world.drain().await;
    ledger.assert_shown(world.url(), &acme.key, &ledger.wamids(false)).await;
    world.end().await;
}
