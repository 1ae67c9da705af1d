//! Templates: read from a simulated Meta and kept current, created, changed, deleted, and used by messages.

mod change;
mod create;
mod sync;
mod upload;
mod used;

use std::time::Duration;

use e2e::{Organization, SimulatedNumber, World};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const LUCIA: &str = "34600111222";

/// Longer than the pause between two readings that are asked for.
const PAUSE: Duration = Duration::from_secs(11);

/// Longer than Meta's review takes.
const REVIEW: Duration = Duration::from_secs(6);

/// An organization with a number, whose account's templates were read.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    number_id: Uuid,
}

impl Stage {
    async fn new() -> Self {
        let world = World::simulated().await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        let number_id = world.connect_simulated(&organization, &number).await;
        let stage = Self { world, organization, number, number_id };
        stage.synced_after(&Value::Null).await;
        stage
    }

    async fn sync(&self) -> Value {
        let all = self.world.all(&self.organization, "/templates/sync").await;
        all.into_iter().find(|row| row["waba_id"] == self.number.waba_id.as_str()).unwrap_or(Value::Null)
    }

    /// Waits until a reading began that is not this one.
    async fn synced_after(&self, before: &Value) {
        self.world.until("templates are read", async || self.sync().await["synced_at"] != *before).await;
    }

    /// Has the account read anew, and waits for the end of it.
    async fn sync_now(&self) {
        self.world.advance(PAUSE).await;
        let asked_at = self.world.now();
        let (status, answer) = self.world.post_api(&self.organization, "/templates/sync", &json!({})).await;
        assert_eq!(status, 202, "{answer}");
        let began = |sync: &Value| sync["synced_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let read = async || began(&self.sync().await).is_some_and(|at| at >= asked_at);
        self.world.until("templates are read anew", read).await;
    }

    async fn all(&self) -> Vec<Value> {
        self.world.all(&self.organization, "/templates?limit=100").await
    }

    async fn named(&self, name: &str) -> Value {
        let all = self.world.all(&self.organization, &format!("/templates?q={name}")).await;
        let found: Vec<&Value> = all.iter().filter(|row| row["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name}: {all:#?}");
        found[0].clone()
    }

    async fn template(&self, id: &str) -> Value {
        self.world.read(&self.organization, &format!("/templates/{id}")).await
    }

    /// Waits until a template has this status.
    async fn until(&self, id: &str, status: &str) -> Value {
        let what = format!("the template is {status}");
        self.world.until(&what, async || self.template(id).await["status"] == status).await;
        self.template(id).await
    }

    /// Creates a template, which must be taken.
    async fn create(&self, body: &Value) -> Value {
        let (status, answer) = self.try_create(body).await;
        assert_eq!(status, 201, "{answer:#}");
        answer
    }

    async fn try_create(&self, body: &Value) -> (u16, Value) {
        let mut body = body.clone();
        body["number_id"] = json!(self.number_id);
        self.world.post_api(&self.organization, "/templates", &body).await
    }

    /// Meta's reviewers come to an end, and what they say arrives.
    async fn reviewed(&self) {
        self.world.advance(REVIEW).await;
        self.world.settle().await;
    }

    /// Something happens to a template at Meta, and its webhook arrives.
    async fn happens(&self, template: &Value, what: Value) {
        let path = format!("templates/{}", template["template_id"].as_str().expect("Meta's id"));
        self.world.meta().control(Method::POST, &path, Some(&what)).await;
        self.world.settle().await;
    }

    /// Creates a template past us.
    async fn created_elsewhere(&self, body: &Value) -> String {
        let path = format!("{}/message_templates", self.number.waba_id);
        let (status, answer) = self.world.meta().graph(Method::POST, &path, &self.number.token, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// Every call of an edge fails from now on, before Meta looks at it: each is counted, and none is answered.
    async fn fail_calls(&self, edge: &str) {
        self.world.meta().faults(json!([{ "kind": "reset", "edge": edge }])).await;
    }

    /// Asserts that Meta was not asked since calls fail, and that it would have been noticed: by this request it is.
    async fn asked_only_by(&self, request: impl AsyncFnOnce()) {
        assert_eq!(self.world.meta().strikes().await, 0, "Meta was asked");
        request().await;
        self.world.until("Meta is asked now", async || self.world.meta().strikes().await > 0).await;
    }

    /// Sends a template to Lucía; answers status and body.
    async fn send(&self, template: &Value) -> (u16, Value) {
        let body = json!({ "number_id": self.number_id, "to": LUCIA, "type": "template", "template": template });
        self.world.post_api(&self.organization, "/messages", &body).await
    }
}

fn simple(name: &str) -> Value {
    json!({ "name": name, "language": "es_MX", "category": "UTILITY", "components": [
        { "type": "BODY", "text": "Hola {{1}}, tu pedido {{2}} ya está listo para recoger.", "example": { "body_text": [["Ana", "77"]] } } ] })
}

fn id(row: &Value) -> &str {
    row["id"].as_str().expect("an id")
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().into_iter().flatten().filter_map(|one| one["field"].as_str()).collect()
}
