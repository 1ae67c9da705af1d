//! What comes at once is queued at once: each message once, in order, with its own answer.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;

impl Stage {
    /// Sends many in one request; answers what became of each.
    async fn batch(&self, messages: &[Value]) -> Vec<Value> {
        let body = json!({ "messages": messages });
        let (status, answer) = self.world.post_api(&self.organization, "/messages/batch", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].as_array().expect("a list").clone()
    }

    fn text_to(&self, to: &str, text: &str) -> Value {
        json!({ "number_id": self.number_id, "to": to, "text": { "body": text }, "force": true })
    }

    /// The texts that Meta accepted for somebody, in their order.
    async fn texts_at_meta(&self, to: &str) -> Vec<String> {
        let accepted = self.world.meta().accepted(&self.number).await;
        let theirs = accepted.iter().filter(|row| row["kind"] == "message" && row["request"]["to"] == to);
        theirs.map(|row| row["request"]["text"]["body"].as_str().expect("a text").to_owned()).collect()
    }
}

fn statuses(results: &[Value]) -> Vec<u64> {
    results.iter().map(|one| one["status"].as_u64().expect("a status")).collect()
}

#[tokio::test]
async fn forty_at_once_are_each_sent_once() {
    let stage = Stage::new().await;
    // Of one phone two spellings, of some people several messages, one key twice, and what cannot be sent.
    let to = |nth: usize| format!("52155{:08}", nth % 9);
    let sent = (0..40).map(|nth| {
        let (who, key) = (to(nth), format!("k-{}", nth % 38));
        let who = if nth % 2 == 0 { who } else { who.replacen("521", "52", 1) };
        let number_id = if nth == 7 { Uuid::nil() } else { stage.number_id };
        let body =
            json!({ "number_id": number_id, "to": who, "text": { "body": format!("{}", nth % 38) }, "force": true });
        let request =
            stage.world.request(Method::POST, &stage.organization, "/messages").header("idempotency-key", key);
        async move {
            let request = request.header("content-type", "application/json").body(body.to_string());
            let answer = request.send().await.expect("an answer");
            let (status, text) = (answer.status().as_u16(), answer.text().await.expect("its text"));
            (nth, status, serde_json::from_str::<Value>(&text).expect("JSON"))
        }
    });
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (nth, status, answer) in join_all(sent.collect::<Vec<_>>()).await {
        match nth {
            7 => assert_eq!(status, 404, "{answer}"),
            // The same key with another recipient.
            0 | 1 | 38 | 39 if status == 409 => {}
            _ => {
                assert_eq!(status, 202, "{nth}: {answer}");
                ids.entry(format!("{}", nth % 38)).or_default().insert(id(&answer));
            }
        }
    }
    assert_eq!(ids.len(), 37, "one is from no number: {ids:?}");
    assert!(ids.values().all(|ids| ids.len() == 1), "one key, one message: {ids:?}");
    stage.sent().await;
    let accepted = stage.world.meta().accepted(&stage.number).await;
    let texts: BTreeSet<&str> = accepted.iter().filter_map(|row| row["request"]["text"]["body"].as_str()).collect();
    assert_eq!((accepted.len(), texts.len()), (37, 37));
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.contact").await, 10, "nine, and Lucía");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.conversation").await, 10);
    let gaps = "SELECT count(*) FROM wazapp.conversation v WHERE v.last_sequence <>
                  (SELECT count(*) FROM wazapp.message m WHERE m.conversation_id = v.id)";
    assert_eq!(stage.world.count(gaps).await, 0, "places are numbered without gaps");
    stage.world.end().await;
}

#[tokio::test]
async fn a_batch_answers_for_each() {
    let stage = Stage::new().await;
    let other_organization = stage.world.organization("Bar Sol").await;
    let other_number = stage.world.meta().numbers().await.remove(1);
    let foreign = stage.world.connect_simulated(&other_organization, &other_number).await;
    let keyed = |mut message: Value, key: &str| {
        message["idempotency_key"] = key.into();
        message
    };
    let (hello, other) = (stage.text_to(MARTIN, "uno"), stage.text_to(MARTIN, "otro"));
    let messages = [
        keyed(hello.clone(), "a"),
        // It was asked for already; it is another one; it lacks its text; it is misspelt; it is from somebody else's number.
        keyed(hello.clone(), "a"),
        keyed(other.clone(), "a"),
        json!({ "number_id": stage.number_id, "to": MARTIN, "type": "text" }),
        json!({ "number_id": stage.number_id, "to": MARTIN, "text": { "body": "x" }, "sendAt": "2030-01-01T00:00:00Z" }),
        json!({ "number_id": foreign, "to": MARTIN, "text": { "body": "x" } }),
        keyed(stage.text_to(MARTIN, "dos"), "b"),
        stage.text_to(LUCIA, "tres"),
        stage.text_to(MARTIN, "cuatro"),
    ];
    let results = stage.batch(&messages).await;
    assert_eq!(statuses(&results), [202, 202, 409, 422, 422, 404, 202, 202, 202], "{results:#?}");
    assert_eq!(results[0]["message"]["id"], results[1]["message"]["id"]);
    assert_eq!(results[3]["problem"]["errors"][0]["field"], "text", "{results:#?}");
    assert!(results[0].get("problem").is_none() && results[3].get("message").is_none());
    // Alone the same key means the same message.
    let request = stage.world.request(Method::POST, &stage.organization, "/messages").header("idempotency-key", "a");
    let request = request.header("content-type", "application/json").body(hello.to_string());
    let again: Value =
        serde_json::from_str(&request.send().await.expect("an answer").text().await.expect("text")).expect("JSON");
    assert_eq!(again["id"], results[0]["message"]["id"], "{again}");
    let repeated = stage.batch(&messages[..2]).await;
    assert_eq!(repeated[1]["message"]["id"], results[0]["message"]["id"]);
    stage.sent().await;
    assert_eq!(stage.texts_at_meta(MARTIN).await, ["uno", "dos", "cuatro"]);
    assert_eq!(stage.texts_at_meta(LUCIA).await, ["tres"]);
    stage.world.end().await;
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_its_bounds() {
    let stage = Stage::new().await;
    let texts: Vec<String> = (0..30).map(|nth| format!("{nth:02}")).collect();
    let messages: Vec<Value> = texts.iter().map(|text| stage.text_to(MARTIN, text)).collect();
    let results = stage.batch(&messages).await;
    let sequences: Vec<u64> = results.iter().map(|one| one["message"]["sequence"].as_u64().expect("a place")).collect();
    assert_eq!(sequences, (1..=30).collect::<Vec<u64>>());
    stage.sent().await;
    assert_eq!(stage.texts_at_meta(MARTIN).await, texts);
    let post = async |body: Value| stage.world.post_api(&stage.organization, "/messages/batch", &body).await;
    let many: Vec<Value> = (0..1_001).map(|_| stage.text_to(LUCIA, "x")).collect();
    for body in [json!({ "messages": many }), json!({ "messages": [] }), json!({}), json!({ "messages": 1 })] {
        let (status, answer) = post(body).await;
        assert_eq!(status, 400, "{answer}");
    }
    let (status, answer) = post(json!({ "messages": [stage.text_to(LUCIA, &"a".repeat(5 << 20))] })).await;
    assert_eq!(status, 413, "{answer}");
    // One that is no message, too large, or has a key that no header could hold, stops no other.
    let mut unfit = stage.text_to(LUCIA, "x");
    unfit["idempotency_key"] = "a\u{0}b".into();
    let results = stage.batch(&[json!(1), stage.text_to(LUCIA, &"a".repeat(70 << 10)), unfit]).await;
    assert_eq!(statuses(&results), [400, 413, 400], "{results:#?}");
    let request =
        stage.world.request(Method::POST, &stage.organization, "/messages/batch").header("idempotency-key", "a");
    let request = request.header("content-type", "application/json").body(json!({ "messages": [] }).to_string());
    let answer = request.send().await.expect("an answer").text().await.expect("its text");
    assert!(answer.contains("idempotency_key"), "{answer}");
    assert!(stage.texts_at_meta(LUCIA).await.is_empty());
    stage.world.end().await;
}

/// Whoever is refused lets nobody past who came behind, by whatever name.
#[tokio::test]
async fn nobody_overtakes_in_a_batch() {
    let stage = Stage::new().await;
    let conversation = stage.met(MARTIN).await;
    let martin = stage.world.read(&stage.organization, &format!("/conversations/{conversation}")).await;
    let user_id = martin["contact"]["user_id"].as_str().expect("he has one").to_owned();
    let mut refused = stage.text_to("34600999111", "no");
    refused["number_id"] = json!(Uuid::nil());
    let mut first = stage.text_to(MARTIN, "first");
    let second = json!({ "number_id": stage.number_id, "recipient": user_id, "text": { "body": "second" } });
    (refused["idempotency_key"], first["idempotency_key"]) = ("k".into(), "k".into());
    let results = stage.batch(&[refused, first, second]).await;
    assert_eq!(statuses(&results), [404, 202, 202], "{results:#?}");
    let place = |nth: usize| results[nth]["message"]["sequence"].as_u64().expect("a place");
    assert!(place(1) < place(2), "{results:#?}");
    stage.world.end().await;
}

/// Bodies that trickle in hold no more memory than those of four.
#[tokio::test(flavor = "multi_thread")]
async fn of_batches_few_are_read_at_once() {
    let stage = Stage::new().await;
    let key = &stage.organization.key;
    let head = format!(
        "POST /api/v1/messages/batch HTTP/1.1\r\nHost: wazapp\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{{"
    );
    let mut trickling = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(stage.world.address()).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("it is read");
        trickling.push(stream);
    }
    let status = async || {
        let body = json!({ "messages": [] });
        stage.world.post_api(&stage.organization, "/messages/batch", &body).await.0
    };
    stage.world.until("there is no place for another", async || status().await == 429).await;
    // A message alone finds its place.
    stage.send(text("Hola")).await;
    drop(trickling);
    stage.world.until("there is a place again", async || status().await == 400).await;
    stage.world.end().await;
}

/// A thousand messages show files and templates as well as texts do.
#[tokio::test]
async fn a_thousand_are_queued_at_once() {
    let stage = Stage::new().await;
    let template = stage.world.meta().simple_template(&stage.number).await;
    let messages: Vec<Value> = (0..1_000)
        .map(|nth| {
            let to = format!("346{nth:08}");
            if nth % 2 == 0 {
                json!({ "number_id": stage.number_id, "to": to, "type": "template", "template": template,
                        "send_at": stage.world.now() + jiff::SignedDuration::from_hours(1) })
            } else {
                let mut text = stage.text_to(&to, "Hola");
                text["send_at"] = json!(stage.world.now() + jiff::SignedDuration::from_hours(1));
                text
            }
        })
        .collect();
    let results = stage.batch(&messages).await;
    assert!(results.iter().all(|one| one["status"] == 202), "{results:#?}");
    let written = "SELECT count(*) FROM wazapp.outbox WHERE state = 'queued'";
    assert_eq!(stage.world.count(written).await, 1_000);
    let ids: BTreeSet<String> = results.iter().map(|one| id(&one["message"])).collect();
    assert_eq!(ids.len(), 1_000);
    stage.world.end().await;
}
