//! What an export says of itself.

use jiff::Timestamp;
use model::migrate::Step;
use model::transfer::{Column, LEFT_BEHIND, SECRETS, Table};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const TABLES: &str = "tables";
pub(super) const MEDIA: &str = "media";

/// Which export this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`], or another.
    pub format: u32,
    /// The version that made it.
    pub wazapp: String,
    /// The moment.
    pub made_at: Timestamp,
    /// Whose it is.
    pub organization: Whose,
    /// The contact, where it is of one alone.
    pub contact_ids: Option<Vec<Uuid>>,
    /// The steps of the schema, oldest first.
    pub migrations: Vec<Step>,
    /// Its tables; those that others refer to first.
    pub tables: Vec<TableSum>,
    /// Files of media.
    pub files: u64,
    /// Their bytes.
    pub files_bytes: u64,
    /// Files that rows tell of and that were not in the store (any more).
    pub missing: Vec<String>,
    /// Files whose bytes were others than they had been; they are not in it.
    pub damaged: Vec<String>,
    /// Tables that are not in it, and why.
    pub left_out: Vec<LeftOut>,
    /// Columns that are empty in it, and why.
    pub left_empty: Vec<LeftOut>,
}

/// Whose rows these are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    /// UUIDv7.
    pub id: Uuid,
    /// Its short name in commands.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// What is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// `table`, or `table.column`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What the rows of a table were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// The table.
    pub name: String,
    /// Its columns with PostgreSQL's types.
    pub columns: Vec<Column>,
    /// How many.
    pub rows: u64,
    /// Of its file, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// Tables that are not in any export.
pub(super) fn left_out() -> Vec<LeftOut> {
    LEFT_BEHIND.iter().map(|(what, why)| LeftOut { what: (*what).to_owned(), why: (*why).to_owned() }).collect()
}

/// Columns that are empty in this one.
pub(super) fn left_empty(tables: &[Table]) -> Vec<LeftOut> {
    let of = |table: &Table| {
        let name = table.name.clone();
        table.left_empty.clone().into_iter().map(move |column| {
            let named = SECRETS.iter().find(|(of, known, _)| *of == name && *known == column);
            let why = named.map_or("a secret, sealed with the server's key", |(_, _, why)| why);
            LeftOut { what: format!("{name}.{column}"), why: why.to_owned() }
        })
    };
    tables.iter().flat_map(of).collect()
}
