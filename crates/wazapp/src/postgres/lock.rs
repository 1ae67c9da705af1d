//! Who may start PostgreSQL, and who may stop it.
//!
//! Two lock files in DATA_DIR:
//! - `wazapp.lock`, exclusive: its holder, `serve` or one admin command, is
//!   the only one to start the private PostgreSQL, and holds it until that has
//!   stopped. It also keeps a second `serve` out.
//! - `commands.lock`, shared: every admin command holds it while it works.
//!
//! An admin command takes its share first and then looks: if `wazapp.lock` is
//! free it starts PostgreSQL, otherwise it waits for the holder's PostgreSQL to
//! answer. A command that started one gives up its share at its end and asks
//! for `commands.lock` alone: it gets that when no other command is at work,
//! and until it has stopped PostgreSQL and let go of both, new ones wait at the
//! door. The system frees the locks of a process that dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use tokio::time::{Instant, sleep};

use super::error::{Context, PostgresError};
use super::{PATIENCE, POLL, Progress};
use crate::config::open_private;

const SERVE: &str = "serve";
const COMMAND: &str = "command";

/// The right to run on a data directory, held until dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// For `serve`: refused if another one runs; an admin command that has
    /// PostgreSQL started is waited for.
    pub async fn for_serve(data_dir: &Path, progress: Progress<'_>) -> Result<Self, PostgresError> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_take(data_dir, SERVE)? {
                return Ok(lock);
            }
            // A holder that does not live has just been followed by one that
            // is still about to write its name.
            let holder = Holder::of(data_dir).filter(Holder::lives);
            let serves = holder.as_ref().is_some_and(Holder::serves);
            if serves || Instant::now() > deadline {
                return Err(PostgresError::InUse {
                    pid: holder.map_or(0, |holder| holder.pid),
                    data_dir: data_dir.to_owned(),
                });
            }
            if let Some(holder) = holder.filter(|_| !told) {
                progress(&format!("waiting for the wazapp command with pid {}", holder.pid));
                told = true;
            }
            sleep(POLL).await;
        }
    }

    /// For an admin command: none if somebody else holds it.
    pub(super) fn for_command(data_dir: &Path) -> Result<Option<Self>, PostgresError> {
        Self::try_take(data_dir, COMMAND)
    }

    fn try_take(data_dir: &Path, role: &str) -> Result<Option<Self>, PostgresError> {
        crate::config::create_data_dir(data_dir).context("create", data_dir)?;
        let path = data_dir.join("wazapp.lock");
        let mut file = open(&path, data_dir).context("open", &path)?;
        if !taken(file.try_lock()).context("lock", &path)? {
            return Ok(None);
        }
        let line = format!("{} {role}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(line.as_bytes()))
            .context("write", &path)?;
        Ok(Some(Self { _file: file }))
    }
}

/// Who holds `wazapp.lock`, as they wrote into it.
pub(super) struct Holder {
    pub(super) pid: u32,
    role: String,
}

impl Holder {
    pub(super) fn of(data_dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(data_dir.join("wazapp.lock")).ok()?;
        let (pid, role) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, role: role.to_owned() })
    }

    /// Whether it is a server.
    pub(super) fn serves(&self) -> bool {
        self.role == SERVE
    }

    fn lives(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // Not permitted to signal it means that it is there.
        pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
}

/// An admin command's hold on `commands.lock`.
#[derive(Debug)]
pub(super) struct CommandsLock {
    file: File,
    path: PathBuf,
}

impl CommandsLock {
    /// Waits only while a command stops its PostgreSQL.
    pub(super) async fn share(data_dir: &Path) -> Result<Self, PostgresError> {
        crate::config::create_data_dir(data_dir).context("create", data_dir)?;
        let path = data_dir.join("commands.lock");
        let file = open(&path, data_dir).context("open", &path)?;
        while !taken(file.try_lock_shared()).context("lock", &path)? {
            sleep(POLL).await;
        }
        Ok(Self { file, path })
    }

    /// Waits until no other command is at work.
    pub(super) async fn alone(&self, progress: Progress<'_>) -> Result<(), PostgresError> {
        self.file.unlock().context("unlock", &self.path)?;
        let started = Instant::now();
        let mut told = false;
        while !taken(self.file.try_lock()).context("lock", &self.path)? {
            if !told && started.elapsed().as_secs() >= 1 {
                progress("another wazapp command still uses the database: waiting for it");
                told = true;
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

fn open(path: &Path, data_dir: &Path) -> io::Result<File> {
    open_private(path, data_dir, OpenOptions::new().read(true).write(true))
}

fn taken(result: Result<(), TryLockError>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
