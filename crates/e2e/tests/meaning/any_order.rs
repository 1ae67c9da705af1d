//! Meta promises no order, no single delivery and no single connection. Whatever comes when, the inbox ends the same.

use e2e::random::Random;
use e2e::{Options, Organization, World, body};
use serde_json::{Value, json};

use super::{ACCOUNT, NUMBER, an_hour_ago};

/// A conversation of a few customers: texts, answers, statuses, reactions, edits, deletions; each second once.
fn story(at: i64) -> Vec<Value> {
    let mut bodies = Vec::new();
    let mut second = at;
    let mut next = || {
        second += 1;
        second
    };
    for customer in ["34600000001", "34600000002", "34600000003"] {
        let message = |kind: &str, wamid: String, at: i64, content: Value| {
            let mut message = json!({ "from": customer, "id": wamid, "timestamp": at.to_string(), "type": kind });
            message[kind] = content;
            body::message(NUMBER, message)
        };
        for nth in 0..4 {
            let wamid = format!("wamid.{customer}.{nth}");
            bodies.push(body::text(NUMBER, customer, &wamid, next(), &format!("text {nth}")));
            for emoji in ["👍", "❤️"] {
                let content = json!({ "message_id": wamid, "emoji": emoji });
                bodies.push(message("reaction", format!("{wamid}.{emoji}"), next(), content));
            }
            for edit in 1..=nth {
                let inner = json!({ "type": "text", "text": { "body": format!("text {nth}, edit {edit}") } });
                let content = json!({ "original_message_id": wamid, "message": inner });
                bodies.push(message("edit", format!("{wamid}.edit{edit}"), next(), content));
            }
            if nth == 2 {
                let content = json!({ "original_message_id": wamid });
                bodies.push(message("revoke", format!("{wamid}.revoke"), next(), content));
            }
            let answer = format!("{wamid}.answer");
            bodies.push(body::echo(NUMBER, customer, &answer, next(), &format!("answer {nth}")));
            for status in ["sent", "delivered", "read"].iter().take(nth) {
                bodies.push(body::status(NUMBER, &answer, status, next(), customer));
            }
        }
    }
    bodies
}

/// What must not depend on the order of arrival. The state does: it says who spoke last here.
async fn summary(world: &World, organization: &Organization) -> Value {
    let mut conversations = world.conversations(organization).await;
    conversations.sort_by_key(|one| one["contact"]["wa_id"].to_string());
    let mut shown = Vec::new();
    for conversation in &conversations {
        let contact = conversation["contact"]["id"].as_str().expect("an id");
        let mut messages: Vec<Value> = world
            .messages(organization, conversation)
            .await
            .iter()
            .map(|message| {
                let mut versions: Vec<&str> =
                    message["versions"].as_array().into_iter().flatten().filter_map(|one| one["text"].as_str()).collect();
                versions.sort_unstable();
                json!({
                    "wamid": message["wamid"], "type": message["type"], "text": message["text"], "status": message["status"],
                    "direction": message["direction"], "timestamp": message["timestamp"], "edited": message["edited_at"],
                    "revoked": message["revoked_at"], "versions": versions,
                    "reactions": message["reactions"].to_string().replace(contact, "the customer"),
                })
            })
            .collect();
        messages.sort_by_key(|one| one["wamid"].to_string());
        shown.push(json!({
            "with": conversation["contact"]["wa_id"], "name": conversation["contact"]["name"],
            "unread": conversation["unread_count"], "window": conversation["window_expires_at"],
            "last": conversation["last_message"]["preview"], "messages": messages,
        }));
    }
    Value::Array(shown)
}

/// Tells a story over several connections, every other one to a second server on the same database.
async fn told(batch: u32, bodies: Vec<Vec<Value>>) -> Value {
    let world = World::with(Options { batch: Some(batch), ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, ACCOUNT, None).await;
    let node = world.node().await;
    let posting = bodies.into_iter().enumerate().map(|(nth, bodies)| {
        let posts = if nth % 2 == 0 { world.posts() } else { node.posts().clone() };
        tokio::spawn(async move {
            for body in bodies {
                assert_eq!(posts.post(body::bytes(&body)).await, 200);
            }
        })
    });
    for posted in futures::future::join_all(posting).await {
        posted.expect("every body is taken");
    }
    world.drain().await;
    node.stop().await;
    let summary = summary(&world, &acme).await;
    assert_eq!(world.quarantine().await, []);
    world.end().await;
    summary
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_batch_end_the_same() {
    let story = story(an_hour_ago());
    let expected = told(1, vec![story.clone()]).await;
    assert_eq!(expected.as_array().map(Vec::len), Some(3));
    for (seed, batch) in [(1, 1), (2, 2), (3, 7), (4, 250), (5, 250), (6, 250)] {
        let mut random = Random::new(seed);
        // Each body once to three times, on any of four connections, at two servers.
        let mut bodies: Vec<Value> = story.iter().flat_map(|body| vec![body.clone(); 1 + random.below(3)]).collect();
        random.shuffle(&mut bodies);
        let mut lots = vec![Vec::new(); 4];
        for body in bodies {
            lots[random.below(4)].push(body);
        }
        let found = told(batch, lots).await;
        assert!(found == expected, "seed {seed}, batches of {batch}: {}", difference(&expected, &found));
    }
}

/// The first place where two values differ.
fn difference(expected: &Value, found: &Value) -> String {
    match (expected, found) {
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).find(|(one, other)| one != other).map_or_else(String::new, |(a, b)| difference(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let key = one.keys().find(|key| one.get(*key) != other.get(*key));
            key.map_or_else(String::new, |key| match key.as_str() {
                "messages" => difference(&one[key], &other[key]),
                _ => format!("{key} in {expected:#}\nis found as {found:#}"),
            })
        }
        _ => format!("{expected:#}\nis found as {found:#}"),
    }
}
