//! The database cluster's directory: made in one step, configured anew at
//! every start.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, geteuid, test_kill_process};
use tokio::time::{Instant, sleep};

use super::account::{self, Account};
use super::error::{Context, PostgresError};
use super::{PATIENCE, POLL, Progress, Running, log, memory};
use crate::config::close_directory;

/// The database that holds everything of ours.
pub(super) const DATABASE: &str = "wazapp";
/// The unix socket's name; the number only names it, there is no TCP.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";

const INCLUDE: &str = "include 'wazapp.conf'";
const ROLES: [&str; 3] = ["postgres", "wazapp_web", "wazapp_worker"];

/// `DATA_DIR/postgres`.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) path: PathBuf,
    data_dir: PathBuf,
}

impl Cluster {
    pub(super) fn in_data_dir(data_dir: &Path) -> Self {
        Self { path: data_dir.join("postgres"), data_dir: data_dir.to_owned() }
    }

    pub(super) fn exists(&self) -> Result<bool, PostgresError> {
        Ok(self.major()?.is_some())
    }

    /// The major version of the PostgreSQL that made it.
    pub(super) fn major(&self) -> Result<Option<u32>, PostgresError> {
        let file = self.path.join("PG_VERSION");
        match fs::read_to_string(&file) {
            Ok(text) => match text.trim().parse() {
                Ok(major) => Ok(Some(major)),
                Err(_) => Err(PostgresError::NoCluster(self.path.clone())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.refuse_foreign_files(),
            Err(error) => Err(error).context("read", &file),
        }
    }

    fn refuse_foreign_files(&self) -> Result<Option<u32>, PostgresError> {
        match fs::read_dir(&self.path).map(|mut entries| entries.next().is_some()) {
            Ok(true) => Err(PostgresError::NoCluster(self.path.clone())),
            Ok(false) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("read", &self.path),
        }
    }

    /// Makes the cluster beside its place and moves it there when it is whole:
    /// what a crash leaves half done is thrown away.
    pub(super) fn create(&self, bin: &Path, account: &Account) -> Result<(), PostgresError> {
        let draft = self.data_dir.join("postgres.new");
        match fs::remove_dir_all(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("remove", &draft);
            }
            _ => account.make_private_dir(&draft)?,
        }
        initdb(bin, account, &draft)?;
        create_database(bin, account, &draft)?;
        include_ours(&draft)?;
        fs::rename(&draft, &self.path).context("rename", &draft)?;
        let data_dir = File::open(&self.data_dir);
        data_dir.and_then(|directory| directory.sync_all()).context("sync", &self.data_dir)
    }

    /// Writes the files that are ours, whatever they were.
    pub(super) fn configure(&self, account: &Account) -> Result<(), PostgresError> {
        close_directory(&self.path).context("chmod", &self.path)?;
        include_ours(&self.path)?;
        let own_name = account::own_name()?;
        self.write("wazapp.conf", &settings(memory::bytes()), account)?;
        self.write("pg_hba.conf", HBA, account)?;
        self.write("pg_ident.conf", &ident(&account.name, &own_name), account)
    }

    /// A file under a new name takes the old one's place, so that no link laid
    /// here leads root astray.
    fn write(&self, name: &str, text: &str, account: &Account) -> Result<(), PostgresError> {
        let path = self.path.join(name);
        let draft = self.path.join(format!("{name}.new"));
        let _ = fs::remove_file(&draft);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).context("write", &draft)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("write", &draft)?;
        account.own(&draft)?;
        fs::rename(&draft, &path).context("write", &path)
    }

    /// What `postmaster.pid` says, if it is there and complete.
    pub(super) fn running(&self) -> Option<Running> {
        let text = fs::read_to_string(self.path.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Running {
            pid: Pid::from_raw(lines.first()?.parse().ok()?)?,
            socket_dir: lines.get(4)?.into(),
            ready: lines.get(7).is_some_and(|status| *status == "ready"),
        })
    }

    /// A killed wazapp's PostgreSQL shuts down on its own: waits for that.
    /// One that does not is somebody else's.
    pub(super) async fn wait_for_end_of_others(&self, progress: Progress<'_>) -> Result<(), PostgresError> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = false;
        while let Some(pid) = self.process() {
            if !told {
                progress(&format!("waiting for the former PostgreSQL (pid {pid}) to stop"));
                told = true;
            }
            if Instant::now() > deadline {
                let postmaster = self.running().map(|running| running.pid.as_raw_pid());
                return Err(PostgresError::StillRuns { pid: postmaster.unwrap_or(pid), cluster: self.path.clone() });
            }
            sleep(POLL).await;
        }
        self.remove_stale_pid_file()
    }

    /// Any process of PostgreSQL that works in this directory.
    fn process(&self) -> Option<i32> {
        let pids = fs::read_dir("/proc").into_iter().flatten();
        pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .find(|pid| self.is_served_by(*pid).unwrap_or(false))
    }

    /// None if it cannot be told.
    fn is_served_by(&self, pid: i32) -> Option<bool> {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(cwd == self.path && name.trim() == "postgres")
    }

    /// PostgreSQL clears a dead one away itself, but takes any living process
    /// of its user with that id for its rival: in a container ids repeat.
    fn remove_stale_pid_file(&self) -> Result<(), PostgresError> {
        let Some(left) = self.running() else {
            return Ok(());
        };
        let reused = test_kill_process(left.pid).is_ok() && self.is_served_by(left.pid.as_raw_pid()) == Some(false);
        let file = self.path.join("postmaster.pid");
        match reused {
            true => fs::remove_file(&file).context("remove", &file),
            false => Ok(()),
        }
    }

    /// Can this process look inside?
    pub(super) fn refuse_other_owner(&self) -> Result<(), PostgresError> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if !geteuid().is_root() && found.uid() != geteuid().as_raw() => {
                Err(PostgresError::OtherOwner { path: self.path.clone(), owner: found.uid() })
            }
            _ => Ok(()),
        }
    }
}

/// C.UTF-8 sorts the same everywhere and forever; C where it is missing.
fn initdb(bin: &Path, account: &Account, draft: &Path) -> Result<(), PostgresError> {
    let program = bin.join("initdb");
    let mut reason = String::new();
    for locale in ["C.UTF-8", "C"] {
        let mut command = account.command(&program, "KILL")?;
        command.args([
            "--auth-local=peer",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--username=postgres",
            "--no-instructions",
            &format!("--locale={locale}"),
        ]);
        command.arg("-D").arg(draft);
        let output = account.run(&mut command)?;
        if output.status.success() {
            return Ok(());
        }
        reason = log::reason_in(&String::from_utf8_lossy(&output.stderr)).unwrap_or_else(|| output.status.to_string());
        if !reason.contains("locale") {
            break;
        }
    }
    Err(PostgresError::Failed { program: "initdb".to_owned(), reason })
}

/// In single-user mode: nothing listens yet, and no client program is needed.
fn create_database(bin: &Path, account: &Account, draft: &Path) -> Result<(), PostgresError> {
    let mut command = account.command(&bin.join("postgres"), "KILL")?;
    command.arg("--single").arg("-D").arg(draft).arg("postgres");
    command.stdin(statement(&format!("CREATE DATABASE {DATABASE}\n")).context("write", draft)?);
    let output = account.run(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    match log::complaint(&said) {
        None if output.status.success() => Ok(()),
        complaint => Err(PostgresError::Failed {
            program: "postgres --single".to_owned(),
            reason: complaint.unwrap_or_else(|| output.status.to_string()),
        }),
    }
}

/// A few bytes fit into a pipe without a reader.
fn statement(sql: &str) -> io::Result<Stdio> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(sql.as_bytes())?;
    Ok(reader.into())
}

/// The operator's own lines go below ours and win.
fn include_ours(cluster: &Path) -> Result<(), PostgresError> {
    let path = cluster.join("postgresql.conf");
    let text = fs::read_to_string(&path).context("read", &path)?;
    if text.lines().any(|line| line.trim() == INCLUDE) {
        return Ok(());
    }
    let mut file =
        OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW).open(&path).context("write", &path)?;
    write!(file, "\n{INCLUDE}\n").and_then(|()| file.sync_all()).context("write", &path)
}

/// In the data directory; where that is too long for a socket's name, in a
/// short one under the system's directory for temporary files.
pub(super) fn socket_dir(data_dir: &Path) -> PathBuf {
    let fits = |directory: &Path| directory.join(SOCKET).as_os_str().len() < 100;
    let mut hasher = DefaultHasher::new();
    data_dir.hash(&mut hasher);
    let short = format!("wazapp-{:016x}", hasher.finish());
    let usual = data_dir.join("socket");
    let temporary = std::env::temp_dir().join(&short);
    [usual, temporary].into_iter().find(|directory| fits(directory)).unwrap_or_else(|| Path::new("/tmp").join(short))
}

const HBA: &str = "# Written by wazapp at every start: changes are lost.
# Only the socket, only the system users that pg_ident.conf names.
local all all peer map=wazapp
local replication all peer map=wazapp
";

fn ident(account: &str, own_name: &str) -> String {
    let mut users = vec![account, own_name, "root"];
    users.sort_unstable();
    users.dedup();
    let mut text = "# Written by wazapp at every start: changes are lost.\n".to_owned();
    for user in users {
        for role in ROLES {
            text += &format!("wazapp \"{user}\" {role}\n");
        }
    }
    text
}

fn settings(memory: u64) -> String {
    // A small machine has room for little else beside it.
    let shared_buffers = match memory >> 30 {
        0 if memory > 0 => "64MB",
        0..4 => "128MB",
        _ => "256MB",
    };
    format!(
        "# Written by wazapp at every start: put your own settings at the end of
# postgresql.conf. What must hold stands on the command line.
max_connections = 100
shared_buffers = {shared_buffers}
wal_compression = on
max_wal_size = 2GB
min_wal_size = 256MB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
logging_collector = off
idle_in_transaction_session_timeout = 60s

# Queue tables turn over all the time: vacuum them early and briskly.
autovacuum_naptime = 15s
autovacuum_vacuum_scale_factor = 0.05
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05
autovacuum_vacuum_cost_limit = 1000
"
    )
}
