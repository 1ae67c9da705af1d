//! From one major version of PostgreSQL to the next, with real servers of both.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Stage, close, count, refused, sql};
use crate::backup::{rows, text};

/// The programs of a version that `scripts/need postgres-majors` installed; `None`: there are none for this processor.
fn programs(major: u32) -> Option<PathBuf> {
    let path = format!("../e2e/postgres/node_modules/postgres-{major}/native/bin");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if path.is_dir() {
        return Some(path.canonicalize().expect("a path"));
    }
    assert_ne!(std::env::consts::ARCH, "x86_64", "{}: scripts/need postgres-majors installs it", path.display());
    eprintln!("skipped: there is no PostgreSQL {major} for this processor");
    None
}

fn with_programs(stage: Stage, bin: &Path) -> Stage {
    Stage { installation: stage.installation.setting("WAZAPP_POSTGRES_BIN", text(bin)), ..stage }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_goes_on_with_every_row_and_the_old_cluster_is_kept() {
    let Some(new) = programs(18) else { return };
    let stage = Stage::new().await;
    let (data_dir, private) = (stage.installation.data_dir().to_owned(), stage.private(None).await);
    let from = sql(&private).await;
    let major = count(&from, "SELECT current_setting('server_version_num')::int8 / 10000").await;
    let before = rows(&from).await;
    drop(from);
    close(private).await;
    let settings = data_dir.join("postgres/postgresql.conf");
    let conf = std::fs::read_to_string(&settings).expect("a file") + "work_mem = 5MB\n";
    std::fs::write(&settings, conf).expect("it is written");

    // With the new programs alone a server says what to do, and with none newer there is nothing to do.
    assert_eq!(stage.installation.json(&["postgres", "upgrade"]).await["upgraded"], false);
    let stage = with_programs(stage, &new);
    let says = refused(&stage.installation, &["serve"]).await;
    assert!(
        says.contains(&format!("made by PostgreSQL {major}")) && says.contains("wazapp postgres upgrade"),
        "{says}"
    );
    let output =
        stage.installation.command(&["postgres", "upgrade"]).env("WAZAPP_DATABASE_URL", "postgres://x/y").output();
    let says = crate::backup::refusal(&output.await.expect("it runs"));
    assert!(says.contains("the private one alone"), "{says}");

    let said = stage.installation.json(&["postgres", "upgrade"]).await;
    assert_eq!((&said["upgraded"], &said["from"]), (&json!(true), &json!(major)), "{said}");
    assert_eq!(said["own_settings"], json!(["work_mem = 5MB"]));
    let kept = data_dir.join(format!("postgres-{major}"));
    assert!(kept.join("PG_VERSION").is_file() && !data_dir.join("upgrade").exists());
    let private = stage.private(Some(new.clone())).await;
    let to = sql(&private).await;
    assert_eq!(count(&to, "SELECT current_setting('server_version_num')::int8 / 10000").await, 18);
    let after = rows(&to).await;
    for (table, rows) in &before {
        assert_eq!(after.get(table), Some(rows), "{table}");
    }
    drop(to);
    close(private).await;
    let server = stage.installation.serve().await;
    stage.hears(&server, "Gracias").await;
    assert!(server.terminate().await.0.success());

    // Killed behind the exchange: a server runs, and the same again puts the old one where it is kept.
    std::fs::create_dir(data_dir.join("upgrade")).expect("a directory");
    std::fs::rename(&kept, data_dir.join("upgrade/postgres")).expect("it is as it was then");
    assert!(stage.installation.serve().await.terminate().await.0.success());
    assert_eq!(stage.installation.json(&["postgres", "upgrade"]).await["from"], json!(major));
    assert!(kept.join("PG_VERSION").is_file() && !data_dir.join("upgrade").exists());

    // The old one, put back, is not served by accident; whoever wants it says so.
    std::fs::rename(data_dir.join("postgres"), data_dir.join("aside")).expect("it goes");
    std::fs::rename(&kept, data_dir.join("postgres")).expect("it comes");
    let stage = Stage { installation: stage.installation.setting("WAZAPP_POSTGRES_BIN", ""), ..stage };
    let says = refused(&stage.installation, &["serve"]).await;
    assert!(says.contains("was moved to the private PostgreSQL 18"), "{says}");
    stage.installation.json(&["move", "cancel", "--abandon"]).await;
    assert!(stage.installation.serve().await.terminate().await.0.success());
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_wherever_it_goes_on_and_neither_is_served() {
    let (Some(old), Some(new)) = (programs(16), programs(18)) else { return };
    let stage = Stage::on(Some(&old)).await;
    let arguments = ["postgres", "upgrade", "--old-bin", text(&old)];
    let server = stage.installation.serve().await;
    let stage = with_programs(stage, &new);
    let says = refused(&stage.installation, &arguments).await;
    assert!(says.contains("a server runs on the private PostgreSQL 16") && says.contains("stop it first"), "{says}");
    assert!(server.terminate().await.0.success());
    let kept = stage.installation.data_dir().join("postgres-16");
    std::fs::create_dir(&kept).expect("a directory");
    let says = refused(&stage.installation, &arguments).await;
    assert!(says.contains("postgres-16 is in the way"), "{says}");
    std::fs::remove_dir(&kept).expect("it goes");
    let private = stage.private(Some(old.clone())).await;
    let (from, holder) = (sql(&private).await, sql(&private).await);
    let before = rows(&from).await;

    // While rows are copied; by another version than the next try.
    holder.batch_execute("BEGIN; LOCK TABLE wazapp.message IN ACCESS EXCLUSIVE MODE").await.expect("it is held");
    let mut command = stage.installation.command(&arguments);
    let mut upgrading = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    super::broken_off::stands(&from, "COPY%message%").await;
    upgrading.kill().await.expect("a process of ours");
    holder.batch_execute("ROLLBACK").await.expect("it lets go");

    // When all is there, before the exchange: it waits for this test, which holds the old cluster.
    let mut command = stage.installation.command(&arguments);
    let mut upgrading = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(upgrading.stderr.take().expect("a pipe")).lines();
    while !lines.next_line().await.expect("text").expect("it waits").contains("waiting for the wazapp command") {}
    upgrading.kill().await.expect("a process of ours");
    let says = refused(&stage.installation, &["org", "list"]).await;
    assert!(says.contains("was moved to the private PostgreSQL 18"), "{says}");
    drop((from, holder));
    close(private).await;

    // The directory is called otherwise than before.
    let alias = tempfile::TempDir::with_prefix("wazapp-alias-").expect("a directory");
    let other = alias.path().join("data");
    std::os::unix::fs::symlink(stage.installation.data_dir(), &other).expect("a link");
    let output =
        stage.installation.command(&[&arguments[..], &["--json"]].concat()).env("WAZAPP_DATA_DIR", &other).output();
    let output = output.await.expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&said["from"], &said["upgraded"]), (&json!(16), &json!(true)), "{said}");
    let private = stage.private(Some(new)).await;
    let after = rows(&sql(&private).await).await;
    for (table, rows) in &before {
        assert_eq!(after.get(table), Some(rows), "{table}");
    }
    close(private).await;
    let server = stage.installation.serve().await;
    assert_eq!(stage.installation.json(&arguments).await["upgraded"], false);
    assert!(server.terminate().await.0.success());
    stage.meta.stop().await;
}

/// What was begun with a version goes on with it, though a newer one was installed since.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_ends_with_the_version_that_it_was_begun_with() {
    let (Some(newer), Some(newest)) = (programs(16), programs(18)) else { return };
    let stage = with_programs(Stage::new().await, &newer);
    let private = stage.private(None).await;
    let (from, holder, other) = (sql(&private).await, sql(&private).await, sql(&private).await);
    let major = count(&from, "SELECT current_setting('server_version_num')::int8 / 10000").await;
    if major >= 16 {
        eprintln!("skipped: the system's PostgreSQL is {major}");
        drop((from, holder, other));
        return close(private).await;
    }
    // All is there, and the end of the old one waits.
    holder.batch_execute("BEGIN; LOCK TABLE wazapp.message IN ACCESS EXCLUSIVE MODE").await.expect("it is held");
    let mut command = stage.installation.command(&["postgres", "upgrade"]);
    let mut upgrading = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    super::broken_off::stands(&from, "COPY%message%").await;
    other.batch_execute("BEGIN; LOCK TABLE wazapp.relocation IN SHARE MODE").await.expect("it is held");
    holder.batch_execute("ROLLBACK").await.expect("it lets go");
    super::broken_off::stands(&from, "UPDATE%relocation%").await;
    upgrading.kill().await.expect("a process of ours");
    other.batch_execute("ROLLBACK").await.expect("it lets go");
    drop((from, holder, other));
    close(private).await;

    let path = format!("{}:{}", text(&newest), std::env::var("PATH").expect("a path"));
    let output = stage.installation.command(&["postgres", "upgrade", "--json"]).env("PATH", path).output().await;
    let output = output.expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let private = stage.private(Some(newer)).await;
    assert_eq!(count(&sql(&private).await, "SELECT current_setting('server_version_num')::int8 / 10000").await, 16);
    close(private).await;
    stage.meta.stop().await;
}
