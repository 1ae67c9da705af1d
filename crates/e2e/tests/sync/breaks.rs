//! Whatever breaks, the copy ends equal.

use e2e::pooler::Pooler;
use e2e::random::Random;
use e2e::{Options, World, body, cluster, until};
use model::act::Role;
use model::retention::{Days, Retention};
use serde_json::json;

use super::{Copier, Elsewhere, assert_equal, bodies, tenant};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// What Meta tells of people in any order, what people change, and two numbers.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_comes() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    let marta = world.member(&acme, Role::Agent).await;
    // Nothing that a copier does needs a session.
    let pooler = Pooler::start(&cluster::socket_dir()).await;
    let copier = Copier::with(world.url(), &acme.key, &elsewhere.url_at(pooler.socket_dir()));
    copier.once().await;
    for seed in 1..9 {
        for value in bodies(seed, world.now(), &numbers, false) {
            world.take(&value).await;
        }
        world.drain().await;
        for (nth, thread) in world.conversations(&acme).await.iter().enumerate() {
            let path = format!("/conversations/{}", thread["id"].as_str().unwrap());
            let change =
                if nth % 2 == 0 { json!({ "state": "resolved" }) } else { json!({ "assignee_id": marta.user_id }) };
            assert_eq!(world.patch(&acme, &path, &change).await.0, 200);
            world.post_api(&acme, &format!("{path}/read"), &json!({ "receipt": false })).await;
            if let Some(contact) = thread["contact"]["id"].as_str() {
                let name = json!({ "own_name": format!("Name {seed}"), "notes": "a note" });
                assert_eq!(world.patch(&acme, &format!("/contacts/{contact}"), &name).await.0, 200);
            }
        }
        // Of a message that turned out to be somebody else's, no event tells which others are numbered anew.
        let due = "UPDATE wazapp.sync SET walked_at = walked_at - interval '2 days'";
        elsewhere.sql.execute(due, &[]).await.unwrap();
        copier.once().await;
        assert_equal(&world, &acme, &elsewhere).await;
    }
    drop(pooler);
    world.end().await;
    elsewhere.end().await;
}

/// The source has lost more than is noted at once, at the end of a list and between two rows of a page.
#[tokio::test(flavor = "multi_thread")]
async fn very_many_rows_that_are_gone_are_noted_in_lots() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    for nth in 0..3 {
        let (from, wamid) = (format!("3460000000{nth}"), format!("wamid.{nth}"));
        world.receive(&body::text(&numbers[0], &from, &wamid, world.now().as_second(), "hola")).await;
    }
    let copier = Copier::new(&world, &acme, &elsewhere);
    copier.once().await;
    // Ids below all others, and beside the newest row's.
    let more = "INSERT INTO wazapp.contacts (organization_id, id, created_at, updated_at)
                SELECT o.organization_id, overlay(base.id::text placing lpad(nth::text, 12, '0') from 25)::uuid, now(), now()
                FROM wazapp.sync o, generate_series(1, 2300) nth,
                  (SELECT '00000000-0000-7000-8000-000000000000'::uuid AS id
                   UNION SELECT (max(id::text))::uuid FROM wazapp.contacts) base ON CONFLICT DO NOTHING";
    assert!(elsewhere.sql.execute(more, &[]).await.unwrap() >= 4_599);
    elsewhere.sql.execute("UPDATE wazapp.sync SET walked_at = walked_at - interval '2 days'", &[]).await.unwrap();
    copier.once().await;
    assert_equal(&world, &acme, &elsewhere).await;
    assert_eq!(elsewhere.number("SELECT count(*) FROM wazapp.sync_todo").await, 0);
    world.end().await;
    elsewhere.end().await;
}

/// A copier that is killed, and whose connections are cut, again and again while the source goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_copier_may_be_killed_and_cut_off_anywhere() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    let copier = Copier::new(&world, &acme, &elsewhere);
    let all: Vec<_> = (20..44).flat_map(|seed| bodies(seed, world.now(), &numbers, true)).collect();
    let (first, rest) = all.split_at(all.len() / 3);
    for value in first {
        world.take(value).await;
    }
    let posts = world.posts();
    let rest = rest.to_vec();
    let telling = tokio::spawn(async move {
        for value in rest {
            assert_eq!(posts.post(body::bytes(&value)).await, 200);
        }
    });
    let mut random = Random::new(7);
    for nth in 0..8 {
        let mut child = copier.start();
        // Wherever it is then: in its first words, in a page, in a transaction.
        for _ in 0..random.below(4) {
            let before = elsewhere.written().await;
            until("it has written something", async || telling.is_finished() || elsewhere.written().await != before)
                .await;
            if nth % 2 == 0 {
                elsewhere.cut().await;
            }
        }
        child.kill().await.expect("a process of ours");
    }
    telling.await.expect("everything is told");
    world.drain().await;
    let (before, end) = (elsewhere.cursor(&acme).await, world.all(&acme, "/events?limit=100").await.len());
    copier.once().await;
    assert!(before > 0, "it had come somewhere before, of {end}");
    assert_equal(&world, &acme, &elsewhere).await;
    world.end().await;
    elsewhere.end().await;
}

/// A copier stops dead within a transaction, as on a machine that is gone: its locks end, and another one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_copier_that_stops_dead_holds_nobody_up() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    let copier = Copier::new(&world, &acme, &elsewhere);
    copier.once().await;
    world.receive(&body::text(&numbers[0], "34600000001", "wamid.1", world.now().as_second(), "hola")).await;
    let other = cluster::connect(&cluster::socket_dir(), &elsewhere.name).await.expect("a connection");
    other.batch_execute("BEGIN; LOCK TABLE wazapp.messages IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut dead = copier.start();
    let copiers = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'wazapp' AND";
    let waiting = format!("{copiers} wait_event_type = 'Lock'");
    until("it waits within its transaction", async || elsewhere.number(&waiting).await == 1).await;
    let pid = rustix::process::Pid::from_raw(dead.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    let idle = format!("{copiers} state LIKE 'idle in transaction%'");
    until("its transaction is open, and nobody goes on with it", async || elsewhere.number(&idle).await == 1).await;
    copier.once().await;
    assert_equal(&world, &acme, &elsewhere).await;
    dead.kill().await.expect("a process of ours");
    world.end().await;
    elsewhere.end().await;
}

/// It follows live, and lets go of the copy when it is asked to end.
#[tokio::test(flavor = "multi_thread")]
async fn it_follows_and_ends_when_it_is_asked_to() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    let copier = Copier::new(&world, &acme, &elsewhere);
    let mut child = copier.start();
    for nth in 0..3 {
        world
            .receive(&body::text(&numbers[0], "34600000001", &format!("wamid.{nth}"), world.now().as_second(), "hola"))
            .await;
        let all = world.events(&acme, "message.received").await.len() as i64;
        let count = "SELECT count(*) FROM wazapp.messages";
        world
            .until("the message is in the copy", async || {
                elsewhere.cursor(&acme).await > 0 && elsewhere.number(count).await == all
            })
            .await;
    }
    // A second one waits for the first to end, and takes its place.
    let mut second = copier.0.command(&["supabase", "sync"]);
    let mut second = second.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let holder = "SELECT holder::text FROM wazapp.sync";
    let first: String = elsewhere.sql.query_one(holder, &[]).await.unwrap().get(0);
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().await.unwrap().success(), "a copier that is asked to end ends well");
    world
        .until("the second has the copy", async || {
            let now: Option<String> = elsewhere.sql.query_one(holder, &[]).await.unwrap().get(0);
            now.is_some_and(|now| now != first)
        })
        .await;
    // The third takes it from the second, which then writes no more, and says why it ends.
    let said = copier.once().await;
    assert!(said.contains("level with the log"), "{said}");
    assert!(!second.wait().await.unwrap().success(), "whoever lost the copy ends");
    world.end().await;
    elsewhere.end().await;
}

/// Events that a copy did not hear of have gone, and messages with them: everything is read anew, and nothing is missing
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_begins_later_is_read_anew() {
    let days = |days| Days(Some(days));
    let retention = Retention { events: days(90), messages: days(120), ..Retention::default() };
    let (world, elsewhere) = (World::with(Options { retention, ..Options::default() }).await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    let write = async |from: &str, wamid: &str| {
        world.receive(&body::text(&numbers[0], from, wamid, world.now().as_second(), wamid)).await;
    };
    write("34600000001", "wamid.old").await;
    let copier = Copier::new(&world, &acme, &elsewhere);
    copier.once().await;
    write("34600000002", "wamid.missed").await;
    world.advance(DAY + DAY / 24).await;
    world.drop_past().await.expect("it runs");
    world.advance(DAY * 100).await;
    write("34600000001", "wamid.new").await;
    assert!(world.drop_past().await.expect("it runs").events > 0);
    let said = copier.once().await;
    assert!(said.contains("reading everything anew"), "{said}");
    assert_eq!(elsewhere.number("SELECT count(*) FROM wazapp.messages").await, 3);
    assert_equal(&world, &acme, &elsewhere).await;
    // Messages past their retention have no event: the next reading of everything takes them along.
    world.advance(DAY * 30).await;
    assert_eq!(world.drop_past().await.expect("it runs").messages, 2);
    elsewhere.sql.execute("UPDATE wazapp.sync SET walked_at = walked_at - interval '2 days'", &[]).await.unwrap();
    copier.once().await;
    assert_eq!(elsewhere.number("SELECT count(*) FROM wazapp.messages").await, 1);
    assert_equal(&world, &acme, &elsewhere).await;
    world.end().await;
    elsewhere.end().await;
}
