//! An App's callback that writes down what it hears, and answers as a test asks.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use whatsapp::signature;

use crate::wait::PATIENCE;

/// Answers the handshake.
pub const VERIFY_TOKEN: &str = "a word that proves the callback";

/// A body that came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// As it came.
    pub bytes: Bytes,
    /// When.
    pub at: Instant,
    /// What was answered.
    pub status: u16,
    /// Its JSON.
    pub body: Value,
}

impl Heard {
    /// The values in it, in order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.body["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|entry| entry["changes"].as_array().into_iter().flatten())
            .map(|change| &change["value"])
    }
}

#[derive(Debug)]
struct Inner {
    secret: String,
    heard: watch::Sender<Vec<Heard>>,
    answers: Mutex<Vec<u16>>,
}

/// The callback; it ends when dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    inner: Arc<Inner>,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// Listens on a free port; a body that is not signed with the secret fails the test.
    pub async fn start(secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/webhook", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner {
            secret: secret.to_owned(),
            heard: watch::Sender::new(Vec::new()),
            answers: Mutex::new(Vec::new()),
        });
        let router = Router::new().route("/webhook", get(handshake).post(hear)).with_state(inner.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, inner, _serving: serving }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next bodies with these statuses, in order; after them, and without, 200.
    pub fn answer_next(&self, statuses: &[u16]) {
        let mut answers = self.inner.answers.lock().expect("no holder panics");
        *answers = statuses.iter().rev().copied().collect();
    }

    /// What came so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.inner.heard.borrow().clone()
    }

    /// Waits until enough came.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        let mut heard = self.inner.heard.subscribe();
        let waited = tokio::time::timeout(PATIENCE, heard.wait_for(|heard| enough(heard))).await;
        match waited {
            Ok(Ok(heard)) => heard.clone(),
            _ => panic!("waited {PATIENCE:?} until {what}; came: {:#?}", self.heard()),
        }
    }

    /// Messages and statuses heard, as (wamid, what): `message`, or the status.
    pub fn told(&self) -> Vec<(String, String)> {
        told(&self.heard())
    }

    /// Waits until all of these were heard.
    pub async fn until_told(&self, wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        let heard = self
            .until(&format!("{wanted:?} was told"), |heard| {
                let told = told(heard);
                wanted.iter().all(|(wamid, what)| told.iter().any(|(id, word)| id == wamid && word == what))
            })
            .await;
        told(&heard)
    }
}

fn told(heard: &[Heard]) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for value in heard.iter().flat_map(Heard::values) {
        for (list, what) in [("messages", None), ("statuses", Some("status"))] {
            for row in value[list].as_array().into_iter().flatten() {
                let word = what.map_or("message", |key| row[key].as_str().unwrap_or_default());
                told.push((row["id"].as_str().unwrap_or_default().to_owned(), word.to_owned()));
            }
        }
    }
    told
}

async fn handshake(Query(asked): Query<std::collections::HashMap<String, String>>) -> (StatusCode, String) {
    let word = |name: &str| asked.get(name).cloned().unwrap_or_default();
    match word("hub.verify_token") == VERIFY_TOKEN && word("hub.mode") == "subscribe" {
        true => (StatusCode::OK, word("hub.challenge")),
        false => (StatusCode::FORBIDDEN, String::new()),
    }
}

async fn hear(State(inner): State<Arc<Inner>>, headers: HeaderMap, bytes: Bytes) -> StatusCode {
    let signed = headers.get(signature::HEADER).map(|value| value.as_bytes());
    if !signature::verify([inner.secret.as_str()], signed, &bytes) {
        return StatusCode::UNAUTHORIZED;
    }
    let status = inner.answers.lock().expect("no holder panics").pop().unwrap_or(200);
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let heard = Heard { bytes, at: Instant::now(), status, body };
    inner.heard.send_modify(|all| all.push(heard));
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
