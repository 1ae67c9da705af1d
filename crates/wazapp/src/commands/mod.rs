//! What operators do, one file each.

pub(crate) mod app;
pub(crate) mod config_show;
pub(crate) mod doctor;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod number;
pub(crate) mod organization;
pub(crate) mod quarantine;
pub(crate) mod replay;
pub(crate) mod simulator;
pub(crate) mod version;
pub(crate) mod webhook;

use std::io::Read;

use anyhow::{Context, bail};
use model::database::Operator;
use model::organization::Organization;
use secrecy::SecretString;

/// The organization an operator named.
pub(crate) async fn find_organization(tx: &Operator, name: &str) -> anyhow::Result<Organization> {
    model::organization::find(tx, name).await?.with_context(|| {
        format!("there is no organization {name:?}: see wazapp org list, or make it with wazapp org create")
    })
}

/// A secret from the command line; `-` reads it from standard input, where other users of the machine do not see it.
pub(crate) fn secret(argument: &str) -> anyhow::Result<SecretString> {
    if argument != "-" {
        return Ok(SecretString::from(argument.to_owned()));
    }
    let mut text = String::new();
    std::io::stdin().lock().take(64 << 10).read_to_string(&mut text).context("standard input cannot be read")?;
    let text = text.trim();
    if text.is_empty() {
        bail!("standard input is empty: the secret was expected there");
    }
    Ok(SecretString::from(text.to_owned()))
}
