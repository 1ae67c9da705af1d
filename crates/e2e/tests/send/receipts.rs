//! Blue ticks and "typing…": what Meta was told of conversations that were read.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{LUCIA, MARTIN, Stage, text};

impl Stage {
    /// Marks Lucía's conversation as read, with this body.
    async fn read(&self, body: Option<Value>) -> Value {
        let path = format!("/conversations/{}/read", self.conversation);
        let body = body.map_or_else(String::new, |body| body.to_string());
        let asked = self.world.client().post(format!("{}/api/v1{path}", self.world.url()));
        let asked = asked.bearer_auth(&self.organization.key).header("content-type", "application/json").body(body);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// What Meta took as read, in its order, and whether "typing…" came with it.
    async fn ticks(&self) -> Vec<(String, bool)> {
        let all = self.world.meta().accepted(&self.number).await;
        let reads = all.iter().filter(|row| row["kind"] == "read");
        reads
            .map(|row| (row["id"].as_str().unwrap().to_owned(), row["request"]["typing_indicator"].is_object()))
            .collect()
    }

    async fn lucia_says(&self, what: &str) -> String {
        let wamid = self.world.meta().customer_says(&self.number, LUCIA, what).await;
        self.world.settle().await;
        wamid
    }

    async fn receipts(&self, state: &str) -> i64 {
        self.world.count(&format!("SELECT count(*) FROM wazapp.receipt WHERE state = '{state}'")).await
    }

    async fn until_told(&self) {
        self.world.until("nothing is left to tell", async || self.receipts("waiting").await == 0).await;
    }

    /// Steps over the waits between tries.
    async fn until_told_after_waits(&self) {
        self.world
            .until("nothing is left to tell", async || {
                self.world.advance(Duration::from_secs(5)).await;
                self.receipts("waiting").await == 0
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_read_is_told_once_of_the_newest() {
    let stage = Stage::new().await;
    let second = stage.lucia_says("¿Hola?").await;
    assert_eq!(stage.read(None).await["unread_count"], 0);
    stage.until_told().await;
    for _ in 0..3 {
        stage.read(Some(json!({}))).await;
    }
    let third = stage.lucia_says("¿Siguen ahí?").await;
    stage.read(Some(json!({ "receipt": true }))).await;
    stage.until_told().await;
    assert_eq!(stage.ticks().await, [(second, false), (third, false)], "each once, and nothing of the first");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_to_tell_does_not() {
    let stage = Stage::new().await;
    let answer = stage.read(Some(json!({ "receipt": false }))).await;
    assert_eq!(answer["unread_count"], 0);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.receipt").await, 0);
    let path = format!("/conversations/{}/read", stage.conversation);
    for (body, status) in [(json!({ "receipt": "no" }), 400), (json!({ "reciept": false }), 400), (json!([]), 400)] {
        let (answered, problem) = stage.world.post_api(&stage.organization, &path, &body).await;
        assert_eq!(answered, status, "{problem}");
    }
    // Told later all the same.
    stage.read(None).await;
    stage.until_told().await;
    assert_eq!(stage.ticks().await.len(), 1);
    stage.world.end().await;
}

/// A receipt that fails for now comes later; messages go on beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_outlives_metas_bad_moments() {
    let stage = Stage::new().await;
    for fault in [
        json!({ "kind": "html_500", "count": 2 }),
        json!({ "kind": "reset", "count": 1 }),
        json!({ "kind": "error", "code": 131_057, "count": 2 }),
        json!({ "kind": "hang", "count": 1 }),
    ] {
        let wamid = stage.lucia_says("¿Y ahora?").await;
        stage.world.meta().faults(json!([fault])).await;
        stage.read(None).await;
        stage.until_told_after_waits().await;
        assert_eq!(stage.ticks().await.last(), Some(&(wamid, false)), "{fault}");
        stage.world.meta().no_faults().await;
    }
    assert_eq!(stage.ticks().await.len(), 4);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_pace WHERE paused_until IS NOT NULL").await, 0);
    let id = stage.send(text("Sí.")).await;
    stage.until(&id, "read").await;
    stage.world.end().await;
}

/// What was read while Meta refused is told by the newest alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_takes_the_place_of_what_waits() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_057 }])).await;
    stage.read(None).await;
    let tried = "SELECT count(*) FROM wazapp.receipt WHERE attempts > 0 AND state = 'waiting'";
    stage.world.until("it was tried", async || stage.world.count(tried).await == 1).await;
    let second = stage.lucia_says("¿Hola?").await;
    stage.read(None).await;
    stage.world.meta().no_faults().await;
    stage.until_told_after_waits().await;
    assert_eq!(stage.ticks().await, [(second, false)]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_refuses_for_good_is_given_up_quietly() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_009, "count": 1 }])).await;
    stage.read(None).await;
    stage.until_told().await;
    assert_eq!((stage.receipts("given_up").await, stage.ticks().await), (1, vec![]));
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_pace WHERE paused_until IS NOT NULL").await, 0);
    let id = stage.send(text("Sí.")).await;
    stage.until(&id, "read").await;
    // Reading again asks again.
    stage.read(None).await;
    stage.until_told().await;
    assert_eq!(stage.ticks().await.len(), 1);
    stage.world.end().await;
}

/// A dead token stops the number once that was looked into; the receipt waits with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_rests_the_number_and_its_receipts() {
    let stage = Stage::new().await;
    let (number, organization) = (&stage.number, &stage.organization);
    stage.world.connect_with(organization, &number.phone_number_id, &number.waba_id, None, "EAA-dead").await;
    stage.read(None).await;
    let shown = async || stage.world.read(organization, "/numbers").await["data"][0].clone();
    stage.world.until("it is told", async || shown().await["problem"]["code"] == "refused_aside").await;
    assert!(shown().await["send_paused"].is_null());
    stage.world.look_at_numbers().await;
    assert_eq!(shown().await["send_paused"]["reason"]["code"], 190);
    assert_eq!(stage.receipts("waiting").await, 1);
    stage.world.connect_simulated(organization, number).await;
    stage.until_told_after_waits().await;
    assert_eq!(stage.ticks().await.len(), 1);
    stage.world.end().await;
}

/// What a receipt hears of the token is looked at like what a message hears: the problem is told at once, not at the look
/// of the next day.
#[tokio::test(flavor = "multi_thread")]
async fn a_rest_that_a_receipt_brought_is_looked_at_soon() {
    let stage = Stage::new().await;
    let world = &stage.world;
    assert_eq!(world.look_at_numbers().await, 1);
    world.advance(Duration::from_secs(61)).await;
    assert_eq!(world.look_at_numbers().await, 0, "it was looked at just now");
    world.meta().control(Method::DELETE, "tokens", Some(&json!({ "token": stage.number.token }))).await;
    stage.read(None).await;
    let shown = async || world.read(&stage.organization, "/numbers").await["data"][0].clone();
    world.until("it is told", async || shown().await["problem"]["code"] == "refused_aside").await;
    assert_eq!(world.look_at_numbers().await, 1);
    assert_eq!(shown().await["problem"]["code"], "token_refused");
    assert!(shown().await["send_paused"].is_object());
    stage.world.end().await;
}

/// A day later nobody cares: it is given up without a call.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_given_up_after_a_day() {
    let stage = Stage::new().await;
    stage.world.disconnect(&stage.organization, &stage.number.phone_number_id).await;
    stage.read(None).await;
    stage.world.advance(Duration::from_secs(25 * 3600)).await;
    stage.world.connect_simulated(&stage.organization, &stage.number).await;
    stage.until_told().await;
    assert_eq!((stage.receipts("given_up").await, stage.ticks().await), (1, vec![]));
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_old_messages_know_no_ticks() {
    let stage = Stage::new().await;
    let mut message = e2e::body::text_message(MARTIN, "wamid.group", 1_795_000_000, "Hola a todos");
    message["group_id"] = json!("group-1");
    let contacts = json!([e2e::body::contact(MARTIN, "Martín")]);
    let value =
        e2e::body::value(&stage.number.phone_number_id, &json!({ "contacts": contacts, "messages": [message] }));
    stage.world.receive(&value).await;
    let all = stage.world.conversations(&stage.organization).await;
    let group = all.iter().find(|row| row["group_id"] == "group-1").unwrap()["id"].as_str().unwrap();
    let (status, _) =
        stage.world.post_api(&stage.organization, &format!("/conversations/{group}/read"), &json!({})).await;
    assert_eq!(status, 200);
    stage.world.advance(Duration::from_secs(31 * 24 * 3600)).await;
    stage.read(None).await;
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.receipt").await, 0);
    for conversation in [group, &stage.conversation] {
        let path = format!("/conversations/{conversation}/typing");
        let (status, problem) = stage.world.post_api(&stage.organization, &path, &json!({})).await;
        assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_shows_at_once_or_never() {
    let stage = Stage::new().await;
    let path = format!("/conversations/{}/typing", stage.conversation);
    let typing = async || stage.world.post_api(&stage.organization, &path, &json!({})).await;
    assert_eq!(typing().await, (202, Value::Null));
    stage.world.until("Meta was told", async || stage.ticks().await.len() == 1).await;
    let newest = stage.ticks().await.remove(0);
    assert!(newest.1, "with the indicator");
    assert_eq!(stage.world.conversation(&stage.organization).await["unread_count"], 1, "reading is another thing");
    // What fails is dropped: nobody is told, nothing is tried again, nothing rests.
    stage.world.meta().faults(json!([{ "kind": "error", "code": 190, "count": 1 }])).await;
    assert_eq!(typing().await.0, 202);
    let faults = async || stage.world.meta().control(Method::GET, "faults", None).await;
    stage.world.until("it failed", async || faults().await["data"][0]["happened"] == 1).await;
    assert_eq!(typing().await.0, 202);
    stage.world.until("the next one is told", async || stage.ticks().await.len() == 2).await;
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_pace WHERE paused_until IS NOT NULL").await, 0);
    stage.world.disconnect(&stage.organization, &stage.number.phone_number_id).await;
    assert_eq!(typing().await.0, 409);
    stage.world.end().await;
}
