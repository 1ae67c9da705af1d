//! `wazapp app setup`: what is clicked in Meta's dashboard, by command.

use e2e::meta::Meta;
use e2e::program::{Installation, connect};
use reqwest::Method;
use serde_json::json;

const WORD: &str = "let-me-in";

fn complained(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_set_up_by_one_command() {
    let meta = Meta::start(simulator::Options { seed: 11, ..simulator::Options::default() }).await;
    let number = meta.numbers().await.remove(0);
    let installation = Installation::beside(&meta, WORD).await;

    // Nobody answers yet: Meta's handshake fails, and the reason is said.
    let early = installation.run(&["app", "setup"]).await;
    let words = complained(&early);
    assert_eq!(early.status.code(), Some(1), "{words}");
    assert!(words.contains("Meta did not do it") && words.contains("wazapp doctor"), "{words}");

    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.connect("acme", &number, &number.token).await;
    let set = installation.json(&["app", "setup"]).await;
    let callback = format!("{}/webhook", server.url());
    assert_eq!((&set["callback_url"], &set["changed"]), (&json!(callback), &json!(true)), "{set}");
    let fields = set["fields"].as_array().expect("a list");
    assert!(fields.contains(&json!("messages")) && fields.len() == 11, "{set}");
    // Connecting wants no more than that.
    let output = installation.run(&connect("acme", &number, &number.token)).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &complained(&output);
    assert!(said.contains("The App hears of everything that is needed"), "{said}");
    // A number that a phone has too brings what the phone says, and wants more.
    let shared = json!({ "coexistence": true });
    meta.control(Method::POST, &format!("numbers/{}", number.phone_number_id), Some(&shared)).await;
    let output = installation.run(&connect("acme", &number, &number.token)).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &complained(&output);
    assert!(said.contains("does not hear of: smb_message_echoes, smb_app_state_sync, history"), "{said}");
    let doctor = String::from_utf8_lossy(&installation.run(&["doctor"]).await.stdout).into_owned();
    assert!(doctor.contains("does not hear of smb_message_echoes, smb_app_state_sync, history"), "{doctor}");
    let more = installation.json(&["app", "setup"]).await;
    assert_eq!((&more["changed"], more["fields"].as_array().map(Vec::len)), (&json!(true), Some(14)), "{more}");
    // Twice is once.
    assert_eq!(installation.json(&["app", "setup"]).await["changed"], false);
    let doctor = String::from_utf8_lossy(&installation.run(&["doctor"]).await.stdout).into_owned();
    assert!(doctor.contains(&format!("its webhooks come to {callback}")), "{doctor}");

    // Where they go elsewhere, that is not taken away unasked.
    let elsewhere = Installation::beside(&meta, "another-word").await;
    let second = elsewhere.serve().await;
    let refused = elsewhere.run(&["app", "setup"]).await;
    let words = complained(&refused);
    assert!(!refused.status.success() && words.contains(&callback) && words.contains("--replace"), "{words}");
    let taken = elsewhere.json(&["app", "setup", "--replace"]).await;
    assert_eq!(taken["callback_url"], json!(format!("{}/webhook", second.url())));

    for server in [server, second] {
        assert!(server.terminate().await.0.success());
    }
}

/// Whatever is missing is named, with what gives it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let meta = Meta::start(simulator::Options { seed: 12, ..simulator::Options::default() }).await;
    let bare = Installation::new();
    assert!(complained(&bare.run(&["app", "setup"]).await).contains("--app-id"));
    assert!(complained(&bare.run(&["app", "setup", "--app-id", "7"]).await).contains("wazapp app add --app-id 7"));
    let app = meta.state().await["app"].clone();
    let word = |name: &str| app[name].as_str().expect("a word").to_owned();
    let (id, secret) = (word("id"), word("secret"));
    let known = Installation::new()
        .setting("WAZAPP_META_APP_ID", &id)
        .setting("WAZAPP_META_APP_SECRET", &secret)
        .setting("WAZAPP_GRAPH_URL", meta.url());
    let words = complained(&known.run(&["app", "setup"]).await);
    assert!(words.contains("WAZAPP_META_VERIFY_TOKEN"), "{words}");
    // Meta itself calls HTTPS alone: it is not asked for what it cannot do.
    let real =
        known.setting("WAZAPP_META_VERIFY_TOKEN", WORD).setting("WAZAPP_GRAPH_URL", "https://graph.facebook.com");
    let words = complained(&real.run(&["app", "setup"]).await);
    assert!(words.contains("HTTPS alone") && words.contains("WAZAPP_PUBLIC_URL"), "{words}");
    let wrong = Installation::new()
        .setting("WAZAPP_META_APP_ID", &id)
        .setting("WAZAPP_META_APP_SECRET", "not-it")
        .setting("WAZAPP_META_VERIFY_TOKEN", WORD)
        .setting("WAZAPP_GRAPH_URL", meta.url());
    let words = complained(&wrong.run(&["app", "setup"]).await);
    assert!(words.contains("does not take App") && !words.contains("not-it"), "{words}");
}
