//! Messages of customers: unread, state, service window, the last message, and what a message carries.

use e2e::body;
use serde_json::{Value, json};

use super::{ANA, NUMBER, a_day_after, an_hour_ago, set_up, shown, texts, wamids};

/// A message of Ana's with the given content.
fn of_type(kind: &str, wamid: &str, at: i64, content: Value) -> Value {
    let mut message = json!({ "from": ANA, "id": wamid, "timestamp": at.to_string(), "type": kind });
    message[kind] = content;
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_any_type_is_unread_makes_active_and_opens_the_window() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let kinds = [
        ("text", json!({ "body": "Hello" }), "Hello"),
        ("image", json!({ "id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "A cat" }), "A cat"),
        ("video", json!({ "id": "2", "mime_type": "video/mp4", "sha256": "x" }), "🎥"),
        ("audio", json!({ "id": "3", "mime_type": "audio/ogg", "sha256": "x", "voice": true }), "🎤"),
        ("document", json!({ "id": "4", "mime_type": "application/pdf", "filename": "bill.pdf" }), "📄 bill.pdf"),
        ("sticker", json!({ "id": "5", "mime_type": "image/webp", "animated": false }), "💟"),
        ("location", json!({ "latitude": 1.5, "longitude": 2.5, "name": "Park" }), "📍 Park"),
        ("contacts", json!([{ "name": { "formatted_name": "Bo Li" } }]), "👤 Bo Li"),
        ("interactive", json!({ "type": "button_reply", "button_reply": { "id": "b", "title": "Yes" } }), "Yes"),
        ("button", json!({ "payload": "p", "text": "No" }), "No"),
        (
            "order",
            json!({ "catalog_id": "c", "product_items": [{ "product_retailer_id": "tea", "quantity": 2 }] }),
            "🛒 2 × tea",
        ),
    ];
    for (nth, (kind, content, text)) in kinds.iter().enumerate() {
        let nth = i64::try_from(nth).expect("a few");
        let wamid = format!("wamid.{kind}");
        let message = of_type(kind, &wamid, at + nth, content.clone());
        world.receive(&body::message(NUMBER, message.clone())).await;

        let conversation = world.conversation(&acme).await;
        assert_eq!(conversation["unread_count"], nth + 1, "{kind}");
        assert_eq!(conversation["state"], "active");
        assert_eq!(conversation["last_inbound_at"], shown(at + nth));
        assert_eq!(conversation["window_expires_at"], a_day_after(at + nth));
        assert_eq!(conversation["phone_number_id"], NUMBER);
        let last = &conversation["last_message"];
        assert_eq!((&last["type"], &last["preview"]), (&json!(kind), &json!(text)));
        assert_eq!((&last["direction"], &last["timestamp"]), (&json!("inbound"), &shown(at + nth)));

        let kept = world.message(&acme, &wamid).await;
        assert_eq!(kept["payload"], message, "Meta's object unchanged");
        assert_eq!(kept["text"], *text);
        assert_eq!(kept["sequence"], nth + 1);
        assert_eq!(kept["origin"], "webhook");
        let carries = ["image", "video", "audio", "document", "sticker"].contains(kind);
        assert_eq!(kept["media"]["state"].as_str(), carries.then_some("pending"), "{kind}");
    }
    assert_eq!(world.events(&acme, "message.received").await.len(), kinds.len());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_conversation_becomes_active_again() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "Hi")).await;
    let id = world.conversation(&acme).await["id"].clone();
    let path = format!("/conversations/{}", id.as_str().expect("an id"));
    let (status, changed) = world.patch(&acme, &path, &json!({ "state": "resolved" })).await;
    assert_eq!((status, &changed["state"]), (200, &json!("resolved")));
    let (status, changed) = world.post_api(&acme, &format!("{path}/read"), &json!({})).await;
    assert_eq!((status, &changed["unread_count"]), (200, &json!(0)));

    world.receive(&body::text(NUMBER, ANA, "wamid.2", at + 1, "Again")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["id"], id);
    assert_eq!((&conversation["state"], &conversation["unread_count"]), (&json!("active"), &json!(1)));
    world.end().await;
}

/// Meta may deliver late: what is shown as the last message is the newest by Meta's clock, and nothing moves back.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_message_is_inserted_and_moves_nothing_back() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.new", at, "new")).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.old", at - 600, "old")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["last_message"]["preview"], "new");
    assert_eq!(conversation["window_expires_at"], a_day_after(at));
    assert_eq!(conversation["unread_count"], 2);
    let id = conversation["id"].as_str().expect("an id");
    let shown = world.all(&acme, &format!("/conversations/{id}/messages")).await;
    assert_eq!(wamids(&shown), ["wamid.new", "wamid.old"], "newest first by Meta's time");
    assert_eq!(wamids(&world.messages(&acme, &conversation).await), ["wamid.new", "wamid.old"], "sequence is arrival");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_carries_context_forwarding_and_referral() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let mut reply = body::text_message(ANA, "wamid.reply", at, "yes");
    reply["context"] = json!({ "from": "15550001111", "id": "wamid.question" });
    let mut forwarded = body::text_message(ANA, "wamid.forwarded", at + 1, "look");
    forwarded["context"] = json!({ "frequently_forwarded": true });
    let first = json!({ "source_type": "ad", "source_id": "1", "headline": "First ad", "ctwa_clid": "c" });
    let mut from_ad = body::text_message(ANA, "wamid.ad", at + 2, "interested");
    from_ad["referral"] = first.clone();
    let mut from_other_ad = body::text_message(ANA, "wamid.ad2", at + 3, "still");
    from_other_ad["referral"] = json!({ "source_type": "post", "headline": "Second" });
    for message in [reply, forwarded, from_ad, from_other_ad] {
        world.receive(&body::message(NUMBER, message)).await;
    }
    assert_eq!(world.message(&acme, "wamid.reply").await["reply_to_wamid"], "wamid.question");
    let forwarded = world.message(&acme, "wamid.forwarded").await;
    assert_eq!(forwarded["payload"]["context"]["frequently_forwarded"], true);
    assert_eq!(forwarded["reply_to_wamid"], Value::Null);
    assert_eq!(world.message(&acme, "wamid.ad").await["payload"]["referral"], first);
    assert_eq!(world.message(&acme, "wamid.ad2").await["payload"]["referral"]["headline"], "Second");
    assert_eq!(world.conversation(&acme).await["referral"], first, "the first one stays");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_adds_tomorrow_keeps_its_name() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let poll = of_type("poll", "wamid.poll", at, json!({ "text": "Which day?", "options": ["a", "b"] }));
    let silent = of_type("hologram", "wamid.hologram", at + 1, json!({ "shape": [1, 2] }));
    world.receive(&body::message(NUMBER, poll.clone())).await;
    world.receive(&body::message(NUMBER, silent)).await;
    let kept = world.message(&acme, "wamid.poll").await;
    assert_eq!((&kept["type"], &kept["text"], &kept["payload"]), (&json!("poll"), &json!("Which day?"), &poll));
    let kept = world.message(&acme, "wamid.hologram").await;
    assert_eq!((&kept["type"], &kept["text"]), (&json!("hologram"), &json!("[hologram]")));
    assert_eq!(world.conversation(&acme).await["unread_count"], 2);

    // A field nobody knows yet: an event under its own name, and nothing else happens.
    let change = body::change(NUMBER, "dreams", &json!({ "dream": { "id": "7" } }));
    world.receive(&body::single(change)).await;
    let events = world.events(&acme, "meta.dreams").await;
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["data"]["data"]["dream"]["id"], "7");
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_message_and_of_a_value_can_be_seen() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let errors = json!([{ "code": 131_051, "title": "Message type unknown", "message": "Message type unknown" }]);
    let mut message = of_type("unsupported", "wamid.unsupported", at, json!({ "type": "video_note" }));
    message["errors"] = errors.clone();
    world.receive(&body::message(NUMBER, message)).await;
    let kept = world.message(&acme, "wamid.unsupported").await;
    assert_eq!((&kept["type"], &kept["error"]), (&json!("unsupported"), &errors));
    assert_eq!(kept["text"], "⚠️ video_note");

    let limit = json!({ "code": 130_429, "title": "Rate limit hit" });
    for _ in 0..2 {
        world.receive(&body::value(NUMBER, &json!({ "errors": [limit] }))).await;
    }
    let events = world.events(&acme, "meta.error").await;
    assert_eq!(events.len(), 1, "once, however often Meta repeats it: {events:#?}");
    assert_eq!(events[0]["data"]["error"], limit);
    assert_eq!(events[0]["data"]["phone_number_id"], NUMBER);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_and_ids_may_be_garbage_or_missing() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let mut numeric = body::text_message(ANA, "wamid.numeric", at, "numeric");
    numeric["timestamp"] = json!(at);
    let mut garbage = body::text_message(ANA, "wamid.garbage", at, "garbage");
    garbage["timestamp"] = json!("yesterday");
    let mut absent = body::text_message(ANA, "wamid.absent", at, "absent");
    absent.as_object_mut().expect("an object").remove("timestamp");
    let mut far = body::text_message(ANA, "wamid.far", at, "far");
    far["timestamp"] = json!("99999999999999999999");
    let mut nameless = body::text_message(ANA, "x", at + 5, "nameless");
    nameless.as_object_mut().expect("an object").remove("id");
    for message in [numeric, garbage, absent, far, nameless.clone(), nameless] {
        world.receive(&body::message(NUMBER, message)).await;
    }
    let conversation = world.conversation(&acme).await;
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(texts(&messages), ["numeric", "garbage", "absent", "far", "nameless"]);
    assert_eq!(messages[0]["timestamp"], shown(at));
    for odd in &messages[1..4] {
        assert_eq!(odd["timestamp"], odd["received_at"], "ours, where Meta's is of no use");
    }
    let own = messages[4]["wamid"].as_str().expect("an id of ours");
    assert!(own.starts_with("sha256:"), "stable, so that a repeat is known: {own}");
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

/// A clock of Meta's that runs ahead must not keep the window open for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_in_the_future_opens_no_longer_window() {
    let (world, acme) = set_up().await;
    world.receive(&body::text(NUMBER, ANA, "wamid.1", an_hour_ago() + 999 * 3600, "soon")).await;
    let conversation = world.conversation(&acme).await;
    let ends: jiff::Timestamp = conversation["window_expires_at"].as_str().expect("a window").parse().expect("a time");
    assert!(ends <= e2e::outside::now() + jiff::SignedDuration::from_hours(24), "{ends}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_one_conversation_of_all_its_members() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    for (nth, from) in ["34600111222", "34600333444"].iter().enumerate() {
        let nth = i64::try_from(nth).expect("a few");
        let mut message = body::text_message(from, &format!("wamid.g{nth}"), at + nth, &format!("from {from}"));
        message["group_id"] = json!("group-1");
        world.receive(&body::message(NUMBER, message)).await;
    }
    world.receive(&body::text(NUMBER, ANA, "wamid.alone", at + 9, "just us")).await;
    let conversations = world.conversations(&acme).await;
    assert_eq!(conversations.len(), 2, "the group, and Ana alone: {conversations:#?}");
    let group = conversations.iter().find(|one| one["group_id"] == "group-1").expect("the group's");
    assert_eq!((&group["contact"], &group["unread_count"]), (&Value::Null, &json!(2)));
    let messages = world.messages(&acme, group).await;
    assert_eq!(wamids(&messages), ["wamid.g0", "wamid.g1"]);
    assert_ne!(messages[0]["contact_id"], messages[1]["contact_id"], "each says who wrote it");
    let alone = conversations.iter().find(|one| one["group_id"].is_null()).expect("Ana's");
    assert_eq!(messages[0]["contact_id"], alone["contact"]["id"], "Ana is the same person in both");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_twice_is_one() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let one = body::text_message(ANA, "wamid.1", at, "once");
    let twice_in_a_body = body::value(
        NUMBER,
        &json!({
            "contacts": [body::contact(ANA, "Ana")], "messages": [one.clone(), one.clone()],
        }),
    );
    world.receive(&twice_in_a_body).await;
    world.receive(&twice_in_a_body).await;
    world.receive(&body::message(NUMBER, one)).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["unread_count"], 1);
    assert_eq!(world.messages(&acme, &conversation).await.len(), 1);
    assert_eq!(world.events(&acme, "message.received").await.len(), 1);
    world.end().await;
}
