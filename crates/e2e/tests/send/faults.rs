//! Everything that Meta can do wrong at once, while messages of every type are sent.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::types::upload;
use super::{Stage, id, text};

const MESSAGES: usize = 200;
const PEOPLE: usize = 20;

/// All kinds of faults, once each for certain, and then by rate. Those of media strike what customers send meanwhile.
fn faults() -> Value {
    let by_rate = by_rate();
    let once = by_rate.as_array().expect("a list").iter().map(|fault| {
        let mut once = fault.clone();
        once.as_object_mut().expect("an object").remove("rate");
        once["count"] = json!(1);
        once
    });
    once.chain(by_rate.as_array().expect("a list").iter().cloned()).collect()
}

fn by_rate() -> Value {
    json!([
        { "kind": "duplicate", "rate": 0.2 },
        { "kind": "shuffle", "rate": 0.3 },
        { "kind": "delay", "rate": 0.1, "seconds": 3.0 * 3_600.0 },
        { "kind": "batch", "rate": 0.3 },
        { "kind": "early_status", "rate": 0.2 },
        { "kind": "skip_status", "rate": 0.1, "status": "delivered" },
        { "kind": "skip_status", "rate": 0.1, "status": "sent" },
        { "kind": "repeat_status", "rate": 0.2 },
        { "kind": "retry_storm", "rate": 0.02, "times": 5 },
        { "kind": "error", "rate": 0.03, "code": 130_429, "http_status": 429 },
        { "kind": "error", "rate": 0.03, "code": 131_056 },
        { "kind": "error", "rate": 0.03, "code": 131_016 },
        { "kind": "html_500", "rate": 0.03 },
        { "kind": "html_500", "rate": 0.03, "after_accept": true },
        { "kind": "reset", "rate": 0.03 },
        { "kind": "reset_after_accept", "rate": 0.05 },
        { "kind": "truncate_answer", "rate": 0.05 },
        { "kind": "hang", "rate": 0.02 },
        { "kind": "hang", "rate": 0.03, "after_accept": true },
        { "kind": "slow", "rate": 0.1, "seconds": 0.2 },
        { "kind": "media_expired", "rate": 0.3 },
        { "kind": "media_wrong_hash", "rate": 0.3 },
        { "kind": "media_wrong_type", "rate": 0.3 },
        { "kind": "media_truncated", "rate": 0.3 },
    ])
}

/// Each type in turn.
fn message(nth: usize, medium: &str, asked: &str, template: &Value) -> Value {
    match nth % 9 {
        0 => text("Sí, hasta las 20."),
        1 => json!({ "type": "text", "text": { "body": "Respuesta" }, "context": { "message_id": asked } }),
        2 => {
            json!({ "type": "document", "document": { "id": medium, "filename": "carta.txt", "caption": "La carta" } })
        }
        3 => json!({ "type": "location", "location": { "latitude": 40.4, "longitude": -3.7, "name": "Lucero" } }),
        4 => json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Ana Ruiz", "first_name": "Ana" },
                     "phones": [{ "phone": "+34600555666" }] }] }),
        5 => {
            json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "¿Mesa?" }, "action": {
                     "buttons": [{ "type": "reply", "reply": { "id": "y", "title": "Sí" } }] } } })
        }
        6 => {
            json!({ "type": "interactive", "interactive": { "type": "list", "body": { "text": "La carta" }, "action": {
                     "button": "Ver", "sections": [{ "title": "Platos", "rows": [{ "id": "1", "title": "Tortilla" }] }] } } })
        }
        7 => json!({ "type": "template", "template": template }),
        _ => json!({ "type": "reaction", "reaction": { "message_id": asked, "emoji": "👍" } }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_once_loses_and_doubles_nothing() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let medium = upload(&stage, &stage.number, "text/plain", "carta.txt", b"Tortilla 4").await;
    let template = stage.template().await;
    let mut asked = HashMap::new();
    for person in 0..PEOPLE {
        let who = format!("346{person:08}");
        let wamid = world.meta().customer_says(&stage.number, &who, "¿Están abiertos?").await;
        asked.insert(who, wamid);
    }
    world.settle().await;
    let mut people: Vec<(String, String)> = Vec::new();
    for row in world.conversations(&stage.organization).await {
        let who = row["contact"]["wa_id"].as_str().expect("a phone").to_owned();
        if let Some(wamid) = asked.get(&who) {
            people.push((id(&row), wamid.clone()));
        }
    }
    assert_eq!(people.len(), PEOPLE);

    world.meta().faults(faults()).await;
    let mut sent: HashMap<usize, Vec<String>> = HashMap::new();
    let mut resent = Vec::new();
    for nth in 0..MESSAGES {
        let person = nth % PEOPLE;
        let (conversation, wamid) = &people[person];
        let mut body = message(nth, &medium, wamid, &template);
        if nth % 4 == 3 {
            body["on_unknown"] = json!("resend");
        }
        let message_id = stage.send_in(conversation, body).await;
        if nth % 4 == 3 {
            resent.push(message_id.clone());
        }
        sent.entry(person).or_default().push(message_id);
        if nth % 10 == 0 {
            world.meta().customer_sends(&stage.number, &format!("346{person:08}"), json!({ "type": "image" })).await;
        }
    }
    let under_way = "SELECT count(*) FROM wazapp.outbox WHERE state IN ('queued', 'sending')";
    let mut steps = 0;
    while world.count(under_way).await > 0 {
        assert!(steps < 2_000, "it never ends");
        world.advance(Duration::from_secs(2)).await;
        stage.looked_at().await;
        steps += 1;
    }
    let unknown = "SELECT count(*) FROM wazapp.message WHERE status = 'unknown'";
    let before = world.count(unknown).await;
    let happened = world.meta().struck().await;
    assert!(world.meta().used_up().await, "each struck once at least: {happened:?}");
    world.meta().no_faults().await;
    // The statuses that were held back for hours come; and what is delivered only now is read a little later.
    for seconds in [4 * 3_600, 60, 60] {
        world.advance(Duration::from_secs(seconds)).await;
        world.settle().await;
    }

    let accepted = stage.accepted().await;
    let count = |id: &String| accepted.iter().filter(|other| *other == id).count();
    let mut never = 0;
    for message_id in sent.values().flatten() {
        let shown = stage.message(message_id).await;
        let status = shown["status"].as_str().expect("a status");
        // Of a reaction only `sent` comes back, which may have been skipped.
        let known = match shown["type"].as_str() {
            Some("reaction") => ["accepted", "sent", "unknown"].contains(&status),
            _ => status == "read",
        };
        match (count(message_id), resent.contains(message_id)) {
            (1, false) => assert!(known && (status != "unknown" || shown["type"] == "reaction"), "{shown:#}"),
            (0, false) => {
                never += 1;
                assert_eq!(status, "unknown", "{shown:#}");
            }
            (1.., true) => assert!(known, "{shown:#}"),
            (times, _) => panic!("accepted {times} times: {shown:#}"),
        }
    }
    let times: usize = resent.iter().map(count).sum();
    for ids in sent.values() {
        let mut order: Vec<&String> = accepted.iter().filter(|id| ids.contains(id)).collect();
        order.dedup();
        let wanted: Vec<&String> = ids.iter().filter(|id| accepted.contains(id)).collect();
        assert_eq!(order, wanted, "in the order of the conversation");
    }
    eprintln!(
        "{MESSAGES} messages, {steps} steps of 2 s: {} acceptances; {before} unknown before the late statuses; {never} \
         never accepted; {} asked for resending, accepted {times} times; {happened:?}",
        accepted.len(),
        resent.len(),
    );
    // What was accepted is told once, and nothing of it waits any more.
    let waiting = "SELECT count(*) FROM wazapp.outbox q JOIN wazapp.message m ON m.id = q.message_id
                   WHERE m.status <> 'unknown'";
    assert_eq!(world.count(waiting).await, 0);
    stage.world.end().await;
}
