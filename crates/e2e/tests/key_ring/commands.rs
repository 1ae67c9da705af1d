//! `wazapp key-ring` and `wazapp app`, as operators run them.

use std::process::Output;

use e2e::World;
use e2e::program::{Installation, connect_unchecked};
use serde_json::{Value, json};

use super::noted;

/// What a refused command said.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

/// A key of its own file, while its server runs: made, taken up, and the one before it gone from the file and the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_our_own_is_changed_in_one_command() {
    let installation = Installation::new().setting("WAZAPP_META_APP_SECRET", "x").setting("WAZAPP_LOG", "warn");
    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&["app", "add", "--app-id", "555", "--secret", "first", "--verify-token", "word"]).await;
    let connect = connect_unchecked("acme", ("100", "1"), "EAA");
    installation.json(&[&connect[..], &["--app", "555"]].concat()).await;
    let before = installation.json(&["key-ring", "status"]).await;
    let (old, servers) = (before["keys"][0]["id"].clone(), before["servers"].as_array().expect("a list"));
    assert_eq!(before["keys"], json!([{ "id": old, "stage": "seals", "here": true, "seals": 3 }]));
    assert_eq!((servers.len(), &servers[0]["keys"], &before["next"]), (1, &json!([old]), &Value::Null));

    let file = installation.data_dir().join("master-key");
    let first = std::fs::read_to_string(&file).expect("a file");
    let changed = installation.json(&["key-ring", "rotate"]).await;
    assert_eq!(changed["resealed"], 3);
    let after = installation.json(&["key-ring", "status"]).await;
    assert_eq!(after["keys"], json!([{ "id": changed["key"], "stage": "seals", "here": true, "seals": 3 }]));
    assert_ne!(changed["key"], old);
    let second = std::fs::read_to_string(&file).expect("a file");
    assert!(second != first && second.lines().count() == 1, "one key is left");
    assert_eq!(e2e::Posts::new(server.url(), "first").post_to("/webhook/555", b"{}").await, 200);
    assert!(server.terminate().await.0.success());
    let server = installation.serve().await;
    assert_eq!(e2e::Posts::new(server.url(), "first").post_to("/webhook/555", b"{}").await, 200);

    // One that was begun and is not through is told of, and goes on to the same key.
    std::fs::write(&file, format!("{}\n{second}", hex(9))).expect("a file");
    let doctor = installation.run(&["doctor", "--json"]).await;
    let findings: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    let findings = findings["findings"].as_array().or(findings.as_array()).expect("a list");
    let begun = findings.iter().find(|finding| finding["subject"] == "change of master key");
    let begun = begun.unwrap_or_else(|| panic!("{findings:#?}"));
    assert!(begun["fix"].as_str().is_some_and(|fix| fix.contains("wazapp key-ring rotate")), "{begun}");
    let begun = installation.json(&["key-ring", "status"]).await;
    assert!(begun["next"].as_str().is_some_and(|next| next.contains("wazapp key-ring rotate")), "{begun}");
    assert_eq!(installation.json(&["key-ring", "rotate"]).await["resealed"], 3);
    assert_eq!(std::fs::read_to_string(&file).expect("a file").trim(), hex(9));
    assert!(server.terminate().await.0.success());
}

/// A key from outside is the operator's to give: the list says where to go, and each step says what is next.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_outside_is_changed_by_its_list() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    world.idle().await;
    let with = |keys: String| {
        let url = world.database_url();
        Installation::new().setting("WAZAPP_DATABASE_URL", &url).setting("WAZAPP_MASTER_KEY", &keys)
    };
    let rotate = ["key-ring", "rotate"];
    let says = refusal(&with(hex(7)).run(&rotate).await);
    assert!(says.contains("openssl rand -hex 32") && says.contains("WAZAPP_MASTER_KEY"), "{says}");
    let both = with(format!("{},{}", hex(8), hex(7)));
    let status = both.json(&["key-ring", "status"]).await;
    assert_eq!(status["keys"][1]["stage"], Value::Null, "it is listed, and seals nothing: {status:#}");
    assert_eq!(both.json(&rotate).await["resealed"], 1);
    assert_eq!(noted(&world).await.len(), 1);
    let status = both.json(&["key-ring", "status"]).await;
    assert!(status["next"].as_str().is_some_and(|next| next.contains("WAZAPP_MASTER_KEY")), "{status:#}");
    assert_eq!(both.json(&rotate).await["resealed"], 0, "it may be repeated");
    let only = with(hex(8)).json(&["key-ring", "status"]).await;
    assert_eq!((&only["next"], &only["keys"][0]["seals"]), (&Value::Null, &json!(1)));
    let says = refusal(&with(hex(7)).run(&["org", "list"]).await);
    assert!(says.contains("another master key"), "{says}");
    // What is here is not given up; what is lost for good is.
    let id = only["keys"][0]["id"].as_str().expect("an id");
    let says = refusal(&with(hex(8)).run(&["key-ring", "forget", "--key", id]).await);
    assert!(says.contains("is here"), "{says}");
    assert_eq!(with(hex(7)).json(&["key-ring", "forget", "--key", id]).await["secrets"], 1);
    assert!(with(hex(7)).run(&["org", "list"]).await.status.success());
    world.end().await;
}

/// An App's verify token changes, and an App goes, by commands that say what holds them up.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_changed_and_removed_by_command() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.app("555", "secret").await;
    world.connect(&acme, "100", "200", Some("555")).await;
    world.idle().await;
    let installation = Installation::new()
        .setting("WAZAPP_DATABASE_URL", &world.database_url())
        .setting("WAZAPP_MASTER_KEY", &hex(7))
        .setting("WAZAPP_META_APP_ID", "444")
        .setting("WAZAPP_META_APP_SECRET", "x");
    let rotate = ["app", "rotate", "--app-id", "555"];
    let with = |more: &[&'static str]| [&rotate[..], more].concat();
    let says = refusal(&installation.run(&rotate).await);
    assert!(says.contains("--verify-token"), "{says}");
    installation.json(&with(&["--verify-token", "one"])).await;
    installation.json(&with(&["--verify-token", "two"])).await;
    let counts = async || {
        let list = installation.json(&["app", "list"]).await;
        (list[0]["secrets"].clone(), list[0]["verify_tokens"].clone())
    };
    assert_eq!(counts().await, (json!(1), json!(2)));
    installation.json(&with(&["--drop-old"])).await;
    assert_eq!(counts().await, (json!(1), json!(1)));

    let says = refusal(&installation.run(&["app", "remove", "--app-id", "555"]).await);
    assert!(says.contains("number 100 of acme"), "{says}");
    installation.json(&["number", "disconnect", "--org", "acme", "--phone-number-id", "100"]).await;
    assert_eq!(installation.json(&["app", "remove", "--app-id", "555"]).await["removed"], true);
    let says = refusal(&installation.run(&["app", "remove", "--app-id", "444"]).await);
    assert!(says.contains("default App"), "{says}");
    world.end().await;
}
