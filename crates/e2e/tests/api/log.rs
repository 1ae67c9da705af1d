//! The event log: whoever reads on with `after` sees every event once, in order, whatever is written meanwhile.

use std::time::Duration;

use e2e::{Organization, World, body, cluster};
use model::Database;
use model::apps::DefaultApp;
use model::database::Access;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wazapp::server::{self, Running, Setup};

use super::{acme, id};

/// Another server on the same database, which applies with this many at once.
async fn node(world: &World, appliers: usize) -> Running {
    let sql = world.sql().await;
    let name: String = sql.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let database = Database::new(Access::socket(&cluster::socket_dir(), &name), 8).unwrap();
    let app = DefaultApp { id: None, secrets: vec![world.secret().into()], verify_token: None };
    let mut setup = Setup::new(database, world.keyring().clone(), app, world.store());
    setup.appliers = appliers;
    setup.writers = 2;
    // Small batches, so that many transactions race for the log.
    setup.batch = 5;
    server::start(setup, TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap()
}

/// Reads on until this many events were seen.
async fn read_on(world: &World, acme: &Organization, limit: usize, many: usize) -> Vec<i64> {
    let mut seen = Vec::new();
    let mut after = 0;
    while seen.len() < many {
        let answer = world.read(acme, &format!("/events?after={after}&limit={limit}")).await;
        let rows = answer["data"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["sequence"].as_i64().unwrap()));
        after = seen.last().copied().unwrap_or(0);
        if rows.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    seen
}

/// Two servers, six appliers, eight numbers on lanes of their own, and people who change things meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_every_event_once_and_in_order() {
    const NUMBERS: usize = 8;
    const POSTERS: usize = 8;
    const MESSAGES: usize = 60;
    const CHANGES: usize = 80;

    let world = World::new().await;
    let node = node(&world, 4).await;
    let acme = acme(&world).await;
    let number = |nth: usize| format!("1065000000010{nth}");
    for nth in 0..NUMBERS {
        world.connect(&acme, &number(nth), "20650000000001", None).await;
    }
    world.receive(&body::text(&number(0), "34600111222", "wamid.first", 1_795_000_000, "Hello")).await;
    let path = format!("/conversations/{}", id(&world.conversation(&acme).await));

    let writing = async {
        let posters = (0..POSTERS).map(|poster| {
            let to_node = poster % 2 == 0;
            let posts = match to_node {
                true => e2e::Posts::new(&format!("http://{}", node.address()), world.secret()),
                false => world.posts(),
            };
            async move {
                for nth in 0..MESSAGES {
                    let number = number((poster + nth) % NUMBERS);
                    let wamid = format!("wamid.{poster}.{nth}");
                    let from = format!("3460011{:04}", nth % 7);
                    let body = body::text(&number, &from, &wamid, 1_795_000_000, "Hello");
                    assert_eq!(posts.post(body::bytes(&body)).await, 200);
                }
            }
        });
        futures::future::join_all(posters).await;
    };
    let changing = async {
        for nth in 0..CHANGES {
            let state = ["resolved", "active"][nth % 2];
            assert_eq!(world.patch(&acme, &path, &json!({ "state": state })).await.0, 200);
        }
    };
    let many = 1 + POSTERS * MESSAGES + CHANGES;
    let readers = futures::future::join_all([1, 7, 100].map(|limit| read_on(&world, &acme, limit, many)));
    let all = async { futures::join!(writing, changing, readers).2 };
    let seen = tokio::time::timeout(Duration::from_secs(100), all).await.expect("the readers see the end");
    let expected: Vec<i64> = (1..=i64::try_from(many).unwrap()).collect();
    for seen in seen {
        assert_eq!(seen, expected);
    }
    node.stop().await;
    assert_eq!(world.all(&acme, "/events").await.len(), many, "nothing more");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_on_behind_the_event_one_knows() {
    let world = World::new().await;
    let acme = acme(&world).await;
    for nth in 0..12 {
        super::write(&world, "34600111222", &format!("wamid.{nth}"), 1_795_000_000 + nth).await;
    }
    world.drain().await;
    let whole = world.all(&acme, "/events").await;
    assert_eq!(whole.len(), 12);
    for after in 0..=12 {
        let behind = world.all(&acme, &format!("/events?limit=5&after={after}")).await;
        assert_eq!(behind.as_slice(), &whole[after..], "after {after}");
        let cursor = world.read(&acme, &format!("/events?limit=100&cursor={after}")).await;
        assert_eq!(cursor["data"].as_array().unwrap().as_slice(), &whole[after..], "as a cursor, {after}");
    }
    let (status, past) = world.get(&acme, "/events?after=9000000000000000000").await;
    assert_eq!((status, &past["oldest"]), (410, &json!(1)), "nobody has read that here: {past}");
    let wamids: Vec<Value> = whole.iter().map(|event| event["data"]["wamid"].clone()).collect();
    let expected: Vec<String> = (0..12).map(|nth| format!("wamid.{nth}")).collect();
    assert_eq!(wamids, expected, "one number's messages in the order they came");
    world.end().await;
}
