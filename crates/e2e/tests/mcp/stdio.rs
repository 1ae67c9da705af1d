//! `wazapp mcp`: standard output is the protocol's alone, and it ends when its client goes.

use std::process::Stdio;

use e2e::World;
use e2e::program::Installation;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

fn program(arguments: &[&str], key: Option<&str>) -> Command {
    let installation = Installation::new().setting("WAZAPP_LOG", "trace");
    let mut command = installation.command(&[&["mcp"][..], arguments].concat());
    if let Some(key) = key {
        command.env("WAZAPP_API_KEY", key);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A client that says it knows the oldest protocol, up to here.
async fn greeted(child: &mut Child) -> Vec<String> {
    let stdin = child.stdin.as_mut().expect("piped");
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        },
    });
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let me = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "who_am_i" } });
    stdin.write_all(format!("{hello}\n{ready}\n{me}\n").as_bytes()).await.expect("it listens");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
    let mut said = Vec::new();
    while said.len() < 2 {
        said.push(lines.next_line().await.expect("it can be read").expect("an answer"));
    }
    said
}

async fn rest(child: &mut Child) -> (String, String) {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let (out, err) = (child.stdout.as_mut().expect("piped"), child.stderr.as_mut().expect("piped"));
    let (read, complained) = tokio::join!(out.read_to_string(&mut stdout), err.read_to_string(&mut stderr));
    read.and(complained).expect("both can be read");
    (stdout, stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_its_input_or_when_it_is_told_to_and_logs_beside() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    for end in ["input", "signal"] {
        let mut child = program(&["--url", world.url()], Some(&acme.key)).spawn().expect("it starts");
        let said = greeted(&mut child).await;
        let pid = Pid::from_raw(child.id().expect("it runs").try_into().unwrap()).expect("a process");
        let stdin = child.stdin.take().expect("piped");
        match end {
            "input" => drop(stdin),
            _ => kill_process(pid, Signal::TERM).expect("a process of ours"),
        }
        let (stdout, stderr) = rest(&mut child).await;
        let status = child.wait().await.expect("it ends");
        assert!(status.success(), "{end}: {status} {stderr}");
        for line in said.iter().map(String::as_str).chain(stdout.lines()) {
            let message: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{end}: it said {line}"));
            assert_eq!(message["jsonrpc"], "2.0");
        }
        assert!(said[1].contains("Acme"), "{said:?}");
        assert!(stderr.contains("level") && !stderr.contains(&acme.key), "it logs, and never the key: {stderr}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_starting_is_said_on_standard_error() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let key_file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(key_file.path(), format!("{}\n", acme.key)).expect("it can be written");
    let file = key_file.path().to_str().expect("a path");
    let url = world.url();
    for (arguments, key, code, says) in [
        (vec!["--url", url], None, 1, "there is no API key"),
        (vec!["--url", url], Some("wz_nonsense"), 1, "This API key is not in force"),
        (vec!["--url", "http://127.0.0.1:9"], Some(acme.key.as_str()), 1, "See that it runs"),
        (vec!["--url", "https://wa.example.com/?key=wz_x"], Some(acme.key.as_str()), 1, "the key goes into"),
        (vec!["--url", url, "--key-file", file], Some(acme.key.as_str()), 1, "leave one out"),
        (vec!["--url", url, "--key-file", "/nonexistent"], None, 1, "cannot be read"),
        (vec!["--key", "wz_x"], None, 2, "unexpected argument"),
        (vec!["--url", url, "--key-file", file], None, 0, ""),
    ] {
        let mut child = program(&arguments, key).spawn().expect("it starts");
        drop(child.stdin.take());
        let (stdout, stderr) = rest(&mut child).await;
        let status = child.wait().await.expect("it ends");
        assert_eq!(status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says) && stdout.is_empty(), "{arguments:?}: {stderr} {stdout}");
    }
    world.end().await;
}

/// A server that goes away is said to whoever calls, and so is a key that was revoked; what was sent meanwhile is not known.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_said_in_the_answer() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    let mut child = program(&["--url", world.url()], Some(&acme.key)).spawn().expect("it starts");
    greeted(&mut child).await;
    world.sql().await.execute("UPDATE wazapp.api_key SET revoked_at = created_at", &[]).await.unwrap();
    assert!(called(&mut child).await.contains("This API key is not in force"));
    world.stop().await;
    assert!(called(&mut child).await.contains("gave no answer"));
    drop(child.stdin.take());
    assert!(child.wait().await.expect("it ends").success());
    world.end().await;
}

async fn called(child: &mut Child) -> String {
    let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": { "name": "who_am_i" } });
    child.stdin.as_mut().expect("piped").write_all(format!("{call}\n").as_bytes()).await.expect("it listens");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).await.expect("it answers");
    let answer: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    line
}
