//! `wazapp demo` as a first-time visitor has it: two organizations with weeks of conversations, and a customer's phone.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use e2e::program::Installation;
use serde_json::{Value, json};

/// How long something may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

fn client() -> reqwest::Client {
    e2e::outside::http().timeout(PATIENCE).build().expect("a client")
}

/// An organization of the demo, read through its API.
struct Tenant {
    url: String,
    key: String,
    client: reqwest::Client,
}

impl Tenant {
    fn of(welcome: &Value, slug: &str) -> Self {
        let own = organization(welcome, slug);
        let word = |value: &Value| value.as_str().expect("text").to_owned();
        Self { url: word(&welcome["url"]), key: word(&own["key"]), client: client() }
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key);
        let answer = request.send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("a text"));
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// All rows of a list.
    async fn all(&self, path: &str) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=100{cursor}")).await;
            rows.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Every conversation by its contact's name, with its messages, newest first.
    async fn conversations(&self) -> BTreeMap<String, (Value, Vec<Value>)> {
        let mut all = BTreeMap::new();
        for conversation in self.all("/conversations").await {
            let id = conversation["id"].as_str().expect("an id");
            let messages = self.all(&format!("/conversations/{id}/messages")).await;
            let name = conversation["contact"]["name"].as_str().expect("everybody has a name").to_owned();
            assert!(all.insert(name.clone(), (conversation, messages)).is_none(), "{name} has two conversations");
        }
        all
    }

    /// Waits until every file of its messages is stored, with a thumbnail where it is a picture.
    async fn files_are_here(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let conversations = self.conversations().await;
            let messages = conversations.values().flat_map(|(_, messages)| messages);
            let files: Vec<&Value> =
                messages.map(|message| &message["media"]).filter(|media| media.is_object()).collect();
            let is_picture = |media: &Value| media["mime_type"].as_str().is_some_and(|mime| mime.starts_with("image/"));
            let missing: Vec<&&Value> = files
                .iter()
                .filter(|media| media["state"] != "stored" || media["thumbnail"] != is_picture(media))
                .collect();
            if missing.is_empty() {
                assert!(!files.is_empty(), "somebody sent a file");
                return;
            }
            assert!(Instant::now() < deadline, "not stored: {missing:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn organization<'a>(welcome: &'a Value, slug: &str) -> &'a Value {
    let all = welcome["organizations"].as_array().expect("a list");
    all.iter().find(|own| own["slug"] == slug).unwrap_or_else(|| panic!("{slug} in {welcome}"))
}

fn words(conversations: &BTreeMap<String, (Value, Vec<Value>)>) -> String {
    let texts =
        conversations.values().flat_map(|(_, messages)| messages).filter_map(|message| message["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

fn values(messages: &[Value], field: &str) -> BTreeSet<String> {
    messages.iter().filter_map(|message| message[field].as_str()).map(str::to_owned).collect()
}

/// What stays the same over restarts: everything but what the visitor does.
async fn stand(welcome: &Value) -> Value {
    let mut all = BTreeMap::new();
    for slug in ["cafe-lucero", "harbor-pine"] {
        let tenant = Tenant::of(welcome, slug);
        tenant.files_are_here().await;
        let contacts = tenant.all("/contacts").await;
        all.insert(slug, json!({ "conversations": tenant.conversations().await, "contacts": contacts.len() }));
    }
    json!(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_finds_two_organizations_at_work() {
    let installation = Installation::new();
    let (server, welcome) = installation.demo().await;
    let link = welcome["sign_in"]["link"].as_str().expect("a link");
    let visit = async |ahead: bool| {
        let stays = e2e::outside::http().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let request = stays.get(link);
        let request = if ahead { request.header("sec-purpose", "prefetch") } else { request };
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().get("set-cookie").is_some())
    };
    assert_eq!(visit(true).await, (503, false), "who fetches ahead uses nothing up");
    assert_eq!(visit(false).await, (303, true));
    assert_eq!(visit(false).await, (410, false), "once");
    let lucero = Tenant::of(&welcome, "cafe-lucero").conversations().await;
    let harbor = Tenant::of(&welcome, "harbor-pine").conversations().await;
    assert_eq!((lucero.len(), harbor.len()), (20, 10));

    assert!(words(&lucero).contains("¿Será muy tarde para cambiar lo que va escrito?"));
    assert!(words(&harbor).contains("my toolbox is a butter knife"));
    assert!(words(&harbor).contains("Conseguem fazer com 1,80 m"));
    assert!(!words(&harbor).contains("Café Lucero"), "nothing of one tenant is in the other");
    assert!(lucero["Luna de Papel"].0["contact"]["wa_id"].is_null(), "some are known by username only");

    for (who, state, unread) in
        [("Mariana Ortega", "active", 3), ("Valentina Ruiz", "waiting", 0), ("Gerardo Ibáñez", "resolved", 0)]
    {
        let (conversation, _) = &lucero[who];
        assert_eq!((&conversation["state"], &conversation["unread_count"]), (&json!(state), &json!(unread)), "{who}");
    }
    let all: Vec<Value> = lucero.values().chain(harbor.values()).flat_map(|(_, messages)| messages).cloned().collect();
    assert_eq!(values(&all, "direction"), ["inbound", "outbound"].map(str::to_owned).into());
    let statuses = values(&all, "status");
    assert!(statuses.contains("read") && statuses.contains("delivered"), "{statuses:?}");
    let kinds = values(&all, "type");
    for kind in ["image", "audio", "location", "contacts", "order", "interactive", "reaction", "edit", "revoke"] {
        assert!(kinds.contains(kind), "{kind}");
    }
    let since = e2e::outside::now() - jiff::SignedDuration::from_hours(24 * 30);
    assert!(all.iter().all(|message| {
        let at: jiff::Timestamp = message["timestamp"].as_str().and_then(|at| at.parse().ok()).expect("a time");
        at > since && at < e2e::outside::now()
    }));
    Tenant::of(&welcome, "cafe-lucero").files_are_here().await;
    let metrics = client().get(format!("{}/metrics", server.url())).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("a text");
    assert!(metrics.contains("wazapp_bodies_quarantined_total 0"), "everything was understood");

    let quiet = server.log().lines().filter(|line| !line.starts_with("{\"url\"")).count();
    assert!(quiet <= 1, "only the making of its PostgreSQL is told beside the welcome: {}", server.log());
    let names: Vec<_> = std::fs::read_dir(installation.data_dir()).expect("a directory").flatten().collect();
    assert_eq!(names.len(), 1, "the real server's data directory stays as it was: {names:?}");
    let kept = std::fs::metadata(installation.data_dir().join("demo/demo.json")).expect("a file");
    assert_eq!(kept.permissions().mode() & 0o777, 0o600, "keys stand in it");
    assert!(server.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_writes_is_in_the_api_a_moment_later() {
    let installation = Installation::new();
    let (server, welcome) = installation.demo().await;
    let number = &organization(&welcome, "cafe-lucero")["numbers"][0]["phone_number_id"];
    let write = json!({
        "phone_number_id": number, "from": "525555500117", "type": "text", "text": { "body": "¿Sigue a tiempo? 🎂" },
    });
    let simulator = welcome["simulator"].as_str().expect("a URL");
    let request = client().post(format!("{simulator}/_sim/messages")).body(write.to_string());
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let tenant = Tenant::of(&welcome, "cafe-lucero");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let newest = tenant.get("/conversations?limit=1").await["data"][0].clone();
        if newest["last_message"]["preview"] == "¿Sigue a tiempo? 🎂" {
            assert_eq!(newest["contact"]["name"], "Mariana Ortega");
            assert_eq!(newest["unread_count"], 4, "it is in the conversation that was there");
            break;
        }
        assert!(Instant::now() < deadline, "it does not come: {newest}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(server.terminate().await.0.success());
}

/// The simulated Meta forgets everything when it ends, and must be the same one at the next start: the same ids, the
/// same people, the same messages. Otherwise each start would add another thirty conversations.
#[tokio::test(flavor = "multi_thread")]
async fn starting_again_doubles_nothing() {
    let installation = Installation::new();
    let (server, first) = installation.demo().await;
    let before = stand(&first).await;
    assert!(server.terminate().await.0.success());

    let begun = Instant::now();
    let (server, again) = installation.demo().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(again["organizations"], first["organizations"], "the same keys, the same numbers");
    assert_eq!(stand(&again).await, before);
    assert!(server.terminate().await.0.success());

    // A start that was cut off while the stories were told is taken up by the next, which tells all of them again.
    let path = installation.data_dir().join("demo/demo.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
    kept["told"] = json!([]);
    std::fs::write(&path, kept.to_string()).expect("a file");
    let (server, again) = installation.demo().await;
    assert_eq!(stand(&again).await, before);
    let answer = client().get(format!("{}/metrics", server.url())).send().await.expect("an answer");
    let metrics = answer.text().await.expect("a text");
    assert!(metrics.contains("wazapp_messages_total 0"), "every one was there: {metrics}");
    assert!(server.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_refuses_in_one_line() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let taken = taken.local_addr().expect("an address").to_string();
    let installation = Installation::new();
    let real = Installation::new().setting("WAZAPP_DATABASE_URL", "postgres://somebody@db.example/real");
    for (installation, arguments, told) in [
        (&real, &["demo"][..], vec!["WAZAPP_DATABASE_URL"]),
        (&installation, &["demo", "--simulator", "127.0.0.1:0", "--listen", &taken], vec![&taken, "WAZAPP_LISTEN"]),
        (&installation, &["demo", "--simulator", &taken], vec![&taken, "--simulator"]),
        (&installation, &["demo", "--simulator", "0.0.0.0:0"], vec!["loopback"]),
    ] {
        let output = installation.run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{arguments:?}: {said}");
        assert!(told.iter().all(|word| said.contains(*word)), "{arguments:?}: {said}");
    }
    assert!(!real.data_dir().join("demo").exists());
}
