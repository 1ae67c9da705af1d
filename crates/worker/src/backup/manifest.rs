//! What stands at the beginning of a backup, and what at its end.

use jiff::Timestamp;
use model::backup::Contents;
use serde::{Deserialize, Serialize};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const ENDING: &str = "end.json";
pub(super) const KEYS: &str = "keys/";
pub(super) const TABLES: &str = "tables/";
pub(super) const MEDIA: &str = "media/";

/// Which backup this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`], or another.
    pub format: u32,
    /// The version that made it.
    pub wazapp: String,
    /// The moment.
    pub made_at: Timestamp,
    /// What the database holds.
    #[serde(flatten)]
    pub contents: Contents,
}

/// As much of it as every format has.
#[derive(Debug, Deserialize)]
pub(super) struct Format {
    pub(super) format: u32,
    pub(super) wazapp: String,
}

/// What the rows of a table were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// The table.
    pub name: String,
    /// How many.
    pub rows: u64,
    /// As text.
    pub bytes: u64,
    /// Of that text, hexadecimal.
    pub sha256: String,
}

/// What a backup held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Its tables, in order.
    pub tables: Vec<TableSum>,
    /// Files of media.
    pub files: u64,
    /// Their bytes.
    pub files_bytes: u64,
    /// Files that rows tell of and that were not in the store (any more), as `ORGANIZATION/SHA256`.
    pub missing: Vec<String>,
    /// Files whose bytes were others than they had been; they are in the backup, and are not restored.
    pub damaged: Vec<String>,
}

impl Ending {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}
