//! What operators do, one file each.

pub(crate) mod app;
pub(crate) mod config_show;
pub(crate) mod doctor;
pub(crate) mod key;
pub(crate) mod key_ring;
pub(crate) mod load;
pub(crate) mod member;
pub(crate) mod migrate;
pub(crate) mod number;
pub(crate) mod organization;
pub(crate) mod quarantine;
pub(crate) mod replay;
pub(crate) mod simulator;
pub(crate) mod user;
pub(crate) mod version;
pub(crate) mod webhook;

use std::io::{BufRead, Read};

use anyhow::{Context, bail};
use model::database::Operator;
use model::organization::Organization;
use secrecy::{ExposeSecret, SecretString};

/// The organization an operator named.
pub(crate) async fn find_organization(tx: &Operator, name: &str) -> anyhow::Result<Organization> {
    model::organization::find(tx, name).await?.with_context(|| {
        format!("there is no organization {name:?}: see wazapp org list, or make it with wazapp org create")
    })
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
