//! What was answered 200 is there, exactly once, whatever dies; what could not be stored was not answered 200.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::program::{Installation, Server};
use e2e::receiver::{Heard, Receiver};
use e2e::{Options, Posts, World, body};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

const NUMBER: &str = "106540352242922";
const SECRET: &str = "a secret of the tests";
const SENDERS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// What was sent, by wamid, and whether it was answered 200.
#[derive(Clone, Debug, Default)]
struct Ledger {
    entries: Arc<Mutex<BTreeMap<String, bool>>>,
    taken: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Ledger {
    fn sent(&self, wamid: &str) {
        self.entries.lock().expect("nobody panics with the ledger").entry(wamid.to_owned()).or_default();
    }

    fn taken(&self, wamid: &str) {
        self.entries.lock().expect("nobody panics with the ledger").insert(wamid.to_owned(), true);
        self.taken.fetch_add(1, Ordering::SeqCst);
    }

    fn wamids(&self, taken_only: bool) -> Vec<String> {
        let entries = self.entries.lock().expect("nobody panics with the ledger");
        entries.iter().filter(|(_, taken)| **taken || !taken_only).map(|(wamid, _)| wamid.clone()).collect()
    }

    async fn until_taken(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.taken.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < deadline, "only {:?} of {count} taken", self.taken);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn message(wamid: &str) -> Vec<u8> {
    // A few customers, each with a conversation.
    let customer = wamid.bytes().map(usize::from).sum::<usize>() % 5;
    body::bytes(&body::text(NUMBER, &format!("3460000000{customer}"), wamid, 1_795_000_000, wamid))
}

/// How a sender goes on when a body was not taken.
#[derive(Clone, Copy, PartialEq)]
enum Persistence {
    /// As Meta does: the same body again, until it is taken.
    Retry,
    /// It stops at the first broken connection.
    Stop,
}

/// Senders that post one body after the other, at most `each`.
fn send(url: &str, secret: &str, ledger: &Ledger, run: &str, each: usize, persistence: Persistence) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (posts, ledger, run) = (Posts::new(url, secret), ledger.clone(), run.to_owned());
        senders.spawn(async move {
            for nth in 0..each {
                let wamid = format!("wamid.{run}.{sender}.{nth}");
                ledger.sent(&wamid);
                let deadline = Instant::now() + PATIENCE;
                loop {
                    match posts.try_post(&message(&wamid)).await {
                        Ok(200) => break ledger.taken(&wamid),
                        Ok(503) => _ = ledger.refused.fetch_add(1, Ordering::SeqCst),
                        Ok(other) => panic!("{wamid} is answered {other}"),
                        Err(_) if persistence == Persistence::Stop => return,
                        Err(_) => {}
                    }
                    assert!(Instant::now() < deadline, "{wamid} is never taken");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    senders
}

async fn finished(mut senders: JoinSet<()>) {
    while let Some(ended) = senders.join_next().await {
        ended.expect("a sender sees nothing but 200, 503 and broken connections");
    }
}

/// An installation with one organization and its number; answers the API key.
async fn install() -> (Installation, Server, String) {
    let installation = Installation::new()
        .setting("WAZAPP_META_APP_SECRET", SECRET)
        .setting("WAZAPP_LOG", "warn")
        .setting("WAZAPP_ALLOW_TARGETS", "127.0.0.0/8");
    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation
        .json(&[
            "number",
            "connect",
            "--org",
            "acme",
            "--phone-number-id",
            NUMBER,
            "--waba-id",
            "1",
            "--token",
            "none",
            "--skip-checks",
        ])
        .await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await;
    let key = key["key"].as_str().expect("a key").to_owned();
    (installation, server, key)
}

/// All wamids the API shows, with how often.
async fn shown(url: &str, key: &str) -> BTreeMap<String, usize> {
    let client = e2e::outside::http().build().expect("a client");
    let rows = async |path: String| {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = client.get(format!("{url}/api/v1{path}?limit=100{cursor}")).bearer_auth(key).send().await;
            let text = answer.expect("an answer").text().await.expect("a whole answer");
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            rows.extend(answer["data"].as_array().unwrap_or_else(|| panic!("a list: {text}")).clone());
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    };
    let mut shown = BTreeMap::new();
    for conversation in rows("/conversations".into()).await {
        let id = conversation["id"].as_str().expect("an id");
        for message in rows(format!("/conversations/{id}/messages")).await {
            *shown.entry(message["wamid"].as_str().expect("a wamid").to_owned()).or_default() += 1;
        }
    }
    shown
}

/// Waits until all of these are shown, and asserts that nothing is shown twice or was never sent.
async fn assert_shown(url: &str, key: &str, ledger: &Ledger, wanted: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = shown(url, key).await;
        let missing: Vec<&String> = wanted.iter().filter(|wamid| !shown.contains_key(*wamid)).collect();
        if missing.is_empty() {
            let twice: Vec<_> = shown.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "shown more than once: {twice:?}");
            let sent = ledger.wamids(false);
            let invented: Vec<_> = shown.keys().filter(|wamid| !sent.contains(wamid)).collect();
            assert!(invented.is_empty(), "never sent: {invented:?}");
            return;
        }
        assert!(Instant::now() < deadline, "answered 200 and lost: {missing:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Posts everything again, as Meta does with what was not answered, and more.
async fn repeat_all(url: &str, ledger: &Ledger) {
    let posts = Posts::new(url, SECRET);
    for wamid in ledger.wamids(false) {
        assert_eq!(posts.post(message(&wamid)).await, 200);
        ledger.taken(&wamid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed_in_the_middle() {
    let (installation, mut server, key) = install().await;
    let ledger = Ledger::default();
    for round in 0..3 {
        let senders = send(server.url(), SECRET, &ledger, &round.to_string(), 10_000, Persistence::Stop);
        ledger.until_taken(150 * (round + 1)).await;
        server.kill().await;
        finished(senders).await;
        server = installation.serve().await;
    }
    assert_shown(server.url(), &key, &ledger, &ledger.wamids(true)).await;
    repeat_all(server.url(), &ledger).await;
    assert_shown(server.url(), &key, &ledger, &ledger.wamids(false)).await;
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
    let (ledger, mut died) = (Ledger::default(), Vec::new());
    for round in 0..kills {
        let senders = send(server.url(), SECRET, &ledger, &round.to_string(), 40, Persistence::Stop);
        let enough = hook.heard().len() + 10 + 7 * round;
        until_heard(&hook, "some calls came", |heard| heard.len() >= enough).await;
        died.push(Instant::now());
        server.kill().await;
        finished(senders).await;
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
    let ledger = Ledger::default();
    let each = 150;
    let senders = send(server.url(), SECRET, &ledger, "pg", each, Persistence::Retry);
    for round in 1..=2 {
        ledger.until_taken(SENDERS * each * round / 4).await;
        let before = ledger.refused.load(Ordering::SeqCst);
        server.kill_postgres();
        let deadline = Instant::now() + PATIENCE;
        while ledger.refused.load(Ordering::SeqCst) == before {
            assert!(Instant::now() < deadline, "nobody was told that the database is away: {}", server.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    finished(senders).await;
    assert_eq!(ledger.wamids(true).len(), SENDERS * each);
    assert_shown(server.url(), &key, &ledger, &ledger.wamids(false)).await;
    assert!(server.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_under_load_loses_nothing() {
    let (installation, server, key) = install().await;
    let ledger = Ledger::default();
    let senders = send(server.url(), SECRET, &ledger, "term", 10_000, Persistence::Stop);
    ledger.until_taken(150).await;
    let (status, took, log) = server.terminate().await;
    assert!(status.success(), "{status}: {log}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    finished(senders).await;
    assert!(!installation.data_dir().join("postgres/postmaster.pid").exists(), "its PostgreSQL is stopped too");
    let server = installation.serve().await;
    assert_shown(server.url(), &key, &ledger, &ledger.wamids(true)).await;
    assert!(server.terminate().await.0.success());
}

/// A receiver that says 200 before it has written would pass every test but this one.
#[tokio::test(flavor = "multi_thread")]
async fn cut_off_from_the_database_it_says_503_and_recovers_by_itself() {
    let world = World::with(Options { proxied: true, ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "1", None).await;
    for round in 0..3 {
        assert_eq!(world.post(message(&format!("wamid.{round}.before"))).await, 200);
        world.proxy().cut();
        for nth in 0..5 {
            assert_eq!(world.post(message(&format!("wamid.{round}.lost.{nth}"))).await, 503, "round {round}");
        }
        world.proxy().mend();
        world
            .until("it takes webhooks again", async || {
                world.post(message(&format!("wamid.{round}.after"))).await == 200
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
    let ledger = Ledger::default();
    let senders = send(world.url(), world.secret(), &ledger, "shaken", 60, Persistence::Retry);
    for round in 1..=20 {
        ledger.until_taken(SENDERS * 60 * round / 22).await;
        world.proxy().shake();
    }
    finished(senders).await;
    assert!(ledger.refused.load(Ordering::SeqCst) > 0, "the breaks were felt");
    world.drain().await;
    assert_shown(world.url(), &acme.key, &ledger, &ledger.wamids(false)).await;
    world.end().await;
}
