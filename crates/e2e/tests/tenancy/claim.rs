//! A number belongs to one organization at a time.

use e2e::{Organization, World, body};
use model::event;
use model::number::{self, Proof, Refusal};
use secrecy::SecretString;

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
const NUMBER: &str = "10650000000001";
const ACCOUNT: &str = "20650000000001";

async fn try_connect(world: &World, organization: &Organization) -> Result<uuid::Uuid, Refusal> {
    let token = SecretString::from("none");
    let proof = Proof::operators_word(&organization.scope, NUMBER, ACCOUNT, None, &token);
    let tx = world.database().operator().await.unwrap();
    let line = event::line_of(&tx, &organization.scope).await.unwrap();
    let connected = number::connect(&line, world.keyring(), &proof, world.now()).await.unwrap()?;
    tx.commit().await.unwrap();
    Ok(connected)
}

async fn write(world: &World, wamid: &str, timestamp: i64) {
    world.receive(&body::text(NUMBER, "34600111222", wamid, timestamp, wamid)).await;
}

async fn wamids(world: &World, organization: &Organization) -> Vec<String> {
    let messages = world.all_messages(organization).await;
    messages.iter().map(|row| row["wamid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_taken_is_refused_and_nothing_is_left_of_the_try() {
    let world = World::new().await;
    let (first, second) = (world.organization("First").await, world.organization("Second").await);
    let id = world.connect(&first, NUMBER, ACCOUNT, None).await;
    assert_eq!(try_connect(&world, &second).await, Err(Refusal::Taken));
    assert_eq!(world.all(&second, "/numbers").await, Vec::<serde_json::Value>::new());
    write(&world, "wamid.1", 1_795_000_000).await;
    assert_eq!(wamids(&world, &first).await, ["wamid.1"]);
    assert!(wamids(&world, &second).await.is_empty());
    // Connecting again what one has changes nothing.
    assert_eq!(try_connect(&world, &first).await, Ok(id));
    world.end().await;
}

/// Of many who claim at the same moment one wins, and the others have no number.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_wins() {
    let world = World::new().await;
    let mut organizations = Vec::new();
    for nth in 0..6 {
        organizations.push(world.organization(&format!("Claimant {nth}")).await);
    }
    for round in 0..10 {
        let tries = organizations.iter().map(|organization| try_connect(&world, organization));
        let outcomes = futures::future::join_all(tries).await;
        let winners: Vec<usize> = (0..6).filter(|nth| outcomes[*nth].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        let connected = world.count("SELECT count(*) FROM wazapp.number WHERE status = 'connected'").await;
        assert_eq!((connected, world.count("SELECT count(*) FROM wazapp.number_claim").await), (1, 1));
        world.disconnect(&organizations[winners[0]], NUMBER).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_keeps_the_history_and_reconnecting_goes_on_with_it() {
    let world = World::new().await;
    let first = world.organization("First").await;
    let id = world.connect(&first, NUMBER, ACCOUNT, None).await;
    write(&world, "wamid.1", 1_795_000_000).await;
    let conversation = world.conversation(&first).await;

    world.disconnect(&first, NUMBER).await;
    let number = &world.all(&first, "/numbers").await[0];
    assert_eq!((number["status"].as_str(), number["disconnected_at"].is_string()), (Some("disconnected"), true));
    assert_eq!(world.conversation(&first).await, conversation, "the history is as it was");
    assert_eq!(world.count("SELECT count(*) FROM wazapp.number WHERE token IS NOT NULL").await, 0);
    write(&world, "wamid.2", 1_795_000_010).await;
    assert_eq!(wamids(&world, &first).await, ["wamid.1"]);
    let kept = world.quarantine().await;
    assert_eq!(kept, [("unknown_number".to_owned(), Some(NUMBER.to_owned()), Some("messages".to_owned()))]);

    assert_eq!(try_connect(&world, &first).await, Ok(id), "the same number as before");
    write(&world, "wamid.3", 1_795_000_020).await;
    let went_on = world.conversation(&first).await;
    assert_eq!(went_on["id"], conversation["id"]);
    assert_eq!(wamids(&world, &first).await, ["wamid.1", "wamid.3"]);
    let number = &world.all(&first, "/numbers").await[0];
    assert_eq!((number["status"].as_str(), number["disconnected_at"].is_null()), (Some("connected"), true));
    world.end().await;
}

/// There and back: each organization has what was written while the number was its own, and never the other's, whenever
/// Meta tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_moves_takes_nothing_along() {
    let world = World::new().await;
    let (first, second) = (world.organization("First").await, world.organization("Second").await);
    let id = world.connect(&first, NUMBER, ACCOUNT, None).await;
    write(&world, "wamid.1", world.now().as_second()).await;
    world.disconnect(&first, NUMBER).await;

    world.advance(HOUR).await;
    let other_id = try_connect(&world, &second).await.unwrap();
    assert_ne!(other_id, id);
    let now = world.now().as_second();
    write(&world, "wamid.2", now).await;
    // What the first has, and what is said of it later, stays the first's.
    write(&world, "wamid.1", now - 3600).await;
    world.receive(&body::status(NUMBER, "wamid.1", "read", now + 1, "34600111222")).await;
    assert_eq!(wamids(&world, &first).await, ["wamid.1"]);
    assert_eq!(wamids(&world, &second).await, ["wamid.2"]);
    let path = format!("/messages/{}/statuses", world.message(&first, "wamid.1").await["id"].as_str().unwrap());
    assert_eq!(world.read(&first, &path).await["data"].as_array().unwrap().len(), 1, "the first hears of its message");
    assert_eq!(world.events(&second, "message.status").await, Vec::<serde_json::Value>::new());
    assert_eq!(try_connect(&world, &first).await, Err(Refusal::Taken), "not while it is the second's");

    world.disconnect(&second, NUMBER).await;
    world.advance(HOUR).await;
    assert_eq!(try_connect(&world, &first).await, Ok(id));
    write(&world, "wamid.3", world.now().as_second()).await;
    assert_eq!(wamids(&world, &first).await, ["wamid.1", "wamid.3"]);
    assert_eq!(wamids(&world, &second).await, ["wamid.2"]);
    world.end().await;
}

/// The other organization's disconnect is nobody's business but its own.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_disconnects() {
    let world = World::new().await;
    let (first, second) = (world.organization("First").await, world.organization("Second").await);
    world.connect(&first, NUMBER, ACCOUNT, None).await;
    let tx = world.database().operator().await.unwrap();
    let line = event::line_of(&tx, &second.scope).await.unwrap();
    assert!(number::disconnect(&line, NUMBER, world.now()).await.unwrap().is_none());
    tx.commit().await.unwrap();
    write(&world, "wamid.1", 1_795_000_000).await;
    assert_eq!(wamids(&world, &first).await, ["wamid.1"]);
    world.end().await;
}
