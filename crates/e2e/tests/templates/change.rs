//! Templates edited and deleted.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{PAUSE, Stage, fields, id, simple};

const DAY: Duration = Duration::from_secs(86_400);

fn words(text: &str) -> Value {
    json!({ "components": [{ "type": "BODY", "text": text, "example": { "body_text": [["Ana"]] } }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_reviewed_again() {
    let stage = Stage::new().await;
    let made = stage.create(&simple("order_ready")).await;
    let path = format!("/templates/{}", id(&made));
    let edit = async |body: &Value| stage.world.patch(&stage.organization, &path, body).await;
    let (status, problem) = edit(&words("Hola {{1}}, ya puedes pasar por tu pedido.")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#refused")), "in review: {problem}");
    stage.reviewed().await;
    stage.until(id(&made), "APPROVED").await;

    let mut same = words("Hola {{1}}, ya puedes pasar por tu pedido.");
    same["name"] = json!("order_ready");
    let (status, edited) = edit(&same).await;
    assert_eq!(status, 200, "{edited}");
    assert_eq!((&edited["status"], &edited["id"]), (&json!("PENDING"), &made["id"]));
    assert_eq!(edited["preview"]["body"], "Hola Ana, ya puedes pasar por tu pedido.");
    assert_eq!(edited["parameters"].as_array().unwrap().len(), 1);
    stage.reviewed().await;
    stage.until(id(&made), "APPROVED").await;
    let (status, problem) = edit(&words("Hola {{1}}, te esperamos con tu pedido.")).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("24 hours"), "{problem}");
    stage.world.advance(DAY + PAUSE).await;
    assert_eq!(edit(&words("Hola {{1}}, te esperamos con tu pedido.")).await.0, 200);

    for (body, field) in [
        (words("Hola {{1}}"), "components[0].text"),
        (json!({ "components": [] }), "components"),
        (json!({}), "$"),
        (json!({ "name": "another" }), "name"),
        (json!({ "category": "NEWS" }), "category"),
    ] {
        let (status, problem) = edit(&body).await;
        assert_eq!(status, 422, "{body}: {problem}");
        assert!(fields(&problem).contains(&field), "{body}: {problem}");
    }
    stage.world.end().await;
}

/// A change whose answer is lost is not said to be done, and is seen soon after.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_answer_is_lost_is_seen_soon_after() {
    let stage = Stage::new().await;
    let template = stage.named("hello_world").await;
    let path = format!("/templates/{}", id(&template));
    stage.world.advance(PAUSE).await;
    // An edit is a call on the template itself, an edge without a name.
    stage.world.meta().faults(json!([{ "kind": "reset_after_accept", "edge": "*", "count": 1 }])).await;
    let change = json!({ "components": [{ "type": "BODY", "text": "Hola de nuevo a todos." }] });
    let (status, problem) = stage.world.patch(&stage.organization, &path, &change).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/docs#unavailable")), "{problem}");
    stage
        .world
        .until("it is seen", async || {
            stage.template(id(&template)).await["preview"]["body"] == "Hola de nuevo a todos."
        })
        .await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_language_or_all_are_deleted() {
    let stage = Stage::new().await;
    let mut made = Vec::new();
    for language in ["es_MX", "en_US", "pt_BR"] {
        let mut body = simple("order_ready");
        body["language"] = json!(language);
        made.push(stage.create(&body).await);
    }
    let path = |row: &Value, query: &str| format!("/templates/{}{query}", id(row));
    let (status, gone) = stage.world.delete(&stage.organization, &path(&made[0], "")).await;
    assert_eq!((status, &gone["status"]), (200, &json!("DELETED")), "{gone}");
    assert_eq!(stage.template(id(&made[1])).await["status"], "PENDING");
    assert_eq!(stage.world.delete(&stage.organization, &path(&made[0], "")).await.0, 200, "once more does no harm");
    let (status, _) = stage.world.delete(&stage.organization, &path(&made[1], "?all_languages=perhaps")).await;
    assert_eq!(status, 422);
    let (status, gone) = stage.world.delete(&stage.organization, &path(&made[1], "?all_languages=true")).await;
    assert_eq!(status, 200, "{gone}");
    for row in &made {
        assert_eq!(stage.template(id(row)).await["status"], "DELETED");
    }
    let listed = format!("{}/message_templates?name=order_ready", stage.number.waba_id);
    let (_, left) = stage.world.meta().graph(Method::GET, &listed, &stage.number.token, None).await;
    assert_eq!(left["data"], json!([]));
    stage.world.settle().await;
    stage.sync_now().await;
    assert_eq!(stage.template(id(&made[2])).await["status"], "DELETED");

    // Went wrong: one whose language no webhook had told took those in all languages with it.
    let mut late = simple("order_late");
    let one = stage.create(&late).await;
    late["language"] = json!("en_US");
    let second = stage.create(&late).await;
    let sql = format!("UPDATE wazapp.template SET language = NULL WHERE id = '{}'", id(&one));
    stage.world.sql().await.batch_execute(&sql).await.unwrap();
    assert_eq!(stage.world.delete(&stage.organization, &path(&one, "")).await.1["status"], "DELETED");
    assert_eq!(stage.template(id(&second)).await["status"], "PENDING");

    // Without a number nobody can be asked.
    let other = stage.named("hello_world").await;
    stage.world.disconnect(&stage.organization, &stage.number.phone_number_id).await;
    let (status, problem) = stage.world.delete(&stage.organization, &path(&other, "")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
    stage.world.end().await;
}
