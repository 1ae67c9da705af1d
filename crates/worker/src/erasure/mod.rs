//! An organization, or one of its contacts, erased: everything, everywhere in this server, in small batches, and a search at the end that
//! proves it.
//!
//! What tells whose things are goes last, so whoever is killed in between begins again and finds what is left.

mod bodies;
mod contact;
mod organization;
mod prune;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use model::database::{CommitError, DatabaseError, Operator};
use model::erasure::{Counts, Found};
use model::organization::Organization;
use model::store::{Store, StoreError};
use model::{Clock, Database};
use serde::Serialize;

use crate::backup::{Progress, Told};

/// How often a transaction that lost is done again.
const TRIES: usize = 8;

pub use contact::erase as erase_contact;
pub use organization::erase as erase_organization;

/// Why it is not all erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The database did not do its part.
    #[error("{0}; what went is gone, and the same command goes on with the rest")]
    Database(#[from] DatabaseError),
    /// Its last word is not known.
    #[error("{0}; the same command goes on with the rest")]
    Commit(#[from] CommitError),
    /// Where media are.
    #[error("{0}; what went is gone, and the same command goes on with the rest")]
    Store(#[from] StoreError),
    /// The text says whose move it is.
    #[error("{0}")]
    Refused(String),
}

/// The result of everything here.
pub type Result<T, E = ErasureError> = std::result::Result<T, E>;

/// Where something is erased.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The rows.
    pub database: &'a Database,
    /// The files.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a Clock,
}

/// What went, and the proof that it did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Erased {
    /// How many rows went, of which table.
    pub gone: Counts,
    /// How many rows stay without their words, of which table.
    pub blanked: Counts,
    /// Files of media whose bytes went: theirs, and what else of the organization's was to go.
    pub files: u64,
    /// So many columns of so many tables were looked through.
    pub searched: Searched,
    /// Where something was found all the same; nothing: it is proven.
    pub found: Vec<Found>,
    /// Where somebody else is called the same.
    pub same_name: Vec<Found>,
}

/// What was looked through.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Searched {
    /// Tables.
    pub tables: u64,
    /// Their columns.
    pub columns: u64,
}

impl Erased {
    fn went(&mut self, table: &str, rows: u64) {
        note(&mut self.gone, table, rows);
    }

    fn blanked(&mut self, table: &str, rows: u64) {
        note(&mut self.blanked, table, rows);
    }

    fn found(&mut self, table: &str, column: &str, rows: u64) {
        if rows > 0 {
            self.found.push(Found { table: table.to_owned(), column: column.to_owned(), rows });
        }
    }

    fn progress(&self, all_tables: u64) -> Progress {
        let rows = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        Progress {
            all_tables,
            tables: self.gone.len() as u64,
            rows: rows(&self.gone) + rows(&self.blanked),
            files: self.files,
            ..Progress::default()
        }
    }
}

fn note(counts: &mut Counts, table: &str, rows: u64) {
    if rows > 0 {
        *counts.entry(table.to_owned()).or_default() += rows;
    }
}

/// The organization that was named.
async fn find(tx: &Operator, name: &str) -> Result<Organization> {
    model::organization::find(tx, name)
        .await?
        .ok_or_else(|| ErasureError::Refused(format!("there is no organization {name:?}: see wazapp org list")))
}

/// A transaction that lost against one of the server's is done again.
async fn again<T>(work: impl AsyncFn() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
    for _ in 0..TRIES {
        match work().await {
            Err(error) if error.is_transient() => tracing::debug!(%error, "once more"),
            done => return done,
        }
    }
    work().await
}

/// Half of the time is everybody else's.
async fn breathe(began: Instant) {
    tokio::time::sleep(began.elapsed()).await;
}

/// A moment later than whatever was received until now.
fn until(source: Source<'_>) -> Timestamp {
    source.clock.now()
}

/// Tells how far it is.
fn tell(told: Told<'_>, erased: &Erased, tables: usize) {
    told(erased.progress(tables as u64));
}
