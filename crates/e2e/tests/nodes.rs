//! Two nodes on one database, of which now one stops and now the other dies: all goes on through who is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::ledger::Ledger;
use e2e::program::{Installation, Server};
use e2e::wishes::{Wishes, accepted};
use e2e::{SimulatedNumber, World, outside, until};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::live::Stream;

const PAUSE: Duration = Duration::from_millis(20);

/// Somebody who follows an organization's events, on whichever node is there, until this event.
fn follow(urls: Vec<String>, key: String, mut until: watch::Receiver<Option<i64>>) -> JoinHandle<Vec<i64>> {
    tokio::spawn(async move {
        let client = outside::http().build().expect("a client");
        let mut ids: Vec<i64> = Vec::new();
        for url in urls.iter().cycle() {
            let asked = client.get(format!("{url}/api/v1/events/stream?after=0")).bearer_auth(&key);
            let Some(mut stream) = Stream::attempt(asked, ids.last().copied()).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            loop {
                if until.borrow().is_some_and(|last| ids.last() >= Some(&last)) {
                    return ids;
                }
                tokio::select! {
                    frame = stream.any() => match frame {
                        Some(frame) if frame.event == "heartbeat" => {}
                        Some(frame) => ids.push(frame.id),
                        None => break,
                    },
                    _ = until.changed() => {}
                }
            }
        }
        unreachable!("there are nodes")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stops_and_the_other_dies_and_nothing_is_lost() {
    let mut world = World::simulated().await;
    let organization = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    world.connect_simulated(&organization, &number).await;
    world.idle().await;
    let listen: [String; 2] = std::array::from_fn(|_| outside::free_address().to_string());
    let nodes: Vec<Installation> = listen.iter().map(|listen| node(&world, listen)).collect();
    let urls: Vec<String> = listen.iter().map(|listen| format!("http://{listen}")).collect();
    let both = [urls[0].as_str(), urls[1].as_str()];
    let mut servers: Vec<Server> = vec![nodes[0].serve().await, nodes[1].serve().await];

    let ledger = Ledger::new(&number.phone_number_id, world.secret());
    let (last, told) = watch::channel(None);
    let following = follow(urls.clone(), organization.key.clone(), told);
    let wishes = Wishes::begin(&both, &organization.key, world.meta(), &number).await;
    let posting = ledger.flow(&both, "nodes", PAUSE);
    ledger.until_taken(200).await;
    for round in 0..2 {
        // One is told to stop, and comes again; then the other one dies.
        let (status, _, log) = servers.remove(round % 2).terminate().await;
        assert!(status.success(), "{log}");
        ledger.until_taken(ledger.taken() + 100).await;
        servers.insert(round % 2, nodes[round % 2].serve().await);
        ledger.until_taken(ledger.taken() + 50).await;
        let other = (round + 1) % 2;
        servers.remove(other).kill().await;
        ledger.until_taken(ledger.taken() + 100).await;
        servers.insert(other, nodes[other].serve().await);
        ledger.until_taken(ledger.taken() + 50).await;
    }
    posting.stop().await;
    let taken = wishes.stop().await;
    for url in &urls {
        ledger.assert_shown(url, &organization.key, &ledger.wamids(true)).await;
    }

    let unsure = assert_sent_once(&world, &number, &taken).await;
    let log: i64 = world.count("SELECT max(sequence) FROM wazapp.event").await;
    last.send_replace(Some(log));
    let ids = following.await.expect("whoever follows comes again");
    let gap = ids.windows(2).find(|pair| pair[1] != pair[0] + 1);
    assert!(gap.is_none(), "events are told in order and once, whoever tells them: {gap:?}");
    eprintln!(
        "two nodes, each stopped and killed: {} webhooks, {} messages, of which {} unknown, {} events: 0 lost, 0 doubled",
        ledger.wamids(true).len(),
        taken.len(),
        unsure,
        ids.len()
    );
    for server in servers {
        assert!(server.terminate().await.0.success());
    }
    world.check().await;
    world.end().await;
}

/// Each message left once, or nobody knows, for the node that had it in its hands died. Answers how many those are.
async fn assert_sent_once(world: &World, number: &SimulatedNumber, taken: &[String]) -> usize {
    let sql = world.sql().await;
    let queued = "SELECT count(*) FROM wazapp.outbox WHERE state = 'queued'";
    until("nothing waits to leave", async || world.count(queued).await == 0).await;
    // What a dead node had claimed has an old lease: it ends as if a minute and a half had passed.
    let ends = "UPDATE wazapp.outbox SET lease_until = now()
                WHERE state = 'sending' AND lease_until < now() + interval '75 seconds'";
    let under_way = "SELECT count(*) FROM wazapp.outbox WHERE state = 'sending'";
    until("nothing is under way", async || {
        sql.batch_execute(ends).await.expect("leases end");
        world.count(under_way).await == 0
    })
    .await;
    let rows = sql.query("SELECT id::text, status FROM wazapp.message WHERE direction = 'outbound'", &[]).await;
    let shown: BTreeMap<String, String> = rows.expect("messages").iter().map(|row| (row.get(0), row.get(1))).collect();
    let accepted = accepted(world.meta(), number).await;
    assert!(accepted.values().all(|times| *times == 1), "sent more than once: {accepted:?}");
    let all: BTreeSet<&String> = taken.iter().collect();
    assert_eq!(all, shown.keys().collect(), "each once, and nothing that nobody asked for");
    let unsure: Vec<&String> = taken.iter().filter(|id| !accepted.contains_key(*id)).collect();
    assert!(unsure.iter().all(|id| shown[*id] == "unknown"), "not sent, and not said: {unsure:?}");
    unsure.len()
}

fn node(world: &World, listen: &str) -> Installation {
    Installation::new()
        .setting("WAZAPP_DATABASE_URL", &world.database_url())
        .setting("WAZAPP_LISTEN", listen)
        .setting("WAZAPP_MASTER_KEY", &"07".repeat(32))
        .setting("WAZAPP_META_APP_ID", world.app_id())
        .setting("WAZAPP_META_APP_SECRET", world.secret())
        .setting("WAZAPP_GRAPH_URL", world.meta().url())
        .setting("WAZAPP_LOG", "warn")
}
