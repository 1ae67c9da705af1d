//! An organization's endpoint that writes down what it hears, and answers as a test asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::wait::PATIENCE;

/// The word by which it is asked to prove itself.
pub const VERIFY_TOKEN: &str = "a-word-for-the-handshake";

/// How it answers one call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With this status and header.
    With(u16, &'static str, String),
    /// Never.
    Hang,
    /// After this long, with 200.
    Late(Duration),
    /// With 200 and a body that does not end.
    Endless,
}

/// A call that came.
#[derive(Clone, Debug)]
pub struct Told {
    /// As it came.
    pub bytes: Bytes,
    /// Its headers.
    pub headers: HeaderMap,
    /// When.
    pub at: Instant,
}

impl Told {
    /// Its JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a call is JSON")
    }

    /// A header, as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Inner {
    told: watch::Sender<Vec<Told>>,
    next: Mutex<VecDeque<Reply>>,
    usual: Mutex<Reply>,
}

/// The endpoint; it ends when dropped.
#[derive(Debug)]
pub struct Hook {
    url: String,
    inner: Arc<Inner>,
    _serving: JoinSet<()>,
}

impl Hook {
    /// Listens on a free port, and answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (told, next) = (watch::Sender::new(Vec::new()), Mutex::default());
        let inner = Arc::new(Inner { told, next, usual: Mutex::new(Reply::Status(200)) });
        let router = Router::new().route("/hook", get(handshake).post(hear)).with_state(inner.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, inner, _serving: serving }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next calls so, in order.
    pub fn next(&self, replies: &[Reply]) {
        self.inner.next.lock().unwrap_or_else(PoisonError::into_inner).extend(replies.iter().cloned());
    }

    /// Answers all other calls so.
    pub fn usually(&self, reply: Reply) {
        *self.inner.usual.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// What came so far.
    pub fn told(&self) -> Vec<Told> {
        self.inner.told.borrow().clone()
    }

    /// Waits until enough came.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Told]) -> bool) -> Vec<Told> {
        let mut told = self.inner.told.subscribe();
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(|told| enough(told))).await;
        match waited {
            Ok(Ok(told)) => told.clone(),
            _ => panic!("waited {PATIENCE:?} until {what}; came: {:#?}", self.told()),
        }
    }

    /// Waits until so many came.
    pub async fn until_count(&self, count: usize) -> Vec<Told> {
        self.until(&format!("{count} calls came"), |told| told.len() >= count).await
    }
}

async fn handshake(Query(asked): Query<std::collections::HashMap<String, String>>) -> (StatusCode, String) {
    let word = |name: &str| asked.get(name).cloned().unwrap_or_default();
    match word("hub.verify_token") == VERIFY_TOKEN && word("hub.mode") == "subscribe" {
        true => (StatusCode::OK, word("hub.challenge")),
        false => (StatusCode::FORBIDDEN, String::new()),
    }
}

async fn hear(State(inner): State<Arc<Inner>>, headers: HeaderMap, bytes: Bytes) -> Response {
    // Before anybody hears of the call: what they then say is for the next.
    let next = inner.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let reply = next.unwrap_or_else(|| inner.usual.lock().unwrap_or_else(PoisonError::into_inner).clone());
    inner.told.send_modify(|all| all.push(Told { bytes, headers, at: Instant::now() }));
    let status = |status| StatusCode::from_u16(status).expect("a status");
    match reply {
        Reply::Status(code) => (status(code), format!("answered {code}")).into_response(),
        Reply::With(code, name, value) => (status(code), [(name, value)], "").into_response(),
        Reply::Hang => std::future::pending().await,
        Reply::Late(after) => {
            tokio::time::sleep(after).await;
            StatusCode::OK.into_response()
        }
        Reply::Endless => {
            let piece = || Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 8192]));
            let body = axum::body::Body::from_stream(futures::stream::repeat_with(piece));
            (StatusCode::OK, body).into_response()
        }
    }
}
