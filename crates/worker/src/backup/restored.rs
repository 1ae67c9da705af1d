//! A backup taken in: into a place where there is nothing, or into nothing, to see whether it is all there.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::Database;
use model::backup::{Load, LoadRows, Table};
use model::store::Store;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::manifest::{ENDING, MEDIA, TABLES};
use super::{BackupError, Ending, Opened, Progress, Result, Sum, TableSum, Told, hex};

/// Where a backup is restored.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Without organizations.
    pub database: &'a Database,
    /// Takes the files.
    pub store: &'a Store,
    /// The time.
    pub now: Timestamp,
}

/// What was taken in so far.
struct Taking<'a> {
    opened: Opened,
    /// `None`: it is only looked at.
    load: Option<(&'a Load, &'a Store)>,
    tables: Vec<Table>,
    /// The table at hand: its place among them, its rows so far, and where they go.
    at: Option<(usize, Sum, Option<LoadRows>)>,
    seen: Ending,
    progress: Progress,
    told: Told<'a>,
}

impl Opened {
    /// Reads all of it and compares; changes nothing anywhere.
    pub async fn check(self, told: Told<'_>) -> Result<Ending> {
        Taking::new(self, None, told).take().await
    }

    /// Puts all of it into the target, or nothing: what was written of files is named by its content, and belongs to nobody until
    /// the rows are there. `before` is done when all is there and nothing is committed yet.
    pub async fn restore(
        self,
        target: Target<'_>,
        told: Told<'_>,
        before: impl FnOnce() -> Result<()>,
    ) -> Result<Ending> {
        let made_at = self.manifest().made_at;
        let load = Load::begin(target.database, &self.manifest().contents, &[]).await?;
        let ending = Taking::new(self, Some((&load, target.store)), told).take().await?;
        before()?;
        load.commit(made_at, target.now).await?;
        Ok(ending)
    }
}

impl<'a> Taking<'a> {
    fn new(opened: Opened, load: Option<(&'a Load, &'a Store)>, told: Told<'a>) -> Self {
        let tables = opened.manifest().contents.tables.clone();
        let progress = Progress { all_tables: tables.len() as u64, ..Progress::default() };
        Self { opened, load, tables, at: None, seen: Ending::default(), progress, told }
    }

    async fn take(mut self) -> Result<Ending> {
        let mut ending = None;
        while let Some((name, size)) = self.opened.entry().await? {
            if ending.is_some() {
                return Err(BackupError::Damaged("something stands behind its end".into()));
            }
            if let Some(part) = name.strip_prefix(TABLES) {
                self.rows(part.split('/').next().unwrap_or(part), size).await?;
                continue;
            }
            self.finish_until(None).await?;
            if let Some(file) = name.strip_prefix(MEDIA) {
                self.file(file, size).await?;
            } else if name == ENDING {
                let bytes = self.opened.small(size).await?;
                let read: Ending = serde_json::from_slice(&bytes).map_err(|_| damaged(ENDING))?;
                ending = Some(read);
            } else {
                return Err(damaged(&name));
            }
        }
        self.compare(ending.ok_or_else(|| BackupError::Damaged("it has no end".into()))?)
    }

    /// The tables before this one are through; those without rows have no part. `None`: all are.
    async fn finish_until(&mut self, name: Option<&str>) -> Result<()> {
        let wanted = match name {
            Some(name) => self.tables.iter().position(|table| table.name == name).ok_or_else(|| damaged(name))?,
            None => self.tables.len(),
        };
        loop {
            let next = match self.at.take() {
                Some(at) if at.0 == wanted => {
                    self.at = Some(at);
                    return Ok(());
                }
                Some((index, sum, rows)) => {
                    self.finish(index, sum, rows).await?;
                    index + 1
                }
                None => self.seen.tables.len(),
            };
            if next > wanted {
                return Err(BackupError::Damaged("its tables are not in order".into()));
            }
            if next == self.tables.len() {
                return Ok(());
            }
            let rows = match self.load {
                Some((load, _)) if next == wanted => Some(load.rows(&self.tables[next]).await?),
                _ => None,
            };
            self.at = Some((next, Sum::default(), rows));
        }
    }

    async fn finish(&mut self, index: usize, sum: Sum, rows: Option<LoadRows>) -> Result<()> {
        let name = self.tables[index].name.clone();
        if let Some(rows) = rows
            && rows.finish().await? != sum.rows
        {
            return Err(BackupError::Damaged(format!("{name} took another number of rows than it has")));
        }
        self.progress.tables += 1;
        self.progress.rows += sum.rows;
        (self.told)(self.progress);
        self.seen.tables.push(sum.of(&name));
        Ok(())
    }

    async fn rows(&mut self, name: &str, mut left: u64) -> Result<()> {
        self.finish_until(Some(name)).await?;
        while let Some(bytes) = self.opened.bytes(&mut left).await? {
            let Some((_, sum, rows)) = &mut self.at else { return Err(damaged(name)) };
            sum.add(&bytes);
            self.progress.bytes += bytes.len() as u64;
            if let Some(rows) = rows {
                rows.push(bytes).await?;
            }
            (self.told)(Progress { rows: self.progress.rows + sum.rows, ..self.progress });
        }
        Ok(())
    }

    async fn file(&mut self, name: &str, size: u64) -> Result<()> {
        let (organization_id, sha256) = name.split_once('/').ok_or_else(|| damaged(name))?;
        let organization_id: Uuid = organization_id.parse().map_err(|_| damaged(name))?;
        let mut writing = self.load.map(|(_, store)| store.writer(organization_id));
        let (mut left, mut hash) = (size, Sha256::new());
        while let Some(bytes) = self.opened.bytes(&mut left).await? {
            hash.update(&bytes);
            self.progress.bytes += bytes.len() as u64;
            if let Some(writing) = &mut writing {
                writing.push(bytes).await?;
            }
            (self.told)(self.progress);
        }
        // What is not what it is called is named, and not put there.
        if hex(hash) != sha256 {
            self.seen.damaged.push(name.to_owned());
        } else if let Some(writing) = writing {
            writing.finish().await?.keep().await?;
        }
        self.seen.files += 1;
        self.seen.files_bytes += size;
        self.progress.files += 1;
        (self.told)(self.progress);
        Ok(())
    }

    /// What was seen is what was written.
    fn compare(mut self, ending: Ending) -> Result<Ending> {
        self.seen.missing.clone_from(&ending.missing);
        if self.seen == ending {
            return Ok(ending);
        }
        let written: BTreeSet<_> = ending.tables.iter().map(row).collect();
        let differs = self.seen.tables.iter().find(|table| !written.contains(&row(table)));
        Err(match differs {
            Some(table) => damaged(&table.name),
            None => BackupError::Damaged("it holds something else than its end says".into()),
        })
    }
}

fn row(table: &TableSum) -> (&str, u64, &str) {
    (&table.name, table.rows, &table.sha256)
}

fn damaged(what: &str) -> BackupError {
    BackupError::Damaged(format!("{what} is not as it was written"))
}
