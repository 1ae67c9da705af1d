//! Making a backup while the server goes on.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use jiff::Timestamp;
use model::Database;
use model::backup::{Snapshot, StoredFile, Table};
use model::store::shelf::{Laying, Shelf};
use model::store::{Store, StoreError};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::manifest::{ENDING, KEYS, MANIFEST, MEDIA, TABLES};
use super::pack::{Piece, pack};
use super::{BackupError, Ending, FORMAT, Manifest, Progress, Recipients, Result, Sum, Told, hex};

/// Rows are cut into entries of about this size: their length must stand before them.
const ROWS: usize = 4 << 20;

/// The smallest part of an upload. A bucket takes 10,000.
const PART: u64 = 8 << 20;
const MOST_PARTS: u64 = 8_000;

/// Pieces and parts that may wait for the next hand, so that memory does not grow.
const PIECES: usize = 8;
const PARTS: usize = 2;

/// What a backup is made of.
pub struct Source<'a> {
    /// The rows.
    pub database: &'a Database,
    /// The files.
    pub store: &'a Store,
    /// Files of DATA_DIR that open what is sealed, by their names.
    pub keys: Vec<(String, SecretString)>,
    /// This version.
    pub version: &'static str,
    /// Just before its moment.
    pub now: Timestamp,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

/// A backup that is there.
#[derive(Clone, Debug)]
pub struct Made {
    /// Bytes of it.
    pub size: u64,
    /// What it holds.
    pub ending: Ending,
}

/// Makes a backup under this name. Whatever ends it before, nothing of it stays.
pub async fn make(
    source: Source<'_>,
    (shelf, name): (&Shelf, &str),
    recipients: &Recipients,
    told: Told<'_>,
    stop: &CancellationToken,
) -> Result<Made> {
    // Refused before anything is read.
    let mut laying = shelf.begin(name).await?;
    let done = tokio::select! {
        done = carry(source, &mut laying, recipients, told) => done,
        () = stop.cancelled() => Err(BackupError::Stopped),
    };
    let done = match done {
        Ok(made) => laying.complete().await.map(|()| made).map_err(BackupError::from),
        failed => failed,
    };
    if done.is_err() {
        // It may be that it cannot be taken away where it could not be put.
        let _ = laying.abort().await;
    }
    done
}

async fn carry(source: Source<'_>, laying: &mut Laying, recipients: &Recipients, told: Told<'_>) -> Result<Made> {
    let snapshot = Snapshot::take(source.database).await?;
    let (files, bytes) = snapshot.any_organization_files_size().await?;
    let rows = snapshot.size().await?;
    let part = usize::try_from(PART.max((bytes + rows) / MOST_PARTS)).unwrap_or(usize::MAX);
    let (pieces, taken) = channel(PIECES);
    let (parts, coming) = channel(PARTS);
    let (recipients, seconds) = (recipients.clone(), u64::try_from(source.now.as_second()).unwrap_or(0));
    let packing = tokio::task::spawn_blocking(move || pack(taken, parts, part, &recipients, seconds));
    let packing = async { packing.await.unwrap_or_else(|error| Err(std::io::Error::other(error).into())) };
    let progress =
        Progress { all_tables: snapshot.contents().tables.len() as u64, all_files: files, ..Progress::default() };
    let filling = Filling { pieces, progress, told, ending: Ending::default() }.fill(source, snapshot);
    let (ending, size, ()) = tokio::try_join!(filling, lay(coming, laying), packing)?;
    Ok(Made { size, ending })
}

async fn lay(mut coming: Receiver<Bytes>, laying: &mut Laying) -> Result<u64> {
    let mut size = 0;
    while let Some(part) = coming.recv().await {
        size += part.len() as u64;
        laying.put(part).await?;
    }
    Ok(size)
}

struct Filling<'a> {
    pieces: Sender<Piece>,
    progress: Progress,
    told: Told<'a>,
    ending: Ending,
}

impl Filling<'_> {
    async fn fill(mut self, source: Source<'_>, snapshot: Snapshot) -> Result<Ending> {
        let manifest = Manifest {
            format: FORMAT,
            wazapp: source.version.to_owned(),
            made_at: source.now,
            contents: snapshot.contents().clone(),
        };
        self.small(MANIFEST.to_owned(), &serde_json::to_vec_pretty(&manifest).expect("it is JSON")).await;
        for (name, text) in &source.keys {
            self.small(format!("{KEYS}{name}"), text.expose_secret().as_bytes()).await;
        }
        for table in &manifest.contents.tables {
            self.table(&snapshot, table).await?;
        }
        // Kept by their names, so that the moment need not last as long as files take; 60 bytes each.
        let mut files: Vec<StoredFile> = Vec::new();
        loop {
            let more = snapshot.any_organization_files(files.last()).await?;
            if more.is_empty() {
                break;
            }
            files.extend(more);
        }
        snapshot.end().await?;
        for file in files {
            self.file(source.store, &file).await?;
        }
        self.small(ENDING.to_owned(), &serde_json::to_vec_pretty(&self.ending).expect("it is JSON")).await;
        self.send(Piece::End).await;
        Ok(self.ending)
    }

    /// Where nobody takes it any more, whoever did says why.
    async fn send(&self, piece: Piece) {
        if self.pieces.send(piece).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn small(&self, name: String, bytes: &[u8]) {
        self.entry(name, Bytes::copy_from_slice(bytes)).await;
    }

    async fn entry(&self, name: String, bytes: Bytes) {
        self.send(Piece::Entry(name, bytes.len() as u64)).await;
        self.send(Piece::Bytes(bytes)).await;
    }

    async fn table(&mut self, snapshot: &Snapshot, table: &Table) -> Result<()> {
        let mut rows = snapshot.rows(table).await?;
        let (mut sum, mut part, mut buffer) = (Sum::default(), 0_u32, BytesMut::new());
        loop {
            let next = rows.try_next().await?;
            if let Some(row) = &next {
                sum.add(row);
                buffer.extend_from_slice(row);
            }
            if buffer.len() >= ROWS || next.is_none() && !buffer.is_empty() {
                self.progress.bytes += buffer.len() as u64;
                self.entry(format!("{TABLES}{}/{part:06}", table.name), buffer.split().freeze()).await;
                part += 1;
                (self.told)(Progress { rows: self.progress.rows + sum.rows, ..self.progress });
            }
            if next.is_none() {
                break;
            }
        }
        self.progress.tables += 1;
        self.progress.rows += sum.rows;
        (self.told)(self.progress);
        self.ending.tables.push(sum.of(&table.name));
        Ok(())
    }

    async fn file(&mut self, store: &Store, file: &StoredFile) -> Result<()> {
        let name = format!("{}/{}", file.organization_id, file.sha256);
        self.progress.files += 1;
        let (size, mut reading) = match store.read_all(file.organization_id, &file.sha256).await {
            Ok(found) => found,
            Err(StoreError::Missing) => {
                self.ending.missing.push(name);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.send(Piece::Entry(format!("{MEDIA}{name}"), size)).await;
        let (mut hash, mut sent) = (Sha256::new(), 0);
        while let Some(bytes) = reading.try_next().await? {
            hash.update(&bytes);
            sent += bytes.len() as u64;
            self.progress.bytes += bytes.len() as u64;
            if !bytes.is_empty() {
                self.send(Piece::Bytes(bytes)).await;
            }
            (self.told)(self.progress);
        }
        if sent != size {
            return Err(BackupError::Refused(format!(
                "the file {name} became shorter while it was read: make the backup again"
            )));
        }
        if hex(hash) != file.sha256 {
            self.ending.damaged.push(name);
        }
        self.ending.files += 1;
        self.ending.files_bytes += size;
        Ok(())
    }
}
