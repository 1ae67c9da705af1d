//! WhatsApp clients that others wrote, unmodified: on the simulator, which is Meta to them, and on wazapp's
//! Graph-compatible side with the simulator behind it, whose API then shows what they sent.

use std::path::Path;
use std::process::Command;

use e2e::{cluster, program};
use uuid::Uuid;

/// A network in which one name is this machine.
const NETWORK: &str = "unshare {root} --net --mount --pid --fork --kill-child ip link set lo up";

/// Runs a client's script in a world of its own; `scripts/need clients` has installed it.
fn run(client: &str, in_front: Option<&str>) {
    if e2e::refused(client, NETWORK) {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/run");
    let mut command = Command::new(script);
    command.arg(client).env("WAZAPP_BIN", program::binary());
    if let Some(database) = in_front {
        command.arg("wazapp").env("WAZAPP_DATABASE_URL", database);
    }
    let output = command.output().expect("bash runs the script");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{client} and this side do not get along:\n{said}{complained}");
    println!("{said}");
}

/// Runs it with wazapp between, on a fresh database.
async fn run_through_wazapp(client: &'static str) {
    let (socket_dir, name) = (cluster::socket_dir(), format!("clients_{}", Uuid::now_v7().simple()));
    cluster::create(&socket_dir, &name).await.expect("a fresh database");
    let host = socket_dir.display().to_string().replace('/', "%2F");
    let database = format!("postgres://postgres@{host}/{name}?sslmode=disable");
    let ran = tokio::task::spawn_blocking(move || run(client, Some(&database))).await;
    cluster::remove(&socket_dir, &name).await.expect("the database can be removed");
    if let Err(failed) = ran {
        std::panic::resume_unwind(failed.into_panic());
    }
}

#[test]
fn pywa() {
    run("pywa", None);
}

#[test]
fn heyoo() {
    run("heyoo", None);
}

#[test]
fn kapso() {
    run("kapso", None);
}

#[test]
fn great_detail() {
    run("great-detail", None);
}

#[test]
fn whatsapp_api_js() {
    run("whatsapp-api-js", None);
}

#[tokio::test]
async fn pywa_through_wazapp() {
    run_through_wazapp("pywa").await;
}

#[tokio::test]
async fn heyoo_through_wazapp() {
    run_through_wazapp("heyoo").await;
}

#[tokio::test]
async fn kapso_through_wazapp() {
    run_through_wazapp("kapso").await;
}

#[tokio::test]
async fn great_detail_through_wazapp() {
    run_through_wazapp("great-detail").await;
}

#[tokio::test]
async fn whatsapp_api_js_through_wazapp() {
    run_through_wazapp("whatsapp-api-js").await;
}
