//! Everything that answers HTTP.
//!
//! [`webhook`] is Meta's door, with [`receive`] behind it; [`api`] is for organizations' programs, `graph` for those that
//! were written for Meta, [`mcp`] for assistants, `live` for who follows what happens, [`health`] for operators; [`serve`]
//! accepts the connections.
//! For people there are pages: `pages` is what they share, `account`, `settings` and `inbox` are the rooms.

mod account;
pub mod api;
mod behind;
mod blocking;
mod budget;
mod cookie;
mod form;
mod graph;
pub mod health;
mod inbox;
mod key;
mod language;
mod letter;
mod live;
pub mod mcp;
mod media;
mod outside;
mod pages;
mod passkey;
pub mod problem;
mod provider;
pub mod receive;
mod request_id;
mod second_factor;
mod sending;
pub mod serve;
mod server;
mod session;
mod settings;
pub mod webhook;

pub use key::Desk;
pub use letter::Letters;
pub use live::Live;
pub use provider::{JoinRule, NoRule, Provider, ProviderSettings};
pub use request_id::{ROUTE, STATUS};
pub use sending::Gathering;
pub use session::{SetUpCode, SignInLink};

use std::sync::Arc;

use axum::response::Redirect;
use axum::routing::get;
use axum::{Router, middleware};
use guard::Guard;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use model::apps::Apps;
use model::outbox::Wake;
use model::secret::Keyring;
use model::store::Store;
use model::user::Passwords;
use model::{Clock, Database};
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;
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
    /// Calls addresses that organizations choose.
    pub guard: Guard,
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
    /// Hashes and verifies people's passwords.
    pub passwords: Passwords,
    /// By which the first person sets this server up.
    pub set_up: SetUpCode,
    /// Signs the visitor of a demo in.
    pub sign_in_link: Option<SignInLink>,
    /// By which people may sign in; most servers have none.
    pub provider: Option<Provider>,
    /// What organizations have under way.
    pub desk: Desk,
    /// What is being queued.
    pub gathering: Gathering,
    /// Who follows the event logs.
    pub live: Live,
    /// Signs of somebody writing that are under way.
    pub typing: api::Typing,
    /// Whether mail is sent here.
    pub mails: bool,
    /// Rung when there is some to send.
    pub mail_wake: Arc<Wake>,
    /// Rung when there is a file to fetch, or a picture.
    pub media_wake: Arc<Wake>,
    /// The bytes of media.
    pub store: Store,
    /// What others call this server, such as `https://wa.example.com`.
    pub public_url: String,
    /// This server's version.
    pub version: &'static str,
}

/// What no answer of ours lets a browser do, where it does not say otherwise itself.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Browsers that came by HTTPS stay with it for a year.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Every route of this server. `operators` have an address of their own, or all may see what is theirs.
pub fn router(state: State, webhook: Webhook, health: Health, operators: bool) -> Router {
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let https = state.public_url.starts_with("https://").then(|| HeaderValue::from_static(HTTPS_ONLY));
    let api = api::router(state.clone());
    Router::new()
        .route("/", get(async || Redirect::to("/inbox")).fallback_service(graph::router(state.clone())))
        .merge(webhook::routes(webhook))
        .merge(if operators { health::public_routes(health) } else { health::routes(health) })
        // Asked last: its paths begin with any version.
        .fallback_service(graph::router(state.clone()))
        .merge(pages::router(&state).with_state(state.clone()))
        .merge(mcp::routes(&state, api.clone()))
        .merge(api)
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(CONTENT_SECURITY_POLICY, POLICY))
        .layer(SetResponseHeaderLayer::if_not_present(STRICT_TRANSPORT_SECURITY, https))
        .layer(middleware::from_fn(request_id::named))
}
