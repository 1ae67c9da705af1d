//! Meta on a laptop: the Graph API, signed webhooks, customers with phones, and everything that can go wrong between
//! them. Written from Meta's published protocol alone; it shares no code with what it is there to test.

#![expect(clippy::result_large_err, reason = "an error is built once for a refused request, and carries Meta's words")]

pub mod load;

mod chance;
mod clock;
mod contract;
mod control;
mod engine;
mod error;
mod faults;
mod graph;
mod outside;
mod phone;
mod server;
mod story;
mod webhook;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;

pub use contract::{cited_fixtures, cited_sections, contract};
pub use error::{Follows, Known, TABLE};

use clock::Clock;
use engine::Meta;
use world::World;

/// What a simulator is to be like.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The App's id; `None`: made from the seed.
    pub app_id: Option<String>,
    /// The App's secret; `None`: made from the seed.
    pub app_secret: Option<String>,
    /// Where webhooks go from the start, and the word that proves the callback. Asked until it answers.
    pub callback: Option<(String, String)>,
    /// Ids, chance and order follow from it.
    pub seed: u64,
    /// The time it shows at first; `None`: the world's.
    pub start: Option<Timestamp>,
}

/// A simulator at work.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    meta: Arc<Meta>,
}

impl Simulator {
    /// Starts one on this listener.
    pub fn start(options: Options, listener: TcpListener) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the listening address is not known")?;
        let now = options.start.unwrap_or_else(outside::now);
        let mut world = World::furnished(options.seed, options.app_id.as_deref(), options.app_secret.as_deref(), now);
        world.origin = format!("http://{address}");
        let client = outside::http()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client can't be made")?;
        let meta = Meta::new(Clock::new(now), world, client);
        meta.spawn(meta.clone().run());
        meta.spawn(server::serve(meta.clone(), listener, router(&meta)));
        if let Some((url, verify_token)) = options.callback {
            let calling = meta.clone();
            meta.spawn(async move {
                while let Err(why) = control::subscribe(&calling, &url, &verify_token).await {
                    tracing::warn!(url, "the callback did not prove itself, asking again: {why}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                tracing::info!(url, "webhooks go to the callback");
            });
        }
        Ok(Self { address, meta })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives the businesses out of the box weeks of conversations, as they stand at a time; nobody is told. Customers
    /// who have a thread with a number already keep that instead.
    pub fn remember(&self, at: Timestamp) {
        story::remember(&self.meta, at);
    }

    /// The same, and the App hears of it: older messages as `history`, those of the last day as they happened. Returns
    /// when every webhook was taken. Told again by another simulator of this seed, it is the same messages.
    pub async fn tell(&self, at: Timestamp) {
        story::tell(&self.meta, at).await;
    }

    /// Ends it: requests and webhooks under way break off.
    pub async fn stop(self) {
        self.meta.stop.cancel();
        self.meta.tasks.close();
        self.meta.tasks.wait().await;
    }
}

fn router(meta: &Arc<Meta>) -> Router {
    Router::new()
        .nest("/_sim", control::router())
        .merge(phone::router())
        .route("/whatsapp_business/attachments/", axum::routing::get(graph::download))
        .fallback(graph::serve)
        .layer(axum::extract::DefaultBodyLimit::max(110 << 20))
        .with_state(meta.clone())
}
