//! A stopped number goes on: by a person's word, by a look, by one message that is tried.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Stage, text};

impl Stage {
    async fn number(&self) -> Value {
        self.world.read(&self.organization, "/numbers").await["data"][0].clone()
    }

    async fn refuses(&self, code: i64, count: u32) {
        self.world.meta().faults(json!([{ "kind": "error", "code": code, "count": count }])).await;
    }

    /// Sends what Meta refuses with this code, so that the number rests; answers the message.
    async fn stopped(&self, code: i64) -> String {
        self.refuses(code, 1).await;
        let message = self.send(text("uno")).await;
        self.world.until("it rests", async || self.number().await["send_paused"].is_object()).await;
        assert_eq!(self.number().await["send_paused"]["reason"]["code"], code);
        message
    }

    async fn resume(&self) -> (u16, Value) {
        let path = format!("/numbers/{}/resume", self.number_id);
        self.world.post_api(&self.organization, &path, &json!({})).await
    }

    /// A status of Meta's that fails a message for the account's sake.
    async fn failed_status(&self, wamid: &str, code: i64, at: jiff::Timestamp) {
        let status = json!({
            "id": wamid, "status": "failed", "timestamp": at.as_second().to_string(), "recipient_id": super::LUCIA,
            "errors": [{ "code": code, "title": "Business eligibility payment issue", "message": "Pay first" }],
        });
        let value = e2e::body::value(&self.number.phone_number_id, &json!({ "statuses": [status] }));
        self.world.receive(&value).await;
    }
}

const CODES: [i64; 6] = [131_042, 131_037, 368, 131_031, 131_048, 133_010];

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_it_go_on_with_the_token_that_is_there() {
    let stage = Stage::new().await;
    for code in CODES {
        let message = stage.stopped(code).await;
        let (status, resumed) = stage.resume().await;
        assert_eq!((status, &resumed["send_paused"]), (200, &Value::Null), "{resumed:#}");
        stage.until(&message, "read").await;
    }
    // Told: it rests no more. Once more is no news.
    let told = stage.world.events(&stage.organization, "number.updated").await.len();
    assert_eq!(stage.resume().await.0, 200);
    assert_eq!(stage.world.events(&stage.organization, "number.updated").await.len(), told);
    let other = stage.world.organization("Harbor").await;
    let path = format!("/numbers/{}/resume", stage.number_id);
    assert_eq!(stage.world.post_api(&other, &path, &json!({})).await.0, 404);
    stage.world.disconnect(&stage.organization, &stage.number.phone_number_id).await;
    assert_eq!(stage.resume().await.0, 409);
    stage.world.settle().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_finds_it_well_ends_the_rest() {
    let stage = Stage::new().await;
    for code in CODES {
        let message = stage.stopped(code).await;
        stage.world.advance(Duration::from_secs(61)).await;
        assert_eq!(stage.world.look_at_numbers().await, 1, "it is due at once");
        assert!(stage.number().await["send_paused"].is_null(), "{code}");
        stage.until(&message, "read").await;
    }
    stage.world.settle().await;
    stage.world.end().await;
}

/// Where Meta shows a number as well and refuses it all the same, one message is tried now and then, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn one_message_is_tried_now_and_then() {
    let stage = Stage::new().await;
    let message = stage.stopped(131_042).await;
    let tries = async || stage.world.count("SELECT attempts::bigint FROM wazapp.outbox").await;
    // A look ends the first rest; refused again, it is not believed so soon.
    stage.refuses(131_042, 1).await;
    stage.world.advance(Duration::from_secs(61)).await;
    stage.world.look_at_numbers().await;
    stage.world.until("it is refused again", async || tries().await == 2).await;
    stage.heard().await;
    stage.world.advance(Duration::from_secs(61)).await;
    stage.world.look_at_numbers().await;
    let paused = stage.number().await["send_paused"].clone();
    assert!(paused["until"].is_null() && paused["next_try_at"].is_string(), "{paused}");
    // Tried, refused, and tried later.
    stage.refuses(131_042, 1).await;
    stage.world.advance(Duration::from_secs(31 * 60)).await;
    stage.world.until("it is tried", async || tries().await == 3).await;
    stage.heard().await;
    assert!(stage.number().await["send_paused"]["next_try_at"].as_str() > paused["next_try_at"].as_str());
    assert_eq!(stage.status(&message).await, "sending");
    stage.world.advance(Duration::from_secs(61 * 60)).await;
    stage.until(&message, "read").await;
    assert!(stage.number().await["send_paused"].is_null());
    stage.world.settle().await;
    stage.world.end().await;
}

/// Meta takes messages of an account that does not pay, and fails them afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_status_says_of_the_account_is_a_problem_and_bulk_waits() {
    let stage = Stage::new().await;
    let hour = Duration::from_secs(3_600);
    stage.failed_status("wamid.old", 131_042, stage.world.now() - jiff::SignedDuration::from_hours(5)).await;
    assert!(stage.number().await["problem"].is_null(), "that is long ago");
    stage.failed_status("wamid.1", 131_042, stage.world.now()).await;
    let number = stage.number().await;
    assert_eq!((&number["problem"]["code"], &number["problem"]["meta_code"]), (&json!("sends_fail"), &json!(131_042)));
    assert_eq!(number["problem"]["advice"]["es"], whatsapp::verdict::explain(131_042).es);
    assert!(number["send_paused"].is_null() && number["bulk_paused"].is_object(), "{number:#}");
    let mut bulk = text("promoción");
    bulk["bulk"] = json!(true);
    let bulk = stage.send(bulk).await;
    let other = stage.met(super::MARTIN).await;
    let by_hand = stage.send_in(&other, text("respuesta")).await;
    stage.until(&by_hand, "read").await;
    assert_eq!(stage.status(&bulk).await, "queued");
    // It is told with the look that follows, which does not end it: Meta shows such an account as well.
    stage.world.look_at_numbers().await;
    let told = stage.world.events(&stage.organization, "number.updated").await;
    assert_eq!(told.last().unwrap()["data"]["problem"]["code"], "sends_fail", "{told:#?}");
    stage.world.advance(hour / 2).await;
    stage.world.look_at_numbers().await;
    assert_eq!(stage.status(&bulk).await, "queued");
    stage.world.advance(hour).await;
    assert_eq!(stage.world.look_at_numbers().await, 1);
    assert_eq!((&stage.number().await["problem"], &stage.number().await["bulk_paused"]), (&Value::Null, &Value::Null));
    stage.until(&bulk, "read").await;
    // Or a person says that it is mended.
    stage.failed_status("wamid.2", 131_042, stage.world.now()).await;
    let (status, resumed) = stage.resume().await;
    assert_eq!((status, &resumed["problem"], &resumed["bulk_paused"]), (200, &Value::Null, &Value::Null));
    stage.world.settle().await;
    stage.world.end().await;
}
