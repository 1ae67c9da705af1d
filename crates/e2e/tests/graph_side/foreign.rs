//! Another organization's number, account, template and medium are not there, whatever is asked of them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Stage, body};

/// Every operation that a table of ours could let through, and some that none does.
const ASKED: &[(&str, &str)] = &[
    ("GET", ""),
    ("POST", ""),
    ("DELETE", ""),
    ("POST", "messages"),
    ("POST", "media"),
    ("GET", "whatsapp_business_profile"),
    ("POST", "whatsapp_business_profile"),
    ("GET", "block_users"),
    ("POST", "deregister"),
    ("POST", "register"),
    ("GET", "message_qrdls"),
    ("GET", "settings"),
    ("GET", "phone_numbers"),
    ("GET", "message_templates"),
    ("POST", "message_templates"),
    ("DELETE", "message_templates"),
    ("GET", "subscribed_apps"),
    ("POST", "subscribed_apps"),
    ("DELETE", "subscribed_apps"),
    ("POST", "unpause"),
    ("GET", "assets"),
    ("POST", "publish"),
];

async fn ask(stage: &Stage, method: &str, id: &str, edge: &str, body: &Value) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let path = format!("{id}/{edge}");
    let body = (method == Method::POST).then(|| body.clone());
    stage.ask(method, path.trim_end_matches('/'), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_elses_id_is_no_id() {
    let stage = Stage::new().await;
    let theirs = &stage.strangers_number;
    let stranger = stage.stranger.key.clone();
    let template = json!({ "name": "harbor_news", "language": "en_US", "category": "UTILITY",
        "components": [body("The harbor is open today.")] });
    let path = format!("{}/message_templates", theirs.waba_id);
    let made = stage.ask_as(&stranger, Method::POST, &path, Some(template)).await;
    let template = made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
    let media = super::media::uploaded(&stage, &stranger, theirs).await;
    for id in [&template, &media, &theirs.phone_number_id, &theirs.waba_id] {
        let own = stage.ask_as(&stranger, Method::GET, id, None).await;
        assert_eq!((own.status, &own.body["id"]), (200, &json!(id)), "its owner sees it: {}", own.body);
    }

    let before = stage.world.meta().numbers().await;
    let content = json!({ "messaging_product": "whatsapp", "to": "34600111222", "text": { "body": "Taken over" },
        "about": "Taken over", "pin": "123456", "name": "harbor_news" });
    for id in [&template, &media, &theirs.phone_number_id, &theirs.waba_id, &theirs.business_id] {
        for (method, edge) in ASKED {
            let theirs = ask(&stage, method, id, edge, &content).await;
            let nobodys = ask(&stage, method, "999999999999", edge, &content).await;
            assert!(nobodys.status >= 400, "{method} {edge}: {}", nobodys.body);
            let named = |answer: &Answer, id: &str| {
                let mut error = answer.body["error"].clone();
                error["fbtrace_id"] = Value::Null;
                (answer.status, error.to_string().replace(id, "ID"))
            };
            assert_eq!(named(&theirs, id), named(&nobodys, "999999999999"), "{method} {id}/{edge}");
        }
        let bytes = stage.get(&format!("media-content/{id}")).await;
        assert_eq!((bytes.status, bytes.code()), (400, 100), "{}", bytes.body);
    }
    assert_eq!(stage.world.meta().numbers().await, before, "nothing happened to them");
    let apps = stage.ask_as(&stranger, Method::GET, &format!("{}/subscribed_apps", theirs.waba_id), None).await;
    assert_eq!(apps.body["data"].as_array().map(Vec::len), Some(1), "{}", apps.body);
    let registered =
        stage.ask_as(&stranger, Method::GET, &format!("{}?fields=status", theirs.phone_number_id), None).await;
    assert_eq!(registered.body["status"], "CONNECTED", "{}", registered.body);
    let theirs = stage.ask_as(&stranger, Method::GET, &template, None).await;
    assert_eq!(theirs.body["name"], "harbor_news", "{}", theirs.body);
    stage.end().await;
}

/// A number in the same account that another organization has, and one that nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_beside_ones_own_is_not_ones_own() {
    let stage = Stage::new().await;
    let beside = stage.beside().await;
    for _ in 0..2 {
        for (method, edge) in ASKED {
            let answer = ask(&stage, method, &beside.phone_number_id, edge, &json!({ "pin": "123456" })).await;
            assert!(answer.status >= 400, "{method} {edge}: {}", answer.body);
        }
        stage.world.connect_simulated(&stage.stranger, &beside).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_key_sees_nothing() {
    let stage = Stage::new().await;
    let number = stage.number.phone_number_id.clone();
    let (most, last) = stage.organization.key.split_at(stage.organization.key.len() - 1);
    let wrong = format!("{most}{}", if last == "A" { "B" } else { "A" });
    for key in ["EAAwrong", "wz_", wrong.as_str(), stage.number.token.as_str()] {
        for (method, path) in [(Method::GET, number.clone()), (Method::POST, format!("{number}/messages"))] {
            let answer = stage.ask_as(key, method, &path, None).await;
            assert_eq!((answer.status, answer.code()), (401, 190), "{}", answer.body);
        }
    }
    for path in ["v23.0/1/messages", "v23.0/debug_token", "v23.0/nothing", "4711/messages"] {
        let answer = stage.heard(stage.world.client().get(format!("{}/{path}", stage.world.url()))).await;
        assert_eq!((answer.status, answer.code()), (401, 190), "{}", answer.body);
    }
    // What is no path of Meta's is none of this side's.
    let answer = stage.world.client().get(format!("{}/nothing/here", stage.world.url())).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    stage.end().await;
}
