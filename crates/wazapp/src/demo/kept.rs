//! `DATA_DIR/demo/demo.json`: what the demo must know again at its next start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use model::Clock;
use serde::{Deserialize, Serialize};

use crate::config::open_private;

/// What is kept, for nobody's eyes but the owner's: keys stand in it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Kept {
    /// The time that the stories were first told at: they stay where they are.
    pub(super) told_at: Timestamp,
    /// The numbers whose stories were told to the end.
    pub(super) told: BTreeSet<String>,
    /// API keys, by the organization's slug.
    pub(super) keys: BTreeMap<String, String>,
    /// The visitor's password.
    #[serde(default)]
    pub(super) password: Option<String>,
}

impl Kept {
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("demo.json")
    }

    /// As it was left; new, if there is none.
    pub(super) fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let path = Self::path(data_dir);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!("{} can't be read; begin afresh: rm -r {}", path.display(), data_dir.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self {
                told_at: Clock::default().now(),
                told: BTreeSet::new(),
                keys: BTreeMap::new(),
                password: None,
            }),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Leaves it for the next start.
    pub(super) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let path = Self::path(data_dir);
        let partial = path.with_extension("json.new");
        let text = serde_json::to_string_pretty(self)?;
        open_private(&partial, data_dir, OpenOptions::new().write(true).truncate(true))
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}
