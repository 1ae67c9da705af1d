//! Secrets, followed through everything that is written anywhere while numbers are connected, and messages
//! sent, refused and lost: they show nowhere.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use e2e::canary::{self, Canaries};
use e2e::form::Form;
use e2e::program::{self, Installation, Server};
use e2e::{Meta, SimulatedNumber, cluster, until};
use reqwest::Method;
use serde_json::{Value, json};

use super::canary_people;

const APP: &str = "670843887433847";
const APP_SECRET: &str = "canary-app-secret-5f1e8f3a9c";
const VERIFY_TOKEN: &str = "canary-verify-token-77ab01d2e4";
const OWN_APP_SECRET: &str = "canary-own-secret-90c1d2e3f4";
/// With a zero ahead, which no count, port or process id has.
const PIN: &str = "074913";
const MASTER_KEY: &str = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77c0ffee88";
/// What people write is in the database, and in no log.
const WORDS: &str = "palabras-que-no-van-al-registro";

/// Answers of the API and of commands, whatever they say.
struct Asked<'a> {
    server: &'a Server,
    installation: &'a Installation,
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
        self.heard(path, asked).await
    }

    async fn heard(&mut self, path: &str, asked: reqwest::RequestBuilder) -> Value {
        let answer = asked.send().await.expect("an answer");
        let head = format!("{:?}", answer.headers());
        let text = answer.text().await.expect("a whole answer");
        self.said.push_str(&format!("{path} {head} {text}\n"));
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn call(&mut self, method: Method, path: &str, body: &Value) -> Value {
        let key = self.key.clone();
        self.ask(method, path, &key, Some(body)).await
    }

    /// Runs a command; answers how it ended.
    async fn run(&mut self, arguments: &[&str]) -> std::process::ExitStatus {
        let output = self.installation.run(arguments).await;
        for stream in [&output.stdout, &output.stderr] {
            self.said.push_str(&String::from_utf8_lossy(stream));
        }
        output.status
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

/// Attempts that end half-way keep their secrets, sealed: one of the command line with a PIN, one of a sign-up with its
/// code. Answers what was secret in them.
async fn attempts(asked: &mut Asked<'_>, meta: &Meta, number: &SimulatedNumber) -> Vec<(&'static str, String)> {
    let path = format!("numbers/{}", number.phone_number_id);
    meta.control(Method::POST, &path, Some(&json!({ "registered": false }))).await;
    meta.no_faults().await;
    meta.faults(json!([{ "kind": "error", "code": 100, "edge": "register", "count": 2 }])).await;
    let mut arguments = program::connect("acme", number, &number.token);
    arguments.extend(["--pin", PIN]);
    assert_eq!(asked.run(&arguments).await.code(), Some(1), "refused: {}", asked.said);

    let done = meta.control(Method::POST, "signup", Some(&json!({}))).await;
    let mut session = done["session"]["data"].clone();
    session["event"] = done["session"]["event"].clone();
    let begun = asked.call(Method::POST, "/api/v1/connections", &json!({ "session": session, "pin": PIN })).await;
    let path = format!("/api/v1/connections/{}", begun["id"].as_str().unwrap_or_else(|| panic!("{begun}")));
    asked.call(Method::PATCH, &path, &json!({ "code": done["code"] })).await;
    until("the attempt is over", async || asked.get(&path).await["state"] == "failed").await;
    assert_eq!(meta.strikes().await, 2, "both were refused when the number was to be registered");
    let account = meta.numbers().await.into_iter().find(|other| other.waba_id == session["waba_id"].as_str().unwrap());
    let code = done["code"].as_str().expect("a code").to_owned();
    vec![("code", code), ("token of a sign-up", account.expect("the account").token), ("PIN", PIN.to_owned())]
}

/// The database as `pg_dump` writes it, where the program is: it comes with PostgreSQL, beside the server's.
async fn pg_dump(installation: &Installation, socket: &Path) -> Option<Vec<u8>> {
    let started = std::fs::read_to_string(installation.data_dir().join("postgres/postmaster.opts")).expect("a file");
    let postgres = started.split_whitespace().next().expect("how it was started").trim_matches('"').to_owned();
    let program = Path::new(&postgres).with_file_name("pg_dump");
    if !program.is_file() {
        return None;
    }
    let mut command = tokio::process::Command::new(program);
    command.arg("--host").arg(socket).args(["--username", "postgres", "--no-password", "wazapp"]);
    let output = command.stdin(Stdio::null()).output().await.expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
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
    let mut numbers = meta.numbers().await;
    let (another, number) = (numbers.remove(1), numbers.remove(0));
    let token = number.token.clone();
    let installation = Installation::beside(&meta, VERIFY_TOKEN).await;
    let installation = installation.setting("WAZAPP_MASTER_KEY", MASTER_KEY).setting("WAZAPP_LOG", "trace");
    let (mails, installation) = canary_people::mail_server(installation).await;
    let server = installation.serve().await;
    let people = canary_people::secrets(&server, &installation, &mails).await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&["app", "add", "--app-id", "900", "--name", "Own", "--secret", OWN_APP_SECRET]).await;
    installation.connect("acme", &number, &token).await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await["key"].as_str().expect("a key").to_owned();
    // Meta's handshake names the verify token in its URL.
    meta.callback(&format!("{}/webhook", server.url()), VERIFY_TOKEN).await;

    let client = e2e::outside::http().build().expect("a client");
    let mut asked =
        Asked { server: &server, installation: &installation, client, key: key.clone(), said: String::new() };
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
    installation.connect("acme", &number, dead).await;
    let sent = asked.send(&number_id, to).await;
    until("it rests again", async || asked.get("/api/v1/numbers").await["data"][0]["send_paused"].is_object()).await;
    // Another token, by the API, and everything goes on.
    let new = meta.control(Method::POST, "tokens", Some(&json!({ "waba_id": number.waba_id }))).await;
    let new = new["token"].as_str().expect("a token").to_owned();
    let renewed =
        asked.call(Method::PUT, &format!("/api/v1/numbers/{number_id}/token"), &json!({ "token": new })).await;
    assert_eq!(renewed["connection"]["state"], "done", "{renewed:#}");
    asked.until(sent["id"].as_str().expect("an id"), "read").await;

    // A file, brought to Meta with its message; and a message by the Graph-compatible side.
    let form = Form::new().file("carta.txt", "text/plain", WORDS.as_bytes()).end();
    let upload = asked.client.post(format!("{}/api/v1/media", server.url())).bearer_auth(&key);
    let upload = upload.header("content-type", Form::CONTENT_TYPE).body(form);
    let media = asked.heard("/api/v1/media", upload).await;
    let document = json!({ "number_id": number_id, "to": to, "type": "document", "document": { "id": media["id"] } });
    let sent = asked.call(Method::POST, "/api/v1/messages", &document).await;
    asked.until(sent["id"].as_str().unwrap_or_else(|| panic!("{sent}")), "read").await;
    let text = json!({ "messaging_product": "whatsapp", "to": to, "text": { "body": WORDS } });
    let sent = asked.call(Method::POST, &format!("/v23.0/{}/messages", number.phone_number_id), &text).await;
    assert!(sent["messages"][0]["id"].is_string(), "{sent}");

    let secrets = attempts(&mut asked, &meta, &another).await;
    asked.run(&["doctor"]).await;
    asked.run(&["doctor", "--json"]).await;
    asked.run(&["number", "list"]).await;
    let named = secrets.iter().chain(&people).map(|(name, secret)| (*name, secret.as_str()));
    let more = [
        ("access token", token.as_str()),
        ("other number's token", &another.token),
        ("dead token", dead),
        ("new token", &new),
        ("App's secret", APP_SECRET),
        ("verify token", VERIFY_TOKEN),
        ("other App's secret", OWN_APP_SECRET),
        ("master key", MASTER_KEY),
        ("API key", &key),
    ];
    let canaries = Canaries::of(&named.chain(more).collect::<Vec<_>>());

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

    // The database: row by row, as a dump has it,
    let socket = installation.socket_dir().expect("its PostgreSQL has a socket");
    let sql = cluster::connect(&socket, "wazapp").await.expect("a connection");
    let sealed = "SELECT count(token), count(code), count(pin) FROM wazapp.connection";
    let sealed = sql.query_one(sealed, &[]).await.expect("a count");
    assert_eq!([0, 2].map(|nth| sealed.get::<_, i64>(nth)), [2, 2], "attempts keep token and PIN, sealed");
    let mut rows = canary::rows(&sql).await;
    // and what its statistics show of clients.
    for row in sql.query("SELECT coalesce(query, '') FROM pg_stat_activity", &[]).await.expect("what runs") {
        rows.push_str(row.get(0));
    }
    let dump = pg_dump(&installation, &socket).await;
    sql.batch_execute("CHECKPOINT").await.expect("all pages are written");
    drop(sql);
    assert!(rows.contains(WORDS), "the search finds what is in the clear");
    canaries.assert_absent("the database", rows.as_bytes());
    if let Some(dump) = &dump {
        assert!(canary::contains(dump, WORDS.as_bytes()), "it is a dump of everything");
        canaries.assert_absent("the dump", dump);
    }
    canaries.assert_absent("an answer", asked.said.as_bytes());
    assert!(asked.said.contains("wazapp_sends_total"), "the metrics were asked");
    assert!(asked.said.contains("\"findings\""), "the doctor was asked");

    let (status, _, log) = server.terminate().await;
    assert!(status.success());
    assert!(log.len() > 10_000 && log.contains("TRACE"), "the log is as chatty as it can be: {} bytes", log.len());
    canaries.assert_absent("the log", log.as_bytes());
    Canaries::of(&[("words of a message", WORDS)]).assert_absent("the log", log.as_bytes());

    // Tables, indexes, write-ahead log, and whatever else lies in its directory: what a backup would carry away.
    let all = canary::files(installation.data_dir());
    let mut bytes = 0;
    let mut readable = false;
    // The master key's file is where the key belongs.
    for path in all.iter().filter(|path| path.file_name().is_none_or(|name| name != "master-key")) {
        let content = std::fs::read(path).expect("a file");
        bytes += content.len();
        readable |=
            path.starts_with(installation.data_dir().join("postgres")) && canary::contains(&content, WORDS.as_bytes());
        canaries.assert_absent(&path.display().to_string(), &content);
    }
    assert!(readable, "the search finds what is in the clear");
    eprintln!(
        "log {} bytes at trace, {} files of {bytes} bytes, rows {} bytes, dump {:?} bytes: nothing",
        log.len(),
        all.len(),
        rows.len(),
        dump.map(|dump| dump.len())
    );
    tokio::time::timeout(Duration::from_secs(10), meta.stop()).await.expect("it ends");
}
