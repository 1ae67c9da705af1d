//! What messages do to other messages: reactions, edits, deletions.

use e2e::body;
use e2e::random::orders;
use serde_json::{Value, json};

use super::{ANA, NUMBER, a_day_after, an_hour_ago, set_up};

fn reaction(wamid: &str, target: &str, emoji: &str, at: i64) -> Value {
    body::message(
        NUMBER,
        json!({
            "from": ANA, "id": wamid, "timestamp": at.to_string(), "type": "reaction",
            "reaction": { "message_id": target, "emoji": emoji },
        }),
    )
}

fn edit(wamid: &str, target: &str, text: &str, at: i64) -> Value {
    body::message(
        NUMBER,
        json!({
            "from": ANA, "id": wamid, "timestamp": at.to_string(), "type": "edit",
            "edit": { "original_message_id": target, "message": { "type": "text", "text": { "body": text } } },
        }),
    )
}

fn revoke(wamid: &str, target: &str, at: i64) -> Value {
    body::message(
        NUMBER,
        json!({
            "from": ANA, "id": wamid, "timestamp": at.to_string(), "type": "revoke",
            "revoke": { "original_message_id": target },
        }),
    )
}

/// Made by the business, on its phone.
fn ours(body: &Value) -> Value {
    let mut message = body["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    (message["from"], message["to"]) = (json!("15550001111"), json!(ANA));
    body::single(body::change(NUMBER, "smb_message_echoes", &json!({ "message_echoes": [message] })))
}

/// An edit or deletion that comes from the other side is a line of its own, and the message keeps its words.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_what_the_other_side_wrote() {
    let at = an_hour_ago();
    let bodies = [
        ours(&body::text(NUMBER, ANA, "wamid.ours", at, "It costs 100")),
        body::text(NUMBER, ANA, "wamid.theirs", at + 1, "I pay 100"),
        edit("wamid.e1", "wamid.ours", "It costs 1", at + 2),
        revoke("wamid.r1", "wamid.ours", at + 3),
        ours(&edit("wamid.e2", "wamid.theirs", "I pay 1000", at + 4)),
        ours(&revoke("wamid.r2", "wamid.theirs", at + 5)),
        ours(&edit("wamid.e3", "wamid.ours", "It costs 99", at + 6)),
    ];
    for first in [0, 2, 5] {
        let (world, acme) = set_up().await;
        for nth in 0..bodies.len() {
            world.receive(&bodies[(first + nth) % bodies.len()]).await;
        }
        let shown = async |wamid| {
            let message = world.message(&acme, wamid).await;
            (message["direction"].clone(), message["text"].clone(), message["revoked_at"].clone())
        };
        assert_eq!(shown("wamid.ours").await, (json!("outbound"), json!("It costs 99"), json!(null)));
        assert_eq!(shown("wamid.theirs").await, (json!("inbound"), json!("I pay 100"), json!(null)));
        assert_eq!(world.message(&acme, "wamid.e1").await["type"], "edit", "the line stays");
        if first == 0 {
            let told = world.events(&acme, "message.updated").await;
            assert_eq!(told.len(), 1, "only of what changed: {told:#?}");
        }
        world.end().await;
    }
}

fn emojis(message: &Value) -> Vec<&str> {
    let reactions = message["reactions"].as_array().expect("reactions");
    reactions.iter().map(|one| one["emoji"].as_str().expect("an emoji")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_shows_on_its_message_and_opens_the_window_unread() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "Hi")).await;
    world.receive(&reaction("wamid.r1", "wamid.1", "👍", at + 10)).await;

    let message = world.message(&acme, "wamid.1").await;
    assert_eq!(emojis(&message), ["👍"]);
    let conversation = world.conversation(&acme).await;
    assert_eq!(message["reactions"][0]["from"], conversation["contact"]["id"]);
    assert_eq!(conversation["unread_count"], 1, "only the text");
    assert_eq!(conversation["last_message"]["preview"], "Hi");
    assert_eq!(conversation["window_expires_at"], a_day_after(at + 10));
    assert_eq!(world.message(&acme, "wamid.r1").await["reply_to_wamid"], "wamid.1");
    assert_eq!(world.events(&acme, "message.updated").await.len(), 1);
    world.end().await;
}

/// Meta orders nothing: whatever comes first, the latest reaction by Meta's clock is the one shown.
#[tokio::test(flavor = "multi_thread")]
async fn reactions_end_the_same_in_any_order() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    for (nth, order) in orders(&["message", "👍", "❤️"]).into_iter().enumerate() {
        let target = format!("wamid.{nth}");
        for what in &order {
            world
                .receive(&match *what {
                    "message" => body::text(NUMBER, ANA, &target, at, "Hi"),
                    "👍" => reaction(&format!("{target}.a"), &target, "👍", at + 10),
                    _ => reaction(&format!("{target}.b"), &target, "❤️", at + 20),
                })
                .await;
        }
        assert_eq!(emojis(&world.message(&acme, &target).await), ["❤️"], "{order:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_is_taken_back() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "Hi")).await;
    world.receive(&reaction("wamid.r2", "wamid.1", "", at + 20)).await;
    world.receive(&reaction("wamid.r1", "wamid.1", "👍", at + 10)).await;
    assert!(emojis(&world.message(&acme, "wamid.1").await).is_empty(), "the removal is the newer one");
    world.receive(&reaction("wamid.r3", "wamid.1", "🎉", at + 30)).await;
    assert_eq!(emojis(&world.message(&acme, "wamid.1").await), ["🎉"]);
    world.end().await;
}

/// The business reacts on its phone: that is its own reaction, beside the customer's.
#[tokio::test(flavor = "multi_thread")]
async fn customer_and_business_each_have_a_reaction() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "Hi")).await;
    world.receive(&reaction("wamid.r1", "wamid.1", "👍", at + 1)).await;
    let echoed = body::single(body::change(
        NUMBER,
        "smb_message_echoes",
        &json!({ "message_echoes": [{
        "from": "15550001111", "to": ANA, "id": "wamid.r2", "timestamp": (at + 2).to_string(),
        "type": "reaction", "reaction": { "message_id": "wamid.1", "emoji": "🙏" },
    }] }),
    ));
    world.receive(&echoed).await;
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!(emojis(&message), ["👍", "🙏"]);
    assert_eq!(message["reactions"][1]["from"], "business");
    assert_eq!(world.conversation(&acme).await["state"], "active", "a reaction is no answer");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_replaces_the_text_and_keeps_the_former_one() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "first")).await;
    world.receive(&edit("wamid.e1", "wamid.1", "second", at + 10)).await;
    world.receive(&edit("wamid.e2", "wamid.1", "third", at + 20)).await;
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!(message["text"], "third");
    assert_eq!(message["edited_at"], super::shown(at + 20));
    let versions: Vec<&str> = message["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|version| version["text"].as_str().expect("a text"))
        .collect();
    assert_eq!(versions, ["first", "second"]);
    assert_eq!(message["payload"]["text"]["body"], "first", "Meta's object stays");
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["unread_count"], 1);
    assert_eq!(conversation["last_message"]["preview"], "third");
    world.end().await;
}

/// All orders of a message, two edits of it and its deletion: deleted is deleted, and nothing anybody wrote is lost.
#[tokio::test(flavor = "multi_thread")]
async fn edits_and_a_deletion_end_the_same_in_any_order() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    for (nth, order) in orders(&["message", "edit 1", "edit 2"]).into_iter().enumerate() {
        let target = format!("wamid.edited.{nth}");
        for what in &order {
            world
                .receive(&match *what {
                    "message" => body::text(NUMBER, ANA, &target, at, "original"),
                    "edit 1" => edit(&format!("{target}.1"), &target, "one", at + 10),
                    _ => edit(&format!("{target}.2"), &target, "two", at + 20),
                })
                .await;
        }
        let message = world.message(&acme, &target).await;
        assert_eq!((&message["text"], &message["edited_at"]), (&json!("two"), &super::shown(at + 20)), "{order:?}");
        assert_eq!(message["versions"].as_array().map(Vec::len), Some(2), "{order:?}: {message:#}");
    }
    for (nth, order) in orders(&["message", "edit", "revoke"]).into_iter().enumerate() {
        let target = format!("wamid.revoked.{nth}");
        for what in &order {
            world
                .receive(&match *what {
                    "message" => body::text(NUMBER, ANA, &target, at, "original"),
                    "edit" => edit(&format!("{target}.1"), &target, "edited", at + 10),
                    _ => revoke(&format!("{target}.2"), &target, at + 20),
                })
                .await;
        }
        let message = world.message(&acme, &target).await;
        assert_eq!((&message["text"], &message["revoked_at"]), (&json!(""), &super::shown(at + 20)), "{order:?}");
        let mut kept: Vec<&str> = message["versions"]
            .as_array()
            .expect("versions")
            .iter()
            .map(|version| version["text"].as_str().expect("a text"))
            .collect();
        kept.sort_unstable();
        assert_eq!(kept, ["edited", "original"], "{order:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_leaves_a_line_without_text() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "secret")).await;
    world.receive(&revoke("wamid.x", "wamid.1", at + 5)).await;
    // An edit after it changes nothing that is shown.
    world.receive(&edit("wamid.e", "wamid.1", "risen", at + 10)).await;
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!(message["text"], "");
    assert_eq!(message["revoked_at"], super::shown(at + 5));
    let conversation = world.conversation(&acme).await;
    assert_eq!((&conversation["unread_count"], &conversation["last_message"]["preview"]), (&json!(1), &json!("")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_on_the_unknown_are_lines_that_wait() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&reaction("wamid.r", "wamid.never", "👍", at)).await;
    world.receive(&edit("wamid.e", "wamid.never", "x", at)).await;
    world.receive(&revoke("wamid.x", "wamid.never", at)).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["unread_count"], 0);
    assert_eq!(world.messages(&acme, &conversation).await.len(), 3);
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

/// A picture and its replacement may come in one body: PostgreSQL refuses two files for one message in one statement,
/// and would have refused the whole body with them.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_picture_shows_the_new_one() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let picture = |wamid: &str| {
        json!({ "from": ANA, "id": wamid, "timestamp": at.to_string(), "type": "image",
        "image": { "id": "1", "mime_type": "image/jpeg", "sha256": "old", "caption": "old" } })
    };
    let replaced = |wamid: &str, nth: i64| {
        json!({ "from": ANA, "id": format!("{wamid}.{nth}"), "timestamp": (at + nth).to_string(),
        "type": "edit", "edit": { "original_message_id": wamid, "message": { "type": "image",
            "image": { "id": "2", "mime_type": "image/png", "sha256": format!("{nth:064x}"), "caption": format!("new {nth}") } } } })
    };
    for part in [picture("wamid.apart"), replaced("wamid.apart", 1), replaced("wamid.apart", 2)] {
        world.receive(&body::message(NUMBER, part)).await;
    }
    // The later edit first, then the earlier one, the picture last of all.
    for part in [replaced("wamid.late", 2), replaced("wamid.late", 1), picture("wamid.late")] {
        world.receive(&body::message(NUMBER, part)).await;
    }
    let backwards = [replaced("wamid.backwards", 2), replaced("wamid.backwards", 1), picture("wamid.backwards")];
    world.receive(&body::value(NUMBER, &json!({ "messages": backwards }))).await;
    let together = [picture("wamid.together"), replaced("wamid.together", 1), replaced("wamid.together", 2)];
    world.receive(&body::value(NUMBER, &json!({ "messages": together }))).await;
    for wamid in ["wamid.apart", "wamid.together", "wamid.late", "wamid.backwards"] {
        let message = world.message(&acme, wamid).await;
        assert_eq!(message["text"], "new 2", "{wamid}");
        assert_eq!(
            (&message["media"]["sha256"], &message["media"]["mime_type"]),
            (&json!(format!("{:064x}", 2)), &json!("image/png"))
        );
    }
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

/// Everything Meta can say about a message, in one body.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_all_that_happens_to_it_in_one_body() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let inner = |body: Value| body["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    let mut members = json!({ "messages": [
        inner(revoke("wamid.x", "wamid.2", at + 9)),
        inner(reaction("wamid.r", "wamid.1", "👍", at + 3)),
        inner(edit("wamid.e", "wamid.1", "better", at + 2)),
        body::text_message(ANA, "wamid.1", at, "good"),
        body::text_message(ANA, "wamid.2", at + 1, "gone"),
        inner(reaction("wamid.r2", "wamid.1", "❤️", at + 4)),
    ] });
    members["statuses"] =
        json!([body::status_of("wamid.o", "read", at, ANA), body::status_of("wamid.o", "sent", at, ANA)]);
    members["errors"] = json!([{ "code": 1, "title": "odd" }]);
    members["message_echoes"] = json!([{ "from": "15550001111", "to": ANA, "id": "wamid.o", "timestamp": at.to_string(),
        "type": "text", "text": { "body": "ours" } }]);
    world.receive(&body::value(NUMBER, &members)).await;
    assert_eq!(world.quarantine().await, []);
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!((&message["text"], emojis(&message)), (&json!("better"), vec!["❤️"]));
    assert_eq!(world.message(&acme, "wamid.2").await["revoked_at"], super::shown(at + 9));
    assert_eq!(world.message(&acme, "wamid.o").await["status"], "read");
    assert_eq!(world.events(&acme, "meta.error").await.len(), 1);
    assert_eq!(world.conversation(&acme).await["unread_count"], 2);
    world.end().await;
}
