//! An export on its way out.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::TryStreamExt;
use jiff::Timestamp;
use model::Database;
use model::store::{Store, StoreError};
use model::transfer::{Export, StoredFile, Table};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::manifest::{MANIFEST, MEDIA, TABLES, left_empty, left_out};
use super::{FORMAT, Manifest, Result, TableSum, TransferError, Whose, hex};
use crate::backup::pack::{Piece, pack_into};
use crate::backup::{Progress, Told};

/// What an archive's name ends with.
const ARCHIVE: &str = ".tar.zst";

const CHUNK: usize = 256 << 10;
const PIECES: usize = 8;

/// Where an export goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder that is not there yet, or is empty.
    Folder(PathBuf),
    /// A file that is not there yet.
    Archive(PathBuf),
}

impl Target {
    /// By its name.
    pub fn of(path: &Path) -> Self {
        match path.to_string_lossy().ends_with(ARCHIVE) {
            true => Self::Archive(path.to_owned()),
            false => Self::Folder(path.to_owned()),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Archive(path) => path,
        }
    }

    /// Nothing is written over.
    fn check(&self) -> Result<()> {
        let (path, free) = match self {
            Self::Folder(path) => {
                (path, !path.exists() || std::fs::read_dir(path).is_ok_and(|mut all| all.next().is_none()))
            }
            Self::Archive(path) => (path, !path.exists()),
        };
        let above = path.parent().filter(|above| !above.as_os_str().is_empty() && !above.is_dir());
        if let Some(above) = above {
            return Err(TransferError::Refused(format!("the folder {} is not there: make it first", above.display())));
        }
        match free {
            true => Ok(()),
            false => Err(TransferError::Refused(format!("{} is there already: say another place", path.display()))),
        }
    }

    /// Beside the target, for what is not whole yet.
    fn beside(&self, what: &str) -> PathBuf {
        let name = self.path().file_name().unwrap_or_default().to_string_lossy();
        self.path().with_file_name(format!(".{name}.{what}"))
    }
}

/// What an export is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The rows.
    pub database: &'a Database,
    /// The files.
    pub store: &'a Store,
    /// This version.
    pub version: &'static str,
    /// Just before its moment.
    pub now: Timestamp,
}

/// Exports an organization, or what is of one contact. Whatever ends it before, nothing of it stays.
pub async fn export(
    source: Source<'_>,
    (organization, contact): (&str, Option<&str>),
    target: &Target,
    told: Told<'_>,
    stop: &CancellationToken,
) -> Result<Manifest> {
    target.check()?;
    let mut export = Export::begin(source.database, organization).await?.ok_or_else(|| {
        TransferError::Refused(format!("there is no organization {organization:?}: see wazapp org list"))
    })?;
    if let Some(who) = contact
        && !export.only(who).await?
    {
        return Err(TransferError::Refused(format!(
            "nobody in {organization} answers to {who:?}: say the contact's id, phone, user id or username"
        )));
    }
    let (pieces, taken) = channel(PIECES);
    let (place, seconds) = (target.clone(), u64::try_from(source.now.as_second()).unwrap_or(0));
    let writing = tokio::task::spawn_blocking(move || write(taken, &place, seconds));
    let writing = async { writing.await.unwrap_or_else(|error| Err(std::io::Error::other(error).into())) };
    let progress = Progress { all_tables: export.tables().len() as u64, ..Progress::default() };
    let filling = Filling { pieces, progress, told, spool: target.beside("rows") }.fill(source, export);
    let done = tokio::select! {
        done = async { tokio::try_join!(filling, writing) } => done.map(|(manifest, ())| manifest),
        () = stop.cancelled() => Err(TransferError::Stopped),
    };
    if done.is_err() {
        clear(target);
    }
    done
}

/// What was not there before goes.
fn clear(target: &Target) {
    let _ = match target {
        Target::Folder(path) => std::fs::remove_dir_all(path),
        Target::Archive(_) => std::fs::remove_file(target.beside("part")),
    };
}

struct Filling<'a> {
    pieces: Sender<Piece>,
    progress: Progress,
    told: Told<'a>,
    spool: PathBuf,
}

impl Filling<'_> {
    async fn fill(mut self, source: Source<'_>, export: Export) -> Result<Manifest> {
        let organization = export.organization();
        let mut manifest = Manifest {
            format: FORMAT,
            wazapp: source.version.to_owned(),
            made_at: source.now,
            organization: Whose {
                id: organization.id,
                slug: organization.slug.clone(),
                name: organization.name.clone(),
            },
            contact_ids: export.person().map(|person| person.contacts.clone()),
            migrations: export.steps().to_vec(),
            tables: Vec::new(),
            files: 0,
            files_bytes: 0,
            missing: Vec::new(),
            damaged: Vec::new(),
            left_out: left_out(),
            left_empty: left_empty(export.tables()),
        };
        for table in export.tables() {
            manifest.tables.push(self.table(&export, table).await?);
        }
        let files = export.files().await?;
        export.end();
        self.progress.all_files = files.len() as u64;
        for file in files {
            self.file(source.store, &mut manifest, &file).await?;
        }
        let bytes = serde_json::to_vec_pretty(&manifest).expect("it is JSON");
        self.send(Piece::Entry(MANIFEST.to_owned(), bytes.len() as u64)).await;
        self.send(Piece::Bytes(bytes.into())).await;
        self.send(Piece::End).await;
        Ok(manifest)
    }

    /// Where nobody takes it any more, whoever did says why.
    async fn send(&self, piece: Piece) {
        if self.pieces.send(piece).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Rows are put by first: how many bytes they are stands before them in an archive.
    async fn table(&mut self, export: &Export, table: &Table) -> Result<TableSum> {
        let mut spool = tokio::fs::File::from_std(spool(&self.spool)?);
        let (mut rows, mut hash, mut size) = (0, Sha256::new(), 0);
        export.open(table).await?;
        loop {
            let lines = export.lines().await?;
            if lines.is_empty() {
                break;
            }
            rows += lines.len() as u64;
            let text = lines.join("\n") + "\n";
            hash.update(&text);
            size += text.len() as u64;
            spool.write_all(text.as_bytes()).await?;
            self.progress.bytes += text.len() as u64;
            (self.told)(Progress { rows: self.progress.rows + rows, ..self.progress });
        }
        spool.flush().await?;
        spool.rewind().await?;
        self.send(Piece::Entry(format!("{TABLES}/{}.jsonl", table.name), size)).await;
        loop {
            let mut chunk = vec![0; CHUNK];
            let many = spool.read(&mut chunk).await?;
            if many == 0 {
                break;
            }
            chunk.truncate(many);
            self.send(Piece::Bytes(Bytes::from(chunk))).await;
        }
        self.progress.tables += 1;
        self.progress.rows += rows;
        (self.told)(self.progress);
        Ok(TableSum { name: table.name.clone(), columns: table.columns.clone(), rows, sha256: hex(hash) })
    }

    async fn file(&mut self, store: &Store, manifest: &mut Manifest, file: &StoredFile) -> Result<()> {
        self.progress.files += 1;
        // Looked at first: what is not what it was has no place under this name.
        let (mut hash, mut size) = (Sha256::new(), 0);
        let (_, mut reading) = match store.read_all(manifest.organization.id, &file.sha256).await {
            Ok(found) => found,
            Err(StoreError::Missing) => {
                manifest.missing.push(file.sha256.clone());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        while let Some(bytes) = reading.try_next().await? {
            hash.update(&bytes);
            size += bytes.len() as u64;
        }
        if hex(hash) != file.sha256 {
            manifest.damaged.push(file.sha256.clone());
            return Ok(());
        }
        let (_, mut reading) = store.read_all(manifest.organization.id, &file.sha256).await?;
        self.send(Piece::Entry(format!("{MEDIA}/{}", file.sha256), size)).await;
        while let Some(bytes) = reading.try_next().await? {
            self.progress.bytes += bytes.len() as u64;
            (self.told)(self.progress);
            if !bytes.is_empty() {
                self.send(Piece::Bytes(bytes)).await;
            }
        }
        manifest.files += 1;
        manifest.files_bytes += size;
        Ok(())
    }
}

/// A file without a name, which goes with whoever has it.
fn spool(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes pieces until the last one.
fn write(mut pieces: Receiver<Piece>, target: &Target, seconds: u64) -> Result<()> {
    match target {
        Target::Archive(path) => {
            let part = target.beside("part");
            // Of one that was killed.
            let _ = std::fs::remove_file(&part);
            let file = pack_into(&mut pieces, private(&part)?, seconds)?;
            file.sync_all()?;
            Ok(std::fs::rename(part, path)?)
        }
        Target::Folder(path) => {
            for folder in [path.clone(), path.join(TABLES), path.join(MEDIA)] {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            write_folder(&mut pieces, path)
        }
    }
}

fn write_folder(pieces: &mut Receiver<Piece>, path: &Path) -> Result<()> {
    let mut open: Option<(File, u64)> = None;
    loop {
        let done = |open: &mut Option<(File, u64)>| match open.take() {
            Some((_, left)) if left > 0 => Err(TransferError::Stopped),
            Some((file, _)) => Ok(file.sync_all()?),
            None => Ok(()),
        };
        match pieces.blocking_recv() {
            Some(Piece::Entry(name, size)) => {
                done(&mut open)?;
                open = Some((private(&path.join(name))?, size));
            }
            Some(Piece::Bytes(bytes)) => {
                let Some((file, left)) = &mut open else { return Err(TransferError::Stopped) };
                *left = left.checked_sub(bytes.len() as u64).ok_or(TransferError::Stopped)?;
                file.write_all(&bytes)?;
            }
            Some(Piece::End) => return done(&mut open),
            None => return Err(TransferError::Stopped),
        }
    }
}
