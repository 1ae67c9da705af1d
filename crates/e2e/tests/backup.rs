//! A backup is one moment of everything, and a restore is that moment in another place, which says nothing to the world until a
//! person lets it.

mod drill;
mod held;
mod refused;
mod schedule;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use e2e::cluster;
use e2e::program::Installation;
use e2e::{Organization, SimulatedNumber, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::Client;
use uuid::Uuid;

const LUCIA: &str = "34600111222";

/// Of the world's keyring.
const MASTER_KEY: [u8; 32] = [7; 32];

/// A furnished server, and a key for its backups.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    directory: TempDir,
    /// The file that opens its backups.
    identity: PathBuf,
    recipient: String,
}

impl Stage {
    /// Lucía has written, and sent a picture and a document.
    async fn new() -> Self {
        let world = World::simulated().await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        world.connect_simulated(&organization, &number).await;
        world.meta().customer_says(&number, LUCIA, "¿Están abiertos?").await;
        world.meta().customer_sends(&number, LUCIA, json!({ "type": "image", "image": {} })).await;
        // Nothing makes it smaller.
        let mut bytes = vec![0; 200 << 10];
        model::secret::random(&mut bytes).expect("random bytes");
        let bytes = data_encoding::BASE64.encode(&bytes);
        let file = json!({ "data": bytes, "mime_type": "application/pdf", "filename": "factura.pdf" });
        world.meta().customer_sends(&number, LUCIA, json!({ "type": "document", "document": file })).await;
        world.settle().await;
        let whole = "SELECT (SELECT count(*) FROM wazapp.media WHERE state = 'stored')
                          + (SELECT count(*) FROM wazapp.file WHERE thumbnail IS NOT NULL)";
        world.until("the files are there, and a thumbnail", async || world.count(whole).await == 3).await;
        let directory = TempDir::with_prefix("wazapp-backup-").expect("a directory");
        let identity = directory.path().join("identity");
        let made = Installation::new().json(&["backup", "key", "--to", text(&identity)]).await;
        let recipient = made["recipient"].as_str().expect("a recipient").to_owned();
        Self { world, organization, number, directory, identity, recipient }
    }

    /// The world's server as commands reach it.
    fn source(&self) -> Installation {
        let media = format!("file:{}", self.world.media_dir().display());
        Installation::new()
            .setting("WAZAPP_DATABASE_URL", &self.world.database_url())
            .setting("WAZAPP_MEDIA_URL", &media)
            .setting("WAZAPP_MASTER_KEY", &data_encoding::HEXLOWER.encode(&MASTER_KEY))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes a backup of this name; answers where it is, and what was said.
    async fn back_up(&self, name: &str) -> (PathBuf, Value) {
        let path = self.path(name);
        let said = self.source().json(&["backup", "--to", text(&path), "--recipient", &self.recipient]).await;
        (path, said)
    }
}

pub(crate) use drill::{rows, schema};

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What a refused command said.
#[track_caller]
pub(crate) fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An empty database with an owner who is no superuser, and a data directory.
pub(crate) struct Target {
    name: String,
    pub(crate) url: String,
    pub(crate) installation: Installation,
}

impl Target {
    pub(crate) async fn new() -> Self {
        Self::beside(|installation| installation).await
    }

    async fn beside(also: impl FnOnce(Installation) -> Installation) -> Self {
        let name = format!("restored_{}", Uuid::now_v7().simple());
        let client = cluster::connect(&cluster::socket_dir(), "postgres").await.expect("a connection");
        // Whoever comes first on this cluster finds none.
        for role in ["wazapp_web", "wazapp_worker"] {
            let made = client.batch_execute(&format!("CREATE ROLE {role} NOLOGIN")).await;
            let there = "SELECT FROM pg_roles WHERE rolname = $1";
            assert!(made.is_ok() || client.query_one(there, &[&role]).await.is_ok(), "{made:?}");
        }
        client
            .batch_execute(&format!("CREATE ROLE {name} NOLOGIN; GRANT wazapp_web, wazapp_worker TO {name}"))
            .await
            .expect("an owner");
        client.batch_execute(&format!("CREATE DATABASE {name} OWNER {name}")).await.expect("a database");
        let host = text(&cluster::socket_dir()).replace('/', "%2F");
        // The socket lets in postgres alone, who goes on as the owner.
        let url = format!("postgres://postgres@{host}/{name}?sslmode=disable&options=-c%20role%3D{name}");
        Self { name, installation: also(Installation::new().setting("WAZAPP_DATABASE_URL", &url)), url }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn sql(&self) -> Client {
        cluster::connect(&cluster::socket_dir(), &self.name).await.expect("a connection")
    }

    async fn restore(&self, from: &Path, identity: &Path) -> Output {
        self.installation.run(&["restore", "--from", text(from), "--identity", text(identity), "--json"]).await
    }

    async fn restored(&self, from: &Path, identity: &Path) -> Value {
        self.installation.json(&["restore", "--from", text(from), "--identity", text(identity)]).await
    }

    /// Asserts that nothing was restored: no schema and no key. Files that came before it broke off may lie there: they are named by
    /// what they hold, and the next try takes them over.
    async fn is_empty(&self) {
        let schema = "SELECT count(*) FROM pg_namespace WHERE nspname = 'wazapp'";
        assert_eq!(self.sql().await.query_one(schema, &[]).await.expect("a row").get::<_, i64>(0), 0);
        assert!(!self.installation.data_dir().join("master-key").exists(), "a key was left");
    }

    pub(crate) async fn end(self) {
        cluster::remove(&cluster::socket_dir(), &self.name).await.expect("it is removed");
        let client = cluster::connect(&cluster::socket_dir(), "postgres").await.expect("a connection");
        client.batch_execute(&format!("DROP ROLE {}", self.name)).await.expect("its owner is removed");
    }
}

/// Files below a directory with their bytes, by their path in it.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut directories) = (BTreeMap::new(), vec![directory.to_owned()]);
    while let Some(at) = directories.pop() {
        for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("it is below").to_owned();
                found.insert(name, std::fs::read(path).expect("it is read"));
            }
        }
    }
    found
}
