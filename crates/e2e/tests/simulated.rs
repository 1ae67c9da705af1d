//! wazapp with a simulated Meta on the other side: the traffic of weeks and of thousands, and the account of it.

use std::time::Duration;

use e2e::{Organization, World, until};
use simulator::load::{self, Plan, Target};

/// Meta repeats a webhook for seven days. A peer that remembers what it saw in a cache with an expiry shows it twice.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_body_eight_days_apart_is_one_message() {
    let world = World::simulated().await;
    let organization = world.organization("Café Lucero").await;
    let meta = world.meta();
    let number = meta.numbers().await.remove(0);
    world.connect_simulated(&organization, &number).await;
    let wamid = meta.customer_says(&number, "34600111222", "hola").await;
    world.settle().await;
    let first = world.message(&organization, &wamid).await;
    let body = meta.posts().await.last().expect("a webhook")["body"].as_str().expect("text").to_owned();

    world.advance(Duration::from_secs(8 * 86_400)).await;
    assert_eq!(world.post(body.as_bytes()).await, 200);
    world.drain().await;
    assert_eq!(world.message(&organization, &wamid).await, first);

    let late = meta.customer_says(&number, "34600111222", "ocho días después").await;
    world.settle().await;
    let late = world.message(&organization, &late).await;
    assert_eq!(late["sequence"], 2);
    assert!(late["received_at"].as_str() > first["received_at"].as_str());
    world.end().await;
}

/// While the server's database is away Meta is answered 503 and asks again; nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_while_the_database_was_away_comes_by_itself() {
    let world = World::with(e2e::Options { simulated: true, proxied: true, ..e2e::Options::default() }).await;
    let organization = world.organization("Café Lucero").await;
    let meta = world.meta();
    let number = meta.numbers().await.remove(0);
    world.connect_simulated(&organization, &number).await;
    world.proxy().cut();
    let wamid = meta.customer_says(&number, "34600111222", "¿me oyen?").await;
    until("the server refused it", async || {
        let posts = meta.posts().await;
        posts.last().is_some_and(|post| post["tries"][0]["status"] == 503)
    })
    .await;
    world.proxy().mend();
    meta.speed(60.0).await;
    world.settle().await;
    assert_eq!(world.message(&organization, &wamid).await["text"], "¿me oyen?");
    world.end().await;
}

pub(super) async fn targets(world: &World) -> (Vec<Organization>, Vec<Target>) {
    let (mut organizations, mut targets) = (Vec::new(), Vec::new());
    for row in 0..2 {
        let organization = world.organization(&format!("Load {row}")).await;
        for column in 0..2 {
            let (phone_number_id, waba_id) = (format!("77{row}{column}"), format!("88{row}"));
            world.connect(&organization, &phone_number_id, &waba_id, None).await;
            targets.push(Target {
                organization: organization.slug.clone(),
                api_key: Some(organization.key.clone()),
                waba_id,
                phone_number_id,
                display_phone_number: format!("1555010{row}{column}00"),
            });
        }
        organizations.push(organization);
    }
    (organizations, targets)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_a_load_balances_and_shows_what_does_not() {
    let world = World::new().await;
    let (_, targets) = targets(&world).await;
    let plan = Plan {
        seed: 11,
        targets: targets.clone(),
        customers_per_number: 25,
        bodies: Some(1500),
        duplicates: 0.05,
        shuffle: 20,
        batch: 0.1,
        connections: 16,
        ..Plan::default()
    };
    let ledger = load::run(&plan, &format!("{}/webhook", world.url()), world.secret(), |_| {}).await.expect("it runs");
    let report = ledger.report();
    let balance = load::compare(&ledger, world.url(), &targets).await.expect("it compares");
    assert!(balance.holds(), "{balance}");
    assert!(balance.expected >= 1400, "{report}");

    // Against a server that loses one and misplaces another, it must not hold.
    let sql = world.sql().await;
    let wamids: Vec<String> = sql
        .query("SELECT wamid FROM wazapp.message WHERE type = 'text' ORDER BY id LIMIT 2", &[])
        .await
        .expect("messages")
        .iter()
        .map(|row| row.get(0))
        .collect();
    sql.batch_execute("SET session_replication_role = replica").await.expect("keys are not checked");
    sql.execute("DELETE FROM wazapp.message WHERE wamid = $1", &[&wamids[0]]).await.expect("one is lost");
    sql.execute(
        "UPDATE wazapp.message SET conversation_id = (SELECT c.id FROM wazapp.conversation c
           WHERE c.organization_id = message.organization_id AND c.id <> message.conversation_id LIMIT 1),
           sequence = 1000000 WHERE wamid = $1",
        &[&wamids[1]],
    )
    .await
    .expect("one is misplaced");
    let balance = load::compare(&ledger, world.url(), &targets).await.expect("it compares");
    assert!(!balance.holds());
    let shown = balance.to_string();
    assert!(wamids.iter().all(|wamid| shown.contains(wamid.as_str())), "{shown}");
    assert_eq!((balance.lost.len(), balance.doubled.len(), balance.misplaced.len()), (1, 0, 1), "{shown}");

    // The world's own last check would find the damage done here.
    let mut world = world;
    world.stop().await;
    world.end().await;
}

/// The page that says what each endpoint and error follows is the one that the tables make, and what it cites exists.
#[test]
fn the_contract_is_written_down_and_cites_what_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/simulator.md")).expect("docs/simulator.md");
    let (begin, end) = ("<!-- contract -->\n", "<!-- end of contract -->");
    let written = page.split(begin).nth(1).and_then(|rest| rest.split(end).next()).expect("the marks of the tables");
    let made = format!("\n{}\n", simulator::contract());
    if std::env::var_os("WRITE_DOCS").is_some() {
        let fresh = page.replace(&format!("{begin}{written}{end}"), &format!("{begin}{made}{end}"));
        std::fs::write(root.join("docs/simulator.md"), fresh).expect("the page can be written");
    } else {
        assert!(written == made, "docs/simulator.md is behind: run this test with WRITE_DOCS=1, and read what changed");
    }
    let fixtures = root.join("../shared/whatsapp/fixtures/graph");
    if !fixtures.is_dir() {
        eprintln!("SKIPPED the_contract_cites_what_exists: {} is absent", fixtures.display());
        return;
    }
    for name in simulator::cited_fixtures() {
        assert!(fixtures.join(name).is_file(), "{name} is cited and does not exist");
    }
    let protocol = std::fs::read_to_string(root.join("../shared/whatsapp/protocol.md")).expect("the protocol");
    for section in simulator::cited_sections() {
        let number = section.trim_start_matches('§');
        let headed = |line: &str| {
            let words = line.trim_start_matches('#').trim_start();
            line.starts_with("##")
                && (words.starts_with(&format!("{number} ")) || words.starts_with(&format!("{number}. ")))
        };
        assert!(protocol.lines().any(headed), "{section} is cited and is no section");
    }
}
