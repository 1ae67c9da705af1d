//! The command line, while the server runs and while it is stopped.

use e2e::program::Installation;
use e2e::{Meta, SimulatedNumber};
use reqwest::Method;
use serde_json::{Value, json};

const APP: &str = "670843887433847";
const SECRET: &str = "a-secret-of-the-app";

/// A simulated Meta, and an installation that knows it.
async fn install() -> (Meta, SimulatedNumber, Installation) {
    let options = simulator::Options {
        app_id: Some(APP.into()),
        app_secret: Some(SECRET.into()),
        seed: 11,
        ..simulator::Options::default()
    };
    let meta = Meta::start(options).await;
    let number = meta.numbers().await.remove(0);
    let installation = Installation::new()
        .setting("WAZAPP_GRAPH_URL", meta.url())
        .setting("WAZAPP_META_APP_ID", APP)
        .setting("WAZAPP_META_APP_SECRET", SECRET)
        .setting("WAZAPP_META_VERIFY_TOKEN", "let-me-in");
    for name in ["Acme", "Bravo"] {
        installation.json(&["org", "create", name]).await;
    }
    (meta, number, installation)
}

fn connect<'a>(number: &'a SimulatedNumber, token: &'a str) -> Vec<&'a str> {
    let ids = ["--phone-number-id", &number.phone_number_id, "--waba-id", &number.waba_id];
    [&["number", "connect", "--org", "acme"][..], &ids, &["--token", token]].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The server is stopped: the command makes the calls itself, and tells each step in a line.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_connected_without_a_server() {
    let (meta, number, installation) = install().await;
    let output = installation.run_with_input(&connect(&number, "-"), &number.token).await;
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    for step in ["token", "number", "account", "claim", "subscribe"] {
        let line = said.lines().find(|line| line.starts_with(&format!("✓ {step}")));
        assert!(line.is_some(), "no ✓ {step} in {said}");
    }
    // No server answers on the callback, and the App has no subscription: told, with what to do.
    assert!(said.contains("! fields") && said.contains("--set-webhook"), "{said}");
    assert!(said.contains("! callback") && said.contains("WAZAPP_PUBLIC_URL"), "{said}");
    assert!(said.contains("– register"), "{said}");
    assert!(!said.contains(&number.token) && !complained.contains(&number.token));
    let list = installation.json(&["number", "list"]).await;
    assert_eq!((&list[0]["status"], &list[0]["verified_name"]), (&json!("connected"), &json!("Café Lucero")));
    let table = text(&installation.run(&["number", "list"]).await.stdout);
    assert!(table.contains("TOKEN") && table.contains("does not expire") && table.contains("yes"), "{table}");

    // Moved, before and after.
    let arguments = ["number", "move", "--phone-number-id", &number.phone_number_id, "--from", "acme", "--to", "bravo"];
    let moved = text(&installation.run(&arguments).await.stdout);
    assert!(moved.contains("before") && moved.contains("disconnected") && moved.contains("bravo"), "{moved}");
    let again = installation.run(&arguments).await;
    assert_eq!((again.status.code(), text(&again.stderr).contains("wazapp number list")), (Some(1), true));
    // It is bravo's now, which acme is not told.
    let taken = installation.run(&connect(&number, &number.token)).await;
    let complained = text(&taken.stderr);
    assert_eq!(taken.status.code(), Some(1));
    assert!(complained.contains("another organization") && !complained.contains("bravo"), "{complained}");
    meta.stop().await;
}

/// Where webhooks go is shown and, for the number alone, taken away; a number that rests is let go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_shown_and_cleared_and_a_number_goes_on() {
    let (meta, number, installation) = install().await;
    let receiver = e2e::receiver::Receiver::start(SECRET).await;
    let there = json!({ "override_callback_uri": receiver.url(), "verify_token": e2e::receiver::VERIFY_TOKEN });
    let body = json!({ "webhook_configuration": there });
    let (status, answer) = meta.graph(Method::POST, &number.phone_number_id, &number.token, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    let said = text(&installation.run(&connect(&number, &number.token)).await.stdout);
    assert!(said.contains("! subscribe") && said.contains(receiver.url()), "{said}");
    let ids = ["--org", "acme", "--phone-number-id", &number.phone_number_id];
    let shown = text(&installation.run(&[&["number", "callback"][..], &ids].concat()).await.stdout);
    assert!(shown.contains(receiver.url()) && shown.contains("the number's own callback"), "{shown}");
    let cleared = installation.json(&[&["number", "callback"][..], &ids, &["--clear"]].concat()).await;
    assert_eq!(cleared["webhooks"].get("phone_number"), None, "{cleared}");
    let list = installation.json(&["number", "list"]).await;
    assert_eq!((&list[0]["webhooks"], &list[0]["status"]), (&cleared["webhooks"], &json!("connected")));
    let resumed = installation.json(&[&["number", "resume"][..], &ids].concat()).await;
    assert_eq!((&resumed["send_paused"], &resumed["status"]), (&Value::Null, &json!("connected")), "{resumed:#}");
    let nobodys = ["number", "resume", "--org", "bravo", "--phone-number-id", &number.phone_number_id];
    assert_eq!(installation.run(&nobodys).await.status.code(), Some(1));
    meta.stop().await;
}

/// While the server runs: with what machines read, refusals, another token, and the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_connected_beside_a_server() {
    let (meta, number, installation) = install().await;
    let server = installation.serve().await;
    let mut arguments = connect(&number, &number.token);
    arguments.push("--set-webhook");
    let answer = installation.json(&arguments).await;
    assert_eq!((&answer["status"], &answer["quarantined"]), (&json!("connected"), &json!(0)), "{answer:#}");
    assert_eq!(answer["phone_number_id"], json!(number.phone_number_id));
    assert!(answer["id"].is_string());
    let steps = answer["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["warning"].is_null() && step["state"] != "failed"), "{answer:#}");
    // The App's webhooks come to the server now.
    meta.customer_says(&number, "34600111222", "hola").await;
    meta.settle().await;
    assert_eq!(meta.posts().await.last().expect("a webhook")["tries"][0]["status"], 200);

    // A PIN is asked for, then tried.
    meta.control(Method::POST, &format!("numbers/{}", number.phone_number_id), Some(&json!({ "registered": false })))
        .await;
    let refused = installation.run(&connect(&number, &number.token)).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).contains("✗ register"), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).starts_with("error: refused at the step register"), "{}", text(&refused.stderr));
    assert_eq!(text(&refused.stderr).trim_end().lines().count(), 1);
    let mut with_pin = connect(&number, &number.token);
    with_pin.extend(["--pin", "123456"]);
    let answer = installation.json(&with_pin).await;
    let register = answer["steps"].as_array().unwrap().iter().find(|step| step["name"] == "register").unwrap();
    assert_eq!(register["state"], "done", "{answer:#}");
    let mut odd = connect(&number, &number.token);
    odd.extend(["--pin", "12"]);
    assert!(text(&installation.run(&odd).await.stderr).contains("six digits"));

    // For machines a refusal has its steps.
    let mut wrong = connect(&number, "nonsense");
    wrong.push("--json");
    let refused = installation.run(&wrong).await;
    let told: Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!((refused.status.code(), &told["status"]), (Some(1), &json!("failed")), "{told:#}");
    assert_eq!(told["steps"][0]["error"]["code"], 190);
    assert!(told["error"].as_str().unwrap().contains("token"));

    // Another token; one that is not good changes nothing.
    let new = meta
        .control(Method::POST, "tokens", Some(&json!({ "waba_id": number.waba_id, "expires_in": 9_000_000 })))
        .await;
    let new = new["token"].as_str().unwrap();
    let renew = ["number", "token", "--org", "acme", "--phone-number-id", &number.phone_number_id, "--token", "-"];
    let bad = installation.run_with_input(&renew, "nonsense").await;
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad.stderr));
    let good = installation.run_with_input(&renew, new).await;
    assert!(good.status.success() && text(&good.stdout).contains("✓ store"), "{}", text(&good.stdout));
    let table = text(&installation.run(&["number", "list"]).await.stdout);
    assert!(table.contains("until 20"), "{table}");

    let leave = ["number", "disconnect", "--org", "acme", "--phone-number-id", &number.phone_number_id, "--deregister"];
    let left = installation.json(&leave).await;
    assert_eq!((&left["status"], &left["warnings"]), (&json!("disconnected"), &json!([])), "{left:#}");
    let (status, _, log) = server.terminate().await;
    assert!(status.success());
    for secret in [number.token.as_str(), new, SECRET, "123456", "let-me-in"] {
        assert!(!log.contains(secret), "the log shows a secret: {log}");
    }
    meta.stop().await;
}
