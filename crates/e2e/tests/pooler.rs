//! Through pgbouncer in transaction mode: what people and programs ask goes that way, the rest past it. With TEST_POOLER=1 every
//! other test does so too.

use e2e::pooler::Pooler;
use e2e::program::Installation;
use e2e::receiver::Receiver;
use e2e::{Options, World, body, cluster, until};
use model::act::Role;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

/// A customer writes, somebody answers, a program hears of it: all that a day brings.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_goes_by() {
    let world = World::with(Options { pooled: true, simulated: true, ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    let number = world.meta().numbers().await.remove(0);
    let number_id = world.connect_simulated(&acme, &number).await;
    let (marta, hook) = (world.member(&acme, Role::Agent).await, Receiver::open().await);
    let endpoint = json!({ "url": hook.url(), "format": "wazapp", "kinds": ["message.*"] });
    assert_eq!(world.post_api(&acme, "/endpoints", &endpoint).await.0, 201);
    // Many at once, so that transactions meet on the pooler's few connections.
    for nth in 0..20 {
        world.meta().customer_says(&number, &format!("346001112{nth:02}"), "hola").await;
    }
    world.settle().await;
    let threads = world.conversations(&acme).await;
    assert_eq!(threads.len(), 20);
    let (world_ref, acme_ref, assignee) = (&world, &acme, json!({ "assignee_id": marta.user_id }));
    let assignee = &assignee;
    let sends = threads.iter().map(|thread| async move {
        let (world, acme) = (world_ref, acme_ref);
        let path = format!("/conversations/{}", thread["id"].as_str().unwrap());
        let (status, _) = world.patch(acme, &path, assignee).await;
        let sent = world.post_api(acme, &format!("{path}/messages"), &json!({ "text": { "body": "Sí" } })).await;
        let read = world.post_api(acme, &format!("{path}/read"), &json!({})).await;
        (status, sent.0, read.0)
    });
    assert_eq!(futures::future::join_all(sends).await, vec![(200, 202, 200); 20]);
    until("every answer is read", async || {
        world.settle().await;
        let all = world.all_messages(&acme).await;
        all.iter()
            .filter(|message| ["delivered", "read"].contains(&message["status"].as_str().unwrap_or_default()))
            .count()
            == 20
    })
    .await;
    let mine = world.as_person(Method::GET, &marta, "/conversations?assignee=me&limit=100", None).await;
    assert_eq!(mine.1["data"].as_array().map(Vec::len), Some(20));
    let found = world.read(&acme, "/conversations?q=34600111207").await;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(world.read(&acme, &format!("/numbers/{number_id}")).await["status"], json!("connected"));
    hook.until_count(40).await;
    // Whose connection it was before does not show: each sees their own.
    let other = world.organization("Other").await;
    world.connect(&other, "106540352242999", "1", None).await;
    world.receive(&body::text("106540352242999", "34600999999", "wamid.other", world.now().as_second(), "otra")).await;
    for _ in 0..20 {
        let lists = tokio::join!(world.conversations(&acme), world.conversations(&other));
        assert_eq!((lists.0.len(), lists.1.len()), (20, 1));
    }
    world.end().await;
}

/// Migrations, receiving and applying need a session: without a way past the pooler the start is refused, and says what to set.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_way_past_it_the_start_is_refused() {
    let (socket_dir, name) = (cluster::socket_dir(), format!("pooled_{}", Uuid::now_v7().simple()));
    cluster::create(&socket_dir, &name).await.expect("a fresh database");
    let pooler = Pooler::start(&socket_dir).await;
    let url = |directory: &std::path::Path| {
        let host = directory.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{host}/{name}?sslmode=disable")
    };
    let (pooled, direct) = (url(pooler.socket_dir()), url(&socket_dir));
    for (way_past, serves) in [(None, false), (Some(&pooled), false), (Some(&direct), true)] {
        let mut installation = Installation::new().setting("WAZAPP_DATABASE_URL", &pooled);
        if let Some(way) = way_past {
            installation = installation.setting("WAZAPP_DATABASE_DIRECT_URL", way);
        }
        let output = installation.run(&["migrate"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), serves, "{said}");
        assert!(serves || said.contains("transaction pooler") && said.contains("WAZAPP_DATABASE_DIRECT_URL"), "{said}");
    }
    drop(pooler);
    cluster::remove(&socket_dir, &name).await.expect("the database goes");
}
