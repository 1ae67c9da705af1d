//! What goes where the window is open, and what where it is closed: the window at the time the message leaves decides.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{LUCIA, Stage, text};

const HOUR: Duration = Duration::from_secs(3600);

impl Stage {
    /// A text, and the template that goes in its place.
    async fn both(&self, said: &str, send_at: Option<Timestamp>) -> Value {
        let mut message = text(said);
        message["when_window_closed"] = json!({ "template": self.template().await });
        message["biz_opaque_callback_data"] = json!("order-7");
        if let Some(at) = send_at {
            message["send_at"] = json!(at);
        }
        message
    }

    fn at(&self, seconds: i64) -> Timestamp {
        self.world.now() + SignedDuration::from_secs(seconds)
    }

    async fn writes(&self) -> String {
        let wamid = self.world.meta().customer_says(&self.number, LUCIA, "¿Hola?").await;
        self.world.settle().await;
        wamid
    }

    /// What it is at present, and what it says.
    async fn shows(&self, id: &str) -> (String, String) {
        let message = self.message(id).await;
        assert_eq!(
            (&message["callback_data"], message["payload"]["type"].as_str()),
            (&json!("order-7"), message["type"].as_str())
        );
        let word = |field: &str| message[field].as_str().expect("a text").to_owned();
        (word("type"), word("text"))
    }

    async fn moves(&self, id: &str, send_at: Timestamp) {
        let change = json!({ "send_at": send_at });
        let (status, answer) = self.world.patch(&self.organization, &format!("/messages/{id}"), &change).await;
        assert_eq!((status, &answer["status"]), (200, &json!("queued")), "{answer}");
    }

    /// Asserts that Meta took these alone, each once and of these kinds, and that they are told of as what left.
    async fn left(self, all: &[(&String, &str)]) {
        self.sent().await;
        self.world.settle().await;
        let accepted = self.world.meta().accepted(&self.number).await;
        let word = |row: &Value, field: &str| row["request"][field].as_str().expect("a word").to_owned();
        let accepted: Vec<_> =
            accepted.iter().map(|row| (word(row, "biz_opaque_callback_data"), word(row, "type"))).collect();
        let wanted: Vec<_> = all.iter().map(|(id, kind)| ((*id).clone(), (*kind).to_owned())).collect();
        assert_eq!(accepted, wanted);
        for (id, kind) in all {
            assert_eq!(self.shows(id).await.0, *kind);
            let told = self.world.events(&self.organization, "message.sent").await;
            let told = told.iter().find(|event| event["data"]["id"] == **id).expect("it is told of");
            assert_eq!(told["data"]["type"], **kind, "{told}");
        }
        self.world.end().await;
    }
}

/// A template was shown for a window that was closed; the customer writes before it leaves, and has the text that was meant for her.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_opens_meanwhile_has_the_text_leave() {
    let stage = Stage::new().await;
    let asked = stage.writes().await;
    stage.world.advance(25 * HOUR).await;
    let mut both = stage.both("Su pedido está listo.", Some(stage.at(7200))).await;
    both["context"] = json!({ "message_id": asked });
    let planned = stage.send(both).await;
    let shown = stage.message(&planned).await;
    assert_eq!((&shown["type"], &shown["reply_to_wamid"]), (&json!("template"), &Value::Null), "as things stand");
    stage.world.advance(HOUR).await;
    stage.writes().await;
    stage.world.advance(HOUR + Duration::from_secs(1)).await;
    let left = stage.until(&planned, "read").await;
    assert_eq!((&left["text"], &left["reply_to_wamid"]), (&json!("Su pedido está listo."), &json!(asked)), "{left}");
    stage.left(&[(&planned, "text")]).await;
}

/// Planned for a time at which the window will be closed, then for one at which it is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_to_leave_sooner_leaves_into_the_open_window() {
    let stage = Stage::new().await;
    let planned = stage.send(stage.both("Ya llegó su pan.", Some(stage.at(3 * 86_400))).await).await;
    assert_eq!(stage.shows(&planned).await.0, "template");
    stage.moves(&planned, stage.at(2)).await;
    stage.world.advance(Duration::from_secs(3)).await;
    assert_eq!(stage.until(&planned, "read").await["text"], "Ya llegó su pan.");
    stage.left(&[(&planned, "text")]).await;
}

/// The other way: who named a template is not refused a time at which the window will be closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_to_leave_later_leaves_as_its_template() {
    let stage = Stage::new().await;
    let planned = stage.send(stage.both("Ya llegó su pan.", Some(stage.at(3600))).await).await;
    assert_eq!(stage.shows(&planned).await, ("text".to_owned(), "Ya llegó su pan.".to_owned()));
    stage.moves(&planned, stage.at(3 * 86_400)).await;
    stage.world.advance(3 * 24 * HOUR).await;
    let left = stage.until(&planned, "read").await;
    assert_ne!(left["text"], "Ya llegó su pan.", "{left}");
    stage.left(&[(&planned, "template")]).await;
}

/// What was to leave into an open window and is late, for whatever reason, finds it closed. What was taken back leaves in no shape.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_closes_meanwhile_has_the_template_leave() {
    let stage = Stage::new().await;
    let late = stage.send(stage.both("Hasta mañana.", Some(stage.at(23 * 3600))).await).await;
    let back = stage.send(stage.both("Y gracias.", Some(stage.at(23 * 3600))).await).await;
    assert_eq!((stage.shows(&late).await.0.as_str(), stage.shows(&back).await.0.as_str()), ("text", "text"));
    assert_eq!(stage.world.delete(&stage.organization, &format!("/messages/{back}")).await.0, 200);
    stage.world.advance(25 * HOUR).await;
    stage.until(&late, "read").await;
    assert_eq!(stage.shows(&back).await, ("text".to_owned(), "Y gracias.".to_owned()));
    stage.left(&[(&late, "template")]).await;
}

/// What Meta refused for now was never sent: it is chosen anew each time it is tried, there and back.
#[tokio::test(flavor = "multi_thread")]
async fn each_try_is_of_what_the_window_lets_through() {
    let stage = Stage::new().await;
    let refuses = json!([{ "kind": "error", "code": 131_016 }]);
    stage.world.meta().faults(refuses).await;
    let mut both = stage.both("¿Sigue ahí?", None).await;
    both["deadline"] = json!(stage.at(9 * 86_400));
    let tried = stage.send(both).await;
    let attempts = "SELECT attempts::bigint FROM wazapp.outbox WHERE state = 'queued'";
    let again = async |before: i64| {
        let more = async || {
            let rows = stage.world.sql().await.query(attempts, &[]).await.expect("the statement runs");
            rows.first().is_some_and(|row| row.get::<_, i64>(0) > before)
        };
        stage.world.until("it was tried again", more).await;
        stage.world.count(attempts).await
    };
    let tries = again(0).await;
    assert_eq!(stage.shows(&tried).await.0, "text");
    stage.world.advance(25 * HOUR).await;
    let tries = again(tries).await;
    assert_eq!(stage.shows(&tried).await.0, "template");
    stage.writes().await;
    stage.world.advance(HOUR).await;
    again(tries).await;
    assert_eq!(stage.shows(&tried).await, ("text".to_owned(), "¿Sigue ahí?".to_owned()));
    stage.world.meta().no_faults().await;
    stage.world.advance(HOUR).await;
    stage.until(&tried, "read").await;
    stage.left(&[(&tried, "text")]).await;
}

/// What may have been sent is sent again as it was, or nothing of it: two contents of one message would reach somebody.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_sent_stays_what_it_was() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "html_500", "count": 1 }])).await;
    let mut both = stage.both("perdido", None).await;
    both["on_unknown"] = json!("resend");
    both["deadline"] = json!(stage.at(3 * 86_400));
    let lost = stage.send(both).await;
    stage.until(&lost, "unknown").await;
    stage.world.advance(25 * HOUR).await;
    // Meta's clock comes behind ours: there, its window may still be open.
    let ended = async || matches!(stage.status(&lost).await.as_str(), "failed" | "read");
    stage.world.until("it was sent again", ended).await;
    assert_eq!(stage.shows(&lost).await.0, "text");
    stage.left(&[(&lost, "text")]).await;
}
