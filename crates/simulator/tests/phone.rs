//! What the phone page asks: chats, messages, taps, media, and what happens live.

mod support;

use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver, answered};

struct Phone {
    laptop: Laptop,
    receiver: Receiver,
    customer: String,
}

impl Phone {
    /// Ana's phone, which reads what she opens, and an App that hears.
    async fn start() -> Self {
        let laptop = Laptop::start().await;
        let receiver = Receiver::start(&laptop).await;
        let ana = laptop.sim("customers", json!({ "name": "Ana", "phone": "16505551234", "reads": "opened" })).await;
        Self { customer: ana["key"].as_str().expect("a key").to_owned(), laptop, receiver }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.laptop.simulator.url())
    }

    async fn get(&self, path: &str) -> Answered {
        answered(self.laptop.client.get(self.url(path))).await
    }

    async fn post(&self, path: &str, mut body: Value) -> Answered {
        body["customer"] = self.customer.clone().into();
        body["phone_number_id"] = self.laptop.number.clone().into();
        answered(self.laptop.client.post(self.url(path)).body(body.to_string())).await
    }

    async fn sends(&self, message: Value) -> String {
        let (status, answer) = self.post("/_phone/send", json!({ "message": message })).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// The business writes to her; answers the wamid.
    async fn hears(&self, message: Value) -> String {
        let mut body = json!({ "messaging_product": "whatsapp", "to": "16505551234" });
        body.as_object_mut().expect("an object").extend(message.as_object().cloned().expect("a message"));
        let (status, answer) = self.laptop.post(&format!("{}/messages", self.laptop.number), &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].as_str().expect("an id").to_owned()
    }

    async fn thread(&self) -> Value {
        let path = format!("/_phone/thread?customer={}&phone_number_id={}", self.customer, self.laptop.number);
        self.get(&path).await.1
    }

    async fn message(&self, wamid: &str) -> Value {
        let thread = self.thread().await;
        let messages = thread["messages"].as_array().expect("messages");
        messages.iter().find(|message| message["wamid"] == wamid).cloned().unwrap_or(Value::Null)
    }
}

#[tokio::test]
async fn the_page_and_its_files_are_there_with_their_policy() {
    let laptop = Laptop::start().await;
    let page = laptop.client.get(laptop.simulator.url()).send().await.expect("an answer");
    let policy = page.headers()["content-security-policy"].to_str().expect("words").to_owned();
    assert_eq!(policy, "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:");
    let text = page.text().await.expect("a page");
    let named: Vec<&str> = text.split('"').filter(|word| word.starts_with("/_phone/page/")).collect();
    assert!(named.len() > 5);
    for name in named.iter().chain(&["/_phone/page/es.json", "/_phone/page/chat.js"]) {
        let file = laptop.client.get(format!("{}{name}", laptop.simulator.url())).send().await.expect("an answer");
        assert_eq!(file.status(), 200, "{name}");
    }
    let url = format!("{}/_phone/page/other.js", laptop.simulator.url());
    assert_eq!(laptop.client.get(url).send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn a_message_gets_its_ticks() {
    let phone = Phone::start().await;
    let wamid = phone.sends(json!({ "text": { "body": "hola" } })).await;
    phone.receiver.hears("messages", |value| value["messages"][0]["id"] == wamid.as_str()).await;
    // The App's 200 reaches the simulator a moment after the App read the body.
    while phone.message(&wamid).await["status"] != "delivered" {
        tokio::task::yield_now().await;
    }
    let read = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": wamid, "typing_indicator": { "type": "text" } });
    phone.laptop.post(&format!("{}/messages", phone.laptop.number), &read).await;
    assert_eq!(phone.message(&wamid).await["status"], "read");
    assert!(phone.thread().await["typing_seconds"].as_f64().is_some_and(|seconds| seconds > 20.0));
}

#[tokio::test]
async fn what_came_is_shown_counted_and_read() {
    let phone = Phone::start().await;
    phone.sends(json!({ "text": { "body": "hola" } })).await;
    let wamid = phone.hears(json!({ "text": { "body": "buenas" } })).await;
    phone.receiver.hears_status(&wamid, "delivered").await;
    let chats = phone.get(&format!("/_phone/chats?customer={}", phone.customer)).await.1["chats"].clone();
    assert_eq!((&chats[0]["unread"], &chats[0]["last"]["content"]["body"]), (&json!(1), &json!("buenas")));
    assert_eq!((chats.as_array().map(Vec::len), &chats[1]["last"]), (Some(4), &Value::Null));
    phone.post("/_phone/open", json!({})).await;
    phone.receiver.hears_status(&wamid, "read").await;
    let chats = phone.get(&format!("/_phone/chats?customer={}", phone.customer)).await.1["chats"].clone();
    assert_eq!(chats[0]["unread"], 0);
}

#[tokio::test]
async fn one_taps_reacts_edits_and_deletes() {
    let phone = Phone::start().await;
    let own = phone.sends(json!({ "text": { "body": "hola" } })).await;
    let buttons = json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "?" }, "action": {
        "buttons": [{ "type": "reply", "reply": { "id": "y", "title": "Yes" } }] } } });
    let wamid = phone.hears(buttons).await;
    phone.receiver.hears_status(&wamid, "delivered").await;
    assert_eq!(phone.message(&wamid).await["choices"], json!([{ "title": "Yes", "description": null }]));
    assert_eq!(phone.post("/_phone/tap", json!({ "wamid": wamid, "choice": 1 })).await.0, 404);
    let (_, tapped) = phone.post("/_phone/tap", json!({ "wamid": wamid, "choice": 0 })).await;
    let tapped = phone.message(tapped["id"].as_str().expect("an id")).await;
    assert_eq!((&tapped["reply_to"], &tapped["content"]["button_reply"]["id"]), (&json!(wamid), &json!("y")));

    phone.sends(json!({ "reaction": { "message_id": wamid, "emoji": "👍" } })).await;
    assert_eq!(phone.message(&wamid).await["reactions"], json!([{ "by": "from_customer", "emoji": "👍" }]));
    let edit = |of: &str| json!({ "message": { "edit": { "original_message_id": of, "message": { "text": { "body": "hello" } } } } });
    assert_eq!(phone.post("/_phone/send", edit(&own)).await.0, 200);
    let edited = phone.message(&own).await;
    assert_eq!((&edited["content"]["body"], &edited["edited"]), (&json!("hello"), &json!(true)));
    assert_eq!(phone.post("/_phone/send", edit(&wamid)).await.0, 409, "another's message");
    assert_eq!(phone.post("/_phone/send", edit("wamid.x")).await.0, 404);
    phone.laptop.advance("15m").await;
    assert_eq!(phone.post("/_phone/send", edit(&own)).await.0, 409, "too late");
    phone.sends(json!({ "revoke": { "original_message_id": own } })).await;
    let deleted = phone.message(&own).await;
    assert_eq!((&deleted["deleted"], &deleted["content"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_file_is_handed_over_and_shown() {
    let phone = Phone::start().await;
    let path = format!("/_phone/media?phone_number_id={}&filename=a.txt", phone.laptop.number);
    let request = phone.laptop.client.post(phone.url(&path)).header("content-type", "text/plain").body("0123456789");
    let id = answered(request).await.1["id"].clone();
    let wamid = phone.sends(json!({ "type": "document", "document": { "id": id } })).await;
    let shown = phone.message(&wamid).await;
    assert_eq!((&shown["content"]["filename"], &shown["media"]["size"]), (&json!("a.txt"), &json!(10)));
    let url = phone.url(&format!("/_phone/media/{}", id.as_str().expect("an id")));
    let part = phone.laptop.client.get(url).header("range", "bytes=2-4").send().await.expect("an answer");
    assert_eq!((part.status().as_u16(), part.headers()["content-range"].as_bytes()), (206, &b"bytes 2-4/10"[..]));
    assert!(part.headers()["content-security-policy"].to_str().expect("words").contains("sandbox"));
    assert_eq!(part.text().await.expect("a part"), "234");
    assert_eq!(phone.get("/_phone/media/1").await.0, 404);
}

#[tokio::test]
async fn blocked_numbers_are_not_heard_and_failures_are_shown() {
    let phone = Phone::start().await;
    phone.sends(json!({ "text": { "body": "hola" } })).await;
    phone.post("/_phone/block", json!({ "blocked": true })).await;
    let wamid = phone.hears(json!({ "text": { "body": "?" } })).await;
    phone.receiver.hears_status(&wamid, "failed").await;
    assert_eq!(phone.message(&wamid).await["error"]["code"], 131026);
    assert_eq!(phone.post("/_phone/send", json!({ "message": { "text": { "body": "hola" } } })).await.0, 409);
    phone.post("/_phone/block", json!({ "blocked": false })).await;
    phone.sends(json!({ "text": { "body": "hola" } })).await;
}

#[tokio::test]
async fn a_played_voice_note_is_told() {
    let phone = Phone::start().await;
    let voice = phone.sends(json!({ "type": "audio" })).await;
    let voice = phone.message(&voice).await["content"]["id"].clone();
    let url = phone.url(&format!("/_phone/media/{}", voice.as_str().expect("an id")));
    let bytes = phone.laptop.client.get(url).send().await.expect("an answer").bytes().await.expect("bytes");
    let mut form = b"--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--b\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"v.ogg\"\r\nContent-Type: audio/ogg\r\n\r\n"
        .to_vec();
    form.extend_from_slice(&bytes);
    form.extend_from_slice(b"\r\n--b--\r\n");
    let request = phone.laptop.client.post(phone.laptop.url(&format!("{}/media", phone.laptop.number)));
    let request = request.bearer_auth(&phone.laptop.token).header("content-type", "multipart/form-data; boundary=b");
    let (status, uploaded) = answered(request.body(form)).await;
    assert_eq!(status, 200, "{uploaded}");
    let wamid = phone.hears(json!({ "type": "audio", "audio": { "id": uploaded["id"], "voice": true } })).await;
    phone.receiver.hears_status(&wamid, "delivered").await;
    phone.post("/_phone/played", json!({ "wamid": wamid })).await;
    phone.receiver.hears_status(&wamid, "played").await;
}

#[tokio::test]
async fn changes_are_heard_live_by_whom_they_concern() {
    let phone = Phone::start().await;
    let other = phone.laptop.sim("customers", json!({ "username": "other.one" })).await;
    let live = |key: &str| phone.laptop.client.get(phone.url(&format!("/_phone/live?customer={key}"))).send();
    let mut own = live(&phone.customer).await.expect("an answer");
    assert_eq!(own.headers()["content-type"], "text/event-stream");
    let from_other = json!({ "phone_number_id": phone.laptop.number, "from": "@other.one", "text": { "body": "x" } });
    phone.laptop.sim("messages", from_other).await;
    assert!(other["key"].is_string());
    phone.sends(json!({ "text": { "body": "hola" } })).await;
    let first = own.chunk().await.expect("an event").expect("not the end");
    let line = String::from_utf8_lossy(&first);
    let data: Value = serde_json::from_str(line.trim().strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!(data, json!({ "phone_number_id": phone.laptop.number, "what": "message" }));
}
