//! `wazapp doctor`: what is well is said to be well, and what is broken is named with its fix.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use e2e::SimulatedNumber;
use e2e::meta::Meta;
use e2e::program::{Installation, Server};
use reqwest::Method;
use serde_json::{Value, json};

const APP: &str = "670843887433847";
const SECRET: &str = "a-secret-of-the-app";
const WORD: &str = "let-me-in";

/// An installation with a simulated Meta, and a number connected.
struct Stage {
    meta: Meta,
    number: SimulatedNumber,
    installation: Installation,
}

impl Stage {
    async fn new() -> Self {
        let options = simulator::Options {
            app_id: Some(APP.into()),
            app_secret: Some(SECRET.into()),
            seed: 7,
            ..simulator::Options::default()
        };
        let meta = Meta::start(options).await;
        let number = meta.numbers().await.remove(0);
        let installation = Installation::new()
            .setting("WAZAPP_GRAPH_URL", meta.url())
            .setting("WAZAPP_META_APP_ID", APP)
            .setting("WAZAPP_META_APP_SECRET", SECRET)
            .setting("WAZAPP_META_VERIFY_TOKEN", WORD);
        Self { meta, number, installation }
    }

    async fn connected(&self) {
        self.installation.json(&["org", "create", "Acme"]).await;
        self.connect(&self.number.token).await;
    }

    async fn connect(&self, token: &str) {
        self.installation.connect("acme", &self.number, token).await;
    }

    async fn serve(&self) -> Server {
        let server = self.installation.serve().await;
        self.meta.callback(&format!("{}/webhook", server.url()), WORD).await;
        server
    }

    /// What the doctor says, and its exit code.
    async fn doctor(&self) -> (i32, Value) {
        let output = self.installation.run(&["doctor", "--json"]).await;
        (output.status.code().expect("an exit code"), answer(&output))
    }

    /// The one finding that is broken.
    async fn only_broken(&self) -> Value {
        let (code, said) = self.doctor().await;
        assert_eq!((code, &said["level"]), (1, &json!("broken")), "{said:#}");
        let mut broken = of(&said, "broken");
        assert_eq!(broken.len(), 1, "{broken:#?}");
        broken.remove(0)
    }
}

fn answer(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("no JSON ({error}): {said} {}", String::from_utf8_lossy(&output.stderr)))
}

fn of(said: &Value, level: &str) -> Vec<Value> {
    let all = said["findings"].as_array().expect("a list");
    all.iter().filter(|finding| finding["level"] == level).cloned().collect()
}

#[track_caller]
fn assert_says(finding: &Value, area: &str, says: &str, fix: &str) {
    let word = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(word("area"), area, "{finding}");
    assert!(word("says").contains(says), "{finding}");
    assert!(word("fix").contains(fix), "{finding}");
}

/// Everything that the simulator lets be well is well: what is left are its address, and ours, which are not HTTPS, and that
/// nobody said where backups go.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_well() {
    let stage = Stage::new().await;
    stage.connected().await;
    let server = stage.serve().await;
    let (code, said) = stage.doctor().await;
    let warnings: Vec<Value> = of(&said, "warning").iter().map(|finding| finding["subject"].clone()).collect();
    assert_eq!((code, warnings), (0, vec![json!("public_url"), json!("graph_url"), json!("schedule")]), "{said:#}");
    let good = of(&said, "good");
    for area in ["Configuration", "Data directory", "Server", "Database", "Queues", "Apps", "Numbers", "Callback"] {
        assert!(good.iter().any(|finding| finding["area"] == area), "{area}: {said:#}");
    }
    let number = good.iter().find(|finding| finding["area"] == "Numbers").expect("the number");
    assert!(number["says"].as_str().unwrap().contains("quality GREEN"), "{number}");
    // A person reads the same, and no secret is in it.
    let output = stage.installation.run(&["doctor", "--org", "acme"]).await;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && words.contains("  ✓ ") && words.contains("  ! ") && words.contains("      → "));
    for secret in [SECRET, WORD, &stage.number.token] {
        assert!(!words.contains(secret) && !said.to_string().contains(secret), "{words}");
    }
    let output = stage.installation.run(&["doctor", "--org", "nobody"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wazapp org list"));
    server.terminate().await;

    // While it is stopped, its PostgreSQL is started for the look and ended again.
    let (code, said) = stage.doctor().await;
    assert_eq!(code, 1, "the App's webhooks go to a server that is gone");
    assert!(of(&said, "good").iter().any(|finding| finding["area"] == "Numbers"), "{said:#}");
    assert!(of(&said, "warning").iter().any(|finding| finding["fix"] == "wazapp serve"), "{said:#}");
    assert!(!stage.installation.data_dir().join("postgres/postmaster.pid").exists(), "nothing runs on");
    stage.meta.stop().await;
}

/// A number that moved to another account has another id: connecting the old one again leads nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_meta_knows_no_more_is_not_advised() {
    let stage = Stage::new().await;
    stage.installation.json(&["org", "create", "Acme"]).await;
    let dead = SimulatedNumber { phone_number_id: "99000000000001".into(), ..stage.number.clone() };
    let stage = Stage { number: dead, ..stage };
    stage.connect(&stage.number.token).await;
    let (code, said) = stage.doctor().await;
    assert_eq!(code, 1, "{said:#}");
    let broken = of(&said, "broken");
    let finding = broken.iter().find(|finding| finding["area"] == "Numbers").expect("the number");
    assert_says(finding, "Numbers", "Meta knows no number 99000000000001 any more", "go on under that");
    assert!(!finding["fix"].as_str().unwrap().contains("99000000000001"), "{finding}");
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_stays_empty() {
    let installation = Installation::new();
    let output = installation.run(&["doctor", "--json"]).await;
    let said = answer(&output);
    assert!(output.status.success(), "nothing is broken yet: {said:#}");
    assert!(of(&said, "warning").iter().any(|finding| finding["area"] == "Database"), "{said:#}");
    assert_eq!(std::fs::read_dir(installation.data_dir()).unwrap().count(), 0, "looking makes nothing");
}

/// Each thing that is broken is found, alone, with what mends it; and mended, it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_is_named_with_its_fix() {
    let stage = Stage::new().await;
    stage.connected().await;
    let server = stage.serve().await;
    let number = &stage.number;
    let reconnect = format!("wazapp number connect --org acme --phone-number-id {}", number.phone_number_id);
    let path = format!("numbers/{}", number.phone_number_id);

    // The key's file.
    let key = stage.installation.data_dir().join("master-key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_says(&stage.only_broken().await, "Data directory", "read by others", "chmod 600");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();

    // The App's callback.
    let subscriptions = format!("{APP}/subscriptions?fields=messages");
    let (status, _) =
        stage.meta.graph(Method::DELETE, &subscriptions, &format!("{APP}|{SECRET}"), Some(&json!({}))).await;
    assert_eq!(status, 200);
    assert_says(&stage.only_broken().await, "Apps", "the field messages", "Webhook fields: messages");
    stage.meta.callback(&format!("{}/webhook", server.url()), WORD).await;

    // The account's subscription.
    let subscribed = format!("{}/subscribed_apps", number.waba_id);
    stage.meta.graph(Method::DELETE, &subscribed, &number.token, None).await;
    assert_says(&stage.only_broken().await, "Numbers", "no webhook comes", "number connect");
    stage.meta.graph(Method::POST, &subscribed, &number.token, Some(&json!({}))).await;

    // The number.
    stage.meta.control(Method::POST, &path, Some(&json!({ "registered": false }))).await;
    let (code, said) = stage.doctor().await;
    let broken = of(&said, "broken");
    assert_eq!((code, broken.len()), (1, 2), "{broken:#?}");
    assert_says(&broken[0], "Numbers", "not registered", "--pin PIN");
    assert_says(&broken[1], "Numbers", "BLOCKED", "Register the phone number.");
    stage.meta.control(Method::POST, &path, Some(&json!({ "registered": true, "quality": "YELLOW" }))).await;
    let (code, said) = stage.doctor().await;
    assert_eq!(code, 0, "{said:#}");
    assert!(of(&said, "warning").iter().any(|finding| finding["says"] == "its quality is YELLOW"), "{said:#}");

    // The token: near its end, without a scope, revoked.
    let token = async |wish: Value| {
        let mut wish = wish;
        wish["waba_id"] = number.waba_id.clone().into();
        let made = stage.meta.control(Method::POST, "tokens", Some(&wish)).await;
        made["token"].as_str().expect("a token").to_owned()
    };
    stage.connect(&token(json!({ "expires_in": 3 * 86_400 })).await).await;
    let (_, said) = stage.doctor().await;
    let ending = |said: &Value| {
        let warnings = of(said, "warning");
        warnings.into_iter().find(|finding| finding["says"].as_str().unwrap().contains("its token ends at"))
    };
    assert_says(&ending(&said).expect("it is told"), "Numbers", "ends at", &reconnect);
    stage.connect(&token(json!({ "scopes": ["whatsapp_business_management"] })).await).await;
    // What a token opens is tried by calls: a word that lacks is no more than a warning.
    let (code, said) = stage.doctor().await;
    let lacks = |finding: &Value| finding["says"].as_str().unwrap().contains("lacks whatsapp_business_messaging");
    assert_eq!(code, 0, "{said:#}");
    assert_says(
        of(&said, "warning").iter().find(|one| lacks(one)).expect("it is told"),
        "Numbers",
        "lacks",
        &reconnect,
    );
    let last = token(json!({})).await;
    stage.connect(&last).await;
    stage.meta.control(Method::DELETE, "tokens", Some(&json!({ "token": last }))).await;
    // The server may have looked already, and let the number rest: that is said too.
    let (code, said) = stage.doctor().await;
    assert_eq!(code, 1);
    let refused = of(&said, "broken");
    assert!(
        refused.iter().any(|finding| finding["says"].as_str().unwrap().contains("Meta does not show it")),
        "{said:#}"
    );
    assert!(refused.iter().all(|finding| finding["fix"].as_str().unwrap().contains(&reconnect)), "{said:#}");
    stage.connect(&number.token).await;

    // Meta is away.
    stage.meta.faults(json!([{ "kind": "error", "code": 2, "edge": "*" }])).await;
    let (code, said) = stage.doctor().await;
    let areas: Vec<Value> = of(&said, "broken").iter().map(|finding| finding["area"].clone()).collect();
    assert_eq!((code, areas), (1, vec![json!("Apps"), json!("Numbers")]), "{said:#}");
    stage.meta.no_faults().await;
    assert_eq!(stage.doctor().await.0, 0);

    // The master key.
    let kept = std::fs::read(&key).unwrap();
    std::fs::write(&key, format!("{}\n", "ab".repeat(32))).unwrap();
    assert_says(&stage.only_broken().await, "Database", "another one than", "WAZAPP_MASTER_KEY");
    std::fs::write(&key, kept).unwrap();
    server.terminate().await;
    stage.meta.stop().await;
}
