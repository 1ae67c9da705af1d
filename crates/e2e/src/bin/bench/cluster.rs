//! A PostgreSQL of the bench's own, with the durability users have: fsync and synchronous_commit on.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio_postgres::{Client, NoTls};

use crate::{clock, process};

const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "max_connections=200",
];

/// Stops when it is dropped.
pub(crate) struct Cluster {
    postmaster: Child,
    port: u16,
}

impl Cluster {
    /// A fresh cluster under `home`. PostgreSQL refuses root, so root starts it as the user postgres.
    pub(crate) async fn start(home: &Path, settings: &[&str]) -> Result<Self> {
        let binaries = binaries()?;
        let data = home.join("postgres");
        std::fs::create_dir(&data)?;
        let as_root = std::fs::metadata(&data)?.uid() == 0;
        if as_root {
            std::os::unix::fs::chown(&data, Some(id("-u")?), Some(id("-g")?))?;
        }
        let command = |program: &str| {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "INT"]);
            if as_root {
                command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
            }
            command.arg("--").arg(binaries.join(program)).current_dir(&data).stdin(Stdio::null());
            command
        };

        // Trust: only on loopback, only for as long as the bench runs, and it holds nothing but made-up messages.
        let mut initdb = command("initdb");
        initdb.args(["-D", ".", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        let made = initdb.output().context("initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let port = free_port()?;
        let log = File::create(home.join("postgres.log"))?;
        let mut postgres = command("postgres");
        postgres.args(["-D", ".", "-p", &port.to_string()]);
        for setting in SETTINGS.iter().chain(settings) {
            postgres.args(["-c", setting]);
        }
        postgres.stdout(log.try_clone()?).stderr(log);
        let cluster = Self { postmaster: postgres.spawn().context("postgres")?, port };
        cluster.ready(home).await?;
        Ok(cluster)
    }

    async fn ready(&self, home: &Path) -> Result<()> {
        let began = clock::now();
        while began.elapsed() < Duration::from_secs(30) {
            if self.connect("postgres").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(home.join("postgres.log")).unwrap_or_default();
        bail!("PostgreSQL does not start: {log}")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.postmaster.id()
    }

    pub(crate) async fn connect(&self, database: &str) -> Result<Client> {
        connect(self.address(), database).await
    }

    /// Makes `database` as a copy of `template`, and writes the copy to disk so that nobody's measurement does.
    pub(crate) async fn create(&self, database: &str, template: Option<&str>) -> Result<()> {
        let admin = self.connect("postgres").await?;
        let template = template.unwrap_or("template1");
        admin.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE {template}")).await?;
        admin.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    pub(crate) async fn remove(&self, database: &str) -> Result<()> {
        let admin = self.connect("postgres").await?;
        admin.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        process::end(&mut self.postmaster, "INT", Duration::from_secs(20));
    }
}

/// The URL of a database, straight or through a proxy.
pub(crate) fn url(address: SocketAddr, database: &str) -> String {
    format!("postgres://postgres@{address}/{database}?sslmode=disable")
}

/// A connection of the bench's own.
pub(crate) async fn connect(address: SocketAddr, database: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(&url(address, database), NoTls).await?;
    // Its end shows in the client's next statement.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The directory that holds `initdb` and `postgres`: from PATH, else the newest where Debian puts them.
fn binaries() -> Result<PathBuf> {
    let complete = |directory: &PathBuf| directory.join("initdb").exists() && directory.join("postgres").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(directory) = std::env::split_paths(&path).find(complete) {
        return Ok(directory);
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, directory)| complete(directory))
        .collect();
    versions.sort();
    versions.pop().map(|(_, directory)| directory).context("no PostgreSQL found: install the package postgresql")
}

/// A number of the user postgres; `-u` or `-g`.
fn id(which: &str) -> Result<u32> {
    let output = Command::new("id").args([which, "postgres"]).output()?;
    ensure!(output.status.success(), "root cannot run PostgreSQL, and there is no user postgres");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
