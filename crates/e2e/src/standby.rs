//! A PostgreSQL with a synchronous standby beside it, as clusters that outlive a machine have them.

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use crate::outside;
use crate::wait::until;

/// Small, for a test holds a few megabytes.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=100",
    // In its directory: one that is killed leaves nothing elsewhere.
    "dynamic_shared_memory_type=mmap",
    "shared_buffers=32MB",
    "min_wal_size=32MB",
    "max_wal_size=256MB",
];

/// Two PostgreSQL at addresses of their own; one leads, the other repeats what it writes and confirms it.
#[derive(Debug)]
pub struct Pair {
    directory: TempDir,
    leader: Postgres,
    standby: Option<Postgres>,
    addresses: [SocketAddr; 2],
    made: usize,
}

impl Pair {
    /// Both, with a database `wazapp` and its owner, as the documentation makes them.
    pub async fn start() -> Self {
        let directory = folder("wazapp-pair-");
        let addresses = [outside::free_address(), outside::free_address()];
        let leader = Postgres::made(&directory.path().join("0"), addresses[0]).await;
        let mut pair = Self { directory, leader, standby: None, addresses, made: 1 };
        pair.attach().await;
        pair
    }

    /// Names both addresses.
    pub fn url(&self) -> String {
        let [one, other] = self.addresses;
        format!("postgres://wazapp_owner@{one},{other}/wazapp?sslmode=disable&target_session_attrs=read-write")
    }

    /// Names the standby alone.
    pub fn standby_url(&self) -> String {
        let address = self.standby.as_ref().expect("there is one").address;
        format!("postgres://wazapp_owner@{address}/wazapp?sslmode=disable")
    }

    /// A connection to the one that leads, as its superuser.
    pub async fn sql(&self) -> Client {
        self.leader.sql("wazapp").await
    }

    /// Makes a standby at the free address, and has the leader wait for it at each COMMIT from then on.
    pub async fn attach(&mut self) {
        let address =
            self.addresses.into_iter().find(|address| *address != self.leader.address).expect("there are two");
        let data = self.directory.path().join(self.made.to_string());
        self.made += 1;
        let copied = program("pg_basebackup")
            .args(["-U", "postgres", "-h", "127.0.0.1", "-p", &self.leader.address.port().to_string()])
            .args(["-X", "stream", "-c", "fast", "--no-sync", "-R", "-D"])
            .arg(&data)
            .output()
            .expect("pg_basebackup runs");
        assert!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        self.standby = Some(Postgres::start(&data, address).await);
        let sql = self.leader.sql("postgres").await;
        for change in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            sql.batch_execute(change).await.expect("a setting");
        }
        self.until_synchronous().await;
    }

    async fn until_synchronous(&self) {
        let sql = self.leader.sql("postgres").await;
        until("the standby confirms what the leader writes", async || {
            let state = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'";
            sql.query_opt(state, &[]).await.expect("the statement runs").is_some()
        })
        .await;
    }

    /// The standby is gone.
    pub fn lose_standby(&mut self) {
        self.standby.as_mut().expect("there is one").kill();
    }

    /// The same standby again.
    pub async fn bring_standby_back(&mut self) {
        let mut lost = self.standby.take().expect("there was one");
        lost.ended().await;
        self.standby = Some(Postgres::start(&lost.data, lost.address).await);
        self.until_synchronous().await;
    }

    /// The leader is gone at once: kill -9.
    pub fn lose_leader(&mut self) {
        self.leader.kill();
    }

    /// Has the standby lead, as whoever watches over a cluster does once the leader is lost. It waits for no standby.
    pub async fn promote(&mut self) {
        let standby = self.standby.take().expect("there is one");
        let sql = standby.sql("postgres").await;
        let leads: bool = sql.query_one("SELECT pg_promote(true, 60)", &[]).await.expect("it is told").get(0);
        assert!(leads, "the standby leads");
        self.leader = standby;
    }
}

/// One PostgreSQL at work; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) process: Child,
    data: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Postgres {
    /// A new one, with a database `wazapp` and its owner.
    pub(crate) async fn made(data: &Path, address: SocketAddr) -> Self {
        // Trust: on loopback alone, for as long as the test runs, and of made-up messages.
        let made = program("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let postgres = Self::start(data, address).await;
        let sql = postgres.sql("postgres").await;
        sql.batch_execute("CREATE ROLE wazapp_owner LOGIN CREATEROLE").await.expect("an owner");
        let database = "CREATE DATABASE wazapp OWNER wazapp_owner ENCODING 'UTF8' TEMPLATE template0";
        sql.batch_execute(database).await.expect("a database");
        postgres
    }

    pub(crate) async fn start(data: &Path, address: SocketAddr) -> Self {
        let log = File::options().create(true).append(true).open(data.with_extension("log")).expect("a log");
        let mut command = program("postgres");
        command.arg("-D").arg(data).args(["-p", &address.port().to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        let process = command.spawn().expect("PostgreSQL starts");
        let mut postgres = Self { process, data: data.to_owned(), address };
        until("PostgreSQL answers", async || {
            if let Ok(Some(ended)) = postgres.process.try_wait() {
                panic!("PostgreSQL ended ({ended}): {}", postgres.log());
            }
            postgres.try_sql("postgres").await.is_ok()
        })
        .await;
        postgres
    }

    fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    async fn try_sql(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = Config::new()
            .host(self.address.ip().to_string())
            .port(self.address.port())
            .user("postgres")
            .dbname(database)
            .connect(NoTls)
            .await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub(crate) async fn sql(&self, database: &str) -> Client {
        self.try_sql(database).await.unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// Its other processes see that it is gone, and end too.
    fn kill(&mut self) {
        self.process.kill().expect("a process of ours");
        self.process.wait().expect("it ends");
    }

    /// Waits until its last process let go of what it holds.
    async fn ended(&mut self) {
        let works_here =
            |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).is_ok_and(|directory| directory == self.data);
        until("all processes of the lost PostgreSQL are gone", async || {
            !fs::read_dir("/proc").expect("processes").flatten().any(works_here)
        })
        .await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where PostgreSQL can be: it runs as somebody else where the tests run as root.
pub(crate) fn folder(prefix: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(crate::cluster::memory()).expect("a directory");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("a directory of ours");
    folder
}

/// One of PostgreSQL's programs, or of the system's, as somebody who may run PostgreSQL. It ends with the test.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    let own = programs().join(name);
    command.arg("--").arg(if own.exists() { own } else { name.into() }).current_dir("/").stdin(Stdio::null());
    command
}

/// Where PostgreSQL's programs are: in `PATH`, or the newest of Debian's.
pub(crate) fn programs() -> PathBuf {
    let complete =
        |directory: &PathBuf| directory.join("pg_basebackup").exists() && directory.join("postgres").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(directory) = std::env::split_paths(&path).find(complete) {
        return directory;
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let found = versions.filter_map(|entry| Some((version(&entry)?, entry.path().join("bin"))));
    let newest = found.filter(|(_, directory)| complete(directory)).max();
    newest.expect("PostgreSQL's programs: scripts/need postgresql installs them").1
}
