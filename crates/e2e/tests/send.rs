//! Sending: from the API through the outbox to a simulated Meta and back by webhook. Meta's side counts what it truly
//! accepted.

mod alternative;
mod canary;
mod canary_people;
mod cancel;
mod codes;
mod crash;
mod fair;
mod faults;
mod goes_on;
mod later;
mod media;
mod receipts;
mod refusal;
mod retry;
mod throttled;
mod together;
mod types;
mod unknown;

use e2e::{Organization, SimulatedNumber, World};
use model::outbox;
use serde_json::{Value, json};
use uuid::Uuid;

const LUCIA: &str = "34600111222";
const MARTIN: &str = "34600333444";

/// An organization with a number, to whom Lucía has written just now.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    number_id: Uuid,
    conversation: String,
}

impl Stage {
    async fn new() -> Self {
        let world = World::simulated().await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        let number_id = world.connect_simulated(&organization, &number).await;
        world.meta().customer_says(&number, LUCIA, "¿Están abiertos?").await;
        world.settle().await;
        let conversation = id(&world.conversation(&organization).await);
        Self { world, organization, number, number_id, conversation }
    }

    /// The conversation with someone else, who writes now.
    async fn met(&self, who: &str) -> String {
        self.world.meta().customer_says(&self.number, who, "Hola").await;
        self.world.settle().await;
        let all = self.world.conversations(&self.organization).await;
        id(all.iter().find(|row| row["contact"]["wa_id"] == who).expect("their conversation"))
    }

    /// Sends into Lucía's conversation, which must be taken; answers the message's id.
    async fn send(&self, message: Value) -> String {
        self.send_in(&self.conversation, message).await
    }

    async fn send_in(&self, conversation: &str, message: Value) -> String {
        let path = format!("/conversations/{conversation}/messages");
        let (status, answer) = self.world.post_api(&self.organization, &path, &message).await;
        assert_eq!(status, 202, "{answer}");
        assert_eq!((&answer["status"], &answer["direction"]), (&json!("queued"), &json!("outbound")), "{answer}");
        id(&answer)
    }

    async fn message(&self, id: &str) -> Value {
        self.world.read(&self.organization, &format!("/messages/{id}")).await
    }

    async fn status(&self, id: &str) -> String {
        self.message(id).await["status"].as_str().expect("an outbound message has a status").to_owned()
    }

    /// Waits until a message stands at this step.
    async fn until(&self, id: &str, status: &str) -> Value {
        self.world.until(&format!("the message is {status}"), async || self.status(id).await == status).await;
        self.message(id).await
    }

    /// Waits until nothing is queued and nothing is under way.
    async fn sent(&self) {
        let left = "SELECT count(*) FROM wazapp.outbox WHERE state IN ('queued', 'sending')";
        self.world.until("everything is sent", async || self.world.count(left).await == 0).await;
    }

    /// Waits until every call was heard, so that nothing is under way.
    async fn heard(&self) {
        let under_way = "SELECT count(*) FROM wazapp.outbox WHERE state = 'sending'";
        self.world.until("calls are heard", async || self.world.count(under_way).await == 0).await;
    }

    /// Waits until the worker looked at everything that is due by now, and every call was heard.
    async fn looked_at(&self) {
        let (sql, now) = (self.world.sql().await, self.world.now());
        let looked = async || {
            let tx = self.world.database().operator().await.expect("a transaction");
            let turns = outbox::any_organization_turns(&tx, now, &[]).await.expect("the statement runs");
            drop(tx);
            let turns: Vec<Uuid> = turns.iter().map(|turn| turn.number_id).collect();
            let waits = "SELECT count(*) FROM wazapp.number_pace WHERE served_at < $1 AND number_id = ANY ($2)";
            sql.query_one(waits, &[&now, &turns]).await.expect("the statement runs").get::<_, i64>(0) == 0
        };
        self.world.until("what is due was looked at", looked).await;
        self.heard().await;
    }

    /// Asserts that whoever looked now would find nothing to send and nothing to give up. What is found is left as it is.
    async fn nothing_is_due(&self) {
        let tx = self.world.database().operator().await.expect("a transaction");
        for turn in outbox::any_organization_turns(&tx, self.world.now(), &[]).await.expect("the statement runs") {
            let claim = outbox::any_organization_claim(&tx, self.world.now(), &[(turn, 20)]).await;
            let claim = claim.expect("the statement runs");
            assert_eq!(claim.messages().count(), 0, "{claim:?}");
        }
        let overdue = outbox::any_organization_overdue(&tx, self.world.now()).await.expect("the statement runs");
        assert!(overdue.is_empty(), "{overdue:?}");
    }

    /// What Meta truly accepted, by our ids, in its order.
    async fn accepted(&self) -> Vec<String> {
        let all = self.world.meta().accepted(&self.number).await;
        let ids = all.iter().map(|row| row["request"]["biz_opaque_callback_data"].as_str().unwrap_or("none"));
        ids.map(str::to_owned).collect()
    }

    /// An approved template without parameters.
    async fn template(&self) -> Value {
        self.world.meta().simple_template(&self.number).await
    }
}

fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}

fn text(body: &str) -> Value {
    json!({ "type": "text", "text": { "body": body } })
}
