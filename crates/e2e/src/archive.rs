//! A PostgreSQL of an operator's own, whose administrator types what the documentation says.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio_postgres::Client;

use crate::outside;
use crate::standby::{Postgres, folder, program, programs};
use crate::wait::until;

/// One PostgreSQL, and the folder that its administrator has for it.
#[derive(Debug)]
pub struct Administered {
    directory: TempDir,
    postgres: Postgres,
}

impl Administered {
    /// With a database `wazapp` and its owner, as the documentation makes them.
    pub async fn start() -> Self {
        let directory = folder("wazapp-own-");
        let postgres = Postgres::made(&directory.path().join("data"), outside::free_address()).await;
        Self { directory, postgres }
    }

    /// The folder; `data` in it is PostgreSQL's.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Where wazapp finds it.
    pub fn url(&self) -> String {
        format!("postgres://wazapp_owner@{}/wazapp?sslmode=disable", self.postgres.address)
    }

    /// A connection as its superuser.
    pub async fn sql(&self) -> Client {
        self.postgres.sql("wazapp").await
    }

    /// Writes these lines into its `postgresql.conf`, behind what is there.
    pub fn configure(&self, lines: &str) {
        let path = self.folder().join("data/postgresql.conf");
        let mut file = File::options().append(true).open(path).expect("a configuration");
        file.write_all(lines.as_bytes()).expect("it is written");
    }

    /// Runs this in the folder as whom PostgreSQL runs as.
    pub fn types(&self, script: &str) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs()).chain(std::env::split_paths(&path).collect::<Vec<PathBuf>>());
        let ran = program("bash")
            .args(["-e", "-c", script])
            .current_dir(self.folder())
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("PGUSER", "postgres")
            .env("PGHOST", self.postgres.address.ip().to_string())
            .env("PGPORT", self.postgres.address.port().to_string())
            .output()
            .expect("bash runs");
        assert!(ran.status.success(), "{script}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Ends it as its administrator does.
    pub fn stop(&mut self) {
        self.types("pg_ctl -D data -m fast -w stop");
        self.postgres.process.wait().expect("it ends");
    }

    /// Starts it where it was stopped, and waits until it takes what is written.
    pub async fn go_on(&mut self) {
        self.postgres = Postgres::start(&self.folder().join("data"), self.postgres.address).await;
        let sql = self.sql().await;
        until("it has recovered", async || {
            let row = sql.query_one("SELECT pg_is_in_recovery()", &[]).await.expect("the statement runs");
            !row.get::<_, bool>(0)
        })
        .await;
    }
}
