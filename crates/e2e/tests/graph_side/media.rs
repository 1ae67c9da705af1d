//! Media: uploaded, looked up, downloaded and deleted with nothing but an API key.

use e2e::SimulatedNumber;
use reqwest::Method;
use serde_json::json;

use super::{LUCIA, Stage};

const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x62, 0xf8, 0xcf, 0xc0, 0,
    0, 3, 1, 1, 0, 0xc9, 0xfe, 0x92, 0xef, 0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A multipart form with these fields and, at its end, a file.
fn form(fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        form.extend(format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    if let Some((mime_type, bytes)) = file {
        let head = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: ";
        form.extend(format!("{head}{mime_type}\r\n\r\n").bytes());
        form.extend(bytes);
        form.extend(b"\r\n");
    }
    form.extend(b"--b--\r\n");
    form
}

async fn upload(stage: &Stage, key: &str, number: &SimulatedNumber, form: Vec<u8>) -> super::Answer {
    let url = format!("{}/v23.0/{}/media", stage.world.url(), number.phone_number_id);
    let request = stage.world.client().post(url).bearer_auth(key).body(form);
    stage.heard(request.header("content-type", "multipart/form-data; boundary=b")).await
}

/// The id of an uploaded picture.
pub(super) async fn uploaded(stage: &Stage, key: &str, number: &SimulatedNumber) -> String {
    let form = form(&[("messaging_product", "whatsapp"), ("type", "image/png")], Some(("image/png", PNG)));
    let answer = upload(stage, key, number, form).await;
    answer.body["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_up_and_comes_down_by_the_key_alone() {
    let stage = Stage::new().await;
    let key = stage.organization.key.clone();
    let id = uploaded(&stage, &key, &stage.number).await;
    let answer = stage.send(json!({ "to": LUCIA, "type": "image", "image": { "id": id } })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // The message shows the file here, too.
    let wamid = answer.body["messages"][0]["id"].as_str().expect("a wamid");
    let message = stage.world.message(&stage.organization, wamid).await;
    assert_eq!(message["media"]["state"], "stored", "{message:#}");
    let here =
        format!("{}/api/v1/media/{}/content", stage.world.url(), message["media"]["id"].as_str().expect("an id"));
    let here = stage.world.client().get(here).bearer_auth(&key).send().await.unwrap();
    assert_eq!((here.status().as_u16(), here.bytes().await.unwrap().as_ref()), (200, PNG));

    for path in [id.clone(), format!("{id}?phone_number_id={}", stage.number.phone_number_id)] {
        let shown = stage.get(&path).await;
        assert_eq!((&shown.body["id"], &shown.body["mime_type"]), (&json!(id), &json!("image/png")), "{}", shown.body);
        assert_eq!(shown.body["messaging_product"], "whatsapp");
        let url = shown.body["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("{}/v23.0/", stage.world.url())), "{url}");
        let bytes = stage.world.client().get(url).bearer_auth(&key).send().await.unwrap();
        assert_eq!((bytes.status().as_u16(), &bytes.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
        assert_eq!(bytes.headers()["content-security-policy"], "sandbox");
        assert_eq!(bytes.headers()["x-content-type-options"], "nosniff");
        assert_eq!(bytes.bytes().await.unwrap(), PNG);
        let nobody = stage.heard(stage.world.client().get(url)).await;
        assert_eq!((nobody.status, nobody.code()), (401, 190));
        let url = url.rsplit_once("/v23.0/").unwrap().1;
        let stranger = stage.ask_as(&stage.stranger.key, Method::GET, url, None).await;
        assert_eq!((stranger.status, stranger.code()), (400, 100), "{}", stranger.body);
    }

    assert_eq!(stage.ask(Method::DELETE, &id, None).await.body, json!({ "success": true }));
    let gone = stage.get(&id).await;
    assert_eq!((gone.status, gone.code()), (400, 100), "{}", gone.body);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_meta_does_not_take_is_refused_in_its_words() {
    let stage = Stage::new().await;
    let key = stage.organization.key.clone();
    let whole = [("messaging_product", "whatsapp")];
    for (form, says) in [
        (form(&[], Some(("image/png", PNG))), "messaging_product"),
        (form(&whole, None), "file"),
        (form(&whole, Some(("application/x-msdownload", PNG))), "following types"),
        (form(&whole, Some(("image/png", PNG)))[..90].to_vec(), "cannot be read"),
    ] {
        let answer = upload(&stage, &key, &stage.number, form).await;
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(answer.code() == 100 && message.contains(says), "{says}: {}", answer.body);
    }
    stage.end().await;
}

/// Meta goes by the file's own part; in `type` many programs write the kind of media.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_what_its_part_says() {
    let stage = Stage::new().await;
    let key = stage.organization.key.clone();
    let said = [("messaging_product", "whatsapp"), ("type", "image")];
    let answer = upload(&stage, &key, &stage.number, form(&said, Some(("image/png", PNG)))).await;
    let id = answer.body["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned();
    let url = stage.get(&id).await.body["url"].as_str().unwrap().to_owned();
    let head = stage.world.client().head(&url).bearer_auth(&key).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
    assert_eq!(head.headers()["content-length"], PNG.len().to_string().as_str());
    let said = [("messaging_product", "whatsapp"), ("type", "image/png")];
    let answer = upload(&stage, &key, &stage.number, form(&said, Some(("application/octet-stream", PNG)))).await;
    assert_eq!(answer.code(), 100, "{}", answer.body);
    stage.end().await;
}

/// As programs in production do: a form that calls itself JSON, and a chunk that says neither where nor how long it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_needs_few_words() {
    let stage = Stage::new().await;
    let authorized = |path: &str| {
        let request = stage.world.client().post(format!("{}/v17.0/{path}", stage.world.url()));
        request.header("authorization", format!("OAuth {}", stage.organization.key))
    };
    let form = format!("file_length={}&file_type=image/png", PNG.len());
    let begun = authorized("670843887433847/uploads").header("content-type", "application/json").body(form);
    let begun = stage.heard(begun).await;
    let id = begun.body["id"].as_str().unwrap_or_else(|| panic!("{}", begun.body)).to_owned();
    let pieces = futures::stream::iter([&PNG[..20], &PNG[20..]].map(Ok::<_, std::io::Error>));
    let sent = stage.heard(authorized(&id).body(reqwest::Body::wrap_stream(pieces))).await;
    assert!(sent.body["h"].is_string(), "{}", sent.body);
    stage.end().await;
}

/// A picture for a template's header or a profile, in Meta's two steps.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumable_upload_brings_a_handle() {
    let stage = Stage::new().await;
    let query = format!("file_length={}&file_type=image/png&file_name=a.png", PNG.len());
    let begun = stage.ask(Method::POST, &format!("670843887433847/uploads?{query}"), None).await;
    let id = begun.body["id"].as_str().unwrap_or_else(|| panic!("{}", begun.body)).to_owned();
    let post = |at: usize, bytes: &'static [u8]| {
        let request = stage.world.client().post(format!("{}/v23.0/{id}", stage.world.url()));
        let request = request.header("authorization", format!("OAuth {}", stage.organization.key));
        stage.heard(request.header("file_offset", at).body(bytes))
    };
    assert_eq!(post(0, &PNG[..20]).await.body["file_offset"], 20);
    assert_eq!(stage.get(&id).await.body["file_offset"], 20);
    assert!(post(20, &PNG[20..]).await.body["h"].is_string());
    stage.end().await;
}
