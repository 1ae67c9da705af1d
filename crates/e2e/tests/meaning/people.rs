//! Who is who: identities that come one by one, together, in other spellings, or change.

use e2e::{Organization, World, body};
use serde_json::{Value, json};

use super::{ANA, NUMBER, an_hour_ago, set_up, wamids};

/// A text from someone named in the given ways.
fn from(named: &Value, profile: &Value, wamid: &str, at: i64) -> Value {
    let mut message = json!({ "id": wamid, "timestamp": at.to_string(), "type": "text", "text": { "body": wamid } });
    for (key, value) in named.as_object().expect("an object") {
        message[key] = value.clone();
    }
    body::value(NUMBER, &json!({ "contacts": [profile], "messages": [message] }))
}

/// News of a customer's new number or user id.
fn system(wamid: &str, at: i64, from: &str, system: &Value) -> Value {
    body::value(
        NUMBER,
        &json!({ "messages": [{
        "from": from, "id": wamid, "timestamp": at.to_string(), "type": "system", "system": system,
    }] }),
    )
}

async fn contact(world: &World, organization: &Organization) -> Value {
    let mut all = world.all(organization, "/contacts").await;
    assert_eq!(all.len(), 1, "one person: {all:#?}");
    all.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_number_stays_the_same_contact() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "Hi")).await;
    let before = contact(&world, &acme).await;
    world
        .receive(&system(
            "wamid.s",
            at + 10,
            ANA,
            &json!({
                "body": "Ana changed her number", "wa_id": "34699000111", "type": "user_changed_number",
            }),
        ))
        .await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["contact"]["id"], before["id"]);
    assert_eq!(conversation["contact"]["wa_id"], "34699000111", "the new number is shown");
    assert_eq!(conversation["unread_count"], 1, "the news is a line, not a message to answer");
    assert_eq!(world.message(&acme, "wamid.s").await["type"], "system");
    let told = world.events(&acme, "contact.updated").await;
    assert_eq!(told.last().expect("an event")["data"]["wa_id"], "34699000111");

    world.receive(&body::text(NUMBER, "34699000111", "wamid.2", at + 20, "New phone")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(wamids(&world.messages(&acme, &conversation).await), ["wamid.1", "wamid.s", "wamid.2"]);
    // What Meta still had for the old number leads to the same person and does not bring the number back.
    world.receive(&body::text(NUMBER, ANA, "wamid.3", at + 5, "late")).await;
    assert_eq!(world.conversation(&acme).await["contact"]["wa_id"], "34699000111");
    world.end().await;
}

/// Phone companies give numbers to new people. Someone we knew under the new number long before is somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_belonged_to_someone_else_passes_on_without_a_merge() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, "34699000111", "wamid.bo", at, "I am Bo")).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.ana", at, "I am Ana")).await;
    // By Meta's time: what Bo wrote is hours older than the news.
    let later = at + 3 * 3600;
    world
        .receive(&system("wamid.s", later, ANA, &json!({ "wa_id": "34699000111", "type": "user_changed_number" })))
        .await;
    world.receive(&body::text(NUMBER, "34699000111", "wamid.new", later + 60, "Ana again")).await;
    let conversations = world.conversations(&acme).await;
    assert_eq!(conversations.len(), 2, "{conversations:#?}");
    for conversation in &conversations {
        let messages = world.messages(&acme, conversation).await;
        match wamids(&messages)[0] {
            "wamid.bo" => {
                assert_eq!(messages.len(), 1, "Bo's thread is his");
                assert_eq!(conversation["contact"]["wa_id"], Value::Null, "the number is his no longer");
            }
            _ => {
                assert_eq!(wamids(&messages), ["wamid.ana", "wamid.s", "wamid.new"]);
                assert_eq!(conversation["contact"]["wa_id"], "34699000111");
            }
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_id_stays_the_same_contact() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let profile = json!({ "profile": { "name": "Ana" }, "wa_id": ANA, "user_id": "US.111" });
    world.receive(&from(&json!({ "from": ANA, "from_user_id": "US.111" }), &profile, "wamid.1", at)).await;
    world
        .receive(&system(
            "wamid.s",
            at + 1,
            ANA,
            &json!({
                "type": "user_changed_user_id", "user_id": "US.222", "previous_user_id": "US.111",
            }),
        ))
        .await;
    let contact = contact(&world, &acme).await;
    assert_eq!((&contact["user_id"], &contact["wa_id"]), (&json!("US.222"), &json!(ANA)));
    world
        .receive(&from(&json!({ "from_user_id": "US.222" }), &json!({ "user_id": "US.222" }), "wamid.2", at + 2))
        .await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(wamids(&world.messages(&acme, &conversation).await), ["wamid.1", "wamid.s", "wamid.2"]);
    world.end().await;
}

/// A name that shows nothing is none, and a username that is longer than any hides no neighbour.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_shows_nothing_is_none() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let named = |name: &str| json!({ "profile": { "name": name, "username": "x".repeat(2_800) }, "wa_id": ANA });
    world.receive(&from(&json!({ "from": ANA }), &named(" \u{2800}\u{3164} "), "wamid.1", at)).await;
    let shown = async || contact(&world, &acme).await["profile_name"].clone();
    assert_eq!(shown().await, Value::Null);
    world.receive(&from(&json!({ "from": ANA }), &named("Ana"), "wamid.2", at + 1)).await;
    world.receive(&from(&json!({ "from": ANA }), &named("\u{200b}"), "wamid.3", at + 2)).await;
    assert_eq!(shown().await, "Ana");
    let path = format!("/contacts/{}", contact(&world, &acme).await["id"].as_str().expect("an id"));
    let (status, changed) = world.patch(&acme, &path, &json!({ "own_name": "\u{3164}" })).await;
    assert_eq!((status, &changed["own_name"]), (200, &Value::Null));
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

/// A customer may hide the phone: first known by a user id in one thread, by a phone in another; one event that names
/// both makes them one person with one thread, whose sequence has neither gap nor repeat.
#[tokio::test(flavor = "multi_thread")]
async fn one_event_that_names_two_identities_makes_them_one() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let hidden = json!({ "profile": { "name": "Ana", "username": "@ana" }, "user_id": "ES.42" });
    for nth in 0..3 {
        world.receive(&from(&json!({ "from_user_id": "ES.42" }), &hidden, &format!("wamid.b{nth}"), at + nth)).await;
        world.receive(&body::text(NUMBER, ANA, &format!("wamid.p{nth}"), at + 10 + nth, "by phone")).await;
    }
    let before = world.conversations(&acme).await;
    assert_eq!(before.len(), 2, "not known to be one yet");
    let by_user_id = before.iter().find(|one| one["contact"]["user_id"] == "ES.42").expect("hers");
    assert_eq!((&by_user_id["contact"]["wa_id"], &by_user_id["contact"]["username"]), (&Value::Null, &json!("ana")));
    let reacted = body::message(
        NUMBER,
        json!({
            "from": ANA, "id": "wamid.r", "timestamp": at.to_string(), "type": "reaction",
            "reaction": { "message_id": "wamid.p0", "emoji": "👍" },
        }),
    );
    world.receive(&reacted).await;

    let both = json!({ "profile": { "name": "Ana" }, "wa_id": ANA, "user_id": "ES.42" });
    world.receive(&from(&json!({ "from": ANA, "from_user_id": "ES.42" }), &both, "wamid.both", at + 50)).await;
    let conversation = world.conversation(&acme).await;
    let contact = contact(&world, &acme).await;
    assert_eq!((&contact["wa_id"], &contact["user_id"]), (&json!(ANA), &json!("ES.42")));
    assert_eq!(conversation["contact"]["id"], contact["id"]);
    assert_eq!(conversation["unread_count"], 7);
    assert_eq!(conversation["last_message"]["preview"], "wamid.both");
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(messages.len(), 8);
    let sequences: Vec<i64> = messages.iter().map(|one| one["sequence"].as_i64().expect("a number")).collect();
    assert_eq!(sequences, (1..=8).collect::<Vec<_>>());
    let reacted = messages.iter().find(|one| one["wamid"] == "wamid.p0").expect("it");
    assert_eq!(reacted["reactions"][0]["from"], contact["id"], "her reaction is still hers");
    // Both lead to her from now on, also those that take the reaction back.
    world.receive(&from(&json!({ "from_user_id": "ES.42" }), &hidden, "wamid.after", at + 60)).await;
    assert_eq!(world.messages(&acme, &world.conversation(&acme).await).await.len(), 9);
    world.end().await;
}

/// The same in one body, and in any order within it.
#[tokio::test(flavor = "multi_thread")]
async fn identities_meet_within_one_body() {
    for (nth, order) in e2e::random::orders(&["phone", "user", "both"]).into_iter().enumerate() {
        let (world, acme) = set_up().await;
        let at = an_hour_ago();
        let messages: Vec<Value> = order
            .iter()
            .map(|what| {
                let mut message = json!({ "id": format!("wamid.{what}"), "timestamp": at.to_string(), "type": "text", "text": { "body": "x" } });
                if *what != "user" {
                    message["from"] = json!(ANA);
                }
                if *what != "phone" {
                    message["from_user_id"] = json!("ES.42");
                }
                message
            })
            .collect();
        world.receive(&body::value(NUMBER, &json!({ "messages": messages }))).await;
        let conversation = world.conversation(&acme).await;
        assert_eq!(world.messages(&acme, &conversation).await.len(), 3, "order {nth}: {order:?}");
        world.end().await;
    }
}

/// Mexico and Argentina have a digit before mobile numbers, Brazil has a ninth one; Meta uses both spellings.
#[tokio::test(flavor = "multi_thread")]
async fn other_spellings_of_a_phone_find_the_same_contact() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let pairs =
        [("525512345678", "5215512345678"), ("5491112345678", "541112345678"), ("551187654321", "5511987654321")];
    for (one, other) in pairs {
        world.receive(&body::text(NUMBER, one, &format!("wamid.{one}"), at, "one")).await;
        world.receive(&body::text(NUMBER, other, &format!("wamid.{other}"), at + 1, "other")).await;
        world.receive(&body::text(NUMBER, one, &format!("wamid.{one}.again"), at + 2, "again")).await;
    }
    // Both spellings new and in one body.
    let fresh = body::value(
        NUMBER,
        &json!({ "messages": [
        body::text_message("525599998888", "wamid.f1", at, "x"), body::text_message("5215599998888", "wamid.f2", at, "y"),
    ] }),
    );
    world.receive(&fresh).await;
    let conversations = world.conversations(&acme).await;
    assert_eq!(conversations.len(), 4, "{conversations:#?}");
    assert_eq!(world.all(&acme, "/contacts").await.len(), 4);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organizations_own_name_wins_over_metas() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let named = |name: &str, wamid: &str, at| from(&json!({ "from": ANA }), &body::contact(ANA, name), wamid, at);
    world.receive(&named("Ana", "wamid.1", at)).await;
    assert_eq!(contact(&world, &acme).await["name"], "Ana");
    world.receive(&named("Ana María", "wamid.2", at + 1)).await;
    let renamed = contact(&world, &acme).await;
    assert_eq!((&renamed["name"], &renamed["profile_name"]), (&json!("Ana María"), &json!("Ana María")));

    let path = format!("/contacts/{}", renamed["id"].as_str().expect("an id"));
    let (status, _) = world.patch(&acme, &path, &json!({ "own_name": "Ana (VIP)" })).await;
    assert_eq!(status, 200);
    world.receive(&named("Anita 🌸", "wamid.3", at + 2)).await;
    let kept = contact(&world, &acme).await;
    assert_eq!((&kept["name"], &kept["profile_name"]), (&json!("Ana (VIP)"), &json!("Anita 🌸")));
    assert_eq!(world.conversation(&acme).await["contact"]["name"], "Ana (VIP)");
    let (status, _) = world.patch(&acme, &path, &json!({ "own_name": null })).await;
    assert_eq!(status, 200);
    assert_eq!(contact(&world, &acme).await["name"], "Anita 🌸");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_belong_to_messages_by_identity_not_by_place() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let people = [("34600000001", "One"), ("34600000002", "Two"), ("34600000003", "Three")];
    let messages: Vec<Value> = people.iter().map(|(from, name)| body::text_message(from, name, at, name)).collect();
    // In another order, one missing, and one too many.
    let contacts =
        [body::contact(people[2].0, "Three"), body::contact(people[0].0, "One"), body::contact("349", "Nobody")];
    world.receive(&body::value(NUMBER, &json!({ "contacts": contacts, "messages": messages }))).await;
    let all = world.all(&acme, "/contacts").await;
    let name_of = |wa_id: &str| all.iter().find(|one| one["wa_id"] == wa_id).map(|one| one["name"].clone());
    assert_eq!(name_of("34600000001"), Some(json!("One")));
    assert_eq!(name_of("34600000002"), Some(Value::Null));
    assert_eq!(name_of("34600000003"), Some(json!("Three")));
    assert_eq!(name_of("349"), None, "who did not write is no contact");
    world.end().await;
}

/// Names are data: markup, formulas, directions and lengths change nothing around them.
#[tokio::test(flavor = "multi_thread")]
async fn odd_profile_names_are_kept_as_they_are() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let long = "ñ".repeat(5000);
    let names = [
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "\u{202e}evil\u{202c}",
        "Z\u{0351}\u{034b}algo",
        "👩‍👩‍👧",
        &long,
    ];
    for (nth, name) in names.iter().enumerate() {
        let wa_id = format!("3460000000{nth}");
        world
            .receive(&from(&json!({ "from": wa_id }), &body::contact(&wa_id, name), &format!("wamid.{nth}"), at))
            .await;
    }
    world.receive(&from(&json!({ "from": ANA }), &body::contact(ANA, ""), "wamid.empty", at)).await;
    let all = world.all(&acme, "/contacts").await;
    for (nth, name) in names.iter().enumerate() {
        let found = all.iter().find(|one| one["wa_id"] == format!("3460000000{nth}").as_str()).expect("a contact");
        assert_eq!(found["name"], *name);
    }
    let nameless = all.iter().find(|one| one["wa_id"] == ANA).expect("a contact");
    assert_eq!(nameless["name"], Value::Null, "an empty name is none");
    world.end().await;
}

/// Usernames pass from one person to another, and both may be named in one body.
#[tokio::test(flavor = "multi_thread")]
async fn a_username_that_passes_on_makes_nobody_one() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let profile = |wa_id: &str| json!({ "profile": { "name": wa_id, "username": "@cafe" }, "wa_id": wa_id });
    let together = json!({
        "contacts": [profile("34600000001"), profile("34600000002")],
        "messages": [body::text_message("34600000001", "wamid.1", at, "x"), body::text_message("34600000002", "wamid.2", at, "x")],
    });
    world.receive(&body::value(NUMBER, &together)).await;
    world.receive(&from(&json!({ "from": "34600000003" }), &profile("34600000003"), "wamid.3", at)).await;
    assert_eq!(world.quarantine().await, []);
    assert_eq!(world.conversations(&acme).await.len(), 3);
    assert_eq!(world.all(&acme, "/contacts").await.len(), 3);
    world.end().await;
}

/// A number changes hands and back within one body.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_change_hands_in_one_body() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let inner = |body: Value| body["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    let moved = |wamid: &str, at: i64, from: &str, to: &str| {
        inner(system(wamid, at, from, &json!({ "wa_id": to, "type": "user_changed_number" })))
    };
    let messages = [
        body::text_message(ANA, "wamid.1", at, "x"),
        moved("wamid.s1", at + 1, ANA, "34600000009"),
        body::text_message("34600000009", "wamid.2", at + 2, "x"),
        moved("wamid.s2", at + 3, "34600000009", ANA),
        body::text_message(ANA, "wamid.3", at + 4, "x"),
    ];
    world.receive(&body::value(NUMBER, &json!({ "messages": messages }))).await;
    assert_eq!(world.quarantine().await, []);
    let conversation = world.conversation(&acme).await;
    assert_eq!(world.messages(&acme, &conversation).await.len(), 5);
    assert_eq!(conversation["contact"]["wa_id"], ANA);
    world.end().await;
}
