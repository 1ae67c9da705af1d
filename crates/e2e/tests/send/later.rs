//! Another time for what is planned, and its place once it left.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::database::Pipeline;
use model::{conversation, event};
use serde_json::{Value, json};

use super::{LUCIA, Stage, text};

impl Stage {
    fn later(&self, hours: i64) -> Timestamp {
        self.world.now() + SignedDuration::from_hours(hours)
    }

    async fn plan(&self, hours: i64, said: &str) -> String {
        let mut message = text(said);
        message["send_at"] = json!(self.later(hours));
        self.send(message).await
    }

    async fn replan(&self, id: &str, send_at: Timestamp) -> (u16, Value) {
        let change = json!({ "send_at": send_at });
        self.world.patch(&self.organization, &format!("/messages/{id}"), &change).await
    }
}

/// What leaves later than it was written stands where it left, behind what came meanwhile, and is the last message then.
#[tokio::test(flavor = "multi_thread")]
async fn what_left_later_stands_where_it_left() {
    let stage = Stage::new().await;
    let planned = stage.plan(2, "Ya llegó su pan.").await;
    assert_eq!(
        stage.message(&planned).await["send_at"].as_str().map(|at| &at[..13]),
        Some(&stage.later(2).to_string()[..13])
    );
    stage.world.advance(Duration::from_secs(3600)).await;
    let asked = stage.world.meta().customer_says(&stage.number, LUCIA, "¿Ya llegó?").await;
    stage.world.settle().await;
    stage.world.advance(Duration::from_secs(3600)).await;
    let left = stage.until(&planned, "read").await;
    stage.world.settle().await;
    assert_eq!(left["send_at"], Value::Null, "it waits no more");
    let conversation = stage.world.conversation(&stage.organization).await;
    assert_eq!(conversation["last_message"]["id"], json!(planned), "{conversation}");
    let all = stage.world.messages(&stage.organization, &conversation).await;
    let place = |id: &str| all.iter().position(|one| one["id"] == *id || one["wamid"] == *id).expect("it is there");
    assert!(place(&planned) < place(&asked), "newest first: {all:#?}");
    stage.world.end().await;
}

/// One that could not leave stands where it was tried, for all to see.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_leave_stands_where_it_was_tried() {
    let stage = Stage::new().await;
    let planned = stage.plan(2, "Ya llegó su pan.").await;
    stage.world.advance(Duration::from_secs(3600)).await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Ya llegó?").await;
    stage.world.settle().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_026 }])).await;
    stage.world.advance(Duration::from_secs(3605)).await;
    stage.until(&planned, "failed").await;
    stage.world.meta().no_faults().await;
    stage.world.settle().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    assert_eq!(conversation["last_message"]["id"], json!(planned), "{conversation}");
    assert_eq!(conversation["state"], "active", "whoever asked has no answer: {conversation}");
    stage.world.end().await;
}

/// What was never with Meta is no answer, whether it was taken back or refused: whoever asked waits on. What was, is.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_went_is_no_answer() {
    let stage = Stage::new().await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Hay pan?").await;
    stage.world.settle().await;
    let state = async || stage.world.conversation(&stage.organization).await["state"].clone();
    let planned = stage.plan(2, "Sí, a las ocho.").await;
    assert_eq!(state().await, "waiting");
    let (status, answer) = stage.world.delete(&stage.organization, &format!("/messages/{planned}")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(state().await, "active");
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_008 }])).await;
    let refused = stage.send(text("Sí.")).await;
    stage.until(&refused, "failed").await;
    stage.world.meta().no_faults().await;
    assert_eq!(state().await, "active");
    let answered = stage.send(text("Sí, hay.")).await;
    stage.until(&answered, "read").await;
    assert_eq!(state().await, "waiting");
    // One that fails behind an answer takes nothing of it back.
    let behind = stage.plan(2, "Y queso.").await;
    assert_eq!(stage.world.delete(&stage.organization, &format!("/messages/{behind}")).await.0, 200);
    assert_eq!(state().await, "waiting");
    stage.world.end().await;
}

/// It leaves the conversation as it was found: resolved, where nobody waited; and what somebody said or wrote meanwhile stands.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_went_leaves_all_as_it_was_found() {
    let stage = Stage::new().await;
    let path = format!("/conversations/{}", stage.conversation);
    let state = async || stage.world.conversation(&stage.organization).await["state"].clone();
    let says = async |state: &str| stage.world.patch(&stage.organization, &path, &json!({ "state": state })).await.0;
    let back = async |id: &str| stage.world.delete(&stage.organization, &format!("/messages/{id}")).await.0;

    // Two in a row, taken back in either order: as before the first of them.
    assert_eq!(says("resolved").await, 200);
    let both = [stage.plan(2, "¿Sigue ahí?").await, stage.plan(3, "¿Hola?").await];
    assert_eq!(state().await, "waiting");
    assert_eq!(back(&both[0]).await, 200);
    assert_eq!(state().await, "waiting", "the other one is still to go");
    assert_eq!(back(&both[1]).await, 200);
    assert_eq!(state().await, "resolved");
    // Taken back twice is once.
    assert_eq!((back(&both[1]).await, state().await), (409, json!("resolved")));

    // A customer who writes meanwhile waits; who resolved meanwhile meant it, whether it is taken back or could not leave.
    let planned = stage.plan(2, "Mañana abrimos.").await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Mañana?").await;
    stage.world.settle().await;
    assert_eq!((back(&planned).await, state().await), (200, json!("active")));
    let planned = stage.plan(1, "A las ocho.").await;
    assert_eq!(says("resolved").await, 200);
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_026 }])).await;
    stage.world.advance(Duration::from_secs(3605)).await;
    stage.until(&planned, "failed").await;
    stage.world.meta().no_faults().await;
    assert_eq!(state().await, "resolved");

    // So it does where the customer wrote, and somebody said "waiting"; and where all is worked out again.
    let planned = stage.plan(2, "Hasta mañana.").await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Y hoy?").await;
    stage.world.settle().await;
    assert_eq!(says("waiting").await, 200);
    assert_eq!((back(&planned).await, state().await), (200, json!("waiting")));
    stage.world.end().await;
}

/// What people said of a conversation after a message that then failed stays, also where all is worked out from the messages again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_behind_a_failure_outlives_a_recount() {
    let stage = Stage::new().await;
    stage.world.advance(Duration::from_secs(60)).await;
    let planned = stage.plan(1, "Voy.").await;
    let path = format!("/conversations/{}", stage.conversation);
    assert_eq!(stage.world.patch(&stage.organization, &path, &json!({ "state": "resolved" })).await.0, 200);
    assert_eq!(stage.world.delete(&stage.organization, &format!("/messages/{planned}")).await.0, 200);
    let state = async || stage.world.conversation(&stage.organization).await["state"].clone();
    assert_eq!(state().await, "resolved");
    let tx = stage.world.database().operator().await.expect("a transaction");
    let line = event::line_of(&tx, &stage.organization.scope).await.expect("its line");
    let mut pipeline = Pipeline::at(stage.world.now());
    let conversation = stage.conversation.parse().expect("an id");
    conversation::any_organization_recount(&mut pipeline, &line, vec![conversation]);
    tx.finish(pipeline).await.expect("it is written");
    assert_eq!(state().await, "resolved");
    stage.world.end().await;
}

/// It is given another time as long as it waits, and never one at which it could not go.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_given_another_time() {
    let stage = Stage::new().await;
    let first = stage.plan(5, "a las cinco").await;
    let (status, answer) = stage.replan(&first, stage.later(1)).await;
    assert_eq!((status, &answer["status"]), (200, &json!("queued")), "{answer}");
    let told = stage.world.events(&stage.organization, "message.status").await;
    assert!(told.iter().any(|told| told["data"]["message_id"] == *first && told["data"]["status"] == "queued"));
    for (hours, kind) in [(25, "window-closed"), (24 * 400, "invalid")] {
        let (status, answer) = stage.replan(&first, stage.later(hours)).await;
        assert!(status == 422 || status == 409, "{status} {answer}");
        assert!(answer["type"].as_str().is_some_and(|told| told.contains(kind)), "{answer}");
    }
    stage.world.advance(Duration::from_secs(3605)).await;
    stage.until(&first, "read").await;
    assert_eq!(stage.replan(&first, stage.later(1)).await.0, 409, "it is too late");
    let second = stage.plan(5, "cuando puedas").await;
    assert_eq!(stage.replan(&second, stage.later(-1)).await.0, 200);
    stage.until(&second, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [first, second]);
    stage.world.end().await;
}
