//! A read-only copy of one organization in a PostgreSQL of its own: conversations, messages, contacts and the statuses of
//! messages, read through the API with a key, and kept level with the organization's log of events.
//!
//! The SQL of this crate speaks to that other database alone; of wazapp's own it knows nothing.

mod bell;
mod change;
mod copier;
mod error;
mod lease;
mod news;
mod outside;
mod record;
mod schema;
mod source;
mod state;
mod table;
mod target;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

pub use copier::run;
pub use error::SyncError;

/// Opens a connection to the database of the copy.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<Client, tokio_postgres::Error>> + Send + Sync>;

/// What is copied, where to, and how.
#[derive(Clone)]
pub struct Options {
    /// Where wazapp answers, such as `https://wa.example.com`.
    pub api: String,
    /// An API key with the scope `read`.
    pub key: SecretString,
    /// The schema of the copy's tables.
    pub schema: String,
    /// The role for whose members the policies are: `authenticated`.
    pub role: String,
    /// Where a token's claims name the organization: `app_metadata.organization_id`.
    pub claim: String,
    /// The publication that the tables are added to, made if there is none; `None`: `supabase_realtime`, where there is one.
    pub publication: Option<String>,
    /// Stop when the copy is level with the log.
    pub once: bool,
    /// Make the tables, and stop.
    pub prepare_only: bool,
    /// Take the copy from whoever is at work on it.
    pub take_over: bool,
    /// How often everything is read anew, for what no event tells.
    pub full_every: Duration,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("api", &self.api).field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Who is told how it goes.
pub trait Tell: Sync {
    /// Something that happened.
    fn line(&self, words: &str);
    /// How many rows of a table a reading of everything has come past.
    fn copied(&self, table: &'static str, rows: u64);
}

/// Ends a copier between two steps.
pub type Stop = CancellationToken;
