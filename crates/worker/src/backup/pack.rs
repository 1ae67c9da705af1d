//! Pieces into one encrypted stream, on a thread of its own: compressing and encrypting keep a core busy.

use std::io::{self, Read, Write};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{Receiver, Sender};

use super::{BackupError, Recipients, Result};

/// Little time for much less.
const LEVEL: i32 = 3;

/// What comes next in an archive.
pub(crate) enum Piece {
    /// A name with so many bytes, which follow.
    Entry(String, u64),
    /// Some of them.
    Bytes(Bytes),
    /// That was all.
    End,
}

/// Packs pieces until the last one into parts of this size. If there is no last one, there is no end either.
pub(super) fn pack(
    mut pieces: Receiver<Piece>,
    parts: Sender<Bytes>,
    part: usize,
    recipients: &Recipients,
    seconds: u64,
) -> Result<()> {
    let outlet = Outlet { parts, part, buffer: BytesMut::with_capacity(part) };
    let each = recipients.0.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(each).map_err(|error| BackupError::Refused(error.to_string()))?;
    pack_into(&mut pieces, encryptor.wrap_output(outlet)?, seconds)?.finish()?.end()?;
    Ok(())
}

/// The same into anything, in the open.
pub(crate) fn pack_into<W: Write>(pieces: &mut Receiver<Piece>, into: W, seconds: u64) -> Result<W> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(into, LEVEL)?);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Entry(name, size)) => {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(size);
                header.set_mode(0o600);
                header.set_mtime(seconds);
                tar.append_data(&mut header, &name, Body { pieces, left: size, at_hand: Bytes::new() })?;
            }
            Some(Piece::End) => break,
            Some(Piece::Bytes(_)) | None => return Err(BackupError::Stopped),
        }
    }
    Ok(tar.into_inner()?.finish()?)
}

/// An entry's bytes, as they come.
struct Body<'a> {
    pieces: &'a mut Receiver<Piece>,
    left: u64,
    at_hand: Bytes,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at_hand.is_empty() && self.left > 0 {
            let Some(Piece::Bytes(bytes)) = self.pieces.blocking_recv() else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            self.left = self
                .left
                .checked_sub(bytes.len() as u64)
                .ok_or_else(|| io::Error::other("an entry is longer than was said"))?;
            self.at_hand = bytes;
        }
        let many = self.at_hand.len().min(into.len());
        into[..many].copy_from_slice(&self.at_hand.split_to(many));
        Ok(many)
    }
}

/// Where the stream goes, in parts of one size.
struct Outlet {
    parts: Sender<Bytes>,
    part: usize,
    buffer: BytesMut,
}

impl Outlet {
    fn send(&self, part: Bytes) -> io::Result<()> {
        self.parts.blocking_send(part).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn end(mut self) -> io::Result<()> {
        let rest = self.buffer.split().freeze();
        self.send(rest)
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let many = bytes.len().min(self.part - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..many]);
        if self.buffer.len() == self.part {
            let full = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(self.part));
            self.send(full.freeze())?;
        }
        Ok(many)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
