//! The command line as scripts use it: `--json`, exit codes, one line for an error, and never a secret.

use std::process::Output;
use std::time::Duration;

use e2e::body;
use e2e::program::{Installation, connect_unchecked};
use serde_json::{Value, json};
use tokio::time::Instant;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello.json");
/// The number and the account of the example.
const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "102290129340398";

fn connect<'a>(organization: &'a str, number: &'a str, token: &'a str) -> Vec<&'a str> {
    connect_unchecked(organization, (number, ACCOUNT), token)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that fails: its exit code, and the one line it says.
fn failure(output: &Output) -> (i32, String) {
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    (output.status.code().expect("an exit code"), said)
}

async fn get(url: &str, key: &str, path: &str) -> Value {
    let client = e2e::outside::http().build().expect("a client");
    let answer = client.get(format!("{url}/api/v1{path}")).bearer_auth(key).send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a text"));
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Waits for the first conversation.
async fn conversation(url: &str, key: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let list = get(url, key, "/conversations").await;
        if let Some(first) = list["data"].get(0) {
            return first.clone();
        }
        assert!(Instant::now() < deadline, "no conversation appears");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// From nothing to a first conversation, as the README says it, while the server runs.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_conversation() {
    let installation = Installation::new();
    let server = installation.serve().await;

    let organization = installation.json(&["org", "create", "Panadería Ñandú"]).await;
    assert_eq!(organization["slug"], "panaderia-nandu");
    assert_eq!(organization["name"], "Panadería Ñandú");
    let id = organization["id"].as_str().expect("an id");
    let number = installation.json(&connect("panaderia-nandu", NUMBER, "none")).await;
    assert_eq!((&number["phone_number_id"], &number["status"]), (&json!(NUMBER), &json!("connected")));
    assert!(number["id"].is_string());
    let posted = installation.json(&["webhook", "post", EXAMPLE]).await;
    assert_eq!(posted["status"], 200);
    // An organization is named by its id as well as by its slug.
    let key = installation.json(&["key", "create", "--org", id, "--name", "first"]).await;
    assert!(key["id"].is_string());
    let key = key["key"].as_str().expect("a key");

    let conversation = conversation(server.url(), key).await;
    assert_eq!(conversation["contact"]["name"], "Lucía Fernández");
    assert_eq!(conversation["unread_count"], 1);
    let path = format!("/conversations/{}/messages", conversation["id"].as_str().expect("an id"));
    let messages = get(server.url(), key, &path).await;
    assert_eq!(messages["data"][0]["text"], "¡Hola! ¿Tienen mesa para dos esta noche? 🙂");
    let (status, _, log) = server.terminate().await;
    assert!(status.success());
    assert!(log.contains("number connect"), "a newcomer was shown the way: {log}");
}

/// The same commands start a PostgreSQL for themselves where no server runs, and leave none behind.
#[tokio::test(flavor = "multi_thread")]
async fn commands_while_the_server_is_stopped() {
    let installation = Installation::new();
    let migrated = installation.json(&["migrate"]).await;
    assert!(!migrated["applied"].as_array().expect("steps").is_empty());
    assert_eq!(installation.json(&["migrate"]).await["applied"], json!([]));
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&connect("acme", NUMBER, "none")).await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await;
    assert!(!installation.data_dir().join("postgres/postmaster.pid").exists(), "nothing runs on");

    let list = installation.json(&["org", "list"]).await;
    assert_eq!((list[0]["slug"].as_str(), list.as_array().map(Vec::len)), (Some("acme"), Some(1)));
    assert_eq!(list[0]["media_retention_days"], Value::Null);
    let set =
        async |days: &str| installation.json(&["org", "set", "--org", "acme", "--media-retention-days", days]).await;
    assert_eq!(set("90").await["media_retention_days"], 90);
    assert_eq!(installation.json(&["org", "list"]).await[0]["media_retention_days"], 90);
    assert_eq!(set("forever").await["media_retention_days"], Value::Null);
    let numbers = installation.json(&["number", "list", "--org", "acme"]).await;
    assert_eq!((&numbers[0]["phone_number_id"], &numbers[0]["organization"]), (&json!(NUMBER), &json!("acme")));
    let keys = installation.json(&["key", "list", "--org", "acme"]).await;
    assert_eq!(keys[0]["id"], key["id"]);
    assert_eq!(keys[0]["key"], Value::Null, "a key is shown once");
    // No server, nowhere to post.
    let (code, said) = failure(&installation.run(&["webhook", "post", EXAMPLE]).await);
    assert_eq!(code, 1);
    assert!(said.contains("wazapp serve"), "{said}");

    let server = installation.serve().await;
    installation.json(&["webhook", "post", EXAMPLE]).await;
    conversation(server.url(), key["key"].as_str().expect("a key")).await;
    installation.json(&["key", "revoke", "--org", "acme", key["id"].as_str().expect("an id")]).await;
    let client = e2e::outside::http().build().expect("a client");
    let refused = client.get(format!("{}/api/v1/me", server.url())).bearer_auth(key["key"].as_str().expect("a key"));
    assert_eq!(refused.send().await.expect("an answer").status(), 401, "a revoked key opens nothing");
    assert!(server.terminate().await.0.success());
}

/// Several commands at once, none of them with a server: they share one PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn commands_side_by_side() {
    let installation = Installation::new();
    let create = async |name: &str| installation.json(&["org", "create", name]).await["slug"].clone();
    let made = futures::join!(create("One"), create("Two"), create("Three"), create("Four"));
    assert_eq!(made, (json!("one"), json!("two"), json!("three"), json!("four")));
    let list = installation.json(&["org", "list"]).await;
    assert_eq!(list.as_array().map(Vec::len), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_and_errors_of_one_line() {
    let installation = Installation::new();
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&["org", "create", "Bravo"]).await;
    installation.json(&connect("acme", NUMBER, "none")).await;

    for misuse in [
        &["frobnicate"][..],
        &[],
        &["org", "create"],
        &["org", "set", "--org", "acme", "--media-retention-days", "0"],
        &["number", "connect", "--org", "acme"],
        &["key", "revoke", "--org", "acme", "not-an-id"],
        &["replay", "--from", "yesterday"],
        &["org", "list", "--surprise"],
    ] {
        assert_eq!(installation.run(misuse).await.status.code(), Some(2), "{misuse:?}");
    }
    let taken = connect("bravo", NUMBER, "none");
    let mut unknown_app = connect("acme", "2", "none");
    unknown_app.extend(["--app", "404"]);
    let failing: [(&[&str], &str); 9] = [
        (&taken, "another organization"),
        (&unknown_app, "404"),
        (&["key", "create", "--org", "nobody"], "wazapp org list"),
        (&["number", "list", "--org", "nobody"], "nobody"),
        (&["number", "disconnect", "--org", "bravo", "--phone-number-id", NUMBER], "wazapp number list"),
        (&["app", "rotate", "--app-id", "404", "--secret", "x"], "wazapp app list"),
        (&["org", "create", "  "], "is not empty"),
        (&["replay", "--from", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"], "not before"),
        (&["webhook", "post", "--url", "http://127.0.0.1:9/webhook", EXAMPLE], "does not answer"),
    ];
    for (arguments, told) in failing {
        let output = installation.run(arguments).await;
        let (code, said) = failure(&output);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");
        assert!(said.starts_with("error: ") && said.contains(told), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "answers go to standard output, complaints do not");
        let mut with_json = arguments.to_vec();
        with_json.push("--json");
        let output = installation.run(&with_json).await;
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(answer["error"].as_str().map(|error| format!("error: {error}\n")), Some(said));
    }
    let (_, said) = failure(&installation.run(&taken).await);
    assert!(!said.to_lowercase().contains("acme"), "whose it is, is nobody's business: {said}");
}

/// A mistake in the configuration stops every command with a line that names the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_is_named() {
    for (variable, value) in [
        ("WAZAPP_LISTEN", "nowhere"),
        ("WAZAPP_INBOUND_BATCH", "many"),
        ("WAZAPP_LOG_FORMAT", "xml"),
        ("WAZAPP_TLS_CERT", "/x.pem"),
        ("WAZAPP_SURPRISE", "1"),
    ] {
        let installation = Installation::new().setting(variable, value);
        for command in [&["serve"][..], &["config", "show"]] {
            let (code, said) = failure(&installation.run(command).await);
            assert_eq!(code, 1, "{variable}: {said}");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
            assert!(said.contains(variable), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_and_replay() {
    let installation = Installation::new();
    let server = installation.serve().await;
    let started = e2e::outside::now();
    installation.json(&["webhook", "post", EXAMPLE]).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let waiting = loop {
        let list = installation.json(&["quarantine", "list"]).await;
        if list.get(0).is_some() {
            break list;
        }
        assert!(Instant::now() < deadline, "nothing comes into quarantine");
    };
    assert_eq!((&waiting[0]["reason"], &waiting[0]["phone_number_id"]), (&json!("unknown_number"), &json!(NUMBER)));
    installation.json(&["org", "create", "Acme"]).await;
    let connected = installation.json(&connect("acme", NUMBER, "none")).await;
    assert_eq!(connected["quarantined"], 1, "who connects is told what waits");
    let done = installation.json(&["quarantine", "replay", "--phone-number-id", NUMBER]).await;
    assert_eq!((&done["applied"], &done["messages"]), (&json!(1), &json!(1)));
    assert_eq!(installation.json(&["quarantine", "list"]).await, json!([]));
    assert_eq!(installation.json(&["quarantine", "list", "--replayed"]).await.as_array().map(Vec::len), Some(1));

    let key = installation.json(&["key", "create", "--org", "acme"]).await;
    let key = key["key"].as_str().expect("a key");
    assert_eq!(conversation(server.url(), key).await["unread_count"], 1);
    // The log of raw bodies, read again: all of it is there already.
    let done = installation.json(&["replay", "--from", &started.to_string()]).await;
    assert_eq!((&done["bodies"], &done["messages"], &done["duplicates"]), (&json!(1), &json!(0), &json!(1)));
    assert_eq!(conversation(server.url(), key).await["unread_count"], 1);
    assert!(server.terminate().await.0.success());
}

/// An operator's server counts what it does: what was received is what was applied and what is kept aside.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_add_up() {
    let installation = Installation::new();
    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&connect("acme", NUMBER, "none")).await;
    let folder = tempfile::tempdir().expect("a directory");
    let stranger = folder.path().join("stranger.json");
    let bytes = body::bytes(&body::text("404", "34600111222", "wamid.1", 1_795_000_000, "x"));
    std::fs::write(&stranger, bytes).expect("a file");
    let stranger = stranger.to_str().expect("UTF-8");
    for _ in 0..3 {
        installation.json(&["webhook", "post", EXAMPLE]).await;
        installation.json(&["webhook", "post", stranger]).await;
    }
    let client = e2e::outside::http().build().expect("a client");
    let wrong = client.post(format!("{}/webhook", server.url())).body("{}").send().await.expect("an answer");
    assert_eq!(wrong.status(), 401);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = client.get(format!("{}/metrics", server.url())).send().await.expect("an answer");
        let text = answer.text().await.expect("a text");
        let count = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
            let line = line.unwrap_or_else(|| panic!("{name} is missing in {text}"));
            line.rsplit(' ').next().expect("a value").parse().expect("a number")
        };
        let (applied, quarantined) = (count("wazapp_bodies_applied_total"), count("wazapp_bodies_quarantined_total"));
        if applied + quarantined >= 6.0 {
            assert_eq!(count("wazapp_bodies_received_total"), 6.0);
            assert_eq!((applied, quarantined), (3.0, 3.0));
            assert_eq!((count("wazapp_messages_total"), count("wazapp_duplicates_total")), (1.0, 2.0));
            assert_eq!(count("wazapp_webhooks_total{outcome=\"stored\"}"), 6.0);
            assert_eq!(count("wazapp_webhooks_total{outcome=\"unsigned\"}"), 1.0);
            for name in [
                "wazapp_statuses_total",
                "wazapp_events_total",
                "wazapp_apply_failures_total",
                "wazapp_inbound_waiting",
                "wazapp_bytes_received_total",
                "wazapp_http_connections",
                "wazapp_receive_queue",
                "wazapp_receive_last_commit_timestamp",
                "wazapp_apply_lag_seconds_count",
                "wazapp_receive_commit_seconds_count",
                "wazapp_database_connections{pool=\"worker\",state=\"open\"}",
            ] {
                count(name);
            }
            break;
        }
        assert!(Instant::now() < deadline, "{applied} + {quarantined} of 6");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(server.terminate().await.0.success());
}

/// Words that would be found wherever a secret leaks.
const SECRETS: [&str; 5] =
    ["canary-app-secret", "canary-verify-token", "canary-access-token", "canary-other-secret", "canary-message"];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_said() {
    let installation = Installation::new()
        .setting("WAZAPP_META_APP_SECRET", SECRETS[0])
        .setting("WAZAPP_META_VERIFY_TOKEN", SECRETS[1])
        .setting("WAZAPP_LOG", "trace");
    let server = installation.serve().await;
    let mut said = String::new();
    let mut run = async |arguments: &[&str]| {
        let output = installation.run(arguments).await;
        said += &text(&output.stdout);
        said += &text(&output.stderr);
        output.status.code()
    };
    let folder = tempfile::tempdir().expect("a directory");
    let bodies: Vec<String> = [
        body::bytes(&body::text(NUMBER, "34600111222", "wamid.1", 1_795_000_000, SECRETS[4])),
        body::bytes(&body::text("404", "34600111222", "wamid.2", 1_795_000_000, SECRETS[4])),
        format!("not JSON {}", SECRETS[4]).into_bytes(),
    ]
    .iter()
    .enumerate()
    .map(|(nth, bytes)| {
        let path = folder.path().join(format!("{nth}.json"));
        std::fs::write(&path, bytes).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    })
    .collect();
    assert_eq!(run(&["org", "create", "Acme"]).await, Some(0));
    assert_eq!(run(&connect("acme", NUMBER, SECRETS[2])).await, Some(0));
    assert_eq!(run(&connect("acme", "bad id", SECRETS[2])).await, Some(1));
    assert_eq!(
        run(&["app", "add", "--app-id", "555", "--secret", SECRETS[3], "--verify-token", SECRETS[1]]).await,
        Some(0)
    );
    assert_eq!(run(&["app", "add", "--app-id", "555", "--secret", SECRETS[3]]).await, Some(1));
    assert_eq!(run(&["app", "rotate", "--app-id", "555", "--secret", SECRETS[3]]).await, Some(0));
    for body in &bodies {
        assert_eq!(run(&["webhook", "post", "--raw", body]).await, Some(0));
    }
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["app", "list", "--json"],
        &["number", "list", "--json"],
        &["quarantine", "list"],
        &["quarantine", "list", "--json"],
        &["quarantine", "replay"],
        &["replay", "--from", "2020-01-01T00:00:00Z"],
    ] {
        assert_eq!(run(arguments).await, Some(0), "{arguments:?}");
    }
    let key = installation.json(&["key", "create", "--org", "acme"]).await;
    let key = key["key"].as_str().expect("a key");
    conversation(server.url(), key).await;
    assert_eq!(run(&["key", "list", "--org", "acme", "--json"]).await, Some(0));
    let (_, _, log) = server.terminate().await;
    said += &log;
    assert!(log.contains("/webhook") || log.contains("webhook"), "the log says something");
    let postgres = std::fs::read_to_string(installation.data_dir().join("postgres.log")).expect("PostgreSQL's log");
    said += &postgres;
    for secret in SECRETS.into_iter().chain([key]) {
        let at = said.find(secret).map(|at| said[at.saturating_sub(300)..].chars().take(400).collect::<String>());
        assert_eq!(at, None, "{secret} is told");
    }
}

/// On a shared machine everybody sees arguments: `-` reads the secret from standard input.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_may_come_from_standard_input() {
    let installation = Installation::new();
    let output =
        installation.run_with_input(&["app", "add", "--app-id", "555", "--secret", "-"], "their secret\n").await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = installation.run_with_input(&["app", "rotate", "--app-id", "555", "--secret", "-"], "\n").await;
    let (code, said) = failure(&output);
    assert_eq!(code, 1);
    assert!(said.contains("standard input"), "{said}");
    // Of several, each is a line, in the order of the help; a setting's flag is read before those of the command.
    let several = ["app", "add", "--app-id", "556", "--verify-token", "-", "--secret", "-", "--meta-verify-token", "-"];
    let output = installation.run_with_input(&several, "of the setting\nsecond secret\nlet-me-in\n").await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = installation.run_with_input(&several, "of the setting\nsecond secret\n").await;
    assert!(failure(&output).1.contains("standard input"));
    // It is the very secret, without the line's end: a body signed with it is taken.
    let server = installation.serve().await;
    let posted = installation.json(&["webhook", "post", "--app", "555", EXAMPLE]).await;
    assert_eq!(posted["status"], 200);
    let own = e2e::Posts::new(server.url(), "their secret");
    let answer = own.post_to("/webhook/555", b"{}").await;
    assert_eq!(answer, 200);
    assert_eq!(e2e::Posts::new(server.url(), "second secret").post_to("/webhook/556", b"{}").await, 200);
    let handshake =
        format!("{}/webhook/556?hub.mode=subscribe&hub.challenge=77&hub.verify_token=let-me-in", server.url());
    let answer = e2e::outside::http().build().expect("a client").get(handshake).send().await;
    assert_eq!(answer.expect("an answer").text().await.expect("a text"), "77");
    assert!(server.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_shown_with_its_sources() {
    let installation =
        Installation::new().setting("WAZAPP_META_APP_SECRET", "shown to nobody").setting("WAZAPP_INBOUND_BATCH", "99");
    let shown = installation.json(&["config", "show", "--inbound-appliers", "3"]).await;
    let line = |key: &str| {
        let lines = shown.as_array().expect("a list");
        lines.iter().find(|line| line["key"] == key).unwrap_or_else(|| panic!("{key} in {shown:#}")).clone()
    };
    assert_eq!(
        (&line("inbound_batch")["value"], &line("inbound_batch")["source"]),
        (&json!("99"), &json!("WAZAPP_INBOUND_BATCH"))
    );
    assert_eq!(
        (&line("inbound_appliers")["value"], &line("inbound_appliers")["source"]),
        (&json!("3"), &json!("--inbound-appliers"))
    );
    assert_eq!(line("inbound_queue")["source"], "default");
    assert_eq!(line("meta_app_secret")["source"], "WAZAPP_META_APP_SECRET");
    assert!(!shown.to_string().contains("shown to nobody"));
    let words = text(&installation.run(&["config", "show"]).await.stdout);
    assert!(words.contains("inbound_batch") && !words.contains("shown to nobody"), "{words}");
    let version = installation.json(&["version"]).await;
    assert!(version["version"].is_string(), "{version}");
}
