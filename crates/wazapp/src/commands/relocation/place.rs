//! A database of a move: the private one, or one by its URL.

use std::path::PathBuf;

use anyhow::bail;
use model::database::Access;
use model::{Database, relocation};
use secrecy::{ExposeSecret, SecretString};
use worker::relocation::database;

use crate::config::Config;
use crate::mark;
use crate::open;
use crate::postgres::{self, Options};

/// Where a database is.
pub(super) enum Place {
    /// In DATA_DIR.
    Private,
    /// By its URLs.
    External(Box<Access>),
}

/// One that is reached.
pub(in super::super) struct Reached {
    pub(in super::super) database: Database,
    /// For people, without secrets.
    pub(super) name: String,
    private: Option<postgres::Access>,
}

impl Place {
    /// The one that is configured.
    pub(super) fn configured(config: &Config) -> anyhow::Result<Self> {
        mark::refuse_private(config)?;
        Ok(open::external(config)?.map_or(Self::Private, |access| Self::External(Box::new(access))))
    }

    /// The one that somebody says.
    pub(super) fn said(
        to: &SecretString,
        direct: Option<&SecretString>,
        web: Option<&SecretString>,
    ) -> anyhow::Result<Self> {
        if to.expose_secret() == "private" {
            return Ok(Self::Private);
        }
        if !to.expose_secret().starts_with("postgres://") && !to.expose_secret().starts_with("postgresql://") {
            bail!(
                "--to: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, - to read that from standard input, or private"
            );
        }
        let access = Access::external(to.expose_secret(), direct.map(ExposeSecret::expose_secret))?;
        let access = match web {
            Some(web) => access.with_web_login(web.expose_secret())?,
            None => access,
        };
        Ok(Self::External(Box::new(access)))
    }

    pub(super) fn is_private(&self) -> bool {
        matches!(self, Self::Private)
    }

    /// Reaches it; a private one is started.
    pub(super) async fn reach(self, config: &Config) -> anyhow::Result<Reached> {
        match self {
            Self::External(access) => {
                let name = access.place();
                Ok(Reached { database: connected(config, *access)?, name, private: None })
            }
            Self::Private => {
                let name = format!("the private PostgreSQL in {}", data_dir(config).display());
                Reached::private(config, &config.private_postgres(), name).await
            }
        }
    }
}

/// As it is called wherever a command is run.
pub(in super::super) fn data_dir(config: &Config) -> PathBuf {
    std::fs::canonicalize(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone())
}

fn connected(config: &Config, access: Access) -> anyhow::Result<Database> {
    Ok(Database::new(access, 2)?.with_limits(config.limits).with_retention(config.retention))
}

impl Reached {
    /// A private one, which is started.
    pub(in super::super) async fn private(config: &Config, options: &Options, name: String) -> anyhow::Result<Self> {
        let private = postgres::Access::attach_or_start(options, &mut |line| eprintln!("{line}")).await?;
        let params = private.connection_params();
        let database = connected(config, Access::socket(&params.host, params.dbname))?;
        Ok(Self { database, name, private: Some(private) })
    }

    /// As moves know it.
    pub(in super::super) fn place(&self) -> database::Place<'_> {
        database::Place { database: &self.database, name: &self.name }
    }

    /// Refused where a server runs on a private one; of an external one, the database is asked.
    pub(in super::super) fn refuse_server(&self) -> anyhow::Result<()> {
        match self.private.as_ref().and_then(postgres::Access::server) {
            Some(pid) => bail!("a server runs on {} (process {pid}): stop it first", self.name),
            None => Ok(()),
        }
    }

    /// The same, and of an external one those that show themselves.
    pub(super) async fn refuse_servers(&self) -> anyhow::Result<()> {
        self.refuse_server()?;
        if self.private.is_some() {
            return Ok(());
        }
        match relocation::running(&self.database).await?.first() {
            Some(server) => bail!("a server runs on {} ({}): stop it first", self.name, server.name),
            None => Ok(()),
        }
    }

    pub(in super::super) async fn close(self) -> anyhow::Result<()> {
        self.database.close();
        if let Some(private) = self.private {
            private.close(&mut |line| eprintln!("{line}")).await?;
        }
        Ok(())
    }
}
