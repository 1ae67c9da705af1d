//! The pages, each typed from its first command to its last.

use e2e::program::Installation;
use e2e::receiver::Receiver;
use e2e::until;
use reqwest::Method;
use serde_json::{Value, json};

use super::answers::differs;
use super::blocks::{Command, blocks, commands};
use super::reader::Reader;

/// The pages that have commands.
pub(super) const READ: [&str; 10] = [
    "README.md",
    "docs/api.md",
    "docs/endpoints.md",
    "docs/mcp.md",
    "docs/move.md",
    "docs/operate.md",
    "docs/receiving.md",
    "docs/scale.md",
    "docs/simulator.md",
    "docs/supabase.md",
];

/// How a command that is not run begins, and why it is not.
pub(super) const NOT_HERE: &[(&str, &str)] = &[
    (
        "apt-get install ./wazapp",
        "as root, on a machine of its own: package.rs installs, starts, upgrades and removes it",
    ),
    ("sudo apt-get update", "as root, on a machine that is bare: nothing that builds this is"),
    ("curl --proto ", "Rust itself, which is here"),
    ("useradd ", "as root; the unit that it is for is looked at by service.rs"),
    ("sudo wazapp --service ", "as root, beside a service: package.rs types such lines on a machine of its own"),
    ("wazapp serve --domain", "the ports 80 and 443 of a domain, and an authority: https_by_itself.rs"),
    ("wazapp backup --to s3://", "a bucket: backup/schedule.rs backs up into one"),
    ("wazapp move database ", "another PostgreSQL: relocation.rs"),
    ("wazapp move media ", "a bucket: relocation.rs"),
    ("wazapp move cancel", "a move that is under way: relocation.rs"),
    ("wazapp postgres upgrade", "a PostgreSQL of a newer major version: relocation.rs"),
    ("pg_basebackup ", "a PostgreSQL of the operator's own, with an archive: recovery.rs"),
    ("cd deploy/container", "Docker; container.rs has the same files read by Compose"),
    (
        "WAZAPP_PUBLIC_URL=https://wa.example.org docker compose",
        "Docker; container.rs has the same files read by Compose",
    ),
    ("docker ", "Docker"),
    ("kubectl ", "a cluster"),
    ("helm upgrade ", "a cluster"),
    (
        "wazapp number connect --org acme --phone-number-id N --waba-id W --token - --app",
        "another App: a simulated Meta has one",
    ),
    ("claude ", "an assistant's own program; mcp.rs is one that speaks to the same address"),
    ("WAZAPP_SECRET=whsec_… node", "it runs until it is stopped: endpoint/receiving.rs"),
    ("supabase ", "a project at Supabase"),
    ("wazapp supabase sync", "it runs until it is stopped: sync.rs"),
    ("wazapp simulator ", "it runs until it is stopped, and its address is taken by the reader's own: simulated.rs"),
];

fn found(what: &str) -> String {
    format!("$(grep -o '{what}' \"$READER/.said\" | tail -n 1)")
}

/// Before a command, where that matters.
type Before = fn(&str) -> Option<Where>;

/// How long what came in may take until it is read.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Where a command is typed.
#[derive(Clone, Copy)]
enum Where {
    /// In a place of its own, which is empty.
    Empty,
    /// In the first one, with its server.
    First,
    /// Here, once the server is stopped.
    Stopped,
    /// Here; the number `840099427199504` needs a PIN from now on.
    Unregistered,
    /// Here; the App does not hear of the first account yet, nor of what it should.
    Unheard,
}

/// Types all commands of a page; what did not go as it says is told at the end, all at once.
async fn walk(reader: &mut Reader, page: &str, before: Before) {
    let mut odd = Vec::new();
    for command in blocks(page).iter().flat_map(commands) {
        if NOT_HERE.iter().any(|(begun, _)| command.text.starts_with(begun)) {
            continue;
        }
        match before(&command.text) {
            Some(Where::Empty) => reader.moves().await,
            Some(Where::First) => reader.returns().await,
            Some(Where::Stopped) => reader.stops().await,
            Some(Where::Unregistered) => unregister(reader).await,
            Some(Where::Unheard) => unsubscribe(reader).await,
            None => {}
        }
        if command.text == "wazapp serve" {
            reader.serve().await;
        } else {
            odd.extend(step(reader, &command).await);
        }
    }
    assert!(odd.is_empty(), "{}", odd.join("\n\n"));
}

/// Types a command; answers what did not go as the page says. What only reads is typed again until it is there: what came in is read
/// a moment later.
async fn step(reader: &mut Reader, command: &Command) -> Option<String> {
    let mut odd = differs(command, &reader.types(command).await)?;
    let reads = command.text.contains("curl ") && !command.text.contains(" -d ") && !command.text.contains(" -F ");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while reads && tokio::time::Instant::now() < deadline {
        odd = differs(command, &reader.types(command).await)?;
    }
    Some(odd)
}

async fn unregister(reader: &Reader) {
    let path = format!("numbers/{}", reader.numbers[1].phone_number_id);
    reader.meta.control(Method::POST, &path, Some(&json!({ "registered": false }))).await;
}

async fn unsubscribe(reader: &Reader) {
    let number = &reader.numbers[0];
    let path = format!("{}/subscribed_apps", number.waba_id);
    let (status, said) = reader.meta.graph(Method::DELETE, &path, &number.token, None).await;
    assert_eq!(status, 200, "{said}");
}

/// Words of every page.
fn words(reader: &mut Reader) {
    let (url, graph) = (reader.url.clone(), reader.meta.url().to_owned());
    reader.means("http://127.0.0.1:8080", &url);
    reader.means("https://wa.example.com", &url);
    reader.means("https://wa.example.org", &url);
    reader.means("https://HOST", &url);
    reader.means("https://graph.facebook.com", graph);
    reader.means("wz_…", found("wz_[A-Za-z0-9_-]*"));
    reader.means("age1…", found("age1[a-z0-9]*"));
    let first = &reader.numbers[0];
    let ids = format!("--phone-number-id {} --waba-id {}", first.phone_number_id, first.waba_id);
    let (phone, token) = (first.phone_number_id.clone(), first.token.clone());
    reader.means("--phone-number-id N --waba-id W", ids);
    reader.means("/v26.0/N", format!("/v26.0/{phone}"));
    reader.file("token.txt", &token);
}

fn nowhere_else(_: &str) -> Option<Where> {
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page() {
    let mut reader = Reader::new().await;
    words(&mut reader);
    // The first conversation's, which is read back before.
    let id = "$(grep -o '\"id\": \"[^\"]*\"' \"$READER/.said\" | cut -d'\"' -f4 | head -n 1)";
    reader.means("01a20be6-1c65-718d-ad12-3f20667d9d20", id);
    // `make run`, as `make --dry-run` says it.
    reader.serve().await;
    walk(&mut reader, "README.md", |text| text.contains("--set-webhook").then_some(Where::Unheard)).await;
    let said = reader.server.as_ref().expect("a server").log();
    for next in ["org create", "number connect", "webhook post", "key create"] {
        assert!(said.contains(next), "the server says what comes next: {said}");
    }
    reader.end().await;
}

/// An organization, a number of the simulated Meta's that it has, and a customer who wrote.
async fn organization(reader: &Reader, name: &str, nth: usize) {
    let made = reader.installation.json(&["org", "create", name]).await;
    let slug = made["slug"].as_str().expect("a slug");
    let number = &reader.numbers[nth];
    reader.installation.connect(slug, number, &number.token).await;
    reader.meta.callback(&format!("{}/webhook", reader.url), "a-word").await;
    reader.meta.customer_says(number, "34600111222", "¡Hola! ¿Tienen mesa para dos esta noche? 🙂").await;
    let key = key(reader, slug).await;
    until("the conversation is there", async || get(reader, &key, "/conversations").await["data"][0].is_object()).await;
}

async fn key(reader: &Reader, slug: &str) -> String {
    let made = reader.installation.json(&["key", "create", "--org", slug]).await;
    made["key"].as_str().expect("a key").to_owned()
}

async fn get(reader: &Reader, key: &str, path: &str) -> Value {
    let client = e2e::outside::http().build().expect("a client");
    let answer = client.get(format!("{}/api/v1{path}", reader.url)).bearer_auth(key).send().await.expect("an answer");
    serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_api() {
    let mut reader = Reader::new().await;
    reader.serve().await;
    organization(&reader, "Acme", 0).await;
    words(&mut reader);
    let key = key(&reader, "acme").await;
    let conversation = get(&reader, &key, "/conversations").await["data"][0].clone();
    let word = |name: &str| conversation[name].as_str().expect("an id").to_owned();
    let set = format!("KEY={key} U={}/api/v1 ID={} NUMBER={}", reader.url, word("id"), word("number_id"));
    reader.types(&Command { at: "before".into(), text: set, says: String::new() }).await;
    std::fs::copy(super::blocks::root().join("docs/inbox.png"), reader.folder.path().join("menu.png"))
        .expect("a picture");
    // A file that is there before the page is read.
    let text = "curl -s -H \"Authorization: Bearer $KEY\" -F file=@menu.png $U/media".to_owned();
    let uploaded = reader.types(&Command { at: "before".into(), text, says: String::new() }).await;
    let file: Value = serde_json::from_str(&uploaded.stdout()).unwrap_or_else(|_| panic!("{}", uploaded.said));
    let file = file["id"].as_str().expect("an id").to_owned();
    let (mine, other) = (reader.numbers[0].clone(), reader.numbers[1].clone());
    reader.means("01a20d8e-6f0c-7a52-9d1c-2f4f2f7b4a11", &file);
    reader.means("01a20be6-…", &file);
    reader.means("106540352242922", &mine.phone_number_id);
    reader.means("\"number_id\":\"…\"", format!("\"number_id\":\"{}\"", word("number_id")));
    reader.means("485037417763442", &other.phone_number_id);
    reader.means("746461368250327", &other.waba_id);
    reader.means("EAAG…", &other.token);
    let headers = "-X POST -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' -d";
    reader.means("-X POST … -d", headers);
    let connection = "$(grep -o '\"connection\":{\"id\":\"[^\"]*\"' \"$READER/.said\" | tail -n 1 | cut -d'\"' -f6)";
    reader.means("01a20d8d-3b3a-753e-be90-ca89ec1df522", connection);
    // What goes on for ever: one round of it.
    // What this walk sent costs this month.
    reader.means("month=2026-11", "month=$(date -u +%Y-%m)");
    reader.means("while :; do", "for once in 1; do");
    reader.means("curl -sN", "curl -sN --max-time 1");
    let sent = "$(curl -s -H \"Authorization: Bearer $KEY\" $U/conversations/$ID/messages | jq -r '[.data[] | select(.direction == \"outbound\" and .wamid)][0].wamid | @uri')";
    reader.means("wamid.out1", sent);
    walk(&mut reader, "docs/api.md", |text| text.contains("POST … -d '{\"phone").then_some(Where::Unregistered)).await;
    reader.end().await;
}

fn where_operators_are(text: &str) -> Option<Where> {
    match text {
        "wazapp restore --from /backup/wazapp-20261129T030000Z.age --identity backup-key --check"
        | "wazapp import cafe-lucero.tar.zst"
        | "wazapp import cafe-lucero.tar.zst --as cafe" => Some(Where::Empty),
        "wazapp export --org cafe-lucero --to cafe-lucero.tar.zst"
        | "wazapp erase --org cafe-lucero --contact +34600111222 --yes cafe-lucero" => Some(Where::First),
        "wazapp restore hold --as-of 2026-11-29T14:05:00Z" => Some(Where::Stopped),
        text if text.contains("--phone-number-id 840099427199504 --waba-id") => Some(Where::Unregistered),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_operators() {
    let mut reader = Reader::new().await;
    reader.serve().await;
    organization(&reader, "Acme", 0).await;
    organization(&reader, "Café Lucero", 2).await;
    reader.installation.json(&["org", "create", "Bravo"]).await;
    words(&mut reader);
    let data = reader.installation.data_dir().to_str().expect("a path").to_owned();
    reader.means("/var/lib/wazapp/data", data);
    reader.means("/usr/local/bin", "usr/local/bin");
    reader.means("/etc/wazapp", "etc/wazapp");
    reader.means("install -o wazapp", "install");
    reader.means("/backup/wazapp-20261129T030000Z.age", "backup/wazapp-*.age");
    reader.means("/backup/", "backup/");
    let second = reader.numbers[1].clone();
    reader.means("840099427199504", &second.phone_number_id);
    reader.means("746461368250327", &second.waba_id);
    for (name, text) in [
        ("secrets.txt", "a-secret\na-word\n"),
        ("acme.txt", "another\n"),
        ("new.txt", "newer\n"),
        ("word.txt", "newest\n"),
    ] {
        reader.file(name, text);
    }
    reader.file("lineage/fullchain.pem", "a certificate");
    reader.file("lineage/privkey.pem", "a key");
    reader.file("etc/wazapp/tls/of-before", "");
    let renewed = "RENEWED_LINEAGE=$READER/lineage; wazapp webhook post examples/hello.json".to_owned();
    reader.types(&Command { at: "before".into(), text: renewed, says: String::new() }).await;
    // It is of a number that nobody has here.
    until("a body is in quarantine", async || reader.installation.json(&["quarantine", "list"]).await[0].is_object())
        .await;
    walk(&mut reader, "docs/operate.md", where_operators_are).await;
    reader.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_small_pages() {
    let mut reader = Reader::new().await;
    reader.serve().await;
    organization(&reader, "Acme", 0).await;
    words(&mut reader);
    let receiver = Receiver::open().await;
    reader.means("https://hooks.example.com/", receiver.url());
    reader.means("\"verify_token\":\"…\"", "\"verify_token\":\"a-word\"");
    reader.means("acme ID", "acme $(wazapp endpoint list --org acme --json | jq -r '.[-1].id')");
    let token = reader.numbers[0].token.clone();
    let key = key(&reader, "acme").await;
    let set = format!("TOKEN={token} KEY={key}; echo $KEY");
    reader.types(&Command { at: "before".into(), text: set, says: String::new() }).await;
    reader.file("etc/wazapp-sync/key", &key);
    for page in READ.into_iter().filter(|page| !["README.md", "docs/api.md", "docs/operate.md"].contains(page)) {
        walk(&mut reader, page, nowhere_else).await;
    }
    reader.end().await;
}

impl Reader {
    /// Goes on in an empty place of its own; the server that was here is stopped.
    async fn moves(&mut self) {
        self.stops().await;
        let place = self.another().await;
        self.places.push(std::mem::replace(&mut self.installation, place));
        self.is_here();
    }

    /// Goes back to the first place, and starts its server.
    async fn returns(&mut self) {
        self.stops().await;
        if !self.places.is_empty() {
            let first: Installation = self.places.remove(0);
            self.places.push(std::mem::replace(&mut self.installation, first));
        }
        self.is_here();
        self.serve().await;
    }
}
