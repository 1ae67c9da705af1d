//! For operators: alive, ready, metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics::gauge;
use model::database::DatabaseError;
use model::inbound::Backlog;
use model::secret::{Keyring, ring};
use model::{Database, migrate, restoration};

use crate::receive::Receiver;

/// A database that confirms nothing for so long is called away.
const HELD_UP: Duration = Duration::from_secs(3);

/// What the operators' pages need.
#[derive(Clone)]
pub struct Health {
    /// Asked whether it answers.
    pub database: Database,
    /// Has the keys that secrets are sealed with.
    pub keyring: Keyring,
    /// Asked how much waits for a commit.
    pub receiver: Receiver,
    /// Asked how much waits to be applied.
    pub backlog: Arc<Backlog>,
    /// Renders the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

/// `/livez`, `/readyz`, `/metrics`: all there is to know.
pub fn routes(health: Health) -> Router {
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// The same where anybody may ask, because operators ask elsewhere: yes or no.
pub fn public_routes(health: Health) -> Router {
    Router::new().route("/livez", get(alive)).route("/readyz", get(ready_or_not)).with_state(health)
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready_or_not(health: State<Health>) -> Response {
    let status = ready(health).await.status();
    (status, if status.is_success() { "ready\n" } else { "not ready\n" }).into_response()
}

/// Able to serve: the database answers, takes what is written, its schema is ours, its roles are held apart, and our keys open it.
async fn ready(State(health): State<Health>) -> Response {
    let not_ready = |says: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {says}\n")).into_response();
    match migrate::is_current(&health.database).await {
        Ok(true) if health.receiver.held_up() > HELD_UP => not_ready(&format!(
            "the database has confirmed nothing for {} s, so webhooks are answered 503; one with a synchronous standby waits for that",
            health.receiver.held_up().as_secs()
        )),
        Ok(true) => match standing(&health).await {
            Standing { lacks: Some(says), .. } => not_ready(&says),
            Standing { held: true, .. } => {
                "ready, and held: restored from a backup, it sends nothing until wazapp restore release\n"
                    .into_response()
            }
            Standing { held: false, .. } => "ready\n".into_response(),
        },
        Ok(false) => not_ready("the schema is older than this version; run wazapp migrate"),
        Err(DatabaseError::Unfit(says)) => not_ready(&says),
        Err(DatabaseError::OnlyReads) => {
            not_ready("the database is a standby, which only reads; wazapp goes on once one that leads is reached")
        }
        Err(error) => {
            tracing::debug!(%error, "not ready");
            not_ready("the database does not answer")
        }
    }
}

/// What else a database that answers is.
#[derive(Default)]
struct Standing {
    /// Of a backup, and not released.
    held: bool,
    /// What is said where secrets are sealed with a key that is not here.
    lacks: Option<String>,
}

/// Where that cannot be asked, it is not said.
async fn standing(health: &Health) -> Standing {
    let Ok(tx) = health.database.operator().await else { return Standing::default() };
    let (held, noted) = (restoration::held(&tx).await, ring::noted(&tx).await);
    tx.close();
    Standing {
        held: held.is_ok_and(|held| held.is_some()),
        lacks: noted.ok().and_then(|noted| ring::lacks(&health.keyring, &noted)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of connections are small")]
async fn metrics(State(health): State<Health>) -> Response {
    let usage = health.database.usage();
    gauge!("wazapp_database_connections", "pool" => "web", "state" => "in_use").set(usage.web_in_use as f64);
    gauge!("wazapp_database_connections", "pool" => "web", "state" => "open").set(usage.web_open as f64);
    gauge!("wazapp_database_connections", "pool" => "worker", "state" => "in_use").set(usage.worker_in_use as f64);
    gauge!("wazapp_database_connections", "pool" => "worker", "state" => "open").set(usage.worker_open as f64);
    gauge!("wazapp_inbound_waiting").set(f64::from(health.backlog.total()));
    gauge!("wazapp_receive_queue").set(health.receiver.waiting() as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (health.metrics)()).into_response()
}
