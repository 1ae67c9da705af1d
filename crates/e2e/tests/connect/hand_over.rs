//! A number moves from one organization to another.

use model::number;
use serde_json::{Value, json};

use super::{Stage, id};

const LUCIA: &str = "34600111222";

#[tokio::test(flavor = "multi_thread")]
async fn the_history_stays_and_what_comes_goes_to_the_other() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Harbor & Pine").await;
    let number = stage.connected().await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "antes").await;
    stage.world.settle().await;
    let scopes = (&stage.organization.scope, &other.scope);
    let tx = stage.world.database().operator().await.unwrap();
    let (keyring, now) = (stage.world.keyring(), stage.world.now());
    let nobodys = number::hand_over(&tx, keyring, scopes, "404", now).await.unwrap();
    assert!(nobodys.is_none());
    let moved = number::hand_over(&tx, keyring, scopes, &stage.number.phone_number_id, now).await.unwrap();
    let (left, came) = moved.expect("it is connected").expect("it has a token");
    tx.commit().await.unwrap();
    assert_eq!((left.id.to_string().as_str(), left.status.as_str()), (id(&number), "disconnected"));
    assert_eq!((came.status.as_str(), came.verified_name.as_deref()), ("connected", Some("Café Lucero")));
    assert_ne!(left.id, came.id);

    stage.world.meta().customer_says(&stage.number, LUCIA, "después").await;
    stage.world.settle().await;
    for (organization, text, statuses) in
        [(&stage.organization, "antes", vec!["connected", "disconnected"]), (&other, "después", vec!["connected"])]
    {
        let texts: Vec<Value> =
            stage.world.all_messages(organization).await.iter().map(|row| row["text"].clone()).collect();
        assert_eq!(texts, [json!(text)]);
        let events = stage.world.events(organization, "number.updated").await;
        let told: Vec<&str> = events.iter().map(|event| event["data"]["status"].as_str().unwrap()).collect();
        assert_eq!(told, statuses);
    }
    // The other can send from it: the token came along, sealed for its new place.
    let conversation = stage.world.conversation(&other).await;
    let path = format!("/conversations/{}/messages", id(&conversation));
    let (status, answer) = stage.world.post_api(&other, &path, &json!({ "text": { "body": "Hola" } })).await;
    assert_eq!(status, 202, "{answer}");
    stage.world.until("it went out", async || !stage.world.meta().accepted(&stage.number).await.is_empty()).await;
    stage.world.settle().await;
    stage.world.end().await;
}
