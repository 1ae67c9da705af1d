//! One organization, or one of its contacts, in files that everybody can read: rows as JSON, a line each, and media by their content.
//!
//! A folder, or the same in one `tar.zst`: `tables/NAME.jsonl`, `media/SHA256`, and `manifest.json`, which is written last, so that what has one
//! is whole. [`export`] makes it, [`Opened`] reads it, and takes it into another server.

mod manifest;
mod read;
mod taken;
mod write;

use std::io;

use model::database::{CommitError, DatabaseError};
use model::store::StoreError;

pub use manifest::{FORMAT, Manifest, TableSum, Whose};
pub use read::Opened;
pub use taken::{Destination, Taken};
pub use write::{Source, Target, export};

use crate::backup::BackupError;

/// Why nothing was exported, or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Its last word is not known.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Where media are.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A disk.
    #[error("{}", of_disk(.0))]
    Io(#[from] io::Error),
    /// It is not as it was written.
    #[error("the export is damaged ({0}): nothing was imported; make it again")]
    Damaged(String),
    /// The text says whose move it is.
    #[error("{0}")]
    Refused(String),
    /// Whoever began it does not want it any more.
    #[error("stopped: nothing was left behind")]
    Stopped,
}

/// The result of everything here.
pub type Result<T, E = TransferError> = std::result::Result<T, E>;

impl From<BackupError> for TransferError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Database(error) => Self::Database(error),
            BackupError::Store(error) => Self::Store(error),
            BackupError::Io(error) => Self::Io(error),
            BackupError::Damaged(why) => Self::Damaged(why),
            BackupError::Refused(why) => Self::Refused(why),
            BackupError::Stopped => Self::Stopped,
        }
    }
}

fn of_disk(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full: make room, or say another place".to_owned(),
        _ => error.to_string(),
    }
}

/// The name is nobody's path.
fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(hash: sha2::Sha256) -> String {
    data_encoding::HEXLOWER.encode(&sha2::Digest::finalize(hash))
}
