//! A server with a fresh database, in this process.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use model::apps::{Apps, DefaultApp};
use model::database::Access;
use model::event;
use model::number::Proof;
use model::quota::Limits;
use model::secret::Keyring;
use model::store::Store;
use model::{Clock, Database, Scope};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_postgres::Client;
use uuid::Uuid;
use wazapp::server::{self, Running, Setup};
use web::serve::Proxies;
use whatsapp::graph::{Graph, Timeouts};
use whatsapp::signature;

use crate::body;
use crate::cluster;
use crate::form::Form;
use crate::meta::{Meta, SimulatedNumber};
use crate::outside;
use crate::proxy::Proxy;
use crate::wait::{PATIENCE, until};

/// A call that hangs is given up sooner than by an operator's server.
const GRAPH_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    call: Duration::from_secs(2),
    upload: Duration::from_secs(2),
    piece: Duration::from_secs(2),
};

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
    /// Where media are kept; none: in a directory that goes with the world.
    pub store: Option<Store>,
    /// Whether a simulator of Meta stands on the other side, its webhooks led here; see [`World::meta`].
    pub simulated: bool,
    /// Whether the server looks at numbers by itself; else [`World::look_at_numbers`] does.
    pub looks_at_numbers: bool,
}

/// A tenant of a world, with an API key.
#[derive(Clone, Debug)]
pub struct Organization {
    /// UUIDv7.
    pub id: Uuid,
    /// Its short name in commands.
    pub slug: String,
    /// An API key in force.
    pub key: String,
    /// Opens its rows.
    pub scope: Scope,
}

/// Where to post webhooks, and with what secret; can be taken to other tasks.
#[derive(Clone, Debug)]
pub struct Posts {
    client: reqwest::Client,
    url: String,
    secret: String,
}

impl Posts {
    /// One connection of its own for each of these.
    pub fn new(url: &str, secret: &str) -> Self {
        Self { client: client(), url: url.to_owned(), secret: secret.to_owned() }
    }

    /// Posts a signed body to `/webhook`.
    pub async fn post(&self, body: impl AsRef<[u8]>) -> u16 {
        self.try_post(body.as_ref()).await.expect("an answer")
    }

    /// Posts a signed body to `/webhook`; an error where the connection broke.
    pub async fn try_post(&self, body: &[u8]) -> Result<u16> {
        post(&self.client, &self.url, "/webhook", &self.secret, body).await
    }

    /// Posts a signed body to another path.
    pub async fn post_to(&self, path: &str, body: &[u8]) -> u16 {
        post(&self.client, &self.url, path, &self.secret, body).await.expect("an answer")
    }
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
        if options.secrets.is_empty() {
            options.secrets = vec![unique()];
        }
        let proxy = options.proxied.then(|| Proxy::start(&socket_dir));
        let keyring = Keyring::new([[7; 32]]);
        let sql = cluster::connect(&socket_dir, &name).await.expect("a connection to the fresh database");
        let mut world = Self {
            database: database(&socket_dir, proxy.as_ref(), &name),
            name,
            socket_dir,
            proxy,
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
        let running = self.server(self.database.clone(), self.address).await;
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

    async fn server(&self, database: Database, address: SocketAddr) -> Running {
        let database = database.with_limits(self.options.limits);
        let mut setup = Setup::new(database, self.keyring.clone(), self.default_app(), self.store());
        setup.clock = self.clock.clone();
        setup.graph_url = self.graph_url().to_owned();
        setup.graph_timeouts = GRAPH_TIMEOUTS;
        setup.decoder.program = crate::program::path();
        setup.looks_at_numbers = self.options.looks_at_numbers;
        if let Some(longest) = self.options.media_max_bytes {
            setup.media_max_bytes = longest;
        }
        if let Some(connections) = self.options.connections {
            setup.admission.connections = connections;
        }
        if self.options.proxy_trusted {
            setup.admission.proxies = Proxies::new(|address| address == IpAddr::from([127, 0, 0, 9]));
        }
        if let Some(batch) = self.options.batch {
            setup.batch = batch;
        }
        let listener = TcpListener::bind(address).await.expect("an address to listen on");
        server::start(setup, listener).await.expect("the server starts")
    }

    /// Starts a second server on the same database, as a node beside the first.
    pub async fn node(&self) -> Node {
        let database = database(&self.socket_dir, self.proxy.as_ref(), &self.name);
        let running = self.server(database, SocketAddr::from(([127, 0, 0, 1], 0))).await;
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
        self.database = database(&self.socket_dir, self.proxy.as_ref(), &self.name);
    }

    /// Stops the server gracefully and starts it again on the same database and address.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.database = database(&self.socket_dir, self.proxy.as_ref(), &self.name);
        self.start().await;
    }

    /// The server's database, as its two roles see it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Another way to the server's database, for when the server is stopped.
    pub fn database_apart(&self) -> Database {
        database(&self.socket_dir, self.proxy.as_ref(), &self.name)
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
    pub fn media_dir(&self) -> &std::path::Path {
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

    // Set-up ---------------------------------------------------------------------------------------------------------

    /// Creates an organization with an API key.
    pub async fn organization(&self, name: &str) -> Organization {
        let tx = self.database.operator().await.expect("a transaction");
        let made = model::organization::create(&tx, name).await.expect("an organization");
        let scope = made.scope();
        let (_, key) = model::api_key::create(&tx, &scope, "test").await.expect("a key");
        tx.commit().await.expect("the organization is there");
        Organization { id: made.id, slug: made.slug, key: key.expose_secret().to_owned(), scope }
    }

    /// Connects a number; answers its id.
    pub async fn connect(
        &self,
        organization: &Organization,
        phone_number_id: &str,
        waba_id: &str,
        app_id: Option<&str>,
    ) -> Uuid {
        self.connect_with(organization, phone_number_id, waba_id, app_id, "none").await
    }

    /// Connects a number with its token, or gives a connected one another token; answers its id.
    pub async fn connect_with(
        &self,
        organization: &Organization,
        phone_number_id: &str,
        waba_id: &str,
        app_id: Option<&str>,
        token: &str,
    ) -> Uuid {
        let tx = self.database.operator().await.expect("a transaction");
        let token = SecretString::from(token);
        let proof = Proof::operators_word(&organization.scope, phone_number_id, waba_id, app_id, &token);
        let line = event::line_of(&tx, &organization.scope).await.expect("its line");
        let id = model::number::connect(&line, &self.keyring, &proof, self.now())
            .await
            .expect("the statement runs")
            .expect("the number is free and the App is known");
        tx.commit().await.expect("the number is connected");
        id
    }

    /// Connects a number of the simulator; answers its id.
    pub async fn connect_simulated(&self, organization: &Organization, number: &SimulatedNumber) -> Uuid {
        self.connect_with(organization, &number.phone_number_id, &number.waba_id, None, &number.token).await
    }

    /// Ends the connection of a number.
    pub async fn disconnect(&self, organization: &Organization, phone_number_id: &str) {
        let tx = self.database.operator().await.expect("a transaction");
        let line = event::line_of(&tx, &organization.scope).await.expect("its line");
        model::number::disconnect(&line, phone_number_id, self.now())
            .await
            .expect("the statement runs")
            .expect("a connected number");
        tx.commit().await.expect("the number is disconnected");
    }

    /// Adds an App beside the default one.
    pub async fn app(&self, id: &str, secret: &str) {
        let tx = self.database.operator().await.expect("a transaction");
        let secret = SecretString::from(secret);
        let made = model::app::add(&tx, &self.keyring, id, id, &secret, None).await;
        assert!(made.expect("the statement runs"), "App {id} is new");
        tx.commit().await.expect("the App is there");
    }

    /// Makes an App an organization's own.
    pub async fn give_app(&self, id: &str, organization: &Organization) {
        let tx = self.database.operator().await.expect("a transaction");
        model::app::give_to(&tx, id, &organization.scope).await.expect("the statement runs");
        tx.commit().await.expect("the App is theirs");
    }

    // Webhooks -------------------------------------------------------------------------------------------------------

    /// Posts a signed body to `/webhook`.
    pub async fn post(&self, body: impl AsRef<[u8]>) -> u16 {
        self.post_to("/webhook", self.secret(), body.as_ref()).await
    }

    /// Posts a body, signed with this secret, to this path.
    pub async fn post_to(&self, path: &str, secret: &str, body: &[u8]) -> u16 {
        post(&self.client, &self.url, path, secret, body).await.expect("an answer")
    }

    /// Posts a signed body, which must be taken, and waits until it is applied.
    pub async fn receive(&self, value: &Value) {
        self.take(value).await;
        self.drain().await;
    }

    /// Posts a signed body, which must be taken.
    pub async fn take(&self, value: &Value) {
        assert_eq!(self.post(body::bytes(value)).await, 200, "{value}");
    }

    /// A poster for other tasks.
    pub fn posts(&self) -> Posts {
        Posts::new(&self.url, self.secret())
    }

    /// Waits until every body received is applied.
    pub async fn drain(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self
                .sql
                .query(
                    "SELECT i.lane, count(*) AS bodies, min(i.position) AS first FROM wazapp.inbound i
                     -- A stream is forgotten once all of it is applied.
                     JOIN wazapp.stream s ON s.id = i.stream_id
                     LEFT JOIN wazapp.lane_cursor c ON c.lane = i.lane AND c.stream_id = i.stream_id
                     WHERE i.position > coalesce(c.position, 0) GROUP BY i.lane, i.stream_id",
                    &[],
                )
                .await
                .expect("the inbound log can be read");
            if left.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                let left: Vec<String> = left
                    .iter()
                    .map(|row| {
                        let (lane, bodies): (i16, i64) = (row.get(0), row.get(1));
                        let first: i64 = row.get(2);
                        format!("lane {lane}: {bodies} from position {first} on")
                    })
                    .collect();
                panic!("not applied after {PATIENCE:?}: {}", left.join("; "));
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFnMut() -> bool) {
        until(what, holds).await;
    }

    // API ------------------------------------------------------------------------------------------------------------

    /// GETs a path below `/api/v1` with the organization's key.
    pub async fn get(&self, organization: &Organization, path: &str) -> (u16, Value) {
        self.call(Method::GET, organization, path, None).await
    }

    /// The answer to a GET that must succeed.
    pub async fn read(&self, organization: &Organization, path: &str) -> Value {
        let (status, answer) = self.get(organization, path).await;
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// PATCHes a path below `/api/v1`.
    pub async fn patch(&self, organization: &Organization, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PATCH, organization, path, Some(body)).await
    }

    /// POSTs to a path below `/api/v1`.
    pub async fn post_api(&self, organization: &Organization, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, organization, path, Some(body)).await
    }

    /// PUTs to a path below `/api/v1`.
    pub async fn put_api(&self, organization: &Organization, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PUT, organization, path, Some(body)).await
    }

    /// DELETEs a path below `/api/v1`.
    pub async fn delete(&self, organization: &Organization, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, organization, path, None).await
    }

    async fn call(
        &self,
        method: Method,
        organization: &Organization,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        self.call_with(method, organization, path, &[], body).await
    }

    /// A request to a path below `/api/v1` with headers of the test's own.
    pub async fn call_with(
        &self,
        method: Method,
        organization: &Organization,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self.request(method, organization, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer(request, path).await
    }

    /// Posts a form to a path below `/api/v1`.
    pub async fn post_form(
        &self,
        organization: &Organization,
        path: &str,
        headers: &[(&str, &str)],
        form: Form,
    ) -> (u16, Value) {
        let mut request = self.request(Method::POST, organization, path).header("content-type", Form::CONTENT_TYPE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.body(form.end()), path).await
    }

    /// A request to a path below `/api/v1` with the organization's key, to be completed.
    pub fn request(&self, method: Method, organization: &Organization, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&organization.key)
    }

    /// All rows of a list, page by page.
    pub async fn all(&self, organization: &Organization, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut next = String::new();
        loop {
            let answer = self.read(organization, &format!("{path}{next}")).await;
            rows.extend(answer["data"].as_array().expect("a list").iter().cloned());
            match &answer["next_cursor"] {
                Value::String(cursor) => next = format!("{separator}cursor={cursor}"),
                _ => return rows,
            }
        }
    }

    /// The organization's conversations.
    pub async fn conversations(&self, organization: &Organization) -> Vec<Value> {
        self.all(organization, "/conversations?limit=100").await
    }

    /// The only conversation of the organization.
    pub async fn conversation(&self, organization: &Organization) -> Value {
        let mut all = self.conversations(organization).await;
        assert_eq!(all.len(), 1, "one conversation: {all:#?}");
        all.remove(0)
    }

    /// A conversation's messages, in the order of their sequence.
    pub async fn messages(&self, organization: &Organization, conversation: &Value) -> Vec<Value> {
        let id = conversation["id"].as_str().expect("an id");
        let path = format!("/conversations/{id}/messages?limit=100");
        let mut rows = self.all(organization, &path).await;
        rows.sort_by_key(|row| row["sequence"].as_i64());
        rows
    }

    /// The messages of all conversations.
    pub async fn all_messages(&self, organization: &Organization) -> Vec<Value> {
        let mut all = Vec::new();
        for conversation in self.conversations(organization).await {
            all.extend(self.messages(organization, &conversation).await);
        }
        all
    }

    /// The message with this wamid.
    pub async fn message(&self, organization: &Organization, wamid: &str) -> Value {
        let all = self.all_messages(organization).await;
        let mut found: Vec<Value> = all.iter().filter(|row| row["wamid"] == wamid).cloned().collect();
        assert_eq!(found.len(), 1, "{wamid} among {all:#?}");
        found.remove(0)
    }

    /// The organization's events of a type.
    pub async fn events(&self, organization: &Organization, kind: &str) -> Vec<Value> {
        let mut all = self.all(organization, "/events?limit=100").await;
        all.retain(|event| event["type"] == kind);
        all
    }

    // Database -------------------------------------------------------------------------------------------------------

    /// A connection to this world's database as `postgres`, past everything that keeps organizations apart.
    pub async fn sql(&self) -> Client {
        cluster::connect(&self.socket_dir, &self.name).await.expect("a connection")
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let row = self.sql.query_one(sql, &[]).await;
        row.expect("the statement runs").get(0)
    }

    /// What is in quarantine and was not replayed, as (reason, phone_number_id, field).
    pub async fn quarantine(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let rows = self
            .sql
            .query(
                "SELECT reason, phone_number_id, field FROM wazapp.quarantine WHERE replayed_at IS NULL ORDER BY received_at, id",
                &[],
            )
            .await
            .expect("the quarantine can be read");
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Asserts what holds in every world: nothing waits, nothing was refused by the database, and no sequence has a
    /// gap or a repeat.
    pub async fn check(&self) {
        self.drain().await;
        let refused = self
            .sql
            .query("SELECT detail FROM wazapp.quarantine WHERE reason = 'not_applied'", &[])
            .await
            .expect("the quarantine can be read");
        let refused: Vec<String> = refused.iter().map(|row| row.get(0)).collect();
        assert!(refused.is_empty(), "the database refused: {refused:?}");
        for (what, sql) in [
            (
                "sequences of messages have gaps or repeats",
                "SELECT count(*) FROM (
                   SELECT FROM wazapp.message GROUP BY organization_id, conversation_id
                   HAVING count(*) <> max(sequence) OR count(DISTINCT sequence) <> count(*) OR min(sequence) <> 1) x",
            ),
            (
                "conversations count other messages than they have",
                "SELECT count(*) FROM wazapp.conversation c WHERE c.last_sequence <>
                   (SELECT count(*) FROM wazapp.message m
                    WHERE m.organization_id = c.organization_id AND m.conversation_id = c.id)",
            ),
            (
                "event logs have gaps or repeats",
                "SELECT count(*) FROM wazapp.organization_sequence s WHERE s.last <>
                   (SELECT count(*) FROM wazapp.event e WHERE e.organization_id = s.organization_id)",
            ),
            (
                "messages are shown nowhere or in two places",
                "SELECT count(*) FROM wazapp.message m LEFT JOIN wazapp.conversation c
                   ON c.organization_id = m.organization_id AND c.id = m.conversation_id AND c.number_id = m.number_id
                 WHERE c.id IS NULL",
            ),
            (
                "organizations have taken other than is counted",
                "SELECT count(*) FROM wazapp.quota q
                 WHERE (q.media_bytes, q.queued_messages) IS DISTINCT FROM (
                   (SELECT coalesce(sum(f.size), 0) FROM wazapp.file f WHERE f.organization_id = q.organization_id),
                   (SELECT count(*) FROM wazapp.outbox o
                    WHERE o.organization_id = q.organization_id AND o.state <> 'cancelled'))",
            ),
        ] {
            assert_eq!(self.count(sql).await, 0, "{what}");
        }
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
    /// A failed test leaves no database behind either.
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
    }
}

fn database(socket_dir: &std::path::Path, proxy: Option<&Proxy>, name: &str) -> Database {
    let way = proxy.map_or(socket_dir, Proxy::socket_dir);
    Database::new(Access::socket(way, name), 8).expect("a pool")
}

fn client() -> reqwest::Client {
    outside::http()
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("an HTTP client")
}

/// Status and JSON of the answer; null where it has no body.
async fn answer(request: reqwest::RequestBuilder, path: &str) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a whole answer");
    let value = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{path} answers no JSON ({error}): {text}")),
    };
    (status, value)
}

async fn post(client: &reqwest::Client, url: &str, path: &str, secret: &str, body: &[u8]) -> Result<u16> {
    let answer = client
        .post(format!("{url}{path}"))
        .header(signature::HEADER, signature::sign(secret, body))
        .header("content-type", "application/json")
        .body(body.to_vec())
        .send()
        .await
        .context("no answer")?;
    Ok(answer.status().as_u16())
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
