//! A server with a fresh database, in this process.

mod api;
mod people;
mod set_up;
mod truth;
mod webhooks;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use guard::Networks;
use model::apps::{Apps, DefaultApp};
use model::database::{Access, Engine};
use model::quota::Limits;
use model::retention::{Gone, Retention};
use model::secret::Keyring;
use model::store::Store;
use model::{Clock, Database};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_postgres::Client;
use uuid::Uuid;
use wazapp::server::{self, Https, Running, Setup};
use web::ProviderSettings;
use web::serve::{Admission, Proxies};
use whatsapp::graph::{Graph, Timeouts};
use worker::mail::Post;

pub use people::Person;
pub use set_up::Organization;
pub use webhooks::Posts;

use crate::cluster;
use crate::meta::Meta;
use crate::outside;
use crate::pooler::Pooler;
use crate::proxy::Proxy;

/// A call that hangs is given up sooner than by an operator's server.
const GRAPH_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    call: Duration::from_secs(2),
    upload: Duration::from_secs(2),
    piece: Duration::from_secs(2),
};

/// By which the first person sets a world's server up.
pub const SET_UP_CODE: &str = "WRLD-SETS-UPBY-THIS";

/// What a test's server is to be like, where that matters.
#[derive(Debug, Default)]
pub struct Options {
    /// The default App's secrets; empty: a random one.
    pub secrets: Vec<String>,
    /// The default App's id.
    pub app_id: Option<String>,
    /// Answers Meta's handshake.
    pub verify_token: Option<String>,
    /// Whether the way to the database can be cut; see [`World::proxy`].
    pub proxied: bool,
    /// Whether requests reach the database through a transaction pooler.
    pub pooled: bool,
    /// The most bodies applied in one transaction, if not the usual number.
    pub batch: Option<u32>,
    /// Connections at once, if not the usual number.
    pub connections: Option<usize>,
    /// Whether 127.0.0.9 is a proxy that is believed.
    pub proxy_trusted: bool,
    /// The longest file that is kept, if not the usual one.
    pub media_max_bytes: Option<u64>,
    /// What organizations may take, if not all that there is.
    pub limits: Limits,
    /// How long things are kept, if not for ever.
    pub retention: Retention,
    /// Where media are kept; none: in a directory that goes with the world.
    pub store: Option<Store>,
    /// Whether a simulator of Meta stands on the other side, its webhooks led here; see [`World::meta`].
    pub simulated: bool,
    /// Where mail to people goes; none: nobody is written to.
    pub post: Option<Post>,
    /// What kind of server the database is taken for, if not for what it is.
    pub engine: Option<Engine>,
    /// What others call the server, if not by its address; all its nodes are called so.
    pub public_url: Option<String>,
    /// The identity provider by which people may sign in.
    pub provider: Option<ProviderSettings>,
    /// Whether endpoints must be on the public Internet, as on an operator's server; else they may be on loopback too.
    pub public_targets: bool,
    /// Whether the server looks at numbers by itself; else [`World::look_at_numbers`] does.
    pub looks_at_numbers: bool,
}

/// A second server of a world.
#[derive(Debug)]
pub struct Node {
    running: Running,
    posts: Posts,
}

impl Node {
    /// Posts to this node.
    pub fn posts(&self) -> &Posts {
        &self.posts
    }

    /// Such as `http://127.0.0.1:9`.
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Stops it gracefully.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// A server in this process, its database, and a client.
#[derive(Debug)]
pub struct World {
    name: String,
    socket_dir: PathBuf,
    proxy: Option<Proxy>,
    pooler: Option<Pooler>,
    options: Options,
    keyring: Keyring,
    clock: Clock,
    meta: Option<Meta>,
    running: Option<Running>,
    database: Database,
    address: SocketAddr,
    url: String,
    client: reqwest::Client,
    sql: Client,
    media: TempDir,
    ended: bool,
}

impl World {
    /// A server on 127.0.0.1 with an empty database.
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// The same, with a batch size, secrets or a way to the database of the test's choice.
    pub async fn with(mut options: Options) -> Self {
        log();
        let socket_dir = cluster::socket_dir();
        let name = format!("world_{}", unique());
        cluster::create(&socket_dir, &name).await.expect("a fresh database");
        options.engine = options.engine.or_else(engine_asked_for);
        if options.secrets.is_empty() {
            options.secrets = vec![unique()];
        }
        let proxy = options.proxied.then(|| Proxy::start(&socket_dir));
        let pooled = options.pooled || asked_for("TEST_POOLER", "1");
        let pooler = if pooled { Some(Pooler::start(&socket_dir).await) } else { None };
        let keyring = Keyring::new([[7; 32]]);
        let sql = cluster::connect(&socket_dir, &name).await.expect("a connection to the fresh database");
        let mut world = Self {
            database: database((socket_dir.as_path(), proxy.as_ref(), pooler.as_ref()), &name, options.engine),
            name,
            socket_dir,
            proxy,
            pooler,
            options,
            keyring,
            clock: Clock::default(),
            meta: None,
            running: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            url: String::new(),
            client: client(),
            sql,
            media: TempDir::with_prefix("wazapp-media-").expect("a directory"),
            ended: false,
        };
        if world.options.simulated {
            world.options.app_id.get_or_insert_with(|| "670843887433847".into());
            world.options.verify_token.get_or_insert_with(unique);
            world.meta = Some(world.simulate().await);
        }
        world.start().await;
        if let Some(meta) = &world.meta {
            let verify_token = world.options.verify_token.as_deref().expect("a simulated world has one");
            meta.callback(&format!("{}/webhook", world.url), verify_token).await;
        }
        world
    }

    /// A server with a simulator of Meta on the other side.
    pub async fn simulated() -> Self {
        Self::with(Options { simulated: true, ..Options::default() }).await
    }

    async fn simulate(&self) -> Meta {
        Meta::start(simulator::Options {
            app_id: self.options.app_id.clone(),
            app_secret: Some(self.secret().to_owned()),
            seed: 7,
            ..simulator::Options::default()
        })
        .await
    }

    async fn start(&mut self) {
        // After a restart on the same address, as an operator's server would be.
        let running = self.server(self.database.clone(), self.address, None).await;
        self.address = running.address();
        self.url = format!("http://{}", self.address);
        self.running = Some(running);
    }

    fn default_app(&self) -> DefaultApp {
        let secrets = self.options.secrets.iter().cloned();
        DefaultApp {
            id: self.options.app_id.clone(),
            secrets: secrets.map(SecretString::from).collect(),
            verify_token: self.options.verify_token.clone().map(SecretString::from),
        }
    }

    fn graph_url(&self) -> &str {
        // Without a simulator nobody is asked: a test never calls Meta.
        self.meta.as_ref().map_or("http://127.0.0.1:9", Meta::url)
    }

    /// Looks at every number that is due, once; answers how many there were.
    pub async fn look_at_numbers(&self) -> usize {
        let apps = Apps::new(self.default_app(), self.database.clone(), self.keyring.clone());
        apps.refresh().await;
        let graph = Graph::with_timeouts(self.graph_url(), "v26.0", GRAPH_TIMEOUTS).expect("a client");
        let to_meta = worker::ToMeta { clock: self.clock.clone(), keyring: self.keyring.clone(), apps, graph };
        worker::numbers::look_at_all(&self.database, &to_meta).await.expect("the statements run")
    }

    async fn server(&self, database: Database, address: SocketAddr, https: Option<Https>) -> Running {
        let database = database.with_limits(self.options.limits).with_retention(self.options.retention);
        let mut setup = Setup::new(database, self.keyring.clone(), self.default_app(), self.store());
        setup.clock = self.clock.clone();
        setup.graph_url = self.graph_url().to_owned();
        setup.graph_timeouts = GRAPH_TIMEOUTS;
        setup.set_up = Some(SET_UP_CODE.into());
        setup.decoder.program = crate::program::path();
        setup.public_url = self.options.public_url.clone();
        setup.provider = self.options.provider.clone();
        setup.post = self.options.post.clone();
        if !self.options.public_targets {
            setup.allow_targets = Networks::loopback();
        }
        setup.looks_at_numbers = self.options.looks_at_numbers;
        if let Some(longest) = self.options.media_max_bytes {
            setup.media_max_bytes = longest;
        }
        let trusted = self.options.proxy_trusted;
        let proxies = Proxies::new(move |address| trusted && address == IpAddr::from([127, 0, 0, 9]));
        setup.admission = Admission::new(self.options.connections.unwrap_or(web::serve::CONNECTIONS), proxies);
        if let Some(batch) = self.options.batch {
            setup.batch = batch;
        }
        setup.https = https;
        let listener = TcpListener::bind(address).await.expect("an address to listen on");
        server::start(setup, listener).await.expect("the server starts")
    }

    /// Starts a second server on the same database, as a node beside the first.
    pub async fn node(&self) -> Node {
        self.begin_node(None).await
    }

    /// The same, which speaks HTTPS too.
    pub async fn secure_node(&self, https: Https) -> Node {
        self.begin_node(Some(https)).await
    }

    async fn begin_node(&self, https: Option<Https>) -> Node {
        let database = self.database_apart();
        let running = self.server(database, SocketAddr::from(([127, 0, 0, 1], 0)), https).await;
        let posts = Posts::new(&format!("http://{}", running.address()), self.secret());
        Node { running, posts }
    }

    /// Stops the server gracefully.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Stops the server gracefully, and keeps a way to its database, for a test that does the server's work by itself.
    pub async fn idle(&mut self) {
        self.stop().await;
        self.database = self.database_apart();
    }

    /// Stops the server gracefully and starts it again on the same database and address.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.database = self.database_apart();
        self.start().await;
    }

    /// The server's database, as its two roles see it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Another way to the server's database, as another process has it.
    pub fn database_apart(&self) -> Database {
        let way = (self.socket_dir.as_path(), self.proxy.as_ref(), self.pooler.as_ref());
        database(way, &self.name, self.options.engine)
    }

    /// What secrets are sealed with.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Where media are kept.
    pub fn store(&self) -> Store {
        self.options.store.clone().unwrap_or_else(|| Store::directory(self.media.path()).expect("a store"))
    }

    /// The directory of the media, where the world has one of its own.
    pub fn media_dir(&self) -> &Path {
        self.media.path()
    }

    /// Where the server listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The default App's first secret.
    pub fn secret(&self) -> &str {
        &self.options.secrets[0]
    }

    /// The word by which the default App's callback proves itself.
    pub fn verify_token(&self) -> &str {
        self.options.verify_token.as_deref().expect("a world with Options::verify_token")
    }

    /// The default App's id, in a simulated world.
    pub fn app_id(&self) -> &str {
        self.options.app_id.as_deref().expect("a simulated world has one")
    }

    /// How a server that is a process of its own finds the database, through the proxy where there is one.
    pub fn database_url(&self) -> String {
        let way = self.proxy.as_ref().map_or(self.socket_dir.as_path(), Proxy::socket_dir);
        let host = way.to_str().expect("a path in UTF-8").replace('/', "%2F");
        format!("postgres://postgres@{host}/{}?sslmode=disable", self.name)
    }

    /// The server's way to its database.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a world with Options::proxied")
    }

    /// Meta's side.
    pub fn meta(&self) -> &Meta {
        self.meta.as_ref().expect("a world with Options::simulated")
    }

    /// Lets go of what is past its retention, as the server does once an hour.
    pub async fn drop_past(&self) -> model::database::Result<Gone> {
        worker::retention::drop_past(&self.database.clone().with_retention(self.options.retention), self.now()).await
    }

    /// What the server's clock shows.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Puts the clocks of server and Meta ahead.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        model::upkeep::run(&self.database, self.clock.now(), 14).await.expect("upkeep runs");
        if let Some(meta) = &self.meta {
            meta.advance(by).await;
        }
    }

    /// Waits until Meta's webhooks are delivered and applied.
    pub async fn settle(&self) {
        self.meta().settle().await;
        self.drain().await;
    }

    /// Lets time pass for the server alone, without the upkeep that goes with it.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The client of this world's requests, for requests of a test's own.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Asserts what holds in every world, stops the server gracefully and removes the database.
    pub async fn end(mut self) {
        if self.running.is_some() {
            self.check().await;
        }
        self.stop().await;
        if let Some(meta) = self.meta.take() {
            meta.stop().await;
        }
        cluster::remove(&self.socket_dir, &self.name).await.expect("the database goes");
        self.ended = true;
    }
}

impl Drop for World {
    /// A failed test leaves no database behind either; one that forgot [`World::end`], and with it what holds in every
    /// world, fails for that.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (socket_dir, name) = (self.socket_dir.clone(), self.name.clone());
        let remove = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(cluster::remove(&socket_dir, &name)).ok()
        };
        let _ = std::thread::spawn(remove).join();
        assert!(
            std::thread::panicking(),
            "this test forgot `world.end().await`: what holds in every world was not looked at"
        );
    }
}

fn database(
    (socket_dir, proxy, pooler): (&Path, Option<&Proxy>, Option<&Pooler>),
    name: &str,
    engine: Option<Engine>,
) -> Database {
    let direct = Access::socket(proxy.map_or(socket_dir, Proxy::socket_dir), name);
    let access = match pooler {
        Some(pooler) => Access {
            pooled: Access::socket(pooler.socket_dir(), name).pooled,
            transaction_pooler: true,
            roles_log_in: false,
            ..direct
        },
        None => direct,
    };
    Database::new(Access { engine, ..access }, 8).expect("a pool")
}

/// With TEST_ENGINE=citus every world's database is taken for one that Citus distributes: its forms of statements are such
/// as one PostgreSQL carries out too. With TEST_POOLER=1 every world's requests go through a transaction pooler.
fn engine_asked_for() -> Option<Engine> {
    asked_for("TEST_ENGINE", "citus").then_some(Engine::Citus)
}

fn asked_for(variable: &str, word: &str) -> bool {
    std::env::var_os(variable).is_some_and(|said| said == word)
}

fn client() -> reqwest::Client {
    outside::http()
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("an HTTP client")
}

/// What the server logs is shown where a test fails.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,deadpool=off"));
    // A second world in the same process finds it in place.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}

/// A word nobody else has: UUIDv7 ends in 74 random bits.
fn unique() -> String {
    Uuid::now_v7().simple().to_string()
}
