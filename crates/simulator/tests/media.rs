//! Media and resumable uploads, as an App meets them over HTTP.

mod support;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Answered, Laptop, Receiver, answered};

/// A multipart form as clients write it: fields, and one file with or without a content type of its own.
fn form(fields: &[(&str, &str)], file: Option<(Option<&str>, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    if let Some((mime, bytes)) = file {
        let mime = mime.map(|mime| format!("Content-Type: {mime}\r\n")).unwrap_or_default();
        let head = "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a file.bin\"\r\n";
        body.extend(format!("{head}{mime}\r\n").bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--cut--\r\n");
    body
}

async fn upload(laptop: &Laptop, fields: &[(&str, &str)], file: Option<(Option<&str>, &[u8])>) -> Answered {
    let request = laptop.client.post(laptop.url(&format!("{}/media", laptop.number))).bearer_auth(&laptop.token);
    answered(request.header("content-type", "multipart/form-data; boundary=cut").body(form(fields, file))).await
}

const WHATSAPP: (&str, &str) = ("messaging_product", "whatsapp");

/// Uploads a picture; answers its id.
async fn picture(laptop: &Laptop, bytes: &[u8]) -> String {
    let (status, answer) = upload(laptop, &[WHATSAPP, ("type", "image/png")], Some((Some("image/png"), bytes))).await;
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}

fn word(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn code(answer: &Value) -> (i64, i64) {
    (answer["error"]["code"].as_i64().unwrap_or(0), answer["error"]["error_subcode"].as_i64().unwrap_or(0))
}

/// The status of a download, and its bytes.
async fn download(laptop: &Laptop, url: &str, token: &str) -> (u16, Vec<u8>) {
    let answer = laptop.client.get(url).bearer_auth(token).send().await.expect("an answer");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
}

#[tokio::test]
async fn a_file_goes_up_and_comes_down_until_its_days_are_over() {
    let laptop = Laptop::start().await;
    let id = picture(&laptop, b"a picture").await;
    let (status, told) = laptop.get(&format!("{id}?phone_number_id={}", laptop.number)).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["messaging_product"], "whatsapp");
    assert_eq!(told["mime_type"], "image/png");
    assert_eq!(told["file_size"], 9);
    assert_eq!(told["id"], id.as_str());
    assert_eq!(told["sha256"], HEXLOWER.encode(&Sha256::digest(b"a picture")));

    let url = word(&told["url"]);
    assert!(url.starts_with(&format!("{}/whatsapp_business/attachments/?mid={id}&", laptop.simulator.url())), "{url}");
    let answer = laptop.client.get(url).bearer_auth(&laptop.token).send().await.expect("an answer");
    let header = |name: &str| answer.headers()[name].to_str().expect("plain").to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-length"), "9");
    assert_eq!(header("content-disposition"), "attachment; filename=\"a file.bin\"");
    assert_eq!(answer.bytes().await.expect("a body"), "a picture");

    laptop.advance("5m").await;
    assert_eq!(download(&laptop, url, &laptop.token).await.0, 404);
    let (_, again) = laptop.get(&id).await;
    assert_eq!(download(&laptop, word(&again["url"]), &laptop.token).await, (200, b"a picture".to_vec()));

    laptop.advance("719h").await;
    assert_eq!(laptop.get(&id).await.0, 200);
    laptop.advance("1h").await;
    let (status, gone) = laptop.get(&id).await;
    assert_eq!((status, code(&gone)), (400, (100, 33)));
}

#[tokio::test]
async fn only_who_may_gets_the_bytes() {
    let laptop = Laptop::start().await;
    let id = picture(&laptop, b"a picture").await;
    let (_, told) = laptop.get(&id).await;
    let url = word(&told["url"]);
    assert_eq!(download(&laptop, url, "nobody's").await.0, 401);
    assert_eq!(download(&laptop, url, &laptop.other.1).await.0, 401);
    assert_eq!(laptop.client.get(url).send().await.expect("an answer").status(), 401);
    assert_eq!(download(&laptop, &url.replace("&hash=", "&hash=0"), &laptop.token).await.0, 404);

    let nameless = support::http().build().expect("a client");
    let page = nameless.get(url).bearer_auth(&laptop.token).send().await.expect("an answer");
    assert_eq!(page.status(), 400);
    assert!(page.headers()["content-type"].to_str().expect("plain").starts_with("text/html"));

    // The number of another account, and another account's token.
    let (status, answer) = laptop.get(&format!("{id}?phone_number_id={}", laptop.other.0)).await;
    assert_eq!((status, code(&answer)), (400, (100, 33)));
    let (status, answer) = answered(laptop.client.get(laptop.url(&id)).bearer_auth(&laptop.other.1)).await;
    assert_eq!((status, code(&answer)), (400, (100, 33)));

    assert_eq!(laptop.delete(&id).await, (200, json!({ "success": true })));
    assert_eq!(laptop.get(&id).await.0, 400);
    assert_eq!(download(&laptop, url, &laptop.token).await.0, 404);
}

#[tokio::test]
async fn uploads_are_checked() {
    let laptop = Laptop::start().await;
    let png = Some((Some("image/png"), b"a picture".as_slice()));
    let bare = Some((None, b"a picture".as_slice()));
    // The type may stand in the part, in the form, or in both.
    assert_eq!(upload(&laptop, &[WHATSAPP], png).await.0, 200);
    assert_eq!(upload(&laptop, &[WHATSAPP, ("type", "image/png")], bare).await.0, 200);

    // The part's own type counts, whatever the form says beside it.
    assert_eq!(upload(&laptop, &[WHATSAPP, ("type", "image/jpeg")], png).await.0, 200);
    let (_, answer) = upload(&laptop, &[WHATSAPP], Some((Some("application/zip"), b"zip"))).await;
    let message = word(&answer["error"]["message"]);
    assert!(message.starts_with("(#100) Param file must be a file with one of the following types: audio/aac, "));
    assert!(message.ends_with("video/mp4, video/3gpp. Received file of type 'application/zip'."), "{message}");
    assert!(word(&upload(&laptop, &[WHATSAPP], bare).await.1["error"]["message"]).contains("octet-stream"));

    assert_eq!(upload(&laptop, &[("type", "image/png")], png).await.0, 400);
    assert_eq!(upload(&laptop, &[WHATSAPP], None).await.0, 400);
    assert_eq!(upload(&laptop, &[WHATSAPP], Some((Some("image/png"), b""))).await.0, 400);
    let large = vec![0; (5 << 20) + 1];
    let (status, answer) = upload(&laptop, &[WHATSAPP], Some((Some("image/png"), &large))).await;
    assert_eq!((status, code(&answer)), (400, (131053, 0)));
    assert_eq!(upload(&laptop, &[WHATSAPP], Some((Some("video/mp4"), &large))).await.0, 200);
}

#[tokio::test]
async fn faults_strike_media() {
    let laptop = Laptop::start().await;
    let id = picture(&laptop, b"a picture").await;
    let (_, told) = laptop.get(&id).await;
    let url = word(&told["url"]);

    laptop.sim("faults", json!([{ "kind": "media_expired", "count": 2 }])).await;
    let (status, answer) = laptop.get(&id).await;
    assert_eq!((status, code(&answer)), (404, (100, 33)));
    assert_eq!(download(&laptop, url, &laptop.token).await.0, 404);

    laptop.sim("faults", json!([{ "kind": "media_truncated", "count": 1 }])).await;
    let answer = laptop.client.get(url).bearer_auth(&laptop.token).send().await.expect("a head");
    assert_eq!(answer.content_length(), Some(9));
    answer.bytes().await.expect_err("half of a body");

    laptop.sim("faults", json!([{ "kind": "media_wrong_hash", "count": 1 }])).await;
    let (_, lie) = laptop.get(&id).await;
    assert_ne!(lie["sha256"], told["sha256"]);
    assert_eq!(laptop.get(&id).await.1["sha256"], lie["sha256"]);

    let fault =
        json!([{ "kind": "error", "code": 131016, "count": 1, "edge": "media", "phone_number_id": laptop.number }]);
    laptop.sim("faults", fault).await;
    assert_eq!(laptop.get(&id).await.0, 500);
    assert_eq!(download(&laptop, url, &laptop.token).await, (200, b"a picture".to_vec()));
}

/// A customer's picture: the webhook has the hash in base64 and a URL that opens with the token, for seven days.
#[tokio::test]
async fn customers_send_media() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    laptop.sim("faults", json!([{ "kind": "media_wrong_type", "count": 1 }])).await;
    let message = json!({ "phone_number_id": laptop.number, "from": "5215511112222", "type": "image", "image": {} });
    laptop.sim("messages", message).await;
    let (value, ..) = receiver.hears("messages", |value| value["messages"][0]["type"] == "image").await;
    let image = &value["messages"][0]["image"];

    let (status, told) = laptop.get(word(&image["id"])).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["mime_type"], image["mime_type"]);
    let (status, bytes) = download(&laptop, word(&image["url"]), &laptop.token).await;
    assert_eq!(status, 200);
    assert_eq!(image["sha256"], BASE64.encode(&Sha256::digest(&bytes)));
    assert_eq!(told["sha256"], HEXLOWER.encode(&Sha256::digest(&bytes)));

    laptop.advance("168h").await;
    assert_eq!(laptop.get(word(&image["id"])).await.0, 400);
}

#[tokio::test]
async fn resumable_uploads_come_in_chunks() {
    let laptop = Laptop::start().await;
    let open = |query: &str| laptop.client.post(laptop.url(&format!("app/uploads?{query}"))).bearer_auth(&laptop.token);
    assert_eq!(answered(open("file_length=0&file_type=image/png")).await.0, 400);
    assert_eq!(answered(open("file_length=8&file_type=image/gif")).await.0, 400);
    let (status, opened) = answered(open("file_name=a.png&file_length=8&file_type=image/png")).await;
    assert_eq!(status, 200, "{opened}");
    let session = word(&opened["id"]);
    assert!(session.starts_with("upload:") && session.contains("?sig="), "{session}");

    let send = |offset: Option<&str>, bytes: &'static str| {
        let request =
            laptop.client.post(laptop.url(session)).header("authorization", format!("OAuth {}", laptop.token));
        // As curl sends it if nobody says otherwise.
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(bytes);
        match offset {
            Some(offset) => request.header("file_offset", offset),
            None => request,
        }
    };
    assert_eq!(answered(send(Some("4"), "half")).await.0, 400);
    assert_eq!(answered(send(None, "half")).await.0, 200, "without an offset it is the beginning");
    assert_eq!(laptop.get(session).await.1["file_offset"], 4);
    assert_eq!(answered(send(Some("0"), "half")).await.0, 400);
    assert_eq!(answered(send(Some("4"), "too much")).await.0, 400);
    let (status, whole) = answered(send(Some("4"), "rest")).await;
    assert_eq!(status, 200, "{whole}");
    let handle = word(&whole["h"]);
    assert!(handle.starts_with("4::aW1hZ2UvcG5n:"), "{handle}");

    // The handle stands for a picture: it is no sample of a document.
    let template = |format: &str| {
        json!({ "name": format!("with_{}", format.to_lowercase()), "language": "en_US", "category": "UTILITY",
        "components": [
            { "type": "HEADER", "format": format, "example": { "header_handle": [handle] } },
            { "type": "BODY", "text": "Here is what you asked for." },
        ]})
    };
    let path = format!("{}/message_templates", laptop.waba);
    assert_eq!(laptop.post(&path, &template("IMAGE")).await.0, 200);
    assert_eq!(code(&laptop.post(&path, &template("DOCUMENT")).await.1), (100, 2388047));

    let own = laptop.url(&format!("{}/uploads?file_length=8&file_type=image/png", laptop.app_id));
    assert_eq!(answered(laptop.client.post(own).bearer_auth(&laptop.token)).await.0, 200);
}

/// A medium given by link is fetched after the send was accepted: a good one is kept and the message leaves, of a bad
/// one the message fails.
#[tokio::test]
async fn links_are_fetched_later() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let typed = |mime: &'static str| axum::routing::get(move || async move { ([("content-type", mime)], "bytes") });
    let router = axum::Router::new().route("/good", typed("image/jpeg")).route("/bad", typed("image/gif"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let files = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let hello = json!({ "phone_number_id": laptop.number, "from": "5215511112222", "text": { "body": "Hello" } });
    laptop.sim("messages", hello).await;

    let fails = |details: &'static str| {
        move |value: &Value| {
            let told = &value["statuses"][0]["errors"][0];
            told["code"] == 131053 && told["error_data"]["details"].as_str().is_some_and(|text| text.contains(details))
        }
    };
    let send = async |path: &str| {
        let body = json!({ "messaging_product": "whatsapp", "to": "5215511112222", "type": "image",
            "image": { "link": format!("{files}/{path}") } });
        let (status, answer) = laptop.post(&format!("{}/messages", laptop.number), &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].clone()
    };
    send("bad").await;
    receiver.hears("messages", fails("Unsupported Image mime type image/gif")).await;
    send("missing").await;
    receiver.hears("messages", fails("404")).await;
    let good = send("good").await;
    let delivered = |value: &Value| {
        let mut statuses = value["statuses"].as_array().into_iter().flatten();
        statuses.any(|status| status["id"] == good && status["status"] == "delivered")
    };
    receiver.hears("messages", delivered).await;
}
