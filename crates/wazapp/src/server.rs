//! The parts of a running server, started in order and stopped in the other.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use guard::{Guard, Networks};
use model::apps::{Apps, DefaultApp};
use model::inbound::Backlog;
use model::outbox::Wake;
use model::secret::Keyring;
use model::secret::holder::Holder;
use model::store::Store;
use model::user::Passwords;
use model::{Clock, Database, migrate};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::health::Health;
use web::receive::Receiver;
use web::serve::{Admission, Proxies};
use web::webhook::Webhook;
use web::{Provider, ProviderSettings, SetUpCode};
use whatsapp::graph::{Graph, Timeouts};
use worker::media::Decoder;

/// Connections of operators at once, where they have an address of their own.
const OPERATORS: usize = 64;

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
    /// Private networks that organizations' endpoints may be in.
    pub allow_targets: Networks,
    /// Whether numbers are looked at now and then.
    pub looks_at_numbers: bool,
    /// By which the first person sets this server up.
    pub set_up: Option<SecretString>,
    /// Who may connect.
    pub admission: Admission,
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
            allow_targets: Networks::default(),
            looks_at_numbers: true,
            set_up: None,
            admission: Admission { connections: 8192, proxies: Proxies::default() },
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
    http: Part,
    receive: Part,
    work: Part,
    aside: Part,
    keys: Part,
}

/// Tasks that stop together.
#[derive(Debug)]
struct Part {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Part {
    fn new() -> Self {
        Self { stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What this machine is called.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// Brings the schema up to date and starts every part.
pub async fn start(setup: Setup, listener: TcpListener) -> anyhow::Result<Running> {
    let address = listener.local_addr().context("the listening address is not known")?;
    let database = setup.database;
    migrate::run(&database).await.context("the schema could not be brought up to date")?;
    let name = format!("{}, process {}, {address}", host(), std::process::id());
    let holder = Holder::join(database.clone(), setup.keyring.clone(), setup.clock.clone(), name).await?;
    model::upkeep::run(&database, setup.clock.now(), setup.retention_days)
        .await
        .context("the inbound log could not be prepared")?;

    let graph = Graph::with_timeouts(&setup.graph_url, &setup.graph_version, setup.graph_timeouts)?;

    let mut keys = Part::new();
    keys.tasks.spawn(holder.keep_current(keys.stop.clone()));

    let backlog = Arc::new(Backlog::default());
    let mut receive = Part::new();
    let (receiver, writers) =
        Receiver::start(&database, &backlog, &setup.clock, setup.writers, setup.queue, &receive.stop);
    receive.tasks = writers;

    // What requests under way wait for, and what nobody waits for.
    let (mut work, mut aside) = (Part::new(), Part::new());
    let mut http = Part::new();
    let media_wake = Arc::new(Wake::default());
    let settings = worker::inbound::Settings {
        clock: setup.clock.clone(),
        media: media_wake.clone(),
        appliers: setup.appliers,
        batch: setup.batch,
    };
    work.tasks.spawn(worker::inbound::run(database.clone(), backlog.clone(), settings, work.stop.clone()));
    aside.tasks.spawn(worker::upkeep::run(
        database.clone(),
        setup.clock.clone(),
        worker::upkeep::Retention { inbound_days: setup.retention_days, quarantine_days: setup.quarantine_days },
        aside.stop.clone(),
    ));
    aside.tasks.spawn(worker::retention::run(database.clone(), setup.clock.clone(), aside.stop.clone()));

    let apps = Apps::new(setup.default_app, database.clone(), setup.keyring.clone());
    apps.refresh().await;
    work.tasks.spawn(apps.clone().keep_current(work.stop.clone()));

    let to_meta = worker::ToMeta {
        clock: setup.clock.clone(),
        keyring: setup.keyring.clone(),
        apps: apps.clone(),
        graph: graph.clone(),
    };
    let (wake, receipt_wake) = (Arc::new(Wake::default()), Arc::new(Wake::default()));
    let settings = worker::outbox::Settings {
        to_meta: to_meta.clone(),
        wake: wake.clone(),
        receipt_wake: receipt_wake.clone(),
        store: setup.store.clone(),
    };
    work.tasks.spawn(worker::outbox::run(database.clone(), settings, work.stop.clone()));

    let settings = worker::media::Settings {
        to_meta: to_meta.clone(),
        store: setup.store.clone(),
        max_bytes: setup.media_max_bytes,
        decoder: setup.decoder,
        wake: media_wake.clone(),
    };
    aside.tasks.spawn(worker::media::run(database.clone(), settings, aside.stop.clone()));

    aside.tasks.spawn(worker::template::run(database.clone(), to_meta.clone(), aside.stop.clone()));

    aside.tasks.spawn(model::event::relay(database.clone(), aside.stop.clone()));

    let public_url = setup.public_url.unwrap_or_else(|| format!("http://{address}"));
    let connecting = Arc::new(Wake::default());
    let settings = worker::connection::Settings {
        to_meta: to_meta.clone(),
        public_url: public_url.clone(),
        wake: connecting.clone(),
    };
    aside.tasks.spawn(worker::connection::run(database.clone(), settings, aside.stop.clone()));

    if setup.looks_at_numbers {
        aside.tasks.spawn(worker::numbers::run(database.clone(), to_meta, aside.stop.clone()));
    }

    let guard = Guard::new(setup.allow_targets).context("the system's certificates cannot be read")?;
    let settings =
        worker::delivery::Settings { clock: setup.clock.clone(), keyring: setup.keyring.clone(), guard: guard.clone() };
    aside.tasks.spawn(worker::delivery::run(database.clone(), settings, aside.stop.clone()));

    let provider = setup.provider.map(|settings| Provider::new(settings, &public_url, setup.clock.clone()));
    let provider =
        provider.transpose().map_err(|error| anyhow::anyhow!("the identity provider cannot be asked: {error}"))?;
    let (mails, mail_wake) = (setup.post.is_some(), Arc::new(Wake::default()));
    if let Some(post) = setup.post {
        let letters = web::Letters::new(&public_url);
        let settings = worker::mail::Settings {
            clock: setup.clock.clone(),
            post,
            write: Arc::new(move |now, letter| letters.write(now, letter)),
            wake: mail_wake.clone(),
        };
        aside.tasks.spawn(worker::mail::run(database.clone(), settings, aside.stop.clone()));
    }

    let state = web::State {
        database: database.clone(),
        clock: setup.clock.clone(),
        graph,
        keyring: setup.keyring,
        guard,
        apps: apps.clone(),
        wake,
        receipt_wake,
        stopping: http.stop.clone(),
        provider,
        desk: web::Desk::default(),
        live: web::Live::new(setup.clock.clone()),
        passwords: Passwords::default(),
        set_up: setup.set_up.map(SetUpCode::new).unwrap_or_default(),
        typing: web::api::Typing::default(),
        connecting,
        public_url,
        mails,
        mail_wake,
        media_wake,
        store: setup.store,
        version: env!("CARGO_PKG_VERSION"),
    };
    let health = Health { database: database.clone(), receiver: receiver.clone(), backlog, metrics: setup.metrics };
    if let Some(listener) = &setup.operators {
        tracing::info!(listen = ?listener.local_addr(), "metrics and details");
    }
    let webhook = Webhook::new(apps, receiver, setup.clock);
    let router = web::router(state, webhook, health.clone(), setup.operators.is_some());
    if let Some(listener) = setup.operators {
        let admission = Admission { connections: OPERATORS, proxies: Proxies::default() };
        let serving = web::serve::serve(listener, web::health::routes(health), admission, http.stop.clone());
        http.tasks.spawn(serving);
    }
    http.tasks.spawn(web::serve::serve(listener, router, setup.admission, http.stop.clone()));
    Ok(Running { address, database, http, receive, work, aside, keys })
}

impl Running {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what is under way, commits what was taken, applies the batch at hand, hears calls to Meta out.
    pub async fn stop(self) {
        let in_order = async {
            self.http.end().await;
            self.receive.end().await;
            self.work.end().await;
        };
        tokio::join!(in_order, self.aside.end());
        // Until here secrets were opened.
        self.keys.end().await;
        self.database.close();
    }
}
