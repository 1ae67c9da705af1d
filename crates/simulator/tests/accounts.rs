//! Accounts, portfolios and Apps, over HTTP.

mod support;

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver, answered};
use tokio::net::TcpListener;

impl Laptop {
    /// Calls with the App's own token.
    async fn as_app(&self, method: reqwest::Method, path: &str, body: Value) -> Answered {
        let state = self.state().await;
        let word = format!("{}|{}", self.app_id, state["app"]["secret"].as_str().expect("a secret"));
        let request = self.client.request(method, self.url(path)).bearer_auth(word);
        answered(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn state(&self) -> Value {
        answered(self.client.get(format!("{}/_sim/state", self.simulator.url()))).await.1
    }

    async fn says(&self, text: &str) {
        let message = json!({
            "phone_number_id": self.number, "from": "16505551234", "type": "text", "text": { "body": text },
        });
        self.sim("messages", message).await;
    }
}

/// A callback that answers every handshake with something else.
async fn deaf() -> String {
    let router = Router::new().route("/hook", get(|| async { "no" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn says(text: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value["messages"].as_array().into_iter().flatten().any(|one| one["text"]["body"] == text)
}

#[tokio::test]
async fn webhooks_go_to_the_number_then_to_the_account_then_to_the_app() {
    let laptop = Laptop::start().await;
    let of_app = Receiver::start(&laptop).await;
    let (of_waba, waba_url) = Receiver::listen().await;
    let (of_number, number_url) = Receiver::listen().await;
    let app_url = laptop.state().await["callback_url"].clone();
    let subscribed = format!("{}/subscribed_apps", laptop.waba);
    let to = |url: &str| json!({ "override_callback_uri": url, "verify_token": "word" });

    laptop.says("to the App").await;
    of_app.hears("messages", says("to the App")).await;

    assert_eq!(laptop.post(&subscribed, &to(&waba_url)).await, (200, json!({ "success": true })));
    laptop.says("to the account").await;
    of_waba.hears("messages", says("to the account")).await;

    let configuration = json!({ "webhook_configuration": to(&number_url) });
    assert_eq!(laptop.post(&laptop.number, &configuration).await.0, 200);
    laptop.says("to the number").await;
    of_number.hears("messages", says("to the number")).await;
    let (_, shown) = laptop.get(&format!("{}?fields=webhook_configuration", laptop.number)).await;
    assert_eq!(
        shown,
        json!({
            "id": laptop.number,
            "webhook_configuration": {
                "phone_number": number_url, "whatsapp_business_account": waba_url, "application": app_url,
            },
        })
    );

    // What is told of the account is never overridden.
    laptop.sim(&format!("numbers/{}", laptop.number), json!({ "quality": "RED" })).await;
    let (_, entry_id, time) = of_app.hears("phone_number_quality_update", |value| value["event"] == "FLAGGED").await;
    assert_eq!(entry_id, laptop.waba.as_str());
    assert!(time.is_i64());

    let removal = json!({ "webhook_configuration": { "override_callback_uri": "" } });
    assert_eq!(laptop.post(&laptop.number, &removal).await.0, 200);
    laptop.says("to the account again").await;
    of_waba.hears("messages", says("to the account again")).await;

    assert_eq!(laptop.post(&subscribed, &json!({})).await.0, 200);
    let (_, list) = laptop.get(&subscribed).await;
    assert_eq!(list["data"][0]["whatsapp_business_api_data"]["id"], laptop.app_id.as_str());
    assert_eq!(list["data"][0].get("override_callback_uri"), None);
    laptop.says("to the App again").await;
    of_app.hears("messages", says("to the App again")).await;
}

#[tokio::test]
async fn a_callback_that_does_not_prove_itself_is_not_taken() {
    let laptop = Laptop::start().await;
    let subscribed = format!("{}/subscribed_apps", laptop.waba);
    let deaf = deaf().await;
    let given = |url: &str| json!({ "override_callback_uri": url, "verify_token": "word" });
    let code = |answer: Answered| (answer.0, answer.1["error"]["code"].clone());
    assert_eq!(code(laptop.post(&subscribed, &given(&deaf)).await), (400, json!(2200)));
    let of_number = json!({ "webhook_configuration": given(&deaf) });
    assert_eq!(code(laptop.post(&laptop.number, &of_number).await), (400, json!(2200)));
    let app = json!({
        "object": "whatsapp_business_account", "callback_url": deaf, "verify_token": "word", "fields": "messages",
    });
    let subscriptions = format!("{}/subscriptions", laptop.app_id);
    assert_eq!(code(laptop.as_app(reqwest::Method::POST, &subscriptions, app).await), (400, json!(2200)));
    assert_eq!(code(laptop.post(&subscribed, &given("http://example.com/hook")).await), (400, json!(100)));
    let long = format!("https://example.com/{}", "a".repeat(200));
    assert_eq!(code(laptop.post(&subscribed, &given(&long)).await), (400, json!(100)));
    assert_eq!(
        code(laptop.post(&subscribed, &json!({ "override_callback_uri": deaf })).await),
        (400, json!(100)),
        "there is no verify_token"
    );
    assert_eq!(laptop.get(&subscribed).await.1["data"][0].get("override_callback_uri"), None);
}

#[tokio::test]
async fn an_account_that_is_not_subscribed_is_silent() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let subscribed = format!("{}/subscribed_apps", laptop.waba);
    assert_eq!(laptop.delete(&subscribed).await, (200, json!({ "success": true })));
    assert_eq!(laptop.get(&subscribed).await.1, json!({ "data": [] }));
    laptop.says("into the void").await;
    // Until it has left, it may still find a subscriber.
    while laptop.state().await["settled"] != true {}
    assert_eq!(laptop.post(&subscribed, &json!({})).await.0, 200);
    laptop.says("heard").await;
    receiver.hears("messages", says("heard")).await;
    let ledger = answered(laptop.client.get(format!("{}/_sim/ledger", laptop.simulator.url()))).await.1;
    assert!(!ledger.to_string().contains("into the void"));
}

#[tokio::test]
async fn an_app_subscribes_to_fields() {
    use reqwest::Method;
    let laptop = Laptop::start().await;
    let (receiver, url) = Receiver::listen().await;
    let path = format!("{}/subscriptions", laptop.app_id);
    let asked = |fields: &str| {
        json!({
            "object": "whatsapp_business_account", "callback_url": url, "verify_token": "word", "fields": fields,
            "include_values": true,
        })
    };
    assert_eq!(laptop.as_app(Method::POST, &path, asked("messages,nonsense")).await.0, 400);
    assert_eq!(laptop.post(&path, &asked("messages")).await.1["error"]["code"], 15, "a user's token is not the App's");
    assert_eq!(laptop.as_app(Method::POST, &path, asked("calls, messages")).await, (200, json!({ "success": true })));
    let (_, shown) = laptop.as_app(Method::GET, &path, json!({})).await;
    let fields = json!([{ "name": "calls", "version": "v26.0" }, { "name": "messages", "version": "v26.0" }]);
    assert_eq!(
        shown,
        json!({ "data": [{
            "object": "whatsapp_business_account", "callback_url": url, "active": true, "fields": fields,
        }] })
    );
    laptop.says("hello").await;
    receiver.hears("messages", says("hello")).await;
    assert_eq!(laptop.as_app(Method::DELETE, &path, json!({ "fields": "calls" })).await.0, 200);
    let (_, shown) = laptop.as_app(Method::GET, &path, json!({})).await;
    assert_eq!(shown["data"][0]["fields"].as_array().map(Vec::len), Some(1));
    assert_eq!(laptop.as_app(Method::DELETE, &path, json!({})).await.0, 200);
    assert_eq!(laptop.as_app(Method::GET, &path, json!({})).await.1, json!({ "data": [] }));
    let (_, app) = laptop.get("app").await;
    assert_eq!(app["id"], laptop.app_id.as_str());
    assert_eq!(laptop.get(&laptop.app_id).await.1, app);
}

#[tokio::test]
async fn an_account_is_shown_and_changed() {
    let laptop = Laptop::start().await;
    let waba = &laptop.waba;
    let fields = "name,currency,country,business_verification_status,owner_business_info,account_review_status";
    let (status, shown) = laptop.get(&format!("{waba}?fields={fields}")).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["currency"], "MXN");
    assert_eq!(shown["business_verification_status"], "verified");
    assert_eq!(laptop.get(&format!("{waba}?fields=nonsense")).await.1["error"]["code"], 100);
    assert_eq!(laptop.get(&format!("{waba}?fields=analytics")).await.0, 400);
    assert_eq!(laptop.post(waba, &json!({})).await.0, 400);
    assert_eq!(laptop.post(waba, &json!({ "name": "Lucero", "timezone_id": "45" })).await.0, 200);
    let (_, shown) = laptop.get(waba).await;
    assert_eq!((&shown["name"], &shown["timezone_id"]), (&json!("Lucero"), &json!("45")));
    let (status, error) = answered(laptop.client.get(laptop.url(waba)).bearer_auth(&laptop.other.1)).await;
    assert_eq!((status, &error["error"]["error_subcode"]), (400, &json!(33)), "another's token sees nothing");
}

#[tokio::test]
async fn numbers_are_listed_in_pages() {
    let laptop = Laptop::start().await;
    let path = format!("{}/phone_numbers", laptop.waba);
    let (_, all) = laptop.get(&path).await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(all["data"][0]["display_phone_number"], "+52 55 8526 1100");
    assert_eq!(all["data"][0]["throughput"]["level"], "STANDARD");
    let (_, first) = laptop.get(&format!("{path}?limit=1&fields=id")).await;
    let next = first["paging"]["next"].as_str().expect("there is another page").to_owned();
    let (_, second) = answered(laptop.client.get(next).bearer_auth(&laptop.token)).await;
    assert_eq!(second["data"], json!([{ "id": all["data"][1]["id"] }]), "the fields are asked for again");
    let filter = r#"[{"field":"status","operator":"EQUAL","value":"BANNED"}]"#;
    let filter = form_urlencoded::Serializer::new(String::new()).append_pair("filtering", filter).finish();
    assert_eq!(laptop.get(&format!("{path}?{filter}")).await.1["data"], json!([]));
}

#[tokio::test]
async fn people_and_schedules_are_kept() {
    let laptop = Laptop::start().await;
    let users = format!("{}/assigned_users", laptop.waba);
    assert_eq!(laptop.get(&users).await.0, 400, "the business is asked for");
    assert_eq!(laptop.post(&users, &json!({ "user": "2345678901234567", "tasks": ["NAP"] })).await.0, 400);
    assert_eq!(laptop.post(&users, &json!({ "user": "2345678901234567", "tasks": ["MANAGE"] })).await.0, 200);
    let (_, list) = laptop.get(&format!("{users}?business=1&fields=id,user_type,tasks")).await;
    assert_eq!(list["summary"]["total_count"], 2, "the system user of the token is one of them: {list}");
    assert_eq!(laptop.delete(&format!("{users}?user=2345678901234567")).await.0, 200);
    assert_eq!(laptop.delete(&format!("{users}?user=2345678901234567")).await.0, 400);

    let schedules = format!("{}/schedules", laptop.waba);
    let mut hours = json!({
        "name": "Hours", "schedule_type": "BUSINESS_HOURS", "start_time": "09:00", "end_time": "25:00",
        "days_of_week": ["MONDAY"],
    });
    assert_eq!(laptop.post(&schedules, &hours).await.0, 400);
    hours["end_time"] = "17:00".into();
    let (status, made) = laptop.post(&schedules, &hours).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(laptop.get(&schedules).await.1["data"][0]["id"], made["id"]);
}

#[tokio::test]
async fn a_portfolio_shows_its_accounts_to_its_own() {
    let laptop = Laptop::start().await;
    let state = laptop.state().await;
    let business = state["businesses"][0]["id"].as_str().expect("an id");
    assert_eq!(laptop.get(business).await.1["name"], "Café Lucero");
    let (_, owned) = laptop.get(&format!("{business}/owned_whatsapp_business_accounts")).await;
    assert_eq!(owned["data"][0]["id"], laptop.waba.as_str());
    let (_, clients) = laptop.get(&format!("{business}/client_whatsapp_business_accounts")).await;
    assert_eq!(clients, json!({ "data": [] }));
    let other = state["businesses"][1]["id"].as_str().expect("an id");
    assert_eq!(laptop.get(other).await.1["error"]["error_subcode"], 33);
    let app = laptop.sim("apps", json!({ "id": laptop.app_id })).await;
    let partner = app["business_id"].as_str().expect("an id");
    let (_, clients) = laptop.get(&format!("{partner}/client_whatsapp_business_accounts")).await;
    assert_eq!(clients["data"].as_array().map(Vec::len), Some(2), "{clients}");
}

#[tokio::test]
async fn management_calls_are_counted() {
    let laptop = Laptop::start().await;
    let (_, list) = laptop.get(&format!("{}/phone_numbers?fields=id", laptop.waba)).await;
    for number in list["data"].as_array().expect("numbers") {
        let path = format!("numbers/{}", number["id"].as_str().expect("an id"));
        laptop.sim(&path, json!({ "registered": false })).await;
    }
    let asked = || laptop.client.get(laptop.url(&laptop.waba)).bearer_auth(&laptop.token);
    let answer = asked().send().await.expect("an answer");
    let usage = answer.headers().get("x-business-use-case-usage").expect("the share is shown");
    let usage: Value = serde_json::from_slice(usage.as_bytes()).expect("JSON");
    assert_eq!(usage[&laptop.waba][0]["call_count"], 1, "2 of 200");
    for _ in 0..198 {
        assert_eq!(answered(asked()).await.0, 200);
    }
    let (status, refusal) = answered(asked()).await;
    assert_eq!((status, &refusal["error"]["code"]), (400, &json!(80007)));
    laptop.advance("1h").await;
    assert_eq!(answered(asked()).await.0, 200);
}

/// Each fixture of a GET, and the path that answers it. `true`: the fixture's fields are asked for one by one.
fn shapes(laptop: &Laptop, business: &str, qr: &str) -> Vec<(&'static str, String, bool)> {
    let (waba, number) = (&laptop.waba, &laptop.number);
    vec![
        ("GET_phone-number-id.json", number.clone(), true),
        ("GET_phone-number-id-whatsapp-business-profile.json", format!("{number}/whatsapp_business_profile"), false),
        ("GET_phone-number-id-whatsapp-commerce-settings.json", format!("{number}/whatsapp_commerce_settings"), false),
        ("GET_phone-number-id-message-qrdls.json", format!("{number}/message_qrdls"), true),
        ("GET_phone-number-id-message-qrdls-qr-code-id.json", format!("{number}/message_qrdls/{qr}"), true),
        ("GET_phone-number-id-settings.json", format!("{number}/settings"), false),
        (
            "GET_phone-number-id-whatsapp-business-encryption.json",
            format!("{number}/whatsapp_business_encryption"),
            false,
        ),
        ("GET_phone-number-id-official-business-account.json", format!("{number}/official_business_account"), true),
        ("GET_phone-number-id-business-compliance-info.json", format!("{number}/business_compliance_info"), true),
        ("GET_phone-number-id-call-permissions.json", format!("{number}/call_permissions?user_wa_id=1650"), false),
        ("GET_waba-id.json", waba.clone(), true),
        ("GET_waba-id-phone-numbers.json", format!("{waba}/phone_numbers"), true),
        ("GET_waba-id-subscribed-apps.json", format!("{waba}/subscribed_apps"), false),
        ("GET_whatsapp-business-account-id-assigned-users.json", format!("{waba}/assigned_users?business=1"), true),
        ("GET_waba-id-schedules.json", format!("{waba}/schedules"), true),
        ("GET_waba-id-activities.json", format!("{waba}/activities"), false),
        ("GET_waba-id-solutions.json", format!("{waba}/solutions"), false),
        ("GET_waba-id-in-progress-onbehalf-request.json", format!("{waba}/in_progress_onbehalf_request"), false),
        ("GET_business-id.json", business.to_owned(), true),
        (
            "GET_business-id-owned-whatsapp-business-accounts.json",
            format!("{business}/owned_whatsapp_business_accounts"),
            true,
        ),
        (
            "GET_business-id-client-whatsapp-business-accounts.json",
            format!("{business}/client_whatsapp_business_accounts"),
            true,
        ),
        ("GET_business-id-extendedcredits.json", format!("{business}/extendedcredits"), false),
    ]
}

fn keys(values: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    values
        .into_iter()
        .filter_map(|value| value.as_object().cloned())
        .flat_map(|object| object.into_iter())
        .map(|(key, _)| key)
        .collect()
}

fn rows(values: &[Value]) -> Vec<Value> {
    values.iter().filter_map(|value| value["data"].as_array().cloned()).flatten().collect()
}

/// Answers have no keys but those that Meta published, in the object and in the rows of a list, and a field that Meta
/// published can be asked for.
#[tokio::test]
async fn answers_have_the_keys_of_the_fixtures() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/whatsapp/fixtures/graph");
    if !std::path::Path::new(fixtures).exists() {
        eprintln!("SKIPPED answers_have_the_keys_of_the_fixtures: {fixtures} is not there");
        return;
    }
    let laptop = Laptop::start().await;
    let state = laptop.state().await;
    let business = state["businesses"][0]["id"].as_str().expect("an id").to_owned();
    let qr = laptop.post(&format!("{}/message_qrdls", laptop.number), &json!({ "prefilled_message": "Hi" })).await.1;
    let qr = qr["code"].as_str().expect("a code").to_owned();
    let hours =
        json!({ "name": "Hours", "schedule_type": "BUSINESS_HOURS", "start_time": "09:00", "end_time": "17:00" });
    assert_eq!(laptop.post(&format!("{}/schedules", laptop.waba), &hours).await.0, 200);
    for (fixture, path, by_field) in shapes(&laptop, &business, &qr) {
        let text = std::fs::read_to_string(format!("{fixtures}/{fixture}")).expect("a fixture");
        let text: Value = serde_json::from_str(&text).expect("JSON");
        let examples = text["examples"].as_array().expect("examples").iter().filter(|one| one["status"] == "200");
        let bodies: Vec<Value> = examples.map(|one| one["body"].clone()).collect();
        let (of_object, of_rows) = (keys(bodies.clone()), keys(rows(&bodies)));
        let fields = if of_rows.is_empty() { &of_object } else { &of_rows };
        let fields = fields.iter().cloned().collect::<Vec<_>>().join(",");
        let and = if path.contains('?') { '&' } else { '?' };
        let path = if by_field { format!("{path}{and}fields={fields}") } else { path };
        let (status, answer) = laptop.get(&path).await;
        assert_eq!(status, 200, "{fixture}: {answer}");
        // A list of one page has cursors, whether the examples show them or not.
        let extra = BTreeSet::from(["paging".to_owned(), "id".to_owned()]);
        let unknown = |answered: BTreeSet<String>, published: &BTreeSet<String>| -> Vec<String> {
            answered.into_iter().filter(|key| !published.contains(key) && !extra.contains(key)).collect()
        };
        assert_eq!(unknown(keys([answer.clone()]), &of_object), Vec::<String>::new(), "{fixture}: {answer}");
        if by_field || fixture.contains("commerce") {
            assert_eq!(
                unknown(keys(rows(std::slice::from_ref(&answer))), &of_rows),
                Vec::<String>::new(),
                "{fixture}: {answer}"
            );
        }
    }
}
