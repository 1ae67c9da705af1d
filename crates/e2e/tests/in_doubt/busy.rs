//! All of the database's connections are held by others.

use model::database::Tenant;

use super::*;

const LUCIA: &str = "34600111222";

/// Longer than a request waits for a connection.
const LONGER: Duration = Duration::from_secs(7);

impl Stage {
    /// Takes every connection for requests there is.
    async fn take_all(&self) -> Vec<Tenant> {
        let mut held = Vec::new();
        while let Ok(Ok(tx)) =
            tokio::time::timeout(Duration::from_millis(300), self.world.database().tenant(&self.organization.scope))
                .await
        {
            held.push(tx);
        }
        assert!(!held.is_empty());
        held
    }

    async fn write(&self, text: &str) -> (u16, Value) {
        let url = format!("{}/v23.0/{}/messages", self.world.url(), self.number.phone_number_id);
        let body = json!({ "messaging_product": "whatsapp", "to": LUCIA, "text": { "body": text } });
        let request = self.world.client().post(url).bearer_auth(&self.organization.key);
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.expect("an answer")).expect("JSON"))
    }

    async fn met() -> Self {
        let stage = Self::new().await;
        stage.world.meta().customer_says(&stage.number, LUCIA, "¿Están abiertos?").await;
        stage.world.settle().await;
        stage
    }

    async fn until_called(&self) {
        let called = "SELECT count(*) FROM wazapp.outbox WHERE state = 'sending'";
        self.world.until("Meta has the call", async || self.world.count(called).await == 1).await;
    }
}

/// Thirty of thirty such sends were accepted by Meta and answered "nothing was sent; send it again".
#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_cannot_be_looked_at_is_waited_for() {
    let stage = Stage::met().await;
    stage.world.meta().faults(json!([{ "kind": "slow", "seconds": 1.0, "count": 1 }])).await;
    let ((status, answer), ()) = tokio::join!(stage.write("¿llega?"), async {
        stage.until_called().await;
        let held = stage.take_all().await;
        tokio::time::sleep(LONGER).await;
        drop(held);
    });
    assert_eq!(status, 200, "{answer}");
    let accepted = stage.world.meta().accepted(&stage.number).await;
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0]["id"], answer["messages"][0]["id"]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_cannot_be_looked_at_for_too_long_may_have_been_sent() {
    let stage = Stage::met().await;
    stage.world.meta().faults(json!([{ "kind": "slow", "seconds": 1.0, "count": 1 }])).await;
    let ((status, answer), ()) = tokio::join!(stage.write("¿llega?"), async {
        stage.until_called().await;
        let held = stage.take_all().await;
        stage.world.advance(Duration::from_secs(61)).await;
        tokio::time::sleep(LONGER).await;
        drop(held);
    });
    let error = &answer["error"];
    assert_eq!((status, &error["code"], &error["is_transient"]), (400, &json!(1), &json!(false)), "{answer}");
    assert!(error["error_data"]["details"].as_str().unwrap().contains("may have been sent"), "{answer}");
    assert_eq!(stage.world.meta().accepted(&stage.number).await.len(), 1);
    stage.world.settle().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_could_not_begin_was_not_sent() {
    let stage = Stage::met().await;
    let held = stage.take_all().await;
    let (status, answer) = stage.write("no").await;
    assert_eq!((status, &answer["error"]["is_transient"]), (503, &json!(true)), "{answer}");
    drop(held);
    assert_eq!(stage.write("sí").await.0, 200);
    let accepted = stage.world.meta().accepted(&stage.number).await;
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    stage.world.end().await;
}
