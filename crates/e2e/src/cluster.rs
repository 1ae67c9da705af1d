//! One PostgreSQL for all tests, and a database in it for each.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use model::Database;
use model::database::Access;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};
use wazapp::postgres::{DirLock, Options, PrivatePostgres};

/// Names the directory of the socket of the tests' PostgreSQL.
pub const VARIABLE: &str = "WAZAPP_TEST_CLUSTER";

/// Any number that nobody else locks.
const LOCK: i64 = 0x7465_7374;

/// Tests do not care for a power cut, and their databases are small: a cluster in memory flushes for nothing, while
/// the server still finds `fsync` on, as it demands.
const SETTINGS: &str = "
max_connections = 400
shared_buffers = 128MB
max_wal_size = 512MB
min_wal_size = 80MB
wal_level = minimal
max_wal_senders = 0
wal_compression = off
autovacuum_naptime = 60s
";

/// A PostgreSQL for the tests of one run.
#[derive(Debug)]
pub struct Cluster {
    postgres: PrivatePostgres,
    _directory: TempDir,
}

impl Cluster {
    /// Makes and starts it.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("wazapp-test-")
            .tempdir_in(memory())
            .context("no directory for the tests' PostgreSQL")?;
        let data_dir = directory.path().to_owned();
        let mut quiet = |_: &str| ();
        let lock = DirLock::for_serve(&data_dir, &mut quiet).await?;
        let options = Options { data_dir: data_dir.clone(), postgres_bin: None };
        let mut postgres = PrivatePostgres::start(&options, lock, &mut quiet).await?;
        OpenOptions::new()
            .append(true)
            .open(data_dir.join("postgres/postgresql.conf"))
            .and_then(|mut file| file.write_all(SETTINGS.as_bytes()))
            .context("postgresql.conf cannot be written")?;
        postgres.restart(&mut quiet).await?;
        Ok(Self { postgres, _directory: directory })
    }

    /// The directory of its socket.
    pub fn socket_dir(&self) -> &Path {
        self.postgres.socket_dir()
    }

    /// Stops it; its directory goes with it.
    pub async fn stop(mut self) {
        self.postgres.stop().await;
    }
}

/// A directory in memory, where there is one with room: a process that is killed loses nothing there either.
pub(crate) fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let room = rustix::fs::statvfs(&memory).is_ok_and(|found| found.f_bavail * found.f_frsize > 4 << 30);
    if room { memory } else { std::env::temp_dir() }
}

/// The directory of the socket of the cluster that this run has.
pub fn socket_dir() -> PathBuf {
    match std::env::var_os(VARIABLE) {
        Some(directory) => directory.into(),
        None => panic!("run the tests with make test"),
    }
}

/// A connection as `postgres`.
pub async fn connect(socket_dir: &Path, database: &str) -> Result<Client> {
    let (client, connection) = Config::new()
        .host_path(socket_dir)
        .dbname(database)
        .user("postgres")
        .connect(NoTls)
        .await
        .with_context(|| format!("no connection to {database}"))?;
    tokio::spawn(connection);
    Ok(client)
}

/// Makes a database with an empty schema, as a copy of one that was migrated once.
pub async fn create(socket_dir: &Path, database: &str) -> Result<()> {
    let client = connect(socket_dir, "postgres").await?;
    let template = template();
    let exists = async || -> Result<bool> {
        let row = client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&template]).await?;
        Ok(row.is_some())
    };
    if !exists().await? {
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
        if !exists().await? {
            make_template(socket_dir, &client, &template).await?;
        }
        client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    }
    client.batch_execute(&format!("CREATE DATABASE \"{database}\" TEMPLATE \"{template}\"")).await?;
    Ok(())
}

/// Removes a database, whoever is connected.
pub async fn remove(socket_dir: &Path, database: &str) -> Result<()> {
    let client = connect(socket_dir, "postgres").await?;
    client.batch_execute(&format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)")).await?;
    Ok(())
}

/// Named by the schema, so that a run never meets an older one's.
fn template() -> String {
    let names: Vec<&str> = model::migrate::MIGRATIONS.iter().map(|migration| migration.name).collect();
    let digest = Sha256::digest(names.join(" "));
    format!("template_{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2])
}

async fn make_template(socket_dir: &Path, client: &Client, template: &str) -> Result<()> {
    client.batch_execute(&format!("DROP DATABASE IF EXISTS \"{template}-new\" WITH (FORCE)")).await?;
    client.batch_execute(&format!("CREATE DATABASE \"{template}-new\"")).await?;
    let database = Database::new(Access::socket(socket_dir, &format!("{template}-new")), 1)?;
    model::migrate::run(&database).await?;
    model::upkeep::run(&database, crate::outside::now(), 14).await?;
    database.close();
    // A connection that was let go of ends in its own time.
    for _ in 0..500 {
        let rename = format!("ALTER DATABASE \"{template}-new\" RENAME TO \"{template}\"");
        match client.batch_execute(&rename).await {
            Ok(()) => return Ok(()),
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_IN_USE) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("the template database stays in use")
}
