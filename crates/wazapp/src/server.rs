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
use model::{Clock, Database, migrate, relocation};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::health::Health;
use web::receive::Receiver;
use web::serve::{Admission, Callers, Certificate, Challenges, Listening, Proxies, Tls, to_https};
use web::webhook::Webhook;
use web::{Provider, ProviderSettings, SetUpCode, SignInLink};
use whatsapp::graph::{Graph, Timeouts};
use worker::ToMeta;
use worker::media::Decoder;

use crate::certificate::acme::{Authority, Shown};
use crate::certificate::{CallerFiles, Files};

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

/// What stops in an order.
#[derive(Debug, Default)]
struct Parts {
    /// Answers requests.
    http: Part,
    /// Commits what Meta tells.
    receive: Part,
    /// What requests under way wait for.
    work: Part,
    /// What nobody waits for.
    aside: Part,
    /// Keeps secrets readable.
    keys: Part,
}

/// Tasks that stop together.
#[derive(Debug, Default)]
struct Part {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Part {
    /// Runs a task that ends once it is told to stop.
    fn spawn<F>(&mut self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What several parts of a server have in common.
struct Shared {
    to_meta: ToMeta,
    guard: Guard,
    provider: Option<Provider>,
    public_url: String,
    outbox: Arc<Wake>,
    receipts: Arc<Wake>,
    media: Arc<Wake>,
    connections: Arc<Wake>,
    mail: Arc<Wake>,
}

impl Shared {
    fn new(setup: &Setup, address: SocketAddr) -> anyhow::Result<Self> {
        let public_url = setup.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let provider = setup.provider.clone();
        let provider = provider.map(|settings| Provider::new(settings, &public_url, setup.clock.clone())).transpose();
        let to_meta = ToMeta {
            clock: setup.clock.clone(),
            keyring: setup.keyring.clone(),
            apps: Apps::new(setup.default_app.clone(), setup.database.clone(), setup.keyring.clone()),
            graph: Graph::with_timeouts(&setup.graph_url, &setup.graph_version, setup.graph_timeouts)?,
        };
        Ok(Self {
            to_meta,
            guard: Guard::new(setup.allow_targets.clone()).context("the system's certificates cannot be read")?,
            provider: provider.map_err(|error| anyhow::anyhow!("the identity provider cannot be asked: {error}"))?,
            public_url,
            outbox: Arc::default(),
            receipts: Arc::default(),
            media: Arc::default(),
            connections: Arc::default(),
            mail: Arc::default(),
        })
    }
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
    let health =
        Health { database: database.clone(), receiver: receiver.clone(), backlog, metrics: setup.metrics.clone() };
    let certified = setup.https.as_ref().is_some_and(|https| https.callers.is_some());
    let webhook = Webhook::new(shared.to_meta.apps.clone(), receiver, setup.clock.clone()).certified(certified);
    let secure = match setup.https.take() {
        Some(https) => Some(parts.secure(https, &setup, &shared).await),
        None => None,
    };
    parts.serve(setup, shared, webhook, health, (listener, secure));
    Ok(Running { address, database, taken_away, parts })
}

impl Parts {
    fn receive(&mut self, setup: &Setup, backlog: &Arc<Backlog>) -> Receiver {
        let stop = &self.receive.stop;
        let (receiver, writers) =
            Receiver::start(&setup.database, backlog, &setup.clock, setup.writers, setup.queue, stop);
        self.receive.tasks = writers;
        receiver
    }

    fn work(&mut self, setup: &Setup, shared: &Shared, backlog: &Arc<Backlog>) {
        let database = &setup.database;
        let inbound = worker::inbound::Settings {
            clock: setup.clock.clone(),
            media: shared.media.clone(),
            appliers: setup.appliers,
            batch: setup.batch,
        };
        self.work.spawn(|stop| worker::inbound::run(database.clone(), backlog.clone(), inbound, stop));
        self.work.spawn(|stop| shared.to_meta.apps.clone().keep_current(stop));
        let outbox = worker::outbox::Settings {
            to_meta: shared.to_meta.clone(),
            wake: shared.outbox.clone(),
            receipt_wake: shared.receipts.clone(),
            store: setup.store.clone(),
        };
        self.work.spawn(|stop| worker::outbox::run(database.clone(), outbox, stop));
    }

    fn aside(&mut self, setup: &Setup, shared: &Shared) {
        let (database, clock, to_meta) = (&setup.database, &setup.clock, &shared.to_meta);
        let kept =
            worker::upkeep::Retention { inbound_days: setup.retention_days, quarantine_days: setup.quarantine_days };
        self.aside.spawn(|stop| worker::upkeep::run(database.clone(), clock.clone(), kept, stop));
        self.aside.spawn(|stop| worker::retention::run(database.clone(), clock.clone(), stop));
        let media = worker::media::Settings {
            to_meta: to_meta.clone(),
            store: setup.store.clone(),
            max_bytes: setup.media_max_bytes,
            decoder: setup.decoder.clone(),
            wake: shared.media.clone(),
        };
        self.aside.spawn(|stop| worker::media::run(database.clone(), media, stop));
        self.aside.spawn(|stop| worker::template::run(database.clone(), to_meta.clone(), stop));
        self.aside.spawn(|stop| model::event::relay(database.clone(), stop));
        let connections = worker::connection::Settings {
            to_meta: to_meta.clone(),
            public_url: shared.public_url.clone(),
            wake: shared.connections.clone(),
        };
        self.aside.spawn(|stop| worker::connection::run(database.clone(), connections, stop));
        if setup.looks_at_numbers {
            self.aside.spawn(|stop| worker::numbers::run(database.clone(), to_meta.clone(), stop));
        }
        let deliveries = worker::delivery::Settings {
            clock: clock.clone(),
            keyring: setup.keyring.clone(),
            guard: shared.guard.clone(),
        };
        self.aside.spawn(|stop| worker::delivery::run(database.clone(), deliveries, stop));
        if let Some(backups) = setup.backups.clone() {
            self.aside.spawn(|stop| worker::backup::schedule::run(database.clone(), backups, stop));
        }
        if let Some(post) = setup.post.clone() {
            let letters = web::Letters::new(&shared.public_url);
            let mail = worker::mail::Settings {
                clock: clock.clone(),
                post,
                write: Arc::new(move |now, letter| letters.write(now, letter)),
                wake: shared.mail.clone(),
            };
            self.aside.spawn(|stop| worker::mail::run(database.clone(), mail, stop));
        }
    }

    fn serve(
        &mut self,
        setup: Setup,
        shared: Shared,
        webhook: Webhook,
        health: Health,
        (listener, secure): (TcpListener, Option<Listening>),
    ) {
        let ToMeta { clock, keyring, apps, graph } = shared.to_meta;
        let state = web::State {
            live: web::Live::new(clock.clone()),
            database: setup.database,
            clock,
            graph,
            keyring,
            guard: shared.guard,
            apps,
            wake: shared.outbox,
            receipt_wake: shared.receipts,
            stopping: self.http.stop.clone(),
            provider: shared.provider,
            desk: web::Desk::default(),
            gathering: web::Gathering::default(),
            passwords: Passwords::default(),
            set_up: setup.set_up.map(SetUpCode::new).unwrap_or_default(),
            sign_in_link: setup.sign_in_link,
            typing: web::api::Typing::default(),
            connecting: shared.connections,
            public_url: shared.public_url,
            mails: setup.post.is_some(),
            mail_wake: shared.mail,
            media_wake: shared.media,
            store: setup.store,
            version: env!("CARGO_PKG_VERSION"),
        };
        let router = web::router(state, webhook, health.clone(), setup.operators.is_some());
        if let Some(listener) = setup.operators {
            tracing::info!(listen = ?listener.local_addr(), "metrics and details");
            let admission = Admission::new(OPERATORS, Proxies::default());
            self.http.spawn(|stop| web::serve::serve(listener, web::health::routes(health), admission, stop));
        }
        if let Some(secure) = secure {
            self.http.spawn(|stop| web::serve::serve(secure, router.clone(), setup.admission.clone(), stop));
        }
        self.http.spawn(|stop| web::serve::serve(listener, router, setup.admission, stop));
    }

    /// Where HTTPS is spoken; its certificate is kept current, and whoever comes without it is led there.
    async fn secure(&mut self, https: Https, setup: &Setup, shared: &Shared) -> Listening {
        let Https { listener, source, redirect, callers } = https;
        let (listen, clock) = (listener.local_addr(), setup.clock.clone());
        let answers_http = redirect.is_some();
        let (tls, challenges) = match source {
            Source::Files { certificate, files } => {
                tracing::info!(?listen, until = %certificate.not_after(), "HTTPS");
                let tls = Tls::new(Some(&certificate));
                let shown = tls.clone();
                self.aside.spawn(|stop| files.keep_current(shown, certificate, clock, stop));
                (tls, None)
            }
            Source::Acme(authority) => {
                let challenges = Challenges::new(setup.database.clone(), &authority.domains);
                let tls = self.get_certificate(authority, setup, answers_http).await.answering(challenges.clone());
                (tls, Some(challenges))
            }
        };
        if let Some((callers, files)) = callers {
            let authorities: Vec<&str> = callers.authorities().iter().map(|one| one.name.as_str()).collect();
            tracing::info!(
                ?authorities,
                name = callers.name(),
                "the webhook takes calls with a client certificate alone"
            );
            tls.ask(callers);
            let asking = tls.clone();
            self.aside.spawn(|stop| files.keep_current(asking, stop));
        }
        if let Some(listener) = redirect {
            let (router, admission) = (to_https(&shared.public_url, challenges), setup.admission.clone());
            self.http.spawn(|stop| web::serve::serve(listener, router, admission, stop));
        }
        Listening { listener, tls: Some(tls) }
    }

    /// Shows the certificate that is there, has one got if there is none, and each renewed in time. Nobody waits for it.
    async fn get_certificate(&mut self, authority: Authority, setup: &Setup, answers_http: bool) -> Tls {
        let shown = Shown::find(&setup.database, &setup.keyring, &setup.clock, &authority).await;
        let (domains, directory) = (&authority.domains, authority.wanted.directory());
        match shown.certificate() {
            Some(certificate) => tracing::info!(?domains, until = %certificate.not_after(), "HTTPS"),
            None => tracing::info!(
                ?domains,
                directory,
                "HTTPS waits for its first certificate: until it is there, only the authority's questions are answered"
            ),
        }
        let tls = Tls::new(shown.certificate());
        let replaced = tls.clone();
        self.aside.spawn(|stop| shown.keep_current(replaced, stop));
        let getting = worker::certificate::Settings {
            clock: setup.clock.clone(),
            keyring: setup.keyring.clone(),
            wanted: authority.wanted,
            email: authority.email,
            binding: authority.binding,
            roots: authority.roots,
            answers_http,
        };
        let database = setup.database.clone();
        self.aside.spawn(|stop| worker::certificate::run(database, getting, stop));
        tls
    }
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
