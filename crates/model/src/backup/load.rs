//! Rows put into a place where there are none: all of them, or nothing changes.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt;
use jiff::Timestamp;
use tokio_postgres::{Client, CopyInSink};
use uuid::Uuid;

use super::{AS_TEXT, Contents, Table, tables};
use crate::database::{Database, DatabaseError, Result};
use crate::secret::holder;
use crate::{inspect, migrate, relocation, upkeep};

/// One transaction, which goes with whoever drops it, or is killed.
pub struct Load {
    client: Client,
    /// What puts the schema back as it was, in order.
    mend: Vec<String>,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Load")
    }
}

/// Rows on their way into a table.
pub struct Rows(Pin<Box<CopyInSink<Bytes>>>);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rows")
    }
}

impl Rows {
    /// The next bytes of their text.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.0.as_mut().send(bytes).await?)
    }

    /// Answers how many rows there were.
    pub async fn finish(mut self) -> Result<u64> {
        Ok(self.0.as_mut().finish().await?)
    }
}

/// Rows would take away what is there, and the ground from whoever works on it. What moves knows may be taken away.
async fn refuse_what_is_there(client: &Client, known: &[Uuid]) -> Result<()> {
    if relocation::may_be_replaced(client, known).await? {
        return Ok(());
    }
    let there = client
        .query_one(
            "SELECT to_regclass('wazapp.organization') IS NOT NULL, to_regclass('wazapp.user') IS NOT NULL,
                    to_regclass('wazapp.inbound') IS NOT NULL",
            &[],
        )
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(());
    }
    // The owner of the schema sees no rows of organizations.
    client.batch_execute("SET LOCAL ROLE wazapp_worker").await?;
    for (column, table, what) in [
        (0, "organization", "organizations"),
        (1, "\"user\"", "accounts of people"),
        (2, "inbound", "webhooks of Meta's"),
    ] {
        let any = format!("SELECT EXISTS (SELECT FROM wazapp.{table})");
        if there.get::<_, bool>(column) && client.query_one(&any, &[]).await?.get(0) {
            return Err(DatabaseError::Unfit(format!(
                "this database is not empty: it holds {what}. Take an empty one: another WAZAPP_DATA_DIR, or another database in the URL"
            )));
        }
    }
    if let Some(server) = holder::alive(client).await?.0.first() {
        return Err(DatabaseError::Unfit(format!("a server runs on this database ({}): stop it first", server.name)));
    }
    client.batch_execute("RESET ROLE").await?;
    Ok(())
}

/// A transaction of the owner of a place that is fit, and free.
async fn opened(database: &Database, known: &[Uuid]) -> Result<Client> {
    inspect::check_sessions(database).await?;
    let client = database.owner().await?;
    migrate::check_server(&client).await?;
    client.batch_execute(&format!("BEGIN; SET LOCAL lock_timeout = '10s'; {AS_TEXT}")).await?;
    migrate::lock(&client).await?;
    refuse_what_is_there(&client, known).await?;
    Ok(client)
}

/// Columns stand in the order in which the steps of the schema were taken.
fn by_name(tables: &[Table]) -> BTreeMap<&str, BTreeSet<&str>> {
    tables.iter().map(|table| (&*table.name, table.columns.iter().map(String::as_str).collect())).collect()
}

impl Load {
    /// Whether rows could be put there, as a server and [`Load::begin`] would say; changes nothing.
    pub async fn check(database: &Database, known: &[Uuid]) -> Result<()> {
        let client = opened(database, known).await?;
        migrate::check_roles(&client).await?;
        Ok(client.batch_execute("ROLLBACK").await?)
    }

    /// Makes the schema as it was, without rows, and takes off what would look at single ones. Refused where the database holds
    /// anything, but for what moves of these ids left there or did not bring to its end.
    pub async fn begin(database: &Database, contents: &Contents, known: &[Uuid]) -> Result<Self> {
        let client = opened(database, known).await?;
        client.batch_execute("DROP SCHEMA IF EXISTS wazapp CASCADE").await?;
        migrate::remake(&client, &contents.migrations).await?;
        for day in &contents.days {
            upkeep::make_day(&client, day).await?;
        }
        let there = tables(&client).await?;
        if by_name(&there) != by_name(&contents.tables) {
            return Err(DatabaseError::Unfit(
                "the backup's tables are not those of its version of the schema: it was made of a changed database"
                    .into(),
            ));
        }
        let mut load = Self { client, mend: Vec::new() };
        load.take_off().await?;
        let all: Vec<String> = there.iter().map(Table::place).collect();
        load.client.batch_execute(&format!("TRUNCATE {}", all.join(", "))).await?;
        Ok(load)
    }

    /// Foreign keys are looked at once, when all is there; triggers have done their work before; and COPY enters no table whose
    /// owner obeys policies. All of it is the owner's to do, who need not be a superuser.
    async fn take_off(&mut self) -> Result<()> {
        for (found, off, on) in [
            (
                "SELECT t.tgrelid::regclass::text, quote_ident(t.tgname), '' FROM pg_trigger t
                 JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'wazapp' AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled = 'O' ORDER BY 1, 2",
                "DISABLE TRIGGER {}",
                "ENABLE TRIGGER {}",
            ),
            (
                "SELECT c.conrelid::regclass::text, quote_ident(c.conname), pg_get_constraintdef(c.oid) FROM pg_constraint c
                 JOIN pg_namespace n ON n.oid = c.connamespace
                 WHERE n.nspname = 'wazapp' AND c.contype = 'f' AND c.conparentid = 0 ORDER BY 1, 2",
                "DROP CONSTRAINT {}",
                "ADD CONSTRAINT {} ",
            ),
            // The last to come back: foreign keys are looked at as who sees all rows.
            (
                "SELECT c.oid::regclass::text, '', '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'wazapp' AND c.relforcerowsecurity ORDER BY 1",
                "NO FORCE ROW LEVEL SECURITY",
                "FORCE ROW LEVEL SECURITY",
            ),
        ] {
            for row in self.client.query(found, &[]).await? {
                let (table, name, rest): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
                self.client.batch_execute(&format!("ALTER TABLE {table} {}", off.replace("{}", name))).await?;
                self.mend.push(format!("ALTER TABLE {table} {}{rest}", on.replace("{}", name)));
            }
        }
        Ok(())
    }

    /// Begins to fill a table.
    pub async fn rows(&self, table: &Table) -> Result<Rows> {
        let copy = format!("COPY {} ({}) FROM STDIN", table.place(), table.listed());
        Ok(Rows(Box::pin(self.client.copy_in(&copy).await?)))
    }

    /// All is there: from now on it is this database's, and nothing leaves it until a person says so. `made_at` is when the
    /// backup was made.
    pub async fn commit(self, made_at: Timestamp, now: Timestamp) -> Result<()> {
        self.client
            .execute("UPDATE wazapp.restoration SET released_at = $1 WHERE released_at IS NULL", &[&now])
            .await?;
        self.client
            .execute(
                "INSERT INTO wazapp.restoration (id, made_at, restored_at) VALUES ($1, $2, $3)",
                &[&Uuid::now_v7(), &made_at, &now],
            )
            .await?;
        self.close().await
    }

    /// All is there that was moved from another place; it stays closed until the move has ended.
    pub async fn arrive(self, id: Uuid, from: &str, now: Timestamp) -> Result<()> {
        relocation::arrive(&self.client, id, from, now).await?;
        self.close().await
    }

    async fn close(self) -> Result<()> {
        // These run elsewhere, if they run.
        self.client.batch_execute("DELETE FROM wazapp.key_holder").await?;
        for statement in &self.mend {
            self.client.batch_execute(statement).await?;
        }
        Ok(self.client.batch_execute("COMMIT").await?)
    }
}
