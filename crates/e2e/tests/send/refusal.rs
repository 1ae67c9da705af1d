//! What is refused before it is queued, and what a repeated request is.

use e2e::{Organization, SimulatedNumber};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{LUCIA, MARTIN, Stage, id, text};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// A POST with headers of the test's own.
async fn post(stage: &Stage, who: &Organization, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    stage.world.call_with(Method::POST, who, path, headers, Some(body)).await
}

/// A template of a number's account, created past us.
async fn made_at_meta(stage: &Stage, number: &SimulatedNumber, name: &str) {
    let body = json!({ "name": name, "language": "es", "category": "UTILITY",
                       "components": [{ "type": "BODY", "text": "Tu pedido está listo." }] });
    let path = format!("{}/message_templates", number.waba_id);
    let (status, answer) = stage.world.meta().graph(Method::POST, &path, &number.token, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_takes_templates_alone() {
    let stage = Stage::new().await;
    let meta = stage.world.meta();
    // Of the organization's, one that another account has, one that Meta stopped, and one that it still looks at.
    let elsewhere = meta.numbers().await.into_iter().find(|other| other.waba_id != stage.number.waba_id).unwrap();
    stage.world.connect_simulated(&stage.organization, &elsewhere).await;
    made_at_meta(&stage, &elsewhere, "not_here").await;
    let listed = async |name: &str| stage.world.all(&stage.organization, &format!("/templates?q={name}")).await;
    let promo = async || listed("promo_image").await.into_iter().find(|one| one["waba_id"] == stage.number.waba_id);
    stage.world.until("templates are read", async || promo().await.is_some()).await;
    let promo = promo().await.unwrap()["template_id"].as_str().unwrap().to_owned();
    meta.control(Method::POST, &format!("templates/{promo}"), Some(&json!({ "event": "DISABLED" }))).await;
    stage.world.advance(DAY + DAY / 24).await;
    // From here on Meta's reviewers take their time.
    meta.speed(1e-3).await;
    made_at_meta(&stage, &stage.number, "not_yet").await;
    let (status, answer) = stage.world.post_api(&stage.organization, "/templates/sync", &json!({})).await;
    assert_eq!(status, 202, "{answer}");
    for (status, name) in [("DISABLED", "promo_image"), ("PENDING", "not_yet"), ("APPROVED", "not_here")] {
        let is = async || listed(name).await.iter().any(|one| one["status"] == status);
        stage.world.until(&format!("{name} is known to be {status}"), is).await;
    }
    meta.speed(1.0).await;
    let path = format!("/conversations/{}/messages", stage.conversation);
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &text("¿Sigue ahí?")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#window-closed")), "{problem}");
    let can_be_sent = json!([
        { "name": "hello_world", "language": "en_US" },
        { "name": "login_code", "language": "en_US" },
        { "name": "menu_cards", "language": "en_US" },
        { "name": "order_update", "language": "es_MX" },
    ]);
    assert_eq!(problem["templates"], can_be_sent);
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
    later["send_at"] = json!((e2e::outside::now() + jiff::SignedDuration::from_hours(60)).to_string());
    let (status, _) = stage.world.post_api(&stage.organization, &path, &later).await;
    assert_eq!(status, 422);
    stage.sent().await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [instead, free]);
    stage.world.end().await;
}

/// Of a number that came from elsewhere, and of people who were never heard here, nobody knows whether a window is open: Meta
/// says. Where it is known to be closed, whoever knows better insists.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_refused_only_where_it_is_known_to_be_closed() {
    let stage = Stage::new().await;
    let path = format!("/conversations/{}/messages", stage.conversation);
    let to_martin = json!({ "number_id": stage.number_id, "to": MARTIN, "text": { "body": "Hola" } });
    let (status, never_heard) = stage.world.post_api(&stage.organization, "/messages", &to_martin).await;
    assert_eq!(status, 202, "{never_heard}");
    assert_eq!(stage.until(&id(&never_heard), "failed").await["error"][0]["code"], 131_047, "Meta says so");
    // Her window is over, and the number has been here for longer than one lasts.
    stage.world.advance(DAY + DAY / 24).await;
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &text("¿Sigue ahí?")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#window-closed")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("`force`"), "{problem}");
    let mut insists = text("¿Sigue ahí?");
    insists["force"] = json!(true);
    let sent = stage.send(insists).await;
    assert_eq!(stage.message(&sent).await["type"], "text");
    // It comes here anew: perhaps she wrote where it was meanwhile.
    stage.world.disconnect(&stage.organization, &stage.number.phone_number_id).await;
    stage.world.connect_simulated(&stage.organization, &stage.number).await;
    let came = "UPDATE wazapp.number SET connected_at = connected_at + interval '25 hours'";
    stage.world.sql().await.batch_execute(came).await.unwrap();
    stage.send(text("¿Y ahora?")).await;
    stage.sent().await;
    stage.world.settle().await;
    stage.world.end().await;
}

/// Somebody who is named in both ways is found in either.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_twice_is_one_person() {
    let stage = Stage::new().await;
    let (user, phone) = ("MX.13491208655302741918", "34600555777");
    let mut message = e2e::body::text_message("", "wamid.user", e2e::outside::now().as_second(), "Hola");
    message.as_object_mut().unwrap().remove("from");
    message["from_user_id"] = json!(user);
    let contacts = json!([{ "profile": { "name": "Ana" }, "user_id": user }]);
    let value =
        e2e::body::value(&stage.number.phone_number_id, &json!({ "contacts": contacts, "messages": [message] }));
    stage.world.receive(&value).await;
    let all = stage.world.conversations(&stage.organization).await;
    let thread = all.iter().find(|row| row["contact"]["user_id"] == user).expect("her thread")["id"].clone();
    for body in [
        json!({ "number_id": stage.number_id, "to": phone, "recipient": user, "text": { "body": "uno" } }),
        json!({ "number_id": stage.number_id, "to": LUCIA, "recipient": user, "text": { "body": "dos" } }),
    ] {
        let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
        let expected = if body["to"] == LUCIA { json!(stage.conversation) } else { thread.clone() };
        assert_eq!(answer["conversation_id"], expected, "{body}");
    }
    stage.sent().await;
    stage.world.settle().await;
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
        (json!({ "number_id": stage.number_id, "to": MARTIN, "recipient": LUCIA, "text": { "body": "x" } }), 422),
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
    later["send_at"] = json!((e2e::outside::now() + jiff::SignedDuration::from_hours(1)).to_string());
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
