//! An export taken in.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use model::audit::{self, Actor};
use model::secret::Keyring;
use model::store::Store;
use model::transfer::Import;
use model::{Database, organization};
use serde::Serialize;
use tokio::io::AsyncReadExt;

use super::{Opened, Result, TransferError};
use crate::backup::{Progress, Told};

/// So many rows are read at once.
const BATCH: usize = 500;
const CHUNK: usize = 256 << 10;

/// Where an export is taken in.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// Without the organization.
    pub database: &'a Database,
    /// Takes the files.
    pub store: &'a Store,
    /// Seals what endpoints sign with here.
    pub keyring: Keyring,
    /// Under which short name; `None`: the one that it had.
    pub slug: Option<String>,
    /// The time.
    pub now: Timestamp,
}

/// What was taken in.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// Under which short name.
    pub slug: String,
    /// How many rows of which table.
    pub tables: BTreeMap<String, u64>,
    /// Files of media.
    pub files: u64,
}

impl Opened {
    /// Takes it in: all of it, or nothing. Files come before the rows are certain: they are named by what they hold.
    pub async fn import(&self, to: Destination<'_>, told: Told<'_>) -> Result<Taken> {
        let manifest = self.manifest();
        if manifest.contact_ids.is_some() {
            return Err(TransferError::Refused(
                "this export is of one contact alone: only an organization as a whole can be imported".into(),
            ));
        }
        let mut import = Import::begin(to.database, to.keyring.clone(), to.slug.clone(), to.now).await?;
        let tables: Vec<_> = manifest.tables.iter().map(model::transfer::Table::from).collect();
        import.check(&tables, &manifest.migrations)?;
        let mut progress = Progress {
            all_tables: manifest.tables.len() as u64,
            all_files: self.media().len() as u64,
            ..Progress::default()
        };
        let mut taken = BTreeMap::new();
        let there = |name: &String| manifest.tables.iter().any(|table| table.name == *name);
        for table in import.order().into_iter().filter(there) {
            let (mut rows, mut lines) = (0, self.rows(&table)?.peekable());
            while lines.peek().is_some() {
                let batch = lines.by_ref().take(BATCH).collect::<Result<Vec<_>>>()?;
                progress.rows += batch.len() as u64;
                rows += import.take(&table, batch).await?;
                told(progress);
            }
            progress.tables += 1;
            told(progress);
            taken.insert(table, rows);
        }
        for name in self.media() {
            self.keep(&to, name).await?;
            progress.files += 1;
            told(progress);
        }
        let (tx, scope) = import.finish().await?;
        let here = organization::find(&tx, &scope.organization_id().to_string()).await?;
        let here = here.ok_or_else(|| TransferError::Damaged("it holds no organization".into()))?;
        audit::any_organization_record(&tx, &scope, to.now, &Actor::operator(), &here.imported()).await?;
        tx.commit().await?;
        Ok(Taken { slug: here.slug, tables: taken, files: progress.files })
    }

    async fn keep(&self, to: &Destination<'_>, name: &str) -> Result<()> {
        let mut file = tokio::fs::File::open(self.file(name)).await?;
        let mut writing = to.store.writer(self.manifest().organization.id);
        loop {
            let mut chunk = vec![0; CHUNK];
            let many = file.read(&mut chunk).await?;
            if many == 0 {
                break;
            }
            chunk.truncate(many);
            writing.push(Bytes::from(chunk)).await?;
        }
        Ok(writing.finish().await?.keep().await?)
    }
}

impl From<&super::TableSum> for model::transfer::Table {
    fn from(sum: &super::TableSum) -> Self {
        Self::named(&sum.name, sum.columns.clone())
    }
}
