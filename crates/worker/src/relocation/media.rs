//! From one store to another. Files are named by what they hold and never change, so a server may go on meanwhile: what
//! it takes in after is for a next run, which copies that alone.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::{StreamExt, TryStreamExt};
use model::Database;
use model::backup::{Snapshot, StoredFile};
use model::file;
use model::store::{Store, StoreError};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Progress, RelocationError, Result, Told};

/// So many files are on their way at once; of each, a part is in memory.
const AT_ONCE: usize = 8;

/// From where, to where.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Knows which files there are.
    pub database: &'a Database,
    /// Has them.
    pub from: &'a Store,
    /// Is to have them.
    pub to: &'a Store,
    /// Whether what is there is read back; else its size is looked at.
    pub reads_back: bool,
}

/// What became of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// All that there are.
    pub files: u64,
    /// In bytes.
    pub bytes: u64,
    /// Of these, what was copied now.
    pub copied: u64,
    /// In bytes.
    pub copied_bytes: u64,
    /// What neither store has: `ORGANIZATION/SHA256`.
    pub missing: Vec<String>,
    /// What is not what its name says in the old store: not copied.
    pub damaged: Vec<String>,
    /// What was taken away from the old store.
    pub removed: u64,
}

/// What became of a file.
enum Became {
    There,
    Copied,
    Missing,
    Damaged,
}

/// Copies what is not there yet.
pub async fn run(way: Way<'_>, told: Told<'_>) -> Result<Moved> {
    way.to.check().await?;
    if way.to.is_also(way.from).await? {
        return Err(RelocationError::Refused(format!(
            "{} and {} are one place: there is nothing to move",
            way.from, way.to
        )));
    }
    let files = files(way.database).await?;
    let mut moved = Moved { files: files.len() as u64, ..Moved::default() };
    moved.bytes = files.iter().map(|file| file.size).sum();
    let progress = Mutex::new(Progress { all_files: moved.files, ..Progress::default() });
    for files in files.chunk_by(|one, other| one.organization_id == other.organization_id) {
        let there = way.listed(files[0].organization_id).await?;
        let mut became = futures::stream::iter(files)
            .map(|file| {
                let (size, progress) = (there.get(&file.sha256).copied(), &progress);
                async move {
                    let became = way.bring(file, size).await?;
                    let mut progress = progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    (progress.files, progress.bytes) = (progress.files + 1, progress.bytes + file.size);
                    told(*progress);
                    Ok::<_, RelocationError>((file, became))
                }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((file, became)) = became.try_next().await? {
            moved.note(file, &became);
        }
    }
    moved.missing.sort();
    moved.damaged.sort();
    Ok(moved)
}

/// Takes away from the old store what the new one has.
pub async fn remove(way: Way<'_>, moved: &mut Moved) -> Result<()> {
    let files = files(way.database).await?;
    for files in files.chunk_by(|one, other| one.organization_id == other.organization_id) {
        let there = way.listed(files[0].organization_id).await?;
        for file in files.iter().filter(|file| there.get(&file.sha256) == Some(&file.size)) {
            way.from.delete(file.organization_id, &file.sha256).await?;
            moved.removed += 1;
        }
    }
    Ok(())
}

/// By their names, so that the moment need not last as long as files take.
async fn files(database: &Database) -> Result<Vec<StoredFile>> {
    let (snapshot, mut files) = (Snapshot::take(database).await?, Vec::<StoredFile>::new());
    loop {
        let more = snapshot.any_organization_files(files.last()).await?;
        if more.is_empty() {
            return Ok(files);
        }
        files.extend(more);
    }
}

impl Moved {
    fn note(&mut self, file: &StoredFile, became: &Became) {
        let name = || format!("{}/{}", file.organization_id, file.sha256);
        match became {
            Became::There => {}
            Became::Copied => (self.copied, self.copied_bytes) = (self.copied + 1, self.copied_bytes + file.size),
            Became::Missing => self.missing.push(name()),
            Became::Damaged => self.damaged.push(name()),
        }
    }
}

impl Way<'_> {
    /// The sizes of what the new store has of an organization.
    async fn listed(&self, organization_id: Uuid) -> Result<HashMap<String, u64>> {
        let listed = self.to.list(organization_id).map_err(RelocationError::from);
        listed.try_filter_map(async |listed| Ok(listed.sha256.map(|sha256| (sha256, listed.size)))).try_collect().await
    }

    async fn bring(&self, file: &StoredFile, size: Option<u64>) -> Result<Became> {
        if size == Some(file.size) && (!self.reads_back || self.is_whole(file).await?) {
            return Ok(Became::There);
        }
        let (_, mut reading) = match self.from.read_all(file.organization_id, &file.sha256).await {
            Err(StoreError::Missing) => return self.gone(file).await,
            found => found?,
        };
        let mut writing = self.to.writer(file.organization_id);
        while let Some(bytes) = reading.try_next().await? {
            writing.push(bytes).await?;
        }
        let written = writing.finish().await?;
        if written.sha256 != file.sha256 || written.size != file.size {
            return Ok(Became::Damaged);
        }
        written.keep().await?;
        match self.reads_back && !self.is_whole(file).await? {
            true => Err(StoreError::Unfit(format!("{} gave other bytes back than were written", self.to)).into()),
            false => Ok(Became::Copied),
        }
    }

    /// What a server has deleted meanwhile is missed by nobody.
    async fn gone(&self, file: &StoredFile) -> Result<Became> {
        let tx = self.database.operator().await?;
        let is_known = file::is_known(&tx, file.organization_id, &file.sha256).await?;
        tx.close();
        Ok(if is_known { Became::Missing } else { Became::There })
    }

    async fn is_whole(&self, file: &StoredFile) -> Result<bool> {
        let (_, mut reading) = self.to.read_all(file.organization_id, &file.sha256).await?;
        let mut hash = Sha256::new();
        while let Some(bytes) = reading.try_next().await? {
            hash.update(&bytes);
        }
        Ok(data_encoding::HEXLOWER.encode(&hash.finalize()) == file.sha256)
    }
}
