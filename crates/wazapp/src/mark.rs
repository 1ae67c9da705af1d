//! `DATA_DIR/external-database`: that the database of this data directory is elsewhere, and where, without secrets. A server
//! writes it; a command that is not told of that database stops there, instead of making another one.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::{Config, open_private};
use crate::unit;

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("external-database")
}

/// Remembers where the database is.
pub(crate) fn set(data_dir: &Path, place: &str) -> anyhow::Result<()> {
    let path = path(data_dir);
    let mut options = OpenOptions::new();
    open_private(&path, data_dir, options.write(true).truncate(true))
        .and_then(|mut file| writeln!(file, "{place}"))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Forgets it: from now on the database is in the data directory.
pub(crate) fn clear(data_dir: &Path) -> anyhow::Result<()> {
    let path = path(data_dir);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// Where the database is, if it is elsewhere and nobody says so.
pub(crate) fn unsaid(config: &Config) -> Option<String> {
    if config.database_url.is_some() {
        return None;
    }
    Some(fs::read_to_string(path(&config.data_dir)).ok()?.trim().to_owned())
}

/// Refused where the private database would be another one than that of the server.
pub(crate) fn refuse_private(config: &Config) -> anyhow::Result<()> {
    let Some(place) = unsaid(config) else { return Ok(()) };
    bail!(
        "the database of {} is {place}, and WAZAPP_DATABASE_URL is not set; this would be another one. Type:  {}  \
         (a private one instead of that: rm {})",
        config.data_dir.display(),
        line(config, &place),
        path(&config.data_dir).display()
    )
}

/// What to type for the same command with the right database.
fn line(config: &Config, place: &str) -> String {
    let data_dir = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let command = command();
    if unit::data_dir().is_some_and(|of_service| of_service == data_dir) {
        return unit::typed(&command);
    }
    let url = match place.split_once('@') {
        Some((user, rest)) => format!("postgres://{user}:PASSWORD@{rest}"),
        None => format!("postgres://USER:PASSWORD@{place}"),
    };
    let directory = match config.is_said("data_dir") {
        true => format!("WAZAPP_DATA_DIR='{}' ", data_dir.display()),
        false => String::new(),
    };
    format!("WAZAPP_DATABASE_URL='{url}' {directory}wazapp {command}")
}

/// The command's words. What follows its first flag may be a secret.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    if words.len() < arguments.len() {
        words.push("…");
    }
    words.join(" ")
}
