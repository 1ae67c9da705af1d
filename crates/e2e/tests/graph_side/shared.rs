//! Two organizations with a number each in one account, and one token of Meta's that opens both: what it opens is not
//! therefore theirs.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, LUCIA, Stage};
use crate::graph_side::media::uploaded;

/// The stranger's second number, beside the organization's own in its account.
async fn shared() -> (Stage, e2e::SimulatedNumber) {
    let stage = Stage::new().await;
    let beside = stage.beside().await;
    stage.world.connect_simulated(&stage.stranger, &beside).await;
    (stage, beside)
}

impl Stage {
    async fn stranger(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(&self.stranger.key, method, path, body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_picture_is_the_organizations_it_was_sent_to() {
    let (stage, beside) = shared().await;
    let picture = json!({ "type": "image", "image": {} });
    stage.world.meta().customer_sends(&stage.number, LUCIA, picture).await;
    stage.world.meta().customer_says(&beside, LUCIA, "Hello").await;
    stage.world.settle().await;
    let sql = stage.world.sql().await;
    let row = sql.query_one("SELECT meta_id FROM wazapp.media WHERE meta_id IS NOT NULL", &[]).await.expect("a medium");
    let received: String = row.get(0);
    let sent = uploaded(&stage, &stage.organization.key, &stage.number).await;
    for id in [&received, &sent] {
        assert_eq!(stage.get(id).await.body["id"], json!(id), "its owner sees it");
        for (method, path) in
            [(Method::GET, id.clone()), (Method::DELETE, id.clone()), (Method::GET, format!("media-content/{id}"))]
        {
            let answer = stage.stranger(method.clone(), &path, None).await;
            assert_eq!((answer.status, answer.code()), (400, 100), "{method} {path}: {}", answer.body);
            assert_eq!(answer.body["error"]["error_subcode"], 33, "{}", answer.body);
        }
        // Nor is it sent to somebody else.
        let image = json!({ "messaging_product": "whatsapp", "to": LUCIA, "type": "image", "image": { "id": id } });
        let path = format!("{}/messages", beside.phone_number_id);
        let answer = stage.stranger(Method::POST, &path, Some(image)).await;
        assert_eq!((answer.status, answer.code()), (400, 100), "{}", answer.body);
        // Nor through the other way in.
        let threads = stage.world.read(&stage.stranger, "/conversations").await;
        let path = format!("/conversations/{}/messages", threads["data"][0]["id"].as_str().expect("a thread"));
        let image = json!({ "type": "image", "image": { "id": id } });
        let (status, problem) = stage.world.post_api(&stage.stranger, &path, &image).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("image.id")), "{problem}");
        assert_eq!(stage.get(id).await.body["id"], json!(id), "it is still there");
    }
    assert_eq!(stage.world.meta().accepted(&beside).await.len(), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_ones_own_numbers_alone() {
    let (stage, beside) = shared().await;
    let (number, waba) = (&stage.number.phone_number_id, &stage.number.waba_id);
    let own = |answer: &Value| {
        answer["data"].as_array().is_some_and(|rows| rows.iter().all(|row| row["id"] == json!(number)))
    };
    for path in [
        format!("{waba}/phone_numbers"),
        format!("{waba}/phone_numbers?fields=id,display_phone_number&limit=1"),
        format!("{waba}/phone_numbers?fields=display_phone_number"),
    ] {
        let listed = stage.get(&path).await;
        assert!(listed.status == 200 && own(&listed.body), "{path}: {}", listed.body);
        assert!(!listed.body.to_string().contains(&beside.phone_number_id), "{path}: {}", listed.body);
    }
    for fields in ["phone_numbers", "name,phone_numbers{id,display_phone_number}", "phone_numbers.limit(5){id}"] {
        let shown = stage.get(&format!("{waba}?fields={fields}")).await;
        assert!(shown.status == 200 && own(&shown.body["phone_numbers"]), "{fields}: {}", shown.body);
    }
    let renamed = stage.get(&format!("{waba}?fields=phone_numbers.as(message_templates)")).await;
    assert_eq!((renamed.status, renamed.code()), (400, 100), "{}", renamed.body);
    let theirs = stage.stranger(Method::GET, &format!("{waba}/phone_numbers"), None).await;
    assert_eq!(theirs.body["data"][0]["id"], json!(beside.phone_number_id), "{}", theirs.body);
    // What is counted is counted of one's own.
    let other =
        format!("{waba}/pricing_analytics?start=1&end=2&granularity=DAILY&phone_numbers=[\"{}\"]", beside.digits);
    let answer = stage.get(&other).await;
    assert_eq!((answer.status, answer.code()), (400, 100), "{}", answer.body);
    let answer = stage.get(&format!("{waba}/template_analytics?start=1")).await;
    assert_eq!((answer.status, answer.code()), (403, 3), "{}", answer.body);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_continued_by_who_began_it() {
    let (stage, _) = shared().await;
    let query = "file_length=4&file_type=image/png&file_name=a.png";
    let begun = stage.ask(Method::POST, &format!("670843887433847/uploads?{query}"), None).await;
    let id = begun.body["id"].as_str().unwrap_or_else(|| panic!("{}", begun.body)).to_owned();
    for method in [Method::GET, Method::POST] {
        let answer = stage.stranger(method, &id, None).await;
        assert_eq!((answer.status, answer.code()), (400, 100), "{}", answer.body);
    }
    assert_eq!(stage.get(&id).await.body["file_offset"], 0);
    stage.end().await;
}

/// Forms are of the account; in a shared one they are theirs who made them here.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_theirs_who_made_it() {
    let (stage, _) = shared().await;
    let flows = format!("{}/flows", stage.number.waba_id);
    let screens = json!({ "version": "7.0", "screens": [], "filler": "x".repeat(100_000) }).to_string();
    let wanted = json!({ "name": "survey", "categories": ["OTHER"], "flow_json": screens });
    let made = stage.ask(Method::POST, &flows, Some(wanted)).await;
    let id = made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
    let (path, body) = (flows.clone(), json!({ "name": "elsewhere", "categories": ["OTHER"] }));
    let (_, beside) = stage.world.meta().graph(Method::POST, &path, &stage.number.token, Some(&body)).await;
    let beside = beside["id"].as_str().expect("an id").to_owned();
    let listed = stage.get(&flows).await;
    assert_eq!(listed.body["data"].as_array().map(|rows| (rows.len(), rows[0]["id"] == json!(id))), Some((1, true)));
    assert_eq!(stage.stranger(Method::GET, &flows, None).await.body["data"], json!([]));
    assert_eq!(stage.get(&format!("{id}?fields=name,json_version")).await.body["json_version"], "7.0");
    for (method, edge) in [
        (Method::GET, ""),
        (Method::POST, ""),
        (Method::DELETE, ""),
        (Method::GET, "/assets"),
        (Method::POST, "/publish"),
    ] {
        let answer = stage.stranger(method.clone(), &format!("{id}{edge}"), None).await;
        assert_eq!((answer.status, answer.code()), (400, 100), "{method} {edge}: {}", answer.body);
        let answer = stage.ask(method.clone(), &format!("{beside}{edge}"), None).await;
        assert_eq!((answer.status, answer.code()), (400, 100), "{method} {edge}: {}", answer.body);
    }
    let form = "--b\r\ncontent-disposition: form-data; name=\"asset_type\"\r\n\r\nFLOW_JSON\r\n--b\r\n\
                content-disposition: form-data; name=\"name\"\r\n\r\nflow.json\r\n--b\r\n\
                content-disposition: form-data; name=\"file\"; filename=\"flow.json\"\r\n\
                content-type: application/json\r\n\r\n{\"version\":\"8.0\"}\r\n--b--\r\n";
    let request = stage.world.client().post(format!("{}/v23.0/{id}/assets", stage.world.url()));
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(form);
    assert_eq!(stage.heard(request.bearer_auth(&stage.organization.key)).await.body["success"], true);
    assert_eq!(stage.get(&format!("{id}?fields=json_version")).await.body["json_version"], "8.0");
    assert_eq!(stage.ask(Method::POST, &format!("{id}/publish"), None).await.body, json!({ "success": true }));
    stage.end().await;
}

/// One that was made elsewhere is theirs whose account it is, where nobody else has a number of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_ones_own_account_is_ones_own() {
    let stage = Stage::new().await;
    let flows = format!("{}/flows", stage.number.waba_id);
    let body = json!({ "name": "elsewhere", "categories": ["OTHER"] });
    let (_, made) = stage.world.meta().graph(Method::POST, &flows, &stage.number.token, Some(&body)).await;
    let id = made["id"].as_str().expect("an id");
    assert_eq!(stage.get(id).await.body["name"], "elsewhere");
    let answer = stage.stranger(Method::GET, id, None).await;
    assert_eq!((answer.status, answer.code()), (400, 100), "{}", answer.body);
    let insights = json!({ "is_enabled_for_insights": true });
    let waba = &stage.number.waba_id;
    let enabled = stage.ask(Method::POST, &format!("{waba}?is_enabled_for_insights=true"), None).await;
    assert_eq!(enabled.body["success"], true, "{}", enabled.body);
    assert_eq!(stage.ask(Method::POST, waba, Some(insights)).await.body["success"], true);
    stage.end().await;
}

/// An account's own settings, where it is shared, are nobody's to set.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_share_stays_as_it_is() {
    let (stage, _) = shared().await;
    let waba = &stage.number.waba_id;
    for body in [json!({ "is_enabled_for_insights": true }), json!({ "name": "Mine" }), json!({})] {
        let answer = stage.ask(Method::POST, waba, Some(body.clone())).await;
        assert!(answer.status >= 400, "{body}: {}", answer.body);
    }
    stage.end().await;
}
