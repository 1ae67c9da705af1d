//! How to reach PostgreSQL.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::{Engine, Result};
use crate::tls;

/// How to reach PostgreSQL.
#[derive(Clone)]
pub struct Access {
    /// For short transactions; may lead to a transaction pooler.
    pub pooled: Config,
    /// A direct or session connection: migrations, and the long-lived connections of the worker.
    pub direct: Config,
    /// What the URL's `sslmode` asked for.
    pub tls: tls::Mode,
    /// A login for requests alone, which cannot become the worker's role.
    pub web: Option<(Config, tls::Mode)>,
    /// Whether `pooled` is a transaction pooler: prepared statements are not kept then.
    pub transaction_pooler: bool,
    /// Whether the roles themselves may log in, as they do on a private PostgreSQL.
    pub roles_log_in: bool,
    /// What kind of server it is; `None`: it is asked.
    pub engine: Option<Engine>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access(••••)")
    }
}

impl Access {
    /// A private PostgreSQL behind a Unix socket.
    pub fn socket(directory: &std::path::Path, database: &str) -> Self {
        let mut config = Config::new();
        config.host_path(directory).dbname(database).user("postgres").application_name("wazapp");
        Self {
            pooled: config.clone(),
            direct: config,
            tls: tls::Mode::Off,
            web: None,
            transaction_pooler: false,
            roles_log_in: true,
            engine: None,
        }
    }

    /// A PostgreSQL someone else runs. `direct` is another way to it when `url` leads to a transaction pooler.
    pub fn external(url: &str, direct: Option<&str>) -> Result<Self> {
        let (pooled, tls) = tls::parse_url(url)?;
        let direct_config = match direct {
            Some(direct) => tls::parse_url(direct)?.0,
            None => pooled.clone(),
        };
        Ok(Self {
            pooled,
            direct: direct_config,
            tls,
            web: None,
            transaction_pooler: direct.is_some_and(|direct| direct != url),
            roles_log_in: false,
            engine: None,
        })
    }

    /// With another login for requests: nothing that is sent on their connections reaches more than one organization.
    pub fn with_web_login(self, url: &str) -> Result<Self> {
        Ok(Self { web: Some(tls::parse_url(url)?), ..self })
    }

    /// Whether requests log in as somebody who cannot become the worker's role.
    pub fn has_two_logins(&self) -> bool {
        self.roles_log_in || self.web.is_some()
    }

    /// What people call it: `USER@HOST:PORT/DATABASE`, of several addresses all, without secrets.
    pub fn place(&self) -> String {
        let ports = self.direct.get_ports();
        let address = |(nth, host): (usize, &Host)| {
            let host = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(directory) => directory.display().to_string(),
            };
            ports.get(nth).or(ports.first()).map_or(host.clone(), |port| format!("{host}:{port}"))
        };
        let addresses: Vec<String> = self.direct.get_hosts().iter().enumerate().map(address).collect();
        let user = self.direct.get_user().unwrap_or("postgres");
        format!("{user}@{}/{}", addresses.join(","), self.direct.get_dbname().unwrap_or(user))
    }
}
