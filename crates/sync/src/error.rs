//! What goes wrong, whether it passes, and whose move it is.

use std::error::Error as _;
use std::time::Duration;

/// Why a copier ended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SyncError(pub(crate) String);

/// Why a step was not done. Whatever it was to write is not written, or it is written whole.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It passes: the same is tried again, after this long if somebody said so.
    Passing(String, Option<Duration>),
    /// Somebody has to do something first.
    Final(String),
    /// The API does not take what it gave out itself: a page's place that is too old.
    Place,
    /// It is not there, or is another one's now.
    Moved,
    /// Events that come next have gone from the log.
    LogBegan,
}

pub(crate) type Result<T, E = Trouble> = std::result::Result<T, E>;

impl Trouble {
    pub(crate) fn passing(words: impl Into<String>) -> Self {
        Self::Passing(words.into(), None)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            return Self::passing(format!("the database of the copy does not answer ({error}{cause})"));
        };
        let (code, words) = (database.code().code(), database.message());
        let said = format!("the database of the copy says: {words} ({code})");
        match code {
            "28P01" | "28000" => {
                Self::Final(format!("{said}. Put its user and password right in WAZAPP_SYNC_DATABASE_URL"))
            }
            "3D000" => {
                Self::Final(format!("{said}. Make that database, or name another one in WAZAPP_SYNC_DATABASE_URL"))
            }
            "42501" => Self::Final(format!(
                "{said}. Whoever owns that database lets the user of WAZAPP_SYNC_DATABASE_URL do it, or names the owner there"
            )),
            // Connections, resources, operators, transactions that others ended, locks, a standby.
            _ if ["08", "53", "57", "40", "55", "25", "XX"].iter().any(|class| code.starts_with(class)) => {
                Self::passing(said)
            }
            _ => Self::Final(said),
        }
    }
}
