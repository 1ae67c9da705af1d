//! The server under a service manager: what it tells it, and the unit by which systemd runs it.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use e2e::program::{self, Installation};
use e2e::until;
use tokio::net::UnixDatagram;

const UNIT: &str = "deploy/systemd/wazapp.service";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).expect(path)
}

/// What was told since.
fn told(socket: &UnixDatagram) -> Vec<String> {
    let (mut told, mut datagram) = (Vec::new(), [0; 4096]);
    while let Ok(length) = socket.try_recv(&mut datagram) {
        told.extend(String::from_utf8_lossy(&datagram[..length]).lines().map(str::to_owned));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_hears_that_it_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let installation = Installation::new()
        .setting("NOTIFY_SOCKET", path.to_str().expect("a path in UTF-8"))
        .setting("WATCHDOG_USEC", "600000");
    let server = installation.serve().await;
    let mut heard = HashMap::<String, usize>::new();
    until("it says that it is ready, and alive several times", async || {
        told(&socket).into_iter().for_each(|line| *heard.entry(line).or_default() += 1);
        heard.contains_key("READY=1") && heard.get("WATCHDOG=1").is_some_and(|times| *times >= 3)
    })
    .await;
    assert!(heard.keys().any(|line| line.starts_with("STATUS=listening on 127.0.0.1:")), "{heard:?}");
    assert!(!heard.contains_key("STOPPING=1"), "{heard:?}");
    assert!(server.terminate().await.0.success());
    let last = told(&socket);
    assert!(last.iter().any(|line| line == "STOPPING=1"), "{last:?}");
}

/// By systemd's own verdict: it is understood, and leaves little open.
#[test]
fn the_unit_is_understood_and_hardened() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("wazapp.service");
    let program = program::binary();
    std::fs::write(&unit, read(UNIT).replace("/usr/local/bin/wazapp", program.to_str().expect("a path in UTF-8")))
        .expect("written");
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg(&unit).output();
        let output = output.expect("systemd-analyze runs: scripts/need service installs it");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (understood, said) = analyze(&["verify", "--man=no"]);
    assert!(understood && !said.contains("wazapp.service:"), "{said}");
    // Tenths of ten; 2.0 and less is "OK" at its best.
    let (hardened, said) = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"]);
    assert!(hardened, "{said}");
}

/// Whoever copies from the page has the unit that is checked.
#[test]
fn the_page_shows_the_unit() {
    assert!(
        read("docs/operate.md").contains(&format!("```ini\n{}```\n", read(UNIT))),
        "docs/operate.md shows another unit"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_an_exit_code() {
    let installation = Installation::new();
    let nobody = installation.run(&["health"]).await;
    let complained = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(complained.contains("no server runs on") && complained.contains("wazapp serve"), "{complained}");
    let server = installation.serve().await;
    assert_eq!(installation.json(&["health"]).await["ready"], true);
    server.kill_postgres();
    until("it says that the database is away", async || {
        let output = installation.run(&["health", "--json"]).await;
        output.status.code() == Some(1) && String::from_utf8_lossy(&output.stdout).contains("\"ready\":false")
    })
    .await;
    until("it is ready again", async || installation.run(&["health"]).await.status.success()).await;
    assert!(server.terminate().await.0.success());
}
