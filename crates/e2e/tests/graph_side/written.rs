//! The ways of writing that programs have for the same call: all are read, none goes beside the queue.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{LUCIA, Stage, body};

/// A form of these texts.
fn parts(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--b--\r\n"
}

impl Stage {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.world.client().request(method, format!("{}/{path}", self.world.url()))
    }

    fn authorized(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.organization.key)
    }
}

/// What Meta takes and wazapp does not know is a loss: whatever is no receipt is a message.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_beside_the_queue() {
    let stage = Stage::new().await;
    let text = json!({ "body": "hola" });
    let mut expected = 0;
    for odd in [json!(null), json!("delivered"), json!(true), json!(["read"]), json!({ "a": 1 })] {
        let answer = stage.send(json!({ "to": LUCIA, "type": "text", "text": text, "status": odd })).await;
        expected += usize::from(answer.status == 200);
        assert_eq!(stage.accepted().await.len(), expected, "{odd}: {}", answer.body);
        assert_eq!(stage.outbound().await.len(), expected, "{odd}: all that Meta has stands here");
    }
    assert!(expected >= 1, "null was never set");
    let read = json!({ "status": "read", "message_id": "wamid.A", "to": LUCIA, "type": "text", "text": text });
    let sent = stage.send(read).await.status == 200;
    expected += usize::from(sent);
    assert_eq!((stage.accepted().await.len(), stage.outbound().await.len()), (expected, expected));
    let accepted = stage.accepted().await;
    assert!(accepted.iter().all(|sent| sent["kind"] == "message"), "{accepted:?}");
    // Other edges that send, and other bodies.
    let path = format!("{}/marketing_messages", stage.number.phone_number_id);
    let answer = stage.ask(Method::POST, &path, Some(json!({ "messaging_product": "whatsapp", "to": LUCIA }))).await;
    assert_eq!((answer.status, answer.code()), (403, 3), "{}", answer.body);
    let path = format!("v23.0/{}/messages", stage.number.phone_number_id);
    for body in ["[{\"messaging_product\":\"whatsapp\"}]", "\"{}\"", "null", "{\"messaging_product\":\"whatsapp\""] {
        let request = stage.authorized(Method::POST, &path).header("content-type", "application/json").body(body);
        assert_eq!(stage.heard(request).await.code(), 100, "{body}");
    }
    assert_eq!(stage.accepted().await.len(), expected);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_json_in_texts_are_read() {
    let stage = Stage::new().await;
    let path = format!("v22.0/{}/messages", stage.number.phone_number_id);
    let fields = [("messaging_product", "whatsapp"), ("to", LUCIA), ("type", "text"), ("text", "{\"body\":\"multi\"}")];
    let request = stage.authorized(Method::POST, &path).header("content-type", "multipart/form-data; boundary=b");
    assert_eq!(stage.heard(request.body(parts(&fields))).await.status, 200);
    let action = json!({ "buttons": [{ "type": "reply", "reply": { "id": "a", "title": "A" } }] }).to_string();
    let interactive = json!({ "type": "button", "body": { "text": "B" }, "action": action });
    let answer = stage.send(json!({ "to": LUCIA, "type": "interactive", "interactive": interactive })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // The key in the body, on a path without a version; members of members have names in forms.
    let form = format!(
        "messaging_product=whatsapp&to={LUCIA}&type=text&text[body]=llave&access_token={}",
        stage.organization.key
    );
    let request = stage.request(Method::POST, &path[6..]);
    let answer = stage.heard(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let texts: Vec<Value> = stage.outbound().await.into_iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, ["multi", "B", "llave"].map(Value::from));
    // Other edges read them too.
    let profile = format!("v22.0/{}/whatsapp_business_profile", stage.number.phone_number_id);
    let request = stage.authorized(Method::POST, &profile).header("content-type", "multipart/form-data; boundary=b");
    let about = parts(&[("messaging_product", "whatsapp"), ("about", "Té")]);
    assert_eq!(stage.heard(request.body(about)).await.body, json!({ "success": true }));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_need_no_version_and_answers_are_never_empty() {
    let stage = Stage::new().await;
    let number = &stage.number.phone_number_id;
    for path in [number.clone(), format!("{number}?fields=id"), format!("V21.0/{number}"), format!("{number}/")] {
        let shown = stage.heard(stage.authorized(Method::GET, &path)).await;
        assert_eq!(shown.body["id"], json!(number), "{path}: {}", shown.body);
    }
    let me = stage.heard(stage.authorized(Method::GET, "me")).await;
    assert_eq!(me.body["name"], "Café Lucero", "{}", me.body);
    let told =
        stage.heard(stage.authorized(Method::GET, &format!("debug_token?input_token={}", stage.organization.key)));
    let apps = stage.get(&format!("{}/subscribed_apps", stage.number.waba_id)).await;
    let app = &apps.body["data"][0]["whatsapp_business_api_data"]["id"];
    assert_eq!(&told.await.body["data"]["app_id"], app, "one id of the App");
    let (good, wrong) = (stage.organization.key.as_str(), "wz_wrong");
    let ask = |method: Method, path: &str, key: &str| stage.heard(stage.request(method, path).bearer_auth(key));
    assert_eq!(ask(Method::GET, "v13.0/", wrong).await.code(), 190);
    let credentials = ask(Method::GET, "v13.0/", good).await;
    assert_eq!((credentials.code(), &credentials.body["error"]["type"]), (100, &json!("GraphMethodException")));
    for (method, path) in [
        (Method::GET, "v13.0"),
        (Method::POST, "v13.0/"),
        (Method::POST, ""),
        (Method::PUT, "v13.0/me"),
        (Method::GET, "nothing/here"),
        (Method::DELETE, "4711"),
        (Method::PATCH, "4711/messages"),
    ] {
        assert!(ask(method.clone(), path, good).await.code() > 0, "{method} {path}");
    }
    for (id, edge) in [(number, "calls"), (number, "smb_app_data"), (&stage.number.waba_id, "product_catalogs")] {
        let answer = stage.ask(Method::POST, &format!("{id}/{edge}"), None).await;
        assert_eq!((answer.status, answer.code()), (403, 3), "{edge}: {}", answer.body);
        assert!(!answer.details().is_empty());
    }
    stage.end().await;
}

/// A program that follows `paging.next` with nothing else sees all of a list.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_as_they_stand() {
    let stage = Stage::new().await;
    let path = format!("v14.0/{}/message_templates", stage.number.waba_id);
    let all = stage.heard(stage.authorized(Method::GET, &format!("{path}?limit=100"))).await;
    let all = all.body["data"].as_array().unwrap().len();
    let mut url = format!("{}/{path}?limit=2&access_token={}", stage.world.url(), stage.organization.key);
    let mut seen = 0;
    loop {
        let answer = stage.world.client().get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let page: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        seen += page["data"].as_array().unwrap().len();
        let Some(next) = page["paging"]["next"].as_str() else { break };
        assert!(!next.contains(&stage.number.token), "{next}");
        url = next.to_owned();
    }
    assert!(all > 2 && seen == all, "{seen} of {all}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_made_here_is_known_at_once() {
    let stage = Stage::new().await;
    let template = json!({ "name": "just_made", "language": "en_US", "category": "UTILITY",
        "components": [body("We are open until ten today.")] });
    let path = format!("{}/message_templates", stage.number.waba_id);
    let made = stage.ask(Method::POST, &path, Some(template)).await;
    let id = made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body));
    let known = stage.world.read(&stage.organization, "/templates?limit=100").await;
    let rows = known["data"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["template_id"] == json!(id) && row["name"] == "just_made"), "{known:#}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_calls_under_the_same_rules() {
    let stage = Stage::new().await;
    let number = &stage.number.phone_number_id;
    let send = format!("messaging_product=whatsapp&to={LUCIA}&type=text&text=%7B%22body%22%3A%22tanda%22%7D");
    let batch = json!([
        { "method": "GET", "relative_url": "me" },
        { "method": "POST", "relative_url": format!("{number}/messages"), "body": send },
        { "method": "GET", "relative_url": format!("v20.0/{}", stage.strangers_number.phone_number_id) },
        { "method": "POST", "relative_url": "", "body": "batch=[]" },
        { "method": "GET", "relative_url": "me", "attached_files": "a" },
    ])
    .to_string();
    let key = stage.organization.key.clone();
    let as_form = parts(&[("batch", &batch), ("access_token", &key)]);
    let request = stage.request(Method::POST, "").header("content-type", "multipart/form-data; boundary=b");
    let answers = stage.heard(request.body(as_form)).await.body;
    let codes: Vec<u64> = answers.as_array().unwrap().iter().map(|answer| answer["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 200, 400, 400, 400], "{answers:#}");
    let sent: Value = serde_json::from_str(answers[1]["body"].as_str().unwrap()).unwrap();
    assert!(sent["messages"][0]["id"].is_string(), "{sent}");
    assert_eq!(stage.outbound().await[0]["text"], "tanda");
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["headers"].is_array()), "{answers:#}");
    for (path, without) in [("", json!(false)), ("", json!("false")), ("?include_headers=0", Value::Null)] {
        let mut asked = json!({ "batch": [{ "relative_url": "me" }, { "relative_url": "" }] });
        if !without.is_null() {
            asked["include_headers"] = without;
        }
        let answers = stage.ask(Method::POST, path, Some(asked)).await.body;
        for answer in answers.as_array().unwrap() {
            assert!(
                answer["code"].is_u64() && answer["body"].is_string() && answer.get("headers").is_none(),
                "{answers:#}"
            );
        }
    }
    let many = json!({ "batch": vec![json!({ "relative_url": "me" }); 51] });
    let answer = stage.ask(Method::POST, "", Some(many)).await;
    assert_eq!((answer.status, answer.code()), (400, 100), "{}", answer.body);
    let request = stage.request(Method::POST, "v20.0/").bearer_auth("wz_wrong").body("batch=[]");
    assert_eq!(stage.heard(request).await.code(), 190);
    stage.end().await;
}

/// A client that gave up says "the same" by its key: one message, one answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_send_with_its_key_is_one() {
    let stage = Stage::new().await;
    let path = format!("v23.0/{}/messages", stage.number.phone_number_id);
    let send = async |key: &str, text: &str| {
        let body = json!({ "messaging_product": "whatsapp", "to": LUCIA, "text": { "body": text } });
        let request = stage.authorized(Method::POST, &path).header("content-type", "application/json");
        stage.heard(request.header("idempotency-key", key).body(body.to_string())).await
    };
    let (one, other) = tokio::join!(send("k1", "uno"), send("k1", "uno"));
    assert_eq!((one.status, &one.body), (200, &other.body));
    assert_eq!(send("k1", "uno").await.body, one.body);
    let another = send("k1", "otro").await;
    assert_eq!((another.status, another.code()), (400, 100), "{}", another.body);
    assert_eq!(stage.accepted().await.len(), 1);

    // What was taken back under its key is sent under it again.
    stage.world.meta().faults(json!([{ "kind": "error", "code": 130429 }])).await;
    let refused = "SELECT count(*) FROM wazapp.outbox WHERE error IS NOT NULL AND state = 'queued'";
    tokio::select! {
        answer = send("k2", "dos") => panic!("it was answered: {answer:?}"),
        () = stage.world.until("it was refused once", async || stage.world.count(refused).await == 1) => {}
    }
    stage.world.until("it is taken back", async || stage.outbound().await[1]["status"] == "failed").await;
    stage.world.meta().no_faults().await;
    stage.world.advance(std::time::Duration::from_secs(60)).await;
    // Another one under its key does not make it forgotten.
    let another = send("k2", "otro").await;
    assert_eq!((another.status, another.code()), (400, 100), "{}", another.body);
    assert_eq!(stage.accepted().await.len(), 1);
    assert_eq!(send("k2", "dos").await.status, 200);
    assert_eq!(stage.accepted().await.len(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_says_how_long_it_waits_hears_in_time() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 130429 }])).await;
    let path = format!("v23.0/{}/messages", stage.number.phone_number_id);
    let body = json!({ "messaging_product": "whatsapp", "to": LUCIA, "text": { "body": "rápido" } }).to_string();
    let request = stage.authorized(Method::POST, &path).header("content-type", "application/json").body(body.clone());
    let began = std::time::Instant::now();
    let answer = stage.heard(request.header("x-wazapp-timeout", "2")).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!((answer.status, answer.code()), (400, 130429), "{}", answer.body);
    let request = stage.authorized(Method::POST, &path).header("x-wazapp-timeout", "soon").body(body);
    assert_eq!(stage.heard(request).await.code(), 100);
    assert_eq!(stage.accepted().await.len(), 0);
    stage.end().await;
}
