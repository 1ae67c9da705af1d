//! The Model Context Protocol: what an assistant is offered, over `/mcp` and by `wazapp mcp`, and what it cannot be made to do.

mod client;
mod confirmation;
mod door;
mod injection;
mod stdio;
mod tools;

use std::sync::LazyLock;

use e2e::{Organization, SimulatedNumber, World};
use model::act::KeyScope;
use model::api_key::NewKey;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

const LUCIA: &str = "34600111222";
const MATEO: &str = "34600111333";

/// Two organizations, each with a number at Meta, to which the same customers wrote.
struct Stage {
    world: World,
    acme: Tenant,
    rival: Tenant,
}

/// One of them.
struct Tenant {
    organization: Organization,
    number: SimulatedNumber,
    number_id: Uuid,
}

impl Tenant {
    async fn new(world: &World, name: &str, number: SimulatedNumber) -> Self {
        let organization = world.organization(name).await;
        let number_id = world.connect_simulated(&organization, &number).await;
        for customer in [LUCIA, MATEO] {
            world.meta().customer_says(&number, customer, "¿Están abiertos?").await;
        }
        Self { organization, number, number_id }
    }

    async fn key(&self, world: &World, name: &str, scopes: &[KeyScope]) -> String {
        let new = NewKey { scopes, ..NewKey::whole(name) };
        world.key(&self.organization.scope, &new).await
    }

    /// The conversation with a customer.
    async fn conversation(&self, world: &World, customer: &str) -> Value {
        let all = world.conversations(&self.organization).await;
        let with = |one: &Value| one["contact"]["wa_id"] == customer;
        all.into_iter().find(with).unwrap_or_else(|| panic!("no conversation with {customer}"))
    }
}

impl Stage {
    async fn new() -> Self {
        let world = World::simulated().await;
        let mut numbers = world.meta().numbers().await;
        let (first, last) = (numbers.remove(0), numbers.pop().expect("several numbers"));
        assert_ne!(first.business_id, last.business_id);
        let acme = Tenant::new(&world, "Acme", first).await;
        let rival = Tenant::new(&world, "Rival", last).await;
        for tenant in [&acme, &rival] {
            world
                .until("the customers are known", async || world.conversations(&tenant.organization).await.len() == 2)
                .await;
        }
        Self { world, acme, rival }
    }
}

/// Begun once: to read the machine's certificates takes longer than a call. Tests have runtimes of their own, so nothing is kept open.
static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| e2e::outside::http().pool_max_idle_per_host(0).build().expect("a client"));

/// A call of the protocol as its oldest clients make it, without a library; answers status and JSON.
async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let mut all = HeaderMap::new();
    let usual = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2025-06-18"),
    ];
    for (name, value) in usual.iter().chain(headers) {
        let name: HeaderName = name.parse().expect("a header's name");
        all.insert(name, HeaderValue::from_str(value).expect("a header's value"));
    }
    let answer = CLIENT.post(format!("{url}/mcp")).headers(all).body(body.to_string()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The same of a key, which must be heard.
async fn ask(url: &str, key: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (status, answer) = post(url, &[("authorization", &format!("Bearer {key}"))], &body).await;
    assert_eq!(status, 200, "{method}: {answer}");
    answer
}

/// Calls a tool; answers its result, or the problem.
async fn call(url: &str, key: &str, tool: &str, arguments: Value) -> Result<Value, Value> {
    let answer = ask(url, key, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    let result = &answer["result"];
    let structured = &result["structuredContent"];
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{tool}: {answer}"));
    assert_eq!(serde_json::from_str::<Value>(text).expect("JSON, and nothing around it"), *structured);
    match result["isError"] == true {
        true => Err(structured["problem"].clone()),
        false => Ok(structured["result"].clone()),
    }
}
