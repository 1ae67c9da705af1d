//! Meta's door: the handshake, and signed bodies.
//!
//! No parsing that can fail stands before the 200: a bug in applying must never cost a message. The App, and with it
//! the secret, is chosen by the URL path, never by anything in the body.

mod door;

use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use bytes::Bytes;
use http_body_util::BodyExt;
use metrics::counter;
use model::apps::{Apps, answers_handshake};
use model::{Clock, inbound};
use secrecy::ExposeSecret;
use serde::Deserialize;
use tracing::Instrument;
use whatsapp::{signature, webhook};

use crate::budget::{Budget, Full, Growing, Held};
use crate::receive::{NotStored, Receiver};
use crate::serve::{Client, is_too_slow};

pub use door::REFUSED;

/// Meta sends up to 3 MB. <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks>
const LARGEST_BODY: usize = 4 << 20;

/// A body must have arrived after this long, however slowly its sender sends.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// What the webhook needs.
#[derive(Clone, Debug)]
pub struct Webhook {
    apps: Apps,
    receiver: Receiver,
    clock: Clock,
    budget: Budget,
    certified: bool,
}

impl Webhook {
    /// Checks with `apps`, hands on to `receiver`.
    pub fn new(apps: Apps, receiver: Receiver, clock: Clock) -> Self {
        Self { apps, receiver, clock, budget: Budget::default(), certified: false }
    }

    /// Takes calls with a client certificate alone; see [`Tls::ask`](crate::serve::Tls::ask).
    #[must_use]
    pub fn certified(self, certified: bool) -> Self {
        Self { certified, ..self }
    }
}

/// The routes Meta calls.
pub fn routes(webhook: Webhook) -> Router {
    let certified = webhook.certified;
    let routes = Router::new()
        .route("/webhook", get(handshake_default).post(receive_default))
        .route("/webhook/{app_id}", get(handshake_app).post(receive_app))
        .with_state(webhook);
    match certified {
        true => routes.layer(middleware::from_fn_with_state(door::Said::default(), door::guard)),
        false => routes,
    }
}

#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "hub.mode")]
    mode: Option<String>,
    #[serde(rename = "hub.challenge")]
    challenge: Option<String>,
    #[serde(rename = "hub.verify_token")]
    verify_token: Option<String>,
}

async fn handshake_default(
    State(webhook): State<Webhook>,
    query: Result<Query<Handshake>, QueryRejection>,
) -> Response {
    handshake(&webhook, None, query).await
}

async fn handshake_app(
    State(webhook): State<Webhook>,
    Path(id): Path<String>,
    query: Result<Query<Handshake>, QueryRejection>,
) -> Response {
    handshake(&webhook, Some(&id), query).await
}

/// Answers `hub.challenge` as the whole body, if the token is the App's.
async fn handshake(
    webhook: &Webhook,
    app_id: Option<&str>,
    query: Result<Query<Handshake>, QueryRejection>,
) -> Response {
    let refused = || (StatusCode::FORBIDDEN, "The verify token is not this App's.\n").into_response();
    let Ok(Query(Handshake { mode: Some(mode), challenge: Some(challenge), verify_token: Some(presented) })) = query
    else {
        return refused();
    };
    let known = || webhook.apps.of_path(app_id).map(|(_, app)| app).filter(|app| answers_handshake(app, &presented));
    if app_id.is_some() && known().is_none() {
        // A command may have added the App, or the token, a moment ago.
        webhook.apps.refresh().await;
    }
    let Some(app) = known().filter(|_| mode == "subscribe") else {
        return refused();
    };
    tracing::info!(app = app.id, "Meta verified the webhook");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], challenge)
        .into_response()
}

async fn receive_default(
    State(webhook): State<Webhook>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: HttpBody,
) -> Response {
    receive(&webhook, &client, None, (&headers, body)).await.into_response()
}

async fn receive_app(
    State(webhook): State<Webhook>,
    Path(id): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: HttpBody,
) -> Response {
    receive(&webhook, &client, Some(&id), (&headers, body)).await.into_response()
}

/// How a POST ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Stored,
    Unsigned,
    TooLarge,
    TooSlow,
    Broken,
    Busy,
    Away,
}

impl Answer {
    fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unsigned => "unsigned",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Broken => "broken",
            Self::Busy => "busy",
            Self::Away => "database_away",
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        counter!("wazapp_webhooks_total", "outcome" => self.name()).increment(1);
        match self {
            Self::Stored => StatusCode::OK.into_response(),
            Self::Unsigned => {
                (StatusCode::UNAUTHORIZED, "The signature is missing or is not this App's.\n").into_response()
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is over 4 MiB.\n").into_response(),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.\n").into_response(),
            Self::Broken => (StatusCode::BAD_REQUEST, "The body broke off.\n").into_response(),
            Self::Busy | Self::Away => {
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "Not stored: send it again.\n")
                    .into_response()
            }
        }
    }
}

async fn receive(
    webhook: &Webhook,
    client: &Client,
    path: Option<&str>,
    (headers, body): (&HeaderMap, HttpBody),
) -> Answer {
    let received_at = webhook.clock.now();
    // What is refused whatever its body is, is refused before a byte of it is read.
    let Some(signature) = single(headers, signature::HEADER).filter(|value| signature::is_well_formed(value)) else {
        return Answer::Unsigned;
    };
    if !is_known(&webhook.apps, path).await {
        return Answer::Unsigned;
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY) {
        return Answer::TooLarge;
    }
    let (bytes, _held) =
        match tokio::time::timeout(READ_WITHIN, read(webhook.budget.body(client, announced), body)).await {
            Ok(Ok(read)) => read,
            Ok(Err(answer)) => return answer,
            Err(_) => return Answer::TooSlow,
        };
    let Some(app_id) = check(&webhook.apps, path, signature, &bytes).await else {
        return Answer::Unsigned;
    };
    client.prove();

    let span = tracing::info_span!("webhook", app = app_id.as_deref(), bytes = bytes.len());
    let lane = webhook.apps.lanes(app_id.as_deref()).lane(webhook::peek_phone_number_id(&bytes));
    let stored =
        webhook.receiver.receive(inbound::Body { lane, app_id, bytes, received_at }).instrument(span.clone()).await;
    match stored {
        Ok(()) => {
            tracing::debug!(parent: &span, lane, "stored");
            Answer::Stored
        }
        Err(NotStored::QueueFull) => Answer::Busy,
        Err(NotStored::DatabaseAway) => Answer::Away,
    }
}

/// A header that must stand exactly once: of two it would be anyone's guess which was meant.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// Whether an App has this path; one that is not known may have been added a moment ago.
async fn is_known(apps: &Apps, path: Option<&str>) -> bool {
    apps.of_path(path).is_some() || (apps.refresh().await && apps.of_path(path).is_some())
}

/// Reads the body within its limits; its memory is accounted for while it is held.
async fn read(mut growing: Growing, mut body: HttpBody) -> Result<(Bytes, Held), Answer> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| if is_too_slow(&error) { Answer::TooSlow } else { Answer::Broken })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if growing.len() + data.len() > LARGEST_BODY {
            return Err(Answer::TooLarge);
        }
        growing.push(&data).await.map_err(|Full| Answer::Busy)?;
    }
    Ok(growing.end())
}

/// The App that signed the body, as rows carry it. A wrong signature is checked again after looking for new secrets.
async fn check(apps: &Apps, path: Option<&str>, signature: &[u8], body: &[u8]) -> Option<Option<String>> {
    for attempt in 0..2 {
        if let Some((app_id, app)) = apps.of_path(path) {
            let secrets = app.secrets.iter().map(|secret| secret.expose_secret());
            if signature::verify(secrets, Some(signature), body) {
                return Some(app_id);
            }
        }
        let changes_live = path.is_some();
        if attempt > 0 || !changes_live || !apps.refresh().await {
            return None;
        }
    }
    None
}
