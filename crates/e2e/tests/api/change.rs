//! What people change.

use std::time::Duration;

use e2e::World;
use jiff::{SignedDuration, Timestamp};
use model::act::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{acme, id, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_handed_over_resolved_and_taken_back() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let before = world.conversation(&acme).await;
    let path = format!("/conversations/{}", id(&before));
    let ana = world.member(&acme, Role::Agent).await.user_id.to_string();
    for (change, state, assignee) in [
        (json!({ "assignee_id": ana }), "active", json!(ana)),
        (json!({ "state": "resolved" }), "resolved", json!(ana)),
        (json!({ "state": "waiting", "assignee_id": null }), "waiting", Value::Null),
        (json!({ "state": "active" }), "active", Value::Null),
    ] {
        let (status, answer) = world.patch(&acme, &path, &change).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!((&answer["state"], &answer["assignee_id"]), (&json!(state), &assignee), "{change}");
        assert_eq!(world.read(&acme, &path).await, answer, "the answer is how it is now");
        let event = world.events(&acme, "conversation.updated").await.pop().unwrap();
        assert_eq!(event["data"], answer, "and what the log tells");
        for kept in ["unread_count", "last_message", "contact", "created_at", "window_expires_at"] {
            assert_eq!(answer[kept], before[kept], "{kept}");
        }
    }
    assert_eq!(world.events(&acme, "conversation.updated").await.len(), 4);
    world.end().await;
}

/// Went wrong: what people did was told at the database's time, a day before what the server's clock showed.
#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_is_told_at_the_time_of_the_server() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let shown = world.conversation(&acme).await;
    let conversation = format!("/conversations/{}", id(&shown));
    let contact = format!("/contacts/{}", shown["contact"]["id"].as_str().unwrap());
    for (path, change, kind) in [
        (conversation.clone(), Some(json!({ "state": "resolved" })), "conversation.updated"),
        (contact, Some(json!({ "own_name": "Lucía" })), "contact.updated"),
        (format!("{conversation}/read"), None, "conversation.updated"),
    ] {
        world.pass(Duration::from_secs(26 * 3600));
        let moved = world.now();
        let (status, answer) = match &change {
            Some(change) => world.patch(&acme, &path, change).await,
            None => world.post_api(&acme, &path, &json!({ "receipt": false })).await,
        };
        assert_eq!(status, 200, "{answer}");
        let told = world.events(&acme, kind).await.pop().unwrap();
        let at: Timestamp = told["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(moved - SignedDuration::from_millis(1) <= at && at <= world.now(), "{path}: {at} of {moved}");
        assert_eq!(told["data"], answer);
        let updated: Timestamp = answer["updated_at"].as_str().unwrap().parse().unwrap();
        assert!(moved - SignedDuration::from_millis(1) <= updated, "{path}: {updated} of {moved}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_wrong_changes_nothing() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let before = world.conversation(&acme).await;
    let conversation = format!("/conversations/{}", id(&before));
    let contact = format!("/contacts/{}", before["contact"]["id"].as_str().unwrap());
    let contact_before = world.read(&acme, &contact).await;
    let events = world.all(&acme, "/events").await.len();
    for (path, body, status, names) in [
        (&conversation, json!({ "colour": "red" }), 400, "colour"),
        (&conversation, json!({ "state": "resolved", "unread_count": 0 }), 400, "unread_count"),
        (&conversation, json!({ "organization_id": Uuid::now_v7() }), 400, "organization_id"),
        (&conversation, json!({ "state": "closed" }), 422, "state"),
        (&conversation, json!({ "state": null }), 400, "state"),
        (&conversation, json!({ "state": 7 }), 400, "state"),
        (&conversation, json!({ "assignee_id": "Ana" }), 400, "assignee_id"),
        (&conversation, json!({ "assignee_id": 7 }), 400, "assignee_id"),
        (&conversation, json!({}), 400, "state"),
        (&conversation, json!([]), 400, "object"),
        (&conversation, Value::Null, 400, "object"),
        (&contact, json!({ "wa_id": "1" }), 400, "wa_id"),
        (&contact, json!({ "own_name": 7 }), 400, "own_name"),
        (&contact, json!({ "own_name": "x".repeat(201) }), 422, "own_name"),
        (&contact, json!({ "notes": "a NUL: \0" }), 422, "notes"),
        (&contact, json!({}), 400, "own_name"),
    ] {
        let (answered, problem) = world.patch(&acme, path, &body).await;
        let said = problem["detail"].as_str().unwrap_or_default();
        assert_eq!(answered, status, "{body}: {problem}");
        assert!(said.contains(names), "{body}: {said}");
    }
    assert_eq!(world.conversation(&acme).await, before);
    assert_eq!(world.read(&acme, &contact).await, contact_before);
    assert_eq!(world.all(&acme, "/events").await.len(), events);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_counts_down_once() {
    let world = World::new().await;
    let acme = acme(&world).await;
    for nth in 0..3 {
        write(&world, "34600111222", &format!("wamid.{nth}"), 1_795_000_000 + nth).await;
    }
    world.drain().await;
    let before = world.conversation(&acme).await;
    assert_eq!(before["unread_count"], 3);
    let path = format!("/conversations/{}/read", id(&before));
    for _ in 0..2 {
        let (status, answer) = world.post_api(&acme, &path, &json!({})).await;
        assert_eq!((status, &answer["unread_count"]), (200, &json!(0)));
        assert_eq!(answer["state"], "active", "reading is not answering");
    }
    assert_eq!(world.events(&acme, "conversation.updated").await.len(), 1, "once, for once it changed something");
    write(&world, "34600111222", "wamid.next", 1_795_000_010).await;
    world.drain().await;
    assert_eq!(world.conversation(&acme).await["unread_count"], 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_gets_an_own_name_and_notes() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let path = format!("/contacts/{}", id(&world.all(&acme, "/contacts").await[0]));
    let profile = "Name of 34600111222";
    for (change, name, own_name, notes) in [
        (json!({ "own_name": "Ana, Café Sur" }), "Ana, Café Sur", json!("Ana, Café Sur"), Value::Null),
        (json!({ "notes": "Pays late\n👀" }), "Ana, Café Sur", json!("Ana, Café Sur"), json!("Pays late\n👀")),
        (json!({ "own_name": null }), profile, Value::Null, json!("Pays late\n👀")),
        (json!({ "own_name": " ", "notes": "" }), profile, Value::Null, Value::Null),
    ] {
        let (status, answer) = world.patch(&acme, &path, &change).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            (&answer["name"], &answer["own_name"], &answer["notes"]),
            (&json!(name), &own_name, &notes),
            "{change}"
        );
        assert_eq!(answer["profile_name"], profile);
        assert_eq!(world.read(&acme, &path).await, answer);
        assert_eq!(world.conversation(&acme).await["contact"]["name"], name);
        assert_eq!(world.events(&acme, "contact.updated").await.pop().unwrap()["data"], answer);
    }
    // Meta's profile name changes underneath, and the own name stays.
    world.patch(&acme, &path, &json!({ "own_name": "Ana" })).await;
    super::write_as(&world, "34600111222", "New profile", "wamid.2", 1_795_000_001).await;
    let contact = world.read(&acme, &path).await;
    assert_eq!((&contact["name"], &contact["profile_name"]), (&json!("Ana"), &json!("New profile")));
    world.end().await;
}

/// Changes by people and messages from Meta meet on one conversation: none of them is lost.
#[tokio::test(flavor = "multi_thread")]
async fn people_and_meta_change_one_conversation_at_once() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.first", 1_795_000_000).await;
    world.drain().await;
    let path = format!("/conversations/{}", id(&world.conversation(&acme).await));
    let both = [world.member(&acme, Role::Agent).await, world.member(&acme, Role::Agent).await];
    let meta = async {
        for nth in 0..60 {
            write(&world, "34600111222", &format!("wamid.{nth}"), 1_795_000_001 + nth).await;
        }
    };
    let people = async {
        for nth in 0..60 {
            let change = json!({ "assignee_id": both[nth % 2].user_id });
            let (status, answer) = world.patch(&acme, &path, &change).await;
            assert_eq!((status, &answer["assignee_id"]), (200, &change["assignee_id"]));
            assert_eq!(
                world.read(&acme, &path).await["assignee_id"],
                change["assignee_id"],
                "Meta's message took it back"
            );
        }
    };
    futures::join!(meta, people);
    world.drain().await;
    let conversation = world.read(&acme, &path).await;
    assert_eq!(conversation["unread_count"], 61);
    assert_eq!(world.events(&acme, "conversation.updated").await.len(), 60);
    assert_eq!(world.events(&acme, "message.received").await.len(), 61);
    world.end().await;
}
