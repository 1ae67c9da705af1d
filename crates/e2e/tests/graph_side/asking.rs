//! Templates, numbers and accounts: asked of Meta with the organization's token, answered without it.

use model::act::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{LUCIA, Stage, body};

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_made_listed_page_by_page_changed_and_deleted() {
    let stage = Stage::new().await;
    let path = format!("{}/message_templates", stage.number.waba_id);
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        let template = json!({ "name": name, "language": "en_US", "category": "UTILITY",
            "components": [body("We are open today.")] });
        let made = stage.ask(Method::POST, &path, Some(template)).await;
        ids.push(made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned());
    }
    // Pages lead here, and open with the key.
    let mut page = stage.get(&format!("{path}?fields=name,status&limit=2")).await;
    let mut names = Vec::new();
    loop {
        assert_eq!(page.status, 200, "{}", page.body);
        let rows = page.body["data"].as_array().unwrap();
        names.extend(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["paging"]["next"].as_str() else { break };
        assert!(next.starts_with(&format!("{}/v23.0/{path}?", stage.world.url())), "{next}");
        page = stage.heard(stage.world.client().get(next).bearer_auth(&stage.organization.key)).await;
    }
    assert!(["one", "two", "three"].iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
    assert!(names.len() > 2, "several pages");

    let shown = stage.get(&format!("{}?fields=name,components", ids[0])).await;
    assert_eq!((&shown.body["name"], &shown.body["id"]), (&json!("one"), &json!(ids[0])));
    let approved = json!({ "event": "APPROVED" });
    stage.world.meta().control(Method::POST, &format!("templates/{}", ids[0]), Some(&approved)).await;
    let change = json!({ "components": [body("We are open until ten.")] });
    let changed = stage.ask(Method::POST, &ids[0], Some(change)).await;
    assert_eq!(changed.body["success"], true, "{}", changed.body);
    let gone = stage.ask(Method::DELETE, &format!("{path}?name=two"), None).await;
    assert_eq!(gone.body, json!({ "success": true }));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_accounts_are_shown_and_set() {
    let stage = Stage::new().await;
    let (number, waba) = (&stage.number.phone_number_id, &stage.number.waba_id);
    let shown = stage.get(&format!("{number}?fields=id,display_phone_number,throughput")).await;
    assert_eq!(shown.body["id"], json!(number), "{}", shown.body);
    assert!(shown.body["display_phone_number"].is_string() && shown.body["verified_name"].is_null());
    assert_eq!(stage.get(waba).await.body["id"], json!(waba));
    let numbers = stage.get(&format!("{waba}/phone_numbers")).await;
    assert!(numbers.body["data"].as_array().unwrap().iter().any(|row| row["id"] == json!(number)));

    let profile = format!("{number}/whatsapp_business_profile");
    let about = json!({ "messaging_product": "whatsapp", "about": "Té y café" });
    assert_eq!(stage.ask(Method::POST, &profile, Some(about)).await.body, json!({ "success": true }));
    assert_eq!(stage.get(&format!("{profile}?fields=about")).await.body["data"][0]["about"], "Té y café");
    let qr = json!({ "prefilled_message": "Hola", "generate_qr_image": "SVG" });
    let qr = stage.ask(Method::POST, &format!("{number}/message_qrdls"), Some(qr)).await;
    let code = format!("{number}/message_qrdls/{}", qr.body["code"].as_str().unwrap());
    assert_eq!(stage.get(&code).await.body["data"][0]["prefilled_message"], "Hola");
    assert_eq!(stage.ask(Method::DELETE, &code, None).await.body, json!({ "success": true }));

    // Of a portfolio only the accounts that are the organization's.
    let owned = stage.get(&format!("{}/owned_whatsapp_business_accounts", stage.number.business_id)).await;
    let rows: Vec<&Value> = owned.body["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(rows, [&json!(waba)], "{}", owned.body);
    let portfolio = stage.get(&stage.number.business_id).await;
    assert_eq!((portfolio.status, portfolio.code()), (400, 100), "{}", portfolio.body);
    stage.end().await;
}

/// An SDK that sets its own callback would leave the inbox without a message.
/// A block that was made in the API and ended here, or the other way round, left conversations saying what Meta did not: what a
/// Graph call does to a customer is written down as the API's own is, told and audited, once.
#[tokio::test(flavor = "multi_thread")]
async fn whom_meta_blocks_is_the_same_in_the_api() {
    let stage = Stage::new().await;
    let edge = format!("{}/block_users", stage.number.phone_number_id);
    let here = format!("/conversations/{}/block", id_of(&stage).await);
    let list = |users: Value| json!({ "messaging_product": "whatsapp", "block_users": users });
    let lucia = list(json!([{ "user": format!("+{LUCIA}") }]));
    let (status, answer) = stage.world.post_api(&stage.organization, &here, &json!({})).await;
    assert_eq!((status, answer["blocked_at"].is_string()), (200, true), "{answer}");
    // Freed here. Twice is once.
    for _ in 0..2 {
        let freed = stage.ask(Method::DELETE, &edge, Some(lucia.clone())).await;
        assert_eq!(freed.body["block_users"]["removed_users"][0]["wa_id"], LUCIA, "{}", freed.body);
        assert_eq!(stage.world.conversation(&stage.organization).await["blocked_at"], Value::Null);
    }
    // Blocked here, beside somebody whom Meta does not block, which makes an error of the answer.
    let both = list(json!([{ "user": "34600999888" }, { "user": LUCIA }]));
    let blocked = stage.ask(Method::POST, &edge, Some(both)).await;
    assert_eq!((blocked.status, blocked.code()), (400, 139_100), "{}", blocked.body);
    assert!(stage.world.conversation(&stage.organization).await["blocked_at"].is_string());
    let told = stage.world.events(&stage.organization, "conversation.updated").await;
    let told: Vec<bool> = told.iter().map(|event| event["data"]["blocked_at"].is_string()).collect();
    assert_eq!(told, [true, false, true], "each change, once");
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let (_, audit) = stage.world.as_person(Method::GET, &owner, "/audit", None).await;
    let rows =
        audit["data"].as_array().expect("rows").iter().filter(|row| row["act"].as_str().unwrap().contains("block"));
    let rows: Vec<(&Value, &Value)> = rows.map(|row| (&row["act"], &row["actor"]["kind"])).collect();
    let (block, unblock, key) = (json!("contacts.block/block"), json!("contacts.block/unblock"), json!("key"));
    assert_eq!(rows, [(&block, &key), (&unblock, &key), (&block, &key)], "{audit}");
    // What Meta refused is no block, and who is not known here costs nothing.
    stage.world.delete(&stage.organization, &here).await;
    stage.world.advance(std::time::Duration::from_secs(25 * 3600)).await;
    assert_eq!(stage.ask(Method::POST, &edge, Some(lucia)).await.code(), 139_100);
    assert_eq!(stage.world.conversation(&stage.organization).await["blocked_at"], Value::Null);
    stage.end().await;
}

async fn id_of(stage: &Stage) -> String {
    stage.world.conversation(&stage.organization).await["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_stay_ours() {
    let stage = Stage::new().await;
    let (number, waba) = (&stage.number.phone_number_id, &stage.number.waba_id);
    let before = stage.get(&format!("{number}?fields=webhook_configuration")).await.body;
    let elsewhere = json!({ "override_callback_uri": "https://example.com/hook", "verify_token": "a word" });
    for (path, body) in [
        (number.clone(), Some(json!({ "webhook_configuration": elsewhere }))),
        (format!("{number}?webhook_configuration={{\"override_callback_uri\":\"https://example.com\"}}"), None),
        (format!("{waba}/subscribed_apps"), Some(elsewhere.clone())),
        (format!("{waba}/subscribed_apps?override_callback_uri=https://example.com&verify_token=a"), None),
    ] {
        let answer = stage.ask(Method::POST, &path, body).await;
        assert_eq!((answer.status, answer.code()), (403, 3), "{path}: {}", answer.body);
        assert!(answer.details().contains("webhooks"), "{}", answer.body);
    }
    // Nor by a form of parts.
    let form = "--b\r\ncontent-disposition: form-data; name=\"webhook_configuration\"\r\n\r\n{}\r\n--b--\r\n";
    let request = stage.world.client().post(format!("{}/v23.0/{number}", stage.world.url()));
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(form);
    let answer = stage.heard(request.bearer_auth(&stage.organization.key)).await;
    assert_eq!((answer.status, answer.code()), (403, 3), "{}", answer.body);
    let gone = stage.ask(Method::DELETE, &format!("{waba}/subscribed_apps"), None).await;
    assert_eq!((gone.status, gone.code()), (403, 3), "{}", gone.body);
    // Meta lets a parameter name another method; here it does not.
    let sly = stage.ask(Method::POST, &format!("{waba}/subscribed_apps?method=delete"), None).await;
    assert_eq!(sly.body, json!({ "success": true }));
    let apps = stage.get(&format!("{waba}/subscribed_apps")).await;
    assert_eq!(apps.body["data"].as_array().map(Vec::len), Some(1), "{}", apps.body);
    assert_eq!(stage.get(&format!("{number}?fields=webhook_configuration")).await.body, before);
    let app = stage.ask(Method::POST, "670843887433847/subscriptions", Some(elsewhere)).await;
    assert!(app.status >= 400, "{}", app.body);
    stage.end().await;
}

/// SDKs subscribe an account as a first step. To Meta, doing so without an override ends the one that is there.
#[tokio::test(flavor = "multi_thread")]
async fn subscribing_again_ends_no_override() {
    let stage = Stage::new().await;
    let path = format!("{}/subscribed_apps", stage.number.waba_id);
    let over = json!({ "override_callback_uri": format!("{}/webhook", stage.world.url()),
        "verify_token": stage.world.verify_token() });
    let (status, answer) = stage.world.meta().graph(Method::POST, &path, &stage.number.token, Some(&over)).await;
    assert_eq!(status, 200, "{answer}");
    let answer = stage.ask(Method::POST, &path, None).await;
    assert_eq!(answer.body, json!({ "success": true }));
    let apps = stage.get(&path).await;
    assert_eq!(apps.body["data"][0]["override_callback_uri"], over["override_callback_uri"], "{}", apps.body);
    // Where nobody hears of it, it is asked for.
    stage.world.meta().graph(Method::DELETE, &path, &stage.number.token, None).await;
    assert_eq!(stage.ask(Method::POST, &path, None).await.body, json!({ "success": true }));
    assert_eq!(stage.get(&path).await.body["data"].as_array().map(Vec::len), Some(1));
    stage.end().await;
}

/// A phone would lose its number, or wazapp would.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_a_phone_shares_is_not_registered_here() {
    let stage = Stage::new().await;
    let number = &stage.number.phone_number_id;
    let sql = stage.world.sql().await;
    for shared in ["is_on_biz_app = true", "is_on_biz_app = NULL, history = '{}'"] {
        sql.batch_execute(&format!("UPDATE wazapp.number SET {shared}")).await.unwrap();
        for edge in ["register", "deregister"] {
            let pin = json!({ "messaging_product": "whatsapp", "pin": "123456" });
            let answer = stage.ask(Method::POST, &format!("{number}/{edge}"), Some(pin)).await;
            assert_eq!((answer.status, answer.code()), (403, 3), "{}", answer.body);
            assert!(answer.details().contains("phone"), "{}", answer.body);
        }
    }
    assert_eq!(stage.get(&format!("{number}?fields=status")).await.body["status"], "CONNECTED");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_told_of_as_a_token() {
    let stage = Stage::new().await;
    let told = stage.get(&format!("debug_token?input_token={}", stage.organization.key)).await;
    let data = &told.body["data"];
    assert_eq!((&data["is_valid"], &data["expires_at"]), (&json!(true), &json!(0)), "{}", told.body);
    assert_eq!(data["granular_scopes"][0]["target_ids"], json!([stage.number.waba_id]));
    for other in [stage.stranger.key.as_str(), "EAAwrong", ""] {
        let told = stage.get(&format!("debug_token?input_token={other}")).await;
        assert_eq!((told.status, &told.body["data"]["is_valid"]), (200, &json!(false)), "{}", told.body);
    }
    assert_eq!(stage.get("debug_token").await.code(), 100);
    for path in ["oauth/access_token", "me/accounts", "search"] {
        assert_eq!(stage.get(path).await.code(), 2500);
    }
    stage.end().await;
}
