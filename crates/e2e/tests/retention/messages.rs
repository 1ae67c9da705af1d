//! Messages go with all that hangs on them. Their conversation stays, and they do not come back.

use e2e::{Options, World};
use model::retention::{Gone, Retention};
use serde_json::{Value, json};

use super::{DAY, LUCIA, NUMBER, Stage, body, days};

fn kept(number: u16) -> Retention {
    Retention { messages: days(number), ..Retention::default() }
}

fn about(kind: &str, wamid: &str, second: i64, content: Value) -> Value {
    let mut message = json!({ "from": LUCIA, "id": wamid, "timestamp": second.to_string(), "type": kind });
    message[kind] = content;
    body::message(NUMBER, message)
}

fn reaction(wamid: &str, to: &str, second: i64) -> Value {
    about("reaction", wamid, second, json!({ "message_id": to, "emoji": "👍" }))
}

impl Stage {
    /// Without what changes with every look.
    async fn thread(&self) -> Value {
        let mut thread = self.world.conversation(&self.acme).await;
        thread.as_object_mut().expect("an object").remove("updated_at");
        thread
    }

    async fn wamids(&self) -> Vec<String> {
        let mut rows = self.world.all_messages(&self.acme).await;
        rows.sort_by_key(|row| row["sequence"].as_i64());
        rows.iter().map(|row| row["wamid"].as_str().expect("an id").to_owned()).collect()
    }

    async fn left(&self, table: &str) -> i64 {
        self.world.count(&format!("SELECT count(*) FROM wazapp.{table}")).await
    }
}

/// An old picture with a reaction, an answer with its history, then silence.
async fn old_thread(retention: Retention) -> (Stage, i64) {
    let stage = Stage::with(retention).await;
    let at = stage.second();
    let picture = json!({ "id": "1234", "mime_type": "image/png", "sha256": "x", "caption": "Look" });
    stage.world.receive(&about("image", "wamid.picture", at, picture)).await;
    stage.world.receive(&reaction("wamid.thumb", "wamid.picture", at + 10)).await;
    stage.world.receive(&body::echo(NUMBER, LUCIA, "wamid.answer", at + 20, "Nice")).await;
    stage.world.receive(&body::status(NUMBER, "wamid.answer", "delivered", at + 21, LUCIA)).await;
    stage.writes("wamid.last").await;
    (stage, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_with_all_that_hangs_on_it() {
    let (stage, _) = old_thread(kept(30)).await;
    let before = stage.thread().await;
    stage.world.advance(DAY * 31).await;
    assert_eq!(stage.drop_past().await, Gone { messages: 4, ..Gone::default() });
    for table in ["message", "media", "reaction", "status", "message_version"] {
        assert_eq!(stage.left(table).await, 0, "{table}");
    }
    // The conversation and whom it is with stay as they were; it shows no message, and has no unread ones.
    let after = stage.thread().await;
    let mut expected = before.clone();
    expected["last_message"] = Value::Null;
    expected["unread_count"] = json!(0);
    assert_eq!(after, expected);
    assert_ne!(after["last_inbound_at"], Value::Null);
    assert_eq!(stage.left("contact").await, 1);
    // Its events are still there, and have nothing to show.
    let events = stage.world.events(&stage.acme, "message.received").await;
    assert!(!events.is_empty() && events.iter().all(|event| event["data"].is_null()), "{events:?}");
    stage.writes("wamid.new").await;
    assert_eq!(stage.wamids().await, ["wamid.new"]);
    assert_eq!(stage.thread().await["unread_count"], 1);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_does_not_come_back() {
    let (stage, at) = old_thread(kept(30)).await;
    stage.world.advance(DAY * 31).await;
    stage.writes("wamid.new").await;
    assert_eq!(stage.drop_past().await.messages, 4);
    let (before, events) = (stage.thread().await, stage.left("event").await);
    let contacts = stage.left("contact").await;
    let stranger = "34600999888";
    let old = [
        body::text(NUMBER, LUCIA, "wamid.last", at, "wamid.last"),
        reaction("wamid.thumb", "wamid.picture", at + 10),
        body::echo(NUMBER, LUCIA, "wamid.answer", at + 20, "Nice"),
        body::status(NUMBER, "wamid.answer", "delivered", at + 21, LUCIA),
        // Never seen, and too old: not kept either.
        body::text(NUMBER, stranger, "wamid.stranger", at, "Hello?"),
        body::history(
            NUMBER,
            1,
            100,
            &[
                (LUCIA, vec![body::text_message(LUCIA, "wamid.last", at, "wamid.last")]),
                (stranger, vec![body::text_message(stranger, "wamid.other", at - 86_400, "Hm")]),
            ],
        ),
    ];
    for body in &old {
        stage.world.receive(body).await;
    }
    assert_eq!(stage.wamids().await, ["wamid.new"]);
    assert_eq!(stage.thread().await, before);
    assert_eq!(stage.left("contact").await, contacts);
    // What the history brought of its own progress is told.
    assert_eq!(stage.left("event").await, events + 1);
    for table in ["reaction", "status", "media"] {
        assert_eq!(stage.left(table).await, 0, "{table}");
    }
    stage.world.end().await;
}

/// News of now about what went is a message like any other, and goes in its time with all it brought.
#[tokio::test(flavor = "multi_thread")]
async fn news_about_what_went_goes_in_its_time() {
    let (stage, _) = old_thread(kept(30)).await;
    stage.world.advance(DAY * 31).await;
    stage.drop_past().await;
    let now = stage.second();
    stage.world.receive(&reaction("wamid.heart", "wamid.picture", now)).await;
    let edit =
        json!({ "original_message_id": "wamid.last", "message": { "type": "text", "text": { "body": "Other" } } });
    stage.world.receive(&about("edit", "wamid.edit", now, edit)).await;
    assert_eq!(stage.wamids().await.len(), 2);
    assert_eq!(stage.left("reaction").await, 1);
    stage.world.advance(DAY * 31).await;
    assert_eq!(stage.drop_past().await.messages, 2);
    assert_eq!((stage.left("reaction").await, stage.left("message").await), (0, 0));
    stage.world.end().await;
}

/// A late receipt of a message that we sent and that went: its id, which Meta echoes, says when it was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_what_went_is_not_kept() {
    let stage = Stage::with(kept(8)).await;
    let id = uuid::Uuid::now_v7();
    stage.drop_past().await;
    stage.world.advance(DAY * 10).await;
    stage.drop_past().await;
    let mut row = body::status_of("wamid.sent", "read", stage.second(), LUCIA);
    row["biz_opaque_callback_data"] = json!(id);
    stage.world.receive(&body::value(NUMBER, &json!({ "statuses": [row] }))).await;
    assert_eq!((stage.left("status").await, stage.left("event").await), (0, 0));
    stage.world.end().await;
}

/// What is worked out again from the messages that are left keeps what those that went said.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_worked_out_again_stays() {
    let (stage, _) = old_thread(kept(30)).await;
    let before = stage.thread().await;
    stage.world.advance(DAY * 20).await;
    let now = stage.second();
    stage.world.receive(&body::echo(NUMBER, LUCIA, "wamid.echo", now, "Are you there?")).await;
    stage.world.advance(DAY * 11).await;
    assert_eq!(stage.drop_past().await.messages, 4);
    // Meta tells another time of it.
    stage
        .world
        .receive(&body::history(
            NUMBER,
            1,
            100,
            &[(
                LUCIA,
                vec![{
                    let mut row = body::text_message("15550001111", "wamid.echo", now - 60, "Are you there?");
                    row["to"] = json!(LUCIA);
                    row
                }],
            )],
        ))
        .await;
    let after = stage.thread().await;
    for member in ["last_inbound_at", "window_expires_at", "id", "contact"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(after["last_message"]["preview"], "Are you there?");
    stage.writes("wamid.new").await;
    assert_eq!(stage.wamids().await, ["wamid.echo", "wamid.new"]);
    stage.world.end().await;
}

/// What waits to be sent stays, however old it is; its age counts from when it was to leave.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_stays() {
    let options = Options { simulated: true, retention: kept(8), ..Options::default() };
    let mut world = World::with(options).await;
    let acme = world.organization("Acme").await;
    let number = world.meta().numbers().await.remove(0);
    let number_id = world.connect_simulated(&acme, &number).await;
    let later = (world.now() + jiff::SignedDuration::from_hours(24 * 20)).to_string();
    let template = json!({ "name": "order_ready", "language": { "code": "es" } });
    let body =
        json!({ "number_id": number_id, "to": LUCIA, "send_at": later, "type": "template", "template": template });
    let (status, answer) = world.post_api(&acme, "/messages", &body).await;
    assert_eq!(status, 202, "{answer}");
    let path = format!("/messages/{}", answer["id"].as_str().expect("an id"));
    world.advance(DAY * 10).await;
    assert_eq!(world.drop_past().await.expect("it runs"), Gone::default());
    assert_eq!(world.read(&acme, &path).await["status"], "queued");
    world.advance(DAY * 10 + DAY / 24).await;
    world.until("it is sent", async || world.read(&acme, &path).await["status"] != "queued").await;
    world.settle().await;
    assert_eq!(world.drop_past().await.expect("it runs"), Gone::default());
    world.advance(DAY * 9).await;
    let gone = world.drop_past().await.expect("it runs");
    assert_eq!(gone.messages, 1, "{}", world.get(&acme, &path).await.1);
    assert_eq!(world.get(&acme, &path).await.0, 404);
    world.stop().await;
    world.restart().await;
    world.end().await;
}
