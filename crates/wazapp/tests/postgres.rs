//! The private PostgreSQL, for real: every test has a cluster of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};
use wazapp::postgres::{Access, ConnectionParams, DirLock, Options, PostgresError, PrivatePostgres};

const LONG: Duration = Duration::from_secs(60);
const NOBODY: u32 = 65534;

/// A data directory that PostgreSQL's user can get to.
struct Place {
    _directory: TempDir,
    options: Options,
}

impl Place {
    fn new() -> Self {
        Self::named("data")
    }

    fn named(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), open).expect("chmod");
        let options = Options { data_dir: directory.path().join(name), postgres_bin: None };
        Self { _directory: directory, options }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.options.data_dir.join(name)
    }

    async fn try_start(&self) -> Result<PrivatePostgres, PostgresError> {
        let lock = DirLock::for_serve(&self.options.data_dir, &mut tell).await?;
        PrivatePostgres::start(&self.options, lock, &mut tell).await
    }

    async fn start(&self) -> PrivatePostgres {
        self.try_start().await.expect("a running PostgreSQL")
    }

    async fn refusal(&self) -> String {
        self.try_start().await.expect_err("a refusal").to_string()
    }

    async fn access(&self) -> Access {
        Access::attach_or_start(&self.options, &mut tell).await.expect("access")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("postgres.log")).expect("a log")
    }

    fn pid_file(&self) -> PathBuf {
        self.path("postgres/postmaster.pid")
    }

    /// `serve` in another process.
    fn holder(&self) -> Holder {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "hold_for_another_test", "--nocapture"])
            .env("WAZAPP_TEST_HOLD", &self.options.data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let stdout = child.stdout.take().expect("its output");
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let ready = lines.into_iter().find(|line| line.contains("PostgreSQL is up"));
        assert!(ready.is_some(), "the process did not start PostgreSQL");
        Holder(child)
    }
}

struct Holder(Child);

impl Holder {
    fn kill(mut self) {
        self.0.kill().expect("kill");
        self.0.wait().expect("wait");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tell(line: &str) {
    eprintln!("{line}");
}

async fn connect(params: &ConnectionParams) -> Client {
    let text = params.connection_string("postgres");
    let connected = tokio_postgres::connect(&text, NoTls).await;
    let (client, connection) = connected.expect("a connection");
    tokio::spawn(connection);
    client
}

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.expect("a row").get(0)
}

async fn write_a_row(params: &ConnectionParams) {
    let client = connect(params).await;
    let sql = "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')";
    client.batch_execute(sql).await.expect("a row");
}

async fn assert_the_row_is_there(params: &ConnectionParams) {
    let client = connect(params).await;
    assert_eq!(text(&client, "SELECT word FROM kept").await, "still here");
}

/// Not a test of its own: what `Place::holder` runs.
#[tokio::test]
async fn hold_for_another_test() {
    let Some(data_dir) = std::env::var_os("WAZAPP_TEST_HOLD") else {
        return;
    };
    let options = Options { data_dir: data_dir.into(), postgres_bin: None };
    let lock = DirLock::for_serve(&options.data_dir, &mut tell).await.expect("the lock");
    let postgres = PrivatePostgres::start(&options, lock, &mut tell).await.expect("PostgreSQL");
    println!("PostgreSQL is up");
    postgres.exited().await;
}

#[tokio::test]
async fn it_starts_stops_and_keeps_what_was_committed() {
    let place = Place::new();
    let mut postgres = place.start().await;
    let params = postgres.connection_params();
    write_a_row(&params).await;

    let client = connect(&params).await;
    assert_eq!(text(&client, "SHOW listen_addresses").await, "");
    assert_eq!(text(&client, "SHOW fsync").await, "on");
    assert_eq!(text(&client, "SHOW synchronous_commit").await, "on");
    assert_eq!(text(&client, "SHOW jit").await, "off", "wazapp.conf is read");
    assert_eq!(text(&client, "SHOW server_encoding").await, "UTF8");
    let socket_dir = fs::metadata(postgres.socket_dir()).expect("a directory");
    assert_eq!(socket_dir.permissions().mode() & 0o777, 0o700);
    let environment = fs::read(format!("/proc/{}/environ", postgres.pid())).expect("environment");
    assert!(!String::from_utf8_lossy(&environment).contains("HOME="));

    postgres.stop().await;
    assert!(!place.pid_file().exists());
    drop(postgres);

    let started = Instant::now();
    let mut postgres = place.start().await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_the_row_is_there(&postgres.connection_params()).await;
    postgres.stop().await;
}

/// PostgreSQL takes any living process of its user that has the id in a left
/// `postmaster.pid` for its rival, and in a container ids repeat.
#[tokio::test]
async fn a_left_pid_file_with_another_process_id_is_no_hindrance() {
    let place = Place::new();
    place.start().await.stop().await;
    let pid = std::process::id();
    let left = format!("{pid}\n{}\n1\n5432\n\n\n\nready\n", place.path("postgres").display());
    fs::write(place.pid_file(), left).expect("a file");
    let owner = fs::metadata(place.path("postgres")).expect("a directory");
    chown(place.pid_file(), Some(owner.uid()), Some(owner.gid())).expect("chown");
    place.start().await.stop().await;
}

#[test]
fn an_ordinary_user_runs_it_too() {
    if !geteuid().is_root() {
        return; // Then all the other tests show it.
    }
    let place = Place::new();
    let home = &place.options.data_dir;
    fs::create_dir(home).expect("a directory");
    chown(home, Some(NOBODY), Some(NOBODY)).expect("chown");
    let program = home.join("program");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(&program)
        .args(["it_starts_stops", "a_left_pid_file", "two_commands", "killed"])
        // One after the other: a child that another one is about to start holds for a moment what its parent has locked.
        .arg("--test-threads=1")
        .env("TMPDIR", home)
        .current_dir("/")
        .output()
        .expect("setpriv");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("4 passed; 0 failed"), "{said}");
}

#[tokio::test]
async fn root_runs_it_as_the_owner_of_the_data_directory() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    fs::create_dir(&place.options.data_dir).expect("a directory");
    chown(&place.options.data_dir, Some(NOBODY), Some(NOBODY)).expect("chown");
    let mut postgres = place.start().await;
    connect(&postgres.connection_params()).await;
    for name in ["postgres", "socket", "postgres.log", "wazapp.lock"] {
        let found = fs::metadata(place.path(name)).expect(name);
        assert_eq!(found.uid(), NOBODY, "{name}");
    }
    postgres.stop().await;
}

/// A backup that root unpacked belongs to root.
#[tokio::test]
async fn a_cluster_of_roots_is_handed_to_postgres() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    place.start().await.stop().await;
    let handed = Command::new("chown").args(["-R", "root:root"]).arg(place.path("postgres")).status();
    assert!(handed.expect("chown").success());
    place.start().await.stop().await;
}

/// kill -9 leaves wazapp no time for anything: the system tells PostgreSQL to
/// shut down, and the next start waits for that and finds it shut down.
#[tokio::test]
async fn a_killed_server_leaves_a_cleanly_stopped_cluster() {
    let place = Place::new();
    let holder = place.holder();
    let access = place.access().await;
    write_a_row(access.connection_params()).await;
    access.close(&mut tell).await.expect("close");
    holder.kill();

    let mut postgres = place.start().await;
    assert_the_row_is_there(&postgres.connection_params()).await;
    postgres.stop().await;
    let log = place.log();
    assert!(log.contains("received fast shutdown request"), "{log}");
    assert!(!log.contains("not properly shut down"), "{log}");
}

#[tokio::test]
async fn a_second_server_is_refused_by_the_first_ones_pid() {
    let place = Place::new();
    let holder = place.holder();
    let line = place.refusal().await;
    let expected = format!("another wazapp (pid {})", holder.0.id());
    assert!(line.contains(&expected), "{line}");
    assert!(line.contains("WAZAPP_DATA_DIR"), "{line}");
}

#[tokio::test]
async fn a_dead_postgres_is_noticed_and_started_again() {
    let place = Place::new();
    let mut postgres = place.start().await;
    write_a_row(&postgres.connection_params()).await;
    let first = postgres.pid();
    let pid = Pid::from_raw(first.cast_signed()).expect("a pid");
    kill_process(pid, Signal::KILL).expect("kill");
    timeout(LONG, postgres.exited()).await.expect("its end is noticed");

    postgres.restart(&mut tell).await.expect("a restart");
    assert_ne!(postgres.pid(), first);
    assert_the_row_is_there(&postgres.connection_params()).await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_half_made_cluster_is_made_again() {
    let place = Place::new();
    fs::create_dir_all(place.path("postgres.new/base")).expect("a directory");
    fs::write(place.path("postgres.new/PG_VERSION"), "15\n").expect("a file");
    place.start().await.stop().await;
    assert!(!place.path("postgres.new").exists());
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_refused() {
    let place = Place::new();
    fs::create_dir_all(place.path("postgres")).expect("a directory");
    fs::write(place.path("postgres/PG_VERSION"), "14\n").expect("a file");
    let line = place.refusal().await;
    assert!(line.contains("was made by PostgreSQL 14"), "{line}");
    assert!(line.contains("apt-get install postgresql-14"), "{line}");
}

#[tokio::test]
async fn foreign_files_in_the_clusters_place_are_left_alone() {
    let place = Place::new();
    fs::create_dir_all(place.path("postgres")).expect("a directory");
    fs::write(place.path("postgres/thesis.txt"), "years").expect("a file");
    let line = place.refusal().await;
    assert!(line.contains("move it away"), "{line}");
    assert!(place.path("postgres/thesis.txt").exists());
}

#[tokio::test]
async fn a_directory_without_programs_is_refused() {
    let mut place = Place::new();
    place.options.postgres_bin = Some("/nowhere".into());
    let line = place.refusal().await;
    assert!(line.contains("/nowhere"), "{line}");
    assert!(line.contains("WAZAPP_POSTGRES_BIN"), "{line}");
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let place = Place::new();
    place.start().await.stop().await;
    let conf = place.path("postgres/postgresql.conf");
    let text = fs::read_to_string(&conf).expect("a file");
    fs::write(&conf, text + "\nmax_connections = banana\n").expect("a file");
    let line = place.refusal().await;
    assert!(line.contains("contains errors"), "{line}");
    assert!(line.contains("postgres.log"), "{line}");
}

#[tokio::test]
async fn a_directory_that_postgres_cannot_enter_is_named() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::named("closed/data");
    let closed = place.options.data_dir.parent().expect("a parent").to_owned();
    fs::create_dir(&closed).expect("a directory");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("chmod");
    let line = place.refusal().await;
    let expected = format!("cannot enter {}:", closed.display());
    assert!(line.contains(&expected), "{line}");
}

#[tokio::test]
async fn a_long_path_gets_its_socket_elsewhere() {
    let place = Place::named(&"long".repeat(25));
    let mut postgres = place.start().await;
    let socket_dir = postgres.socket_dir().to_owned();
    assert!(socket_dir.as_os_str().len() < 90, "{}", socket_dir.display());
    write_a_row(&postgres.connection_params()).await;
    postgres.stop().await;
    fs::remove_dir_all(socket_dir).expect("the socket's directory");
}

#[tokio::test]
async fn a_command_uses_the_running_servers_database() {
    let place = Place::new();
    let mut postgres = place.start().await;
    let access = place.access().await;
    assert_eq!(access.connection_params(), &postgres.connection_params());
    write_a_row(access.connection_params()).await;
    access.close(&mut tell).await.expect("close");
    assert_the_row_is_there(&postgres.connection_params()).await;
    postgres.stop().await;
}

/// The first command's PostgreSQL serves the second, and does not go away
/// under it when the first is done.
#[tokio::test]
async fn two_commands_at_once_both_succeed() {
    let place = Place::new();
    let first = place.access().await;
    let second = place.access().await;
    let params = second.connection_params().clone();

    let closing = tokio::spawn(async move { first.close(&mut tell).await });
    write_a_row(&params).await;
    assert!(!closing.is_finished());
    second.close(&mut tell).await.expect("close");
    timeout(LONG, closing).await.expect("an end").expect("no panic").expect("close");
    assert!(!place.pid_file().exists(), "PostgreSQL has stopped");

    let third = place.access().await;
    assert_the_row_is_there(third.connection_params()).await;
    third.close(&mut tell).await.expect("close");
}

#[tokio::test]
async fn many_commands_at_once_all_succeed() {
    let place = Place::new();
    let mut commands = Vec::new();
    for _ in 0..6 {
        let options = place.options.clone();
        commands.push(tokio::spawn(async move {
            let access = Access::attach_or_start(&options, &mut tell).await.expect("access");
            let client = connect(access.connection_params()).await;
            assert_eq!(text(&client, "SELECT 'hello'").await, "hello");
            drop(client);
            access.close(&mut tell).await.expect("close");
        }));
    }
    for command in commands {
        timeout(LONG, command).await.expect("an end").expect("a success");
    }
    assert!(!place.pid_file().exists());
}

#[tokio::test]
async fn a_server_waits_for_a_command_to_end() {
    let place = Place::new();
    let access = place.access().await;
    write_a_row(access.connection_params()).await;
    let options = place.options.clone();
    let (waits, mut waited) = tokio::sync::mpsc::unbounded_channel();
    let starting = tokio::spawn(async move {
        let mut hear = |line: &str| waits.send(line.to_owned()).expect("a listener");
        let lock = DirLock::for_serve(&options.data_dir, &mut hear).await?;
        PrivatePostgres::start(&options, lock, &mut tell).await
    });
    let word = timeout(LONG, waited.recv()).await.expect("a word");
    assert!(word.is_some_and(|line| line.contains(&std::process::id().to_string())));
    access.close(&mut tell).await.expect("close");
    let started = timeout(LONG, starting).await.expect("an end").expect("no panic");
    let mut postgres = started.expect("a running PostgreSQL");
    assert_the_row_is_there(&postgres.connection_params()).await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_dropped_handle_ends_it() {
    let place = Place::new();
    drop(place.start().await);
    place.start().await.stop().await;
}

#[test]
fn a_connection_string_survives_odd_paths() {
    let params = ConnectionParams { host: Path::new("/with space/and'quote").to_owned(), dbname: "wazapp" };
    let parsed: tokio_postgres::Config = params.connection_string("wazapp_web").parse().expect("a connection string");
    assert_eq!(parsed.get_user(), Some("wazapp_web"));
    let host = tokio_postgres::config::Host::Unix(params.host.clone());
    assert_eq!(parsed.get_hosts(), [host]);
}
