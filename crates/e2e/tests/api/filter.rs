//! What lists can be narrowed to.

use std::collections::BTreeSet;

use e2e::{Organization, World, body};
use model::act::Role;
use serde_json::json;

use super::{acme, id, write, write_as};

const PEOPLE: [(&str, &str); 7] = [
    ("34600000001", "María Ñandú"),
    ("34600000002", "100% Descuento"),
    ("34600000003", "snake_case"),
    ("34600000004", "snakeXcase"),
    ("34600000005", r"back\slash"),
    ("34600000006", "O'Brien \"Bob\" & <b>"),
    ("5491155512345", "李小龍 🐉"),
];

async fn crowd(world: &World) {
    for (nth, (from, name)) in (0..).zip(PEOPLE) {
        write_as(world, from, name, &format!("wamid.{nth}"), 1_795_000_000 + nth).await;
    }
}

/// Whose conversations a filter finds.
async fn found(world: &World, acme: &Organization, query: &[(&str, &str)]) -> BTreeSet<String> {
    let query = reqwest::Url::parse_with_params("http://x/", query).unwrap();
    let path = format!("/conversations?{}", query.query().unwrap_or_default());
    let rows = world.all(acme, &path).await;
    rows.iter().map(|row| row["contact"]["wa_id"].as_str().unwrap().to_owned()).collect()
}

fn set(people: &[usize]) -> BTreeSet<String> {
    people.iter().map(|nth| PEOPLE[*nth].0.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_takes_every_sign_as_itself() {
    let world = World::new().await;
    let acme = acme(&world).await;
    crowd(&world).await;
    for (q, people) in [
        ("maría", &[0][..]),
        ("MARÍA ÑANDÚ", &[0]),
        ("ñan", &[0]),
        ("%", &[1]),
        ("100%", &[1]),
        ("_", &[2]),
        ("snake_case", &[2]),
        ("snake", &[2, 3]),
        ("\\", &[4]),
        ("o'brien", &[5]),
        ("\"bob\" & <B>", &[5]),
        ("小龍", &[6]),
        ("🐉", &[6]),
        ("5491155", &[6]),
        ("3460000000", &[0, 1, 2, 3, 4, 5]),
        ("%%", &[]),
        ("' OR true --", &[]),
        ("nobody", &[]),
    ] {
        assert_eq!(found(&world, &acme, &[("q", q)]).await, set(people), "{q}");
        let query = reqwest::Url::parse_with_params("http://x/", [("q", q)]).unwrap();
        let contacts = world.all(&acme, &format!("/contacts?{}", query.query().unwrap())).await;
        let contacts: BTreeSet<String> = contacts.iter().map(|row| row["wa_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(contacts, set(people), "contacts with {q}");
    }
    // The organization's own name is searched as well, and the profile name still is.
    let contacts = world.all(&acme, "/contacts").await;
    let snake = contacts.iter().find(|row| row["name"] == "snake_case").unwrap();
    world.patch(&acme, &format!("/contacts/{}", id(snake)), &json!({ "own_name": "Über-Kunde" })).await;
    for q in ["über", "snake_"] {
        assert_eq!(found(&world, &acme, &[("q", q)]).await, set(&[2]), "{q}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_what_they_say_alone_and_together() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let other = world.connect(&acme, "10650000000002", "20650000000002", None).await;
    crowd(&world).await;
    world.receive(&body::text("10650000000002", PEOPLE[0].0, "wamid.other", 1_795_000_100, "Hello")).await;

    let mut ids = std::collections::BTreeMap::new();
    for row in world.conversations(&acme).await {
        let key = (row["contact"]["wa_id"].as_str().unwrap().to_owned(), row["number_id"].as_str().unwrap().to_owned());
        ids.insert(key, id(&row).to_owned());
    }
    let main = world.all(&acme, "/numbers").await[0]["id"].as_str().unwrap().to_owned();
    let of = |nth: usize| ids[&(PEOPLE[nth].0.to_owned(), main.clone())].clone();
    let member = async || world.member(&acme, Role::Agent).await.user_id.to_string();
    let (ana, bo) = (member().await, member().await);
    for (nth, change) in [
        (1, json!({ "state": "resolved" })),
        (2, json!({ "state": "resolved", "assignee_id": ana })),
        (3, json!({ "assignee_id": ana })),
        (4, json!({ "assignee_id": bo, "state": "waiting" })),
    ] {
        let changed = world.patch(&acme, &format!("/conversations/{}", of(nth)), &change).await;
        assert_eq!(changed.0, 200, "{changed:?}");
    }
    for nth in [4, 5] {
        let read = world.post_api(&acme, &format!("/conversations/{}/read", of(nth)), &json!({})).await;
        assert_eq!(read.0, 200, "{read:?}");
    }
    let other = other.to_string();
    for (query, people) in [
        (&[("state", "resolved")][..], &[1, 2][..]),
        (&[("state", "waiting")], &[4]),
        (&[("state", "active")], &[0, 3, 5, 6]),
        (&[("unread", "true")], &[0, 1, 2, 3, 6]),
        (&[("unread", "false")], &[0, 1, 2, 3, 4, 5, 6]),
        (&[("number_id", &other)], &[0]),
        (&[("number_id", &main)], &[0, 1, 2, 3, 4, 5, 6]),
        (&[("assignee", &ana)], &[2, 3]),
        (&[("assignee", "none")], &[0, 1, 5, 6]),
        (&[("assignee", &ana), ("state", "active")], &[3]),
        (&[("state", "active"), ("unread", "true"), ("number_id", &main)], &[0, 3, 6]),
        (&[("q", "snake"), ("unread", "true"), ("state", "resolved")], &[2]),
        (&[("assignee", &bo), ("unread", "true")], &[]),
        (&[("limit", "1"), ("unread", "true"), ("assignee", "none")], &[0, 1, 6]),
    ] {
        assert_eq!(found(&world, &acme, query).await, set(people), "{query:?}");
    }
    let contact = world.all(&acme, &format!("/contacts?q={}", PEOPLE[0].0)).await;
    let both = world.all(&acme, &format!("/conversations?contact_id={}", id(&contact[0]))).await;
    assert_eq!(both.len(), 2, "one on each number");
    world.end().await;
}

/// Also when a conversation is written to again after it was resolved.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_opens_a_resolved_conversation() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let path = format!("/conversations/{}", id(&world.conversation(&acme).await));
    world.patch(&acme, &path, &json!({ "state": "resolved" })).await;
    assert_eq!(world.all(&acme, "/conversations?state=active").await.len(), 0);
    write(&world, "34600111222", "wamid.2", 1_795_000_001).await;
    world.drain().await;
    assert_eq!(world.all(&acme, "/conversations?state=active").await.len(), 1);
    assert_eq!(world.read(&acme, &path).await["unread_count"], 2);
    world.end().await;
}
