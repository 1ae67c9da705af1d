//! What went wrong for people who run WhatsApp integrations. Each case stands for a kind; the bodies of those cases that lie
//! in the shared folder are posted in their order, and again in the other one where the end must be the same.

use std::path::Path;

use e2e::{Organization, World};
use serde_json::{Value, json};

/// Meta's ids in the bodies.
const NUMBER: &str = "700000000000111";
const ACCOUNT: &str = "800000000000222";

/// The bodies of a case in their order; none, and a loud word, where they are not there.
fn case(name: &str) -> Option<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/cases");
    let mut bodies = Vec::new();
    while let Ok(text) = std::fs::read(folder.join(format!("{name}-{}.json", bodies.len() + 1))) {
        bodies.push(serde_json::from_slice(&text).expect("JSON"));
    }
    if bodies.is_empty() {
        eprintln!("SKIPPED: no case {name} in {}", folder.display());
        return None;
    }
    Some(bodies)
}

async fn set_up() -> (World, Organization) {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, ACCOUNT, None).await;
    (world, acme)
}

async fn received(bodies: &[Value]) -> (World, Organization) {
    let (world, acme) = set_up().await;
    for body in bodies {
        world.receive(body).await;
    }
    (world, acme)
}

/// Meta's ids of a thread's messages, in the order of their alphabet.
async fn ids(world: &World, acme: &Organization, conversation: &Value) -> Vec<String> {
    let messages = world.messages(acme, conversation).await;
    let mut ids: Vec<String> = super::wamids(&messages).into_iter().map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}

fn reversed(bodies: &[Value]) -> Vec<Value> {
    bodies.iter().rev().cloned().collect()
}

/// An edit of a caption names no file: the one that is stored stays, under its id.
#[tokio::test(flavor = "multi_thread")]
async fn case_01_an_edit_without_a_file_changes_words_alone() {
    let Some(bodies) = case("01-edit-takes-file") else { return };
    let (world, acme) = received(&bodies[..1]).await;
    let sha = "a".repeat(64);
    let sql = world.sql().await;
    sql.batch_execute(&format!(
        "INSERT INTO wazapp.file (organization_id, sha256, size, touched_at) VALUES ('{}', '{sha}', 3, now());
         UPDATE wazapp.media SET state = 'stored', file = '{sha}', size = 3, fetched_at = now()",
        acme.id
    ))
    .await
    .expect("a stored file");
    let before = world.message(&acme, "wamid.F01A").await;
    world.receive(&bodies[1]).await;
    let after = world.message(&acme, "wamid.F01A").await;
    assert_eq!((&before["text"], &after["text"]), (&json!("vieja"), &json!("nueva")));
    assert_eq!(after["media"], before["media"]);
    assert_eq!(after["media"]["state"], "stored");
    world.end().await;
}

/// The number that A left is Z's now.
#[tokio::test(flavor = "multi_thread")]
async fn case_02_a_recycled_number_is_another_persons() {
    let Some(bodies) = case("02-recycled-number") else { return };
    for bodies in e2e::random::orders(&bodies) {
        let (world, acme) = received(&bodies).await;
        let conversations = world.conversations(&acme).await;
        assert_eq!(conversations.len(), 2, "{conversations:#?}");
        let of = |user: &str| conversations.iter().find(|one| one["contact"]["user_id"] == user).expect("a thread");
        assert_eq!(of("MX.A2")["contact"]["wa_id"], "5215588880102");
        assert_eq!(of("MX.A2")["contact"]["name"], "A");
        assert_eq!(of("MX.Z9")["contact"]["wa_id"], "5215588880101");
        assert_eq!(of("MX.Z9")["contact"]["name"], "Z");
        assert_eq!(ids(&world, &acme, of("MX.A2")).await, ["wamid.F02A", "wamid.F02B"]);
        assert_eq!(ids(&world, &acme, of("MX.Z9")).await, ["wamid.F02C"]);
        // An answer to Z goes to Z.
        let path = format!("/conversations/{}/messages", of("MX.Z9")["id"].as_str().expect("an id"));
        let (status, _) = world.post_api(&acme, &path, &json!({ "text": { "body": "Hola Z" } })).await;
        assert_eq!(status, 202);
        assert_eq!(world.count("SELECT count(*) FROM wazapp.outbox WHERE recipient = '5215588880101'").await, 1);
        world.end().await;
    }
}

/// An echo on the field of what customers write names the customer in `contacts`: nobody is merged.
#[tokio::test(flavor = "multi_thread")]
async fn case_03_the_business_is_nobodys_customer() {
    let Some(bodies) = case("03-own-number-in-messages") else { return };
    for bodies in [bodies.clone(), reversed(&bodies)] {
        let (world, acme) = received(&bodies).await;
        let conversations = world.conversations(&acme).await;
        assert_eq!(conversations.len(), 2, "{conversations:#?}");
        for (user, name, texts) in [
            ("IT.1111", "Anna", ["ciao, sono Anna", "risposta a Anna"]),
            ("IT.2222", "Bruno", ["ciao, sono Bruno", "risposta a Bruno"]),
        ] {
            let thread = conversations.iter().find(|one| one["contact"]["user_id"] == user).expect("a thread");
            assert_eq!((&thread["contact"]["name"], &thread["state"]), (&json!(name), &json!("waiting")));
            let mut messages = world.messages(&acme, thread).await;
            messages.sort_by_key(|message| message["timestamp"].to_string());
            assert_eq!(super::texts(&messages), texts);
            assert_eq!((&messages[1]["direction"], &messages[1]["origin"]), (&json!("outbound"), &json!("echo")));
        }
        assert_eq!(world.all(&acme, "/contacts").await.len(), 2);
        world.end().await;
    }
}

/// A payment is told, and moves no delivery; a refund in the same second is no repeat.
#[tokio::test(flavor = "multi_thread")]
async fn case_05_a_payment_moves_no_delivery() {
    let Some(bodies) = case("05-payment-status") else { return };
    let (world, acme) = received(&bodies).await;
    for body in &bodies {
        world.receive(body).await;
    }
    let message = world.message(&acme, "wamid.F05A").await;
    assert_eq!((&message["status"], &message["error"]), (&json!("sent"), &Value::Null));
    let told = world.events(&acme, "message.payment").await;
    assert_eq!(told.len(), 3, "{told:#?}");
    assert_eq!(told[0]["data"]["message_id"], message["id"]);
    assert_eq!(told[0]["data"]["wamid"], "wamid.F05A");
    assert_eq!(told[2]["data"]["data"]["payment"]["refunds"][0]["id"], "rf_1");
    assert_eq!(world.events(&acme, "message.status").await.len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_06_the_newest_decides_what_waits() {
    let Some(bodies) = case("06-late-echo") else { return };
    for bodies in [bodies.clone(), reversed(&bodies)] {
        let (world, acme) = received(&bodies).await;
        assert_eq!(world.conversation(&acme).await["state"], "active");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_07_a_file_of_the_past_finds_its_thread() {
    let Some(bodies) = case("07-history-media-first") else { return };
    for bodies in [bodies.clone(), reversed(&bodies)] {
        let (world, acme) = received(&bodies).await;
        let conversation = world.conversation(&acme).await;
        assert_eq!(conversation["contact"]["wa_id"], "447700900001");
        let message = world.message(&acme, "wamid.F07A").await;
        assert_eq!((&message["type"], &message["text"]), (&json!("image"), &json!("nuestra foto")));
        assert_eq!((&message["status"], &message["media"]["state"]), (&json!("read"), &json!("pending")));
        assert_eq!(world.all(&acme, "/contacts").await.len(), 1, "the nameless one is gone");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_08_the_newest_entry_of_the_address_book_shows() {
    let Some(bodies) = case("08-address-book-order") else { return };
    for bodies in [bodies.clone(), reversed(&bodies)] {
        let (world, acme) = received(&bodies).await;
        assert_eq!(world.all(&acme, "/contacts").await[0]["name"], "Juan NUEVO");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_ones_own_number_is_known_in_its_other_spelling() {
    let Some(bodies) = case("10-own-number-other-spelling") else { return };
    let (world, acme) = received(&bodies).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["contact"]["wa_id"], "5521988880001");
    assert_eq!(world.message(&acme, "wamid.F10A").await["direction"], "outbound");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_11_a_call_ends_the_same_in_any_order_and_a_missed_one_waits() {
    let Some(bodies) = case("11-call-error-lost") else { return };
    let mut ends = Vec::new();
    for bodies in [bodies.clone(), reversed(&bodies)] {
        let (world, acme) = received(&bodies).await;
        let conversation = world.conversation(&acme).await;
        let message = world.messages(&acme, &conversation).await.remove(0);
        assert_eq!(message["error"][0]["code"], 138_021);
        assert_eq!((&conversation["state"], &conversation["unread_count"]), (&json!("active"), &json!(1)));
        assert_eq!(conversation["last_message"]["timestamp"], message["timestamp"]);
        ends.push((message["text"].clone(), message["timestamp"].clone(), conversation["window_expires_at"].clone()));
        world.end().await;
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_what_becomes_ours_to_answer_counts_once() {
    let Some(bodies) = case("12-standby-then-messages") else { return };
    let there_and_back = [bodies.clone(), reversed(&bodies), [bodies.clone(), bodies.clone()].concat()];
    for bodies in there_and_back {
        let (world, acme) = received(&bodies).await;
        let conversation = world.conversation(&acme).await;
        assert_eq!((&conversation["unread_count"], &conversation["state"]), (&json!(1), &json!("active")));
        assert_eq!(world.message(&acme, "wamid.F12").await["origin"], "webhook");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_13_a_form_is_readable_and_its_file_is_fetched() {
    let Some(bodies) = case("13-flow-with-file") else { return };
    let (world, acme) = received(&bodies).await;
    let message = world.message(&acme, "wamid.F13").await;
    let text = message["text"].as_str().expect("a text");
    assert!(text.contains("rating: Excelente") && text.contains("ine.pdf"), "{text}");
    assert_eq!((&message["media"]["state"], &message["media"]["filename"]), (&json!("pending"), &json!("ine.pdf")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_14_a_shared_phone_joins_its_thread() {
    let Some(bodies) = case("14-contact-request") else { return };
    for bodies in [bodies.clone(), reversed(&bodies)] {
        let (world, acme) = received(&bodies).await;
        let conversation = world.conversation(&acme).await;
        let contact = &conversation["contact"];
        assert_eq!((&contact["wa_id"], &contact["user_id"]), (&json!("5215577770001"), &json!("MX.1112")));
        assert_eq!(ids(&world, &acme, &conversation).await, ["wamid.F14A", "wamid.F14B"]);
        assert_eq!(world.all(&acme, "/contacts").await.len(), 1);
        world.end().await;
    }
}
