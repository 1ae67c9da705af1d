//! A callback of Meta's or an organization's endpoint: writes down what it is told, and answers as a test asks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use whatsapp::signature;

use crate::wait::PATIENCE;

/// The word by which it is asked to prove itself.
pub const VERIFY_TOKEN: &str = "a-word-that-proves-the-callback";

/// How it answers one call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With this status and header.
    With(u16, &'static str, String),
    /// Never.
    Hang,
    /// After this long, with this status.
    Late(Duration, u16),
    /// With 200 and a body that does not end.
    Endless,
    /// With this status, and a body that breaks off.
    BreaksOff(u16),
}

/// A call that came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// As it came.
    pub bytes: Bytes,
    /// Its headers.
    pub headers: HeaderMap,
    /// When.
    pub at: Instant,
    /// What was answered; 0: nothing.
    pub status: u16,
    /// Its JSON.
    pub body: Value,
}

impl Heard {
    /// A header, as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The values in a body of Meta's, in order.
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
    secret: Option<String>,
    heard: watch::Sender<Vec<Heard>>,
    next: Mutex<VecDeque<Reply>>,
    usual: Mutex<Reply>,
}

/// The callback; it ends when dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    inner: Arc<Inner>,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// Listens on a free port, and answers 200 to what is signed as Meta signs, with this secret.
    pub async fn start(secret: &str) -> Self {
        Self::listen(Some(secret.to_owned())).await
    }

    /// Listens on a free port, and answers 200 to whatever comes.
    pub async fn open() -> Self {
        Self::listen(None).await
    }

    async fn listen(secret: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/webhook", listener.local_addr().expect("an address"));
        let (heard, next) = (watch::Sender::new(Vec::new()), Mutex::default());
        let inner = Arc::new(Inner { secret, heard, next, usual: Mutex::new(Reply::Status(200)) });
        let router = Router::new().route("/webhook", get(handshake).post(hear)).with_state(inner.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, inner, _serving: serving }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next calls so, in order.
    pub fn reply_next(&self, replies: &[Reply]) {
        self.inner.next.lock().unwrap_or_else(PoisonError::into_inner).extend(replies.iter().cloned());
    }

    /// Answers all other calls so.
    pub fn reply_usually(&self, reply: Reply) {
        *self.inner.usual.lock().unwrap_or_else(PoisonError::into_inner) = reply;
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

    /// Waits until so many came.
    pub async fn until_count(&self, count: usize) -> Vec<Heard> {
        self.until(&format!("{count} calls came"), |heard| heard.len() >= count).await
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

async fn handshake(Query(asked): Query<HashMap<String, String>>) -> (StatusCode, String) {
    let word = |name: &str| asked.get(name).cloned().unwrap_or_default();
    match word("hub.verify_token") == VERIFY_TOKEN && word("hub.mode") == "subscribe" {
        true => (StatusCode::OK, word("hub.challenge")),
        false => (StatusCode::FORBIDDEN, String::new()),
    }
}

async fn hear(State(inner): State<Arc<Inner>>, headers: HeaderMap, bytes: Bytes) -> Response {
    let signed = headers.get(signature::HEADER).map(|value| value.as_bytes());
    if inner.secret.as_deref().is_some_and(|secret| !signature::verify([secret], signed, &bytes)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // Before anybody hears of the call: what they then say is for the next.
    let next = inner.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let reply = next.unwrap_or_else(|| inner.usual.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let code = match reply {
        Reply::Status(code) | Reply::With(code, ..) | Reply::Late(_, code) | Reply::BreaksOff(code) => code,
        Reply::Endless => 200,
        Reply::Hang => 0,
    };
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let heard = Heard { bytes, headers, at: Instant::now(), status: code, body };
    inner.heard.send_modify(|all| all.push(heard));
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
    let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 8192]));
    match reply {
        Reply::Status(_) => (status, format!("answered {code}")).into_response(),
        Reply::With(_, name, value) => (status, [(name, value)], "").into_response(),
        Reply::Hang => std::future::pending().await,
        Reply::Late(after, _) => {
            tokio::time::sleep(after).await;
            status.into_response()
        }
        Reply::Endless => (status, axum::body::Body::from_stream(futures::stream::repeat_with(piece))).into_response(),
        Reply::BreaksOff(_) => {
            // Behind what has left by then.
            let breaks = futures::stream::once(async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("it breaks off"))
            });
            let body = futures::stream::once(async move { piece() }).chain(breaks);
            (status, axum::body::Body::from_stream(body)).into_response()
        }
    }
}
