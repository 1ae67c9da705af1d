//! Pages in a browser, used as people use them, with axe at every screen.

mod checks;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::IdentityProvider;
use e2e::program::{Installation, Server};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulator::{Options, Simulator};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

/// The customer's phone, narrow and wide, in Spanish and English. Pictures of the screens stay in `target/browser/phone`.
#[tokio::test]
async fn a_customers_phone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let simulator =
        Simulator::start(Options { seed: 7, ..Options::default() }, listener).expect("the simulator starts");
    drive("phone", &[&simulator.url()]).await;
    simulator.stop().await;
}

/// Set-up, sign-in, invitations and settings, from 1280 pixels down to 320, in Spanish and English, light and dark, without
/// JavaScript too. Pictures of the screens stay in `target/browser/people`.
#[tokio::test(flavor = "multi_thread")]
async fn people_and_their_pages() {
    let mut provider = IdentityProvider::start().await;
    let at_provider = provider.settings(&[]);
    let installation = Installation::new()
        .setting("WAZAPP_OIDC_ISSUER", &at_provider.issuer)
        .setting("WAZAPP_OIDC_CLIENT_ID", &at_provider.client_id)
        .setting("WAZAPP_OIDC_CLIENT_SECRET", at_provider.client_secret.expose_secret())
        .setting("WAZAPP_OIDC_NAME", &at_provider.name);
    let server = installation.serve().await;
    let callback = format!("{}/login/provider/callback", server.url());
    provider.set(json!({ "redirectUris": [callback], "who": "lucia" })).await;
    provider.knows("lucia", "lucia@laespiga.example", true).await;
    let code = std::fs::read_to_string(installation.data_dir().join("setup-code")).expect("the server keeps its code");
    e2e::until("whoever runs it is told the code", async || server.log().contains(code.trim())).await;
    drive("people", &[server.url(), code.trim(), provider.issuer()]).await;
    assert!(server.terminate().await.0.success());
    provider.stop().await;
}

/// A passkey is made, opens the account alone and after the password, and opens nothing once it is copied or removed. Pictures
/// of the screens stay in `target/browser/passkey`.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_opens_its_own_account() {
    let installation = Installation::new().setting("WAZAPP_PUBLIC_URL", "http://localhost");
    let server = installation.serve().await;
    let code = std::fs::read_to_string(installation.data_dir().join("setup-code")).expect("the server keeps its code");
    let port = server.url().rsplit(':').next().expect("a port");
    drive("passkey", &[&format!("http://localhost:{port}"), code.trim()]).await;
    assert!(server.terminate().await.0.success());
}

/// The inbox of the demo beside customers who write: screens in both languages, light and dark, from 1280 pixels to 390; what
/// comes is there at once, what is written goes once, and nothing is lost without a line. Pictures of the screens stay in
/// `target/browser/inbox`.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox() {
    inbox("inbox", "inbox").await;
}

/// Files and messages in the inbox of the demo: chosen, pasted and dropped; answered, reacted to and passed on; and a long
/// conversation, read from end to end.
#[tokio::test(flavor = "multi_thread")]
async fn the_inboxs_files_and_messages() {
    inbox("inbox", "messages").await;
}

/// Three hundred texts that mean harm, wherever the inbox shows a text.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_and_hostile_texts() {
    inbox("inbox", "hostile").await;
}

/// Two who work in one inbox: drafts, who is there and writes, the panel of a contact, keys and the palette.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_of_several() {
    inbox("inbox_together", "inbox_together").await;
}

/// Five who work in one inbox while two hundred customers write. How long that took stands in `target/browser/inbox_crowd`.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_of_a_crowd() {
    inbox("inbox_crowd", "inbox_crowd").await;
}

/// What is sent from the inbox, step by step, with what goes wrong on the way, and the window of 24 hours.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_inbox_sends() {
    let installation = Installation::new();
    let (server, welcome) = installation.demo().await;
    // Of a number that came a moment ago nobody knows which windows are closed.
    let came = "UPDATE wazapp.number SET connected_at = connected_at - interval '2 days'";
    installation.demo_sql().await.batch_execute(came).await.expect("it has been here for longer");
    drive_part("inbox", "sending", &arguments(&server, &welcome)).await;
    assert!(server.terminate().await.0.success());
}

/// Every kind of message that the inbox shows.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_in_the_inbox() {
    inbox("inbox", "kinds").await;
}

/// The inbox by keys, by touch, large, without JavaScript, in eight tabs, back and forward.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_for_everybody() {
    inbox("inbox", "places").await;
}

/// What the inbox weighs and takes; who missed much, wants nothing to move, or asks for what is another organization's.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_within_its_bounds() {
    inbox("inbox", "bounds").await;
}

/// Every screen of the inbox, in both languages, light and dark, at three widths, with menus and dialogs open. Pictures of them
/// stay in `target/browser/screens`.
#[tokio::test(flavor = "multi_thread")]
async fn every_screen_of_the_inbox() {
    inbox("inbox", "screens").await;
}

/// Ten thousand conversations, and one of fifty thousand messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_inbox() {
    let installation = Installation::new();
    let (server, welcome) = installation.demo().await;
    let sql = installation.demo_sql().await;
    sql.batch_execute(include_str!("browser/large.sql")).await.expect("what makes it large");
    drive_part("inbox_large", "inbox_large", &arguments(&server, &welcome)).await;
    assert!(server.terminate().await.0.success());
}

/// The server ends and starts anew under a page that is open, when the page's script says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_over_a_restart() {
    let installation = Installation::new().setting("WAZAPP_LISTEN", &e2e::outside::free_address().to_string());
    let (mut server, welcome) = installation.demo().await;
    let mut node = script("inbox_restart", "inbox_restart", &arguments(&server, &welcome));
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut node = node.spawn().expect("node runs: scripts/need browser installs it");
    let mut tell = node.stdin.take().expect("a pipe");
    let mut says = BufReader::new(node.stdout.take().expect("a pipe")).lines();
    let mut said = String::new();
    while let Some(line) = says.next_line().await.expect("its words can be read") {
        if line == "restart" {
            assert!(server.terminate().await.0.success());
            let (anew, welcome) = installation.demo().await;
            server = anew;
            tell.write_all(format!("{}\n", text(&welcome["simulator"])).as_bytes()).await.expect("it listens");
        } else {
            said += &(line + "\n");
        }
    }
    let mut complained = String::new();
    node.stderr.take().expect("a pipe").read_to_string(&mut complained).await.expect("its words can be read");
    assert!(node.wait().await.expect("it ends").success(), "inbox_restart.mjs fails:\n{said}{complained}");
    assert!(server.terminate().await.0.success());
}

/// A part of what is tried of the inbox, beside a demo of its own.
async fn inbox(script: &str, part: &str) {
    let installation = Installation::new();
    let (server, welcome) = installation.demo().await;
    drive_part(script, part, &arguments(&server, &welcome)).await;
    assert!(server.terminate().await.0.success());
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Where a demo is, and who signs in there.
fn arguments(server: &Server, welcome: &Value) -> [String; 5] {
    let organizations = welcome["organizations"].as_array().expect("a list");
    let number = &organizations.iter().find(|own| own["slug"] == "cafe-lucero").expect("the café")["numbers"][0];
    let (email, password) = (text(&welcome["sign_in"]["email"]), text(&welcome["sign_in"]["password"]));
    [server.url().to_owned(), text(&welcome["simulator"]), text(&number["phone_number_id"]), email, password]
}

/// Runs a script of `browser/` with these arguments and a folder for its pictures.
async fn drive(name: &str, arguments: &[&str]) {
    drive_part(name, name, arguments).await;
}

/// Where the scripts are.
fn browser() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// A part of such a script, not started yet.
fn script(name: &str, part: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
    let pictures = browser().join("../../../target/browser").join(part);
    let mut node = Command::new("node");
    node.arg(browser().join(format!("{name}.mjs"))).args(arguments).arg(pictures).env("PART", part);
    node.stdin(Stdio::null()).kill_on_drop(true);
    node
}

/// Runs a part of it.
async fn drive_part(name: &str, part: &str, arguments: &[impl AsRef<OsStr>]) {
    let output = script(name, part, arguments).output().await;
    let output = output.expect("node runs: scripts/need browser installs it");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{name}.mjs fails (scripts/need browser installs what it runs in):\n{said}{complained}"
    );
}
