//! What tests of a running simulator share: one on a free port, calls of it, and an App that hears its webhooks.

#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde_json::{Value, json};
use simulator::{Options, Simulator};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A simulator, and one of its accounts.
pub(crate) struct Laptop {
    pub(crate) simulator: Simulator,
    pub(crate) client: reqwest::Client,
    pub(crate) app_id: String,
    pub(crate) waba: String,
    pub(crate) number: String,
    pub(crate) token: String,
    /// The other account's first number and token.
    pub(crate) other: (String, String),
}

/// An answer: its status, and its body as JSON, or as a string of what was no JSON.
pub(crate) type Answered = (u16, Value);

#[expect(clippy::disallowed_methods, reason = "the one place where these tests begin an HTTP client")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

impl Laptop {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let simulator = Simulator::start(Options { seed: 7, ..Options::default() }, listener).expect("it starts");
        let client = http().user_agent("tests").build().expect("a client");
        let asked = client.get(format!("{}/_sim/state", simulator.url())).send().await.expect("an answer");
        let state: Value = serde_json::from_str(&asked.text().await.expect("a body")).expect("JSON");
        let word = |value: &Value| value.as_str().expect("a string").to_owned();
        let waba = |index: usize| state["businesses"][index]["wabas"][0].clone();
        let number = |index: usize| word(&waba(index)["numbers"][0]["phone_number_id"]);
        Self {
            app_id: word(&state["app"]["id"]),
            waba: word(&waba(0)["id"]),
            number: number(0),
            token: word(&waba(0)["token"]),
            other: (number(1), word(&waba(1)["token"])),
            simulator,
            client,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/v26.0/{path}", self.simulator.url())
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        answered(self.client.get(self.url(path)).bearer_auth(&self.token)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answered {
        answered(self.client.delete(self.url(path)).bearer_auth(&self.token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        let request = self.client.post(self.url(path)).bearer_auth(&self.token);
        answered(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// Steers the simulator; it must say yes.
    pub(crate) async fn sim(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}/_sim/{path}", self.simulator.url())).body(body.to_string());
        let (status, answer) = answered(request).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) async fn advance(&self, by: &str) {
        self.sim("clock", json!({ "advance": by })).await;
    }
}

pub(crate) async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// An App's callback that keeps what it hears.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    heard: Arc<Mutex<Vec<Value>>>,
    news: Arc<Notify>,
}

impl Receiver {
    /// Listens, and has the simulator deliver here.
    pub(crate) async fn start(laptop: &Laptop) -> Self {
        let (receiver, url) = Self::listen().await;
        laptop.sim("callback", json!({ "url": url, "verify_token": "word" })).await;
        receiver
    }

    /// Listens, for callbacks that are set through the Graph API; answers its URL too.
    pub(crate) async fn listen() -> (Self, String) {
        let receiver = Self::default();
        let router = Router::new().route("/hook", get(shake).post(hear)).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    /// Waits for a change of this field that fits; answers it with its entry's id and time.
    pub(crate) async fn hears(&self, field: &str, fits: impl Fn(&Value) -> bool) -> (Value, Value, Value) {
        let heard = async {
            loop {
                let news = self.news.notified();
                if let Some(found) = self.find(field, &fits) {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard)
            .await
            .unwrap_or_else(|_| panic!("no {field} that fits in {:#?}", self.heard.lock().expect("no holder panics")))
    }

    /// Waits until a message has this status; answers all that were told of it, in the order they came.
    pub(crate) async fn hears_status(&self, wamid: &str, status: &str) -> Vec<Value> {
        let of_message = |value: &Value| {
            let rows = value["statuses"].as_array().cloned().unwrap_or_default();
            rows.into_iter().filter(|row| row["id"] == wamid).collect::<Vec<_>>()
        };
        self.hears("messages", |value| of_message(value).iter().any(|row| row["status"] == status)).await;
        let heard = self.heard.lock().expect("no holder panics");
        let entries = heard.iter().flat_map(|body| body["entry"].as_array().into_iter().flatten());
        let changes = entries.flat_map(|entry| entry["changes"].as_array().into_iter().flatten());
        changes.flat_map(|change| of_message(&change["value"])).collect()
    }

    fn find(&self, field: &str, fits: impl Fn(&Value) -> bool) -> Option<(Value, Value, Value)> {
        let heard = self.heard.lock().expect("no holder panics");
        let entries = heard.iter().flat_map(|body| body["entry"].as_array().into_iter().flatten());
        let mut changes = entries
            .flat_map(|entry| entry["changes"].as_array().into_iter().flatten().map(move |change| (entry, change)));
        let (entry, change) = changes.find(|(_, change)| change["field"] == field && fits(&change["value"]))?;
        Some((change["value"].clone(), entry["id"].clone(), entry["time"].clone()))
    }
}

async fn shake(Query(asked): Query<std::collections::HashMap<String, String>>) -> String {
    asked.get("hub.challenge").cloned().unwrap_or_default()
}

async fn hear(State(receiver): State<Receiver>, body: axum::body::Bytes) {
    let body = serde_json::from_slice(&body).expect("webhooks are JSON");
    receiver.heard.lock().expect("no holder panics").push(body);
    receiver.news.notify_waiters();
}
