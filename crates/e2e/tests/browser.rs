//! Pages in a browser, used as people use them, with axe at every screen.

use std::path::Path;
use std::process::Stdio;

use simulator::{Options, Simulator};
use tokio::net::TcpListener;
use tokio::process::Command;

/// The customer's phone, narrow and wide, in Spanish and English. Pictures of the screens stay in `target/browser/phone`.
#[tokio::test]
async fn a_customers_phone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let simulator =
        Simulator::start(Options { seed: 7, ..Options::default() }, listener).expect("the simulator starts");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = here.join("browser/phone.mjs");
    let pictures = here.join("../../target/browser/phone");
    let mut node = Command::new("node");
    node.arg(script).arg(simulator.url()).arg(pictures).stdin(Stdio::null()).kill_on_drop(true);
    let output = node.output().await.expect("node runs: scripts/need browser installs it");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "the phone page fails (scripts/need browser installs what it runs in):\n{said}{complained}"
    );
    simulator.stop().await;
}
