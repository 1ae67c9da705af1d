//! Sends that Meta takes: answered as Meta answers, and kept like any other message.

use reqwest::Method;
use serde_json::{Value, json};

use super::{LUCIA, Stage, body};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_as_by_meta_and_stands_in_the_inbox() {
    let stage = Stage::new().await;
    let message = json!({
        "to": "+34 600 111 222", "type": "text", "text": { "body": "Sí, hasta las 20." },
        "biz_opaque_callback_data": "order-7",
    });
    let answer = stage.send(message).await;
    let wamid = answer.body["messages"][0]["id"].as_str().expect("a wamid").to_owned();
    let expected = json!({
        "messaging_product": "whatsapp", "contacts": [{ "input": "+34 600 111 222", "wa_id": LUCIA }],
        "messages": [{ "id": wamid }],
    });
    assert_eq!((answer.status, &answer.body), (200, &expected));

    stage.world.until("it is read", async || stage.outbound().await[0]["status"] == "read").await;
    let kept = stage.outbound().await.remove(0);
    assert_eq!((&kept["wamid"], &kept["origin"], &kept["status"]), (&json!(wamid), &json!("api"), &json!("read")));
    assert_eq!((&kept["text"], &kept["callback_data"]), (&json!("Sí, hasta las 20."), &json!("order-7")));
    let accepted = stage.accepted().await.remove(0);
    assert_eq!(accepted["request"]["biz_opaque_callback_data"], kept["id"], "Meta echoes our id");
    let told = stage.world.events(&stage.organization, "message.status").await;
    let told: Vec<_> = told.iter().map(|event| (&event["data"]["status"], &event["data"]["callback_data"])).collect();
    let word = json!("order-7");
    assert_eq!(told, [(&json!("sent"), &word), (&json!("delivered"), &word), (&json!("read"), &word)]);
    stage.end().await;
}

/// API v1 takes the same word, and without one nobody is shown our id in its place.
#[tokio::test(flavor = "multi_thread")]
async fn the_senders_word_is_the_same_in_the_api() {
    let stage = Stage::new().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    let path = format!("/conversations/{}/messages", conversation["id"].as_str().unwrap());
    for word in [json!("order-8"), Value::Null] {
        let mut message = json!({ "text": { "body": "hola" } });
        if word.is_string() {
            message["biz_opaque_callback_data"] = word.clone();
        }
        let (status, queued) = stage.world.post_api(&stage.organization, &path, &message).await;
        assert_eq!((status, &queued["callback_data"]), (202, &word), "{queued}");
        let read = format!("/messages/{}", queued["id"].as_str().unwrap());
        let status = async || stage.world.read(&stage.organization, &read).await["status"].clone();
        stage.world.until("it is read", async || status().await == "read").await;
        let told = stage.world.events(&stage.organization, "message.status").await;
        assert_eq!(told.last().unwrap()["data"]["callback_data"], word);
    }
    stage.end().await;
}

/// Where a token reaches several accounts, Meta is to be told by which a message goes. This side dropped that without a word, and
/// API v1 knew no such member.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_that_a_message_goes_by_is_told_to_meta() {
    let stage = Stage::new().await;
    let (own, foreign) = (&stage.number.waba_id, &stage.strangers_number.waba_id);
    let text = |name: &str, account: &str| json!({ "text": { "body": "hola" }, name: account });
    let last = async || stage.accepted().await.pop().expect("a message")["request"].clone();
    let conversation = stage.world.conversation(&stage.organization).await;
    let (number_id, id) = (&conversation["number_id"], conversation["id"].as_str().unwrap());
    let path = format!("/conversations/{id}/messages");
    let post = async |path: &str, message: &Value| stage.world.post_api(&stage.organization, path, message).await;
    let mut taken = 0;
    for name in ["messaging_account_id", "paid_messaging_account_id"] {
        let with_to = |account: &str| {
            let mut message = text(name, account);
            message["to"] = LUCIA.into();
            message
        };
        assert_eq!(stage.send(with_to(own)).await.status, 200);
        assert_eq!(last().await["messaging_account_id"], **own, "{name}");
        let refused = stage.send(with_to(foreign)).await;
        assert_eq!((refused.status, refused.code()), (400, 131_009), "{}", refused.body);
        assert!(refused.details().contains(name), "{}", refused.details());

        let to_someone = |account: &str| {
            let mut message = with_to(account);
            message["number_id"] = number_id.clone();
            message
        };
        let many = json!({ "messages": [to_someone(own), to_someone(foreign)] });
        for (path, message) in [(&*path, text(name, own)), ("/messages", to_someone(own)), ("/messages/batch", many)] {
            let (_, answer) = post(path, &message).await;
            let queued = answer["data"][0].get("message").unwrap_or(&answer);
            assert_eq!(queued["status"], "queued", "{path}: {answer}");
            taken += 1;
        }
        for (path, message) in [(&*path, text(name, foreign)), ("/messages", to_someone(foreign))] {
            let (status, problem) = post(path, &message).await;
            assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(name)), "{problem}");
            assert_eq!(problem["errors"][0]["rule"], "mismatch", "{problem}");
        }
        taken += 1;
    }
    stage.world.until("all are with Meta", async || stage.accepted().await.len() == taken).await;
    assert!(stage.accepted().await.iter().all(|one| one["request"]["messaging_account_id"] == **own));
    // What goes in its place goes by the same account.
    let template = stage.world.meta().simple_template(&stage.number).await;
    stage.world.advance(std::time::Duration::from_secs(25 * 3600)).await;
    let mut instead = text("messaging_account_id", own);
    instead["when_window_closed"] = json!({ "template": template });
    assert_eq!(post(&path, &instead).await.0, 202);
    stage.world.until("it is with Meta", async || stage.accepted().await.len() == taken + 1).await;
    let sent = last().await;
    assert_eq!((&sent["type"], &sent["messaging_account_id"]), (&json!("template"), &json!(own)));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_id_a_template_and_a_form_are_taken_too() {
    let stage = Stage::new().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    let user_id = conversation["contact"]["user_id"].as_str().expect("Lucía's user id");
    let answer = stage.send(json!({ "recipient": user_id, "text": { "body": "hola" } })).await;
    assert_eq!(answer.body["contacts"], json!([{ "input": user_id, "user_id": user_id }]), "{}", answer.body);

    let template = json!({ "name": "open_late", "language": "en_US", "category": "UTILITY",
        "components": [body("We are open until ten today.")] });
    let path = format!("{}/message_templates", stage.number.waba_id);
    let made = stage.ask(Method::POST, &path, Some(template)).await;
    let id = made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body));
    let approved = json!({ "event": "APPROVED" });
    stage.world.meta().control(Method::POST, &format!("templates/{id}"), Some(&approved)).await;
    let template = json!({ "name": "open_late", "language": { "code": "en_US" } });
    let answer = stage.send(json!({ "to": "34600999888", "type": "template", "template": template })).await;
    assert_eq!(answer.body["messages"][0]["message_status"], "accepted", "{}", answer.body);

    // A form, its key in the query, on a path without a version.
    let (number, key) = (&stage.number.phone_number_id, &stage.organization.key);
    let url = format!("{}/{number}/messages?access_token={key}&messaging_product=whatsapp", stage.world.url());
    let form = [("to", LUCIA), ("type", "text"), ("text", r#"{"body":"por formulario"}"#)];
    let request = stage.world.client().post(url);
    let body = form.map(|(name, value)| format!("{name}={}", value.replace('"', "%22").replace(' ', "+"))).join("&");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(stage.heard(request).await.status, 200);
    assert_eq!(stage.outbound().await.last().unwrap()["text"], "por formulario");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_receipt_reaches_meta_and_the_inbox() {
    let stage = Stage::new().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    assert_eq!(conversation["unread_count"], 1);
    let wamid = stage.world.messages(&stage.organization, &conversation).await[0]["wamid"].clone();
    let receipt = json!({ "status": "read", "message_id": wamid, "typing_indicator": { "type": "text" } });
    let answer = stage.send(receipt).await;
    assert_eq!((answer.status, answer.body), (200, json!({ "success": true })));
    let read = stage.accepted().await.remove(0);
    assert_eq!((&read["kind"], &read["id"]), (&json!("read"), &wamid));
    assert_eq!(read["request"]["typing_indicator"], json!({ "type": "text" }));
    assert_eq!(stage.world.conversation(&stage.organization).await["unread_count"], 0);
    let refused = stage.send(json!({ "status": "read", "message_id": "wamid.none" })).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sends_at_once_are_two_messages() {
    let stage = Stage::new().await;
    let (one, other) = tokio::join!(stage.says("uno"), stage.says("dos"));
    assert_eq!((one.status, other.status), (200, 200), "{} {}", one.body, other.body);
    assert_ne!(one.body["messages"], other.body["messages"]);
    assert_eq!(stage.accepted().await.len(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused_with_metas_codes() {
    let stage = Stage::new().await;
    let text = json!({ "body": "hola" });
    for (message, code) in [
        (json!({ "text": text }), 100),
        (json!({ "to": "nobody", "text": text }), 131009),
        (json!({ "to": LUCIA, "type": "text" }), 131008),
        (json!({ "to": LUCIA, "text": { "body": "x".repeat(4097) } }), 131009),
        (json!({ "to": stage.number.digits, "text": text }), 131021),
    ] {
        let answer = stage.send(message.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{message}: {}", answer.body);
    }
    // Refused by Meta itself, with its HTTP status.
    let unknown = json!({ "name": "no_such", "language": { "code": "en_US" } });
    let answer = stage.send(json!({ "to": LUCIA, "type": "template", "template": unknown })).await;
    assert_eq!((answer.status, answer.code()), (404, 132001), "{}", answer.body);
    let path = format!("{}/messages", stage.number.phone_number_id);
    let answer = stage.ask(Method::POST, &path, Some(json!({ "to": LUCIA, "text": text }))).await;
    assert_eq!((answer.status, answer.code()), (400, 100), "no messaging_product: {}", answer.body);
    let answer = stage.ask(Method::POST, &path, Some(json!("x".repeat(70_000)))).await;
    assert_eq!((answer.status, answer.code()), (413, 100));
    assert_eq!(stage.accepted().await.len(), 0);
    stage.end().await;
}
