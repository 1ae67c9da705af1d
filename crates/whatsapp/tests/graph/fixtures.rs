//! Meta's published answers, each put through the client.

use std::path::{Path, PathBuf};

use serde_json::Value;
use whatsapp::graph::{Blocks, CreatedTemplate, Granted, MediaInfo, Number, SubscribedApp, Template, TokenInfo, Waba};

use super::server::Server;
use super::*;

/// An answer that Meta published: its file, status, call and body.
struct Published {
    file: String,
    http: u16,
    body: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/fixtures/graph")
}

/// All of them, or `None`, said aloud, where the collection is not here.
fn published(test: &str) -> Option<Vec<Published>> {
    let Ok(files) = std::fs::read_dir(folder()) else {
        eprintln!("SKIPPED {test}: {} is absent", folder().display());
        return None;
    };
    let mut all = Vec::new();
    for file in files {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        for example in read["examples"].as_array().into_iter().flatten() {
            if example["kind"] == "request" || !example["body"].is_object() {
                continue;
            }
            let http = example["status"].as_str().and_then(|status| status.parse().ok());
            let body = example["body"].clone();
            let http = http.unwrap_or(if is_error(&body) { 400 } else { 200 });
            all.push(Published { file: file.clone(), http, body });
        }
    }
    Some(all)
}

fn is_error(body: &Value) -> bool {
    body["error"].is_object() || (body["code"].is_i64() && body["message"].is_string() && body["type"].is_string())
}

#[tokio::test]
async fn each_published_error_is_a_refusal() {
    let Some(all) = published("each_published_error_is_a_refusal") else { return };
    let mut errors = 0;
    for Published { file, http, body } in all.into_iter().filter(|one| is_error(&one.body)) {
        let server = Server::start([Act::json(http, &body)]).await;
        let failure = send(&patient(&server.url)).await.expect_err("a failure");
        let Failure::Refused(error) = &failure else { panic!("{file}: {failure:?} for {body}") };
        let published = if body["error"].is_object() { &body["error"] } else { &body };
        assert_eq!(Some(error.code), published["code"].as_i64(), "{file}");
        assert_eq!(error.http, http, "{file}");
        assert_eq!(Some(error.message.as_str()), published["message"].as_str(), "{file}");
        assert_eq!(error.subcode, published["error_subcode"].as_i64(), "{file}");
        assert_eq!(error.fbtrace_id.as_deref(), published["fbtrace_id"].as_str(), "{file}");
        assert_eq!(error.user_message.as_deref(), published["error_user_msg"].as_str(), "{file}");
        assert_eq!(error.transient, published["is_transient"] == true, "{file}");
        let details = published["error_data"]["details"].as_str();
        assert!(details.is_none() || error.details.as_deref() == details, "{file}");
        errors += 1;
    }
    assert!(errors > 100, "{errors} errors");
}

/// How an answer of a file is read; `None`: it is not one of the calls that have a type.
type Reader = fn(&Value) -> bool;

/// A send, or a read receipt.
const SEND: Reader = |body| Sent::read(body).is_some() || success(body);
const LIST_OF_NUMBERS: Reader = |body| each(body, |row| Number::read(row).is_some());

const READERS: &[(&str, Reader)] = &[
    ("POST_phone-number-id-messages.json", SEND),
    ("POST_phone-number-id-marketing-messages.json", SEND),
    ("GET_media-id.json", |body| MediaInfo::read(body).is_some_and(|info| info.file_size == Some(303_833))),
    ("POST_phone-number-id-media.json", |body| body["id"].is_string()),
    ("GET_phone-number-id.json", |body| Number::read(body).is_some()),
    ("GET_waba-id-phone-numbers.json", LIST_OF_NUMBERS),
    ("GET_waba-id.json", |body| Waba::read(body).is_some()),
    ("GET_waba-id-subscribed-apps.json", |body| each(body, |row| SubscribedApp::read(row).is_some())),
    ("GET_waba-id-message-templates.json", |body| each(body, |row| Template::read(row).is_some())),
    ("GET_template-id.json", |body| Template::read(body).is_some()),
    ("POST_waba-id-message-templates.json", |body| CreatedTemplate::read(body).is_some()),
    ("doc_block-users.json", |body| body.get("block_users").is_none() || Blocks::read(200, body).is_some()),
    ("POST_phone-number-id-register.json", success),
    ("POST_phone-number-id-deregister.json", success),
    ("POST_waba-id-subscribed-apps.json", success),
    ("DELETE_waba-id-subscribed-apps.json", success),
    ("DELETE_waba-id-message-templates.json", success),
    ("DELETE_media-id.json", success),
    ("POST_template-id.json", success),
    ("oauth-and-debug-token.json", |body| Granted::read(body).is_some() || TokenInfo::read(body).is_some()),
    ("bsuid_send-and-responses.json", |body| body.get("messages").is_none() || Sent::read(body).is_some()),
];

fn success(body: &Value) -> bool {
    body["success"] == true
}

fn each(body: &Value, read: impl Fn(&Value) -> bool) -> bool {
    body["data"].as_array().is_some_and(|rows| rows.iter().all(read))
}

#[test]
fn each_published_success_is_read() {
    let Some(all) = published("each_published_success_is_read") else { return };
    for (file, read) in READERS {
        let bodies = all.iter().filter(|one| one.file == *file && !is_error(&one.body));
        let bodies: Vec<&Published> = bodies.collect();
        assert!(!bodies.is_empty(), "{file} has no answer");
        for Published { http, body, .. } in bodies {
            assert!((200..300).contains(http), "{file}");
            assert!(read(body), "{file}: {body}");
        }
    }
}

#[test]
fn a_published_token_reaches_its_accounts() {
    let Some(all) = published("a_published_token_reaches_its_accounts") else { return };
    let info =
        all.iter().filter(|one| one.file == "oauth-and-debug-token.json").find_map(|one| TokenInfo::read(&one.body));
    let info = info.expect("debug_token is published");
    assert!(info.may("whatsapp_business_messaging", "102289599326934"));
    assert!(!info.may("whatsapp_business_messaging", "999"));
    assert_eq!(info.expires_at, Some(1_665_090_000));
}
