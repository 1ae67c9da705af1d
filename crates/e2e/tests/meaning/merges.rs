//! Two contacts that are found to be one: nothing that people wrote is lost, old ids lead on, and it can be undone.

use std::time::Duration;

use e2e::{Organization, World, body};
use model::act::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ANA, NUMBER, an_hour_ago, set_up, wamids};

const USER: &str = "ES.42";

fn by_user(wamid: &str, at: i64) -> Value {
    let message = json!({ "from_user_id": USER, "id": wamid, "timestamp": at.to_string(), "type": "text", "text": { "body": wamid } });
    body::value(
        NUMBER,
        &json!({ "contacts": [{ "user_id": USER, "profile": { "name": "Ana by id" } }], "messages": [message] }),
    )
}

fn by_both(wamid: &str, at: i64) -> Value {
    let message = json!({ "from": ANA, "from_user_id": USER, "id": wamid, "timestamp": at.to_string(), "type": "text",
        "text": { "body": wamid } });
    body::value(NUMBER, &json!({ "messages": [message] }))
}

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// What is asked for without following the way.
async fn asked(world: &World, acme: &Organization, method: Method, path: &str) -> (u16, String) {
    let client = e2e::outside::http().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let url = format!("{}/api/v1{path}", world.url());
    let mut request = client.request(method.clone(), url).bearer_auth(&acme.key);
    if method == Method::PATCH {
        request = request.header("content-type", "application/json").body(r#"{"state":"resolved"}"#);
    }
    let answer = request.send().await.expect("an answer");
    let location = answer.headers().get("location").map_or("", |value| value.to_str().expect("text"));
    (answer.status().as_u16(), location.to_owned())
}

/// Ana is known twice, by her phone and by her user id, with words of people on both; then one event names both.
async fn merged() -> (World, Organization, Vec<Value>, Vec<Value>, i64) {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.p", at, "by phone")).await;
    world.receive(&by_user("wamid.u", at + 1)).await;
    let mut contacts = world.all(&acme, "/contacts").await;
    contacts.sort_by_key(|contact| contact["wa_id"] != ANA);
    let mut threads = world.conversations(&acme).await;
    threads.sort_by_key(|thread| thread["contact"]["wa_id"] != ANA);
    assert_eq!((contacts.len(), threads.len()), (2, 2));
    for (contact, name, notes) in [(&contacts[0], "Ana (phone)", "likes tea"), (&contacts[1], "Ana (id)", "pays late")]
    {
        let change = json!({ "own_name": name, "notes": notes });
        assert_eq!(world.patch(&acme, &format!("/contacts/{}", id(contact)), &change).await.0, 200);
    }
    world.receive(&by_both("wamid.b", at + 2)).await;
    (world, acme, contacts, threads, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_people_survive_and_old_ids_lead_on() {
    let (world, acme, before, threads, _) = merged().await;
    let contact = world.all(&acme, "/contacts").await.remove(0);
    assert_eq!(contact["own_name"], "Ana (phone)");
    let notes = contact["notes"].as_str().expect("notes");
    for word in ["likes tea", "pays late", "Ana (id)"] {
        assert!(notes.contains(word), "{word} in {notes:?}");
    }
    let gone = before.iter().map(id).find(|one| *one != id(&contact)).expect("the other");
    let (status, location) = asked(&world, &acme, Method::GET, &format!("/contacts/{gone}")).await;
    assert_eq!((status, location), (301, format!("/api/v1/contacts/{}", id(&contact))));
    let thread = world.conversation(&acme).await;
    let lost = threads.iter().map(id).find(|one| *one != id(&thread)).expect("the other");
    let (status, location) =
        asked(&world, &acme, Method::GET, &format!("/conversations/{lost}/messages?limit=2")).await;
    assert_eq!((status, location), (301, format!("/api/v1/conversations/{}/messages?limit=2", id(&thread))));
    let (status, _) = asked(&world, &acme, Method::PATCH, &format!("/conversations/{lost}")).await;
    assert_eq!(status, 308, "what changes something keeps its method");
    let told = world.events(&acme, "contact.merged").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["data"]["id"], &told[0]["data"]["merged_id"]), (&contact["id"], &json!(gone)));
    let told = world.events(&acme, "conversation.merged").await;
    assert_eq!((&told[0]["data"]["id"], &told[0]["data"]["merged_id"]), (&thread["id"], &json!(lost)));
    // Another organization learns nothing of it.
    let bravo = world.organization("Bravo").await;
    assert_eq!(asked(&world, &bravo, Method::GET, &format!("/contacts/{gone}")).await.0, 404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_can_be_undone_and_stays_undone() {
    let (world, acme, before, threads, at) = merged().await;
    let survivor = id(&world.all(&acme, "/contacts").await[0]);
    let merges = world.read(&acme, &format!("/contacts/{survivor}/merges")).await;
    let merge = id(&merges["data"][0]);
    let (status, back) = world.post_api(&acme, &format!("/merges/{merge}/undo"), &json!({})).await;
    assert_eq!(status, 200, "{back:#}");
    assert_eq!(back["id"], merges["data"][0]["merged_id"]);

    for (contact, name, notes) in [(&before[0], "Ana (phone)", "likes tea"), (&before[1], "Ana (id)", "pays late")] {
        let now = world.read(&acme, &format!("/contacts/{}", id(contact))).await;
        assert_eq!((&now["own_name"], &now["notes"]), (&json!(name), &json!(notes)));
    }
    let texts = |thread: &Value| format!("/conversations/{}/messages", id(thread));
    let by_phone = world.read(&acme, &texts(&threads[0])).await;
    assert_eq!(by_phone["data"].as_array().expect("messages").len(), 1);
    let by_id = world.read(&acme, &texts(&threads[1])).await;
    assert_eq!(by_id["data"].as_array().expect("messages").len(), 2, "what named both is under the stronger name");
    assert_eq!(world.events(&acme, "contact.separated").await.len(), 1);

    // Meta says it again: people know better.
    world.receive(&by_both("wamid.again", at + 10)).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.p2", at + 11, "by phone")).await;
    let conversations = world.conversations(&acme).await;
    assert_eq!(conversations.len(), 2, "{conversations:#?}");
    let phone = conversations.iter().find(|one| one["id"] == threads[0]["id"]).expect("hers");
    assert_eq!(wamids(&world.messages(&acme, phone).await), ["wamid.p", "wamid.p2"]);
    let (status, _) = world.post_api(&acme, &format!("/merges/{merge}/undo"), &json!({})).await;
    assert_eq!(status, 409, "once");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_thirty_days_a_merge_stands() {
    let (world, acme, ..) = merged().await;
    let survivor = id(&world.all(&acme, "/contacts").await[0]);
    let merge = id(&world.read(&acme, &format!("/contacts/{survivor}/merges")).await["data"][0]);
    world.advance(Duration::from_secs(31 * 24 * 3600)).await;
    let (status, _) = world.post_api(&acme, &format!("/merges/{merge}/undo"), &json!({})).await;
    assert_eq!(status, 409);
    world.end().await;
}

/// What people wrote of an entry of the address book stays when the entry goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_entry_takes_no_words_of_people() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let sync = |action: &str, at: i64| {
        body::single(body::change(
            NUMBER,
            "smb_app_state_sync",
            &json!({ "state_sync": [{ "type": "contact", "contact": { "phone_number": ANA, "full_name": "Ana" },
                "action": action, "metadata": { "timestamp": at.to_string() } }] }),
        ))
    };
    world.receive(&sync("add", at)).await;
    let contact = world.all(&acme, "/contacts").await.remove(0);
    world.patch(&acme, &format!("/contacts/{}", id(&contact)), &json!({ "notes": "an old friend" })).await;
    world.receive(&sync("remove", at + 1)).await;
    let left = world.all(&acme, "/contacts").await;
    assert_eq!((left.len(), &left[0]["notes"]), (1, &json!("an old friend")));
    // An older addition that comes late brings no name back.
    world.receive(&sync("add", at - 10)).await;
    assert_eq!(world.all(&acme, "/contacts").await[0]["name"], Value::Null);
    world.end().await;
}

/// Told again under another name, a message leaves one number's thread empty; the thread on another number is worked out
/// again in the same batch, and its contact has that one still.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_stays_with_the_thread_that_is_left() {
    let (world, acme) = set_up().await;
    let (other, at) = ("106540352249999", an_hour_ago());
    world.connect(&acme, other, "201", None).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "one")).await;
    world.receive(&body::text(other, ANA, "wamid.2", at, "two")).await;
    let again = json!({ "from_user_id": USER, "id": "wamid.1", "timestamp": at.to_string(), "type": "text", "text": { "body": "one" } });
    let here = body::change(NUMBER, "messages", &json!({ "messages": [again] }));
    let earlier = body::text_message(ANA, "wamid.2", at - 60, "two");
    let new = body::text_message(ANA, "wamid.3", at + 5, "three");
    let there = body::change(other, "messages", &json!({ "messages": [earlier, new] }));
    world.receive(&body::envelope(&[body::entry("200", &[here]), body::entry("201", &[there])])).await;
    assert_eq!(world.quarantine().await, []);
    let threads = world.conversations(&acme).await;
    let left = threads.iter().find(|thread| thread["contact"]["wa_id"] == ANA).expect("Ana's thread");
    assert_eq!(wamids(&world.messages(&acme, left).await), ["wamid.2", "wamid.3"]);
    world.end().await;
}

/// Whose care a conversation is in stays when its only message turns out to be somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_assigned_goes_with_the_last_message() {
    let (world, acme) = set_up().await;
    let (at, somebody) = (an_hour_ago(), world.member(&acme, Role::Agent).await.user_id.to_string());
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "one")).await;
    let before = world.conversation(&acme).await;
    let path = format!("/conversations/{}", id(&before));
    let (status, _) = world.patch(&acme, &path, &json!({ "assignee_id": somebody })).await;
    assert_eq!(status, 200);
    world.receive(&by_user("wamid.1", at)).await;
    let after = world.conversation(&acme).await;
    assert_ne!(after["id"], before["id"], "it is another person's");
    assert_eq!(after["assignee_id"], somebody);
    world.end().await;
}
