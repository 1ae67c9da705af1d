//! `/_sim/*`: what tests and people steer the simulator with.

pub(crate) mod customers;
mod signup;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::engine::Meta;
use crate::faults::Fault;
use crate::webhook::{self, FIELDS};
use crate::world::{Callback, Subscription};

/// The routes below `/_sim`.
pub(crate) fn router() -> Router<Arc<Meta>> {
    Router::new()
        .route("/state", get(state))
        .route("/messages", post(messages))
        .route("/accepted", get(accepted))
        .route("/ledger", get(ledger))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/batching", post(set_batching))
        .route("/clock", get(clock).post(set_clock))
        .route("/callback", post(callback))
        .merge(signup::router())
        .merge(customers::router())
        .route("/templates/{id}", post(template))
}

/// A request that can't be done, in words.
pub(crate) struct Mistake(StatusCode, String);

impl Mistake {
    pub(crate) fn bad(why: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, why.into())
    }

    pub(crate) fn not_found(why: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, why.into())
    }

    pub(crate) fn conflict(why: impl Into<String>) -> Self {
        Self(StatusCode::CONFLICT, why.into())
    }
}

impl IntoResponse for Mistake {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({ "error": self.1 }))).into_response()
    }
}

/// A body of JSON, whatever its content type says.
pub(crate) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Mistake> {
    serde_json::from_slice(body).map_err(|error| Mistake::bad(format!("the body can't be read: {error}")))
}

async fn state(State(meta): State<Arc<Meta>>) -> axum::Json<Value> {
    let now = meta.clock.now();
    let world = meta.world();
    let app = world.apps.values().next();
    let subscription = app.and_then(|app| app.subscription.as_ref());
    let businesses = world.businesses.values().map(|business| {
        let wabas = world.wabas.values().filter(|waba| waba.business_id == business.id).map(|waba| {
            let numbers = world.numbers.values().filter(|number| number.waba_id == waba.id).map(|number| {
                json!({
                    "phone_number_id": number.id, "display_phone_number": number.digits,
                    "verified_name": number.verified_name, "registered": number.registered,
                    "code": number.code,
                })
            });
            json!({
                "id": waba.id, "name": waba.name, "token": world.token_of(&waba.id),
                "subscribed_apps": waba.subscribed.keys().collect::<Vec<_>>(), "numbers": numbers.collect::<Vec<_>>(),
            })
        });
        json!({ "id": business.id, "name": business.name, "wabas": wabas.collect::<Vec<_>>() })
    });
    axum::Json(json!({
        "app": app.map(|app| json!({
            "id": app.id, "secret": app.secret,
            "verify_token": subscription.map(|subscription| &subscription.callback.verify_token),
        })),
        "callback_url": subscription.map(|subscription| &subscription.callback.url),
        "businesses": businesses.collect::<Vec<_>>(),
        "clock": { "now": now, "speed": meta.clock.speed() },
        "settled": world.outgoing.is_empty() && world.ledger.settled(),
    }))
}

/// A customer writes: who is not known yet is made.
async fn messages(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let mut message: Map<String, Value> = read(&body)?;
    let mut take = |name: &str| match message.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let number = take("phone_number_id").ok_or_else(|| Mistake::bad("phone_number_id says which number hears it"))?;
    let from = take("from").ok_or_else(|| Mistake::bad("from says who writes: digits, a user id or a username"))?;
    let name = take("profile_name");
    let now = meta.clock.now();
    let mut world = meta.world();
    if !world.numbers.contains_key(&number) {
        return Err(Mistake::not_found(format!("there is no number {number}; GET /_sim/state lists them")));
    }
    let message = world.complete(&number, message, now).map_err(Mistake::bad)?;
    let customer = world.customer_writing(&number, &from, name.as_deref());
    match world.customer_sends(&number, &customer, message, now) {
        Some(wamid) => Ok(axum::Json(json!({ "id": wamid, "customer": customer }))),
        None => Err(Mistake(StatusCode::CONFLICT, "the number blocks this customer: nobody hears it".into())),
    }
}

#[derive(Deserialize)]
struct OfNumber {
    phone_number_id: Option<String>,
}

async fn accepted(State(meta): State<Arc<Meta>>, Query(of): Query<OfNumber>) -> axum::Json<Value> {
    let world = meta.world();
    let wanted = |number: &str| of.phone_number_id.as_deref().is_none_or(|id| id == number);
    let rows: Vec<_> = world.accepted.iter().filter(|row| wanted(&row.phone_number_id)).collect();
    axum::Json(json!({ "data": rows }))
}

async fn ledger(State(meta): State<Arc<Meta>>, Query(of): Query<OfNumber>) -> axum::Json<Value> {
    axum::Json(meta.world().ledger.show(of.phone_number_id.as_deref()))
}

async fn faults(State(meta): State<Arc<Meta>>) -> axum::Json<Value> {
    axum::Json(json!({ "data": meta.world().faults.all() }))
}

async fn add_faults(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let faults: Vec<Fault> = match read::<Value>(&body)? {
        list @ Value::Array(_) => serde_json::from_value(list),
        one => serde_json::from_value(one).map(|one| vec![one]),
    }
    .map_err(|error| Mistake::bad(error.to_string()))?;
    if let Some(why) = faults.iter().find_map(Fault::mistake) {
        return Err(Mistake::bad(why));
    }
    let mut world = meta.world();
    world.faults.add(faults);
    Ok(axum::Json(json!({ "data": world.faults.all() })))
}

async fn clear_faults(State(meta): State<Arc<Meta>>) -> axum::Json<Value> {
    meta.world().faults.clear();
    axum::Json(json!({ "success": true }))
}

async fn clock(State(meta): State<Arc<Meta>>) -> axum::Json<Value> {
    axum::Json(json!({ "now": meta.clock.now(), "speed": meta.clock.speed() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    speed: Option<f64>,
    advance: Option<String>,
}

async fn set_clock(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let set: SetClock = read(&body)?;
    if let Some(speed) = set.speed {
        if !(speed > 0.0 && speed <= 1e7) {
            return Err(Mistake::bad("speed is above 0, and at most 10000000"));
        }
        meta.clock.set_speed(speed);
    }
    if let Some(text) = &set.advance {
        let by = text.parse::<SignedDuration>().ok().and_then(|by| Duration::try_from(by).ok());
        let by = by.ok_or_else(|| Mistake::bad("advance is a time ahead, as \"24h\" or \"90s\""))?;
        meta.leap(by);
    }
    Ok(clock(State(meta)).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBatching {
    share: f64,
}

/// Receivers that read only the first update of a POST want each alone, as Meta may well send them.
async fn set_batching(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let set: SetBatching = read(&body)?;
    if !(0.0..=1.0).contains(&set.share) {
        return Err(Mistake::bad("share is from 0 to 1"));
    }
    meta.world().batching = set.share;
    Ok(axum::Json(json!({ "share": set.share })))
}

#[derive(Deserialize)]
struct SetCallback {
    url: String,
    verify_token: String,
}

async fn callback(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let set: SetCallback = read(&body)?;
    subscribe(&meta, &set.url, &set.verify_token).await.map_err(Mistake::bad)?;
    Ok(axum::Json(json!({ "success": true })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToTemplate {
    /// As in `message_template_status_update` (§7).
    event: Option<String>,
    /// Of a rejection.
    reason: Option<String>,
    quality: Option<String>,
    category: Option<String>,
}

/// Something happens to a template: an event, another quality, another category.
async fn template(
    State(meta): State<Arc<Meta>>,
    axum::extract::Path(id): axum::extract::Path<String>,
    body: bytes::Bytes,
) -> Result<axum::Json<Value>, Mistake> {
    let told: ToTemplate = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    if !world.templates.contains_key(&id) {
        return Err(Mistake::not_found(format!("there is no template {id}")));
    }
    if told.event.is_none() && told.quality.is_none() && told.category.is_none() {
        return Err(Mistake::bad("event, quality or category says what happens"));
    }
    if let Some(quality) = &told.quality {
        world.template_quality(&id, quality, now).map_err(Mistake::bad)?;
    }
    if let Some(category) = &told.category {
        world.template_category(&id, category, now).map_err(Mistake::bad)?;
    }
    if let Some(event) = &told.event {
        world.template_event(&id, event, told.reason.as_deref(), now).map_err(Mistake::bad)?;
    }
    Ok(axum::Json(json!({ "success": true })))
}

/// Shakes hands with a callback, and delivers there from now on.
pub(crate) async fn subscribe(meta: &Meta, url: &str, verify_token: &str) -> Result<(), String> {
    let challenge = meta.world().chance.between(1_000_000_000, 2_000_000_000).to_string();
    let shaken = webhook::handshake(&meta.client, url, verify_token, &challenge).await;
    shaken.map_err(|error| error.message.unwrap_or(error.title))?;
    let mut world = meta.world();
    let app = world.apps.values_mut().next().ok_or("there is no App")?;
    app.subscription = Some(Subscription {
        callback: Callback { url: url.to_owned(), verify_token: verify_token.to_owned() },
        fields: FIELDS.iter().map(|field| (*field).to_owned()).collect(),
    });
    Ok(())
}
