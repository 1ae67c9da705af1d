//! What Meta refuses: what is tried again, what rests, what is given up.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::{MARTIN, Stage, text};

/// Refused for now is tried again, and accepted once in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_now_is_tried_again_and_sent_once() {
    let stage = Stage::new().await;
    let mut sent = Vec::new();
    for code in [130_429, 131_056, 131_057] {
        stage.world.meta().faults(json!([{ "kind": "error", "code": code, "count": 2 }])).await;
        let id = stage.send(text(&format!("{code}"))).await;
        let faults = async || stage.world.meta().control(reqwest::Method::GET, "faults", None).await;
        let used = async || faults().await["data"].as_array().unwrap().iter().all(|fault| fault["count"] == 0);
        // Waits of seconds and more: stepped over.
        stage
            .world
            .until("both refusals came", async || {
                stage.world.advance(Duration::from_secs(1)).await;
                used().await
            })
            .await;
        stage
            .world
            .until("it is sent", async || {
                stage.world.advance(Duration::from_secs(1)).await;
                stage.status(&id).await == "read"
            })
            .await;
        assert!(stage.message(&id).await["error"].is_null());
        sent.push(id);
    }
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, sent);
    stage.world.end().await;
}

/// A token that is worth nothing stops its number, loses nothing, and says what to do; another token lets it go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_rests_the_number_and_keeps_its_messages() {
    let stage = Stage::new().await;
    let (number, organization) = (&stage.number, &stage.organization);
    stage.world.connect_with(organization, &number.phone_number_id, &number.waba_id, None, "EAA-dead").await;
    let first = stage.send(text("uno")).await;
    let paused = async || stage.world.read(organization, "/numbers").await["data"][0]["send_paused"].clone();
    stage.world.until("the number rests", async || paused().await.is_object()).await;
    let pause = paused().await;
    assert_eq!((&pause["until"], &pause["reason"]["code"]), (&json!(null), &json!(190)), "{pause}");
    assert!(pause["reason"]["advice"]["es"].is_string(), "{pause}");
    let second = stage.send(text("dos")).await;
    stage.world.advance(Duration::from_secs(3600)).await;
    assert_eq!((stage.status(&first).await, stage.status(&second).await), ("sending".into(), "queued".into()));
    // Another number of the organization goes on.
    let other = stage.world.meta().numbers().await.remove(1);
    let other_id = stage.world.connect_simulated(organization, &other).await;
    stage.world.meta().customer_says(&other, MARTIN, "Hola").await;
    stage.world.settle().await;
    let body = json!({ "number_id": other_id, "to": MARTIN, "text": { "body": "Hola" } });
    let (status, answer) = stage.world.post_api(organization, "/messages", &body).await;
    assert_eq!(status, 202, "{answer}");
    stage.until(answer["id"].as_str().unwrap(), "read").await;

    stage.world.connect_simulated(organization, number).await;
    stage.until(&first, "read").await;
    stage.until(&second, "read").await;
    assert!(paused().await.is_null());
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [first, second]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_again_fails_with_words() {
    let stage = Stage::new().await;
    for code in [131_026, 131_047, 132_001, 100] {
        stage.world.meta().faults(json!([{ "kind": "error", "code": code, "count": 1 }])).await;
        let id = stage.send(text("no")).await;
        let failed = stage.until(&id, "failed").await;
        let error = &failed["error"];
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].is_string() && error["advice"]["en"].is_string() && error["advice"]["es"].is_string());
        assert!(failed["wamid"].is_null());
    }
    let told = stage.world.events(&stage.organization, "message.status").await;
    assert_eq!(told.iter().filter(|event| event["data"]["status"] == "failed").count(), 4);
    let next = stage.send(text("sí")).await;
    stage.until(&next, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [next]);
    stage.world.end().await;
}

/// While the first is refused again and again, those behind it wait; another conversation does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_keeps_its_order_and_holds_up_nobody_else() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    let deaf = |count: u32| json!([{ "kind": "error", "code": 131_056, "count": count }]);
    stage.world.meta().faults(deaf(1)).await;
    let mut lucias = vec![stage.send(text("0")).await];
    stage
        .world
        .until("it was refused", async || {
            stage.world.count("SELECT count(*) FROM wazapp.outbox WHERE attempts = 1 AND state = 'queued'").await == 1
        })
        .await;
    for nth in 1..4 {
        lucias.push(stage.send(text(&nth.to_string())).await);
    }
    // The pair rests for a second; Martín is another one.
    let martins = stage.send_in(&martin, text("hola")).await;
    stage.until(&martins, "read").await;
    for id in &lucias {
        stage
            .world
            .until("it is sent", async || {
                stage.world.advance(Duration::from_secs(6)).await;
                stage.status(id).await == "read"
            })
            .await;
    }
    stage.world.settle().await;
    let accepted = stage.accepted().await;
    let of_lucia: Vec<&String> = accepted.iter().filter(|id| **id != martins).collect();
    assert_eq!(of_lucia, lucias.iter().collect::<Vec<_>>());
    assert_eq!(accepted.len(), 5);
    stage.world.end().await;
}

/// Many people at once are written to at the number's pace: Meta refuses none, and nobody gets two.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_keeps_within_its_rate() {
    let stage = Stage::new().await;
    let template = stage.template().await;
    let sends = (0..240).map(|nth| {
        let (stage, template) = (&stage, &template);
        async move {
            let to = format!("346{nth:08}");
            let body = json!({ "number_id": stage.number_id, "to": to, "type": "template", "template": template });
            let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
            assert_eq!(status, 202, "{answer}");
        }
    });
    let began = std::time::Instant::now();
    futures::stream::iter(sends).buffer_unordered(16).collect::<Vec<()>>().await;
    let queued = began.elapsed();
    stage.sent().await;
    eprintln!("240 messages: queued in {queued:?}, sent in {:?}", began.elapsed());
    stage.world.settle().await;
    assert_eq!(stage.accepted().await.len(), 240);
    let not_read = "SELECT count(*) FROM wazapp.message WHERE direction = 'outbound' AND status <> 'read'";
    stage.world.until("all are read", async || stage.world.count(not_read).await == 0).await;
    // A number that is refused rests.
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_pace WHERE pause_reason IS NOT NULL").await, 0);
    stage.world.end().await;
}

/// More to one person than Meta takes at once goes at Meta's pace, without a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_to_one_person_is_paced() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    let mut sent = Vec::new();
    for nth in 0..48 {
        sent.push(stage.send(text(&nth.to_string())).await);
    }
    let waiting = "SELECT count(*) FROM wazapp.outbox";
    stage.world.until("the burst is sent", async || stage.world.count(waiting).await == 3).await;
    stage.nothing_is_due().await;
    assert_eq!((stage.accepted().await.len(), stage.world.count(waiting).await), (45, 3));
    let other = stage.send_in(&martin, text("hola")).await;
    stage.until(&other, "read").await;
    stage
        .world
        .until("all are sent", async || {
            stage.world.advance(Duration::from_secs(2)).await;
            stage.world.count(waiting).await == 0
        })
        .await;
    stage.world.settle().await;
    let accepted: Vec<String> = stage.accepted().await.into_iter().filter(|id| *id != other).collect();
    assert_eq!(accepted, sent, "in order");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.message WHERE error IS NOT NULL").await, 0);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_past_its_deadline_fails_and_says_why() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_057 }])).await;
    let mut message = text("hasta las ocho");
    message["deadline"] = json!((e2e::outside::now() + jiff::SignedDuration::from_mins(10)).to_string());
    let id = stage.send(message).await;
    until_refused(&stage, &id).await;
    stage.world.advance(Duration::from_secs(601)).await;
    let failed = stage.until(&id, "failed").await;
    assert_eq!(
        (&failed["error"]["code"], &failed["error"]["last_error"]["code"]),
        (&json!("deadline"), &json!(131_057)),
        "{failed:#}"
    );
    stage.world.meta().no_faults().await;
    stage.world.advance(Duration::from_secs(3600)).await;
    let next = stage.send(text("después")).await;
    stage.until(&next, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [next]);
    stage.world.end().await;
}

/// Waits until it is written down why Meta refused it for now.
async fn until_refused(stage: &Stage, id: &str) {
    let refused = format!(
        "SELECT count(*) FROM wazapp.outbox WHERE message_id = '{id}' AND state = 'queued' AND error IS NOT NULL"
    );
    stage.world.until("it was refused", async || stage.world.count(&refused).await == 1).await;
}

/// A stored reason that this version cannot read keeps nobody waiting: neither its own message, nor other organizations'.
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_reason_holds_up_no_deadline() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_057 }])).await;
    let deadline = (e2e::outside::now() + jiff::SignedDuration::from_mins(10)).to_string();
    let mut sent = Vec::new();
    for conversation in [&stage.conversation, &martin] {
        let mut message = text("hasta las ocho");
        message["deadline"] = json!(deadline);
        let id = stage.send_in(conversation, message).await;
        until_refused(&stage, &id).await;
        sent.push(id);
    }
    // Tried once more before that, it would have another reason.
    let odd = "UPDATE wazapp.outbox SET error = '{\"kind\": 7}', send_at = deadline
               WHERE message_id = $1::text::uuid AND state = 'queued'";
    let sql = stage.world.sql().await;
    // Meta may have it again just now.
    stage
        .world
        .until("it is odd", async || sql.execute(odd, &[&sent[0]]).await.expect("the statement runs") == 1)
        .await;
    stage.world.advance(Duration::from_secs(601)).await;
    let first = stage.until(&sent[0], "failed").await;
    assert_eq!(
        (&first["error"]["code"], &first["error"]["last_error"]),
        (&json!("deadline"), &Value::Null),
        "{first:#}"
    );
    let second = stage.until(&sent[1], "failed").await;
    assert_eq!(second["error"]["last_error"]["code"], 131_057, "{second:#}");
    stage.world.meta().no_faults().await;
    stage.world.end().await;
}
