//! The files for monitors, against a real Prometheus that reads a server's metrics: rules that it takes, and queries that find
//! something.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use e2e::program::Installation;
use e2e::{outside, until};
use serde_json::{Value, json};
use tokio::process::Command;

/// What a furnished server is not asked to do: backups, HTTPS, endpoints, mail; and files that wait, of which it has none.
const NOT_YET: [&str; 7] = [
    "wazapp_backup_failed",
    "wazapp_certificate_expires_timestamp",
    "wazapp_delivery_call_seconds_bucket",
    "wazapp_delivery_calls_total",
    "wazapp_live_streams",
    "wazapp_mails_total",
    "wazapp_media_age_seconds",
];

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_of_a_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let words = text.split(|char: char| !is_of_a_name(char));
    words.filter(|word| word.starts_with("wazapp_")).map(str::to_owned).collect()
}

/// The expressions of the dashboard, as Grafana asks them when everything is chosen.
fn queries() -> Vec<String> {
    let text = std::fs::read_to_string(deploy("grafana/wazapp.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let asked = targets.map(|target| target["expr"].as_str().expect("an expression"));
    asked.map(|expr| expr.replace("$__rate_interval", "5s").replace("$instance", ".*")).collect()
}

/// A customer of the demo writes, and is answered.
async fn answers_somebody(http: &reqwest::Client, welcome: &Value) {
    let [server, simulator] = ["url", "simulator"].map(|name| welcome[name].as_str().expect("an address"));
    let organization = &welcome["organizations"][0];
    let number = organization["numbers"][0]["phone_number_id"].as_str().expect("a number");
    let says =
        json!({ "phone_number_id": number, "from": "525555500777", "type": "text", "text": { "body": "¿Abren?" } });
    let said = http.post(format!("{simulator}/_sim/messages")).body(says.to_string()).send().await.expect("an answer");
    assert!(said.status().is_success(), "{}", said.status());
    let answers = json!({
        "messaging_product": "whatsapp", "to": "525555500777", "type": "text", "text": { "body": "Sí, hasta las diez" },
    });
    until("the customer can be answered", async || {
        let request = http.post(format!("{server}/v26.0/{number}/messages")).body(answers.to_string());
        let request = request.bearer_auth(organization["key"].as_str().expect("a key"));
        request.header("content-type", "application/json").send().await.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
}

/// Rules are tried by Prometheus's own tool.
#[tokio::test]
async fn the_rules_are_sound() {
    let checked = Command::new("promtool").args(["check", "rules"]).arg(deploy("prometheus/alerts.yml")).output().await;
    let checked = checked.expect("promtool runs: scripts/need monitoring installs it");
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(checked.status.success() && said.contains("rules found"), "{said}");
}

/// Whoever reads the page finds each metric that the files name.
#[test]
fn each_metric_is_in_the_page() {
    let page = std::fs::read_to_string(deploy("../docs/operate.md")).expect("the page");
    for file in ["prometheus/alerts.yml", "grafana/wazapp.json"] {
        let text = std::fs::read_to_string(deploy(file)).expect(file);
        for metric in metrics_in(&text) {
            assert!(page.contains(&format!("`{}", metric.trim_end_matches("_bucket"))), "{file} names {metric}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_is_answered_from_what_a_server_measures() {
    let installation = Installation::new();
    let (server, welcome) = installation.demo().await;
    let folder = tempfile::tempdir().expect("a folder");
    let target = server.url().trim_start_matches("http://").to_owned();
    let rules = deploy("prometheus/alerts.yml");
    let settings = format!(
        "global: {{ scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms }}\n\
         rule_files: [{rules:?}]\n\
         scrape_configs: [{{ job_name: wazapp, static_configs: [{{ targets: [{target:?}] }}] }}]\n"
    );
    std::fs::write(folder.path().join("prometheus.yml"), settings).expect("written");
    let free = outside::free_address();
    let _prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={free}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("prometheus runs: scripts/need monitoring installs it");
    let http = outside::http().timeout(Duration::from_secs(10)).build().expect("a client");
    let ask = async |path: &str, query: &[(&str, &str)]| -> Option<Value> {
        let url = reqwest::Url::parse_with_params(&format!("http://{free}/api/v1/{path}"), query).ok()?;
        serde_json::from_slice(&http.get(url).send().await.ok()?.bytes().await.ok()?).ok()
    };
    let rows = async |query: &str| -> Option<usize> {
        let answer = ask("query", &[("query", query)]).await?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().map(Vec::len)
    };
    answers_somebody(&http, &welcome).await;
    // A rate takes two looks.
    until("Prometheus has looked twice", async || {
        rows("count_over_time(up{job=\"wazapp\"}[1m]) > 3").await.is_some_and(|rows| rows > 0)
    })
    .await;
    for query in queries() {
        let found = rows(&query).await.expect("an answer");
        let waits = metrics_in(&query).iter().any(|metric| NOT_YET.contains(&metric.as_str()));
        assert!(found > 0 || waits, "{query} finds nothing");
    }
    // All rules are evaluated, and a server that does nothing alarms nobody.
    until("the rules are evaluated", async || {
        let Some(answer) = ask("rules", &[]).await else { return false };
        let rules = answer["data"]["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
        rules.len() > 10 && rules.iter().all(|rule| rule["health"] == "ok" && rule["state"] == "inactive")
    })
    .await;
    assert!(server.terminate().await.0.success());
}
