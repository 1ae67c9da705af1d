//! Pages: a list that grows while it is read neither repeats a row nor hides one that nothing happened to.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Organization, World, body};
use model::api_key::NewKey;
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

/// Lists by id are walked from one end to the other while conversations move; rows are had by their ids, and what is not there is
/// left out.
#[tokio::test(flavor = "multi_thread")]
async fn lists_by_id_stand_still() {
    let world = World::new().await;
    let acme = acme(&world).await;
    for nth in 0..5 {
        write(&world, &format!("3460000000{nth}"), &format!("wamid.{nth}"), 1_795_000_000 + nth).await;
    }
    world.drain().await;
    let mut pages = Vec::new();
    let mut next = String::new();
    loop {
        let page = world.read(&acme, &format!("/conversations?order=id&limit=2{next}")).await;
        pages.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        // The oldest writes again: in the usual order it would come first, and never be met.
        write(&world, "34600000000", &format!("wamid.again.{}", pages.len()), 1_795_000_100).await;
        world.drain().await;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    let mut sorted = pages.clone();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!((pages.len(), &pages), (5, &sorted));
    let all = world.all(&acme, "/messages?limit=3").await;
    assert_eq!(all.len() as i64, world.count("SELECT count(*) FROM wazapp.message").await);
    let nobodys = uuid::Uuid::now_v7();
    for (list, rows) in [("conversations", world.conversations(&acme).await), ("messages", all)] {
        let (one, other) = (rows[0].clone(), rows[1].clone());
        let (first, second) = (one["id"].as_str().unwrap(), other["id"].as_str().unwrap());
        let found = world.read(&acme, &format!("/{list}?id={first},{nobodys},{second}")).await;
        let found = found["data"].as_array().unwrap();
        assert!(found.len() == 2 && found.contains(&one) && found.contains(&other), "{list}: {found:?}");
    }
    world.end().await;
}

/// The statuses of several messages, message by message, in pages of any size.
#[tokio::test(flavor = "multi_thread")]
async fn statuses_of_several_messages() {
    let world = World::new().await;
    let acme = acme(&world).await;
    for nth in 0..3 {
        let wamid = format!("wamid.{nth}");
        world.receive(&body::echo(NUMBER, "34600000001", &wamid, 1_795_000_000, "hola")).await;
        for (step, word) in ["sent", "delivered", "read"].iter().enumerate().take(nth + 1) {
            let at = 1_795_000_001 + i64::try_from(step).unwrap();
            world.receive(&body::status(NUMBER, &wamid, word, at, "34600000001")).await;
        }
    }
    let messages = world.all_messages(&acme).await;
    let ids: Vec<&str> = messages.iter().map(|row| row["id"].as_str().unwrap()).collect();
    let mut one_by_one = Vec::new();
    let mut ordered = ids.clone();
    ordered.sort_unstable();
    for id in ordered {
        one_by_one.extend(world.all(&acme, &format!("/messages/{id}/statuses")).await);
    }
    assert_eq!(one_by_one.len(), 6);
    for limit in 1..=7 {
        let all = world.all(&acme, &format!("/statuses?message_id={}&limit={limit}", ids.join(","))).await;
        assert_eq!(all, one_by_one, "in pages of {limit}");
    }
    world.end().await;
}

/// Updates and whole messages go between two pages: none of the others is passed over. Went wrong: a page began so many updates
/// behind the one before, whatever had gone since.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_between_two_pages_of_statuses_hides_no_other() {
    let world = World::new().await;
    let acme = acme(&world).await;
    for nth in 0..3 {
        let wamid = format!("wamid.{nth}");
        world.receive(&body::echo(NUMBER, "34600000001", &wamid, 1_795_000_000, "hola")).await;
        for (step, word) in ["sent", "delivered", "read"].iter().enumerate() {
            let at = 1_795_000_001 + i64::try_from(step).unwrap();
            world.receive(&body::status(NUMBER, &wamid, word, at, "34600000001")).await;
        }
    }
    let mut ids: Vec<String> = world.all_messages(&acme).await.iter().map(|row| id(row).to_owned()).collect();
    ids.sort_unstable();
    let path = format!("/statuses?message_id={}&limit=2", ids.join(","));
    let words = |page: &Value| -> Vec<(String, String)> {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| (row["message_id"].as_str().unwrap().to_owned(), row["status"].as_str().unwrap().to_owned()))
            .collect()
    };
    let first = world.read(&acme, &path).await;
    let next = |page: &Value| format!("{path}&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(words(&first), [(ids[0].clone(), "sent".into()), (ids[0].clone(), "delivered".into())]);
    let sql = world.sql().await;
    // An update that was read is past its retention.
    let gone = "DELETE FROM wazapp.status s USING wazapp.message m WHERE m.id::text = $1 AND s.wamid = m.wamid AND s.status = ANY ($2)";
    sql.execute(gone, &[&ids[0], &vec!["sent"]]).await.unwrap();
    let second = world.read(&acme, &next(&first)).await;
    assert_eq!(words(&second), [(ids[0].clone(), "read".into()), (ids[1].clone(), "sent".into())]);
    // And then all of the message with which a page ended.
    sql.execute(gone, &[&ids[1], &vec!["sent", "delivered", "read"]]).await.unwrap();
    let third = world.read(&acme, &next(&second)).await;
    assert_eq!(words(&third), [(ids[2].clone(), "sent".into()), (ids[2].clone(), "delivered".into())]);
    let last = world.read(&acme, &next(&third)).await;
    assert_eq!((words(&last), &last["next_cursor"]), (vec![(ids[2].clone(), "read".into())], &Value::Null));
    world.end().await;
}

/// Who sees one message behind very many of others comes to it page by page, and no page looks through all of them.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_great_organization_are_looked_through_in_parts() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let seen = world.connect(&acme, "10650000000002", "20650000000002", None).await;
    world.receive(&body::text("10650000000002", "34600000001", "wamid.seen", 1_795_000_000, "Hello")).await;
    write(&world, "34600000001", "wamid.base", 1_795_000_001).await;
    world.drain().await;
    let sql = world.sql().await;
    // As many more of the other number, each a millisecond later.
    let more = "INSERT INTO wazapp.message
                SELECT (jsonb_populate_record(m, jsonb_build_object('sequence', m.sequence + nth, 'wamid', 'wamid.' || nth, 'id',
                  lpad(to_hex(('x' || left(hex, 12))::bit(48)::bigint + nth), 12, '0') || right(hex, 20)))).*
                FROM wazapp.message m, replace(m.id::text, '-', '') hex, generate_series(1, 10050) nth
                WHERE m.wamid = 'wamid.base'";
    assert_eq!(sql.execute(more, &[]).await.unwrap(), 10_050);
    let counted = "UPDATE wazapp.conversation v SET last_sequence = last_sequence + 10050 FROM wazapp.message m
                   WHERE m.wamid = 'wamid.base' AND v.id = m.conversation_id";
    sql.execute(counted, &[]).await.unwrap();
    let key = world.key(&acme.scope, &NewKey { number_ids: Some(&[seen]), ..NewKey::whole("limited") }).await;
    let limited = Organization { key, ..acme.clone() };
    let first = world.read(&limited, "/messages").await;
    assert_eq!(first["data"], json!([]));
    let second = world.read(&limited, &format!("/messages?cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(column(second["data"].as_array().unwrap(), "wamid"), ["wamid.seen"]);
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(world.read(&acme, "/messages?limit=1").await["data"][0]["wamid"], "wamid.10050");
    world.end().await;
}
