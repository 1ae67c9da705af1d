//! By Meta's Embedded Signup: a code and a session, in either order.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, id, refused, step, steps, subscribed};

/// Someone went through Meta's window: the code, and what the browser heard.
struct SignedUp {
    code: Value,
    session: Value,
}

impl Stage {
    async fn signed_up(&self, with: Value) -> SignedUp {
        let done = self.meta("signup", &with).await;
        let mut session = done["session"]["data"].clone();
        session["event"] = done["session"]["event"].clone();
        SignedUp { code: done["code"].clone(), session }
    }

    pub(super) async fn until_over(&self, connection: &Value) -> Value {
        let path = format!("/connections/{}", id(connection));
        self.world
            .until("the attempt is over", async || {
                self.world.read(&self.organization, &path).await["state"] != "running"
            })
            .await;
        self.world.read(&self.organization, &path).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_halves_at_once() {
    let stage = Stage::new().await;
    let SignedUp { code, session } = stage.signed_up(json!({ "business": "Panadería Ñandú" })).await;
    let wish = json!({ "signup": { "code": code, "session": session }, "pin": "123456" });
    let (status, number) = stage.connect(&wish).await;
    assert_eq!(status, 201, "{number:#}");
    let connection = &number["connection"];
    assert_eq!(steps(connection)[..3], ["exchange:done", "session:done", "token:done"]);
    assert_eq!(step(connection, "register")["state"], "done");
    assert_eq!((&number["waba_id"], &number["phone_number_id"]), (&session["waba_id"], &session["phone_number_id"]));
    assert_eq!(subscribed(&stage.world, session["waba_id"].as_str().unwrap()).await.len(), 1);
    assert!(!number.to_string().contains(code.as_str().unwrap()), "no answer shows a code");
    // A code is good once.
    let attempt = refused(&stage.connect(&wish).await, "exchange", 100);
    assert!(step(&attempt, "exchange")["error"]["advice"]["en"].as_str().unwrap().contains("half a minute"));
    let (status, problem) = stage.retry(&attempt, &json!({})).await;
    assert_eq!(status, 409, "{problem}");
    // Another sign-up of the same business goes on with the same attempt.
    let again = stage.signed_up(json!({ "business": number["verified_name"] })).await;
    let (status, answer) = stage.retry(&attempt, &json!({ "code": again.code })).await;
    assert_eq!(status, 422, "the session is of the first sign-up, which this token does not open: {answer:#}");
    refused(&(status, answer), "token", "token_of_another_account");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_first() {
    let stage = Stage::new().await;
    let SignedUp { code, session } = stage.signed_up(json!({})).await;
    // It is answered at once: who sent the code learns where the session goes.
    let wish = json!({ "signup": { "code": code }, "pin": "123456" });
    let (status, attempt) = stage.connect(&wish).await;
    assert_eq!((status, &attempt["state"], &attempt["awaits"]), (202, &json!("running"), &json!("session")));
    let path = format!("/connections/{}", id(&attempt));
    let (status, joined) = stage.world.patch(&stage.organization, &path, &json!({ "session": session })).await;
    assert_eq!((status, &joined["awaits"]), (200, &Value::Null), "{joined:#}");
    let over = stage.until_over(&attempt).await;
    assert_eq!((&over["state"], &over["phone_number_id"]), (&json!("done"), &session["phone_number_id"]), "{over:#}");
    assert_eq!(step(&over, "session")["state"], "done");
    assert_eq!(stage.numbers().await[0]["phone_number_id"], session["phone_number_id"]);
    // It comes once.
    let (status, _) = stage.world.patch(&stage.organization, &path, &json!({ "session": session })).await;
    assert_eq!(status, 409);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_first() {
    let stage = Stage::new().await;
    let SignedUp { code, session } = stage.signed_up(json!({})).await;
    let begun = json!({ "session": session, "pin": "123456" });
    let (status, attempt) = stage.world.post_api(&stage.organization, "/connections", &begun).await;
    assert_eq!((status, &attempt["awaits"]), (202, &json!("code")), "{attempt:#}");
    let path = format!("/connections/{}", id(&attempt));
    let (status, problem) = stage.world.patch(&stage.organization, &path, &json!({})).await;
    assert_eq!(status, 400, "{problem}");
    let (status, joined) = stage.world.patch(&stage.organization, &path, &json!({ "code": code })).await;
    assert_eq!((status, &joined["awaits"]), (200, &Value::Null), "{joined:#}");
    let over = stage.until_over(&attempt).await;
    assert_eq!(over["state"], "done", "{over:#}");
    assert_eq!(stage.numbers().await[0]["phone_number_id"], session["phone_number_id"]);
    // A code that never came is not waited for for ever.
    let (_, attempt) = stage.world.post_api(&stage.organization, "/connections", &begun).await;
    stage.world.advance(Duration::from_secs(3601)).await;
    let tx = stage.world.database().operator().await.unwrap();
    let swept = model::connection::any_organization_sweep(&tx, stage.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(swept, (0, 1));
    let over = stage.until_over(&attempt).await;
    assert_eq!((&over["state"], &step(&over, "exchange")["error"]["code"]), (&json!("failed"), &json!("no_code")));
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_the_only_account_and_its_only_number() {
    let stage = Stage::new().await;
    let SignedUp { code, session } = stage.signed_up(json!({})).await;
    let (status, attempt) = stage.connect(&json!({ "signup": { "code": code }, "pin": "123456" })).await;
    assert_eq!(status, 202, "{attempt:#}");
    let over = stage.until_over(&attempt).await;
    assert_eq!((&over["state"], &over["phone_number_id"]), (&json!("done"), &session["phone_number_id"]), "{over:#}");
    assert_eq!(step(&over, "session")["state"], "skipped");

    // With a second number in the account it is asked which.
    let SignedUp { code, session } = stage.signed_up(json!({})).await;
    let waba_id = session["waba_id"].as_str().unwrap();
    let token = stage.meta("tokens", &json!({ "waba_id": waba_id })).await;
    let more = json!({ "cc": "1", "phone_number": "6505550199", "verified_name": "Second" });
    let path = format!("{waba_id}/phone_numbers");
    let (status, answer) =
        stage.world.meta().graph(Method::POST, &path, token["token"].as_str().unwrap(), Some(&more)).await;
    assert_eq!(status, 200, "{answer}");
    let session = json!({ "event": "FINISH_ONLY_WABA", "waba_id": waba_id });
    let wish = json!({ "signup": { "code": code, "session": session }, "pin": "123456" });
    let attempt = refused(&stage.connect(&wish).await, "number", "several_numbers");
    let message = step(&attempt, "number")["error"]["message"].as_str().unwrap().to_owned();
    let second = answer["id"].as_str().unwrap();
    assert!(message.contains(second), "{message}");
    let attempt = stage.retry(&attempt, &json!({ "phone_number_id": second })).await;
    // That one was never verified, which Meta says when it is to be registered.
    let attempt = refused(&attempt, "register", 133_006);
    assert_eq!(attempt["phone_number_id"], second);
    stage.world.end().await;
}

/// A business that opened accounts before gives a code that opens all of them: which one was meant, nobody said.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_opens_several_accounts_is_refused_with_the_list() {
    let stage = Stage::new().await;
    let first = stage.signed_up(json!({ "business": "Panadería Ñandú" })).await;
    let (status, number) =
        stage.connect(&json!({ "signup": { "code": first.code, "session": first.session }, "pin": "123456" })).await;
    assert_eq!(status, 201, "{number:#}");
    let state = stage.world.meta().state().await;
    let businesses = state["businesses"].as_array().unwrap();
    let business = businesses.iter().find(|business| business["name"] == "Panadería Ñandú").expect("the business");
    let second = stage.signed_up(json!({ "business": business["id"] })).await;
    let (_, attempt) = stage.connect(&json!({ "signup": { "code": second.code }, "pin": "123456" })).await;
    let over = stage.until_over(&attempt).await;
    let error = &step(&over, "token")["error"];
    assert_eq!(error["code"], "several_accounts", "{over:#}");
    let message = error["message"].as_str().unwrap();
    for session in [&first.session, &second.session] {
        for id in ["waba_id", "phone_number_id"] {
            assert!(message.contains(session[id].as_str().unwrap()), "{message}");
        }
    }
    assert_eq!(stage.numbers().await.len(), 1);
    // A wrong one is proved like any other, and can be corrected.
    let wrong = stage.retry(&over, &json!({ "waba_id": stage.number.waba_id })).await;
    let attempt = refused(&wrong, "token", "token_of_another_account");
    let (status, number) = stage.retry(&attempt, &json!({ "waba_id": second.session["waba_id"] })).await;
    assert_eq!((status, &number["phone_number_id"]), (200, &second.session["phone_number_id"]), "{number:#}");
    // From then on it is the attempt's.
    stage.world.end().await;
}

/// Where the token names no account, a person does.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_account_of_a_session_is_corrected() {
    let stage = Stage::new().await;
    let scopes = json!(["whatsapp_business_messaging", "whatsapp_business_manage_events"]);
    let SignedUp { code, mut session } = stage.signed_up(json!({ "scopes": scopes })).await;
    let right = session["waba_id"].clone();
    session["waba_id"] = json!(stage.number.waba_id);
    let wish = json!({ "signup": { "code": code, "session": session }, "pin": "123456" });
    let attempt = refused(&stage.connect(&wish).await, "token", "token_of_another_account");
    let (status, number) = stage.retry(&attempt, &json!({ "waba_id": right })).await;
    assert_eq!((status, &number["waba_id"]), (200, &right), "{number:#}");
    assert_eq!(number["warnings"][0]["code"], "token_lacks_permission");
    stage.world.end().await;
}

/// What a browser says of an account is believed only if the token says so too.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_the_token_does_not_name_is_not_believed() {
    let stage = Stage::new().await;
    let SignedUp { code, mut session } = stage.signed_up(json!({})).await;
    session["waba_id"] = json!(stage.number.waba_id);
    session["phone_number_id"] = json!(stage.number.phone_number_id);
    let answer = stage.connect(&json!({ "signup": { "code": code, "session": session }, "pin": "123456" })).await;
    refused(&answer, "token", "token_of_another_account");
    assert!(stage.numbers().await.is_empty());
    for event in ["CANCEL", ""] {
        let wish = json!({ "signup": { "code": "AQ", "session": { "event": event, "waba_id": "1" } } });
        let (status, problem) = stage.connect(&wish).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("`signup.session.event`"), "{problem}");
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_half_a_minute() {
    let stage = Stage::new().await;
    let SignedUp { code, session } = stage.signed_up(json!({})).await;
    stage.world.advance(Duration::from_secs(31)).await;
    let answer = stage.connect(&json!({ "signup": { "code": code, "session": session } })).await;
    let attempt = refused(&answer, "exchange", 100);
    assert!(step(&attempt, "exchange")["error"]["advice"]["es"].as_str().unwrap().contains("medio minuto"));
    // A token does as well.
    let token = stage.meta("tokens", &json!({ "waba_id": session["waba_id"] })).await["token"].clone();
    let (status, number) = stage.retry(&attempt, &json!({ "token": token, "pin": "123456" })).await;
    assert_eq!(status, 200, "{number:#}");
    assert_eq!(steps(&number["connection"])[..3], ["exchange:skipped", "session:skipped", "token:done"]);
    stage.world.end().await;
}

/// A number that stays in the WhatsApp Business app is never registered; its past is asked for, and comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_a_phone_shares() {
    let stage = Stage::new().await;
    let SignedUp { code, session } = stage.signed_up(json!({ "feature": "whatsapp_business_app_onboarding" })).await;
    assert!(session.get("phone_number_id").is_none());
    let (status, number) = stage.connect(&json!({ "signup": { "code": code, "session": session } })).await;
    assert_eq!(status, 201, "{number:#}");
    let connection = &number["connection"];
    assert_eq!((&number["is_on_biz_app"], &number["warnings"]), (&json!(true), &json!([])));
    assert_eq!(step(connection, "register")["state"], "skipped");
    assert_eq!(step(connection, "sync")["state"], "done");
    stage.world.settle().await;
    let conversations = stage.world.conversations(&stage.organization).await;
    assert!(!conversations.is_empty(), "the phone's history came");
    // Connected again: it was asked for before, and is not asked for twice; nor is it deregistered.
    let token = stage.meta("tokens", &json!({ "waba_id": session["waba_id"] })).await["token"].clone();
    let wish = json!({ "phone_number_id": number["phone_number_id"], "waba_id": session["waba_id"], "token": token });
    let (status, again) = stage.connect(&wish).await;
    assert_eq!((status, &again["warnings"]), (201, &json!([])), "{again:#}");
    let path = format!("/numbers/{}?deregister=true", id(&number));
    let (status, left) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!((status, &left["warnings"]), (200, &json!([])), "{left:#}");
    assert_eq!(step(&left["connection"], "deregister")["state"], "skipped");
    stage.world.end().await;
}

/// A day later the past is not to be had any more: told, and the number is connected.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_of_a_phone_is_asked_for_within_a_day() {
    let stage = Stage::new().await;
    let SignedUp { session, .. } = stage.signed_up(json!({ "feature": "whatsapp_business_app_onboarding" })).await;
    stage.world.advance(Duration::from_secs(25 * 3600)).await;
    let token = stage.meta("tokens", &json!({ "waba_id": session["waba_id"] })).await["token"].clone();
    let path = format!("{}/phone_numbers", session["waba_id"].as_str().unwrap());
    let (_, numbers) = stage.world.meta().graph(Method::GET, &path, token.as_str().unwrap(), None).await;
    let wish = json!({ "phone_number_id": numbers["data"][0]["id"], "waba_id": session["waba_id"], "token": token });
    let (status, number) = stage.connect(&wish).await;
    assert_eq!(status, 201, "{number:#}");
    assert_eq!(steps(&number["connection"]).last().unwrap(), "sync:done!");
    assert_eq!(number["warnings"][0]["code"], 2_593_108);
    stage.world.end().await;
}
