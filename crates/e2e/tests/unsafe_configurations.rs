//! What would make promises hollow is refused, or warned of, in one line that says what to do. Each is made so for real, and unmade: then
//! the server starts.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use e2e::meta::Meta;
use e2e::program::{Installation, Server, connect_unchecked};
use e2e::standby::Pair;
use e2e::until;
use serde_json::Value;
use tokio_postgres::Client;

use crate::backup::refusal;

/// Why the server does not start, in one line.
async fn refused(installation: &Installation, settings: &[(&str, &str)]) -> String {
    let mut command = installation.command(&["serve"]);
    let ended = command.envs(settings.iter().copied()).output();
    let output = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it does not start");
    let said = refusal(&output.expect("it runs"));
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    errors[0].to_owned()
}

/// Of what PostgreSQL has, said by a superuser: how it is made unsafe and safe again, what is said, and the way on.
const OF_THE_DATABASE: [(&str, &str, &str, &str); 6] = [
    (
        "ALTER ROLE wazapp_web SUPERUSER",
        "ALTER ROLE wazapp_web NOSUPERUSER",
        "wazapp_web is a superuser",
        "ALTER ROLE wazapp_web NOSUPERUSER",
    ),
    (
        "ALTER ROLE wazapp_worker BYPASSRLS",
        "ALTER ROLE wazapp_worker NOBYPASSRLS",
        "wazapp_worker bypasses row-level security",
        "NOBYPASSRLS",
    ),
    (
        "ALTER TABLE wazapp.team OWNER TO wazapp_web",
        "ALTER TABLE wazapp.team OWNER TO wazapp_owner",
        "wazapp_web owns objects",
        "give its objects",
    ),
    (
        "GRANT pg_read_all_data TO wazapp_web",
        "REVOKE pg_read_all_data FROM wazapp_web",
        "wazapp_web is a member of another role",
        "memberships away",
    ),
    (
        "ALTER DATABASE wazapp SET synchronous_commit = off",
        "ALTER DATABASE wazapp RESET synchronous_commit",
        "confirms before it writes",
        "set synchronous_commit = on",
    ),
    (
        "ALTER ROLE wazapp_owner SET synchronous_commit = off",
        "ALTER ROLE wazapp_owner RESET synchronous_commit",
        "confirms before it writes",
        "set synchronous_commit = on",
    ),
];

/// Has the whole server take a setting, and waits until it has.
async fn set(sql: &Client, setting: &str, value: &str) {
    sql.batch_execute(&format!("ALTER SYSTEM SET {setting} = {value}")).await.expect("a setting");
    sql.batch_execute("SELECT pg_reload_conf()").await.expect("it is read");
    until("the setting is taken", async || {
        let row = sql.query_one(&format!("SHOW {setting}"), &[]).await.expect("a setting");
        row.get::<_, &str>(0) == value
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_make_promises_hollow_is_refused_in_one_line_with_its_fix() {
    let pair = Pair::start().await;
    let installation = Installation::new().setting("WAZAPP_DATABASE_URL", &pair.url());
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&connect_unchecked("acme", ("1", "2"), "none")).await;
    let sql = pair.sql().await;
    for (unsafely, safely, says, fix) in OF_THE_DATABASE {
        sql.batch_execute(unsafely).await.expect(unsafely);
        let said = refused(&installation, &[]).await;
        assert!(said.contains(says) && said.contains(fix), "{unsafely}: {said}");
        sql.batch_execute(safely).await.expect(safely);
    }
    for setting in ["fsync", "full_page_writes"] {
        set(&sql, setting, "off").await;
        let said = refused(&installation, &[]).await;
        assert!(said.contains(&format!("{setting} = off")) && said.contains(&format!("set {setting} = on")), "{said}");
        set(&sql, setting, "on").await;
    }
    let latin =
        "CREATE DATABASE latin OWNER wazapp_owner ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    sql.batch_execute(latin).await.expect("a database");
    let latin = pair.url().replace("/wazapp?", "/latin?");
    for (setting, value, says, fix) in [
        ("WAZAPP_DATABASE_URL", latin.as_str(), "encoding is LATIN1", "ENCODING 'UTF8'"),
        ("WAZAPP_DATABASE_URL", &pair.standby_url(), "read-only standby", "point WAZAPP_DATABASE_URL at the primary"),
        ("WAZAPP_DATABASE_WEB_URL", &pair.url(), "can become", "give requests a login of their own"),
        ("WAZAPP_MASTER_KEY", &"ab".repeat(32), "another master key", "WAZAPP_MASTER_KEY"),
    ] {
        let said = refused(&installation, &[(setting, value)]).await;
        assert!(said.contains(says) && said.contains(fix), "{setting}: {said}");
    }
    // It looks again whenever it is asked.
    let server = installation.serve().await;
    assert_eq!(readiness(&server).await, (200, "ready\n".to_owned()));
    for (unsafely, safely, says, _) in &OF_THE_DATABASE[..4] {
        sql.batch_execute(unsafely).await.expect(unsafely);
        let (status, said) = readiness(&server).await;
        assert!(status == 503 && said.contains(says), "{unsafely}: {status} {said}");
        sql.batch_execute(safely).await.expect(safely);
    }
    let key = "INSERT INTO wazapp.sealing_key (key_id, stage) VALUES (decode(repeat('ab', 4), 'hex'), 'going')";
    sql.batch_execute(key).await.expect("a key that is elsewhere");
    let (status, said) = readiness(&server).await;
    assert!(status == 503 && said.contains("is not here"), "{status} {said}");
    sql.batch_execute("DELETE FROM wazapp.sealing_key WHERE stage = 'going'").await.expect("it is gone");
    assert_eq!(readiness(&server).await, (200, "ready\n".to_owned()), "what is safe again is ready");
    assert!(server.terminate().await.0.success(), "what is safe again starts");
    // Who forgets where the database is makes no other one, whether the server runs or not.
    for serves in [true, false] {
        let server = if serves { Some(installation.serve().await) } else { None };
        let mut command = installation.command(&["org", "list", "--json"]);
        let asked = tokio::time::timeout(Duration::from_secs(10), command.env_remove("WAZAPP_DATABASE_URL").output());
        let output = asked.await.expect("at once").expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let line = "Type:  WAZAPP_DATABASE_URL='postgres://wazapp_owner:PASSWORD@127.0.0.1:";
        assert!(!output.status.success() && said.contains(line) && said.contains("' wazapp org list …"), "{said}");
        assert!(!installation.data_dir().join("postgres").exists(), "no second database is begun");
        drop(server);
    }
    let mut forgetful = installation.command(&["serve"]);
    let said = refusal(&forgetful.env_remove("WAZAPP_DATABASE_URL").output().await.expect("it runs"));
    assert!(said.contains("this would be another one"), "{said}");
}

async fn readiness(server: &Server) -> (u16, String) {
    let answer = e2e::outside::http().build().expect("a client").get(format!("{}/readyz", server.url())).send().await;
    let answer = answer.expect("it is alive");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

/// Has the machine's clock run ahead of everybody's, for the program that it is loaded into.
const AHEAD: &str = "#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, \"clock_gettime\");
  int r = real(id, t);
  if (id == CLOCK_REALTIME) t->tv_sec += 90;
  return r;
}";

/// A superuser's login and a clock that is wrong are a person's to weigh.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_above_everybody_and_a_clock_apart_are_warned_of() {
    let (pair, folder) = (Pair::start().await, tempfile::tempdir().expect("a folder"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("ahead.c"), AHEAD).expect("written");
    let (from, to) = (path("ahead.c"), path("ahead.so"));
    let made = std::process::Command::new("cc").args(["-shared", "-fPIC", "-o", &to, &from, "-ldl"]).status();
    assert!(made.expect("a C compiler").success());
    let meta = Meta::start(simulator::Options { seed: 7, ..simulator::Options::default() }).await;
    let usual = Installation::beside(&meta, "a-word").await.setting("WAZAPP_DATABASE_URL", &pair.url());
    let (_, log) = served(&usual).await;
    assert!(!log.contains("superuser") && !log.contains(" ours;"), "{log}");
    let above = pair.url().replace("wazapp_owner@", "postgres@");
    let odd = usual.setting("WAZAPP_DATABASE_URL", &above).setting("LD_PRELOAD", &to);
    let (lines, log) = served(&odd).await;
    for (says, fix) in [("is a superuser", "CREATE ROLE wazapp_owner"), ("90.0 s behind ours", "NTP")] {
        assert!(lines.iter().any(|line| line.contains(says) && line.contains(fix)), "{says}: {log}");
    }
    let findings = doctor(&odd, &[]).await;
    for (area, subject, says) in [
        ("Database", "login", "is a superuser"),
        ("Database", "clock", "behind ours"),
        ("Clock", "Meta's", "behind ours"),
    ] {
        let is_it = |finding: &&Value| finding["area"] == area && finding["subject"] == subject;
        let found = findings.iter().find(is_it).unwrap_or_else(|| panic!("{area} {subject}: {findings:#?}"));
        assert!(
            found["level"] == "warning" && found["says"].as_str().is_some_and(|said| said.contains(says)),
            "{found}"
        );
    }
}

/// What a server warns of, line by line, from its start to its end; and all that it says.
async fn served(installation: &Installation) -> (Vec<String>, String) {
    let (status, _, log) = installation.serve().await.terminate().await;
    assert!(status.success(), "{log}");
    let warns = |line: &&str| line.contains("\"level\":\"WARN\"");
    (log.lines().filter(warns).map(str::to_owned).collect(), log)
}

async fn doctor(installation: &Installation, more: &[&str]) -> Vec<Value> {
    let output = installation.run(&[&["doctor", "--json"], more].concat()).await;
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    said["findings"].as_array().unwrap_or_else(|| panic!("{said:#}")).clone()
}

/// A file of a secret, as whoever is in haste makes it.
fn open_file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it is open");
    path.display().to_string()
}

/// What the settings alone say: each in one line of the log with its fix, and in doctor.
#[tokio::test(flavor = "multi_thread")]
async fn what_settings_make_hollow_is_warned_of_at_every_start_and_nothing_else_is() {
    let (lines, log) = served(&Installation::new()).await;
    assert_eq!(lines, Vec::<String>::new(), "who sets nothing is warned of nothing: {log}");
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let cert = open_file(folder.path(), "cert.pem", &made.cert.pem());
    let key = open_file(folder.path(), "key.pem", &made.signing_key.serialize_pem());
    let secret = open_file(folder.path(), "secret", "short");
    let toml = open_file(folder.path(), "wazapp.toml", "meta_verify_token = \"a-b\"\n");

    let one = Installation::new()
        .setting("WAZAPP_TLS_CERT", &cert)
        .setting("WAZAPP_TLS_KEY", &key)
        .setting("WAZAPP_PUBLIC_URL", "https://localhost")
        .setting("WAZAPP_HTTPS_LISTEN", "127.0.0.1:0")
        .setting("WAZAPP_ALLOW_TARGETS", "10.0.0.0/8,0.0.0.0/0")
        .setting("WAZAPP_META_APP_SECRET_FILE", &secret)
        .setting("WAZAPP_META_APP_ID", "1");
    warned(
        &one,
        &[
            ("allow_targets", "0.0.0.0/0 is everything", "WAZAPP_ALLOW_TARGETS="),
            ("meta_app_secret", "fewer than 12 characters", "WAZAPP_META_APP_SECRET="),
            (&key, "can be read by others (mode 0644)", &format!("chmod 600 {key}")),
            (&secret, "can be read by others (mode 0644)", &format!("chmod 600 {secret}")),
        ],
    )
    .await;
    // Where nobody listens, doctor says it too.
    let open = one.setting("WAZAPP_LISTEN", "0.0.0.0:8080").setting("WAZAPP_METRICS_LISTEN", "0.0.0.0:9090");
    let found = doctor(&open, &[]).await;
    shown(&found, ("listen", "without TLS", "WAZAPP_LISTEN=127.0.0.1:8080"));
    shown(&found, ("metrics_listen", "without a password", "WAZAPP_METRICS_LISTEN=127.0.0.1"));
    let two = Installation::new()
        .setting("WAZAPP_PUBLIC_URL", "http://wa.example.org")
        .setting("WAZAPP_TRUSTED_PROXIES", "::/0")
        .setting("WAZAPP_CONFIG", &toml)
        .setting("WAZAPP_MASTER_KEY", &"00".repeat(32));
    std::fs::set_permissions(two.data_dir(), std::fs::Permissions::from_mode(0o777)).expect("it is open");
    warned(
        &two,
        &[
            ("public_url", "HTTPS", "WAZAPP_PUBLIC_URL=https://"),
            ("trusted_proxies", "::/0 is everybody", "WAZAPP_TRUSTED_PROXIES="),
            ("master_key", "soon guessed", "wazapp key-ring rotate"),
            ("meta_verify_token", "fewer than 6 characters", "WAZAPP_META_VERIFY_TOKEN="),
            (&toml, "can be read by others (mode 0644)", &format!("chmod 600 {toml}")),
            (&two.data_dir().display().to_string(), "write it (mode 0777)", "chmod go-w"),
        ],
    )
    .await;
    let said = doctor(&Installation::new(), &["--meta-verify-token", "said-aloud"]).await;
    let aloud = said.iter().find(|finding| finding["subject"] == "--meta-verify-token").expect("a finding");
    assert!(aloud["fix"].as_str().is_some_and(|fix| fix.contains("WAZAPP_META_VERIFY_TOKEN_FILE")), "{aloud}");

    // A command that is not the server's has a file of its own.
    let made = Installation::new().run(&["restore", "--check", "--from", "/nowhere", "--identity", &secret]).await;
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(said.contains(&format!("chmod 600 {secret}")), "{said}");

    // A password is no part of a message.
    let refused = refused(&Installation::new(), &[("WAZAPP_PUBLIC_URL", "https://ana:hunter2@wa.example.org")]).await;
    assert!(refused.contains("https://•••@wa.example.org") && !refused.contains("hunter2"), "{refused}");
}

/// Each is warned of in the log and in doctor, once, and nothing else is in the log.
async fn warned(installation: &Installation, expected: &[(&str, &str, &str)]) {
    let (lines, log) = served(installation).await;
    let findings = doctor(installation, &[]).await;
    for (subject, says, fix) in expected {
        let is_it = |line: &&String| line.contains(&format!("\"{subject}: ")) && line.contains(says);
        let found: Vec<&String> = lines.iter().filter(is_it).collect();
        assert!(found.len() == 1 && found[0].contains(fix), "{subject}: {log}");
        shown(&findings, (subject, says, fix));
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

/// Doctor has it, once.
fn shown(findings: &[Value], (subject, says, fix): (&str, &str, &str)) {
    let is_it = |finding: &&Value| {
        let word = |name: &str| finding[name].as_str().unwrap_or_default();
        finding["subject"] == *subject && word("says").contains(says) && word("fix").contains(fix)
    };
    assert_eq!(findings.iter().filter(is_it).count(), 1, "{subject}: {findings:#?}");
}

/// What is a person's to weigh is warned of, and the server starts.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_persons_to_weigh_is_warned_of_in_one_line_with_its_fix() {
    let installation = Installation::new();
    let server = installation.serve().await;
    assert!(server.terminate().await.0.success());
    for name in ["master-key", "app-secret"] {
        let file = installation.data_dir().join(name);
        if !file.exists() {
            assert_ne!(name, "master-key");
            continue;
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it is open");
        let server = installation.serve().await;
        let (status, _, log) = server.terminate().await;
        let line = log.lines().find(|line| line.contains("can be read by others")).unwrap_or_else(|| panic!("{log}"));
        assert!(line.starts_with("{\"timestamp\""), "it is a line of the log: {line}");
        assert!(status.success() && line.contains(&format!("chmod 600 {}", file.display())), "{line}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is shut");
    }
    for (setting, value, subject, says, fix) in [
        ("WAZAPP_LISTEN", "192.0.2.7:8080", "listen", "without TLS", "WAZAPP_DOMAIN"),
        ("WAZAPP_PUBLIC_URL", "http://wa.example.org", "public_url", "HTTPS", "WAZAPP_PUBLIC_URL"),
        ("WAZAPP_GRAPH_URL", "http://127.0.0.1:9", "graph_url", "", "WAZAPP_GRAPH_URL"),
        ("WAZAPP_META_APP_SECRET", "", "meta_app_secret", "not set", "WAZAPP_META_APP_SECRET"),
    ] {
        let output = installation.command(&["doctor", "--json"]).env(setting, value).output().await.expect("it runs");
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let findings = said["findings"].as_array().unwrap_or_else(|| panic!("{said:#}"));
        let found = findings.iter().find(|finding| finding["subject"] == subject).unwrap_or_else(|| panic!("{said:#}"));
        let word = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(word("level"), "warning", "{found}");
        assert!(word("says").contains(says) && word("fix").contains(fix), "{found}");
        assert!(!word("says").contains('\n') && !word("fix").contains('\n'), "{found}");
    }
}
