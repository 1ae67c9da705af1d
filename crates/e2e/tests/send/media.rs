//! Files that people upload, and messages that show them: brought to Meta once, and sent once.

use std::time::Duration;

use e2e::{Organization, SimulatedNumber};
use model::outbox;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{LUCIA, MARTIN, Stage, id, text};

const PNG: &[u8] = include_bytes!("../../../simulator/src/world/samples/image.png");
const WEBP: &[u8] = include_bytes!("../../../simulator/src/world/samples/sticker.webp");
const MP4: &[u8] = include_bytes!("../../../simulator/src/world/samples/video.mp4");
const OGG: &[u8] = include_bytes!("../../../simulator/src/world/samples/voice.ogg");
const PDF: &[u8] = include_bytes!("../../../simulator/src/world/samples/document.pdf");

const BOUNDARY: &str = "a-boundary";

/// One part of a form.
fn part(name: &str, filename: Option<&str>, mime: Option<&str>, bytes: &[u8]) -> Vec<u8> {
    let filename = filename.map_or_else(String::new, |name| format!("; filename=\"{name}\""));
    let mime = mime.map_or_else(String::new, |mime| format!("content-type: {mime}\r\n"));
    let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{filename}\r\n{mime}\r\n");
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

impl Stage {
    async fn post_form(&self, organization: &Organization, language: &str, body: Vec<u8>) -> (u16, Value) {
        let asked = self.world.client().post(format!("{}/api/v1/media", self.world.url()));
        let asked = asked.bearer_auth(&organization.key).header("accept-language", language);
        let asked = asked.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body);
        let answer = asked.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Uploads a file, which must be taken; answers it.
    async fn uploads(&self, mime: &str, name: &str, bytes: &[u8]) -> Value {
        self.uploads_as(&self.organization, mime, name, bytes).await
    }

    async fn uploads_as(&self, organization: &Organization, mime: &str, name: &str, bytes: &[u8]) -> Value {
        let body = form(&[part("file", Some(name), Some(mime), bytes)]);
        let (status, media) = self.post_form(organization, "en", body).await;
        assert_eq!(status, 201, "{media}");
        media
    }

    /// What was asked of Meta for a message that it accepted.
    async fn request(&self, message: &str) -> Value {
        let all = self.world.meta().accepted(&self.number).await;
        let mut found: Vec<Value> = all
            .into_iter()
            .map(|row| row["request"].clone())
            .filter(|request| request["biz_opaque_callback_data"] == message)
            .collect();
        assert_eq!(found.len(), 1, "{message} was accepted once");
        found.remove(0)
    }

    /// The bytes that Meta has under an id.
    async fn at_meta(&self, number: &SimulatedNumber, meta_id: &Value) -> Vec<u8> {
        let meta_id = meta_id.as_str().unwrap();
        assert!(meta_id.bytes().all(|byte| byte.is_ascii_digit()), "{meta_id}");
        let (status, told) = self.world.meta().graph(Method::GET, meta_id, &number.token, None).await;
        assert_eq!(status, 200, "{told}");
        let asked = self.world.client().get(told["url"].as_str().unwrap()).bearer_auth(&number.token);
        let answer = asked.header("user-agent", "tests").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().to_vec()
    }

    /// Why a message is not taken: fields and texts.
    async fn mistakes(&self, message: Value) -> Vec<(String, String)> {
        let path = format!("/conversations/{}/messages", self.conversation);
        let (status, problem) = self.world.post_api(&self.organization, &path, &message).await;
        assert_eq!(status, 422, "{problem}");
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{problem}")).iter();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        errors.map(|error| (word(&error["field"]), word(&error["text"]))).collect()
    }

    async fn image(&self, media: &Value) -> String {
        self.send(json!({ "type": "image", "image": { "id": media["id"] } })).await
    }

    /// Waits until a message is read, stepping over waits between tries.
    async fn until_read(&self, message: &str) {
        self.world
            .until("it is read", async || {
                self.world.advance(Duration::from_secs(1)).await;
                self.status(message).await == "read"
            })
            .await;
    }

    async fn happened(&self) -> u64 {
        let faults = self.world.meta().control(Method::GET, "faults", None).await;
        faults["data"].as_array().unwrap().iter().map(|fault| fault["happened"].as_u64().unwrap()).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_file_arrives_as_it_was_uploaded() {
    let stage = Stage::new().await;
    let mut sent = Vec::new();
    for (kind, mime, name, bytes, beside) in [
        ("image", "image/png", "menú.png", PNG, json!({ "caption": "La carta" })),
        ("video", "video/mp4", "horno.mp4", MP4, json!({})),
        ("audio", "audio/ogg", "nota.ogg", OGG, json!({ "voice": true })),
        ("document", "application/pdf", "factura 12.pdf", PDF, json!({})),
        ("document", "text/plain", "carta.txt", "Tortilla 4 €\n".as_bytes(), json!({ "filename": "otra.txt" })),
        ("sticker", "image/webp", "hola.webp", WEBP, json!({})),
    ] {
        let media = stage.uploads(mime, name, bytes).await;
        assert_eq!((&media["state"], &media["filename"]), (&json!("stored"), &json!(name)), "{media}");
        assert!(media["mime_type"].as_str().unwrap().starts_with(mime), "{media}");
        assert_eq!(media["size"], bytes.len());
        let mut shown = beside;
        shown["id"] = media["id"].clone();
        let message = stage.send(json!({ "type": kind, kind: shown })).await;
        sent.push((message, kind, media, bytes));
    }
    for (message, kind, media, bytes) in &sent {
        let read = stage.until(message, "read").await;
        for member in ["state", "mime_type", "filename", "size", "sha256"] {
            assert_eq!(read["media"][member], media[member], "{member} of {read:#}");
        }
        assert_ne!(read["media"]["id"], media["id"], "the message has its own");
        assert_eq!(read["payload"][kind]["id"], media["id"], "what was sent is what was asked");
        let request = stage.request(message).await;
        assert_eq!(stage.at_meta(&stage.number, &request[kind]["id"]).await, *bytes, "{kind}");
    }
    assert_eq!(stage.request(&sent[3].0).await["document"]["filename"], "factura 12.pdf", "the customer sees a name");
    assert_eq!(stage.request(&sent[4].0).await["document"]["filename"], "otra.txt");
    stage.world.settle().await;
    let expected: Vec<&String> = sent.iter().map(|(message, ..)| message).collect();
    assert_eq!(stage.accepted().await.iter().collect::<Vec<_>>(), expected, "in their order");
    stage.world.end().await;
}

/// The same bytes for the same number are brought to Meta once, whoever shows them, until Meta forgets them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_brought_once_for_thirty_days() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    let (first, second) =
        (stage.uploads("image/png", "a.png", PNG).await, stage.uploads("image/png", "b.png", PNG).await);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(first["sha256"], second["sha256"]);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file WHERE mime_type = 'image/png'").await, 1);
    let show = |media: &Value| json!({ "type": "image", "image": { "id": media["id"] } });
    let mut sent = Vec::new();
    for media in [&first, &second, &first, &second] {
        sent.push(stage.send(show(media)).await);
        sent.push(stage.send_in(&martin, show(media)).await);
    }
    let mut ids = Vec::new();
    for message in &sent {
        stage.until(message, "read").await;
        ids.push(stage.request(message).await["image"]["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    // A message's own medium can be sent on.
    let own = stage.message(&sent[0]).await["media"].clone();
    let on = stage.send_in(&martin, show(&own)).await;
    stage.until(&on, "read").await;
    assert_eq!(stage.request(&on).await["image"]["id"], ids[0]);

    stage.world.advance(Duration::from_secs(29 * 24 * 3600 + 60)).await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Hay algo nuevo?").await;
    stage.world.settle().await;
    let late = stage.image(&first).await;
    stage.until(&late, "read").await;
    let fresh = stage.request(&late).await["image"]["id"].clone();
    assert_ne!(fresh, ids[0]);
    assert_eq!(stage.at_meta(&stage.number, &fresh).await, PNG);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.upload").await, 1);
    stage.world.end().await;
}

/// Whatever becomes of an upload, it can be put again: the message leaves once, and never is unknown.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fails_for_now_delays_its_message_alone() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    let mut sent = Vec::new();
    for (nth, fault) in [
        json!({ "kind": "html_500", "http_status": 503, "count": 2 }),
        json!({ "kind": "reset", "count": 1 }),
        json!({ "kind": "reset_after_accept", "count": 1 }),
        json!({ "kind": "truncate_answer", "count": 1 }),
        json!({ "kind": "hang", "count": 1 }),
        json!({ "kind": "error", "code": 131_000, "count": 1 }),
        json!({ "kind": "error", "code": 80_007, "count": 1 }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fault = fault;
        fault["edge"] = json!("media");
        let media = stage.uploads("text/plain", "a.txt", format!("número {nth}").as_bytes()).await;
        stage.world.meta().faults(json!([fault])).await;
        let document = stage.send(json!({ "type": "document", "document": { "id": media["id"] } })).await;
        let behind = stage.send(text("y esto")).await;
        stage.world.until("it struck", async || stage.happened().await > 0).await;
        // The error of a number rests it, as it would for a send; the others do not.
        if fault["code"] != 80_007 {
            let other = stage.send_in(&martin, text("hola")).await;
            stage.until(&other, "read").await;
        }
        stage.until_read(&document).await;
        stage.until_read(&behind).await;
        let told = stage.world.events(&stage.organization, "message.status").await;
        assert!(
            !told.iter().any(|event| event["data"]["message_id"] == document && event["data"]["status"] == "unknown"),
            "{fault}"
        );
        stage.world.meta().no_faults().await;
        sent.extend([document, behind]);
    }
    stage.world.settle().await;
    let accepted = stage.accepted().await;
    let in_order: Vec<&String> = accepted.iter().filter(|id| sent.contains(id)).collect();
    assert_eq!(in_order, sent.iter().collect::<Vec<_>>(), "each once, and those behind waited");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_meta_refuses_fails_its_message_with_words() {
    let stage = Stage::new().await;
    let media = stage.uploads("image/png", "a.png", PNG).await;
    for code in [100, 131_053] {
        stage.world.meta().faults(json!([{ "kind": "error", "code": code, "edge": "media", "count": 1 }])).await;
        let message = stage.image(&media).await;
        let failed = stage.until(&message, "failed").await;
        assert_eq!(failed["error"]["code"], code, "{failed:#}");
        assert!(failed["error"]["advice"]["es"].is_string());
    }
    // A file that went from the store meanwhile.
    stage.world.store().delete(stage.organization.id, media["sha256"].as_str().unwrap()).await.unwrap();
    let failed = stage.image(&media).await;
    let failed = stage.until(&failed, "failed").await;
    assert_eq!(failed["error"]["code"], "media_gone", "{failed:#}");
    assert_eq!(stage.accepted().await, Vec::<String>::new());
    stage.world.end().await;
}

/// Meta lost an upload before its time: it is brought anew, once, and the message leaves once.
#[tokio::test(flavor = "multi_thread")]
async fn what_meta_lost_is_brought_again() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    let media = stage.uploads("image/png", "a.png", PNG).await;
    let first = stage.image(&media).await;
    stage.until(&first, "read").await;
    let old = stage.request(&first).await["image"]["id"].clone();
    let (status, _) = stage.world.meta().graph(Method::DELETE, old.as_str().unwrap(), &stage.number.token, None).await;
    assert_eq!(status, 200);
    stage.world.advance(Duration::from_secs(120)).await;
    let show = json!({ "type": "image", "image": { "id": media["id"] } });
    let sent = [stage.send(show.clone()).await, stage.send_in(&martin, show).await];
    let mut fresh = Vec::new();
    for message in &sent {
        stage.until(message, "read").await;
        fresh.push(stage.request(message).await["image"]["id"].clone());
    }
    assert_ne!(fresh[0], old);
    assert_eq!(fresh[0], fresh[1]);
    // A message that is refused for another reason is not sent again and again.
    stage.world.advance(Duration::from_secs(120)).await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 100 }])).await;
    let refused = stage.image(&media).await;
    let failed = stage.until(&refused, "failed").await;
    assert_eq!(failed["error"]["code"], 100);
    assert_eq!(stage.happened().await, 2, "once with the old upload, once with a fresh one");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_stands_wherever_meta_takes_an_id() {
    let stage = Stage::new().await;
    let image = stage.uploads("image/png", "a.png", PNG).await["id"].clone();
    let pdf = stage.uploads("application/pdf", "a.pdf", PDF).await["id"].clone();
    let header = json!({ "type": "header", "parameters": [{ "type": "image", "image": { "id": image } }] });
    let words = |words: &[&str]| {
        let texts: Vec<Value> = words.iter().map(|word| json!({ "type": "text", "text": word })).collect();
        json!({ "type": "body", "parameters": texts })
    };
    let button = |index: u8| json!({ "type": "button", "sub_type": "url", "index": index, "parameters": [{ "type": "text", "text": "x" }] });
    let payload = json!({ "type": "button", "sub_type": "quick_reply", "index": 0,
        "parameters": [{ "type": "payload", "payload": "p" }] });
    let card = |index: u8| json!({ "card_index": index, "components": [header, words(&["$6"]), payload, button(1)] });
    let template = |name: &str, components: Value| json!({ "type": "template", "template": { "name": name, "language": { "code": "en_US" }, "components": components } });
    let interactive = json!({ "type": "interactive", "interactive": { "type": "button",
        "header": { "type": "document", "document": { "id": pdf } }, "body": { "text": "¿Bien?" },
        "action": { "buttons": [{ "type": "reply", "reply": { "id": "y", "title": "Sí" } }] } } });
    let promo = template("promo_image", json!([header, words(&["Ana", "20%"]), button(0)]));
    let cards = template("menu_cards", json!([words(&["Ana"]), { "type": "carousel", "cards": [card(0), card(1)] }]));
    for (message, places, bytes) in [
        (interactive, vec!["/interactive/header/document/id"], PDF),
        (promo.clone(), vec!["/template/components/0/parameters/0/image/id"], PNG),
        (
            cards,
            vec![
                "/template/components/1/cards/0/components/0/parameters/0/image/id",
                "/template/components/1/cards/1/components/0/parameters/0/image/id",
            ],
            PNG,
        ),
    ] {
        let sent = stage.send(message).await;
        let read = stage.until(&sent, "read").await;
        assert_eq!(read["media"]["state"], "stored", "{read:#}");
        let request = stage.request(&sent).await;
        for place in places {
            let meta_id = request.pointer(place).unwrap_or_else(|| panic!("{place} in {request:#}"));
            assert_eq!(stage.at_meta(&stage.number, meta_id).await, bytes, "{place}");
        }
    }
    // What is sent where the window is closed shows files too, and says so in its own place.
    stage.world.advance(Duration::from_secs(25 * 3600)).await;
    let instead =
        |template: &Value| json!({ "text": { "body": "Hola" }, "when_window_closed": { "template": template } });
    let sent = stage.send(instead(&promo["template"])).await;
    stage.until(&sent, "read").await;
    let mut wrong = promo["template"].clone();
    wrong["components"][0]["parameters"][0]["image"]["id"] = pdf;
    let mistakes = stage.mistakes(instead(&wrong)).await;
    assert_eq!(mistakes[0].0, "when_window_closed.template.components[0].parameters[0].image.id");
    stage.world.end().await;
}

/// A message that leaves as its other content shows the file of that one, or none.
#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_in_its_place_shows_its_own_file() {
    let stage = Stage::new().await;
    let image = stage.uploads("image/png", "a.png", PNG).await["id"].clone();
    let pdf = stage.uploads("application/pdf", "a.pdf", PDF).await["id"].clone();
    let word = |text: &str| json!({ "type": "text", "text": text });
    let promo = json!({ "name": "promo_image", "language": { "code": "en_US" }, "components": [
        { "type": "header", "parameters": [{ "type": "image", "image": { "id": image } }] },
        { "type": "body", "parameters": [word("Ana"), word("20%")] },
        { "type": "button", "sub_type": "url", "index": 0, "parameters": [word("x")] },
    ] });
    let at = |hours: i64| stage.world.now() + jiff::SignedDuration::from_hours(hours);
    let planned = async |template: &Value, hours: i64| {
        let document = json!({ "id": pdf, "caption": "La carta" });
        stage.send(json!({ "type": "document", "document": document, "send_at": at(hours), "when_window_closed": { "template": template } })).await
    };
    let moves = async |id: &str, hours: i64| {
        let change = json!({ "send_at": at(hours) });
        let (status, answer) = stage.world.patch(&stage.organization, &format!("/messages/{id}"), &change).await;
        assert_eq!(status, 200, "{answer}");
    };
    let shows = |message: &Value| (message["type"].clone(), message["media"]["mime_type"].clone());

    let sooner = planned(&promo, 72).await;
    assert_eq!(shows(&stage.message(&sooner).await), (json!("template"), json!("image/png")));
    moves(&sooner, 0).await;
    let left = stage.until(&sooner, "read").await;
    assert_eq!((shows(&left), &left["text"]), ((json!("document"), json!("application/pdf")), &json!("La carta")));
    assert_eq!(stage.at_meta(&stage.number, &stage.request(&sooner).await["document"]["id"]).await, PDF);

    // Nothing holds the file of what waits: where it is gone, what is shown leaves.
    let gone = planned(&stage.template().await, 72).await;
    let sha256 = stage.message(&sooner).await["media"]["sha256"].as_str().expect("a hash").to_owned();
    let marks = |at: &'static str| format!("UPDATE wazapp.file SET deleted_at = {at} WHERE sha256 = $1");
    let sql = stage.world.sql().await;
    let far = "now() + interval '9 days'";
    assert_eq!(sql.execute(&marks(far), &[&sha256]).await.expect("it is about to go"), 1);
    moves(&gone, 0).await;
    assert_eq!(shows(&stage.until(&gone, "read").await), (json!("template"), Value::Null));
    sql.execute(&marks("NULL"), &[&sha256]).await.expect("it stays");
    drop(sql);

    let (later, bare) = (planned(&promo, 1).await, planned(&stage.template().await, 1).await);
    for id in [&later, &bare] {
        assert_eq!(shows(&stage.message(id).await), (json!("document"), json!("application/pdf")));
        moves(id, 72).await;
    }
    stage.world.advance(Duration::from_secs(73 * 3600)).await;
    assert_eq!(shows(&stage.until(&later, "read").await), (json!("template"), json!("image/png")));
    let header = stage.request(&later).await["template"]["components"][0]["parameters"][0]["image"]["id"].clone();
    assert_eq!(stage.at_meta(&stage.number, &header).await, PNG);
    assert_eq!(shows(&stage.until(&bare, "read").await), (json!("template"), Value::Null));
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_before_its_message_is_queued() {
    let stage = Stage::new().await;
    let png = stage.uploads("image/png", "a.png", PNG).await["id"].clone();
    let ogg = stage.uploads("audio/ogg", "a.ogg", OGG).await["id"].clone();
    let mp3 = stage.uploads("audio/mpeg", "a.mp3", b"ID3\x03\0\0\0\0\0\0").await["id"].clone();
    let other = stage.world.organization("Harbor").await;
    let foreign = stage.uploads_as(&other, "image/png", "a.png", PNG).await["id"].clone();
    let one = |kind: &str, id: &Value| json!({ "type": kind, kind: { "id": id } });
    for (message, field, says) in [
        (one("video", &png), "video.id", "`video/mp4` or `video/3gpp`"),
        (one("sticker", &png), "sticker.id", "`image/webp`"),
        (one("image", &ogg), "image.id", "`audio/ogg`"),
        (json!({ "type": "audio", "audio": { "id": mp3, "voice": true } }), "audio.voice", "Opus"),
        (one("image", &foreign), "image.id", "no file of your organization"),
        (one("image", &json!(uuid::Uuid::now_v7())), "image.id", "no file of your organization"),
    ] {
        let mistakes = stage.mistakes(message).await;
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert_eq!(mistakes[0].0, field);
        assert!(mistakes[0].1.contains(says), "{mistakes:?}");
    }
    // Another's is refused in the very words of nobody's.
    let foreign = stage.mistakes(one("image", &foreign)).await;
    assert_eq!(foreign, stage.mistakes(one("image", &json!(uuid::Uuid::now_v7()))).await);
    let sql = stage.world.sql().await;
    sql.execute("UPDATE wazapp.media SET state = 'expired', file = NULL WHERE id::text = $1", &[&png.as_str()])
        .await
        .unwrap();
    assert!(stage.mistakes(one("image", &png)).await[0].1.contains("not kept here"));
    // Digits are Meta's: whether somebody else has them there, nobody learns.
    let meta = stage.mistakes(one("image", &json!("106540352242922"))).await;
    assert!(meta[0].1.contains("no file of your organization"), "{meta:?}");
    let before = stage.world.count("SELECT count(*) FROM wazapp.message WHERE direction = 'outbound'").await;
    assert_eq!(before, 0, "nothing was queued");
    drop(sql);
    stage.world.end().await;
}

/// A request that is repeated is answered as before, though its file is past its time since.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_does_not_look_at_the_file_again() {
    let stage = Stage::new().await;
    let media = stage.uploads("image/png", "a.png", PNG).await;
    let ask = async |body: &Value| {
        let path = format!("{}/api/v1/conversations/{}/messages", stage.world.url(), stage.conversation);
        let asked = stage.world.client().post(path).bearer_auth(&stage.organization.key);
        let asked = asked.header("content-type", "application/json").header("idempotency-key", "k-1");
        let answer = asked.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    let body = json!({ "type": "image", "image": { "id": media["id"] } });
    let (status, first) = ask(&body).await;
    assert_eq!(status, 202, "{first}");
    let sql = stage.world.sql().await;
    sql.execute("UPDATE wazapp.media SET state = 'expired', file = NULL WHERE message_id IS NULL", &[]).await.unwrap();
    assert_eq!(id(&ask(&body).await.1), id(&first));
    let other = json!({ "type": "image", "image": { "id": media["id"], "caption": "x" } });
    assert_eq!(ask(&other).await.0, 409);
    stage.until(&id(&first), "read").await;
    drop(sql);
    stage.world.end().await;
}

/// A node that dies while it brings a file has sent nothing: the message goes back into the queue, and leaves once.
#[tokio::test(flavor = "multi_thread")]
async fn a_preparer_that_dies_loses_and_doubles_nothing() {
    let mut stage = Stage::new().await;
    let media = stage.uploads("image/png", "a.png", PNG).await;
    let mut message = json!({ "type": "image", "image": { "id": media["id"] } });
    message["send_at"] = json!((stage.world.now() + jiff::SignedDuration::from_secs(60)).to_string());
    let message = stage.send(message).await;
    stage.world.stop().await;
    // As a node does that is killed right after.
    let due = stage.world.now() + jiff::SignedDuration::from_secs(61);
    let database = stage.world.database_apart();
    let tx = database.operator().await.unwrap();
    let turn = outbox::any_organization_turns(&tx, due, &[]).await.unwrap().remove(0);
    let claim = outbox::any_organization_claim(&tx, due, &[(turn, 1)]).await.unwrap();
    let taken = claim.commit(tx, due).await.unwrap().remove(0).messages.remove(0);
    assert_eq!(taken.message_id.to_string(), message);
    stage.world.restart().await;
    stage.world.advance(Duration::from_secs(61)).await;
    assert_eq!(stage.status(&message).await, "sending");
    stage.world.advance(Duration::from_secs(91)).await;
    stage.until(&message, "read").await;
    // The dead one's claim opens nothing any more.
    let tx = database.operator().await.unwrap();
    let begun = outbox::any_organization_begin(&tx, e2e::outside::now(), &taken).await.unwrap();
    assert!(!begun);
    tx.commit().await.unwrap();
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [message]);
    stage.world.end().await;
}

/// As long as only its file is on its way, nothing was sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_file_is_on_its_way_can_be_cancelled() {
    let stage = Stage::new().await;
    let media = stage.uploads("image/png", "a.png", PNG).await;
    stage.world.meta().faults(json!([{ "kind": "hang", "edge": "media" }])).await;
    let message = stage.image(&media).await;
    let preparing = "SELECT count(*) FROM wazapp.outbox WHERE state = 'sending' AND preparing";
    stage.world.until("its file is on its way", async || stage.world.count(preparing).await == 1).await;
    let (status, cancelled) = stage.world.delete(&stage.organization, &format!("/messages/{message}")).await;
    assert_eq!((status, &cancelled["error"]["code"]), (200, &json!("cancelled")), "{cancelled}");
    stage.world.meta().no_faults().await;
    let other = stage.image(&media).await;
    stage.until_read(&other).await;
    assert_eq!((stage.accepted().await, stage.status(&message).await.as_str()), (vec![other], "failed"));
    stage.world.end().await;
}

/// Two nodes and many messages with one file: each message once, and hardly more uploads than nodes.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_what_either_brought() {
    let stage = Stage::new().await;
    let node = stage.world.node().await;
    let media = stage.uploads("image/png", "a.png", PNG).await;
    let header = json!({ "type": "header", "parameters": [{ "type": "image", "image": { "id": media["id"] } }] });
    let body =
        json!({ "type": "body", "parameters": [{ "type": "text", "text": "Ana" }, { "type": "text", "text": "5%" }] });
    let button =
        json!({ "type": "button", "sub_type": "url", "index": 0, "parameters": [{ "type": "text", "text": "x" }] });
    let template =
        json!({ "name": "promo_image", "language": { "code": "en_US" }, "components": [header, body, button] });
    let mut sent = Vec::new();
    for nth in 0..60 {
        let to = format!("346{nth:08}");
        let body = json!({ "number_id": stage.number_id, "to": to, "type": "template", "template": template });
        let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
        sent.push(id(&answer));
    }
    stage.sent().await;
    stage.world.settle().await;
    let mut accepted = stage.accepted().await;
    accepted.sort_unstable();
    sent.sort_unstable();
    assert_eq!(accepted, sent);
    let requests = stage.world.meta().accepted(&stage.number).await;
    let mut ids: Vec<String> = requests
        .iter()
        .map(|row| row["request"]["template"]["components"][0]["parameters"][0]["image"]["id"].to_string())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() <= 2, "{ids:?}");
    node.stop().await;
    stage.world.end().await;
}

/// What customers sent can be sent on, once its bytes are here.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_can_be_sent_on() {
    let stage = Stage::new().await;
    let martin = stage.met(MARTIN).await;
    for kind in ["image", "audio", "document", "sticker", "video"] {
        let wamid = stage.world.meta().customer_sends(&stage.number, LUCIA, json!({ "type": kind, kind: {} })).await;
        stage.world.settle().await;
        let came = async || stage.world.message(&stage.organization, &wamid).await["media"].clone();
        stage.world.until("its bytes are here", async || came().await["state"] == "stored").await;
        let media = came().await;
        let sent = stage.send_in(&martin, json!({ "type": kind, kind: { "id": media["id"] } })).await;
        let read = stage.until(&sent, "read").await;
        assert_eq!(read["media"]["sha256"], media["sha256"]);
        let request = stage.request(&sent).await;
        assert_eq!(stage.at_meta(&stage.number, &request[kind]["id"]).await.len(), media["size"]);
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_whatsapp_does_not_take_is_refused_in_words() {
    let stage = Stage::new().await;
    let file = |mime: Option<&str>, bytes: &[u8]| part("file", Some("a.bin"), mime, bytes);
    let large = [PNG, &vec![0; 5 << 20]].concat();
    for (parts, status, kind, says) in [
        (vec![file(Some("image/png"), PDF)], 415, "wrong-file", "its bytes are `application/pdf`"),
        (vec![file(Some("application/zip"), b"PK\x03\x04")], 415, "wrong-file", "`image/jpeg`"),
        (vec![file(None, b"GIF89a")], 415, "wrong-file", "`image/gif`"),
        (vec![file(None, b"\0\x01\x02")], 415, "wrong-file", "Send its `type`"),
        (vec![file(Some("audio/ogg"), &[&b"OggS"[..], &[0; 60]].concat())], 415, "wrong-file", "Opus"),
        (vec![file(Some("image/png"), b"")], 415, "wrong-file", "empty"),
        (vec![file(Some("image/png"), &large)], 413, "too-large", "5120 KiB"),
        (
            vec![part("type", None, None, b"image/jpeg"), file(Some("image/png"), PNG)],
            415,
            "wrong-file",
            "`image/jpeg`",
        ),
        (vec![part("type", None, None, b"image/png")], 400, "malformed", "part `file`"),
        (vec![file(None, PNG), file(None, PNG)], 400, "malformed", "two parts"),
        (vec![file(None, PNG), part("colour", None, None, b"red")], 400, "malformed", "`colour`"),
        (vec![part("type", None, None, &[b'x'; 20_000]), file(None, PNG)], 400, "malformed", "whole"),
    ] {
        let (answered, problem) = stage.post_form(&stage.organization, "en", form(&parts)).await;
        let about = format!("{kind}: {problem}");
        assert_eq!(
            (answered, problem["type"].as_str().unwrap()),
            (status, format!("/docs#{kind}").as_str()),
            "{about}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(says), "{about}");
    }
    let body = form(&[file(Some("image/png"), PDF)]);
    let (_, problem) = stage.post_form(&stage.organization, "es", body).await;
    assert!(problem["detail"].as_str().unwrap().contains("WhatsApp admite `image/jpeg`"), "{problem}");
    let (status, problem) = stage.world.post_api(&stage.organization, "/media", &json!({})).await;
    assert_eq!((status, &problem["type"]), (415, &json!("/docs#not-multipart")));
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.media").await, 0);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file").await, 0);
    // The name of a part is no way to anywhere.
    let media = stage.uploads("image/png", "../../etc/menú.png", PNG).await;
    assert_eq!(media["filename"], "menú.png");
    stage.world.end().await;
}

/// A client that goes in the middle leaves nothing behind, neither rows nor bytes.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let stage = Stage::new().await;
    let head = format!(
        "POST /api/v1/media HTTP/1.1\r\nhost: wazapp\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: 40000000\r\n\r\n",
        stage.organization.key
    );
    let mut body = part("file", Some("a.pdf"), Some("application/pdf"), b"%PDF-1.7\n");
    body.truncate(body.len() - 2);
    for _ in 0..3 {
        let mut client = tokio::net::TcpStream::connect(stage.world.address()).await.unwrap();
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&body).await.unwrap();
        // Several parts are in the store by then.
        client.write_all(&vec![b'x'; 6 << 20]).await.unwrap();
        let files = async || files(stage.world.media_dir());
        stage.world.until("some of it is here", async || files().await > 0).await;
        drop(client);
        stage.world.until("nothing is left", async || files().await == 0).await;
    }
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.media").await, 0);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file").await, 0);
    stage.world.end().await;
}

/// How many files there are below a directory.
fn files(directory: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let count = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { 1 };
    entries.filter_map(Result::ok).map(|entry| count(entry.path())).sum()
}
