//! Embedded Signup and tokens, over HTTP.

mod support;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver, answered};

impl Laptop {
    async fn secret(&self) -> String {
        let (_, state) = answered(self.client.get(format!("{}/_sim/state", self.simulator.url()))).await;
        state["app"]["secret"].as_str().expect("a secret").to_owned()
    }

    async fn exchange(&self, code: &str, secret: &str) -> Answered {
        let asked = [("client_id", self.app_id.as_str()), ("client_secret", secret), ("code", code)];
        answered(self.client.get(self.url(&format!("oauth/access_token?{}", query(&asked))))).await
    }

    async fn with(&self, token: &str, method: reqwest::Method, path: &str, body: Value) -> Answered {
        let request = self.client.request(method, self.url(path)).bearer_auth(token);
        answered(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn debug(&self, token: &str) -> Value {
        let app = format!("{}|{}", self.app_id, self.secret().await);
        let request = self.client.get(self.url(&format!("debug_token?{}", query(&[("input_token", token)]))));
        let request = request.bearer_auth(app);
        let (status, answer) = answered(request).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }
}

fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a string")).to_owned()
}

fn error(answer: &Answered) -> (i64, Option<i64>) {
    let error = &answer.1["error"];
    (error["code"].as_i64().unwrap_or_else(|| panic!("{} is an error", answer.1)), error["error_subcode"].as_i64())
}

#[tokio::test]
async fn a_business_signs_up_and_sends() {
    use reqwest::Method;
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let partner = laptop.sim("apps", json!({ "id": laptop.app_id })).await["business_id"].clone();
    let signed = laptop.sim("signup", json!({ "business": "Panadería Sol", "phone": "+52 33 1234 0001" })).await;
    let session = &signed["session"];
    assert_eq!((&session["type"], &session["event"]), (&json!("WA_EMBEDDED_SIGNUP"), &json!("FINISH")));
    let (waba, number) = (word(&session["data"]["waba_id"]), word(&session["data"]["phone_number_id"]));

    let of_waba = |event: &'static str| {
        let waba = waba.clone();
        move |value: &Value| value["event"] == event && value["waba_info"]["waba_id"] == waba.as_str()
    };
    let (value, entry_id, time) = receiver.hears("account_update", of_waba("PARTNER_APP_INSTALLED")).await;
    assert_eq!(entry_id, partner, "it is told to the portfolio");
    assert!(time.is_i64());
    assert_eq!(value["waba_info"]["owner_business_id"], session["data"]["business_id"]);
    assert_eq!(value["waba_info"]["partner_app_id"], laptop.app_id.as_str());
    receiver.hears("account_update", of_waba("PARTNER_ADDED")).await;

    let (status, token) = laptop.exchange(&word(&signed["code"]), &laptop.secret().await).await;
    assert_eq!((status, &token["token_type"]), (200, &json!("bearer")), "{token}");
    let token = word(&token["access_token"]);
    let data = laptop.debug(&token).await;
    assert_eq!((&data["is_valid"], &data["expires_at"]), (&json!(true), &json!(0)));
    assert_eq!(data["granular_scopes"][0]["target_ids"], json!([waba]));

    let subscribed = format!("{waba}/subscribed_apps");
    assert_eq!(laptop.with(&token, Method::GET, &subscribed, json!({})).await.1, json!({ "data": [] }));
    assert_eq!(laptop.with(&token, Method::POST, &subscribed, json!({})).await.0, 200);
    let send = json!({ "messaging_product": "whatsapp", "to": "16505551234", "type": "text", "text": { "body": "x" } });
    let sends = format!("{number}/messages");
    assert_eq!(error(&laptop.with(&token, Method::POST, &sends, send.clone()).await).0, 133010);
    let pin = json!({ "messaging_product": "whatsapp", "pin": "212834" });
    assert_eq!(laptop.with(&token, Method::POST, &format!("{number}/register"), pin).await.0, 200);
    assert_eq!(laptop.with(&token, Method::POST, &sends, send).await.0, 200);
    let (_, me) = laptop.with(&token, Method::GET, "me", json!({})).await;
    assert_eq!(me["id"], data["user_id"]);

    // The same business opens another account: its token opens both, the newest first.
    let again = laptop.sim("signup", json!({ "business": session["data"]["business_id"] })).await;
    let (_, both) = laptop.exchange(&word(&again["code"]), &laptop.secret().await).await;
    let data = laptop.debug(&word(&both["access_token"])).await;
    assert_eq!(data["granular_scopes"][0]["target_ids"], json!([again["session"]["data"]["waba_id"], waba]));
    assert_eq!(data["user_id"], me["id"], "a business has one system user for an App");
}

#[tokio::test]
async fn a_code_is_good_for_30_seconds_and_once() {
    let laptop = Laptop::start().await;
    let secret = laptop.secret().await;
    let code = word(&laptop.sim("signup", json!({ "expires_in": 3600 })).await["code"]);
    assert_eq!(error(&laptop.exchange(&code, "wrong").await), (1, None));
    assert_eq!(error(&laptop.exchange("AQnonsense", &secret).await), (100, None));
    let (status, token) = laptop.exchange(&code, &secret).await;
    assert_eq!((status, &token["expires_in"]), (200, &json!(3600)), "a wrong secret does not use the code up");
    assert_eq!(error(&laptop.exchange(&code, &secret).await), (100, Some(36009)));

    let late = word(&laptop.sim("signup", json!({})).await["code"]);
    laptop.advance("31s").await;
    assert_eq!(error(&laptop.exchange(&late, &secret).await), (100, Some(36007)));

    let other = laptop.sim("apps", json!({ "name": "Another" })).await;
    let code = word(&laptop.sim("signup", json!({ "app_id": other["id"] })).await["code"]);
    assert_eq!(error(&laptop.exchange(&code, &secret).await).0, 100, "it is another App's");
    let app = [("client_id", laptop.app_id.as_str()), ("client_secret", &secret), ("grant_type", "client_credentials")];
    let (_, token) = answered(laptop.client.post(laptop.url(&format!("oauth/access_token?{}", query(&app))))).await;
    assert_eq!(token["access_token"], format!("{}|{secret}", laptop.app_id));
}

#[tokio::test]
async fn a_token_that_ended_says_how() {
    use reqwest::Method;
    let laptop = Laptop::start().await;
    let issue = |more: Value| {
        let mut asked = json!({ "waba_id": laptop.waba });
        asked.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        laptop.sim("tokens", asked)
    };
    let revoked = word(&issue(json!({})).await["token"]);
    let short = word(&issue(json!({ "expires_in": 60 })).await["token"]);
    let narrow = word(&issue(json!({ "scopes": ["whatsapp_business_messaging"] })).await["token"]);
    assert_eq!(laptop.with(&revoked, Method::GET, &laptop.waba, json!({})).await.0, 200);
    assert_eq!(error(&laptop.with(&narrow, Method::GET, &laptop.waba, json!({})).await).0, 200);
    let gone = laptop.client.delete(format!("{}/_sim/tokens", laptop.simulator.url()));
    assert_eq!(answered(gone.body(json!({ "token": revoked }).to_string())).await.0, 200);
    laptop.advance("61s").await;

    let answer = laptop.with(&revoked, Method::GET, &laptop.waba, json!({})).await;
    assert_eq!((answer.0, error(&answer)), (401, (190, Some(460))));
    assert_eq!(error(&laptop.with(&short, Method::GET, &laptop.waba, json!({})).await), (190, Some(463)));
    for (token, subcode) in [(&revoked, json!(460)), (&short, json!(463)), (&"EAAnonsense".to_owned(), Value::Null)] {
        let data = laptop.debug(token).await;
        assert_eq!(data["is_valid"], false, "{data}");
        assert_eq!((&data["error"]["code"], &data["error"]["subcode"]), (&json!(190), &subcode));
    }
    // A token may ask after itself, not after another.
    let ask = |input: &str| format!("debug_token?input_token={input}");
    assert_eq!(laptop.with(&narrow, Method::GET, &ask(&narrow), json!({})).await.1["data"]["is_valid"], true);
    assert_eq!(laptop.with(&narrow, Method::GET, &ask(&laptop.token), json!({})).await.0, 400);
}

#[tokio::test]
async fn a_business_leaves() {
    use reqwest::Method;
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    laptop.sim("offboard", json!({ "waba_id": laptop.waba })).await;
    let (value, ..) = receiver.hears("account_update", |value| value["event"] == "PARTNER_REMOVED").await;
    assert_eq!(value["waba_info"]["waba_id"], laptop.waba.as_str());
    let (value, ..) = receiver.hears("account_update", |value| value["event"] == "PARTNER_APP_UNINSTALLED").await;
    assert_eq!(value["waba_info"]["partner_app_id"], laptop.app_id.as_str());
    assert_eq!(error(&laptop.with(&laptop.token, Method::GET, &laptop.waba, json!({})).await), (190, Some(460)));
    assert_eq!(laptop.with(&laptop.other.1, Method::GET, &laptop.other.0, json!({})).await.0, 200, "others stay");
}

#[tokio::test]
async fn a_number_of_the_phone_app_brings_its_past_once() {
    use reqwest::Method;
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let feature = "whatsapp_business_app_onboarding";
    let signed = laptop.sim("signup", json!({ "feature": feature })).await;
    assert_eq!(signed["session"]["event"], "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING");
    let waba = word(&signed["session"]["data"]["waba_id"]);
    let (_, token) = laptop.exchange(&word(&signed["code"]), &laptop.secret().await).await;
    let token = word(&token["access_token"]);
    assert_eq!(laptop.with(&token, Method::POST, &format!("{waba}/subscribed_apps"), json!({})).await.0, 200);
    let (_, numbers) = laptop.with(&token, Method::GET, &format!("{waba}/phone_numbers"), json!({})).await;
    let number = word(&numbers["data"][0]["id"]);
    let (_, shown) =
        laptop.with(&token, Method::GET, &format!("{number}?fields=is_on_biz_app,platform_type"), json!({})).await;
    assert_eq!(shown, json!({ "is_on_biz_app": true, "platform_type": "CLOUD_API", "id": number }));
    for edge in ["register", "deregister"] {
        let pin = json!({ "messaging_product": "whatsapp", "pin": "212834" });
        assert_eq!(error(&laptop.with(&token, Method::POST, &format!("{number}/{edge}"), pin).await).0, 100, "{edge}");
    }

    let sync = |kind: &str| json!({ "messaging_product": "whatsapp", "sync_type": kind });
    let path = format!("{number}/smb_app_data");
    let (status, answer) = laptop.with(&token, Method::POST, &path, sync("smb_app_state_sync")).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["request_id"].is_string());
    let (value, entry_id, time) = receiver.hears("smb_app_state_sync", |_| true).await;
    assert_eq!((entry_id, time), (waba.into(), Value::Null));
    assert_eq!(value["state_sync"].as_array().map(Vec::len), Some(2));
    assert_eq!(laptop.with(&token, Method::POST, &path, sync("history")).await.0, 200);
    let ends = |value: &Value| value["history"][0]["metadata"]["progress"] == 100;
    receiver.hears("history", ends).await;
    assert_eq!(error(&laptop.with(&token, Method::POST, &path, sync("history")).await).0, 2_593_107);

    // Another owner keeps the past; a third comes too late.
    let signed = laptop.sim("signup", json!({ "feature": feature, "history": false })).await;
    let waba = word(&signed["session"]["data"]["waba_id"]);
    let (_, token) = laptop.exchange(&word(&signed["code"]), &laptop.secret().await).await;
    let token = word(&token["access_token"]);
    assert_eq!(laptop.with(&token, Method::POST, &format!("{waba}/subscribed_apps"), json!({})).await.0, 200);
    let (_, numbers) = laptop.with(&token, Method::GET, &format!("{waba}/phone_numbers"), json!({})).await;
    let path = format!("{}/smb_app_data", word(&numbers["data"][0]["id"]));
    assert_eq!(laptop.with(&token, Method::POST, &path, sync("history")).await.0, 200);
    receiver.hears("history", |value| value["history"][0]["errors"][0]["code"] == 2_593_109).await;
    laptop.advance("25h").await;
    let answer = laptop.with(&token, Method::POST, &path, sync("smb_app_state_sync")).await;
    assert_eq!(error(&answer).0, 2_593_108);
}

#[tokio::test]
async fn a_proof_of_the_secret_is_asked_for() {
    use reqwest::Method;
    let laptop = Laptop::start().await;
    let secret = laptop.secret().await;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(laptop.token.as_bytes());
    let proof = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    let (_, state) = answered(laptop.client.get(format!("{}/_sim/state", laptop.simulator.url()))).await;
    let business = word(&state["businesses"][0]["id"]);

    let path = format!("{business}/system_user_access_tokens");
    assert_eq!(laptop.post(&path, &json!({})).await.0, 400);
    assert_eq!(laptop.post(&path, &json!({ "appsecret_proof": "0".repeat(64) })).await.0, 400);
    let asked = json!({ "appsecret_proof": proof, "set_token_expires_in_60_days": true });
    let (status, made) = laptop.post(&path, &asked).await;
    assert_eq!(status, 200, "{made}");
    let made = word(&made["access_token"]);
    assert_ne!(laptop.debug(&made).await["expires_at"], 0);
    assert_eq!(laptop.with(&made, Method::GET, &laptop.number, json!({})).await.0, 200);

    laptop.sim("apps", json!({ "id": laptop.app_id, "needs_proof": true })).await;
    assert_eq!(laptop.get(&laptop.number).await.0, 400);
    assert_eq!(laptop.get(&format!("{}?appsecret_proof={proof}", laptop.number)).await.0, 200);
}
