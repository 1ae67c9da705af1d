//! `wazapp supabase sync`: a copy of an organization in another database is equal to what the API answers, whatever broke on
//! the way, and shows each reader what is theirs.

mod breaks;
mod readers;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};

use e2e::program::Installation;
use e2e::random::Random;
use e2e::{Organization, World, cluster};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::process::Child;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::histories::tale::{self, Tale};

/// An empty database beside the world's, as an organization has one.
struct Elsewhere {
    name: String,
    sql: Client,
}

impl Elsewhere {
    async fn new() -> Self {
        let name = format!("copy_{}", Uuid::now_v7().simple());
        let admin = cluster::connect(&cluster::socket_dir(), "postgres").await.expect("a connection");
        admin.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.expect("a database");
        let sql = cluster::connect(&cluster::socket_dir(), &name).await.expect("a connection");
        Self { name, sql }
    }

    fn url(&self) -> String {
        self.url_at(&cluster::socket_dir())
    }

    /// Its URL by the socket in this directory.
    fn url_at(&self, socket_dir: &Path) -> String {
        let host = socket_dir.to_str().expect("a path in UTF-8").replace('/', "%2F");
        format!("postgres://postgres@{host}/{}?sslmode=disable", self.name)
    }

    /// Cuts the copiers' connections.
    async fn cut(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'wazapp'";
        self.sql.query(sql, &[]).await.expect("the statement runs");
    }

    async fn number(&self, sql: &str) -> i64 {
        self.sql.query_one(sql, &[]).await.expect("the statement runs").get(0)
    }

    /// How far the copy of an organization is; 0 before it began.
    async fn cursor(&self, organization: &Organization) -> i64 {
        let sql = "SELECT cursor FROM wazapp.sync WHERE organization_id = $1";
        let row = self.sql.query_opt(sql, &[&organization.id]).await.ok().flatten();
        row.map_or(0, |row| row.get(0))
    }

    /// What changes with each thing that a copier writes.
    async fn written(&self) -> String {
        let row = self.sql.query_one("SELECT max(updated_at)::text FROM wazapp.sync", &[]).await;
        row.ok().and_then(|row| row.get(0)).unwrap_or_default()
    }

    /// A table's rows of an organization, without its id.
    async fn rows(&self, organization: &Organization, table: &str) -> Vec<Map<String, Value>> {
        let sql = format!("SELECT to_json(t) FROM wazapp.{table} t WHERE organization_id = $1 ORDER BY id");
        let rows = self.sql.query(&sql, &[&organization.id]).await.expect("the copy can be read");
        let rows = rows.iter().map(|row| row.get::<_, Value>(0).as_object().expect("a row").clone());
        rows.map(|mut row| {
            row.remove("organization_id");
            row
        })
        .collect()
    }

    async fn end(self) {
        cluster::remove(&cluster::socket_dir(), &self.name).await.expect("the database goes");
    }
}

/// A copier's program, as an organization runs it.
struct Copier(Installation);

impl Copier {
    fn new(world: &World, organization: &Organization, elsewhere: &Elsewhere) -> Self {
        Self::with(world.url(), &organization.key, &elsewhere.url())
    }

    fn with(api: &str, key: &str, database_url: &str) -> Self {
        let installation = Installation::new()
            .setting("WAZAPP_SYNC_API", api)
            .setting("WAZAPP_SYNC_KEY", key)
            .setting("WAZAPP_SYNC_DATABASE_URL", database_url);
        Self(installation)
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        self.0.command(&[&["supabase", "sync", "--take-over"], arguments].concat())
    }

    /// Begins to copy, and goes on.
    fn start(&self) -> Child {
        self.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("wazapp starts")
    }

    /// Runs to its end.
    async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.expect("wazapp runs")
    }

    /// Copies until the copy is level; answers what it said.
    async fn once(&self) -> String {
        let output = self.run(&["--once"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }
}

/// An organization with two numbers.
async fn tenant(world: &World, name: &str, nth: u64) -> (Organization, [String; 2]) {
    let organization = world.organization(name).await;
    let numbers = [format!("10000000000000{nth}"), format!("20000000000000{nth}")];
    for number in &numbers {
        world.connect(&organization, number, &format!("30000000000000{nth}"), None).await;
    }
    (organization, numbers)
}

/// Bodies of a random history; without `history` none of a phone's, of which no event tells row by row.
fn bodies(seed: u64, now: Timestamp, numbers: &[String; 2], history: bool) -> Vec<Value> {
    let tale = Tale::new(&mut Random::new(seed), now.as_second(), true);
    let told = tale.bodies.iter().map(|value| tale::for_numbers(value, numbers));
    told.filter(|value| history || !value.to_string().contains("\"history\"")).collect()
}

/// The text at a place, or null.
fn at(row: &Value, place: &str) -> Value {
    row.pointer(place).cloned().unwrap_or(Value::Null)
}

/// What the API tells of a conversation, as the copy keeps it.
fn conversation(row: &Value) -> Value {
    let mut kept = row.clone();
    let object = kept.as_object_mut().expect("a row");
    object.remove("contact");
    object.remove("last_message");
    object.insert("contact_id".into(), at(row, "/contact/id"));
    object.insert("last_message_id".into(), at(row, "/last_message/id"));
    object.insert("last_message_at".into(), at(row, "/last_message/timestamp"));
    kept
}

/// The same, with each time written in one way, and members in one order.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) if text.len() >= 20 => json!(time.to_string()),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
            members.into_iter().collect()
        }
        _ => value.clone(),
    }
}

/// Rows in an order that follows from themselves.
fn sorted(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut texts: Vec<String> = rows.into_iter().map(|row| plain(&row).to_string()).collect();
    texts.sort_unstable();
    texts
}

/// What differs between the API's answers and the copy.
async fn differences(world: &World, organization: &Organization, elsewhere: &Elsewhere) -> Vec<String> {
    let contacts = world.all(organization, "/contacts?limit=100").await;
    let conversations: Vec<Value> = world.conversations(organization).await.iter().map(conversation).collect();
    let messages = world.all_messages(organization).await;
    let mut statuses = Vec::new();
    for message in &messages {
        let id = message["id"].as_str().expect("an id");
        statuses.extend(world.all(organization, &format!("/messages/{id}/statuses?limit=100")).await);
    }
    let mut found = Vec::new();
    for (table, told) in
        [("contacts", contacts), ("conversations", conversations), ("messages", messages), ("statuses", statuses)]
    {
        let kept = elsewhere.rows(organization, table).await.into_iter().map(|mut row| {
            if table == "statuses" {
                row.remove("id");
            }
            Value::Object(row)
        });
        let (told, kept) = (sorted(told), sorted(kept));
        found.extend(told.iter().filter(|row| !kept.contains(row)).map(|row| format!("{table} - {row}")));
        found.extend(kept.iter().filter(|row| !told.contains(row)).map(|row| format!("{table} + {row}")));
        if told.len() != kept.len() {
            found.push(format!("{table}: {} rows told, {} kept", told.len(), kept.len()));
        }
    }
    found
}

async fn assert_equal(world: &World, organization: &Organization, elsewhere: &Elsewhere) {
    let found = differences(world, organization, elsewhere).await;
    assert!(found.is_empty(), "the copy differs:\n{}", found.join("\n"));
}
