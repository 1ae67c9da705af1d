//! A business writes to customers over HTTP, and hears what became of it.

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver, answered};

const CUSTOMER: &str = "16505551234";

async fn post(laptop: &Laptop, edge: &str, body: &Value) -> Answered {
    laptop.post(&format!("{}/{edge}", laptop.number), body).await
}

async fn send(laptop: &Laptop, body: &Value) -> Answered {
    post(laptop, "messages", body).await
}

async fn text(laptop: &Laptop, to: &str) -> Answered {
    send(laptop, &json!({ "messaging_product": "whatsapp", "to": to, "text": { "body": "hello" } })).await
}

/// A customer writes; answers the wamid.
async fn customer_writes(laptop: &Laptop, from: &str) -> String {
    let message = json!({ "phone_number_id": laptop.number, "from": from, "type": "text", "text": { "body": "hi" } });
    laptop.sim("messages", message).await["id"].as_str().expect("an id").to_owned()
}

/// Every request that was truly accepted.
async fn accepted(laptop: &Laptop) -> Vec<Value> {
    let (_, answer) = answered(laptop.client.get(format!("{}/_sim/accepted", laptop.simulator.url()))).await;
    answer["data"].as_array().expect("rows").clone()
}

/// Uploads a file; answers its id.
async fn upload(laptop: &Laptop, mime: &str) -> String {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--b\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: {mime}\r\n\r\nbytes\r\n--b--\r\n"
    );
    let request = laptop.client.post(laptop.url(&format!("{}/media", laptop.number))).bearer_auth(&laptop.token);
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(body);
    let (_, answer) = answered(request).await;
    answer["id"].as_str().unwrap_or_else(|| panic!("{mime}: {answer}")).to_owned()
}

/// The code of the error that a message failed with.
async fn failure(receiver: &Receiver, sent: Answered) -> i64 {
    let failed = receiver.hears_status(&wamid(sent), "failed").await.pop().expect("a status");
    failed["errors"][0]["code"].as_i64().unwrap_or_else(|| panic!("no code: {failed}"))
}

fn wamid((status, answer): Answered) -> String {
    assert_eq!(status, 200, "{answer}");
    answer["messages"][0]["id"].as_str().expect("an id").to_owned()
}

fn code((status, answer): Answered) -> (u16, i64) {
    (status, answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}")))
}

#[tokio::test]
async fn inside_the_window_a_message_is_sent_delivered_and_read() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    customer_writes(&laptop, CUSTOMER).await;
    let body = json!({
        "messaging_product": "whatsapp", "to": "+1 650-555-1234", "text": { "body": "hello" },
        "biz_opaque_callback_data": "row-1",
    });
    let wamid = wamid(send(&laptop, &body).await);
    let statuses = receiver.hears_status(&wamid, "read").await;
    let names: Vec<&Value> = statuses.iter().map(|status| &status["status"]).collect();
    assert_eq!(names, ["sent", "delivered", "read"]);
    let free = json!({
        "billable": false, "pricing_model": "PMP", "category": "service", "type": "free_customer_service",
    });
    for status in &statuses {
        assert_eq!(status["recipient_id"], CUSTOMER);
        assert_eq!(status["biz_opaque_callback_data"], "row-1");
        let pricing = if status["status"] == "read" { &Value::Null } else { &free };
        assert_eq!(&status["pricing"], pricing, "{status}");
    }
    let accepted = accepted(&laptop).await;
    assert_eq!((&accepted[0]["id"], &accepted[0]["request"]), (&wamid.into(), &body));
    laptop.simulator.stop().await;
}

#[tokio::test]
async fn outside_the_window_a_text_fails_and_a_template_costs() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    assert_eq!(failure(&receiver, text(&laptop, CUSTOMER).await).await, 131047);

    let template = json!({
        "messaging_product": "whatsapp", "to": CUSTOMER, "type": "template",
        "template": { "name": "hello_world", "language": { "code": "en_US" } },
    });
    let sent = receiver.hears_status(&wamid(send(&laptop, &template).await), "sent").await;
    let pricing = json!({ "billable": true, "pricing_model": "PMP", "category": "utility", "type": "regular" });
    assert_eq!(sent[0]["pricing"], pricing);

    customer_writes(&laptop, CUSTOMER).await;
    receiver.hears_status(&wamid(text(&laptop, CUSTOMER).await), "sent").await;
    laptop.advance("24h").await;
    assert_eq!(failure(&receiver, text(&laptop, CUSTOMER).await).await, 131047);
    laptop.simulator.stop().await;
}

#[tokio::test]
async fn what_only_a_status_tells_comes_as_one() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    customer_writes(&laptop, CUSTOMER).await;
    let image = json!({
        "messaging_product": "whatsapp", "to": CUSTOMER, "type": "image",
        "image": { "link": format!("{}/nothing-here.png", laptop.simulator.url()) },
    });
    assert_eq!(failure(&receiver, send(&laptop, &image).await).await, 131053);
    let reaction = json!({
        "messaging_product": "whatsapp", "to": CUSTOMER, "type": "reaction",
        "reaction": { "message_id": "wamid.HBgLMTY0NjcwNDM1OTUVAgASGBQ=", "emoji": "👍" },
    });
    assert_eq!(failure(&receiver, send(&laptop, &reaction).await).await, 131009);
    laptop.simulator.stop().await;
}

/// Time nearly stands still, and leaps when it is told to.
#[tokio::test]
async fn limits_go_by_the_simulator_s_clock() {
    let laptop = Laptop::start().await;
    laptop.sim("clock", json!({ "speed": 0.0001 })).await;
    for i in 0..80 {
        wamid(text(&laptop, &format!("1650555{:04}", 2000 + i)).await);
    }
    let (status, answer) = text(&laptop, CUSTOMER).await;
    assert_eq!((status, answer["error"]["code"].as_i64()), (400, Some(130429)), "{answer}");
    assert_eq!(answer["error"]["error_subcode"], 2_494_055);
    laptop.advance("1s").await;
    for _ in 0..45 {
        wamid(text(&laptop, CUSTOMER).await);
    }
    assert_eq!(code(text(&laptop, CUSTOMER).await), (400, 131056));
    laptop.advance("6s").await;
    wamid(text(&laptop, CUSTOMER).await);
    assert_eq!(code(text(&laptop, CUSTOMER).await), (400, 131056));
    assert_eq!(accepted(&laptop).await.len(), 80 + 45 + 1, "only what was accepted");
    laptop.simulator.stop().await;
}

/// Meta's own examples that are refused here, with the code and why. `file`: part of the file's name.
struct Refused {
    file: &'static str,
    name: &'static str,
    code: i64,
    why: &'static str,
}

const REFUSED: &[Refused] = &[
    Refused {
        file: "POST_phone-number-id-messages",
        name: "Send Reply to List Message",
        code: 131008,
        why: "it has no type: it is text then, and has no text",
    },
    Refused {
        file: "doc_address-messages",
        name: "JSON Payload",
        code: 100,
        why: "its parameters are the words \"JSON Payload\"",
    },
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/fixtures/graph")
}

/// What the examples' placeholders stand for.
struct Filling {
    phone: String,
    user_id: String,
    wamid: String,
    media: Vec<(&'static str, String)>,
}

impl Filling {
    fn fill(&self, key: &str, value: &mut Value) {
        match value {
            Value::Object(object) => {
                for (name, value) in object.iter_mut() {
                    match (name.as_str(), self.media.iter().find(|(kind, _)| *kind == key)) {
                        ("id", Some((_, id))) => *value = id.clone().into(),
                        ("link", Some(_)) => *value = "https://127.0.0.1:9/file".into(),
                        _ => self.fill(name, value),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.fill(key, value)),
            Value::String(text) => *text = self.word(key, text),
            _ => {}
        }
    }

    fn word(&self, key: &str, text: &str) -> String {
        match (key, text) {
            ("to", _) => self.phone.clone(),
            ("recipient", _) => self.user_id.clone(),
            ("message_id", _) => self.wamid.clone(),
            ("latitude" | "longitude", text) if text.starts_with('<') => "12.5".into(),
            ("emoji", text) if text.starts_with('<') => "😀".into(),
            ("country", text) if text.starts_with('<') => "IN".into(),
            ("type", "<HEADER_TYPE>") => "text".into(),
            _ => text.replace("xxxxxxxxxx", "9876543210"),
        }
    }
}

/// The requests in a file that send: `(name, edge, body)`.
fn requests(file: &Path) -> Vec<(String, &'static str, Value)> {
    let text = std::fs::read_to_string(file).expect("a fixture");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    let edge =
        if file.to_string_lossy().contains("marketing-messages.json") { "marketing_messages" } else { "messages" };
    let examples = whole["examples"].as_array().cloned().unwrap_or_default();
    let sends = |body: &Value| body["messaging_product"] == "whatsapp" && body.get("block_users").is_none();
    examples
        .into_iter()
        .filter(|example| example["kind"] == "request" && sends(&example["body"]))
        .map(|example| (example["name"].as_str().unwrap_or_default().to_owned(), edge, example["body"].clone()))
        .collect()
}

fn is_of_sends(name: &str) -> bool {
    const FILES: &[&str] = &[
        "POST_phone-number-id-messages.json",
        "POST_phone-number-id-marketing-messages.json",
        "bsuid_send-and-responses.json",
        "direct-send_requests.json",
        "doc_mark-message-as-read.json",
        "doc_typing-indicators.json",
    ];
    FILES.contains(&name) || (name.starts_with("doc_") && name.ends_with("-messages.json"))
}

/// Every published example of a send is taken, or refused for a reason that is written down.
#[tokio::test]
async fn meta_s_own_examples() {
    let Ok(folder) = std::fs::read_dir(fixtures()) else {
        eprintln!("SKIPPED meta_s_own_examples: there is no {}", fixtures().display());
        return;
    };
    let laptop = Laptop::start().await;
    // So many in a moment would be too many for the number.
    laptop.sim("clock", json!({ "speed": 1000 })).await;
    let user_id = "US.13491208655302741918";
    let mut filling = Filling {
        phone: String::new(),
        user_id: user_id.into(),
        wamid: customer_writes(&laptop, user_id).await,
        media: vec![
            ("audio", upload(&laptop, "audio/ogg").await),
            ("document", upload(&laptop, "application/pdf").await),
            ("image", upload(&laptop, "image/png").await),
            ("sticker", upload(&laptop, "image/webp").await),
            ("video", upload(&laptop, "video/mp4").await),
        ],
    };
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| is_of_sends(&name.to_string_lossy())));
    files.sort();
    let (mut taken, mut refused) = (0, 0);
    for file in files {
        let stem = file.file_stem().expect("a name").to_string_lossy().into_owned();
        for (name, edge, mut body) in requests(&file) {
            let unknown_template = body["type"] == "template" && body["template"]["name"] != "hello_world";
            let listed = REFUSED
                .iter()
                .find(|row| stem == row.file && (name == row.name || body.to_string().contains(row.name)));
            // One of the two languages in which examples name it.
            let marketing_hello = edge == "marketing_messages" && !unknown_template;
            let wanted = match listed {
                Some(row) => Some((row.code, row.why)),
                None if unknown_template => Some((132001, "the account has no template of this name")),
                None if marketing_hello => Some((132001, "hello_world is there in en_US only")),
                None => None,
            };
            filling.phone = format!("1650555{:04}", 2000 + taken + refused);
            filling.fill("", &mut body);
            let (status, answer) = post(&laptop, edge, &body).await;
            match wanted {
                None => {
                    assert_eq!(status, 200, "{stem} / {name}: {answer}\n{body}");
                    taken += 1;
                }
                Some((code, why)) => {
                    assert_eq!(answer["error"]["code"], code, "{stem} / {name}, {why}: {answer}\n{body}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((taken, refused), (69, 13), "have the examples changed?");
    assert_eq!(accepted(&laptop).await.len(), taken, "each that was taken, once");
    laptop.simulator.stop().await;
}
