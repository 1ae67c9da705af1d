//! wazapp's own PostgreSQL: a child process on `DATA_DIR/postgres`, reached
//! over a unix socket only and ended with wazapp, however wazapp ends.
//!
//! `binaries` finds PostgreSQL, `account` says as whom it runs, `cluster`
//! makes and configures the database cluster, `child` is the process, `lock`
//! says who may start it, `access` is the way in for admin commands, and `upgrade`
//! goes on to a newer major version.

mod access;
mod account;
mod binaries;
mod child;
mod cluster;
mod error;
mod lock;
mod log;
mod memory;
mod upgrade;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep};

pub use access::Access;
pub use error::PostgresError;
pub use lock::DirLock;
pub use upgrade::{Upgrade, finish as finish_upgrade, own_settings};

use account::Account;
pub(crate) use account::id;
use child::Child;
use cluster::Cluster;
use error::Context;

/// Hears in a line what takes long.
pub type Progress<'a> = &'a mut (dyn FnMut(&str) + Send);

const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the private PostgreSQL lives.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; the cluster is its subdirectory `postgres`.
    pub data_dir: PathBuf,
    /// The directory of PostgreSQL's programs, if not to be looked for.
    pub postgres_bin: Option<PathBuf>,
}

/// How a client reaches the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionParams {
    /// The directory of the unix socket.
    pub host: PathBuf,
    /// The database's name.
    pub dbname: &'static str,
}

impl ConnectionParams {
    /// The same as a connection string for one of the roles `postgres`,
    /// `wazapp_web` and `wazapp_worker`.
    pub fn connection_string(&self, role: &str) -> String {
        let host = self.host.display().to_string();
        let host = host.replace('\\', "\\\\").replace('\'', "\\'");
        format!("host='{host}' dbname={} user={role}", self.dbname)
    }
}

/// The running private PostgreSQL. End it with `stop`; a dropped one is asked
/// to shut down, but nobody waits for it.
#[derive(Debug)]
pub struct PrivatePostgres {
    options: Options,
    socket_dir: PathBuf,
    child: Child,
    // Held as long as the process may run.
    _lock: DirLock,
}

impl PrivatePostgres {
    /// Starts PostgreSQL, after creating the cluster if there is none, and
    /// returns when it takes connections.
    pub async fn start(options: &Options, lock: DirLock, progress: Progress<'_>) -> Result<Self, PostgresError> {
        let (child, socket_dir) = launch(options, progress).await?;
        Ok(Self { options: options.clone(), socket_dir, child, _lock: lock })
    }

    /// Starts PostgreSQL again after `exited`.
    pub async fn restart(&mut self, progress: Progress<'_>) -> Result<(), PostgresError> {
        self.stop().await;
        (self.child, self.socket_dir) = launch(&self.options, progress).await?;
        Ok(())
    }

    /// The directory of the unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// How a client reaches the database.
    pub fn connection_params(&self) -> ConnectionParams {
        ConnectionParams { host: self.socket_dir.clone(), dbname: cluster::DATABASE }
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> u32 {
        self.child.pid().as_raw_nonzero().get().unsigned_abs()
    }

    /// Resolves when the process has ended.
    pub async fn exited(&self) -> ExitStatus {
        self.child.exited().await
    }

    /// Shuts PostgreSQL down and waits for it: open transactions are rolled
    /// back, everything committed is on disk.
    pub async fn stop(&mut self) {
        for signal in [Signal::INT, Signal::QUIT] {
            self.child.signal(signal);
            let ended = tokio::time::timeout(PATIENCE, self.child.exited());
            if ended.await.is_ok() {
                return;
            }
        }
        tracing::error!(pid = self.pid(), "PostgreSQL does not stop");
    }
}

async fn launch(options: &Options, progress: Progress<'_>) -> Result<(Child, PathBuf), PostgresError> {
    let options = options.clone();
    let site = blocking(move || Site::find(&options)).await?;
    if !site.cluster.exists()? {
        progress(&format!("creating the private PostgreSQL in {}", site.cluster.path.display()));
    }
    let site = blocking(move || site.prepared()).await?;
    site.cluster.wait_for_end_of_others(progress).await?;

    let log_start = log::length(&site.log);
    let command = site.command()?;
    let child = Child::spawn(command).await.context("start", &site.bin)?;
    match ready(&site, &child, progress).await {
        Ok(()) => Ok((child, site.socket_dir)),
        Err(status) => Err(PostgresError::NotStarted {
            reason: log::reason(&site.log, log_start).unwrap_or_else(|| status.to_string()),
            log: site.log,
        }),
    }
}

/// Waits until PostgreSQL takes connections, however long it recovers.
async fn ready(site: &Site, child: &Child, progress: Progress<'_>) -> Result<(), ExitStatus> {
    let mut next_word = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(status) = child.ended() {
            return Err(status);
        }
        let running = site.cluster.running();
        if running.is_some_and(|running| running.pid == child.pid() && running.answers()) {
            return Ok(());
        }
        if Instant::now() > next_word {
            progress("PostgreSQL is starting, it may be recovering from a crash");
            next_word += Duration::from_secs(30);
        }
        sleep(POLL).await;
    }
}

/// Everything that is known before PostgreSQL starts.
struct Site {
    cluster: Cluster,
    bin: PathBuf,
    account: Account,
    socket_dir: PathBuf,
    log: PathBuf,
}

impl Site {
    fn find(options: &Options) -> Result<Self, PostgresError> {
        let data_dir = absolute_data_dir(&options.data_dir)?;
        let cluster = Cluster::in_data_dir(&data_dir);
        let account = Account::for_cluster(&cluster.path, &data_dir)?;
        account.own_and_enter(&cluster.path, &data_dir)?;
        Ok(Self {
            bin: binaries::find(options.postgres_bin.as_deref(), cluster.major()?, &cluster.path)?,
            socket_dir: cluster::socket_dir(&data_dir),
            log: data_dir.join("postgres.log"),
            account,
            cluster,
        })
    }

    fn prepared(self) -> Result<Self, PostgresError> {
        if !self.cluster.exists()? {
            self.cluster.create(&self.bin, &self.account)?;
        }
        self.cluster.configure(&self.account)?;
        self.account.make_private_dir(&self.socket_dir)?;
        log::rotate(&self.log).context("rotate", &self.log)?;
        Ok(self)
    }

    /// What must hold whatever the cluster's own files say stands here: the
    /// command line has the last word.
    fn command(&self) -> Result<Command, PostgresError> {
        let log = log::open(&self.log).context("open", &self.log)?;
        let log_too = log.try_clone().context("open", &self.log)?;
        let socket_dir = self.socket_dir.display().to_string().replace('"', "\"\"");
        let mut command = self.account.command(&self.bin.join("postgres"), "INT")?;
        command.arg("-D").arg(&self.cluster.path);
        for setting in [
            "listen_addresses=",
            &format!("unix_socket_directories=\"{socket_dir}\""),
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
        ] {
            command.args(["-c", setting]);
        }
        command.stdout(log).stderr(log_too);
        Ok(command)
    }
}

/// A postmaster as its `postmaster.pid` describes it.
struct Running {
    pid: Pid,
    socket_dir: PathBuf,
    ready: bool,
}

impl Running {
    fn answers(&self) -> bool {
        let socket = self.socket_dir.join(cluster::SOCKET);
        self.ready && UnixStream::connect(socket).is_ok()
    }
}

/// PostgreSQL starts in another directory and needs the full path.
fn absolute_data_dir(data_dir: &Path) -> Result<PathBuf, PostgresError> {
    crate::config::create_data_dir(data_dir).context("create", data_dir)?;
    fs::canonicalize(data_dir).context("read", data_dir)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(PostgresError::ShuttingDown),
        },
    }
}
