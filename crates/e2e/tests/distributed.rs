//! The forms that statements have for Citus, carried out by one PostgreSQL: the same comes of them. Whether Citus takes
//! them is tried on a cluster, from outside.

use e2e::{Options, Organization, World, outside};
use jiff::Timestamp;
use model::database::Engine;
use serde_json::{Value, json};
use simulator::load::{self, Plan, Target};

use crate::simulated::targets;

/// What customers wrote to an organization and what became of it, without what is another in every world.
async fn seen(world: &World, organization: &Organization) -> Vec<Value> {
    let messages = world.all_messages(organization).await.into_iter();
    let facts = ["type", "direction", "text", "status", "wamid", "timestamp"];
    let inbound = messages.filter(|message| message["direction"] == "inbound");
    let mut seen: Vec<Value> =
        inbound.map(|message| facts.into_iter().map(|fact| message[fact].clone()).collect()).collect();
    seen.sort_by_key(Value::to_string);
    seen
}

async fn traffic(engine: Engine, start: Timestamp) -> Vec<Vec<Value>> {
    let world = World::with(Options { engine: Some(engine), simulated: true, ..Options::default() }).await;
    let (organizations, targets): (Vec<Organization>, Vec<Target>) = targets(&world).await;
    let plan = Plan {
        seed: 23,
        targets: targets.clone(),
        customers_per_number: 10,
        bodies: Some(400),
        duplicates: 0.1,
        shuffle: 20,
        batch: 0.2,
        connections: 8,
        start,
        ..Plan::default()
    };
    let ledger = load::run(&plan, &format!("{}/webhook", world.url()), world.secret(), |_| {}).await.expect("it runs");
    let balance = load::compare(&ledger, world.url(), &targets).await.expect("it compares");
    assert!(balance.holds(), "{engine:?}: {balance}");

    let lucero = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    world.connect_simulated(&lucero, &number).await;
    world.meta().customer_says(&number, "34600111222", "hola").await;
    world.settle().await;
    let conversation = world.conversation(&lucero).await["id"].as_str().expect("an id").to_owned();
    let answer = json!({ "type": "text", "text": { "body": "¿qué tal?" } });
    let (status, sent) = world.post_api(&lucero, &format!("/conversations/{conversation}/messages"), &answer).await;
    assert_eq!(status, 202, "{sent}");
    let path = format!("/messages/{}", sent["id"].as_str().expect("an id"));
    world
        .until("the answer was delivered", async || {
            let status = world.read(&lucero, &path).await["status"].clone();
            status == "delivered" || status == "read"
        })
        .await;
    let mut all = Vec::new();
    for organization in &organizations {
        all.push(seen(&world, organization).await);
    }
    world.end().await;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_citus_is_given_does_the_same() {
    let start = outside::now();
    let (plain, citus) = (traffic(Engine::PostgreSql, start).await, traffic(Engine::Citus, start).await);
    assert!(plain.iter().all(|messages| messages.len() > 50), "there was traffic");
    assert_eq!(plain, citus);
}
