//! What the operator decided: flag over environment over TOML file over default.
//!
//! `settings` is the one table; flags, variables, TOML keys, `config show` and
//! the manual `config.default.toml` all follow it. `layers` finds the texts,
//! `parse` gives them types, `keys` keeps the secrets wazapp makes for itself.

mod backup;
mod data_dir;
mod error;
mod flags;
mod https;
mod keys;
mod layers;
mod parse;
mod provider;
mod settings;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use guard::{Network, Networks};
use model::quota::Limits;
use model::retention::Retention;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Serialize;
use web::SignInLink;
use worker::backup::Recipients;
use worker::mail::Post;

pub(crate) use backup::Restorable;
pub use backup::{BackupPlace, Backups};
pub use data_dir::create_data_dir;
pub(crate) use data_dir::{close_directory, open_private};
pub use error::{ConfigError, Source};
pub use flags::Flags;
pub use https::{Acme, CallersOfWebhook, CertificateSource, Https};
use keys::Look;

pub use keys::Kept;
pub use parse::{LogFormat, MediaUrl};
pub(crate) use parse::{days, limit};
pub use settings::{SETTINGS, Secrecy, Setting};

pub(crate) use layers::Exposed;
use layers::Layers;

/// A key that seals and opens secrets at rest.
pub type MasterKey = SecretBox<[u8; 32]>;

/// Its file in `DATA_DIR`, with a key in each line.
const MASTER_KEY: &str = "master-key";

/// Where the master keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// From the file in `DATA_DIR`, which is ours to write.
    Own(PathBuf),
    /// From a file of somebody else's, which a running server reads again.
    File(PathBuf),
    /// From a setting, which is read at the start alone.
    Said,
}

impl KeySource {
    /// The keys as they are there now. `None`: they cannot be read, or again only at a start.
    pub(crate) fn read(&self) -> Option<Vec<[u8; 32]>> {
        let (Self::Own(path) | Self::File(path)) = self else { return None };
        let text = SecretString::from(std::fs::read_to_string(path).ok()?);
        let keys = parse::master_keys(text.expose_secret()).ok()?;
        Some(keys.iter().map(|key| *key.expose_secret()).collect())
    }
}

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the private PostgreSQL, media, keys and backups live.
    pub data_dir: PathBuf,
    /// An external PostgreSQL; none means the private one.
    pub database_url: Option<SecretString>,
    /// The way around a transaction pooler, for migrations and LISTEN.
    pub database_direct_url: Option<SecretString>,
    /// Another login for requests, which cannot become the worker's role.
    pub database_web_url: Option<SecretString>,
    /// Where a private PostgreSQL's programs are, if not found by themselves.
    pub postgres_bin: Option<PathBuf>,
    /// Connections to the database.
    pub database_pool: usize,
    /// The plain HTTP address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// HTTPS with files; none: a proxy does it, or nobody.
    pub https: Option<Https>,
    /// Where operators ask for metrics and details; none: at `listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// Client connections open at once.
    pub max_connections: usize,
    /// Proxies whose X-Forwarded-* is believed.
    pub trusted_proxies: Vec<Network>,
    /// Private networks that organizations' endpoints may be in.
    pub allow_targets: Networks,
    /// Signs the visitor of a demo in; nobody sets it.
    pub sign_in_link: Option<SignInLink>,
    /// The default App's id at Meta.
    pub meta_app_id: Option<String>,
    /// The default App's verify token for the webhook's handshake.
    pub meta_verify_token: Option<SecretString>,
    /// The Graph API, without a trailing slash.
    pub graph_url: String,
    /// The Graph API's version, like `v26.0`.
    pub graph_version: String,
    /// Where media bytes are kept.
    pub media_url: MediaUrl,
    /// The longest file that is kept, in bytes.
    pub media_max_bytes: u64,
    /// The memory of the process that decodes a picture, in bytes.
    pub picture_memory_bytes: u64,
    /// What an organization may take where nothing is set for it.
    pub limits: Limits,
    /// How long things are kept where nothing is set for an organization.
    pub retention: Retention,
    /// Backups that are made by itself; none: nobody said where.
    pub backups: Option<Backups>,
    /// Who can open backups, where a command does not say.
    pub backup_recipients: Option<Recipients>,
    /// A tracing filter, like `info` or `wazapp=debug,info`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Where traces are told, without a trailing slash; none: where OpenTelemetry's own variables say, if they do.
    pub otlp_endpoint: Option<String>,
    /// Connections that commit webhook bodies.
    pub inbound_writers: usize,
    /// Lanes applied at the same time.
    pub inbound_appliers: usize,
    /// Webhook bodies applied in one transaction, at most.
    pub inbound_batch: usize,
    /// Webhook bodies that may wait for a commit.
    pub inbound_queue: usize,
    /// Days that raw webhook bodies are kept.
    pub inbound_retention_days: u32,
    /// Days that input of no connected number is kept.
    pub quarantine_retention_days: u32,
    /// The identity provider by which people may sign in.
    pub provider: Option<web::ProviderSettings>,
    /// Where mail to people goes, and whom it is from; none: links are shown.
    pub post: Option<Post>,
    /// Where secrets were said so that others may see them.
    pub(crate) exposed: Exposed,
    public_url: Option<String>,
    meta_app_secrets: Vec<SecretString>,
    master_keys: Option<Vec<MasterKey>>,
    master_key_file: Option<PathBuf>,
    shown: Vec<Shown>,
}

/// One line of `wazapp config show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The setting, as in the TOML file.
    pub key: &'static str,
    /// The value in force, secrets redacted; none if it is not set.
    pub value: Option<String>,
    /// Where the value was said.
    pub source: String,
    /// What the setting means.
    pub doc: &'static str,
}

impl Config {
    /// Reads flags, this process's environment and the TOML file.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::load_from(flags, &layers::process_environment()?)
    }

    /// The same with an environment of the caller's choice.
    pub fn load_from(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let said = layers::read(flags, environment)?;
        refuse_contradictions(&said)?;

        let data_dir = PathBuf::from(said.text("data_dir"));
        let https = https::read(&said)?;
        let own_url = https.as_ref().and_then(Https::public_url);
        let mut config = Self {
            database_url: said.optional("database_url", parse::database_url)?,
            database_direct_url: said.optional("database_direct_url", parse::database_url)?,
            database_web_url: said.optional("database_web_url", parse::database_url)?,
            postgres_bin: said.optional("postgres_bin", parse::absolute_path)?,
            database_pool: said.number("database_pool", 1..=200)?,
            listen: said.required("listen", parse::listen)?,
            https,
            metrics_listen: said.optional("metrics_listen", parse::listen)?,
            max_connections: said.number("max_connections", 16..=1_000_000)?,
            trusted_proxies: said.list("trusted_proxies", parse::network)?,
            sign_in_link: None,
            allow_targets: Networks::new(said.list("allow_targets", parse::network)?),
            meta_app_id: said.optional("meta_app_id", parse::word)?,
            meta_verify_token: said.optional("meta_verify_token", parse::secret)?,
            graph_url: said.required("graph_url", parse::http_url)?,
            graph_version: said.required("graph_version", parse::graph_version)?,
            media_url: said
                .optional("media_url", parse::media_url)?
                .unwrap_or_else(|| MediaUrl::File(data_dir.join("media"))),
            media_max_bytes: said.number("media_max_bytes", 1 << 20..=2 << 30)?,
            picture_memory_bytes: said.number("picture_memory_bytes", 16 << 20..=1 << 30)?,
            limits: Limits {
                media_bytes: said.required("quota_media_bytes", parse::limit)?,
                queued_messages: said.required("quota_queued_messages", parse::limit)?,
                uploads_a_day: said.required("quota_uploads_a_day", parse::limit)?,
                connections_a_day: said.required("quota_connections_a_day", parse::limit)?,
            },
            retention: Retention {
                events: said.required("event_retention_days", parse::days)?,
                statuses: said.required("status_retention_days", parse::days)?,
                messages: said.required("message_retention_days", parse::days)?,
            },
            backups: backup::read(&said)?,
            backup_recipients: said.optional("backup_recipient", Recipients::read)?,
            log: said.required("log", parse::log_filter)?,
            log_format: said.required("log_format", parse::log_format)?,
            otlp_endpoint: said.optional("otlp_endpoint", parse::http_url)?,
            inbound_writers: said.number("inbound_writers", 1..=8)?,
            inbound_appliers: said.number("inbound_appliers", 1..=16)?,
            inbound_batch: said.number("inbound_batch", 1..=1000)?,
            inbound_queue: said.number("inbound_queue", 16..=1_000_000)?,
            inbound_retention_days: said.number("inbound_retention_days", 8..=365)?,
            quarantine_retention_days: said.number("quarantine_retention_days", 1..=3650)?,
            provider: provider::read(&said)?,
            post: said
                .optional("smtp_url", parse::smtp_url)?
                .zip(said.optional("mail_from", parse::sender)?)
                .map(|(smtp, sender)| Post { smtp, sender }),
            public_url: said.optional("public_url", parse::origin)?.or(own_url),
            meta_app_secrets: said.list("meta_app_secret", parse::secret)?,
            master_keys: said.optional("master_key", parse::master_keys)?,
            master_key_file: said.file("master_key"),
            exposed: said.exposed().clone(),
            shown: Vec::new(),
            data_dir,
        };
        config.shown = said.shown(|key| config.derived_default(key));
        Ok(config)
    }

    /// Whether somebody said what a setting is.
    pub(crate) fn is_said(&self, key: &str) -> bool {
        self.shown.iter().any(|line| line.key == key && line.source != Source::Default.to_string())
    }

    /// The same for a server apart, in `DATA_DIR/name`: with an App, keys, media and a name of its own, and without an
    /// external database. Its log is quiet unless somebody asked for more.
    pub(crate) fn apart(self, name: &str, app_id: &str) -> Result<Self, ConfigError> {
        let shown = self.data_dir.join(name).display().to_string();
        let data_dir = data_dir::create_within(&self.data_dir, name).map_err(|error| {
            ConfigError::about(shown, format!("cannot be made ({error}): check data_dir and its permissions"))
        })?;
        let verify_token = keys::read_or_create(&data_dir, "verify-token", Look::Key)?;
        let log_said = self.is_said("log");
        Ok(Self {
            database_url: None,
            database_direct_url: None,
            database_web_url: None,
            meta_app_id: Some(app_id.to_owned()),
            meta_app_secrets: Vec::new(),
            meta_verify_token: Some(verify_token.and_then(|text| parse::secret(text.expose_secret()))?.value),
            media_url: MediaUrl::File(data_dir.join("media")),
            log: if log_said { self.log } else { "warn".to_owned() },
            public_url: None,
            provider: None,
            https: None,
            metrics_listen: None,
            post: None,
            backups: None,
            master_keys: None,
            master_key_file: None,
            data_dir,
            ..self
        })
    }

    /// What others call us, without a trailing slash. `bound` is the address
    /// really listened on, which differs from `listen` when its port is 0.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", dialable(bound)))
    }

    /// Where the private PostgreSQL finds its place and its programs.
    pub fn private_postgres(&self) -> crate::postgres::Options {
        crate::postgres::Options { data_dir: self.data_dir.clone(), postgres_bin: self.postgres_bin.clone() }
    }

    /// The keys that seal tokens and secrets at rest, the one that is to seal first: `WAZAPP_MASTER_KEY`, or those in
    /// `DATA_DIR/master-key`, made on first use.
    pub fn master_keys(&self) -> Result<Kept<Vec<MasterKey>>, ConfigError> {
        if let Some(keys) = &self.master_keys {
            let again = |key: &MasterKey| SecretBox::new(Box::new(*key.expose_secret()));
            return Ok(Kept::given(keys.iter().map(again).collect()));
        }
        keys::read_or_create(&self.data_dir, MASTER_KEY, Look::Key)?
            .and_then(|text| parse::master_keys(text.expose_secret()))
    }

    /// Where the master keys come from.
    pub(crate) fn key_source(&self) -> KeySource {
        match (&self.master_keys, &self.master_key_file) {
            (None, _) => KeySource::Own(self.data_dir.join(MASTER_KEY)),
            (Some(_), Some(path)) => KeySource::File(path.clone()),
            (Some(_), None) => KeySource::Said,
        }
    }

    /// Whether a master key is one that is tried first. Looking makes none.
    pub(crate) fn has_guessable_key(&self) -> bool {
        match &self.master_keys {
            Some(keys) => keys.iter().any(|key| keys::is_guessable(key.expose_secret())),
            None => self.key_source().read().is_some_and(|keys| keys.iter().any(keys::is_guessable)),
        }
    }

    /// The default App's secrets as they were said; none: wazapp made one.
    pub(crate) fn said_app_secrets(&self) -> &[SecretString] {
        &self.meta_app_secrets
    }

    /// Puts these keys in the place of those in `DATA_DIR/master-key`.
    pub(crate) fn write_master_keys(&self, keys: &[MasterKey]) -> Result<(), ConfigError> {
        let lines = keys.iter().map(|key| format!("{}\n", HEXLOWER.encode(key.expose_secret())));
        let text = SecretString::from(lines.collect::<String>());
        keys::replace(&self.data_dir, MASTER_KEY, &text).map_err(|error| {
            let path = self.data_dir.join(MASTER_KEY).display().to_string();
            ConfigError::about(path, format!("cannot be written ({error}): check data_dir and its permissions"))
        })
    }

    /// The default App's secrets, newest first: `WAZAPP_META_APP_SECRET`, or
    /// the random one in `DATA_DIR/app-secret` that nobody else knows, so that
    /// webhooks can be signed before Meta is set up.
    pub fn default_app_secrets(&self) -> Result<Kept<Vec<SecretString>>, ConfigError> {
        if !self.meta_app_secrets.is_empty() {
            return Ok(Kept::given(self.meta_app_secrets.clone()));
        }
        keys::read_or_create(&self.data_dir, "app-secret", Look::Key)?
            .and_then(|text| parse::secret(text.expose_secret()).map(|secret| vec![secret]))
    }

    /// The code in `DATA_DIR/setup-code` by which the first person sets this server up, made on first use. It opens nothing
    /// once there is anybody.
    pub fn set_up_code(&self) -> Result<SecretString, ConfigError> {
        let kept = keys::read_or_create(&self.data_dir, "setup-code", Look::Code)?;
        Ok(kept.and_then(|text| parse::secret(text.expose_secret()))?.value)
    }

    /// Forgets that code: there is somebody, so it opens nothing.
    pub fn forget_set_up_code(&self) {
        let _ = std::fs::remove_file(self.data_dir.join("setup-code"));
    }

    /// Every setting with its value and source, secrets redacted.
    pub fn show(&self) -> Vec<Shown> {
        self.shown.clone()
    }

    /// Defaults that follow from other settings.
    fn derived_default(&self, key: &str) -> Option<String> {
        match key {
            "public_url" => Some(self.public_url(self.listen)),
            "media_url" => Some(self.media_url.to_string()),
            "redirect_listen" => self.https.as_ref()?.redirect.map(|address| address.to_string()),
            _ => None,
        }
    }
}

/// Nobody can call 0.0.0.0; this machine can call loopback instead.
pub(crate) fn dialable(bound: SocketAddr) -> SocketAddr {
    match bound {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, bound.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, bound.port()).into(),
        _ => bound,
    }
}

fn refuse_contradictions(said: &Layers) -> Result<(), ConfigError> {
    if !said.is_set("database_url") {
        for key in ["database_direct_url", "database_web_url"] {
            said.refuse(key, "set without database_url: set WAZAPP_DATABASE_URL too, or unset this one")?;
        }
    }
    if !said.is_set("mail_from") {
        said.refuse("smtp_url", "set without mail_from: set WAZAPP_MAIL_FROM, whom mail is from, or unset this one")?;
    }
    if !said.is_set("smtp_url") {
        said.refuse("mail_from", "set without smtp_url: set WAZAPP_SMTP_URL, where mail goes, or unset this one")?;
    }
    // With only its id the App looks set up, yet every webhook of Meta's would
    // be turned away against a random secret.
    if !said.is_set("meta_app_secret") {
        said.refuse(
            "meta_app_id",
            "set without meta_app_secret: set WAZAPP_META_APP_SECRET (Meta's App dashboard, App settings, Basic), or unset this one",
        )?;
    }
    Ok(())
}
