//! What would make promises hollow is refused, or warned of, in one line that says what to do. Each is made so for real, and unmade: then
//! the server starts.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use e2e::program::{Installation, connect_unchecked};
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
    let server = installation.serve().await;
    assert!(server.terminate().await.0.success(), "what is safe again starts");
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
