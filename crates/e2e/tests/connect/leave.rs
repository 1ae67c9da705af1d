//! Disconnecting, and coming back.

use serde_json::{Value, json};

use super::{Stage, id, step, steps, wish};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_number_of_an_account_takes_the_subscription_with_it() {
    let stage = Stage::new().await;
    let sibling = stage.world.meta().numbers().await.remove(1);
    assert_eq!(sibling.waba_id, stage.number.waba_id);
    let other = stage.world.organization("Harbor & Pine").await;
    let number = stage.connected().await;
    let (status, theirs) = stage.world.post_api(&other, "/numbers", &wish(&sibling)).await;
    assert_eq!(status, 201, "{theirs}");

    let path = format!("/numbers/{}", id(&number));
    let (status, left) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!((status, &left["status"], &left["warnings"]), (200, &json!("disconnected"), &json!([])), "{left:#}");
    assert_eq!(steps(&left["connection"]), ["release:done", "unsubscribe:skipped"]);
    assert_eq!(stage.subscribed().await.len(), 1, "the other organization's number needs it");
    let why = step(&left["connection"], "unsubscribe").to_string();
    assert!(!why.contains("Harbor") && !why.contains(&sibling.phone_number_id), "whose it is, is not told: {why}");
    assert!(stage.numbers().await[0]["token_checked_at"].is_null());
    // Again: there is nothing to do.
    let (status, again) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!((status, &again["status"], &again["connection"]), (200, &json!("disconnected"), &Value::Null));

    let path = format!("/numbers/{}?deregister=true", id(&theirs));
    let (status, left) = stage.world.delete(&other, &path).await;
    assert_eq!((status, &left["warnings"]), (200, &json!([])), "{left:#}");
    assert_eq!(steps(&left["connection"]), ["release:done", "deregister:done", "unsubscribe:done"]);
    assert!(stage.subscribed().await.is_empty());
    let state = stage.world.meta().state().await.to_string();
    assert_eq!(state.matches(r#""registered":false"#).count(), 1, "{state}");
    let tokens = "SELECT (SELECT count(*) FROM wazapp.number WHERE token IS NOT NULL)
                       + (SELECT count(*) FROM wazapp.connection WHERE token IS NOT NULL)";
    assert_eq!(stage.world.count(tokens).await, 0, "tokens are forgotten");
    let events = stage.world.events(&other, "number.updated").await;
    let statuses: Vec<&Value> = events.iter().map(|event| &event["data"]["status"]).collect();
    assert_eq!(statuses, [&json!("connected"), &json!("disconnected")]);
    stage.world.end().await;
}

/// Meta is away, or refuses: the number is disconnected here all the same, and the answer says what Meta said.
#[tokio::test(flavor = "multi_thread")]
async fn what_meta_has_against_it_is_a_warning() {
    let stage = Stage::new().await;
    let number = stage.connected().await;
    stage
        .world
        .meta()
        .faults(json!([
            { "kind": "reset", "edge": "deregister" },
            { "kind": "error", "edge": "subscribed_apps", "code": 200 },
        ]))
        .await;
    let path = format!("/numbers/{}?deregister=true", id(&number));
    let (status, left) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!((status, &left["status"]), (200, &json!("disconnected")), "{left:#}");
    let codes: Vec<&Value> = left["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert_eq!(codes, [&json!("no_answer"), &json!(200)]);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_claim").await, 0);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_goes_on_with_the_history() {
    let stage = Stage::new().await;
    let number = stage.connected().await;
    stage.world.meta().customer_says(&stage.number, "34600111222", "antes").await;
    stage.world.settle().await;
    let before = stage.world.conversation(&stage.organization).await;
    let (status, left) =
        stage.world.delete(&stage.organization, &format!("/numbers/{}?keep_subscription=true", id(&number))).await;
    assert_eq!(status, 200, "{left:#}");
    assert_eq!(stage.subscribed().await.len(), 1, "it was asked to stay");
    // Meanwhile it belongs to nobody.
    stage.world.meta().customer_says(&stage.number, "34600111222", "entretanto").await;
    stage.world.settle().await;
    assert_eq!(stage.world.quarantine().await.len(), 1);
    let path = format!("/conversations/{}/messages", id(&before));
    let (status, _) = stage.world.post_api(&stage.organization, &path, &json!({ "text": { "body": "¿?" } })).await;
    assert_eq!(status, 409);

    let again = stage.connected().await;
    assert_eq!(again["id"], number["id"]);
    assert_eq!(again["disconnected_at"], Value::Null);
    stage.world.meta().customer_says(&stage.number, "34600111222", "después").await;
    stage.world.settle().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    assert_eq!(conversation["id"], before["id"]);
    assert_eq!(stage.world.messages(&stage.organization, &conversation).await.len(), 2);
    stage.world.end().await;
}

/// An event shows a number as the API does, its pause as well.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_says_that_a_number_rests() {
    let stage = Stage::new().await;
    let number = stage.connected().await;
    let reason = json!({ "code": 133_010, "message": "Account not registered", "advice": { "en": "Register it.", "es": "Regístralo." } });
    let rests = format!("UPDATE wazapp.number_pace SET paused_until = 'infinity', pause_reason = '{reason}'");
    assert_eq!(stage.world.sql().await.execute(&rests, &[]).await.unwrap(), 1);
    let path = format!("/numbers/{}", id(&number));
    let (status, left) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!(status, 200, "{left:#}");
    let told = stage.world.events(&stage.organization, "number.updated").await.pop().unwrap();
    assert_eq!(told["data"]["send_paused"], json!({ "until": null, "reason": reason }));
    assert_eq!(told["data"], stage.world.read(&stage.organization, &path).await);
    stage.world.end().await;
}
