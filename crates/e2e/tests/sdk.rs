//! The typed clients of `sdk/`, made from a server's own OpenAPI document: their types hold, they list and send on that server, and
//! they know what it signed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::receiver::Receiver;
use e2e::{World, body};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const NUMBER: &str = "106540352242922";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").canonicalize().expect("the clients are there")
}

/// Runs a program to its end; answers what it said.
async fn run(command: &mut Command, told: &str) -> String {
    command.current_dir(folder()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.kill_on_drop(true).spawn().expect("scripts/need sdk installs it");
    // One that does not read what it is told has its reason.
    let _ = running.stdin.take().expect("a pipe").write_all(told.as_bytes()).await;
    let output = running.wait_with_output().await.expect("it ends");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}{complained}");
    said.trim().to_owned()
}

fn python(module: &str) -> Command {
    let mut python = Command::new(folder().join("../target/tools-sdk/bin/python3"));
    python.args(["-B", "-m", module]);
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_made_from_the_document_work() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "1", None).await;
    let wanted = json!({ "url": hook.url(), "format": "wazapp" });
    let (status, made) = world.post_api(&acme, "/endpoints", &wanted).await;
    assert_eq!(status, 201, "{made}");
    world.receive(&body::text(NUMBER, "5215512345678", "wamid.1", world.now().as_second(), "message 1")).await;
    let call = hook.until_count(1).await.remove(0);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), call.header(name).into())).collect();
    let told = json!({
        "baseUrl": world.url(), "apiKey": acme.key, "secret": made["secret"], "headers": headers,
        "body": std::str::from_utf8(&call.bytes).expect("text"),
    })
    .to_string();

    let document = tempfile::NamedTempFile::new().expect("a file");
    let answer = world.client().get(format!("{}/api/v1/openapi.json", world.url())).send().await.expect("an answer");
    std::fs::write(document.path(), answer.bytes().await.expect("the document")).expect("it is written");
    run(Command::new(folder().join("make")).arg(document.path()), "").await;

    let mut check = Command::new("node");
    let compiler = "typescript/node_modules/typescript/bin/tsc";
    let types = run(check.args([compiler, "--project", "typescript/tsconfig.test.json"]), "");
    let mut story = Command::new("node");
    story.arg("typescript/test/story.js");
    let (_, sent) = tokio::join!(types, run(&mut story, &told));
    let shown = world.read(&acme, &format!("/messages/{sent}")).await;
    assert_eq!(shown["text"], "Hello from TypeScript");

    let types = ["--config-file", "python/pyproject.toml", "python/src/wazapp", "python/test/story.py"];
    run(python("mypy").env("MYPYPATH", "python/src").args(types), "").await;
    let mut story = Command::new(folder().join("../target/tools-sdk/bin/python3"));
    let sent = run(story.args(["-B", "python/test/story.py"]).env("PYTHONPATH", "python/src"), &told).await;
    assert_eq!(world.read(&acme, &format!("/messages/{sent}")).await["text"], "Hello from Python");
    world.end().await;
}
