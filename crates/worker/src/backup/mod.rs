//! A backup: one moment of the database, the files of that moment, and the keys that open its secrets, in one encrypted file.
//!
//! It is tar, in zstd, in age, written and read as a stream: `manifest.json` first, then `keys/NAME`, then the rows of each table in
//! numbered parts, then the files of media, and at the very end `end.json`, by which a backup that is all there is known.
//! [`make`] makes one, [`Opened`] reads it; [`schedule`] makes them by itself.

mod made;
mod manifest;
pub(crate) mod pack;
mod read;
mod restored;
pub mod schedule;
mod unpack;

use std::fmt;
use std::io;
use std::sync::Arc;

use model::database::DatabaseError;
use model::store::StoreError;
use secrecy::SecretString;

pub use made::{Made, Source, make};
pub use manifest::{Ending, FORMAT, Manifest, TableSum};
pub use read::Opened;
pub use restored::Target;

/// Why a backup was not made, or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Where backups are kept, or where media are.
    #[error("{}", of_store(.0))]
    Store(StoreError),
    /// A disk, or what was read from.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not all there, or not as it was written.
    #[error("the backup is damaged or cut off ({0}): nothing was restored; take another one")]
    Damaged(String),
    /// The text says whose move it is.
    #[error("{0}")]
    Refused(String),
    /// Whoever began it does not want it any more.
    #[error("stopped: nothing was left behind")]
    Stopped,
}

/// Said once: what lies below it is in its words already.
impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The result of everything here.
pub type Result<T, E = BackupError> = std::result::Result<T, E>;

fn of_store(error: &StoreError) -> String {
    let StoreError::Failed(failed) = error else { return error.to_string() };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(failed);
    while let Some(at) = cause {
        if at.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull) {
            return "the disk is full: nothing of the backup was left; make room, or say another place".to_owned();
        }
        cause = at.source();
    }
    format!("the place of the backup, or of media, failed: {failed}")
}

/// Who can open a backup.
#[derive(Clone)]
pub struct Recipients(Arc<Vec<age::x25519::Recipient>>);

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(ToString::to_string)).finish()
    }
}

impl PartialEq for Recipients {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Recipients {
    /// Recipients of age, one or several, with commas or blanks between them.
    pub fn read(text: &str) -> Result<Self, String> {
        let between = |char: char| char == ',' || char.is_whitespace();
        let each = text.split(between).filter(|text| !text.is_empty());
        let read = each.map(|text| {
            text.parse::<age::x25519::Recipient>().map_err(|_| {
                // Somebody may have given the other half.
                let shown = if text.to_ascii_uppercase().contains("SECRET") { "an identity" } else { text };
                format!("{shown} is no recipient of age: it begins with age1; wazapp backup key --to FILE makes a key and prints it")
            })
        });
        let recipients = read.collect::<Result<Vec<_>, _>>()?;
        match recipients.is_empty() {
            true => Err("no recipient: wazapp backup key --to FILE makes a key and prints it".to_owned()),
            false => Ok(Self(Arc::new(recipients))),
        }
    }
}

/// What opens backups.
pub struct Identities(Vec<age::x25519::Identity>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities(••••)")
    }
}

impl Identities {
    /// The text of an identity file of age. An error says nothing of what stands there.
    pub fn read(text: &str) -> Result<Self, String> {
        let lines =
            text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let read = lines.map(|(at, line)| {
            line.parse().map_err(|_| format!("line {} is no identity of age (AGE-SECRET-KEY-1…)", at + 1))
        });
        let identities = read.collect::<Result<Vec<_>, _>>()?;
        match identities.is_empty() {
            true => Err("it holds no identity of age (AGE-SECRET-KEY-1…)".to_owned()),
            false => Ok(Self(identities)),
        }
    }
}

/// A new key: the text of its identity file, and the recipient that goes with it.
pub fn new_key() -> (SecretString, String) {
    use secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let text = format!("# public key: {recipient}\n{}\n", identity.to_string().expose_secret());
    (SecretString::from(text), recipient)
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tables that are through.
    pub tables: u64,
    /// Of so many.
    pub all_tables: u64,
    /// Rows so far.
    pub rows: u64,
    /// Files that are through.
    pub files: u64,
    /// Of so many.
    pub all_files: u64,
    /// Bytes that were read so far, of tables and files.
    pub bytes: u64,
}

/// Told of it, often.
pub type Told<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// What a table's rows were.
#[derive(Default)]
struct Sum {
    rows: u64,
    bytes: u64,
    hash: sha2::Sha256,
}

impl Sum {
    /// A row ends with its line: within values, line ends are written otherwise.
    fn add(&mut self, bytes: &[u8]) {
        use sha2::Digest;
        self.rows += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    fn of(self, name: &str) -> TableSum {
        TableSum { name: name.to_owned(), rows: self.rows, bytes: self.bytes, sha256: hex(self.hash) }
    }
}

fn hex(hash: sha2::Sha256) -> String {
    data_encoding::HEXLOWER.encode(&sha2::Digest::finalize(hash))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let (identity, recipient) = new_key();
        assert!(Identities::read(identity.expose_secret()).is_ok());
        assert!(Recipients::read(&format!("{recipient}, {recipient}")).is_ok_and(|read| read.0.len() == 2));
    }

    #[test]
    fn an_error_never_shows_an_identity() {
        let (identity, _) = new_key();
        let line = identity.expose_secret().lines().nth(1).expect("two lines").to_owned();
        let says = Recipients::read(&line).expect_err("an identity is none");
        assert!(!says.contains(&line[..20]) && says.contains("backup key"), "{says}");
        let says = Identities::read(&line[..30]).expect_err("a half one is none");
        assert!(!says.contains(&line[16..30]), "{says}");
        assert!(Identities::read("# nothing\n").is_err() && Recipients::read(" ").is_err());
    }
}
