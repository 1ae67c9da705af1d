//! What each call puts on the wire, and what it reads in the answer.

use http::Method;
use serde_json::{Value, json};
use whatsapp::graph::{Override, TemplateQuery, User};

use super::server::{Request, Server};
use super::*;

/// A server that answers this, and a client of it.
async fn answering(answer: Value) -> (Server, Graph) {
    let server = Server::start([Act::json(200, &answer)]).await;
    let graph = patient(&server.url);
    (server, graph)
}

fn success() -> Value {
    json!({ "success": true })
}

fn check(request: &Request, line: &str, body: &Value) {
    assert_eq!(request.line, line);
    assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(&request.json(), body);
    assert!(request.header("user-agent").starts_with("wazapp/"));
}

#[tokio::test]
async fn a_send() {
    let (server, graph) = answering(json!({
        "messaging_product": "whatsapp", "contacts": [{ "input": "+34 600", "wa_id": 34600111222_u64 }],
        "messages": [{ "id": "wamid.1", "message_status": "accepted", "group_id": "g" }], "new": { "field": 1 },
    }))
    .await;
    let sent = send(&graph).await.expect("accepted");
    check(&server.request(), "POST /v26.0/106540352242922/messages", &hello());
    assert_eq!(server.request().header("content-type"), "application/json; charset=utf-8");
    assert_eq!((sent.wamid.as_str(), sent.wa_id.as_deref()), ("wamid.1", Some("34600111222")));
    assert_eq!((sent.user_id, sent.message_status.as_deref()), (None, Some("accepted")));
}

#[tokio::test]
async fn with_the_apps_secret_a_call_proves_itself() {
    let (server, graph) = answering(success()).await;
    let credential = Credential::new(secret("EAAtesttoken")).with_app_secret(secret("test_app_secret"));
    graph.mark_read(&credential, NUMBER, "wamid.1", true).await.expect("success");
    let request = server.request();
    let proof = "2f6c99f265a9e1644d725e8f9c96e439fcbf40a73357d1d98ba8b98fbfe445e4";
    assert_eq!(request.line, format!("POST /v26.0/{NUMBER}/messages?appsecret_proof={proof}"));
    assert_eq!(request.header("authorization"), "Bearer EAAtesttoken");
    let body = json!({
        "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1",
        "typing_indicator": { "type": "text" },
    });
    assert_eq!(request.json(), body);
}

#[tokio::test]
async fn commands() {
    let token = token();
    let product = json!({ "messaging_product": "whatsapp", "pin": "123456" });
    let read = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1" });
    let instead = Override { url: "https://other.example/", verify_token: "word" };
    let (server, graph) = answering(success()).await;
    let mut expected: Vec<(&str, Value)> = Vec::new();
    let mut did = |line, body, result: Result<(), Failure>| {
        result.expect("success");
        expected.push((line, body));
    };
    did("POST /v26.0/1/messages", read, graph.mark_read(&token, "1", "wamid.1", false).await);
    did("DELETE /v26.0/1", Value::Null, graph.delete_media(&token, "1").await);
    did("POST /v26.0/1/register", product, graph.register(&token, "1", "123456").await);
    did("POST /v26.0/1/deregister", Value::Null, graph.deregister(&token, "1").await);
    did("POST /v26.0/1", json!({ "pin": "123456" }), graph.set_pin(&token, "1", "123456").await);
    did("POST /v26.0/1/subscribed_apps", Value::Null, graph.subscribe_app(&token, "1", None).await);
    let body = json!({ "override_callback_uri": "https://other.example/", "verify_token": "word" });
    did("POST /v26.0/1/subscribed_apps", body, graph.subscribe_app(&token, "1", Some(instead)).await);
    did("DELETE /v26.0/1/subscribed_apps", Value::Null, graph.unsubscribe_app(&token, "1").await);
    let body = json!({ "category": "UTILITY" });
    did("POST /v26.0/1", body.clone(), graph.edit_template(&token, "1", &body).await);
    let line = "DELETE /v26.0/1/message_templates?name=order+one%26two";
    did(line, Value::Null, graph.delete_template(&token, "1", "order one&two", None).await);
    let line = "DELETE /v26.0/1/message_templates?name=order&hsm_id=2";
    did(line, Value::Null, graph.delete_template(&token, "1", "order", Some("2")).await);
    let requests = server.requests();
    assert_eq!(requests.len(), expected.len());
    for (request, (line, body)) in requests.iter().zip(&expected) {
        check(request, line, body);
    }
    assert_eq!(server.connections(), 1, "connections are kept");
}

#[tokio::test]
async fn a_command_that_does_not_say_success_is_unknown() {
    for answer in [json!({}), json!({ "success": false }), json!([]), json!({ "success": null })] {
        let (_server, graph) = answering(answer).await;
        let failure = graph.deregister(&token(), "1").await.expect_err("no success");
        assert!(matches!(failure, Failure::Unknown(_)), "{failure:?}");
    }
    let (_server, graph) = answering(json!({ "success": "true" })).await;
    graph.deregister(&token(), "1").await.expect("a word is a word");
}

#[tokio::test]
async fn a_medium_looked_up() {
    let (server, graph) = answering(json!({
        "messaging_product": "whatsapp", "url": "https://lookaside.fbsbx.com/a", "mime_type": "image/jpeg",
        "sha256": "abc", "file_size": "303833", "id": "1",
    }))
    .await;
    let info = graph.media(&token(), "1", Some("2")).await.expect("a medium");
    check(&server.request(), "GET /v26.0/1?phone_number_id=2", &Value::Null);
    assert_eq!((info.url.as_str(), info.file_size), ("https://lookaside.fbsbx.com/a", Some(303_833)));
    assert_eq!((info.mime_type.as_deref(), info.sha256.as_deref()), (Some("image/jpeg"), Some("abc")));
}

#[tokio::test]
async fn a_number_and_an_account() {
    let (server, graph) = answering(json!({
        "id": 1, "display_phone_number": "+1 631-555-5555", "throughput": { "level": "HIGH" }, "is_on_biz_app": false,
        "messaging_limit_tier": "TIER_1K", "whatsapp_business_manager_messaging_limit": "TIER_2K",
        "health_status": { "can_send_message": "AVAILABLE" }, "verified_name": null, "currency": "MXN",
    }))
    .await;
    let number = graph.number(&token(), "1", &["throughput", "health_status"]).await.expect("a number");
    assert_eq!((number.id.as_str(), number.throughput.as_deref()), ("1", Some("HIGH")));
    assert_eq!((number.messaging_limit.as_deref(), number.verified_name), (Some("TIER_2K"), None));
    assert_eq!(number.whole["health_status"]["can_send_message"], "AVAILABLE");
    let waba = graph.waba(&token(), "1", &[]).await.expect("an account");
    assert_eq!((waba.id.as_str(), waba.currency.as_deref()), ("1", Some("MXN")));
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /v26.0/1?fields=throughput%2Chealth_status", "GET /v26.0/1"]);
}

#[tokio::test]
async fn a_template_made() {
    let (server, graph) = answering(json!({ "id": 5_u64, "status": "PENDING", "category": "UTILITY" })).await;
    let body = json!({ "name": "order", "language": "es_MX", "category": "UTILITY", "components": [] });
    let made = graph.create_template(&token(), "1", &body).await.expect("a template");
    check(&server.request(), "POST /v26.0/1/message_templates", &body);
    assert_eq!((made.id.as_str(), made.status.as_deref()), ("5", Some("PENDING")));
}

#[tokio::test]
async fn templates_are_asked_for_by_what_they_are() {
    let (server, graph) = answering(json!({ "data": [{ "id": "1", "name": "a" }, { "name": "without id" }] })).await;
    let query = TemplateQuery { status: Some("APPROVED"), name: Some("a"), fields: Some("name"), ..Default::default() };
    let templates = graph.templates(&token(), "1", query, 10).await.expect("templates");
    assert_eq!(templates.len(), 1);
    let line = "GET /v26.0/1/message_templates?limit=100&fields=name&status=APPROVED&name=a";
    check(&server.request(), line, &Value::Null);
}

/// The App's secret and the code are in the body, not in the URL that Meta's page shows.
#[tokio::test]
async fn a_code_becomes_a_token() {
    use secrecy::ExposeSecret;
    let answer = json!({ "access_token": "EAAnew", "token_type": "bearer", "expires_in": 5_183_944 });
    let (server, graph) = answering(answer).await;
    let granted = graph.exchange_code("7", &secret(SECRET), &secret("co de")).await.expect("a token");
    let request = server.request();
    assert_eq!(request.line, "POST /v26.0/oauth/access_token");
    assert_eq!(request.text(), format!("client_id=7&client_secret={SECRET}&code=co+de"));
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(request.header("authorization"), "");
    assert_eq!(granted.token.expose_secret(), "EAAnew");
    assert_eq!(granted.expires_in, Some(Duration::from_secs(5_183_944)));
    assert!(!format!("{granted:?}").contains("EAAnew"));
}

#[tokio::test]
async fn a_token_looked_at() {
    let (server, graph) = answering(json!({ "data": { "is_valid": true, "app_id": 7, "scopes": ["a"] } })).await;
    let info = graph.debug_token("7", &secret(SECRET), &secret(TOKEN)).await.expect("facts");
    let request = server.request();
    assert!(request.line.starts_with(&format!("GET /v26.0/debug_token?input_token={TOKEN}&appsecret_proof=")));
    assert_eq!(request.header("authorization"), format!("Bearer 7|{SECRET}"));
    assert_eq!((info.is_valid, info.app_id.as_deref()), (true, Some("7")));
}

#[tokio::test]
async fn an_apps_subscription() {
    let (server, graph) = answering(json!({ "success": true, "data": [
        { "object": "whatsapp_business_account", "callback_url": "https://a.example/", "active": true,
          "fields": [{ "name": "messages", "version": "v26.0" }, "calls"] },
        { "object": "page" },
    ]}))
    .await;
    let word = secret("word");
    let fields = ["messages", "calls"];
    graph.set_app_subscription("7", &secret(SECRET), "https://a.example/", &word, &fields).await.expect("success");
    let request = server.request();
    assert!(request.line.starts_with("POST /v26.0/7/subscriptions?appsecret_proof="));
    assert_eq!(request.header("authorization"), format!("Bearer 7|{SECRET}"));
    let body = json!({
        "object": "whatsapp_business_account", "callback_url": "https://a.example/", "verify_token": "word",
        "fields": "messages,calls",
    });
    assert_eq!(request.json(), body);
    let all = graph.app_subscriptions("7", &secret(SECRET)).await.expect("subscriptions");
    assert_eq!(all.len(), 2);
    let names: Vec<&str> = all[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, fields);
}

/// Meta blocks those it can and answers an error for the rest, in one body.
#[tokio::test]
async fn blocks_are_told_one_by_one() {
    let answer = json!({
        "messaging_product": "whatsapp",
        "block_users": {
            "added_users": [{ "input": "+1650", "wa_id": "1650" }],
            "failed_users": [{ "input": "US.1", "errors": [{ "code": 131047, "message": "no" }] }],
        },
        "error": { "message": "(#139100) Failed to block/unblock users", "code": 139100 },
    });
    let server = Server::start([Act::json(400, &answer)]).await;
    let graph = patient(&server.url);
    let users = [User::Phone("+1650"), User::UserId("US.1")];
    let blocks = graph.block_users(&token(), "1", &users).await.expect("lists");
    let body = json!({ "messaging_product": "whatsapp", "block_users": [{ "user": "+1650" }, { "user_id": "US.1" }] });
    check(&server.request(), "POST /v26.0/1/block_users", &body);
    assert_eq!(blocks.done[0].wa_id.as_deref(), Some("1650"));
    assert_eq!(blocks.failed[0].errors[0].code, 131_047);

    let refusal = json!({ "messaging_product": "whatsapp", "error": { "message": "no", "code": 139101 } });
    let server = Server::start([Act::json(400, &refusal)]).await;
    let failure = patient(&server.url).unblock_users(&token(), "1", &users).await.expect_err("a refusal");
    assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
    assert_eq!(server.request().line, "DELETE /v26.0/1/block_users");
}

#[tokio::test]
async fn any_other_call() {
    let (server, graph) = answering(json!({ "calling": { "status": "ENABLED" } })).await;
    let answer = graph.call(Method::GET, &["1", "settings"], &[("include", "a b")], None, &token()).await;
    assert_eq!(answer.expect("settings")["calling"]["status"], "ENABLED");
    check(&server.request(), "GET /v26.0/1/settings?include=a+b", &Value::Null);
}
