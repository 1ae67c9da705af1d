//! A backup that is being read: what it says of itself first, then all the rest in its order.

use std::fs::File;

use bytes::Bytes;
use jiff::Timestamp;
use model::migrate;
use model::store::Reading;
use secrecy::SecretString;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::manifest::{Format, KEYS, MANIFEST};
use super::unpack::{Incoming, Piece, unpack};
use super::{BackupError, FORMAT, Identities, Manifest, Result};

/// Pieces that may wait.
const PIECES: usize = 8;

/// What stands at the beginning is small.
const SMALL: u64 = 16 << 20;

/// A backup that an identity opens and this version reads.
pub struct Opened {
    manifest: Manifest,
    keys: Vec<(String, SecretString)>,
    pieces: Receiver<Result<Piece>>,
    /// The entry behind the keys.
    next: Option<(String, u64)>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl Opened {
    /// From a file, or a pipe.
    pub async fn file(file: File, identities: Identities) -> Result<Self> {
        Self::begin(move |pieces| unpack(file, &identities, pieces)).await
    }

    /// From a store.
    pub async fn stored(reading: Reading, identities: Identities) -> Result<Self> {
        let incoming = Incoming::of(reading);
        Self::begin(move |pieces| unpack(incoming, &identities, pieces)).await
    }

    async fn begin(read: impl FnOnce(&Sender<Result<Piece>>) + Send + 'static) -> Result<Self> {
        let (sender, pieces) = channel(PIECES);
        // It ends by itself when nobody listens any more.
        drop(tokio::task::spawn_blocking(move || read(&sender)));
        let manifest = Manifest { format: 0, wazapp: String::new(), made_at: Timestamp::MIN, contents: nothing() };
        let mut opened = Self { manifest, keys: Vec::new(), pieces, next: None };
        opened.manifest = match opened.entry().await? {
            Some((name, size)) if name == MANIFEST => manifest_of(&opened.small(size).await?)?,
            _ => return Err(BackupError::Damaged("it does not begin with its manifest".into())),
        };
        migrate::check_steps(&opened.manifest.contents.migrations)?;
        while let Some((name, size)) = opened.entry().await? {
            let Some(key) = name.strip_prefix(KEYS) else {
                opened.next = Some((name, size));
                break;
            };
            let text = String::from_utf8(opened.small(size).await?.to_vec());
            let text = text.map_err(|_| BackupError::Damaged("a key is no text".into()))?;
            opened.keys.push((key.to_owned(), SecretString::from(text)));
        }
        Ok(opened)
    }

    /// Which backup this is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Files of DATA_DIR, by their names.
    pub fn keys(&self) -> &[(String, SecretString)] {
        &self.keys
    }

    async fn piece(&mut self) -> Result<Piece> {
        self.pieces.recv().await.unwrap_or_else(|| Err(BackupError::Damaged("it ends before its end".into())))
    }

    /// The next entry, once the bytes of the one before were read. `None`: the backup is all read.
    pub(super) async fn entry(&mut self) -> Result<Option<(String, u64)>> {
        if let Some(next) = self.next.take() {
            return Ok(Some(next));
        }
        match self.piece().await? {
            Piece::Entry(name, size) => Ok(Some((name, size))),
            Piece::End => Ok(None),
            Piece::Bytes(_) => Err(BackupError::Damaged("an entry is longer than it says".into())),
        }
    }

    /// The next bytes of an entry, of which `left` are to come.
    pub(super) async fn bytes(&mut self, left: &mut u64) -> Result<Option<Bytes>> {
        if *left == 0 {
            return Ok(None);
        }
        let Piece::Bytes(bytes) = self.piece().await? else {
            return Err(BackupError::Damaged("an entry is shorter than it says".into()));
        };
        *left = left.saturating_sub(bytes.len() as u64);
        Ok(Some(bytes))
    }

    /// A small entry's bytes.
    pub(super) async fn small(&mut self, mut left: u64) -> Result<Bytes> {
        if left > SMALL {
            return Err(BackupError::Damaged("what should be small is not".into()));
        }
        let mut all = Vec::new();
        while let Some(bytes) = self.bytes(&mut left).await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.into())
    }
}

fn nothing() -> model::backup::Contents {
    model::backup::Contents { migrations: Vec::new(), tables: Vec::new(), days: Vec::new() }
}

fn manifest_of(bytes: &[u8]) -> Result<Manifest> {
    let unreadable = |error: serde_json::Error| BackupError::Damaged(format!("its manifest: {error}"));
    let format: Format = serde_json::from_slice(bytes).map_err(unreadable)?;
    if format.format != FORMAT {
        return Err(BackupError::Refused(format!(
            "the backup is of format {}, this wazapp reads {FORMAT}: restore with the version that made it, {}",
            format.format, format.wazapp
        )));
    }
    serde_json::from_slice(bytes).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::pack::{self, pack};
    use super::super::{Recipients, new_key};
    use super::*;

    /// Opens a backup that holds this alone.
    async fn open(name: &str, bytes: &str) -> Result<Opened> {
        let (identity, recipient) = new_key();
        let identities = Identities::read(identity.expose_secret()).expect("an identity");
        let recipients = Recipients::read(&recipient).expect("a recipient");
        let ((pieces, taken), (parts, mut coming)) = (channel(4), channel(64));
        let bytes = Bytes::copy_from_slice(bytes.as_bytes());
        pieces.send(pack::Piece::Entry(name.to_owned(), bytes.len() as u64)).await.map_err(drop).expect("room");
        pieces.send(pack::Piece::Bytes(bytes)).await.map_err(drop).expect("room");
        pieces.send(pack::Piece::End).await.map_err(drop).expect("room");
        let packed = tokio::task::spawn_blocking(move || pack(taken, parts, 1 << 20, &recipients, 0)).await;
        packed.expect("it runs").expect("it is packed");
        let mut archive = Vec::new();
        while let Some(part) = coming.recv().await {
            archive.extend_from_slice(&part);
        }
        Opened::begin(move |pieces| unpack(&archive[..], &identities, pieces)).await
    }

    #[tokio::test]
    async fn what_another_version_made_is_refused() {
        let newer = r#"{ "format": 2, "wazapp": "9.1.0", "rows": "elsewhere" }"#;
        let says = open(MANIFEST, newer).await.expect_err("a newer format").to_string();
        assert!(says.contains("9.1.0") && says.contains("format 2"), "{says}");
        let unknown = r#"{ "format": 1, "wazapp": "0.9.0", "made_at": "2030-01-01T00:00:00Z", "tables": [], "days": [],
                           "migrations": [{ "name": "20300101000000_more", "checksum": "00" }] }"#;
        let says = open(MANIFEST, unknown).await.expect_err("a newer schema").to_string();
        assert!(says.contains("20300101000000_more") && says.contains("newer wazapp"), "{says}");
        let says = open("other.json", newer).await.expect_err("something else").to_string();
        assert!(says.contains("manifest"), "{says}");
    }
}
