//! What operators do, one file each.

pub(crate) mod app;
pub(crate) mod backup;
pub(crate) mod config_show;
pub(crate) mod doctor;
pub(crate) mod endpoint;
pub(crate) mod erase;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod key_ring;
pub(crate) mod load;
pub(crate) mod mcp;
pub(crate) mod member;
pub(crate) mod migrate;
pub(crate) mod number;
pub(crate) mod openapi;
pub(crate) mod organization;
pub(crate) mod postgres;
pub(crate) mod quarantine;
pub(crate) mod relocation;
mod remote;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod setup;
pub(crate) mod simulator;
pub(crate) mod supabase;
pub(crate) mod user;
pub(crate) mod version;
pub(crate) mod webhook;

use std::io::{BufRead, Read};

use anyhow::{Context, bail};
use jiff::Timestamp;
use model::audit::{self, Actor, Deed};
use model::database::{Operator, Tenant};
use model::organization::Organization;
use model::{Clock, Database, Scope};
use secrecy::{ExposeSecret, SecretString};

use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;

/// The organization an operator named.
pub(crate) async fn find_organization(tx: &Operator, name: &str) -> anyhow::Result<Organization> {
    model::organization::find(tx, name).await?.with_context(|| {
        format!("there is no organization {name:?}: see wazapp org list, or make it with wazapp org create")
    })
}

/// Does something in an organization, and writes it down there.
pub(crate) async fn in_organization<T>(
    config: &Config,
    organization: &OrganizationArg,
    act: impl AsyncFnOnce(&Tenant, Timestamp) -> anyhow::Result<(Deed, T)>,
) -> anyhow::Result<T> {
    open::with(config, async |opened| {
        let scope = scope_of(&opened.database, organization).await?;
        let (tx, now) = (opened.database.tenant(&scope).await?, Clock::default().now());
        let (deed, done) = act(&tx, now).await?;
        audit::record(&tx, now, &Actor::operator(), &deed).await?;
        tx.commit().await?;
        Ok(done)
    })
    .await
}

/// The organization whose rows a command works on.
pub(crate) async fn scope_of(database: &Database, organization: &OrganizationArg) -> anyhow::Result<Scope> {
    let tx = database.operator().await?;
    let scope = find_organization(&tx, &organization.organization).await?.scope();
    tx.close();
    Ok(scope)
}

/// A secret on the command line. `-` reads it from standard input, where other users of the machine do not see it; of several,
/// each is a line, in the order in which a command's help names them, settings first.
#[derive(Clone)]
pub(crate) struct SecretArg(SecretString);

impl std::fmt::Debug for SecretArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretArg(••••)")
    }
}

impl From<&str> for SecretArg {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

impl SecretArg {
    /// One that was read already.
    pub(crate) fn of(secret: SecretString) -> Self {
        Self(secret)
    }

    /// The secret; to be called once.
    pub(crate) fn read(&self) -> anyhow::Result<SecretString> {
        match self.0.expose_secret() {
            "-" => Ok(SecretString::from(stdin_line()?)),
            _ => Ok(self.0.clone()),
        }
    }
}

/// The next line of standard input.
pub(crate) fn stdin_line() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().take(64 << 10).read_line(&mut text).context("standard input cannot be read")?;
    let text = text.trim();
    if text.is_empty() {
        bail!("standard input has no line for the secret: `-` says that it is there");
    }
    Ok(text.to_owned())
}
