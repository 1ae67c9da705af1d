//! Templates, as an App meets them over HTTP.

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver};

/// Requests among Meta's samples that are refused here, by file, name and a part of the answer: a signature hash that is
/// percent-encoded in Meta's collection of requests and so has 13 characters, and a placeholder for a body, which lacks
/// the variable that its example is for.
const REFUSED: &[(&str, &str, &str)] = &[
    ("POST_waba-id-message-templates.json", "authentication_code_autofill_button", "exactly 11 characters"),
    ("doc_catalog-templates.json", "<NAME>", "The BODY has 0 variable(s)"),
];

fn word(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn subcode(answered: &Answered) -> i64 {
    assert_eq!((answered.0, &answered.1["error"]["code"]), (400, &json!(100)), "{}", answered.1);
    answered.1["error"]["error_subcode"].as_i64().unwrap_or(0)
}

fn body(text: &str) -> Value {
    json!([{ "type": "BODY", "text": text }])
}

async fn create(laptop: &Laptop, name: &str, language: &str, components: Value) -> Answered {
    let template = json!({ "name": name, "language": language, "category": "utility", "components": components });
    laptop.post(&format!("{}/message_templates", laptop.waba), &template).await
}

/// Creates one; answers its id.
async fn created(laptop: &Laptop, name: &str, language: &str) -> String {
    let (status, answer) = create(laptop, name, language, body("Your table is ready.")).await;
    assert_eq!(status, 200, "{answer}");
    word(&answer["id"]).to_owned()
}

/// Waits for an event of a template.
async fn event(receiver: &Receiver, id: &str, event: &str) -> (Value, Value, Value) {
    let number: u64 = id.parse().expect("a number");
    let fits = |value: &Value| value["message_template_id"] == number && value["event"] == event;
    receiver.hears("message_template_status_update", fits).await
}

#[tokio::test]
async fn a_template_is_created_judged_edited_and_deleted() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let (status, answer) = create(&laptop, "table_ready", "en_US", body("Your table is ready.")).await;
    assert_eq!((status, &answer["status"], &answer["category"]), (200, &json!("PENDING"), &json!("UTILITY")));
    let id = word(&answer["id"]);
    assert_eq!(laptop.get(&format!("{id}?fields=status")).await.1, json!({ "status": "PENDING", "id": id }));
    assert_eq!(subcode(&laptop.post(id, &json!({ "components": body("Too early.") })).await), 0);

    laptop.advance("5s").await;
    let (value, entry, time) = event(&receiver, id, "APPROVED").await;
    assert_eq!(value["message_template_name"], "table_ready");
    assert_eq!(value["message_template_language"], "en_US");
    assert_eq!(value["reason"], "NONE");
    assert_eq!(value["message_template_category"], "UTILITY");
    assert_eq!(entry, laptop.waba.as_str());
    assert!(time.is_i64() || time.is_u64(), "{time}");

    // An approved template: once in 24 hours, and not to another category.
    assert_eq!(subcode(&laptop.post(id, &json!({ "category": "MARKETING" })).await), 2388039);
    let edit = json!({ "components": body("Your table is ready now.") });
    let edited = json!({ "success": true, "id": id, "name": "table_ready", "category": "UTILITY" });
    assert_eq!(laptop.post(id, &edit).await, (200, edited));
    assert_eq!(laptop.get(id).await.1["status"], "PENDING");
    laptop.advance("5s").await;
    let approved = async { while laptop.get(id).await.1["status"] != "APPROVED" {} };
    tokio::time::timeout(Duration::from_secs(20), approved).await.expect("approved again");
    assert_eq!(subcode(&laptop.post(id, &edit).await), 0);
    laptop.advance("24h").await;
    assert_eq!(laptop.post(id, &edit).await.0, 200);

    let path = format!("{}/message_templates", laptop.waba);
    assert_eq!(laptop.delete(&format!("{path}?name=table_ready")).await, (200, json!({ "success": true })));
    event(&receiver, id, "DELETED").await;
    assert_eq!(laptop.get(id).await.0, 400);
    assert_eq!(subcode(&laptop.delete(&format!("{path}?name=table_ready")).await), 2593002);
    assert_eq!(subcode(&create(&laptop, "table_ready", "es_MX", body("Su mesa.")).await), 2388023);
    laptop.advance("720h").await;
    created(&laptop, "table_ready", "es_MX").await;
}

#[tokio::test]
async fn a_name_asks_for_rejection_and_an_edit_mends_it() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let id = created(&laptop, "sale_rejected_promotional", "en_US").await;
    laptop.advance("5s").await;
    let (value, ..) = event(&receiver, &id, "REJECTED").await;
    assert_eq!(value["reason"], "PROMOTIONAL");
    let fields = laptop.get(&format!("{id}?fields=status,rejected_reason")).await.1;
    assert_eq!(fields, json!({ "status": "REJECTED", "rejected_reason": "PROMOTIONAL", "id": id }));
    // The category of a rejected one may change.
    assert_eq!(laptop.post(&id, &json!({ "category": "MARKETING" })).await.0, 200);
    laptop.advance("5s").await;
    assert_eq!(event(&receiver, &id, "APPROVED").await.0["message_template_category"], "MARKETING");

    laptop.sim(&format!("templates/{id}"), json!({ "event": "PAUSED" })).await;
    assert_eq!(event(&receiver, &id, "PAUSED").await.0["other_info"]["title"], "FIRST_PAUSE");
    assert_eq!(laptop.post(&format!("{id}/unpause"), &json!({})).await.0, 200);
    let (status, again) = laptop.post(&format!("{id}/unpause"), &json!({})).await;
    assert_eq!((status, &again["success"]), (200, &json!(false)));
    laptop.sim(&format!("templates/{id}"), json!({ "quality": "RED" })).await;
    let (value, ..) = receiver.hears("message_template_quality_update", |_| true).await;
    assert_eq!((&value["previous_quality_score"], &value["new_quality_score"]), (&json!("UNKNOWN"), &json!("RED")));
    assert_eq!(laptop.get(&format!("{id}?fields=quality_score")).await.1["quality_score"]["score"], "RED");
}

#[tokio::test]
async fn names_languages_and_numbers_are_limited() {
    let laptop = Laptop::start().await;
    let hello = || body("Your table is ready.");
    created(&laptop, "table", "en_US").await;
    let spanish = created(&laptop, "table", "es_MX").await;
    assert_eq!(subcode(&create(&laptop, "table", "en_US", hello()).await), 2388024);
    for (name, language) in [("Table", "en_US"), ("my table", "en_US"), ("", "en_US"), ("table2", "xx")] {
        assert_eq!(subcode(&create(&laptop, name, language, hello()).await), 0);
    }
    let path = format!("{}/message_templates", laptop.waba);
    let other = |key: &str, value: Value| {
        let mut template = json!({ "name": "other", "language": "en", "category": "UTILITY", "components": hello() });
        template[key] = value;
        template
    };
    assert_eq!(subcode(&laptop.post(&path, &other("category", "SPAM".into())).await), 0);
    assert_eq!(subcode(&laptop.post(&path, &other("message_send_ttl_seconds", 1.into())).await), 0);
    assert_eq!(subcode(&laptop.post(&path, &other("library_template_name", "low_balance".into())).await), 0);
    assert_eq!(subcode(&laptop.post(&path, &other("components", Value::Null)).await), 0);

    // One language goes, the other stays.
    assert_eq!(laptop.delete(&format!("{path}?name=table&hsm_id={spanish}")).await.0, 200);
    assert_eq!(subcode(&create(&laptop, "table", "en_US", hello()).await), 2388024);
    assert_eq!(subcode(&create(&laptop, "table", "es_MX", hello()).await), 2388023);

    for index in 2..100 {
        created(&laptop, &format!("table_{index}"), "en_US").await;
    }
    let full = create(&laptop, "table_100", "en_US", hello()).await;
    assert_eq!(subcode(&full), 2388019);
    assert_eq!(full.1["error"]["message"], "Invalid parameter");
    assert_eq!(full.1["error"]["is_transient"], false);
    assert!(word(&full.1["error"]["error_user_msg"]).contains("100 message templates in an hour"));
    laptop.advance("1h").await;
    created(&laptop, "table_100", "en_US").await;
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let laptop = Laptop::start().await;
    let list = async |query: &str| {
        let (status, answer) = laptop.get(&format!("{}/message_templates?{query}", laptop.waba)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let names = |answer: &Value| -> Vec<String> {
        let rows = answer["data"].as_array().expect("rows");
        rows.iter().map(|row| word(&row["name"]).to_owned()).collect()
    };
    let all = list("").await;
    assert_eq!(names(&all), ["hello_world", "order_update", "promo_image", "login_code", "menu_cards"]);
    assert_eq!(all["data"][1]["language"], "es_MX");
    let keys: Vec<&String> = all["data"][0].as_object().expect("a row").keys().collect();
    assert_eq!(keys, ["name", "parameter_format", "components", "language", "status", "category", "id"]);
    assert_eq!(names(&list("category=authentication").await), ["login_code"]);
    let counted = list("category=authentication&summary=total_count,message_template_count").await;
    assert_eq!(counted["summary"], json!({ "total_count": 1, "message_template_count": 5 }));
    assert_eq!(names(&list("status=[\"PENDING\"]").await), [""; 0]);
    assert_eq!(names(&list("language=es_MX").await), ["order_update"]);
    assert_eq!(names(&list("name=promo").await), ["promo_image"]);
    assert_eq!(names(&list("content=verification%20code").await), [""; 0]);
    assert_eq!(names(&list("content=necesito").await), ["order_update"]);

    let first = list("fields=name&limit=2&status=approved").await;
    assert_eq!(names(&first), ["hello_world", "order_update"]);
    assert_eq!(first["data"][0].as_object().expect("a row").len(), 2);
    let mut page = first;
    let mut seen = 2;
    while let Some(next) = page["paging"]["next"].as_str() {
        let request = laptop.client.get(next).bearer_auth(&laptop.token);
        page = support::answered(request).await.1;
        seen += names(&page).len();
        assert!(page["data"][0].get("status").is_none(), "the next page has the fields of the first");
    }
    assert_eq!(seen, 5);

    assert_eq!(laptop.get(&format!("{}/message_templates?fields=colour", laptop.waba)).await.0, 400);
    let shown = list("name=login_code").await;
    let text = &shown["data"][0]["components"][0]["text"];
    assert_eq!(text, "*{{1}}* is your verification code. For your security, do not share this code.");
}

#[tokio::test]
async fn templates_of_the_box_would_be_accepted() {
    let laptop = Laptop::start().await;
    let (_, all) = laptop.get(&format!("{}/message_templates", laptop.waba)).await;
    for row in all["data"].as_array().expect("rows").iter().filter(|row| row["category"] != "AUTHENTICATION") {
        let mut template = row.clone();
        template["name"] = format!("{}_again", word(&row["name"])).into();
        let (status, answer) = laptop.post(&format!("{}/message_templates", laptop.waba), &template).await;
        assert_eq!(status, 200, "{}: {answer}", row["name"]);
    }
}

#[tokio::test]
async fn authentication_templates_come_in_bulk() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let bulk = json!({
        "name": "code", "languages": ["en_US", "es_ES", "fr"], "category": "AUTHENTICATION", "components": [
            { "type": "BODY", "add_security_recommendation": true },
            { "type": "FOOTER", "code_expiration_minutes": 10 },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE" }] },
        ],
    });
    let path = format!("{}/upsert_message_templates", laptop.waba);
    let (status, answer) = laptop.post(&path, &bulk).await;
    assert_eq!(status, 200, "{answer}");
    let rows = answer["data"].as_array().expect("rows");
    let languages: Vec<&str> = rows.iter().map(|row| word(&row["language"])).collect();
    assert_eq!(languages, ["en_US", "es_ES", "fr"]);
    assert!(rows.iter().all(|row| row["status"] == "APPROVED"));
    event(&receiver, word(&rows[2]["id"]), "APPROVED").await;
    assert_eq!(laptop.post(&path, &bulk).await.1, answer, "the same templates");

    let query = "category=AUTHENTICATION&languages=en_US,es_ES&add_security_recommendation=true\
                 &code_expiration_minutes=10&button_types=OTP";
    let (_, previews) = laptop.get(&format!("{}/message_template_previews?{query}", laptop.waba)).await;
    assert_eq!(previews["data"][1]["footer"], "Este código caduca en 10 minutos.");
}

/// What stands for a value in Meta's samples, replaced by one.
fn filled(value: &mut Value) {
    match value {
        Value::String(text) => match text.as_str() {
            "<LANGUAGE>" => *text = "en_US".into(),
            "{{Flow-ID}}" => *text = "1122334455".into(),
            _ => {}
        },
        Value::Array(list) => list.iter_mut().for_each(filled),
        Value::Object(object) => object.values_mut().for_each(filled),
        _ => {}
    }
}

/// The requests in Meta's samples that create templates, by file.
fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/fixtures/graph");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED shared fixtures: {}", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let whole: Value = serde_json::from_slice(&std::fs::read(&path).expect("it reads")).expect("JSON");
        for example in whole["examples"].as_array().into_iter().flatten() {
            let creates = example["endpoint_guess"].as_str().unwrap_or_default().ends_with("message_templates")
                || name == "POST_waba-id-message-templates.json";
            if example["kind"] == "request" && creates && example["body"]["components"].is_array() {
                found.push((name.clone(), example["body"].clone()));
            }
        }
    }
    found
}

#[tokio::test]
async fn metas_samples_are_accepted_or_refused_for_a_reason() {
    let laptop = Laptop::start().await;
    let mut refused = Vec::new();
    for (index, (file, mut template)) in samples().into_iter().enumerate() {
        filled(&mut template);
        let name = word(&template["name"]).to_owned();
        // The same names stand in several files.
        template["name"] = format!("sample_{index}_{}", name.trim_matches(['<', '>']).to_lowercase()).into();
        let edge = if template.get("languages").is_some() { "upsert_message_templates" } else { "message_templates" };
        let (status, answer) = laptop.post(&format!("{}/{edge}", laptop.waba), &template).await;
        if status != 200 {
            refused.push((file, name, answer["error"].to_string()));
        }
    }
    let unexpected = refused.iter().filter(|(file, name, why)| {
        !REFUSED.iter().any(|known| known.0 == file && known.1 == name && why.contains(known.2))
    });
    assert_eq!(unexpected.collect::<Vec<_>>(), Vec::<&(String, String, String)>::new());
}
