//! The Edge Functions of `examples/supabase`, in Deno itself: they acknowledge what is signed, work behind the answer, and
//! refuse what is not.

use std::path::PathBuf;

use e2e::World;
use reqwest::StatusCode;
use serde_json::json;
use tokio::process::Command;
use whatsapp::signature;

use super::program::{Program, add_off, deno, here};
use super::{acme, until_deliveries, write};

fn function_file(name: &str) -> PathBuf {
    let file = here().join(format!("../../examples/supabase/functions/{name}/index.ts"));
    file.canonicalize().expect("the example is there")
}

/// A function at work, with what is said in its environment.
async fn start(name: &str, said: &[(&str, &str)]) -> Program {
    let mut edge = deno(&["--allow-read"], "edge.ts");
    edge.arg(format!("file://{}", function_file(name).display())).current_dir(here().join("deno"));
    edge.env("DENO_SERVE_ADDRESS", "tcp:127.0.0.1:0").envs(said.iter().copied());
    Program::start(&mut edge).await
}

/// Their types hold.
#[tokio::test]
async fn the_functions_are_sound() {
    let mut deno = Command::new(here().join("deno/node_modules/.bin/deno"));
    let files = ["wazapp", "wazapp-meta"].map(function_file);
    let checked = deno.args(["check", "--no-remote"]).args(files).output().await.expect("deno runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_hears_events() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let made = add_off(&world, &acme, "wazapp").await;
    let mut function = start("wazapp", &[("WAZAPP_SECRET", &made.secret)]).await;
    function.is_told(&world, &acme, &made, "").await;
    write(&world, 1).await;
    let message = world.all_messages(&acme).await.remove(0);
    function.line(&format!("message {} in conversation", message["id"].as_str().unwrap())).await;
    function.line("answered, at work").await;
    function.line("done").await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;

    function.knows_what_is_signed(world.now(), &made.secret).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_hears_what_meta_said() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let made = add_off(&world, &acme, "meta").await;
    let said = [("WAZAPP_META_SECRET", made.secret.as_str()), ("WAZAPP_VERIFY_TOKEN", "our-word")];
    let mut function = start("wazapp-meta", &said).await;
    function.is_told(&world, &acme, &made, "").await;
    let wamid = write(&world, 1).await;
    function.line(&format!("text {wamid}")).await;
    function.line("answered, at work").await;
    function.line("done").await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;

    let body = br#"{"object":"whatsapp_business_account","entry":[]}"#;
    let signed = |secret: &str| vec![("x-hub-signature-256", signature::sign(secret, body))];
    assert_eq!(function.post("", &signed(&made.secret), body).await, StatusCode::OK);
    for (why, headers) in [
        ("another secret", signed("another")),
        ("no header", Vec::new()),
        ("another form", vec![("x-hub-signature-256", "sha256=0".to_owned())]),
    ] {
        assert_eq!(function.post("", &headers, body).await, StatusCode::UNAUTHORIZED, "{why}");
    }
    // Whoever makes an endpoint with a word has it asked for, as Meta asks.
    for (word, expected) in [("our-word", 201), ("not-it", 422)] {
        let wanted = json!({ "url": function.url, "format": "meta", "verify_token": word });
        let (status, answer) = world.post_api(&acme, "/endpoints", &wanted).await;
        assert_eq!(status, expected, "{answer}");
    }
    world.end().await;
}
