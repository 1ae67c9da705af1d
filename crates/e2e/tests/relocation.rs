//! Everything moves: the database from one PostgreSQL to another, files from one store to another. At no moment two
//! places are served.

mod broken_off;
mod database;
mod killed_media;
mod media;
mod refused;
mod running;
mod upgrade;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::meta::Meta;
use e2e::program::{Installation, Server};
use e2e::{SimulatedNumber, cluster, until};
use serde_json::{Value, json};
use tokio::process::Child;
use tokio_postgres::Client;
use wazapp::postgres::{Access, Options};

use crate::backup::{Target, files, rows, schema};

const LUCIA: &str = "34600111222";
const WORD: &str = "a-word";

/// A server on a private PostgreSQL that has something to lose: a conversation, files, and a message that waits to be
/// sent.
struct Stage {
    meta: Meta,
    number: SimulatedNumber,
    installation: Installation,
}

impl Stage {
    async fn new() -> Self {
        Self::on(None).await
    }

    /// By the programs of another PostgreSQL than the system's.
    async fn on(programs: Option<&Path>) -> Self {
        let meta = Meta::start(simulator::Options::default()).await;
        let number = meta.numbers().await.remove(0);
        let mut installation = Installation::beside(&meta, WORD).await;
        if let Some(programs) = programs {
            installation = installation.setting("WAZAPP_POSTGRES_BIN", crate::backup::text(programs));
        }
        let server = installation.serve().await;
        installation.json(&["org", "create", "Acme"]).await;
        installation.connect("acme", &number, &number.token).await;
        let stage = Self { meta, number, installation };
        stage.hears(&server, "¿Están abiertos?").await;
        stage.queue(&server).await;
        assert!(server.terminate().await.0.success());
        stage
    }

    /// The same on a PostgreSQL of somebody else's.
    async fn external() -> (Self, Target) {
        let (stage, first) = (Self::new().await, Target::new().await);
        stage.installation.json(&["move", "database", "--to", &first.url]).await;
        (stage.at(&first.url), first)
    }

    /// Why nothing is served at another place.
    async fn refused_at(&self, url: &str) -> String {
        let output = self.installation.command(&["serve"]).env("WAZAPP_DATABASE_URL", url).output().await;
        crate::backup::refusal(&output.expect("it runs"))
    }

    /// Lucía writes, and sends a picture; both are there when this returns, and its thumbnail.
    async fn hears(&self, server: &Server, says: &str) {
        self.meta.callback(&format!("{}/webhook", server.url()), WORD).await;
        self.meta.customer_says(&self.number, LUCIA, says).await;
        self.meta.customer_sends(&self.number, LUCIA, json!({ "type": "image", "image": {} })).await;
        let key = self.key().await;
        until("what she wrote is there", async || {
            let conversation = get(server, &key, "/conversations").await["data"][0]["id"].clone();
            let Some(id) = conversation.as_str() else { return false };
            let messages = get(server, &key, &format!("/conversations/{id}/messages?limit=100")).await.to_string();
            messages.contains(says) && messages.contains("image/png")
        })
        .await;
        until("the picture is there, and its thumbnail", async || {
            let kept = files(&self.installation.data_dir().join("media"));
            kept.keys().filter(|path| path.file_name().is_some_and(|name| name.len() == 64)).count() >= 2
        })
        .await;
    }

    async fn key(&self) -> String {
        let key = self.installation.json(&["key", "create", "--org", "acme"]).await;
        key["key"].as_str().expect("a key").to_owned()
    }

    /// A message that goes in an hour.
    async fn queue(&self, server: &Server) {
        let key = self.key().await;
        let conversation = get(server, &key, "/conversations").await["data"][0]["id"].clone();
        let path = format!("{}/api/v1/conversations/{}/messages", server.url(), conversation.as_str().expect("an id"));
        let later = model::Clock::default().now() + jiff::SignedDuration::from_hours(1);
        let message = json!({ "text": { "body": "Ya llegó su pan." }, "send_at": later });
        let client = e2e::outside::http().build().expect("a client");
        let sent =
            client.post(path).bearer_auth(&key).header("content-type", "application/json").body(message.to_string());
        let sent = sent.send().await.expect("an answer");
        assert_eq!(sent.status().as_u16(), 202, "{:?}", sent.text().await);
    }

    /// Its PostgreSQL, for as long as this is held.
    async fn private(&self, postgres_bin: Option<PathBuf>) -> Access {
        let options = Options { data_dir: self.installation.data_dir().to_owned(), postgres_bin };
        Access::attach_or_start(&options, &mut |_| ()).await.expect("it starts")
    }

    /// From now on it is said to be at that place; the private one: an empty URL.
    fn at(self, url: &str) -> Self {
        Self { installation: self.installation.setting("WAZAPP_DATABASE_URL", url), ..self }
    }
}

async fn get(server: &Server, key: &str, path: &str) -> Value {
    let client = e2e::outside::http().build().expect("a client");
    let answer = client.get(format!("{}/api/v1{path}", server.url())).bearer_auth(key).send().await.expect("an answer");
    serde_json::from_str(&answer.text().await.expect("a whole answer")).expect("JSON")
}

async fn sql(private: &Access) -> Client {
    cluster::connect(&private.connection_params().host, "wazapp").await.expect("a connection")
}

async fn close(private: Access) {
    private.close(&mut |_| ()).await.expect("it stops");
}

/// Asserts that two databases hold the same; answers the rows.
async fn same(from: &Client, to: &Client) -> BTreeMap<String, Vec<String>> {
    let (left, there) = (rows(from).await, rows(to).await);
    for (table, rows) in &left {
        assert_eq!(there.get(table), Some(rows), "{table}");
    }
    assert_eq!(left.len(), there.len());
    let all: usize = left.values().map(Vec::len).sum();
    assert!(all > 50 && left["wazapp.outbox"].len() == 1, "there is something to compare: {all} rows");
    assert_eq!(schema(from).await, schema(to).await);
    left
}

async fn count(sql: &Client, text: &str) -> i64 {
    sql.query_one(text, &[]).await.expect("a row").get(0)
}

/// A move that is at it; killed when dropped.
fn begin(installation: &Installation, to: &str) -> Child {
    let mut command = installation.command(&["move", "database", "--to", to, "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

async fn refused(installation: &Installation, arguments: &[&str]) -> String {
    crate::backup::refusal(&installation.run(arguments).await)
}
