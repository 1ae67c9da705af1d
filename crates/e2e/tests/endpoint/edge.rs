//! The Edge Functions of `examples/supabase`, in Deno itself: they acknowledge what is signed, work behind the answer, and
//! refuse what is not.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::{World, outside};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use whatsapp::signature;

use super::{Made, acme, until_deliveries, write};

/// A function at work. It ends with the test.
struct Function {
    _process: Child,
    lines: UnboundedReceiver<String>,
    url: String,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deno")
}

fn function_file(name: &str) -> PathBuf {
    let file = here().join(format!("../../../examples/supabase/functions/{name}/index.ts"));
    file.canonicalize().expect("the example is there")
}

impl Function {
    /// Starts one with what is said in its environment; it may reach this machine alone.
    async fn start(name: &str, said: &[(&str, &str)]) -> Self {
        let function = function_file(name);
        let mut deno = Command::new(here().join("node_modules/.bin/deno"));
        deno.args([
            "run",
            "--no-check",
            "--no-remote",
            "--no-prompt",
            "--allow-env",
            "--allow-net=127.0.0.1",
            "--allow-read",
            "edge.ts",
        ])
        .arg(format!("file://{}", function.display()))
        .current_dir(here())
        .env("DENO_SERVE_ADDRESS", "tcp:127.0.0.1:0")
        .env("NO_COLOR", "1")
        .envs(said.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
        let mut process = deno.spawn().expect("deno runs: scripts/need deno installs it");
        let (heard, lines) = unbounded_channel();
        listen(process.stdout.take().expect("a pipe"), heard.clone());
        listen(process.stderr.take().expect("a pipe"), heard);
        let mut function = Self { _process: process, lines, url: String::new() };
        let line = function.line("Listening on ").await;
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
        function.url = url.trim_end_matches('/').to_owned();
        function
    }

    /// Waits until it says something.
    async fn line(&mut self, words: &str) -> String {
        let mut said = String::new();
        loop {
            let line = timeout(std::time::Duration::from_secs(30), self.lines.recv()).await.ok().flatten();
            let line = line.unwrap_or_else(|| panic!("it never said {words:?}: {said}"));
            if line.contains(words) {
                return line;
            }
            said.push_str(&line);
            said.push('\n');
        }
    }

    /// An endpoint of an organization's that leads here.
    async fn endpoint(&self, world: &World, acme: &e2e::Organization, id: &str) {
        let (status, answer) =
            world.patch(acme, &format!("/endpoints/{id}"), &json!({ "url": self.url, "state": "on" })).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn post(&self, headers: &[(&str, String)], body: &[u8]) -> StatusCode {
        let mut said = HeaderMap::new();
        for (name, value) in headers {
            said.insert(name.parse::<reqwest::header::HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        let client = outside::http().build().expect("a client");
        client.post(&self.url).headers(said).body(body.to_vec()).send().await.expect("an answer").status()
    }
}

fn listen(stream: impl AsyncRead + Unpin + Send + 'static, heard: UnboundedSender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = heard.send(line);
        }
    });
}

/// An endpoint that is off until its function knows the secret.
async fn add(world: &World, acme: &e2e::Organization, format: &str) -> Made {
    let wanted = json!({ "url": "http://127.0.0.1:9/", "format": format });
    let (status, made) = world.post_api(acme, "/endpoints", &wanted).await;
    assert_eq!(status, 201, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (status, _) = world.patch(acme, &format!("/endpoints/{}", text("id")), &json!({ "state": "off" })).await;
    assert_eq!(status, 200);
    Made { id: text("id"), secret: text("secret") }
}

/// Their types hold.
#[tokio::test]
async fn the_functions_are_sound() {
    let mut deno = Command::new(here().join("node_modules/.bin/deno"));
    let files = ["wazapp", "wazapp-meta"].map(function_file);
    let checked = deno.args(["check", "--no-remote"]).args(files).output().await.expect("deno runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_hears_events() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let made = add(&world, &acme, "wazapp").await;
    let mut function = Function::start("wazapp", &[("WAZAPP_SECRET", &made.secret)]).await;
    function.endpoint(&world, &acme, &made.id).await;
    write(&world, 1).await;
    let message = world.all_messages(&acme).await.remove(0);
    function.line(&format!("message {} in conversation", message["id"].as_str().unwrap())).await;
    function.line("answered, at work").await;
    function.line("done").await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;

    let event = br#"{"id":"1","sequence":1,"type":"message.received","conversation_id":null,"data":{"id":"forged"}}"#;
    let now = world.now();
    let signed = |at: jiff::Timestamp, secret: &str| -> Vec<(&'static str, String)> {
        let headers = worker::delivery::signed("1", at, event, &secret.to_owned().into());
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        names.into_iter().zip(headers.into_iter().map(|(_, value)| value)).collect()
    };
    let nonsense = [("webhook-id", "1"), ("webhook-timestamp", "x"), ("webhook-signature", "v1,%")];
    let nonsense: Vec<(&'static str, String)> = nonsense.map(|(name, value)| (name, value.to_owned())).to_vec();
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(function.post(&signed(now, &made.secret), event).await, StatusCode::ACCEPTED, "the test signs as we do");
    let old = now - jiff::SignedDuration::from_mins(10);
    for (why, headers, body) in [
        ("another secret", signed(now, other), &event[..]),
        ("kept and sent again", signed(old, &made.secret), &event[..]),
        ("other bytes", signed(now, &made.secret), &b"{}"[..]),
        ("no signature", signed(now, &made.secret)[..2].to_vec(), &event[..]),
        ("no headers", Vec::new(), &event[..]),
        ("nonsense", nonsense, &event[..]),
    ] {
        assert_eq!(function.post(&headers, body).await, StatusCode::UNAUTHORIZED, "{why}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_hears_what_meta_said() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let made = add(&world, &acme, "meta").await;
    let said = [("WAZAPP_META_SECRET", made.secret.as_str()), ("WAZAPP_VERIFY_TOKEN", "our-word")];
    let mut function = Function::start("wazapp-meta", &said).await;
    function.endpoint(&world, &acme, &made.id).await;
    let wamid = write(&world, 1).await;
    function.line(&format!("text {wamid}")).await;
    function.line("answered, at work").await;
    function.line("done").await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;

    let body = br#"{"object":"whatsapp_business_account","entry":[]}"#;
    let signed = |secret: &str| vec![("x-hub-signature-256", signature::sign(secret, body))];
    assert_eq!(function.post(&signed(&made.secret), body).await, StatusCode::OK);
    for (why, headers) in [
        ("another secret", signed("another")),
        ("no header", Vec::new()),
        ("another form", vec![("x-hub-signature-256", "sha256=0".to_owned())]),
    ] {
        assert_eq!(function.post(&headers, body).await, StatusCode::UNAUTHORIZED, "{why}");
    }
    // Whoever makes an endpoint with a word has it asked for, as Meta asks.
    for (word, expected) in [("our-word", 201), ("not-it", 422)] {
        let wanted = json!({ "url": function.url, "format": "meta", "verify_token": word });
        let (status, answer) = world.post_api(&acme, "/endpoints", &wanted).await;
        assert_eq!(status, expected, "{answer}");
    }
    world.end().await;
}
