//! Pages: a list that grows while it is read neither repeats a row nor hides one that nothing happened to.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{World, body};
use serde_json::{Value, json};

use super::{NUMBER, acme, column, id, write};

fn person(nth: usize) -> String {
    format!("3460{nth:07}")
}

/// Texts of these people, one each, many to a body. Seven people write in the same second.
async fn crowd(world: &World, people: usize) {
    let messages: Vec<Value> = (0..people)
        .map(|nth| {
            let second = 1_795_000_000 + i64::try_from(nth / 7).unwrap();
            body::text_message(&person(nth), &format!("wamid.{nth}"), second, "Hello")
        })
        .collect();
    for some in messages.chunks(50) {
        world.take(&body::value(NUMBER, &json!({ "messages": some }))).await;
    }
    world.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_grows_is_read_whole_and_once() {
    let world = World::new().await;
    let acme = acme(&world).await;
    crowd(&world, 250).await;
    let before = world.conversations(&acme).await;
    assert_eq!(before.len(), 250);
    let who: BTreeMap<String, String> =
        before.iter().map(|row| (id(row).to_owned(), row["contact"]["wa_id"].as_str().unwrap().to_owned())).collect();

    let mut seen: Vec<String> = Vec::new();
    let mut touched = BTreeSet::new();
    let mut next = String::new();
    let mut page = 0;
    loop {
        let answer = world.read(&acme, &format!("/conversations?limit=20{next}")).await;
        let rows = answer["data"].as_array().unwrap();
        assert!(rows.len() == 20 || answer["next_cursor"].is_null());
        seen.extend(rows.iter().map(|row| id(row).to_owned()));
        let Some(cursor) = answer["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");

        // Meanwhile: a stranger writes, one already seen writes again, and one still to come does.
        page += 1;
        let second = 1_796_000_000 + page;
        write(&world, &format!("3470{page:07}"), &format!("wamid.stranger.{page}"), second).await;
        let again = who[&seen[seen.len() - 3]].clone();
        let to_come = (0..250)
            .map(person)
            .find(|person| !touched.contains(person) && !seen.iter().any(|id| who.get(id) == Some(person)));
        for (what, person) in [("again", Some(again)), ("early", to_come)] {
            let Some(person) = person else { continue };
            write(&world, &person, &format!("wamid.{what}.{page}"), second).await;
            touched.insert(person);
        }
        world.drain().await;
    }
    assert!(page >= 11, "{page} pages");
    let unique: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "nothing came twice");
    for (id, person) in &who {
        assert!(touched.contains(person) || unique.contains(id), "{person} was hidden");
    }
    // The same list, read after all of it: everyone is there, newest first.
    let after = world.conversations(&acme).await;
    assert_eq!(after.len(), 250 + usize::try_from(page).unwrap());
    let times: Vec<&Value> = after.iter().map(|row| &row["last_message"]["timestamp"]).collect();
    assert!(times.windows(2).all(|pair| pair[0].as_str() >= pair[1].as_str()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_make_the_same_list() {
    let world = World::new().await;
    let acme = acme(&world).await;
    crowd(&world, 57).await;
    for path in ["/conversations", "/contacts", "/events"] {
        let whole = world.all(&acme, &format!("{path}?limit=100")).await;
        assert!(whole.len() >= 57, "{path}");
        for limit in [1, 5, 19, 56, 57] {
            let pages = world.all(&acme, &format!("{path}?limit={limit}")).await;
            assert_eq!(column(&pages, "id"), column(&whole, "id"), "{path} by {limit}");
        }
        let first = world.read(&acme, path).await;
        assert_eq!(first["data"].as_array().unwrap().len(), 50, "{path}: 50 unless told");
        assert!(first["next_cursor"].is_string());
    }
    world.end().await;
}

/// A page that holds exactly the rest says that it is the last.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_told() {
    let world = World::new().await;
    let acme = acme(&world).await;
    assert_eq!(world.read(&acme, "/conversations").await, json!({ "data": [], "next_cursor": null }));
    crowd(&world, 20).await;
    for path in ["/conversations?limit=20", "/contacts?limit=20"] {
        let answer = world.read(&acme, path).await;
        assert_eq!(answer["data"].as_array().unwrap().len(), 20);
        assert_eq!(answer["next_cursor"], Value::Null, "{path}");
    }
    world.end().await;
}

/// Messages stand by Meta's second, and within a second in the order they came.
#[tokio::test(flavor = "multi_thread")]
async fn messages_stand_by_metas_second_and_then_by_sequence() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let second = |nth: i64| 1_795_000_000 + nth;
    // (Meta's second, name) in the order of arrival.
    let arrivals = [(5, "a"), (5, "b"), (2, "late"), (9, "c"), (5, "d"), (9, "e"), (2, "later"), (7, "f")];
    for (at, name) in arrivals {
        world.receive(&body::text(NUMBER, "34600111222", &format!("wamid.{name}"), second(at), name)).await;
    }
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["last_message"]["preview"], "e");
    let path = format!("/conversations/{}/messages", id(&conversation));
    let expected = ["e", "c", "f", "d", "b", "a", "later", "late"];
    for limit in [1, 2, 3, 100] {
        let rows = world.all(&acme, &format!("{path}?limit={limit}")).await;
        assert_eq!(column(&rows, "text"), expected, "by {limit}");
    }
    let mut rows = world.all(&acme, &path).await;
    rows.sort_by_key(|row| row["sequence"].as_i64());
    let names: Vec<&str> = arrivals.iter().map(|(_, name)| *name).collect();
    assert_eq!(column(&rows, "text"), names, "sequence is the order of arrival");
    assert_eq!(column(&rows, "sequence"), [1, 2, 3, 4, 5, 6, 7, 8]);
    world.end().await;
}
