//! Messages that use a template are measured by it before they are queued.

use std::time::Duration;

use e2e::body;
use e2e::form::Form;
use reqwest::Method;
use serde_json::{Value, json};

use super::{LUCIA, PAUSE, Stage, fields, id};

fn texts(values: &[&str]) -> Value {
    values.iter().map(|text| json!({ "type": "text", "text": text })).collect()
}

fn order(values: &[&str]) -> Value {
    json!({ "name": "order_update", "language": { "code": "es_MX" }, "components": [{ "type": "body", "parameters": texts(values) }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_says_what_its_template_says() {
    let stage = Stage::new().await;
    let (status, queued) = stage.send(&order(&["Lucía", "A-77"])).await;
    assert_eq!(status, 202, "{queued}");
    assert_eq!(
        queued["text"],
        "Hola Lucía, tu pedido A-77 ya va en camino y llega hoy por la tarde.\nResponde si algo cambia"
    );
    let promo = |header: Value| {
        json!({ "name": "promo_image", "language": { "code": "en_US" }, "components": [
            { "type": "header", "parameters": [{ "type": "image", "image": header }] },
            { "type": "body", "parameters": texts(&["Lucía", "20%"]) },
            { "type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["oven"]) }] })
    };
    let picture = Form::new().file("a.png", "image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let (status, kept) = stage.world.post_form(&stage.organization, "/media", &[], picture).await;
    assert_eq!(status, 201, "{kept}");
    for header in [json!({ "link": "https://example.com/a.jpg" }), json!({ "id": kept["id"] })] {
        let (status, queued) = stage.send(&promo(header)).await;
        assert_eq!(status, 202, "{queued}");
        assert!(queued["text"].as_str().unwrap().starts_with("📷\nHi Lucía, this week"), "{queued}");
    }
    let card = |n: usize| {
        json!({ "card_index": n, "components": [
            { "type": "header", "parameters": [{ "type": "image", "image": { "link": "https://example.com/a.jpg" } }] },
            { "type": "body", "parameters": texts(&["$5"]) },
            { "type": "button", "sub_type": "url", "index": 1, "parameters": texts(&["latte"]) }] })
    };
    let cards = json!({ "name": "menu_cards", "language": { "code": "en_US" }, "components": [
        { "type": "body", "parameters": texts(&["Lucía"]) }, { "type": "carousel", "cards": [card(0), card(1)] }] });
    let (status, queued) = stage.send(&cards).await;
    assert_eq!(status, 202, "{queued}");
    assert!(queued["text"].as_str().unwrap().contains("Oat latte for $5 today"), "{queued}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_by_its_field_before_meta_is_asked() {
    let stage = Stage::new().await;
    stage.fail_calls("messages").await;
    let place = "template.components[0].parameters";
    let named = json!({ "type": "text", "parameter_name": "who", "text": "Lucía" });
    for (template, field) in [
        (order(&["Lucía"]), place),
        (order(&["Lucía", "A-77", "más"]), place),
        (json!({ "name": "order_update", "language": { "code": "es_MX" } }), "template.components"),
        (
            json!({ "name": "order_update", "language": { "code": "es_MX" }, "components": [
            { "type": "body", "parameters": [named, { "type": "text", "parameter_name": "order", "text": "A-77" }] }] }),
            "template.components[0].parameters[0].parameter_name",
        ),
        (
            json!({ "name": "hello_world", "language": { "code": "en_US" }, "components": [
            { "type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["x"]) }] }),
            "template.components[0]",
        ),
        (
            json!({ "name": "promo_image", "language": { "code": "en_US" }, "components": [
            { "type": "header", "parameters": [{ "type": "video", "video": { "link": "https://example.com/a.mp4" } }] },
            { "type": "body", "parameters": texts(&["a", "b"]) },
            { "type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["x"]) }] }),
            "template.components[0].parameters[0].type",
        ),
        (
            json!({ "name": "menu_cards", "language": { "code": "en_US" }, "components": [{ "type": "body", "parameters": texts(&["a"]) }] }),
            "template.components",
        ),
    ] {
        let (status, problem) = stage.send(&template).await;
        assert_eq!((status, &problem["type"]), (422, &json!("/docs#invalid")), "{template}: {problem}");
        assert!(fields(&problem).contains(&field), "{field} of {problem:#}");
    }
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.message").await, 0);
    let good = async || assert_eq!(stage.send(&order(&["Lucía", "A-77"])).await.0, 202);
    stage.asked_only_by(good).await;

    // The same holds for what goes where the window is closed, and in Spanish.
    let body = json!({ "number_id": stage.number_id, "to": LUCIA, "text": { "body": "Hola" },
        "when_window_closed": { "template": order(&["Lucía"]) } });
    let spanish = [("accept-language", "es")];
    let (_, problem) =
        stage.world.call_with(Method::POST, &stage.organization, "/messages", &spanish, Some(&body)).await;
    assert_eq!(fields(&problem), ["when_window_closed.template.components[0].parameters"], "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("tiene que llevar 2"), "{problem}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_values_by_name_are_checked() {
    let stage = Stage::new().await;
    let made = stage
        .create(&json!({ "name": "ready", "language": "es", "category": "UTILITY", "parameter_format": "NAMED", "components": [
            { "type": "BODY", "text": "Hola {{who}}, tu pedido {{order}} ya está listo.", "example": { "body_text_named_params": [
                { "param_name": "who", "example": "Ana" }, { "param_name": "order", "example": "77" }] } }] }))
        .await;
    stage.reviewed().await;
    stage.until(id(&made), "APPROVED").await;
    let with = |parameters: Value| json!({ "name": "ready", "language": { "code": "es" }, "components": [{ "type": "body", "parameters": parameters }] });
    let value = |name: &str, text: &str| json!({ "type": "text", "parameter_name": name, "text": text });
    let (status, queued) = stage.send(&with(json!([value("order", "A-77"), value("who", "Lucía")]))).await;
    assert_eq!((status, &queued["text"]), (202, &json!("Hola Lucía, tu pedido A-77 ya está listo.")), "{queued}");
    for (parameters, field) in [
        (json!([value("who", "Lucía")]), "template.components[0].parameters"),
        (json!([value("who", "Lucía"), value("ordr", "A-77")]), "template.components[0].parameters[1].parameter_name"),
        (texts(&["Lucía", "A-77"]), "template.components[0].parameters[0].parameter_name"),
    ] {
        let (status, problem) = stage.send(&with(parameters)).await;
        assert_eq!(status, 422, "{problem}");
        assert!(fields(&problem).contains(&field), "{problem:#}");
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_cannot_be_sent_is_refused_while_that_is_fresh() {
    let stage = Stage::new().await;
    stage.sync_now().await;
    let named = |name: &str, language: &str| json!({ "name": name, "language": { "code": language } });
    for (template, field, says) in [
        (named("order_updat", "es_MX"), "template.name", "`order_update`"),
        (named("hello_world", "es_MX"), "template.language.code", "`en_US`"),
        (named("something_else_entirely", "es_MX"), "template.name", "hello_world"),
    ] {
        let (status, problem) = stage.send(&template).await;
        assert_eq!((status, fields(&problem)), (422, vec![field]), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let template = stage.named("order_update").await;
    stage.happens(&template, json!({ "event": "PAUSED" })).await;
    let (status, problem) = stage.send(&order(&["Lucía", "A-77"])).await;
    assert_eq!((status, fields(&problem)), (422, vec!["template.name"]), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("PAUSED"), "{problem}");
    // In a day it may go on: that is for Meta to say then.
    let tomorrow = stage.world.now() + jiff::SignedDuration::from_hours(24);
    let body = json!({ "number_id": stage.number_id, "to": LUCIA, "type": "template", "template": order(&["Lucía", "A-77"]),
        "send_at": tomorrow.to_string() });
    let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
    assert_eq!(status, 202, "{answer}");
    // What was heard long ago is not held against anyone.
    stage.world.advance(PAUSE * 60).await;
    let (status, answer) = stage.send(&named("made_a_moment_ago", "es_MX")).await;
    assert_eq!(status, 202, "{answer}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_goes_to_a_phone_alone() {
    let stage = Stage::new().await;
    let code = json!({ "name": "login_code", "language": { "code": "en_US" }, "components": [
        { "type": "body", "parameters": texts(&["123456"]) },
        { "type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["123456"]) }] });
    let (status, queued) = stage.send(&code).await;
    assert_eq!(status, 202, "{queued}");
    assert!(queued["text"].as_str().unwrap().contains("*123456*"), "{queued}");
    let to_user = json!({ "number_id": stage.number_id, "recipient": "MX.13491208655302741918", "type": "template", "template": code });
    let (status, problem) = stage.world.post_api(&stage.organization, "/messages", &to_user).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("phone number"), "{problem}");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.contact").await, 1, "what was refused made nobody");
    // Who cannot be sent a password is not offered one.
    let mut message = body::text_message("", "wamid.user", stage.world.now().as_second(), "Hola");
    message.as_object_mut().unwrap().remove("from");
    message["from_user_id"] = json!("MX.13491208655302741918");
    let contacts = json!([{ "profile": { "name": "Ana" }, "user_id": "MX.13491208655302741918" }]);
    let said = json!({ "contacts": contacts, "messages": [message] });
    stage.world.receive(&body::value(&stage.number.phone_number_id, &said)).await;
    stage.world.advance(Duration::from_secs(49 * 3600)).await;
    let text =
        json!({ "number_id": stage.number_id, "recipient": "MX.13491208655302741918", "text": { "body": "Hola" } });
    let (_, problem) = stage.world.post_api(&stage.organization, "/messages", &text).await;
    assert_eq!(problem["type"], "/docs#window-closed", "{problem}");
    let offered: Vec<&str> =
        problem["templates"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(offered, ["hello_world", "menu_cards", "order_update", "promo_image"]);
    stage.world.end().await;
}

/// The same request again is answered with its message, whatever became of the template meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_not_measured_again() {
    let stage = Stage::new().await;
    let body =
        json!({ "number_id": stage.number_id, "to": LUCIA, "type": "template", "template": order(&["Lucía", "A-77"]) });
    let key = [("idempotency-key", "k")];
    let post = async || stage.world.call_with(Method::POST, &stage.organization, "/messages", &key, Some(&body)).await;
    let (status, first) = post().await;
    assert_eq!(status, 202, "{first}");
    let template = stage.named("order_update").await;
    stage.happens(&template, json!({ "event": "DISABLED" })).await;
    assert_eq!(stage.send(&order(&["Lucía", "A-77"])).await.0, 422);
    let (status, again) = post().await;
    assert_eq!((status, &again["id"]), (202, &first["id"]), "{again}");
    stage.world.end().await;
}
