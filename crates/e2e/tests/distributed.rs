//! What statements are like for Citus: each is of a form that it takes, and on one PostgreSQL the same comes of it. Whether
//! Citus takes them is tried on a cluster, from outside.

use e2e::lint::distributed::{self, Fault};
use e2e::{Options, Organization, World, body, outside};
use jiff::Timestamp;
use model::database::Engine;
use model::{DatabaseError, organization};
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
    assert!(plain.iter().all(|messages| messages.len() > 10), "there was traffic");
    assert_eq!(plain, citus);
}

/// Went wrong: what an engine does not carry out was told as "the database is away", and nobody learnt why all waited.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_refuses_is_not_told_as_its_absence() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "106540352242922", "102290129340398", None).await;
    world.receive(&body::text("106540352242922", "34600111222", "wamid.1", outside::now().as_second(), "hola")).await;
    let contact = world.all(&acme, "/contacts").await.remove(0);
    let path = format!("/contacts/{}", contact["id"].as_str().expect("an id"));
    let sql = world.sql().await;
    for (code, unsupported, status) in [("0A000", true, 500), ("25001", true, 500), ("25006", false, 503)] {
        let refuse = format!(
            "CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE 'not here' USING ERRCODE = '{code}'; END $$;
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON wazapp.organization FOR EACH ROW EXECUTE FUNCTION public.refuse();
             CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON wazapp.contact FOR EACH ROW EXECUTE FUNCTION public.refuse()"
        );
        sql.batch_execute(&refuse).await.expect("a trigger that refuses");
        let tx = world.database().operator().await.expect("a transaction");
        let error = organization::create(&tx, "Bravo").await.expect_err("it is refused");
        assert_eq!((error.refuses_statement(), error.is_unsupported()), (true, unsupported), "{code}: {error}");
        assert_eq!((error.blames_data(), error.reason()), (false, "the database refuses this statement"), "{code}");
        assert_eq!(world.patch(&acme, &path, &json!({ "notes": "likes tea" })).await.0, status, "{code}");
    }
    let away = DatabaseError::Unreachable("nobody is there".into());
    assert_eq!((away.refuses_statement(), away.reason()), (false, "the database is away"));
    sql.batch_execute("DROP FUNCTION public.refuse() CASCADE").await.expect("they go");
    world.end().await;
}

/// Each statement is one that Citus takes, or stands in a list with its reason.
#[test]
fn statements_name_whose_rows_they_are_about() {
    let findings = distributed::findings();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn what_a_distributed_engine_refuses_is_found() {
    for (source, faults) in [
        ("\"SELECT * FROM wazapp.message WHERE organization_id = $1 AND id = $2\"", vec![]),
        ("\"SELECT * FROM wazapp.lane FOR UPDATE\"", vec![]),
        ("\"SELECT m.* FROM {rows} JOIN wazapp.message m ON m.id = k.id{here m}\"", vec![]),
        ("\"DELETE FROM wazapp.message WHERE timestamp < $1\"", vec![Fault::AllShards]),
        ("concat!(\"SELECT \", columns!(), \" FROM wazapp.media WHERE id = $1\")", vec![Fault::AllShards]),
        ("\"SELECT id FROM wazapp.number WHERE organization_id = ANY ($1) FOR NO KEY UPDATE\"", vec![Fault::Locks]),
        ("\"WITH RECURSIVE w AS (SELECT FROM wazapp.outbox)\"", vec![Fault::AllShards, Fault::Recursion]),
        (
            "\"INSERT INTO wazapp.cost AS c VALUES ($1, $2) ON CONFLICT DO UPDATE SET at = c.at + interval '1 day'\"",
            vec![Fault::Interval],
        ),
        (
            "\"INSERT INTO wazapp.event SELECT * FROM unnest($1::uuid[], $2::text[])\"",
            vec![Fault::AllShards, Fault::Rows],
        ),
        (
            "\"UPDATE wazapp.number_claim SET a = b FROM wazapp.number WHERE organization_id = $1\"",
            vec![Fault::JoinsLocal],
        ),
    ] {
        let found =
            distributed::statements(&format!("fn f<'a>() {{ '\"'; // \"SELECT wazapp.\n  tx.query({source}) }}"));
        assert_eq!(found.len(), 1, "{source}");
        assert_eq!(distributed::faults(&found[0]), faults, "{source}");
    }
}
