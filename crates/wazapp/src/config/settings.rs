//! The table of settings: a new setting is one entry here, one field in
//! `Config` and one paragraph in `config.default.toml`.

/// What may be shown of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// Only that it is set.
    Secret,
    /// A URL without its password.
    UrlWithPassword,
}

/// One setting, under all its names.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the TOML file; variable and flag follow from it.
    pub key: &'static str,
    /// Its default as text; empty if there is none.
    pub default: &'static str,
    /// What may be shown of it.
    pub secrecy: Secrecy,
    /// What it means, in a line.
    pub doc: &'static str,
}

impl Setting {
    /// The environment variable: `WAZAPP_` and the key in capitals.
    pub fn variable(&self) -> String {
        format!("WAZAPP_{}", self.key.to_uppercase())
    }

    /// The flag: `--` and the key with dashes.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    pub(super) fn named(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

const fn open(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, default, secrecy: Secrecy::Open, doc }
}

const fn secret(key: &'static str, doc: &'static str) -> Setting {
    Setting { key, default: "", secrecy: Secrecy::Secret, doc }
}

const fn url_with_password(key: &'static str, doc: &'static str) -> Setting {
    Setting { key, default: "", secrecy: Secrecy::UrlWithPassword, doc }
}

/// Every setting there is, in the order of the manual.
#[rustfmt::skip]
pub static SETTINGS: &[Setting] = &[
    open("data_dir", "./data", "directory of the private PostgreSQL, media, keys and backups"),
    open("listen", "127.0.0.1:8080", "address of plain HTTP; port 0 picks a free one"),
    open("public_url", "", "what others call this server; http:// and the listen address if not set"),
    open("trusted_proxies", "", "networks (CIDR, comma separated) whose X-Forwarded-For is believed"),
    open("allow_targets", "", "private networks (CIDR, comma separated) that organizations' endpoints may be in, like 127.0.0.0/8 on a laptop"),
    open("metrics_listen", "", "address for /metrics and the details of /readyz alone; at listen if not set"),
    open("max_connections", "8192", "client connections open at once (16-1000000); beyond, the longest waiting one ends"),
    url_with_password("database_url", "an external PostgreSQL 15 or newer; a private one is run if not set"),
    url_with_password("database_direct_url", "direct connection for migrations and LISTEN when database_url is a transaction pooler"),
    url_with_password("database_web_url", "another login for API requests, a member of wazapp_web alone"),
    open("database_pool", "8", "connections to the database (1-200)"),
    open("postgres_bin", "", "directory of the private PostgreSQL's programs, if not found by themselves"),
    open("meta_app_id", "", "the default App's id at Meta"),
    secret("meta_app_secret", "the default App's secret; several, comma separated, while rotating"),
    secret("meta_verify_token", "the default App's verify token for the webhook's handshake"),
    open("graph_url", "https://graph.facebook.com", "Meta's Graph API"),
    open("graph_version", "v26.0", "version of the Graph API"),
    secret("master_key", "32 bytes (64 hex digits or base64) that seal secrets at rest; several while rotating, newest first; made in data_dir if not set"),
    open("media_url", "", "where media are kept, file:DIR or s3://BUCKET/PREFIX; data_dir/media if not set"),
    open("media_max_bytes", "104857600", "the longest file that is fetched or uploaded, in bytes (1048576-2147483648)"),
    open("picture_memory_bytes", "67108864", "memory for decoding one picture, in bytes; what takes more gets no thumbnail (16777216-1073741824)"),
    open("quota_media_bytes", "21474836480", "what an organization's files may take, in bytes, or none"),
    open("quota_queued_messages", "200000", "messages of an organization that may wait to be sent, planned ones with them, or none"),
    open("quota_uploads_a_day", "20000", "files that an organization may upload a day, or none"),
    open("quota_connections_a_day", "200", "attempts to connect a number that an organization may begin a day, or none"),
    open("oidc_issuer", "", "the identity provider by which people may sign in, as it names itself"),
    open("oidc_client_id", "", "as which this server is registered there"),
    secret("oidc_client_secret", "what proves this server to the identity provider"),
    open("oidc_name", "", "what people call the identity provider; its host if not set"),
    open("oidc_scopes", "email profile", "what the identity provider is asked to tell of who signs in"),
    open("oidc_join", "", "who comes to work where without an invitation, like example.com=acme:agent; comma separated"),
    url_with_password("smtp_url", "mail server for invitations and password links, smtp(s)://USER:PASSWORD@HOST:PORT; links are shown if not set"),
    open("mail_from", "", "whom mail is from, like wazapp@example.com; goes with smtp_url"),
    open("log", "info", "what is logged: a level, or a filter like wazapp=debug,info"),
    open("log_format", "auto", "auto (text on a terminal, JSON otherwise), text or json"),
    open("otlp_endpoint", "", "collector that traces are told to by OTLP/HTTP, like http://127.0.0.1:4318; OTEL_EXPORTER_OTLP_ENDPOINT if not set, else nobody"),
    open("inbound_writers", "1", "connections that commit webhook bodies (1-8)"),
    open("inbound_appliers", "2", "lanes of webhook bodies applied at the same time (1-16)"),
    open("inbound_batch", "1000", "webhook bodies applied in one transaction, at most (1-1000)"),
    open("inbound_queue", "4096", "webhook bodies that may wait for a commit before 503 is answered (16-1000000)"),
    open("inbound_retention_days", "14", "days that raw webhook bodies are kept (8-365)"),
    open("quarantine_retention_days", "30", "days that input of no connected number is kept (1-3650)"),
    open("event_retention_days", "90", "days that events are kept (8-36500), or forever"),
    open("status_retention_days", "forever", "days that updates of statuses are kept (8-36500), or forever"),
    open("message_retention_days", "forever", "days that messages are kept (8-36500), or forever"),
    open("backup_to", "", "where backups are made by itself, a directory or s3://BUCKET/PREFIX; goes with backup_recipient"),
    open("backup_recipient", "", "who can open backups, recipients of age (comma separated), as wazapp backup key prints them"),
    open("backup_every", "24", "hours from one backup to the next (1-8760)"),
    open("backup_keep", "14", "how many backups made by itself are kept (1-10000)"),
    open("tls_cert", "", "certificate file (PEM, the server's own first) for HTTPS, read again when it changes; goes with tls_key and public_url"),
    open("tls_key", "", "key file (PEM) of tls_cert"),
    open("domain", "", "domains (comma separated, what people know first) that HTTPS certificates are got for and renewed by itself (ACME)"),
    open("acme_email", "", "whom the authority of those certificates writes to"),
    open("acme_directory", "https://acme-v02.api.letsencrypt.org/directory", "the authority, by the URL of its ACME directory"),
    open("acme_eab_key_id", "", "id of the key by which an authority that makes accounts beforehand knows whose a new one is (external account binding)"),
    secret("acme_eab_key", "that key, in base64url as the authority gives it"),
    open("acme_ca", "", "certificate file (PEM) by which a private authority proves itself"),
    open("webhook_client_ca", "", "files (PEM, comma separated) of the authorities whose client certificates the webhook takes (mTLS), read again when they change; it takes calls without one if not set"),
    open("webhook_client_name", "client.webhooks.fbclientcerts.com", "the name that those client certificates are of"),
    open("https_listen", "[::]:443", "address of HTTPS, where domain or tls_cert is set; port 0 picks a free one"),
    open("redirect_listen", "", "address of plain HTTP from which everybody is led to public_url, or none; [::]:80 with domain, else none"),
];
