//! The parts of a running server, started in order and stopped in the other.

mod parts;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use guard::Networks;
use model::apps::DefaultApp;
use model::inbound::Backlog;
use model::secret::Keyring;
use model::secret::holder::Holder;
use model::store::Store;
use model::{Clock, Database, migrate, relocation};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use web::health::Health;
use web::serve::{Admission, Callers, Certificate, Proxies};
use web::webhook::Webhook;
use web::{ProviderSettings, SignInLink};
use whatsapp::graph::Timeouts;
use worker::media::Decoder;

use crate::certificate::acme::Authority;
use crate::certificate::{CallerFiles, Files};
use parts::{Parts, Shared};

/// Connections of operators at once, where they have an address of their own.
const OPERATORS: usize = 64;

/// HTTPS beside plain HTTP.
#[derive(Debug)]
pub struct Https {
    /// Bound.
    pub listener: TcpListener,
    /// Where its certificate comes from.
    pub source: Source,
    /// From where everybody is led to the public URL.
    pub redirect: Option<TcpListener>,
    /// Whose client certificates the webhook takes; none: it asks nobody for one.
    pub callers: Option<(Callers, CallerFiles)>,
}

/// Where a certificate comes from.
#[derive(Debug)]
pub enum Source {
    /// Files.
    Files {
        /// Shown until they change.
        certificate: Certificate,
        /// Where it is kept.
        files: Files,
    },
    /// An authority, which is asked for it.
    Acme(Authority),
}

/// What a server is made of.
pub struct Setup {
    /// PostgreSQL.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// Seals and opens secrets.
    pub keyring: Keyring,
    /// The App of `/webhook`.
    pub default_app: DefaultApp,
    /// Where the Graph API is, and its version.
    pub graph_url: String,
    /// Such as `v26.0`.
    pub graph_version: String,
    /// How long calls to it may take.
    pub graph_timeouts: Timeouts,
    /// Where the bytes of media are kept.
    pub store: Store,
    /// The longest file that is kept, in bytes.
    pub media_max_bytes: u64,
    /// Where pictures are decoded.
    pub decoder: Decoder,
    /// What others call this server; `None`: its address.
    pub public_url: Option<String>,
    /// The identity provider by which people may sign in.
    pub provider: Option<ProviderSettings>,
    /// Connections that commit webhook bodies.
    pub writers: usize,
    /// Bodies that may wait for a commit.
    pub queue: usize,
    /// Lanes applied at the same time.
    pub appliers: usize,
    /// The most bodies applied in one transaction.
    pub batch: u32,
    /// Days that raw bodies are kept.
    pub retention_days: u16,
    /// Days that what belongs to no connected number is kept.
    pub quarantine_days: u16,
    /// Where mail to people goes; none: links are shown.
    pub post: Option<worker::mail::Post>,
    /// Backups that are made by themselves; none: nobody said where.
    pub backups: Option<worker::backup::schedule::Settings>,
    /// Private networks that organizations' endpoints may be in.
    pub allow_targets: Networks,
    /// Whether numbers are looked at now and then.
    pub looks_at_numbers: bool,
    /// By which the first person sets this server up.
    pub set_up: Option<SecretString>,
    /// Signs the visitor of a demo in.
    pub sign_in_link: Option<SignInLink>,
    /// Who may connect.
    pub admission: Admission,
    /// Where it speaks HTTPS too.
    pub https: Option<Https>,
    /// Where operators ask for metrics and details; none: at the same address as everybody.
    pub operators: Option<TcpListener>,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Setup")
    }
}

impl Setup {
    /// The usual measures, for a database that was opened already.
    pub fn new(database: Database, keyring: Keyring, default_app: DefaultApp, store: Store) -> Self {
        Self {
            database,
            clock: Clock::default(),
            keyring,
            default_app,
            graph_url: "https://graph.facebook.com".into(),
            graph_version: "v26.0".into(),
            graph_timeouts: Timeouts::default(),
            store,
            media_max_bytes: 100 << 20,
            decoder: Decoder::this_program(64 << 20),
            public_url: None,
            provider: None,
            writers: 1,
            queue: 4096,
            appliers: 2,
            batch: 1000,
            retention_days: 14,
            quarantine_days: 30,
            post: None,
            backups: None,
            allow_targets: Networks::default(),
            looks_at_numbers: true,
            set_up: None,
            sign_in_link: None,
            admission: Admission::new(web::serve::CONNECTIONS, Proxies::default()),
            https: None,
            operators: None,
            metrics: Arc::new(String::new),
        }
    }
}

/// A server at work.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    database: Database,
    /// Why nothing is served here any more.
    taken_away: oneshot::Receiver<String>,
    parts: Parts,
}

/// What this machine is called.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// Brings the schema up to date, and joins those who hold keys.
async fn prepare(setup: &Setup, address: SocketAddr) -> anyhow::Result<Holder> {
    relocation::check(&setup.database).await?;
    migrate::run(&setup.database).await.context("the schema could not be brought up to date")?;
    let name = format!("{}, process {}, {address}", host(), std::process::id());
    let (keyring, clock, media) = (setup.keyring.clone(), setup.clock.clone(), setup.store.place());
    let holder = Holder::join(setup.database.clone(), keyring, clock, name, media).await?;
    // Whoever moves the database closes it first and then looks who runs.
    if let Err(moved) = relocation::check(&setup.database).await {
        holder.leave().await?;
        return Err(moved.into());
    }
    model::upkeep::run(&setup.database, setup.clock.now(), setup.retention_days)
        .await
        .context("the inbound log could not be prepared")?;
    Ok(holder)
}

/// Of a restored server that was not released yet, whoever starts it is told why nothing leaves.
async fn say_held(database: &Database) -> anyhow::Result<()> {
    let tx = database.operator().await?;
    let held = model::restoration::held(&tx).await?;
    tx.close();
    if let Some(held) = held {
        tracing::warn!(
            made_at = %held.made_at,
            "restored from a backup: nothing is sent, no endpoint is called and nobody is mailed until wazapp restore release; \
             wazapp restore held says what waits"
        );
    }
    Ok(())
}

/// Brings the schema up to date and starts every part.
pub async fn start(mut setup: Setup, listener: TcpListener) -> anyhow::Result<Running> {
    let address = listener.local_addr().context("the listening address is not known")?;
    let database = setup.database.clone();
    let holder = prepare(&setup, address).await?;
    say_held(&database).await?;
    let shared = Shared::new(&setup, address)?;
    shared.to_meta.apps.refresh().await;

    let mut parts = Parts::default();
    let (says, taken_away) = oneshot::channel();
    parts.keys.spawn(|stop| holder.keep_current(stop, says));
    let backlog = Arc::new(Backlog::default());
    let receiver = parts.receive(&setup, &backlog);
    parts.work(&setup, &shared, &backlog);
    parts.aside(&setup, &shared);
    let health = Health {
        database: database.clone(),
        keyring: setup.keyring.clone(),
        receiver: receiver.clone(),
        backlog,
        metrics: setup.metrics.clone(),
    };
    let certified = setup.https.as_ref().is_some_and(|https| https.callers.is_some());
    let webhook = Webhook::new(shared.to_meta.apps.clone(), receiver, setup.clock.clone()).certified(certified);
    let secure = match setup.https.take() {
        Some(https) => Some(parts.secure(https, &setup, &shared).await),
        None => None,
    };
    parts.serve(setup, shared, webhook, health, (listener, secure));
    Ok(Running { address, database, taken_away, parts })
}

impl Running {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when everything was moved elsewhere under it, which a server that was held up for long may find: what it would tell
    /// anybody from here on is lost. It is to be dropped, not stopped.
    pub async fn taken_away(&mut self) -> String {
        match (&mut self.taken_away).await {
            Ok(why) => why,
            Err(_) => std::future::pending().await,
        }
    }

    /// Answers what is under way, commits what was taken, applies the batch at hand, hears calls to Meta out.
    pub async fn stop(self) {
        let Parts { http, receive, work, aside, keys } = self.parts;
        let in_order = async {
            http.end().await;
            receive.end().await;
            work.end().await;
        };
        tokio::join!(in_order, aside.end());
        // Until here secrets were opened.
        keys.end().await;
        self.database.close();
    }
}
