//! All rows of the schema at one moment, read for a backup, and put into a place where there are none.
//!
//! Which tables and columns there are is asked of the catalog, so that a new one is in the next backup by itself. Rows travel in
//! the text format of COPY, which every version of PostgreSQL reads.

mod load;
pub mod schedule;
mod snapshot;

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::database::Result;
use crate::migrate::Step;

pub use load::{Load, Rows as LoadRows};
pub use snapshot::{Rows, Snapshot, StoredFile};

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The steps of its schema, oldest first.
    pub migrations: Vec<Step>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Days that `inbound` has a partition of, by its name.
    pub days: Vec<String>,
}

/// A table, and which of its columns hold what is not worked out from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name in the schema.
    pub name: String,
    /// In their order.
    pub columns: Vec<String>,
}

impl Table {
    /// In the schema, quoted.
    fn place(&self) -> String {
        format!("wazapp.{}", quoted(&self.name))
    }

    /// Its columns, quoted.
    fn listed(&self) -> String {
        self.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
    }
}

/// As a name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Values look the same whatever the server's settings are, and nothing ends what takes long.
const AS_TEXT: &str = "
    SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';
    SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3; SET LOCAL client_encoding = 'UTF8';
    SELECT set_config(name, '0', true) FROM pg_settings
      WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')";

/// The tables as the catalog has them. Partitions go by the table above them.
async fn tables(client: &Client) -> Result<Vec<Table>> {
    let rows = client
        .query(
            "SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             WHERE n.nspname = 'wazapp' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
             GROUP BY c.relname ORDER BY c.relname",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| Table { name: row.get("name"), columns: row.get("columns") }).collect())
}

/// Once rows are there, PostgreSQL is told how they are spread, so that it plans for them and not for an empty table.
pub async fn analyze(database: &crate::Database) -> Result<()> {
    let client = database.owner().await?;
    for table in tables(&client).await? {
        client.batch_execute(&format!("ANALYZE {}", table.place())).await?;
    }
    Ok(())
}
