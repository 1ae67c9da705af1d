//! What can be sent, and how far it comes.

use e2e::SimulatedNumber;
use reqwest::Method;
use serde_json::{Value, json};

use super::{MARTIN, Stage, id, text};

/// Uploads a file through the Graph-compatible side, as Meta's id of it is the organization's then; answers that id.
pub(super) async fn upload(stage: &Stage, number: &SimulatedNumber, mime: &str, name: &str, bytes: &[u8]) -> String {
    let boundary = "a-boundary";
    let mut body = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"type\"\r\n\r\n{mime}\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: {mime}\r\n\r\n"
    )
    .into_bytes();
    body.extend(bytes);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    let url = format!("{}/v26.0/{}/media", stage.world.url(), number.phone_number_id);
    let asked = stage.world.client().post(url).bearer_auth(&stage.organization.key);
    let asked = asked.header("content-type", format!("multipart/form-data; boundary={boundary}")).body(body);
    let answer: Value = serde_json::from_str(&asked.send().await.unwrap().text().await.unwrap()).unwrap();
    answer["id"].as_str().unwrap_or_else(|| panic!("no medium: {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_accepted_and_climbs_to_read() {
    let stage = Stage::new().await;
    let document = upload(&stage, &stage.number, "text/plain", "carta.txt", b"Tortilla 4").await;
    let asked = stage.world.conversation(&stage.organization).await["last_message"]["id"].clone();
    let asked = stage.message(asked.as_str().unwrap()).await["wamid"].clone();
    let mut sent = Vec::new();
    for (body, shown) in [
        (text("Sí, hasta las 20."), "Sí, hasta las 20."),
        (json!({ "text": { "body": "Sin tipo" } }), "Sin tipo"),
        (json!({ "type": "text", "text": { "body": "Respuesta" }, "context": { "message_id": asked } }), "Respuesta"),
        (
            json!({ "type": "document", "document": { "id": document, "filename": "carta.txt", "caption": "La carta" } }),
            "La carta",
        ),
        (
            json!({ "type": "location", "location": { "latitude": 40.4, "longitude": -3.7, "name": "Lucero" } }),
            "Lucero",
        ),
        (
            json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Ana Ruiz", "first_name": "Ana" },
            "phones": [{ "phone": "+34600555666" }] }] }),
            "Ana Ruiz",
        ),
        (
            json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "¿Mesa?" }, "action": {
            "buttons": [{ "type": "reply", "reply": { "id": "y", "title": "Sí" } }] } } }),
            "¿Mesa?",
        ),
        (json!({ "type": "template", "template": stage.template().await }), ""),
    ] {
        let id = stage.send(body.clone()).await;
        let message = stage.message(&id).await;
        assert!(message["text"].as_str().unwrap().contains(shown), "{message:#}");
        let kind = body["type"].as_str().unwrap_or("text");
        assert_eq!(message["payload"][kind], body[kind], "{message:#}");
        assert_eq!((&message["type"], &message["origin"]), (&json!(kind), &json!("api")));
        sent.push(id);
    }
    for id in &sent {
        let read = stage.until(id, "read").await;
        assert!(read["wamid"].is_string() && read["error"].is_null(), "{read:#}");
    }
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, sent, "each once, in the order of the conversation");
    let answer = stage.message(&sent[2]).await;
    assert_eq!(answer["reply_to_wamid"], asked);
    // Each was accepted once and told so once; then its statuses.
    let told = stage.world.events(&stage.organization, "message.sent").await;
    let told: Vec<&Value> = told.iter().map(|event| &event["data"]["id"]).collect();
    assert_eq!(told.len(), sent.len(), "{told:?}");
    let statuses = stage.world.all(&stage.organization, &format!("/messages/{}/statuses", sent[0])).await;
    let words: Vec<&str> = statuses.iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(words, ["sent", "delivered", "read"]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_shows_and_hands_the_conversation_over() {
    let stage = Stage::new().await;
    let before = stage.world.conversation(&stage.organization).await;
    assert_eq!((&before["state"], &before["unread_count"]), (&json!("active"), &json!(1)));
    let id = stage.send(text("Sí, hasta las 20.")).await;
    let after = stage.world.conversation(&stage.organization).await;
    assert_eq!((&after["state"], &after["unread_count"]), (&json!("waiting"), &json!(1)), "nobody read it");
    assert_eq!(after["last_message"]["id"], id.as_str());
    assert_eq!(after["last_message"]["preview"], "Sí, hasta las 20.");
    assert_eq!(after["window_expires_at"], before["window_expires_at"]);
    stage.until(&id, "read").await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_shows_on_its_message_and_answers_nobody() {
    let stage = Stage::new().await;
    let asked = stage.world.conversation(&stage.organization).await["last_message"]["id"].as_str().unwrap().to_owned();
    let wamid = stage.message(&asked).await["wamid"].clone();
    let id = stage.send(json!({ "type": "reaction", "reaction": { "message_id": wamid, "emoji": "👍" } })).await;
    stage.world.until("it shows", async || stage.message(&asked).await["reactions"][0]["emoji"] == "👍").await;
    assert_eq!(stage.message(&asked).await["reactions"][0]["from"], "business");
    assert_eq!(stage.message(&id).await["reply_to_wamid"], wamid);
    let conversation = stage.world.conversation(&stage.organization).await;
    assert_eq!((&conversation["state"], &conversation["last_message"]["id"]), (&json!("active"), &json!(asked)));
    stage.sent().await;
    stage.world.settle().await;
    stage.world.end().await;
}

/// Someone who never wrote gets a template; their answer comes into the conversation that it began, however Meta spells
/// the number.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_begins_a_conversation() {
    let stage = Stage::new().await;
    let template = stage.template().await;
    let body =
        json!({ "number_id": stage.number_id, "to": "+52 55 1234 5678", "type": "template", "template": template });
    let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
    assert_eq!(status, 202, "{answer}");
    let message = stage.until(&id(&answer), "read").await;
    let wamid = stage.world.meta().customer_says(&stage.number, "5215512345678", "Gracias").await;
    stage.world.settle().await;
    let came = stage.world.message(&stage.organization, &wamid).await;
    assert_eq!(came["conversation_id"], message["conversation_id"]);
    assert_eq!(stage.world.conversations(&stage.organization).await.len(), 2);
    // The same person by a user id is written to by it.
    let contact = stage.world.conversations(&stage.organization).await;
    let user_id = contact.iter().find_map(|row| row["contact"]["user_id"].as_str().map(str::to_owned));
    if let Some(user_id) = user_id {
        let body = json!({ "number_id": stage.number_id, "recipient": user_id, "text": { "body": "Por id" } });
        let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
        stage.until(&id(&answer), "read").await;
        assert_eq!(stage.world.conversations(&stage.organization).await.len(), 2, "nobody new");
    }
    stage.world.end().await;
}

/// Meta takes a message to someone who is not on WhatsApp, and says so in a status.
#[tokio::test(flavor = "multi_thread")]
async fn what_meta_cannot_deliver_fails_with_its_reason() {
    let stage = Stage::new().await;
    let nobody = json!({ "name": "Martín", "phone": MARTIN, "on_whatsapp": false });
    stage.world.meta().control(Method::POST, "customers", Some(&nobody)).await;
    let template = stage.template().await;
    let body = json!({ "number_id": stage.number_id, "to": MARTIN, "type": "template", "template": template });
    let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
    assert_eq!(status, 202, "{answer}");
    let failed = stage.until(&id(&answer), "failed").await;
    assert_eq!(failed["error"][0]["code"], 131026, "{failed:#}");
    assert!(failed["wamid"].is_string());
    stage.world.settle().await;
    stage.world.end().await;
}
