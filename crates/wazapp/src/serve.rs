//! `wazapp serve`: from the configuration to a server, and back to silence.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use model::apps::DefaultApp;
use model::database::Access;
use model::{Database, inspect, user};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::serve::{Admission, Proxies};

use crate::caution;
use crate::certificate::acme::Authority;
use crate::certificate::{CallerFiles, Files};
use crate::config::{CertificateSource, Config, create_data_dir, dialable};
use crate::mark;
use crate::open;
use crate::postgres::{DirLock, PrivatePostgres};
use crate::server::{self, Https, Setup, Source};
use crate::service;
use crate::telemetry;

/// After an unexpected end, PostgreSQL is started again after this long.
const RESTART_AFTER: Duration = Duration::from_millis(500);

/// A first conversation needs a body to post; this one ships with the source.
const EXAMPLE: &str = "examples/hello.json";

pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let traces = telemetry::log_and_trace(config)?;
    let served = serve(config).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    served
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let place = Place::take(config).await?;
    let mut serving = Serving::start(config, place).await?;
    greet(config, serving.address(), serving.database()).await;
    let asked = serving.asked_to_stop().await;
    serving.end(asked).await
}

/// What a server has for itself before it begins: its data directory and its address.
pub(crate) struct Place {
    lock: DirLock,
    listener: TcpListener,
    https: Option<Https>,
    operators: Option<TcpListener>,
}

impl Place {
    /// Waits for an admin command that holds the directory; refused where another server does, or listens there.
    pub(crate) async fn take(config: &Config) -> anyhow::Result<Self> {
        raise_file_limit();
        create_data_dir(&config.data_dir)?;
        let lock = DirLock::for_serve(&config.data_dir, &mut |line| eprintln!("{line}")).await?;
        let listener = bind(config.listen, "WAZAPP_LISTEN").await?;
        let operators = match config.metrics_listen {
            Some(address) => Some(bind(address, "WAZAPP_METRICS_LISTEN").await?),
            None => None,
        };
        Ok(Self { lock, listener, https: https(config).await?, operators })
    }
}

async fn https(config: &Config) -> anyhow::Result<Option<Https>> {
    let Some(https) = &config.https else { return Ok(None) };
    let source = match &https.certificate {
        CertificateSource::Files { cert, key } => {
            let mut files = Files::new(cert, key);
            Source::Files { certificate: files.read()?, files }
        }
        CertificateSource::Acme(acme) => Source::Acme(Authority::read(acme)?),
    };
    let callers = https.callers.as_ref().map(|callers| {
        let mut files = CallerFiles::new(&callers.files, &callers.name);
        files.read().map(|callers| (callers, files))
    });
    let callers = callers.transpose()?;
    let listener = bind(https.listen, "WAZAPP_HTTPS_LISTEN").await?;
    let redirect = match https.redirect {
        Some(address) => Some(bind(address, "WAZAPP_REDIRECT_LISTEN").await?),
        None => None,
    };
    Ok(Some(Https { listener, source, redirect, callers }))
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    let is_denied = bound.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
    bound.with_context(|| match is_denied {
        true => format!(
            "cannot listen on {address}: a port below 1024 needs the right CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=, \
             else setcap cap_net_bind_service=+ep WAZAPP), or another port: set {setting}"
        ),
        false => format!("cannot listen on {address}: another program may; set {setting}"),
    })
}

/// A server at work, its PostgreSQL below it, and the signals that end it.
pub(crate) struct Serving {
    running: server::Running,
    database: Database,
    announced: Announced,
    signals: Signals,
    /// Cancelled when nobody is told any more that it is alive.
    silence: CancellationToken,
    postgres: Option<Supervised>,
    // With an external database nobody else holds it.
    _lock: Option<DirLock>,
}

impl Serving {
    /// Returns when the server is ready.
    pub(crate) async fn start(config: &Config, place: Place) -> anyhow::Result<Self> {
        let Place { lock, listener, https, operators } = place;
        let metrics = telemetry::metrics()?;
        let mut signals = Signals::new()?;
        let (access, postgres, lock) = match open::external(config)? {
            Some(access) => (access, None, Some(lock)),
            None => {
                mark::refuse_private(config)?;
                let mut tell = |line: &str| {
                    service::status(line);
                    eprintln!("{line}");
                };
                let private = PrivatePostgres::start(&config.private_postgres(), lock, &mut tell).await?;
                let params = private.connection_params();
                (Access::socket(&params.host, params.dbname), Some(Supervised::new(private)), None)
            }
        };
        let elsewhere = postgres.is_none().then(|| access.place());
        let started = tokio::select! {
            started = start(config, access, metrics, (listener, https, operators)) => started,
            () = signals.any() => Err(anyhow::anyhow!("stopped before it was ready")),
        };
        match started {
            Ok((running, database, announced)) => {
                if let Some(Err(error)) = elsewhere.map(|place| mark::set(&config.data_dir, &place)) {
                    tracing::warn!(
                        "{error:#}: admin commands without WAZAPP_DATABASE_URL would make a database of their own"
                    );
                }
                tracing::info!(listen = %running.address(), "ready");
                let silence = CancellationToken::new();
                service::ready(running.address(), &silence);
                Ok(Self { running, database, announced, signals, silence, postgres, _lock: lock })
            }
            Err(error) => {
                end(postgres).await?;
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Its database.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Waits for Ctrl-C or SIGTERM; an error where the database was taken away under it.
    pub(crate) async fn asked_to_stop(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            () = self.signals.any() => Ok(()),
            why = self.running.taken_away() => Err(anyhow::anyhow!(why)),
        }
    }

    /// Finishes what is under way, unless it was taken away, then stops PostgreSQL.
    pub(crate) async fn end(self, asked: anyhow::Result<()>) -> anyhow::Result<()> {
        service::stopping();
        match &asked {
            Ok(()) => {
                tracing::info!("stopping: what is under way is finished first");
                self.running.stop().await;
            }
            Err(why) => {
                tracing::error!("ending at once, and nobody is answered any more: {why}");
                drop(self.running);
            }
        }
        drop(self.announced);
        let ended = end(self.postgres).await;
        // It is alive until then.
        self.silence.cancel();
        asked.and(ended)
    }
}

async fn end(postgres: Option<Supervised>) -> anyhow::Result<()> {
    if let Some(postgres) = postgres {
        postgres.stop().await?;
    }
    tracing::info!("stopped");
    Ok(())
}

async fn start(
    config: &Config,
    access: Access,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    (listener, https, operators): (TcpListener, Option<Https>, Option<TcpListener>),
) -> anyhow::Result<(server::Running, Database, Announced)> {
    let secrets = config.default_app_secrets()?;
    if let Some(warning) = secrets.warning {
        tracing::warn!("{warning}");
    }
    let database =
        Database::new(access, config.database_pool)?.with_limits(config.limits).with_retention(config.retention);
    if !database.access().has_two_logins() {
        tracing::warn!(
            "requests and the worker share one database login: row-level security guards against mistakes in requests, not \
             against statements that change the role; set WAZAPP_DATABASE_WEB_URL (docs/operate.md)"
        );
    }
    for caution in caution::at_start(config) {
        tracing::warn!("{caution}");
    }
    let address = listener.local_addr()?;
    let https_address = https.as_ref().map(|https| https.listener.local_addr()).transpose()?;
    let keep = metrics.clone();
    tokio::spawn(async move {
        // Histograms gather samples until someone drains them, scraped or not.
        let mut rounds = tokio::time::interval(Duration::from_secs(5));
        loop {
            rounds.tick().await;
            keep.run_upkeep();
        }
    });
    let setup = Setup {
        database: database.clone(),
        clock: model::Clock::default(),
        keyring: open::keyring_telling(config, |warning| tracing::warn!("{warning}"))?,
        default_app: DefaultApp {
            id: config.meta_app_id.clone(),
            secrets: secrets.value,
            verify_token: config.meta_verify_token.clone(),
        },
        graph_url: config.graph_url.clone(),
        graph_version: config.graph_version.clone(),
        graph_timeouts: whatsapp::graph::Timeouts::default(),
        store: open::store(config)?,
        media_max_bytes: config.media_max_bytes,
        decoder: worker::media::Decoder::this_program(config.picture_memory_bytes),
        public_url: Some(config.public_url(address)),
        provider: config.provider.clone(),
        writers: config.inbound_writers,
        queue: config.inbound_queue,
        appliers: config.inbound_appliers,
        batch: u32::try_from(config.inbound_batch).unwrap_or(u32::MAX),
        retention_days: u16::try_from(config.inbound_retention_days).unwrap_or(u16::MAX),
        quarantine_days: u16::try_from(config.quarantine_retention_days).unwrap_or(u16::MAX),
        post: config.post.clone(),
        backups: backups(config)?,
        allow_targets: config.allow_targets.clone(),
        looks_at_numbers: true,
        set_up: Some(config.set_up_code()?),
        sign_in_link: config.sign_in_link.clone(),
        admission: admission(config),
        https,
        operators,
        metrics: Arc::new(move || metrics.render()),
    };
    let running = server::start(setup, listener).await?;
    weigh(&database).await;
    match Announced::write(config, running.address(), https_address) {
        Ok(announced) => Ok((running, database, announced)),
        Err(error) => {
            running.stop().await;
            Err(error)
        }
    }
}

/// Says in the log what a person should weigh of the database. Where it does not answer now, there is nothing to say.
async fn weigh(database: &Database) {
    match inspect::at_start(database).await {
        Ok(found) => caution::of_database(&found).iter().for_each(|caution| tracing::warn!("{caution}")),
        Err(error) => tracing::debug!(%error, "the database was not looked at"),
    }
}

fn backups(config: &Config) -> anyhow::Result<Option<worker::backup::schedule::Settings>> {
    let Some(backups) = &config.backups else { return Ok(None) };
    let keys = config.kept_keys();
    Ok(Some(worker::backup::schedule::Settings {
        clock: model::Clock::default(),
        store: open::store(config)?,
        to: backups.to.shelf().context("WAZAPP_BACKUP_TO")?,
        recipients: backups.recipients.clone(),
        every: jiff::SignedDuration::from_hours(backups.every_hours),
        keep: backups.keep,
        keys: Arc::new(move || keys.read()),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// What others call the server: the one that runs on this data directory, else as the configuration says.
pub(crate) fn public_url(config: &Config) -> String {
    running_public_url(&config.data_dir).unwrap_or_else(|| config.public_url(config.listen))
}

fn admission(config: &Config) -> Admission {
    let trusted = config.trusted_proxies.clone();
    let proxies = Proxies::new(move |address| trusted.iter().any(|network| network.contains(address)));
    Admission::new(config.max_connections, proxies)
}

/// Ctrl-C and SIGTERM, from now on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    Signals::new()?.any().await;
    Ok(())
}

/// The private PostgreSQL, kept running.
struct Supervised {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Supervised {
    fn new(private: PrivatePostgres) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(supervise(private, stop.clone())), stop }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}

/// Starts the private PostgreSQL again when it ends by itself; stops it at the end.
async fn supervise(mut private: PrivatePostgres, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                private.stop().await;
                return Ok(());
            }
            status = private.exited() => tracing::warn!(%status, "PostgreSQL ended by itself: it is started again"),
        }
        while let Err(error) = private.restart(&mut |line| tracing::info!("{line}")).await {
            tracing::warn!(%error, "PostgreSQL does not start");
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(RESTART_AFTER) => {}
            }
        }
    }
}

/// Each connection is a file; the soft limit is often far below what the hard one allows.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// `DATA_DIR/wazapp.json`: where this server listens, for commands and scripts. Gone when it stops.
struct Announced(PathBuf);

impl Announced {
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("wazapp.json")
    }

    fn write(config: &Config, address: SocketAddr, https: Option<SocketAddr>) -> anyhow::Result<Self> {
        let path = Self::path(&config.data_dir);
        let text = serde_json::json!({
            "listen": address.to_string(),
            "https_listen": https.map(|address| address.to_string()),
            "public_url": config.public_url(address),
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        let partial = path.with_extension("json.new");
        std::fs::write(&partial, text.to_string())
            .and_then(|()| std::fs::rename(&partial, &path))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where the server that runs on this data directory listens.
pub(crate) fn running_address(data_dir: &Path) -> Option<SocketAddr> {
    announced(data_dir, "listen")?.parse().ok()
}

/// How this machine calls the server that runs on this data directory: `http://` and an address.
pub(crate) fn running_here(data_dir: &Path) -> Option<String> {
    Some(format!("http://{}", dialable(running_address(data_dir)?)))
}

/// What others call the server that runs on this data directory.
pub(crate) fn running_public_url(data_dir: &Path) -> Option<String> {
    announced(data_dir, "public_url")
}

fn announced(data_dir: &Path, what: &str) -> Option<String> {
    let text = std::fs::read_to_string(Announced::path(data_dir)).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(value.get(what)?.as_str()?.to_owned())
}

/// Words for people go to standard output, the log to standard error. On an empty server: the next commands, so that a newcomer sees a conversation within a minute.
async fn greet(config: &Config, address: SocketAddr, database: &Database) {
    let empty = matches!(model::organization::count(database).await, Ok(0));
    let program = std::env::args().next().unwrap_or_else(|| "wazapp".into());
    // In another terminal nothing else says where this server's data are.
    let program = match (config.is_said("data_dir"), std::path::absolute(&config.data_dir)) {
        (true, Ok(data_dir)) => format!("WAZAPP_DATA_DIR='{}' {program}", data_dir.display()),
        _ => program,
    };
    let url = config.public_url(address);
    match (nobody(database).await, config.set_up_code()) {
        (Ok(true), Ok(code)) => say(format!(
            "\nNobody has an account yet. Open {url}/setup and set this server up with the code\n\n    {}\n",
            code.expose_secret()
        )),
        (Ok(false), _) => config.forget_set_up_code(),
        _ => {}
    }
    if !empty {
        say(format!("\nwazapp is ready on {url} — API and its page: {url}/docs\n"));
        return;
    }
    say(format!(
        "\nwazapp is ready on {url} — API and its page: {url}/docs\n\
         \n\
         Nothing is connected yet. In another terminal, in this directory, the next three commands lead to a first conversation:\n\
         \n\
         \x20 1  {program} org create \"Acme\"\n\
         \x20 2  {program} number connect --org acme --phone-number-id 106540352242922 --waba-id 102290129340398 --token none --skip-checks\n\
         \x20 3  {program} webhook post {EXAMPLE}\n\
         \n\
         Then read it back:  {program} key create --org acme   and   curl -H \"Authorization: Bearer KEY\" {url}/api/v1/conversations\n"
    ));
}

async fn nobody(database: &Database) -> model::database::Result<bool> {
    let tx = database.operator().await?;
    let any = user::are_any(&tx).await?;
    tx.close();
    Ok(!any)
}

/// A closed pipe behind standard output is nobody's failure.
fn say(words: String) {
    let _ = writeln!(std::io::stdout(), "{words}");
}
