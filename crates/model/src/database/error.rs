//! What the database, or the way to it, did not do.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::quota::Exceeded;

/// Something the database, or the way to it, did not do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be had.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// A statement failed.
    #[error("the database refused a statement: {}", describe(.0))]
    Refused(#[from] tokio_postgres::Error),
    /// COMMIT answered, but the transaction had failed before it.
    #[error("the transaction was rolled back")]
    RolledBack,
    /// The organization may take no more of what was asked for. Nothing was written.
    #[error("the organization's quota of {} is used up", .0.quota.name())]
    OverQuota(Exceeded),
    /// A stored word is none that this version knows.
    #[error(
        "{column} holds the word `{word}`, which this version of wazapp does not know: run the version that wrote it"
    )]
    UnknownWord {
        /// Table and column.
        column: &'static str,
        /// What stands there.
        word: String,
    },
    /// What is stored is not of a shape that this version knows.
    #[error("{column} holds what this version of wazapp cannot read ({why}): run the version that wrote it")]
    UnknownShape {
        /// Table and column.
        column: &'static str,
        /// What is wrong with it.
        why: serde_json::Error,
    },
    /// The database is not as wazapp needs it; the text says what to do.
    #[error("{0}")]
    Unfit(String),
}

impl DatabaseError {
    /// The data or the statement was refused, as opposed to the database being away: trying a part of the batch may help.
    pub fn blames_data(&self) -> bool {
        match self {
            Self::Refused(error) => match error.code() {
                // 22 data, 23 integrity, 42 syntax or name, 54 program limit, XX internal.
                Some(code) => matches!(&code.code()[..2], "21" | "22" | "23" | "42" | "44" | "54" | "XX"),
                // It never reached the server: the driver could not write a parameter, or read an answer.
                None => error.source().is_some_and(|cause| !cause.is::<std::io::Error>()),
            },
            _ => false,
        }
    }

    /// A lock was not had in the time that the transaction had for it.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// A deadlock or a serialization failure: the same transaction, again, will do.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code().is_some_and(|code| code.code().starts_with("40")))
    }
}

/// The server's message without the row's content: `detail` may quote a message text, so it is left out.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Unreachable(describe(&error)),
            PoolError::Timeout(_) => all_busy(),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// The result of everything in this crate that talks to the database.
pub type Result<T, E = DatabaseError> = std::result::Result<T, E>;

pub(super) fn all_busy() -> DatabaseError {
    DatabaseError::Unreachable("all connections are busy".into())
}
