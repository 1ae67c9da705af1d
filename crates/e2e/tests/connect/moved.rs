//! A number that comes from elsewhere: from another account, or from another platform.

use e2e::receiver::{Receiver, VERIFY_TOKEN};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, id, refused, step};

const LUCIA: &str = "34600111222";

impl Stage {
    /// The organization had the number under another id, with a thread and a message that waits; answers our id of it.
    async fn had_it_as(&self, former: &str, token: &str) -> String {
        let organization = &self.organization;
        let number = self.world.connect_with(organization, former, "424242", None, token).await;
        let contacts = json!([e2e::body::contact(LUCIA, "Lucía")]);
        let message = e2e::body::text_message(LUCIA, "wamid.before", e2e::outside::now().as_second(), "antes");
        let value = e2e::body::value(former, &json!({ "contacts": contacts, "messages": [message] }));
        self.world.receive(&value).await;
        let shown = "UPDATE wazapp.number SET display_phone_number = $1, check_at = 'infinity' WHERE id = $2";
        self.world.sql().await.execute(shown, &[&self.number.digits, &number]).await.unwrap();
        number.to_string()
    }

    async fn said(&self) -> Vec<Value> {
        self.world.all_messages(&self.organization).await.iter().map(|row| row["text"].clone()).collect()
    }
}

/// Meta gives a number that moves to another account a new id: it was a second number here, without its past.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_moved_to_another_account_goes_on_with_its_threads() {
    let stage = Stage::new().await;
    let former = stage.had_it_as("99000000000001", "EAA-dead").await;
    let conversation = stage.world.conversation(&stage.organization).await;
    let later = e2e::outside::now() + jiff::SignedDuration::from_mins(10);
    let waits = json!({ "text": { "body": "espera" }, "send_at": later });
    let path = format!("/conversations/{}/messages", id(&conversation));
    assert_eq!(stage.world.post_api(&stage.organization, &path, &waits).await.0, 202);

    let number = stage.connected().await;
    assert_eq!((id(&number), &number["phone_number_id"]), (former.as_str(), &json!(stage.number.phone_number_id)));
    let detail = step(&number["connection"], "account")["detail"]["en"].as_str().unwrap().to_owned();
    assert!(detail.contains("99000000000001"), "it is told: {detail}");
    assert_eq!(stage.numbers().await.len(), 1);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_claim").await, 1, "the old id is nobody's");
    stage.world.meta().customer_says(&stage.number, LUCIA, "después").await;
    stage.world.settle().await;
    assert_eq!(id(&stage.world.conversation(&stage.organization).await), id(&conversation), "the same thread");
    stage.world.advance(std::time::Duration::from_secs(601)).await;
    stage.world.until("what waited left", async || stage.world.meta().accepted(&stage.number).await.len() == 1).await;
    stage.world.settle().await;
    assert_eq!(stage.said().await.len(), 3);
    stage.world.end().await;
}

/// Without the proof nothing moves: an id that still answers is another number's, and digits of others are others'.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proved_to_be_the_same_stays_apart() {
    let stage = Stage::new().await;
    let all = stage.world.meta().numbers().await;
    // Another organization's number with the same digits, and one of ours whose id is alive.
    let other = stage.world.organization("Harbor & Pine").await;
    stage.world.connect_with(&other, "99000000000002", "424242", None, "EAA-dead").await;
    let alive = stage.had_it_as(&all[1].phone_number_id, &all[1].token).await;
    let shown = "UPDATE wazapp.number SET display_phone_number = $1";
    stage.world.sql().await.execute(shown, &[&stage.number.digits]).await.unwrap();
    let number = stage.connected().await;
    assert_ne!(id(&number), alive);
    assert_eq!(stage.numbers().await.len(), 2);
    assert_eq!(stage.world.all(&other, "/numbers").await[0]["phone_number_id"], "99000000000002");
    stage.world.end().await;
}

/// The id that it moved to may be another organization's by now: then nothing of ours changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_an_id_that_another_has_changes_nothing() {
    let stage = Stage::new().await;
    stage.had_it_as("99000000000003", "EAA-dead").await;
    let other = stage.world.organization("Harbor & Pine").await;
    stage.world.connect_simulated(&other, &stage.number).await;
    refused(&stage.connect(&stage.wish()).await, "claim", "taken");
    assert_eq!(stage.numbers().await[0]["phone_number_id"], "99000000000003");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_claim").await, 2);
    stage.world.end().await;
}

/// As docs/move.md has it: a number that another platform has, by callbacks of the App's, the account's and its own, with an
/// open conversation, and paused for payment there. At each step the words say what is so.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_moves_here_from_another_platform() {
    let stage = Stage::new().await;
    let elsewhere = Receiver::start(stage.world.secret()).await;
    let graph = async |path: &str, token: &str, body: Value| {
        let (status, answer) = stage.world.meta().graph(Method::POST, path, token, Some(&body)).await;
        assert_eq!(status, 200, "{answer}");
    };
    let (number, account) = (stage.number.phone_number_id.as_str(), stage.number.waba_id.as_str());
    let there = json!({ "override_callback_uri": elsewhere.url(), "verify_token": VERIFY_TOKEN });
    let app = json!({ "object": "whatsapp_business_account", "callback_url": elsewhere.url(),
                      "verify_token": VERIFY_TOKEN, "fields": "messages" });
    let app_token = format!("670843887433847|{}", stage.world.secret());
    graph("670843887433847/subscriptions", &app_token, app).await;
    graph(&format!("{account}/subscribed_apps"), &stage.number.token, there.clone()).await;
    graph(number, &stage.number.token, json!({ "webhook_configuration": there })).await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Siguen ahí?").await;
    stage.world.settle().await;

    // Connected, and said to be heard elsewhere.
    let connected = stage.connected().await;
    let warnings: Vec<&str> =
        connected["warnings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(warnings, ["webhooks_go_elsewhere", "webhooks_go_elsewhere"], "{connected:#}");
    assert_eq!(connected["webhooks"]["phone_number"], elsewhere.url());
    assert!(stage.said().await.is_empty(), "what she wrote went there");
    // Led here.
    let mut wish = stage.wish();
    wish["override_callback"] = json!(true);
    let (status, led) = stage.connect(&wish).await;
    let ours = json!(format!("{}/webhook", stage.world.url()));
    assert_eq!((status, &led["webhooks"]["phone_number"]), (201, &ours), "{led:#}");
    // The conversation that was open there goes on here: nobody here knows that its window is closed.
    let answer = json!({ "number_id": led["id"], "to": LUCIA, "text": { "body": "Sí, aquí seguimos" } });
    let (status, sent) = stage.world.post_api(&stage.organization, "/messages", &answer).await;
    assert_eq!(status, 202, "{sent}");
    let path = format!("/messages/{}", id(&sent));
    let status = async || stage.world.read(&stage.organization, &path).await["status"].clone();
    stage.world.until("it is read", async || status().await == "read").await;
    // The account owes Meta: it rests, says why, and goes on once that is mended.
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_042, "count": 1 }])).await;
    let (_, sent) = stage.world.post_api(&stage.organization, "/messages", &answer).await;
    let shown = async || stage.numbers().await.remove(0);
    stage.world.until("it rests", async || shown().await["send_paused"]["reason"]["code"] == 131_042).await;
    let resume = format!("/numbers/{}/resume", id(&led));
    assert_eq!(stage.world.post_api(&stage.organization, &resume, &json!({})).await.0, 200);
    let path = format!("/messages/{}", id(&sent));
    let status = async || stage.world.read(&stage.organization, &path).await["status"].clone();
    stage.world.until("it goes on", async || status().await == "read").await;
    // And what she writes comes here.
    stage.world.meta().customer_says(&stage.number, LUCIA, "¡Qué bien!").await;
    stage.world.settle().await;
    assert!(stage.said().await.contains(&json!("¡Qué bien!")));
    stage.world.end().await;
}
