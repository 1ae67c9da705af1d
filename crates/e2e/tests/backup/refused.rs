//! What cannot be restored is refused, and nothing is written.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use e2e::program::Installation;
use worker::backup::{BackupError, Identities, Opened};

use super::{Stage, Target, refusal, text};

async fn check(path: &Path, identity: &Path) -> Result<(), BackupError> {
    let identities = Identities::read(&fs::read_to_string(identity).expect("a file")).expect("an identity");
    let opened = Opened::file(File::open(path).expect("a file"), identities).await?;
    opened.check(&|_| {}).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_or_not_ours_is_refused() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let (backup, _) = stage.back_up("whole.age").await;
    check(&backup, &stage.identity).await.expect("it is whole");
    let (whole, broken) = (fs::read(&backup).expect("a file"), stage.path("broken.age"));
    // Wherever it is cut off, or a byte is another one.
    for nth in 0..16 {
        let at = (whole.len() - 1) * nth / 15;
        fs::write(&broken, &whole[..at]).expect("it is written");
        check(&broken, &stage.identity).await.expect_err(&format!("cut off at {at}"));
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&broken, flipped).expect("it is written");
        check(&broken, &stage.identity).await.expect_err(&format!("another byte at {at}"));
    }
    fs::write(&broken, [&whole[..], b"more"].concat()).expect("it is written");
    check(&broken, &stage.identity).await.expect_err("something behind it");

    let target = Target::new().await;
    fs::write(&broken, &whole[..whole.len() - 100]).expect("it is written");
    let says = refusal(&target.restore(&broken, &stage.identity).await);
    assert!(says.contains("damaged or cut off"), "{says}");
    target.is_empty().await;
    let other = stage.path("other");
    Installation::new().json(&["backup", "key", "--to", text(&other)]).await;
    let says = refusal(&target.restore(&backup, &other).await);
    assert!(says.contains("another recipient"), "{says}");
    let says = refusal(&target.restore(&stage.identity, &other).await);
    assert!(says.contains("no backup"), "{says}");
    fs::write(target.installation.data_dir().join("master-key"), "08".repeat(32)).expect("a key");
    let says = refusal(&target.restore(&backup, &stage.identity).await);
    assert!(says.contains("another master key"), "{says}");
    fs::remove_file(target.installation.data_dir().join("master-key")).expect("it goes");
    target.is_empty().await;

    // A place that holds something, and one where a server runs.
    let says =
        refusal(&stage.source().run(&["restore", "--from", text(&backup), "--identity", text(&stage.identity)]).await);
    assert!(says.contains("not empty"), "{says}");
    let server = target.installation.serve().await;
    fs::remove_file(target.installation.data_dir().join("master-key")).expect("it goes");
    let says = refusal(&target.restore(&backup, &stage.identity).await);
    assert!(says.contains("a server runs"), "{says}");
    assert!(server.terminate().await.0.success());
    target.restored(&backup, &stage.identity).await;
    let says = refusal(&target.restore(&backup, &stage.identity).await);
    assert!(says.contains("not empty"), "{says}");
    target.end().await;
    stage.world.end().await;
}

/// A restore that is killed in its midst has written no row, and the next one goes through.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_leaves_an_empty_place() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let (backup, _) = stage.back_up("killed.age").await;
    let (whole, pipe) = (fs::read(&backup).expect("a file"), stage.path("pipe"));
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, pipe.as_path(), rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let target = Target::new().await;
    let identity = stage.identity.clone();
    let mut command = target.installation.command(&["restore", "--from", text(&pipe), "--identity", text(&identity)]);
    let mut child = command.spawn().expect("it starts");
    let (path, most) = (pipe.clone(), whole[..whole.len() - 1000].to_vec());
    // The rest never comes; the pipe stays open, so that it waits.
    let held = tokio::task::spawn_blocking(move || {
        let mut pipe = File::options().write(true).open(path).expect("it reads");
        pipe.write_all(&most).expect("it reads on");
        pipe
    });
    let held = held.await.expect("it was written");
    let sql = target.sql().await;
    let loading = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                     AND backend_xid IS NOT NULL";
    e2e::until("it is at it", async || sql.query_one(loading, &[]).await.expect("a row").get::<_, i64>(0) == 1).await;
    child.kill().await.expect("a process of ours");
    drop(held);
    e2e::until("its transaction is gone", async || {
        sql.query_one(loading, &[]).await.expect("a row").get::<_, i64>(0) == 0
    })
    .await;
    drop(sql);
    assert!(!target.installation.data_dir().join("master-key").exists());
    let schema = "SELECT count(*) FROM pg_namespace WHERE nspname = 'wazapp'";
    assert_eq!(target.sql().await.query_one(schema, &[]).await.expect("a row").get::<_, i64>(0), 0);
    target.restored(&backup, &stage.identity).await;
    target.end().await;
    stage.world.end().await;
}

/// Who could open it is said, or none is made; nothing is written over.
#[tokio::test(flavor = "multi_thread")]
async fn no_backup_is_made_that_anybody_could_read() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let path = stage.path("plain.age");
    let says = refusal(&stage.source().run(&["backup", "--to", text(&path)]).await);
    assert!(says.contains("always encrypted") && says.contains("wazapp backup key"), "{says}");
    let identity = fs::read_to_string(&stage.identity).expect("a file");
    let secret = identity.lines().last().expect("a line");
    let says = refusal(&stage.source().run(&["backup", "--to", text(&path), "--recipient", secret]).await);
    assert!(says.contains("no recipient") && !says.contains(&secret[20..40]), "{says}");
    assert!(!path.exists());
    fs::write(&path, "mine").expect("it is written");
    let says = refusal(&stage.source().run(&["backup", "--to", text(&path), "--recipient", &stage.recipient]).await);
    assert!(says.contains("there already"), "{says}");
    assert_eq!(fs::read_to_string(&path).expect("a file"), "mine");
    let says = refusal(&stage.source().run(&["backup", "key", "--to", text(&stage.identity)]).await);
    assert!(says.contains("not there yet"), "{says}");
    assert_eq!(fs::read_to_string(&stage.identity).expect("a file"), identity, "a key is never written over");
    stage.world.end().await;
}

/// A disk that is full while a backup is made: it is said, nothing of it stays, and the one before is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_no_half_backup() {
    if e2e::refused("a_full_disk_leaves_no_half_backup", "unshare {root} --mount mount -t tmpfs none /mnt") {
        return;
    }
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    // A disk of 64 KiB in a mount namespace of its own.
    let command = stage.source().command(&[]);
    let program = command.as_std().get_program().to_owned();
    let script = r#"mount -t tmpfs -o size=64k none "$1" && { "$2" backup --to "$1/new.age" --recipient "$3"; echo "code $?"; ls -A "$1"; }"#;
    let source = stage.source();
    let mut whole = source.command(&[]);
    let settings: Vec<_> =
        whole.as_std().get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    whole = tokio::process::Command::new("unshare");
    for (name, value) in settings {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    let small = stage.path("small");
    fs::create_dir(&small).expect("a directory");
    // Who is root here need not become it elsewhere, where the database would not know them.
    let become_root: &[&str] = if rustix::process::getuid().is_root() { &[] } else { &["--map-root-user"] };
    let output = whole
        .arg("--mount")
        .args(become_root)
        .args(["sh", "-c", script, "sh", text(&small)])
        .arg(program)
        .arg(&stage.recipient)
        .output()
        .await
        .expect("unshare runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(complained.contains("the disk is full"), "{complained}");
    assert_eq!(said.trim(), "code 1", "nothing is left: {said}");
    stage.world.end().await;
}
