//! Nobody's endpoint reaches what only this server reaches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::receiver::{Receiver, Reply};
use e2e::{Options, World};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{acme, add, until_deliveries, write};

/// Counts who connects.
async fn trap() -> (u16, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (mut serving, counted) = (JoinSet::new(), count.clone());
    serving.spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_private_address_is_connected_to() {
    let world = World::with(Options { public_targets: true, ..Options::default() }).await;
    let acme = acme(&world).await;
    let (port, count, serving) = trap().await;
    let mut hosts: Vec<String> = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "sub.localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[::127.0.0.1]",
        "[fe80::1]",
        "[fd00::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "ip6-localhost",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "127.0.0.1:80@127.0.0.1",
    ]
    .map(str::to_owned)
    .to_vec();
    if let Ok(name) = std::fs::read_to_string("/etc/hostname") {
        hosts.push(name.trim().to_owned());
    }
    for host in hosts {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{host}:{port}/hook");
            let (status, problem) =
                world.post_api(&acme, "/endpoints", &json!({ "url": url, "format": "wazapp" })).await;
            // A name that nobody knows may be known later: it is looked up at each call.
            let unknown = status == 201 && scheme == "https" && host.contains(|char: char| char.is_ascii_alphabetic());
            assert!(status == 422 || unknown, "{url}: {status} {problem}");
        }
    }
    // As if it had got in: what is in the database is checked at each call too.
    let hook = Receiver::open().await;
    let (status, made) =
        world.post_api(&acme, "/endpoints", &json!({ "url": "https://example.com/hook", "format": "wazapp" })).await;
    assert_eq!(status, 201, "{made}");
    let made = super::Made { id: made["id"].as_str().unwrap().to_owned(), secret: String::new() };
    let sql = world.sql().await;
    sql.execute("UPDATE wazapp.endpoint SET url = $1", &[&format!("https://127.0.0.1:{port}/")]).await.unwrap();
    write(&world, 1).await;
    until_deliveries(&world, &acme, &made, &["waiting"]).await;
    sql.execute("UPDATE wazapp.endpoint SET url = $1", &[&format!("https://localhost:{port}/")]).await.unwrap();
    let deliveries = format!("/endpoints/{}/deliveries", made.id);
    world
        .until("it was tried again", async || {
            world.read(&acme, &deliveries).await["data"][0]["tries"].as_i64() > Some(1)
        })
        .await;
    world
        .until("it is told why", async || {
            let attempt = world.read(&acme, &deliveries).await["data"][0]["last_attempt"].clone();
            attempt["number"].as_i64() > Some(1) && attempt["error"].as_str().is_some_and(|why| why.contains("public"))
        })
        .await;
    assert_eq!((count.load(Ordering::SeqCst), hook.heard().len()), (0, 0), "connections");
    drop((sql, serving));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (world, hook, behind) = (World::new().await, Receiver::open().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::With(307, "location", behind.url().to_owned())]);
    write(&world, 1).await;
    hook.until_count(2).await;
    let deliveries = until_deliveries(&world, &acme, &made, &["delivered"]).await;
    let attempts = world.read(&acme, &format!("/deliveries/{}", deliveries[0]["id"].as_str().unwrap())).await;
    assert_eq!(attempts["attempts"][0]["status"], 307);
    assert_eq!(behind.heard().len(), 0);
    world.end().await;
}
