//! New templates: checked here, judged by Meta.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, fields, id, simple};

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_created_and_reviewed() {
    let stage = Stage::new().await;
    let made = stage.create(&simple("order_ready")).await;
    assert_eq!(
        (&made["status"], &made["category"], &made["language"]),
        (&json!("PENDING"), &json!("UTILITY"), &json!("es_MX"))
    );
    assert_eq!(made["preview"]["body"], "Hola Ana, tu pedido 77 ya está listo para recoger.");
    assert_eq!(made["sends"]["now"], false);
    assert!(made["sends"]["why"]["en"].as_str().unwrap().contains("reviewing"), "{made:#}");
    stage.reviewed().await;
    let approved = stage.until(id(&made), "APPROVED").await;
    assert_eq!(approved["sends"], json!({ "now": true, "why": null }));
    assert_eq!(stage.named("order_ready").await["id"], made["id"], "the reading finds the same");

    let made = stage.create(&simple("rejected_tag_content_mismatch")).await;
    stage.reviewed().await;
    let rejected = stage.until(id(&made), "REJECTED").await;
    assert_eq!(rejected["reason"]["code"], "TAG_CONTENT_MISMATCH");
    assert!(rejected["reason"]["advice"]["es"].as_str().unwrap().contains("idioma"), "{rejected:#}");
    stage.sync_now().await;
    assert_eq!(stage.template(id(&made)).await["reason"], rejected["reason"], "the reading agrees");
    let told = stage.world.events(&stage.organization, "template.updated").await;
    let told: Vec<&str> = told.iter().map(|event| event["data"]["field"].as_str().unwrap()).collect();
    let status = "message_template_status_update";
    assert_eq!(told, ["api", status, "api", status]);
    stage.world.end().await;
}

/// Meta's examples of each component, taken here and by Meta.
#[tokio::test(flavor = "multi_thread")]
async fn every_component_can_be_created() {
    let stage = Stage::new().await;
    let sample = json!({ "header_handle": ["4::aW1hZ2UvcG5n:ARb"] });
    let body = json!({ "type": "BODY", "text": "Mira lo que trae la semana." });
    let card = json!({ "components": [{ "type": "HEADER", "format": "IMAGE", "example": sample },
        { "type": "BODY", "text": "Desde {{1}} hoy, mientras dure.", "example": { "body_text": [["$6"]] } },
        { "type": "BUTTONS", "buttons": [{ "type": "QUICK_REPLY", "text": "Más" }] }] });
    let buttons = json!({ "type": "BUTTONS", "buttons": [
        { "type": "COPY_CODE", "example": "25OFF" },
        { "type": "URL", "text": "Ver", "url": "https://example.com/o/{{1}}", "example": ["https://example.com/o/77"] },
        { "type": "PHONE_NUMBER", "text": "Llamar", "phone_number": "+525585261100" }] });
    for (name, category, format, components) in [
        (
            "text_header",
            "UTILITY",
            "NAMED",
            json!([
            { "type": "HEADER", "format": "TEXT", "text": "Pedido de {{who}}",
              "example": { "header_text_named_params": [{ "param_name": "who", "example": "Ana" }] } },
            { "type": "BODY", "text": "Tu pedido {{order}} ya salió de la tienda.",
              "example": { "body_text_named_params": [{ "param_name": "order", "example": "77" }] } },
            { "type": "FOOTER", "text": "Café Lucero" }]),
        ),
        (
            "image_header",
            "MARKETING",
            "POSITIONAL",
            json!([{ "type": "HEADER", "format": "IMAGE", "example": sample }, body, buttons]),
        ),
        ("place_header", "UTILITY", "POSITIONAL", json!([{ "type": "HEADER", "format": "LOCATION" }, body])),
        ("cards", "MARKETING", "POSITIONAL", json!([body, { "type": "CAROUSEL", "cards": [card, card] }])),
        (
            "offer",
            "MARKETING",
            "POSITIONAL",
            json!([
            { "type": "LIMITED_TIME_OFFER", "limited_time_offer": { "text": "¡Se acaba!", "has_expiration": true } }, body,
            { "type": "BUTTONS", "buttons": [{ "type": "COPY_CODE", "example": "25OFF" },
                { "type": "URL", "text": "Ir", "url": "https://example.com" }] }]),
        ),
        (
            "flow",
            "UTILITY",
            "POSITIONAL",
            json!([body,
            { "type": "BUTTONS", "buttons": [{ "type": "FLOW", "text": "Reservar", "flow_id": "77", "flow_action": "navigate", "navigate_screen": "A" }] }]),
        ),
        (
            "products",
            "MARKETING",
            "POSITIONAL",
            json!([body, { "type": "BUTTONS", "buttons": [{ "type": "MPM", "text": "Ver" }] }]),
        ),
        (
            "code",
            "AUTHENTICATION",
            "POSITIONAL",
            json!([{ "type": "BODY", "add_security_recommendation": true },
            { "type": "FOOTER", "code_expiration_minutes": 5 },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copiar" }] }]),
        ),
    ] {
        let given = json!({ "name": name, "language": "es", "category": category, "parameter_format": format, "components": components });
        let made = stage.create(&given).await;
        assert_eq!((&made["name"], &made["parameter_format"]), (&json!(name), &json!(format)), "{made:#}");
        assert_eq!(made["components"].as_array().unwrap().len(), components.as_array().unwrap().len());
        assert!(made["parameters"].is_array() && made["preview"].is_object(), "{made:#}");
    }
    // Meta writes the words of a one-time password.
    assert!(stage.named("code").await["preview"]["body"].as_str().unwrap().contains("123456"));
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_before_meta_is_asked() {
    let stage = Stage::new().await;
    stage.fail_calls("message_templates").await;
    let bad = json!({ "name": "Order Ready", "language": "es_MX", "category": "UTILITY", "components": [
        { "type": "BODY", "text": "Hola {{1}}, tu pedido está listo." }, { "type": "BUTTONS", "buttons": [{ "type": "URL", "text": "Ver" }] } ] });
    let (status, problem) = stage.try_create(&bad).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#invalid")), "{problem}");
    assert_eq!(fields(&problem), ["name", "components[0].example", "components[1].buttons[0].url"]);
    for (body, status, says) in [
        (json!({ "name": "x" }), 400, "number_id"),
        (json!({ "number_id": stage.number_id, "waba_id": "1" }), 400, "waba_id"),
        (json!({ "number_id": 7 }), 400, "number_id"),
        (
            json!({ "number_id": uuid::Uuid::now_v7(), "name": "a", "language": "es", "category": "UTILITY",
                 "components": [{ "type": "BODY", "text": "Hola" }] }),
            404,
            "number",
        ),
        (
            json!({ "waba_id": "1", "name": "a", "language": "es", "category": "UTILITY",
                 "components": [{ "type": "BODY", "text": "Hola" }] }),
            404,
            "account",
        ),
    ] {
        let (answered, problem) = stage.world.post_api(&stage.organization, "/templates", &body).await;
        assert_eq!(answered, status, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{body}: {problem}");
    }
    let good = async || assert_eq!(stage.try_create(&simple("good")).await.0, 503, "no answer comes");
    stage.asked_only_by(good).await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metas_refusal_comes_in_its_words_with_advice() {
    let stage = Stage::new().await;
    stage.create(&simple("order_ready")).await;
    let (status, problem) = stage.try_create(&simple("order_ready")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#refused")), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("2388024") && detail.contains("already") && detail.contains("Choose another name"),
        "{detail}"
    );
    let few_words = json!({ "name": "short", "language": "es", "category": "UTILITY", "components": [
        { "type": "BODY", "text": "Hola {{1}}!", "example": { "body_text": [["Ana"]] } }] });
    let (status, problem) = stage.try_create(&few_words).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("2388293"), "{problem}");
    stage
        .world
        .meta()
        .faults(json!([{ "kind": "error", "code": 80007, "edge": "message_templates", "count": 1 }]))
        .await;
    let (status, problem) = stage.try_create(&simple("later")).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/docs#unavailable")), "{problem}");
    stage.create(&simple("later")).await;
    stage.world.end().await;
}

/// Where Meta's answer is lost, it is looked at what Meta has before anyone is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_up() {
    let stage = Stage::new().await;
    for (nth, fault) in [
        json!({ "kind": "reset_after_accept" }),
        json!({ "kind": "truncate_answer" }),
        json!({ "kind": "hang", "after_accept": true }),
        json!({ "kind": "html_500", "after_accept": true }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fault = fault;
        fault["edge"] = json!("message_templates");
        fault["count"] = json!(1);
        stage.world.meta().faults(json!([fault])).await;
        let name = format!("lost_{nth}");
        let made = stage.create(&simple(&name)).await;
        assert_eq!((&made["name"], &made["status"]), (&json!(name), &json!("PENDING")), "{fault}");
    }
    // A name that was there before is not taken for a new one, and what never arrived is not said to be there.
    let hang = json!([{ "kind": "hang", "edge": "message_templates", "count": 1 }]);
    stage.world.meta().faults(hang.clone()).await;
    let (status, problem) = stage.try_create(&simple("lost_0")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
    stage.world.meta().faults(hang).await;
    let before = stage.sync().await["synced_at"].clone();
    let (status, problem) = stage.try_create(&simple("never")).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/docs#unavailable")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("GET /templates"), "{problem}");
    stage.world.advance(Duration::from_secs(11)).await;
    stage.synced_after(&before).await;
    assert!(stage.all().await.iter().all(|row: &Value| row["name"] != "never"));
    stage.world.end().await;
}

/// Went wrong: while nobody knew what became of a new template, Meta's webhook told of it, and then it was taken for one
/// that had been there before.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_sooner_than_the_look_up_is_no_conflict() {
    let stage = Stage::new().await;
    let hang = json!([{ "kind": "hang", "after_accept": true, "edge": "message_templates", "count": 1 }]);
    stage.world.meta().faults(hang).await;
    let told = async || {
        let made = async || {
            let faults = stage.world.meta().control(Method::GET, "faults", None).await;
            faults["data"][0]["happened"] == 1
        };
        stage.world.until("Meta has made it", made).await;
        stage.reviewed().await;
    };
    let new = simple("order_ready");
    let ((status, made), ()) = tokio::join!(stage.try_create(&new), told());
    assert_eq!((status, &made["status"]), (201, &json!("APPROVED")), "{made}");
    stage.named("order_ready").await;
    stage.world.end().await;
}
