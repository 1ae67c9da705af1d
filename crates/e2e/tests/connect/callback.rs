//! Where a number's webhooks go: told, led here, taken away.

use reqwest::Method;
use serde_json::json;

use super::{Stage, id, refused};

/// A number that is claimed, and whose account no App of ours hears of, is not connected.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_without_webhooks_is_not_shown_as_connected() {
    let stage = Stage::new().await;
    stage.unsubscribe().await;
    let fault = json!([{ "kind": "error", "edge": "subscribed_apps", "code": 200, "count": 1 }]);
    stage.world.meta().faults(fault).await;
    let attempt = refused(&stage.connect(&stage.wish()).await, "subscribe", 200);
    let number = stage.numbers().await.remove(0);
    assert_eq!(number["status"], "connecting", "{number:#}");
    assert!(stage.world.events(&stage.organization, "number.updated").await.is_empty());
    let (status, connected) = stage.retry(&attempt, &json!({})).await;
    assert_eq!((status, &connected["status"]), (200, &json!("connected")), "{connected:#}");
    let events = stage.world.events(&stage.organization, "number.updated").await;
    assert_eq!((events.len(), &events[0]["data"]["status"]), (1, &json!("connected")));
    // One that was connected stays so, whatever becomes of another token's webhooks.
    stage.unsubscribe().await;
    stage.world.meta().faults(json!([{ "kind": "error", "edge": "subscribed_apps", "code": 200, "count": 1 }])).await;
    refused(&stage.connect(&stage.wish()).await, "subscribe", 200);
    assert_eq!(stage.numbers().await[0]["status"], "connected");
    stage.world.end().await;
}

/// Where an account's webhooks go elsewhere, that is told; with an override they come here.
#[tokio::test(flavor = "multi_thread")]
async fn an_override_is_seen_and_set_on_demand() {
    let stage = Stage::new().await;
    let receiver = e2e::receiver::Receiver::start(stage.world.secret()).await;
    let path = format!("{}/subscribed_apps", stage.number.waba_id);
    let body = json!({ "override_callback_uri": receiver.url(), "verify_token": e2e::receiver::VERIFY_TOKEN });
    let (status, answer) = stage.world.meta().graph(Method::POST, &path, &stage.number.token, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    let number = stage.connected().await;
    assert_eq!(number["warnings"][0]["code"], "webhooks_go_elsewhere", "{number:#}");
    let mut wish = stage.wish();
    wish["override_callback"] = json!(true);
    let (status, number) = stage.connect(&wish).await;
    assert_eq!((status, &number["warnings"]), (201, &json!([])), "{number:#}");
    let (_, now) = stage.world.meta().graph(Method::GET, &path, &stage.number.token, None).await;
    assert_eq!(now["data"][0]["override_callback_uri"], json!(format!("{}/webhook", stage.world.url())));
    stage.world.end().await;
}

/// Meta takes an override from no App that does not hear of the account.
#[tokio::test(flavor = "multi_thread")]
async fn an_override_follows_a_subscription() {
    let stage = Stage::new().await;
    stage.unsubscribe().await;
    let mut wish = stage.wish();
    wish["override_callback"] = json!(true);
    stage.world.meta().faults(json!([{ "kind": "error", "edge": "subscribed_apps", "code": 10, "count": 1 }])).await;
    let attempt = refused(&stage.connect(&wish).await, "subscribe", 10);
    let (status, number) = stage.retry(&attempt, &json!({})).await;
    assert_eq!((status, &number["status"]), (200, &json!("connected")), "{number:#}");
    let ours = json!(format!("{}/webhook", stage.world.url()));
    assert_eq!(number["webhooks"]["whatsapp_business_account"], ours);
    assert_eq!(stage.subscribed().await.len(), 1);
    stage.world.end().await;
}

/// A number's own callback goes before its account's and its App's: it is shown, told, led here, and taken away.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_of_the_number_alone_is_seen_set_and_cleared() {
    let stage = Stage::new().await;
    stage.unsubscribe().await;
    let receiver = e2e::receiver::Receiver::start(stage.world.secret()).await;
    let path = stage.number.phone_number_id.clone();
    let elsewhere = json!({ "override_callback_uri": receiver.url(), "verify_token": e2e::receiver::VERIFY_TOKEN });
    let body = json!({ "webhook_configuration": elsewhere });
    let (status, answer) = stage.world.meta().graph(Method::POST, &path, &stage.number.token, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    let number = stage.connected().await;
    let warning = &number["warnings"][0];
    assert_eq!(warning["code"], "webhooks_go_elsewhere", "{number:#}");
    assert!(warning["message"].as_str().unwrap().contains(receiver.url()), "{warning}");
    assert!(warning["message"].as_str().unwrap().contains("number"), "{warning}");
    assert_eq!(number["webhooks"]["phone_number"], receiver.url());

    let mut wish = stage.wish();
    wish["override_callback"] = json!(true);
    let (status, number) = stage.connect(&wish).await;
    assert_eq!((status, &number["warnings"]), (201, &json!([])), "{number:#}");
    let ours = format!("{}/webhook", stage.world.url());
    let at_meta = async || {
        let path = format!("{path}?fields=webhook_configuration");
        stage.world.meta().graph(Method::GET, &path, &stage.number.token, None).await.1["webhook_configuration"].clone()
    };
    let both = json!({ "phone_number": ours, "whatsapp_business_account": ours, "application": ours });
    assert_eq!((&number["webhooks"], &at_meta().await), (&both, &both));
    stage.world.meta().customer_says(&stage.number, "34600111222", "¿Hola?").await;
    stage.world.settle().await;
    assert_eq!(stage.world.all_messages(&stage.organization).await.len(), 1);

    let callback = format!("/numbers/{}/callback", id(&number));
    let (status, cleared) = stage.world.delete(&stage.organization, &callback).await;
    assert_eq!(status, 200, "{cleared:#}");
    let left = json!({ "whatsapp_business_account": ours, "application": ours });
    assert_eq!((&cleared["webhooks"], &at_meta().await), (&left, &left));
    stage.world.end().await;
}
