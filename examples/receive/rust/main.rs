//! Hears what happens in your WhatsApp organization:  `WAZAPP_SECRET=whsec_… cargo run`
//! The secret is the one that was shown when the endpoint was made.

use std::collections::{HashSet, VecDeque};
use std::env;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, State};
use axum::{Router, body::Bytes, http::HeaderMap, http::StatusCode, routing::post};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// More than any call has: nobody who is not wazapp has us keep what they like.
const MOST: usize = 8 << 20;

struct Hook {
    key: Vec<u8>,
    /// The newest ids that came. Keep them in a table, as a unique column, where a restart must not forget them.
    known: Mutex<(HashSet<String>, VecDeque<String>)>,
    queue: UnboundedSender<Value>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret =
        env::var("WAZAPP_SECRET").map_err(|_| "WAZAPP_SECRET is not set: it is the endpoint's secret, whsec_…")?;
    let key = BASE64.decode(secret.trim_start_matches("whsec_").as_bytes())?;
    let (queue, mut waiting) = unbounded_channel::<Value>();
    tokio::spawn(async move {
        while let Some(told) = waiting.recv().await {
            // An endpoint that gathers tells several at once.
            let events = if told["type"] == "events" { told["events"].as_array() } else { None };
            events.map_or(std::slice::from_ref(&told), Vec::as_slice).iter().for_each(work);
        }
    });
    let hook = Arc::new(Hook { key, known: Mutex::default(), queue });
    let hook = Router::new().route("/", post(hear)).layer(DefaultBodyLimit::max(MOST)).with_state(hook);
    let port: u16 = env::var("PORT").map_or(Ok(8000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, hook).await?)
}

/// What you do with an event.
fn work(event: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    println!("{} {}: {}", text(&event["type"]), text(&event["id"]), text(&event["data"]["text"]));
}

/// The signature is over the bytes as they came: JSON that is read and written again has others.
async fn hear(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Some(id) = hook.signed(&headers, &body) else { return StatusCode::UNAUTHORIZED };
    let Ok(told) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    // Acknowledged first, worked on by the task: an answer within 15 seconds means that you have it.
    if hook.is_new(id) && hook.queue.send(told).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::ACCEPTED
}

impl Hook {
    /// Standard Webhooks: the call's id, if our secret made one of its signatures within the last five minutes.
    fn signed<'a>(&self, headers: &'a HeaderMap, body: &[u8]) -> Option<&'a str> {
        let [id, at, signatures] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| headers.get(name)?.to_str().ok());
        let (id, at) = (id?, at?);
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().ok()?.as_secs()).ok()?;
        if now.abs_diff(at.parse().ok()?) > 300 {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        // While a secret is changed, the one before signs too. `verify_slice` compares in constant time.
        let mut said =
            signatures?.split(' ').filter_map(|text| BASE64.decode(text.strip_prefix("v1,")?.as_bytes()).ok());
        said.any(|signature| mac.clone().verify_slice(&signature).is_ok()).then_some(id)
    }

    /// Whether a call came for the first time: one whose answer was lost comes again, under the same id.
    fn is_new(&self, id: &str) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (ids, order) = &mut *known;
        if !ids.insert(id.to_owned()) {
            return false;
        }
        order.push_back(id.to_owned());
        if order.len() > 10_000
            && let Some(oldest) = order.pop_front()
        {
            ids.remove(&oldest);
        }
        true
    }
}
