//! What the database, or the way to it, did not do.

use std::error::Error as _;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{Severity, SqlState};

use crate::hosts;
use crate::quota::Exceeded;

/// Something the database, or the way to it, did not do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be had.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// Whoever answers is no primary.
    #[error("the database only reads: it is a standby, and takes what is written once it leads")]
    OnlyReads,
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

    /// The database does not carry out such a statement, or not in such a transaction: an engine that lacks something, or a
    /// standby that only reads. Neither the data nor the way there is to blame, and asking again does not help by itself.
    pub fn refuses_statement(&self) -> bool {
        match self {
            // 0A: not supported. 25: not in this state of the transaction; what ends a session is no refusal.
            Self::Refused(error) => {
                error.as_db_error().is_some_and(|said| {
                    let class = &said.code().code()[..2];
                    said.parsed_severity() == Some(Severity::Error) && matches!(class, "0A" | "25")
                }) && !self.is_of_former_schema()
            }
            _ => false,
        }
    }

    /// The same, and for as long as this server runs: a standby takes the statement once it leads.
    pub fn is_unsupported(&self) -> bool {
        let standby =
            matches!(self, Self::Refused(error) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
        self.refuses_statement() && !standby
    }

    /// Asking again ends the same: the statement or what it was given is refused, or what is stored is not for this version.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::UnknownWord { .. } | Self::UnknownShape { .. } | Self::Unfit(_) => true,
            Self::Refused(_) => self.blames_data() || self.is_unsupported(),
            Self::Unreachable(_) | Self::OnlyReads | Self::RolledBack | Self::OverQuota(_) => false,
        }
    }

    /// What to tell whoever runs the server, in few words; the error itself says more.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::RolledBack => "the transaction was rolled back",
            Self::OverQuota(_) => "a quota is used up",
            Self::OnlyReads => "the database only reads",
            Self::UnknownWord { .. } | Self::UnknownShape { .. } | Self::Unfit(_) => {
                "the database is not as this version needs it"
            }
            Self::Refused(_) if self.refuses_statement() => "the database refuses this statement",
            Self::Refused(_) if self.is_transient() => "a transaction lost against another one",
            Self::Refused(_) if self.blames_data() => "the database refuses what it was given",
            Self::Refused(_) | Self::Unreachable(_) => "the database is away",
        }
    }

    /// A deadlock, a serialization failure, or a schema that grew: the same transaction, again, will do.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code().is_some_and(|code| code.code().starts_with("40")))
            || self.is_of_former_schema()
    }

    /// A newer version gave a table more columns, so what was prepared before answers other rows than it said. Prepared anew it
    /// answers them.
    pub fn is_of_former_schema(&self) -> bool {
        matches!(self, Self::Refused(error) if error.as_db_error().is_some_and(|said| {
            said.code() == &SqlState::FEATURE_NOT_SUPPORTED && said.routine() == Some("RevalidateCachedQuery")
        }))
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
            PoolError::Backend(error) if hosts::only_reads(&error) => Self::OnlyReads,
            PoolError::Backend(error) => Self::Unreachable(describe(&error)),
            PoolError::Timeout(TimeoutType::Create) => Self::Unreachable("no answer in time".into()),
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
