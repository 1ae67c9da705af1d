//! WhatsApp clients that others wrote, unmodified, on the simulator: it is Meta to them.

use std::path::Path;
use std::process::Command;

use e2e::program;

/// Runs a client's script in a world of its own; `scripts/need clients` has installed it.
fn run(client: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/run");
    let output = Command::new(script).arg(client).env("WAZAPP_BIN", program::binary()).output();
    let output = output.expect("bash runs the script");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{client} and the simulator do not get along:\n{said}{complained}");
    println!("{said}");
}

#[test]
fn pywa() {
    run("pywa");
}

#[test]
fn heyoo() {
    run("heyoo");
}

#[test]
fn kapso() {
    run("kapso");
}

#[test]
fn great_detail() {
    run("great-detail");
}

#[test]
fn whatsapp_api_js() {
    run("whatsapp-api-js");
}
