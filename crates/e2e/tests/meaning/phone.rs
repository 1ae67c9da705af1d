//! A number that is also used on a phone, or shared with other apps: echoes, standby, history, address book, calls.

use e2e::body;
use serde_json::{Value, json};

use super::{ANA, NUMBER, a_day_after, an_hour_ago, set_up, shown, texts};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_business_writes_on_its_phone_is_outbound_and_waits() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "Hi")).await;
    world.receive(&body::echo(NUMBER, ANA, "wamid.2", at + 60, "Hello Ana")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["state"], "waiting");
    assert_eq!(conversation["unread_count"], 1, "an echo is nothing unread");
    assert_eq!(conversation["window_expires_at"], a_day_after(at), "nor does it open the window");
    let last = &conversation["last_message"];
    assert_eq!((&last["direction"], &last["preview"]), (&json!("outbound"), &json!("Hello Ana")));
    assert_eq!(world.message(&acme, "wamid.2").await["origin"], "echo");
    assert_eq!(world.events(&acme, "message.sent").await.len(), 1);
    world.receive(&body::text(NUMBER, ANA, "wamid.3", at + 90, "Thanks")).await;
    assert_eq!(world.conversation(&acme).await["state"], "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_begins_a_conversation_that_waits() {
    let (world, acme) = set_up().await;
    world.receive(&body::echo(NUMBER, ANA, "wamid.1", an_hour_ago(), "Are you there?")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!((&conversation["state"], &conversation["unread_count"]), (&json!("waiting"), &json!(0)));
    assert_eq!((&conversation["contact"]["wa_id"], &conversation["window_expires_at"]), (&json!(ANA), &Value::Null));
    world.end().await;
}

/// Another app holds the conversation: we see it, the window is open, but nobody here need answer.
#[tokio::test(flavor = "multi_thread")]
async fn standby_is_seen_and_asks_for_nothing() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let standby = |members: Value| body::single(body::change(NUMBER, "standby", &json!({ "standby": members })));
    world.receive(&standby(json!({
        "contacts": [body::contact(ANA, "Ana")], "messages": [body::text_message(ANA, "wamid.1", at, "for the bot")],
    }))).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!((&conversation["state"], &conversation["unread_count"]), (&json!("waiting"), &json!(0)));
    assert_eq!(conversation["window_expires_at"], a_day_after(at));
    world
        .receive(&standby(
            json!({ "message_echoes": [{ "id": "wamid.2", "timestamp": (at + 1).to_string(), "message": {
        "messaging_product": "whatsapp", "to": ANA, "type": "text", "text": { "body": "from the bot" },
    } }] }),
        ))
        .await;
    world.receive(&standby(json!({ "statuses": [body::status_of("wamid.2", "delivered", at + 2, ANA)] }))).await;
    let conversation = world.conversation(&acme).await;
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(texts(&messages), ["for the bot", "from the bot"]);
    assert_eq!((&messages[0]["origin"], &messages[1]["origin"]), (&json!("standby"), &json!("standby_echo")));
    assert_eq!((&messages[1]["direction"], &messages[1]["status"]), (&json!("outbound"), &json!("delivered")));
    world.end().await;
}

/// The phone's past comes in chunks, in any order, and repeats messages that came live.
#[tokio::test(flavor = "multi_thread")]
async fn history_is_the_past_and_nothing_unread() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let day = 24 * 3600;
    let past = |from: &str, to: &str, wamid: &str, at: i64, status: &str| {
        json!({
            "from": from, "to": to, "id": wamid, "timestamp": at.to_string(), "type": "text", "text": { "body": wamid },
            "history_context": { "status": status },
        })
    };
    let business = "15550001111";
    world.receive(&body::text(NUMBER, ANA, "wamid.live", at, "live")).await;
    let newer = body::history(
        NUMBER,
        2,
        100,
        &[(
            ANA,
            vec![
                past(business, ANA, "wamid.h3", at - 2 * day, "READ"),
                past(business, ANA, "wamid.h4", at - day, "ERROR"),
                past(ANA, business, "wamid.live", at, "READ"),
            ],
        )],
    );
    let older = body::history(
        NUMBER,
        1,
        50,
        &[
            (
                ANA,
                vec![
                    past(ANA, business, "wamid.h1", at - 4 * day, "READ"),
                    past(business, ANA, "wamid.h2", at - 3 * day, "PENDING"),
                ],
            ),
            ("34600999888", vec![past("34600999888", business, "wamid.b1", at - 30 * day, "READ")]),
            ("34600777666", vec![past("34600777666", business, "wamid.c1", at - 60, "DELIVERED")]),
        ],
    );
    for chunk in [&newer, &older, &newer] {
        world.receive(chunk).await;
    }
    let conversations = world.conversations(&acme).await;
    assert_eq!(conversations.len(), 3);
    let with = |wa_id: &str| conversations.iter().find(|one| one["contact"]["wa_id"] == wa_id).expect("a conversation");
    let ana = with(ANA);
    assert_eq!((&ana["unread_count"], &ana["state"]), (&json!(1), &json!("active")), "only the live one");
    assert_eq!(ana["last_message"]["preview"], "live");
    assert_eq!(world.messages(&acme, ana).await.len(), 5);
    for (wamid, direction, status) in [
        ("wamid.h1", "inbound", Value::Null),
        ("wamid.h2", "outbound", json!("accepted")),
        ("wamid.h3", "outbound", json!("read")),
        ("wamid.h4", "outbound", json!("failed")),
    ] {
        let message = world.message(&acme, wamid).await;
        assert_eq!((&message["direction"], &message["status"]), (&json!(direction), &status), "{wamid}");
        assert_eq!(message["origin"], "history");
    }
    let old = with("34600999888");
    assert_eq!((&old["unread_count"], &old["state"]), (&json!(0), &json!("resolved")));
    assert_eq!(old["window_expires_at"], Value::Null, "a window long closed is not opened");
    assert_eq!(with("34600777666")["window_expires_at"], a_day_after(at - 60), "one that is open is");
    let told = world.events(&acme, "message.received").await;
    assert_eq!(told.len(), 1, "the past is no news: {told:#?}");

    let steps = world.events(&acme, "history.progress").await;
    let mut progress: Vec<i64> = steps.iter().map(|one| one["data"]["progress"].as_i64().expect("a number")).collect();
    progress.sort_unstable();
    assert_eq!(progress, [50, 100], "each chunk once");
    let number = &world.all(&acme, "/numbers").await[0];
    assert!(number["history"]["progress"].is_i64(), "{number:#}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_history_says_so() {
    let (world, acme) = set_up().await;
    let refused = body::single(body::change(
        NUMBER,
        "history",
        &json!({ "history": [{ "errors": [{
        "code": 2_593_109, "title": "History sync is turned off by the business from the WhatsApp Business App",
    }] }] }),
    ));
    world.receive(&refused).await;
    let events = world.events(&acme, "history.progress").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["errors"][0]["code"], 2_593_109);
    assert_eq!(world.all(&acme, "/numbers").await[0]["history"]["errors"][0]["code"], 2_593_109);
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_book_adds_renames_and_removes() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let sync = |action: &str, name: &str, phone: &str, at: i64| {
        let mut contact = json!({ "phone_number": phone });
        if !name.is_empty() {
            contact["full_name"] = json!(name);
        }
        body::single(body::change(
            NUMBER,
            "smb_app_state_sync",
            &json!({ "state_sync": [{
            "type": "contact", "contact": contact, "action": action, "metadata": { "timestamp": at.to_string() },
        }] }),
        ))
    };
    let names =
        async || -> Vec<Value> { world.all(&acme, "/contacts").await.iter().map(|one| one["name"].clone()).collect() };
    world.receive(&sync("add", "Ana Ruiz", ANA, at)).await;
    assert_eq!(names().await, [json!("Ana Ruiz")]);
    assert!(world.conversations(&acme).await.is_empty(), "an address is no conversation");
    world.receive(&sync("add", "Ana Ruiz Gil", ANA, at + 1)).await;
    assert_eq!(names().await, [json!("Ana Ruiz Gil")]);
    world.receive(&sync("remove", "", ANA, at + 2)).await;
    assert!(names().await.is_empty(), "nobody wrote, nothing is left");

    world.receive(&body::text(NUMBER, ANA, "wamid.1", at + 3, "Hi")).await;
    world.receive(&sync("add", "Ana R.", ANA, at + 4)).await;
    assert_eq!(names().await, [json!("Ana R.")], "the phone's name goes before the profile's");
    world.receive(&sync("remove", "", ANA, at + 5)).await;
    assert_eq!(names().await, [json!(format!("Name of {ANA}"))], "with a conversation the contact stays");
    assert_eq!(world.conversation(&acme).await["unread_count"], 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_line_and_an_event() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let call = |members: Value| {
        let mut call = json!({ "id": "wacid.1", "from": ANA, "to": "15550001111", "direction": "USER_INITIATED" });
        for (key, value) in members.as_object().expect("an object") {
            call[key] = value.clone();
        }
        body::single(body::change(
            NUMBER,
            "calls",
            &json!({ "contacts": [body::contact(ANA, "Ana")], "calls": [call] }),
        ))
    };
    world.receive(&call(json!({ "event": "connect", "timestamp": at.to_string() }))).await;
    world
        .receive(&call(
            json!({ "event": "terminate", "status": "COMPLETED", "duration": 65, "timestamp": (at + 65).to_string() }),
        ))
        .await;
    let conversation = world.conversation(&acme).await;
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(messages.len(), 1, "one line a call: {messages:#?}");
    assert_eq!((&messages[0]["type"], &messages[0]["direction"]), (&json!("call"), &json!("inbound")));
    assert!(messages[0]["text"].as_str().expect("a text").starts_with("📞"));
    assert_eq!(conversation["unread_count"], 0);
    assert_eq!(conversation["window_expires_at"], a_day_after(at));
    assert_eq!(conversation["last_message"]["timestamp"], shown(at));
    let events = world.events(&acme, "meta.calls").await;
    assert_eq!(events.len(), 2, "connected, ended");
    assert_eq!(events[1]["data"]["data"]["duration"], 65);
    assert_eq!(events[0]["data"]["contact_id"], conversation["contact"]["id"]);
    world.end().await;
}

/// The past comes with placeholders where files were; a later body brings the files of the last two weeks.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_past_takes_its_placeholders_place() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let placeholder = json!({ "from": ANA, "to": "15550001111", "id": "wamid.1", "timestamp": at.to_string(),
        "type": "media_placeholder", "history_context": { "status": "READ" } });
    let file = body::single(body::change(
        NUMBER,
        "history",
        &json!({ "messages": [{
        "from": ANA, "id": "wamid.1", "timestamp": at.to_string(), "type": "image",
        "image": { "id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "A cat" },
    }] }),
    ));
    world.receive(&body::history(NUMBER, 1, 100, &[(ANA, vec![placeholder])])).await;
    assert_eq!(world.message(&acme, "wamid.1").await["type"], "media_placeholder");
    world.receive(&file).await;
    let message = world.message(&acme, "wamid.1").await;
    assert_eq!((&message["type"], &message["text"]), (&json!("image"), &json!("A cat")));
    assert_eq!(message["media"]["state"], "pending");
    world.end().await;
}
