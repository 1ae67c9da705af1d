//! What is refused before it is queued, and what a repeated request is.

use e2e::Organization;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{LUCIA, MARTIN, Stage, id, text};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// A POST with headers of the test's own.
async fn post(stage: &Stage, who: &Organization, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.insert(reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let asked = stage.world.client().post(format!("{}/api/v1{path}", stage.world.url())).bearer_auth(&who.key);
    let asked = asked.headers(all).header("content-type", "application/json").body(body.to_string());
    let answer = asked.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_takes_templates_alone() {
    let stage = Stage::new().await;
    let disabled = "SELECT count(*) FROM wazapp.template WHERE status = 'DISABLED'";
    let listed = async || stage.world.all(&stage.organization, "/templates?q=promo_image").await;
    stage.world.until("templates are read", async || listed().await.len() == 1).await;
    let promo = listed().await[0]["template_id"].as_str().unwrap().to_owned();
    let event = json!({ "event": "DISABLED" });
    stage.world.meta().control(reqwest::Method::POST, &format!("templates/{promo}"), Some(&event)).await;
    stage.world.until("Meta's news are in", async || stage.world.count(disabled).await == 1).await;
    stage.world.advance(DAY + DAY / 24).await;
    let path = format!("/conversations/{}/messages", stage.conversation);
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &text("¿Sigue ahí?")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#window-closed")), "{problem}");
    let templates = problem["templates"].as_array().unwrap().iter();
    let templates: Vec<&str> = templates.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(templates, ["hello_world", "login_code", "menu_cards", "order_update"], "what can be sent");
    assert!(problem["detail"].as_str().unwrap().contains("24 hours"), "{problem}");
    let spanish = [("accept-language", "es-AR")];
    let (_, problem) = post(&stage, &stage.organization, &path, &spanish, &text("¿Sigue ahí?")).await;
    assert!(problem["detail"].as_str().unwrap().contains("ventana"), "{problem}");

    let template = stage.template().await;
    let mut both = text("¿Sigue ahí?");
    both["when_window_closed"] = json!({ "template": template });
    let instead = stage.send(both.clone()).await;
    assert_eq!(stage.message(&instead).await["type"], "template");
    stage.until(&instead, "read").await;

    // She answers: the window is open, and the text goes.
    stage.world.meta().customer_says(&stage.number, LUCIA, "Sí").await;
    stage.world.settle().await;
    let free = stage.send(both).await;
    assert_eq!(stage.message(&free).await["type"], "text");
    stage.until(&free, "read").await;
    // Planned for a time at which it will be closed, it is refused now.
    let mut later = text("Mañana");
    later["send_at"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_hours(60)).to_string());
    let (status, _) = stage.world.post_api(&stage.organization, &path, &later).await;
    assert_eq!(status, 422);
    stage.sent().await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [instead, free]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_refused_with_all_that_is_wrong_in_it() {
    let stage = Stage::new().await;
    let path = format!("/conversations/{}/messages", stage.conversation);
    let bad = json!({ "type": "interactive", "interactive": { "type": "button", "body": {}, "action": { "buttons": [
        { "type": "reply", "reply": { "id": "1", "title": "A title that is much too long for a button" } } ] } } });
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &bad).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#invalid")), "{problem}");
    let errors = problem["errors"].as_array().unwrap();
    let fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert!(fields.contains(&"interactive.action.buttons[0].reply.title") && errors.len() >= 2, "{problem:#}");
    assert!(errors.iter().all(|error| error["text"].is_string() && error["rule"].is_string()), "{problem:#}");
    let (_, spanish) = post(&stage, &stage.organization, &path, &[("accept-language", "es")], &bad).await;
    assert_ne!(spanish["errors"][0]["text"], problem["errors"][0]["text"]);

    let mut instead = text("hola");
    instead["when_window_closed"] = json!({ "template": { "language": { "code": "es" } } });
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &instead).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("when_window_closed.template.name")),
        "{problem}"
    );

    for (member, value, status) in [
        ("to", json!(LUCIA), 400),
        ("send_at", json!("mañana"), 422),
        ("send_at", json!("3026-01-01T00:00:00Z"), 422),
        ("deadline", json!("2020-01-01T00:00:00Z"), 422),
        ("on_unknown", json!("perhaps"), 422),
        ("bulk", json!("yes"), 400),
        ("when_window_closed", json!({ "text": {} }), 400),
        ("when_window_closed", json!(null), 400),
    ] {
        let mut body = text("hola");
        body[member] = value;
        let (answered, problem) = stage.world.post_api(&stage.organization, &path, &body).await;
        assert_eq!(answered, status, "{member}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(member), "{member}: {problem}");
    }
    for (body, status) in [
        (json!({ "to": LUCIA, "text": { "body": "x" } }), 400),
        (json!({ "number_id": stage.number_id, "text": { "body": "x" } }), 400),
        (json!({ "number_id": stage.number_id, "to": "someone", "text": { "body": "x" } }), 422),
        (json!({ "number_id": stage.number_id, "recipient": LUCIA, "text": { "body": "x" } }), 422),
        (json!({ "number_id": Uuid::now_v7(), "to": LUCIA, "text": { "body": "x" } }), 404),
        (json!({ "number_id": stage.number_id, "to": MARTIN, "text": { "body": "never wrote" } }), 422),
    ] {
        let (answered, problem) = stage.world.post_api(&stage.organization, "/messages", &body).await;
        assert_eq!(answered, status, "{body}: {problem}");
    }
    assert_eq!(stage.world.conversations(&stage.organization).await.len(), 1, "what was refused began nothing");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.message").await, 1);
    stage.world.disconnect(&stage.organization, &stage.number.phone_number_id).await;
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &text("hola")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_one_message() {
    let stage = Stage::new().await;
    let path = format!("/conversations/{}/messages", stage.conversation);
    let key = [("idempotency-key", "order-77")];
    let who = &stage.organization;
    let body = text("Su pedido está listo");
    let together = futures::future::join_all((0..8).map(|_| post(&stage, who, &path, &key, &body))).await;
    let ids: std::collections::BTreeSet<String> = together.iter().map(|(_, answer)| id(answer)).collect();
    assert!(together.iter().all(|(status, _)| *status == 202) && ids.len() == 1, "{together:?}");
    let sent = ids.into_iter().next().unwrap();
    stage.until(&sent, "read").await;
    let (status, answer) = post(&stage, who, &path, &key, &body).await;
    assert_eq!((status, id(&answer)), (202, sent.clone()), "also after it was sent");

    let (status, problem) = post(&stage, who, &path, &key, &text("Otra cosa")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
    let elsewhere = json!({ "number_id": stage.number_id, "to": LUCIA, "type": "text", "text": body["text"] });
    assert_eq!(post(&stage, who, "/messages", &key, &elsewhere).await.0, 409);
    let long = "k".repeat(256);
    assert_eq!(post(&stage, who, &path, &[("idempotency-key", &long)], &body).await.0, 400);

    // The same word of another organization is another key.
    let second = stage.world.organization("Harbor").await;
    let number = stage.world.meta().numbers().await.remove(1);
    let number_id = stage.world.connect_simulated(&second, &number).await;
    stage.world.meta().customer_says(&number, LUCIA, "Hello").await;
    stage.world.settle().await;
    let theirs = json!({ "number_id": number_id, "to": LUCIA, "text": { "body": "Hello" } });
    let (status, answer) = post(&stage, &second, "/messages", &key, &theirs).await;
    assert_eq!(status, 202, "{answer}");
    assert_ne!(id(&answer), sent);
    stage.sent().await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [sent]);
    stage.world.end().await;
}

/// Neither seen, nor cancelled, nor used as a place to send into or from.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_organization_has_no_part_in_it() {
    let stage = Stage::new().await;
    let second = stage.world.organization("Harbor").await;
    let mut later = text("más tarde");
    later["send_at"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string());
    let queued = stage.send(later).await;
    for path in [format!("/messages/{queued}"), format!("/messages/{queued}/statuses")] {
        assert_eq!(stage.world.get(&second, &path).await.0, 404, "{path}");
    }
    assert_eq!(stage.world.delete(&second, &format!("/messages/{queued}")).await.0, 404);
    let into = format!("/conversations/{}/messages", stage.conversation);
    assert_eq!(stage.world.post_api(&second, &into, &text("hola")).await.0, 404);
    let from = json!({ "number_id": stage.number_id, "to": LUCIA, "text": { "body": "hola" } });
    let (status, problem) = stage.world.post_api(&second, "/messages", &from).await;
    assert_eq!(status, 404, "{problem}");
    let nobodys = json!({ "number_id": Uuid::now_v7(), "to": LUCIA, "text": { "body": "hola" } });
    assert_eq!(stage.world.post_api(&second, "/messages", &nobodys).await.1, problem);
    assert_eq!(stage.status(&queued).await, "queued");
    assert_eq!(stage.accepted().await, [""; 0]);
    stage.world.end().await;
}
