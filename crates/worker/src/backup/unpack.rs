//! An encrypted stream into pieces, on a thread of its own.

use std::io::{self, Read};

use bytes::Bytes;
use futures::TryStreamExt;
use model::store::Reading;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{BackupError, Identities, Result};

/// So much is read at once.
const CHUNK: usize = 256 << 10;

/// What comes next.
pub(super) enum Piece {
    /// A name with so many bytes, which follow.
    Entry(String, u64),
    /// Some of them.
    Bytes(Bytes),
    /// That was all, and nothing lies behind it.
    End,
}

/// Reads to the end, or to the first thing that is wrong.
pub(super) fn unpack(source: impl Read, identities: &Identities, pieces: &Sender<Result<Piece>>) {
    if let Err(error) = read(source, identities, pieces) {
        // Who has enough listens no more.
        let _ = pieces.blocking_send(Err(error));
    }
}

fn read(source: impl Read, identities: &Identities, pieces: &Sender<Result<Piece>>) -> Result<()> {
    let decryptor = age::Decryptor::new(source).map_err(unopened)?;
    let each = identities.0.iter().map(|identity| identity as &dyn age::Identity);
    let opened = decryptor.decrypt(each).map_err(unopened)?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(opened).map_err(damaged)?);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !send(pieces, Piece::Entry(name, entry.size())) {
            return Ok(());
        }
        loop {
            let mut chunk = vec![0; CHUNK];
            let many = entry.read(&mut chunk).map_err(damaged)?;
            if many == 0 {
                break;
            }
            chunk.truncate(many);
            if !send(pieces, Piece::Bytes(chunk.into())) {
                return Ok(());
            }
        }
    }
    // What is encrypted says itself where it ends: whatever was cut off is missed here at the latest.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    send(pieces, Piece::End);
    Ok(())
}

fn send(pieces: &Sender<Result<Piece>>, piece: Piece) -> bool {
    pieces.blocking_send(Ok(piece)).is_ok()
}

fn unopened(error: age::DecryptError) -> BackupError {
    BackupError::Refused(match error {
        age::DecryptError::NoMatchingKeys => {
            "this identity does not open the backup: it was made for another recipient".to_owned()
        }
        age::DecryptError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => return error.into(),
        _ => "this is no backup: what wazapp backup made begins with age-encryption.org/v1".to_owned(),
    })
}

fn damaged(error: io::Error) -> BackupError {
    BackupError::Damaged(error.to_string())
}

/// Bytes of a store, for who reads on a thread.
pub(super) struct Incoming {
    chunks: Receiver<io::Result<Bytes>>,
    at_hand: Bytes,
}

impl Incoming {
    /// Reads ahead a little.
    pub(super) fn of(mut reading: Reading) -> Self {
        let (sender, chunks) = channel(2);
        tokio::spawn(async move {
            loop {
                let next = reading.try_next().await.map_err(io::Error::other).transpose();
                let Some(next) = next else { return };
                if sender.send(next).await.is_err() {
                    return;
                }
            }
        });
        Self { chunks, at_hand: Bytes::new() }
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at_hand.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.at_hand = chunk?,
                None => return Ok(0),
            }
        }
        let many = self.at_hand.len().min(into.len());
        into[..many].copy_from_slice(&self.at_hand.split_to(many));
        Ok(many)
    }
}
