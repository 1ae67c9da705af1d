//! Everything that answers HTTP.
//!
//! [`webhook`] is Meta's door, with [`receive`] behind it; [`api`] is for organizations' programs, `graph` for those that
//! were written for Meta, [`health`] for operators; [`serve`] accepts the connections.

pub mod api;
mod form;
mod graph;
pub mod health;
mod media;
pub mod problem;
pub mod receive;
mod sending;
pub mod serve;
pub mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use model::apps::Apps;
use model::outbox::Wake;
use model::secret::Keyring;
use model::store::Store;
use model::{Clock, Database};
use tokio_util::sync::CancellationToken;
use whatsapp::graph::Graph;

use crate::health::Health;
use crate::webhook::Webhook;

/// What handlers share.
#[derive(Clone, Debug)]
pub struct State {
    /// PostgreSQL, opened a transaction at a time.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// Meta.
    pub graph: Graph,
    /// Seals what people bring, opens a number's token where a call is made.
    pub keyring: Keyring,
    /// Meta Apps.
    pub apps: Apps,
    /// Rung when a message was queued.
    pub wake: Arc<Wake>,
    /// Rung when an attempt to connect a number was begun or resumed.
    pub connecting: Arc<Wake>,
    /// Rung when somebody was read.
    pub receipt_wake: Arc<Wake>,
    /// Cancelled when the server stops: who waits for something to come to its end answers how far it is.
    pub stopping: CancellationToken,
    /// Signs of somebody writing that are under way.
    pub typing: api::Typing,
    /// Rung when there is a file to fetch, or a picture.
    pub media_wake: Arc<Wake>,
    /// The bytes of media.
    pub store: Store,
    /// What others call this server, such as `https://wa.example.com`.
    pub public_url: String,
    /// This server's version.
    pub version: &'static str,
}

/// Every route of this server.
pub fn router(state: State, webhook: Webhook, health: Health) -> Router {
    Router::new()
        // Until there is an inbox, the page to read is the API's.
        .route("/", get(async || Redirect::temporary("/docs")).fallback_service(graph::router(state.clone())))
        .merge(webhook::routes(webhook))
        .merge(health::routes(health))
        // Asked last: its paths begin with any version.
        .fallback_service(graph::router(state.clone()))
        .merge(api::router(state))
}
