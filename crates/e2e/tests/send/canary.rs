//! Secrets, followed through everything that is written anywhere while messages are sent, refused and lost: they show
//! nowhere.

use std::path::Path;
use std::time::Duration;

use e2e::program::{Installation, Server};
use e2e::{Meta, SimulatedNumber, cluster, until};
use reqwest::Method;
use serde_json::{Value, json};

const APP: &str = "670843887433847";
const APP_SECRET: &str = "canary-app-secret-5f1e8f3a9c";
const VERIFY_TOKEN: &str = "canary-verify-token-77ab01d2e4";
const OWN_APP_SECRET: &str = "canary-own-secret-90c1d2e3f4";
const MASTER_KEY: &str = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77c0ffee88";
/// What people write is in the database, and in no log.
const WORDS: &str = "palabras-que-no-van-al-registro";

/// What must not show, by name.
struct Canaries(Vec<(&'static str, Vec<Vec<u8>>)>);

impl Canaries {
    /// As they are, as PostgreSQL prints bytes, and their ends, which is what a careless "…abcd" shows.
    fn of(secrets: &[(&'static str, &str)]) -> Self {
        let shapes = |secret: &str| {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            vec![secret.as_bytes().to_vec(), hex.into_bytes(), secret.as_bytes()[secret.len() - 12..].to_vec()]
        };
        Self(secrets.iter().map(|(name, secret)| (*name, shapes(secret))).collect())
    }

    fn assert_absent(&self, place: &str, bytes: &[u8]) {
        for (name, shapes) in &self.0 {
            for shape in shapes {
                if let Some(at) = find(bytes, shape) {
                    let around = &bytes[at.saturating_sub(120)..at];
                    panic!("{place} shows the {name}, after: {}", String::from_utf8_lossy(around));
                }
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    // The first byte is sought quickly, for there are hundreds of megabytes.
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == wanted[0]) {
        from += found;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// All files below a directory but the master key, which belongs there.
fn files(directory: &Path, all: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            files(&entry.path(), all);
        } else if kind.is_file() && entry.file_name() != "master-key" {
            all.push(entry.path());
        }
    }
}

/// Answers of the API, whatever they say.
struct Asked<'a> {
    server: &'a Server,
    client: reqwest::Client,
    key: String,
    said: String,
}

impl Asked<'_> {
    async fn ask(&mut self, method: Method, path: &str, key: &str, body: Option<&Value>) -> Value {
        let mut asked = self.client.request(method, format!("{}{path}", self.server.url())).bearer_auth(key);
        if let Some(body) = body {
            asked = asked.header("content-type", "application/json").body(body.to_string());
        }
        let answer = asked.send().await.expect("an answer");
        let head = format!("{:?}", answer.headers());
        let text = answer.text().await.expect("a whole answer");
        self.said.push_str(&format!("{path} {head} {text}\n"));
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn get(&mut self, path: &str) -> Value {
        let key = self.key.clone();
        self.ask(Method::GET, path, &key, None).await
    }

    async fn send(&mut self, number_id: &str, to: &str) -> Value {
        let (key, body) = (self.key.clone(), json!({ "number_id": number_id, "to": to, "text": { "body": WORDS } }));
        self.ask(Method::POST, "/api/v1/messages", &key, Some(&body)).await
    }

    async fn until(&mut self, id: &str, status: &str) {
        let (client, url, key) = (self.client.clone(), self.server.url().to_owned(), self.key.clone());
        until(&format!("it is {status}"), async || {
            let answer = client.get(format!("{url}/api/v1/messages/{id}")).bearer_auth(&key).send().await;
            let text = answer.expect("an answer").text().await.expect("a whole answer");
            serde_json::from_str::<Value>(&text).is_ok_and(|row| row["status"] == status)
        })
        .await;
        self.get(&format!("/api/v1/messages/{id}")).await;
    }
}

async fn connect(installation: &Installation, number: &SimulatedNumber, token: &str) {
    let arguments = [
        "number",
        "connect",
        "--org",
        "acme",
        "--phone-number-id",
        &number.phone_number_id,
        "--waba-id",
        &number.waba_id,
        "--token",
        token,
        "--skip-checks",
    ];
    installation.json(&arguments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_anywhere() {
    let meta = Meta::start(simulator::Options {
        app_id: Some(APP.into()),
        app_secret: Some(APP_SECRET.into()),
        seed: 7,
        ..simulator::Options::default()
    })
    .await;
    let number = meta.numbers().await.remove(0);
    let token = number.token.clone();
    let installation = Installation::new()
        .setting("WAZAPP_META_APP_ID", APP)
        .setting("WAZAPP_META_APP_SECRET", APP_SECRET)
        .setting("WAZAPP_META_VERIFY_TOKEN", VERIFY_TOKEN)
        .setting("WAZAPP_MASTER_KEY", MASTER_KEY)
        .setting("WAZAPP_GRAPH_URL", meta.url())
        .setting("WAZAPP_LOG", "trace");
    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&["app", "add", "--app-id", "900", "--name", "Own", "--secret", OWN_APP_SECRET]).await;
    connect(&installation, &number, &token).await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await["key"].as_str().expect("a key").to_owned();
    let canaries = Canaries::of(&[
        ("access token", &token),
        ("App's secret", APP_SECRET),
        ("verify token", VERIFY_TOKEN),
        ("other App's secret", OWN_APP_SECRET),
        ("master key", MASTER_KEY),
        ("API key", &key),
    ]);
    // Meta's handshake names the verify token in its URL.
    meta.callback(&format!("{}/webhook", server.url()), VERIFY_TOKEN).await;

    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut asked = Asked { server: &server, client, key: key.clone(), said: String::new() };
    let to = "34600111222";
    meta.customer_says(&number, to, "Hola").await;
    let conversations = async |asked: &mut Asked<'_>| asked.get("/api/v1/conversations").await;
    until("the customer's message is there", async || {
        conversations(&mut asked).await["data"].as_array().is_some_and(|all| !all.is_empty())
    })
    .await;
    let number_id = asked.get("/api/v1/numbers").await["data"][0]["id"].as_str().expect("an id").to_owned();

    // A send that is well, and those that are refused, lost, throttled, and stopped by a token that is worth nothing.
    for (fault, status) in [
        (json!([]), "read"),
        (json!([{ "kind": "error", "code": 131_026, "count": 1 }]), "failed"),
        (json!([{ "kind": "error", "code": 100, "count": 1 }]), "failed"),
        (json!([{ "kind": "html_500", "count": 1 }]), "unknown"),
        (json!([{ "kind": "reset", "count": 1 }]), "unknown"),
        (json!([{ "kind": "error", "code": 190, "count": 1 }]), "sending"),
    ] {
        meta.faults(fault).await;
        let sent = asked.send(&number_id, to).await;
        asked.until(sent["id"].as_str().unwrap_or_else(|| panic!("{sent}")), status).await;
    }
    until("the number rests", async || asked.get("/api/v1/numbers").await["data"][0]["send_paused"].is_object()).await;
    let dead = "canary-dead-token-1122334455667788";
    connect(&installation, &number, dead).await;
    let sent = asked.send(&number_id, to).await;
    until("it rests again", async || asked.get("/api/v1/numbers").await["data"][0]["send_paused"].is_object()).await;
    connect(&installation, &number, &token).await;
    asked.until(sent["id"].as_str().expect("an id"), "read").await;

    // Requests that are refused, with something secret in the wrong place.
    for (path, with) in
        [("/api/v1/me", "wz_no-such-key"), ("/api/v1/nothing", key.as_str()), ("/api/v1/messages", &key)]
    {
        asked.ask(Method::GET, path, with, None).await;
        asked.ask(Method::POST, path, with, Some(&json!({ "number_id": 7, "to": [] }))).await;
    }
    let forged = asked.client.post(format!("{}/webhook", server.url())).header("x-hub-signature-256", "sha256=00");
    assert_eq!(forged.body("{}").send().await.expect("an answer").status(), 401);
    for path in ["/api/v1/events", "/api/v1/conversations", "/metrics", "/readyz", "/api/v1/openapi.json"] {
        asked.get(path).await;
    }
    meta.settle().await;

    // The database, as a dump would have it.
    let socket = ["socket", "postgres/socket"].map(|name| installation.data_dir().join(name));
    let socket = socket.iter().find(|directory| directory.is_dir()).expect("its PostgreSQL has a socket");
    let mut dump = String::new();
    let sql = cluster::connect(socket, "wazapp").await.expect("a connection");
    let tables = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'wazapp'::regnamespace
                    AND c.relkind = 'r'";
    for table in sql.query(tables, &[]).await.expect("the tables") {
        let table: String = table.get(0);
        for row in sql.query(&format!("SELECT t::text FROM {table} t"), &[]).await.expect("its rows") {
            dump.push_str(&format!("{table}: {}\n", row.get::<_, &str>(0)));
        }
    }
    // And what its settings and statistics show of clients.
    for row in sql.query("SELECT coalesce(query, '') FROM pg_stat_activity", &[]).await.expect("what runs") {
        dump.push_str(row.get(0));
    }
    sql.batch_execute("CHECKPOINT").await.expect("all pages are written");
    drop(sql);
    assert!(dump.contains(WORDS), "the search finds what is in the clear");
    canaries.assert_absent("the database", dump.as_bytes());
    canaries.assert_absent("an answer", asked.said.as_bytes());
    assert!(asked.said.contains("wazapp_sends_total"), "the metrics were asked");
    let dead = Canaries::of(&[("dead token", dead)]);
    dead.assert_absent("the database", dump.as_bytes());
    dead.assert_absent("an answer", asked.said.as_bytes());

    let (status, _, log) = server.terminate().await;
    assert!(status.success());
    assert!(log.len() > 10_000 && log.contains("TRACE"), "the log is as chatty as it can be: {} bytes", log.len());
    canaries.assert_absent("the log", log.as_bytes());
    dead.assert_absent("the log", log.as_bytes());
    Canaries::of(&[("words of a message", WORDS)]).assert_absent("the log", log.as_bytes());

    // Tables, indexes, write-ahead log, and whatever else lies in its directory: what a backup would carry away.
    let mut all = Vec::new();
    files(installation.data_dir(), &mut all);
    let mut bytes = 0;
    let mut readable = false;
    for path in &all {
        let content = std::fs::read(path).expect("a file");
        bytes += content.len();
        readable |= find(&content, WORDS.as_bytes()).is_some();
        canaries.assert_absent(&path.display().to_string(), &content);
        dead.assert_absent(&path.display().to_string(), &content);
    }
    assert!(readable, "the search finds what is in the clear");
    eprintln!(
        "log {} bytes at trace, {} files of {bytes} bytes, dump {} bytes: nothing",
        log.len(),
        all.len(),
        dump.len()
    );
    tokio::time::timeout(Duration::from_secs(10), meta.stop()).await.expect("it ends");
}
