//! The first thing that anybody runs: what it says is what the page shows, and what it says to type works as it stands.

use std::process::Stdio;
use std::time::Duration;

use e2e::program::Installation;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::answers::is_like;
use super::blocks::blocks;

/// How long furnishing may take.
const PATIENCE: Duration = Duration::from_secs(60);

async fn typed(line: &str) -> Value {
    let output = Command::new("bash").args(["-o", "pipefail", "-c", line]).output().await.expect("bash runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{line}: {error}: {}", String::from_utf8_lossy(&output.stdout)))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_the_page_shows_and_what_it_says_works() {
    let installation = Installation::new();
    let mut demo = installation.command(&["demo", "--simulator", "127.0.0.1:0"]);
    let mut demo = demo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("wazapp starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
    let mut said: Vec<String> = Vec::new();
    while !said.last().is_some_and(|line| line.ends_with("/docs")) {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it goes on");
        said.push(line.expect("a line").unwrap_or_else(|| panic!("it ended: {said:?}")));
    }
    let page = blocks("README.md").into_iter().find(|block| block.text.contains("Meta is simulated"));
    for line in page.expect("what the demo says").text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_there = said.iter().any(|said| is_like(&words, &said.split_whitespace().collect::<Vec<_>>()));
        assert!(is_there, "the demo does not say: {line}\n{said:#?}");
    }
    let calls: Vec<&str> = said.iter().map(|line| line.trim()).filter(|line| line.starts_with("curl ")).collect();
    let [read, answer] = calls[..] else { panic!("two calls: {calls:?}") };
    let list = typed(read).await;
    let id = list["data"][0]["id"].as_str().unwrap_or_else(|| panic!("nothing waits for an answer: {list}"));
    let sent = typed(&answer.replace("/ID/", &format!("/{id}/"))).await;
    assert_eq!((&sent["conversation_id"], &sent["direction"]), (&list["data"][0]["id"], &"outbound".into()), "{sent}");
    let pid = Pid::from_raw(demo.id().expect("it runs").cast_signed()).expect("a process");
    kill_process(pid, Signal::TERM).expect("a process of ours");
    assert!(demo.wait().await.expect("it ends").success());
}
