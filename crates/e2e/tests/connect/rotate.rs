//! Another token, while the number is at work.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, id, refused, steps, wish};

const LUCIA: &str = "34600111222";

impl Stage {
    async fn replace(&self, number: &Value, with: &Value) -> (u16, Value) {
        self.world.put_api(&self.organization, &format!("/numbers/{}/token", id(number)), with).await
    }

    async fn revoke(&self, token: &str) {
        self.world.meta().control(Method::DELETE, "tokens", Some(&json!({ "token": token }))).await;
    }
}

/// A token dies while messages wait: the number pauses, and with a new token everything goes out, once each.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_replaced_while_messages_wait() {
    let stage = Stage::new().await;
    let number = stage.connected().await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Abren hoy?").await;
    stage.world.settle().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    let new = stage.token(json!({ "expires_in": 5_000_000 })).await;
    stage.revoke(&stage.number.token).await;
    let path = format!("/conversations/{}/messages", id(&conversation));
    for nth in 0..5 {
        let text = json!({ "text": { "body": format!("Mensaje {nth}") } });
        let (status, answer) = stage.world.post_api(&stage.organization, &path, &text).await;
        assert_eq!(status, 202, "{answer}");
    }
    let own = format!("/numbers/{}", id(&number));
    stage
        .world
        .until("the number pauses", async || {
            !stage.world.read(&stage.organization, &own).await["send_paused"].is_null()
        })
        .await;
    assert!(stage.world.meta().accepted(&stage.number).await.is_empty());

    // A token that is not good changes nothing.
    refused(&stage.replace(&number, &json!({ "token": stage.number.token })).await, "token", 190);
    assert!(!stage.world.read(&stage.organization, &own).await["send_paused"].is_null());
    let (status, renewed) = stage.replace(&number, &json!({ "token": new })).await;
    assert_eq!(status, 200, "{renewed:#}");
    assert_eq!(steps(&renewed["connection"]), ["token:done", "number:done", "store:done"]);
    assert_eq!((&renewed["id"], &renewed["send_paused"]), (&number["id"], &Value::Null));
    assert!(renewed["token_expires_at"].is_string());
    stage.world.until("all went out", async || stage.world.meta().accepted(&stage.number).await.len() == 5).await;
    stage.world.settle().await;
    assert_eq!(stage.world.meta().accepted(&stage.number).await.len(), 5);
    assert_eq!(stage.world.events(&stage.organization, "number.updated").await.len(), 2);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_account_gets_the_token_and_nobody_else() {
    let stage = Stage::new().await;
    let all = stage.world.meta().numbers().await;
    let other = stage.world.organization("Harbor & Pine").await;
    let first = stage.connected().await;
    let (status, second) = stage.connect(&wish(&all[1])).await;
    assert_eq!(status, 201, "{second}");
    let (status, third) = stage.connect(&wish(&all[2])).await;
    assert_eq!(status, 201, "{third}");
    let sealed = async |number: &Value| {
        let sql = stage.world.sql().await;
        let id: uuid::Uuid = id(number).parse().unwrap();
        let row = sql.query_one("SELECT token FROM wazapp.number WHERE id = $1", &[&id]).await.unwrap();
        row.get::<_, Vec<u8>>(0)
    };
    let before = [sealed(&first).await, sealed(&second).await, sealed(&third).await];
    let new = stage.token(json!({})).await;
    let (status, answer) = stage.replace(&first, &json!({ "token": new })).await;
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(sealed(&second).await, before[1], "only the one that was named");
    // One that is said to be of the account, and that Meta does not show in it, keeps its token.
    let (moved, account) = (id(&third), &stage.number.waba_id);
    let say = |account: &str| format!("UPDATE wazapp.number SET waba_id = '{account}' WHERE id = '{moved}'");
    stage.world.sql().await.batch_execute(&say(account)).await.unwrap();
    let (status, answer) = stage.replace(&first, &json!({ "token": new, "account": true })).await;
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(steps(&answer["connection"]), ["token:done", "number:done", "account:done", "store:done"]);
    assert_ne!(sealed(&second).await, before[1]);
    stage.world.sql().await.batch_execute(&say(&all[2].waba_id)).await.unwrap();
    assert_eq!(sealed(&third).await, before[2], "another account");
    // Both send with it: the old one is dead.
    stage.revoke(&stage.number.token).await;
    for (number, at_meta) in [(&first, &all[0]), (&second, &all[1])] {
        let to =
            json!({ "number_id": id(number), "to": LUCIA, "type": "template", "template": stage.template().await });
        let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &to).await;
        assert_eq!(status, 202, "{answer}");
        stage.world.until("it went out", async || !stage.world.meta().accepted(at_meta).await.is_empty()).await;
    }
    // Nobody else's, and none that is not connected.
    let path = format!("/numbers/{}/token", id(&first));
    assert_eq!(stage.world.put_api(&other, &path, &json!({ "token": new })).await.0, 404);
    stage.world.delete(&stage.organization, &format!("/numbers/{}", id(&first))).await;
    assert_eq!(stage.replace(&first, &json!({ "token": new })).await.0, 409);
    stage.world.settle().await;
    stage.world.end().await;
}

impl Stage {
    /// An approved template without parameters, of the first account.
    async fn template(&self) -> Value {
        let path = format!("{}/message_templates?limit=100", self.number.waba_id);
        let token = self.token(json!({})).await;
        let (_, answer) = self.world.meta().graph(Method::GET, &path, &token, None).await;
        let all = answer["data"].as_array().expect("a list");
        let simple = |row: &&Value| row["status"] == "APPROVED" && !row["components"].to_string().contains("{{");
        let found = all.iter().find(simple).unwrap_or_else(|| panic!("no simple template in {answer:#}"));
        json!({ "name": found["name"], "language": { "code": found["language"] } })
    }

    /// The word by which the callback is known to Meta.
    pub(super) fn verify_token(&self) -> String {
        self.world.verify_token().to_owned()
    }
}
