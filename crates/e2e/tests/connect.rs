//! Connecting numbers, giving them other tokens, disconnecting and moving them, against a simulated Meta.

mod callback;
mod command;
mod crash;
mod hand_over;
mod leave;
mod moved;
mod resume;
mod rotate;
mod signup;
mod token;

use e2e::{Organization, SimulatedNumber, World};
use reqwest::Method;
use serde_json::{Value, json};

/// A business that is new to this server, and a number at Meta.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
}

impl Stage {
    async fn new() -> Self {
        let world = World::simulated().await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        Self { world, organization, number }
    }

    /// What it takes to connect the number.
    fn wish(&self) -> Value {
        wish(&self.number)
    }

    async fn connect(&self, wish: &Value) -> (u16, Value) {
        self.world.post_api(&self.organization, "/numbers", wish).await
    }

    /// Connects the number, which must succeed; answers it.
    async fn connected(&self) -> Value {
        let (status, answer) = self.connect(&self.wish()).await;
        assert_eq!(status, 201, "{answer:#}");
        answer
    }

    /// Resumes an attempt.
    async fn retry(&self, connection: &Value, with: &Value) -> (u16, Value) {
        let path = format!("/connections/{}/retry", id(connection));
        self.world.post_api(&self.organization, &path, with).await
    }

    async fn numbers(&self) -> Vec<Value> {
        self.world.all(&self.organization, "/numbers").await
    }

    /// Changes something at Meta.
    async fn meta(&self, path: &str, body: &Value) -> Value {
        self.world.meta().control(Method::POST, path, Some(body)).await
    }

    /// A token for the number's account.
    async fn token(&self, with: Value) -> String {
        let mut body = with;
        body["waba_id"] = self.number.waba_id.clone().into();
        self.meta("tokens", &body).await["token"].as_str().expect("a token").to_owned()
    }

    /// The Apps that hear of the number's account.
    async fn subscribed(&self) -> Vec<Value> {
        subscribed(&self.world, &self.number.waba_id).await
    }

    /// The App hears of the account no more.
    async fn unsubscribe(&self) {
        let path = format!("{}/subscribed_apps", self.number.waba_id);
        let (status, answer) = self.world.meta().graph(Method::DELETE, &path, &self.number.token, None).await;
        assert_eq!(status, 200, "{answer}");
    }
}

fn wish(number: &SimulatedNumber) -> Value {
    json!({ "phone_number_id": number.phone_number_id, "waba_id": number.waba_id, "token": number.token })
}

async fn subscribed(world: &World, waba_id: &str) -> Vec<Value> {
    let state = world.meta().state().await;
    let wabas =
        state["businesses"].as_array().expect("a list").iter().flat_map(|business| business["wabas"].as_array());
    let waba = wabas.flatten().find(|waba| waba["id"] == waba_id).expect("the account");
    waba["subscribed_apps"].as_array().expect("a list").clone()
}

fn id(row: &Value) -> &str {
    row["id"].as_str().expect("an id")
}

/// How far each step of an attempt is, as `name:state`; a `!` marks a warning.
fn steps(connection: &Value) -> Vec<String> {
    let steps = connection["steps"].as_array().unwrap_or_else(|| panic!("no steps in {connection:#}"));
    let shown = |step: &Value| {
        let warned = if step["warning"].is_null() { "" } else { "!" };
        format!("{}:{}{warned}", step["name"].as_str().unwrap(), step["state"].as_str().unwrap())
    };
    steps.iter().map(shown).collect()
}

/// One step of an attempt.
fn step<'a>(connection: &'a Value, name: &str) -> &'a Value {
    let steps = connection["steps"].as_array().unwrap_or_else(|| panic!("no steps in {connection:#}"));
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name} in {connection:#}"))
}

/// A refusal at this step with this code; answers the attempt. Both languages say what to do.
#[track_caller]
fn refused(answer: &(u16, Value), at: &str, code: impl Into<Value>) -> Value {
    let (status, problem) = answer;
    assert_eq!((*status, &problem["type"]), (422, &json!("/docs#number-refused")), "{problem:#}");
    let connection = &problem["connection"];
    assert_eq!(connection["state"], "failed", "{connection:#}");
    let failed = step(connection, at);
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &code.into()), "{failed:#}");
    for language in ["en", "es"] {
        assert!(failed["error"]["advice"][language].as_str().is_some_and(|text| text.len() > 20), "{failed:#}");
    }
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(at) && detail.contains("retry"), "{detail}");
    connection.clone()
}
