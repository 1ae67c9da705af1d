//! Everything at one moment, while the server goes on.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use tokio_postgres::{Client, CopyOutStream};
use uuid::Uuid;

use super::{AS_TEXT, Contents, Table, tables};
use crate::database::{Database, DatabaseError, Result};
use crate::migrate;

/// The policies of this role see all organizations, and it may read every table.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE wazapp_worker";

/// So many files are listed at once.
const FILES: i64 = 1000;

/// One moment of the database. Its tables are read one after the other in transactions of their own, so that none is locked for
/// longer than it is read.
pub struct Snapshot {
    /// Holds the moment.
    holder: Client,
    reader: Client,
    id: String,
    contents: Contents,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

/// A file in the store, as a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The owner.
    pub organization_id: Uuid,
    /// Its name.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Snapshot {
    /// From here on nothing changes in it.
    pub async fn take(database: &Database) -> Result<Self> {
        let (holder, reader) = (database.owner().await?, database.owner().await?);
        holder.batch_execute(&format!("{BEGIN}; {AS_TEXT}")).await?;
        let id = holder.query_one("SELECT pg_export_snapshot()", &[]).await?.get(0);
        let contents = Contents {
            migrations: migrate::taken(&holder).await?,
            tables: tables(&holder).await?,
            days: days(&holder).await?,
        };
        Ok(Self { holder, reader, id, contents })
    }

    /// What there is.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The rows of a table, each in a line.
    pub async fn rows(&self, table: &Table) -> Result<Rows> {
        // Ends the table before.
        self.reader.batch_execute("ROLLBACK").await?;
        self.reader.batch_execute(&format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{}'; {AS_TEXT}", self.id)).await?;
        let copy = format!("COPY (SELECT {} FROM {}) TO STDOUT", table.listed(), table.place());
        Ok(Rows(Box::pin(self.reader.copy_out(&copy).await?)))
    }

    /// How many files there are, and how many bytes.
    pub async fn any_organization_files_size(&self) -> Result<(u64, u64)> {
        let row = self
            .holder
            .query_one("SELECT count(*), coalesce(sum(size), 0)::int8 FROM wazapp.file WHERE deleted_at IS NULL", &[])
            .await?;
        let number = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        Ok((number(0), number(1)))
    }

    /// About how many bytes its tables take.
    pub async fn size(&self) -> Result<u64> {
        let row = self
            .holder
            .query_one(
                "SELECT coalesce(sum(pg_table_size(oid)), 0)::int8 FROM pg_class
                 WHERE relnamespace = 'wazapp'::regnamespace AND relkind = 'r'",
                &[],
            )
            .await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    /// Some of the files after this one, in order.
    pub async fn any_organization_files(&self, after: Option<&StoredFile>) -> Result<Vec<StoredFile>> {
        let (organization_id, sha256) = after.map_or((Uuid::nil(), ""), |file| (file.organization_id, &file.sha256));
        let rows = self
            .holder
            .query(
                "SELECT organization_id, sha256, size FROM wazapp.file WHERE (organization_id, sha256) > ($1, $2) AND deleted_at IS NULL
                 ORDER BY organization_id, sha256 LIMIT $3",
                &[&organization_id, &sha256, &FILES],
            )
            .await?;
        let file = |row: &tokio_postgres::Row| StoredFile {
            organization_id: row.get(0),
            sha256: row.get(1),
            size: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
        };
        Ok(rows.iter().map(file).collect())
    }

    /// Refused where the schema took a step meanwhile: a table that was rewritten looks empty from before.
    pub async fn end(self) -> Result<()> {
        self.reader.batch_execute("ROLLBACK").await?;
        match migrate::taken(&self.reader).await? == self.contents.migrations {
            true => Ok(()),
            false => Err(DatabaseError::Unfit(
                "the database was brought to another version while it was read: make the backup again".into(),
            )),
        }
    }
}

async fn days(client: &Client) -> Result<Vec<String>> {
    let rows = client
        .query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'wazapp.inbound'::regclass AND c.relname LIKE 'inbound_2%' ORDER BY 1",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Rows on their way out.
pub struct Rows(Pin<Box<CopyOutStream>>);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rows")
    }
}

impl Stream for Rows {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context).map_err(DatabaseError::from)
    }
}
