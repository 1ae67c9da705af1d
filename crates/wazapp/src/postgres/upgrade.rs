//! The cluster made anew by a newer major version of PostgreSQL, beside the old one, and put in its place.
//!
//! The new one is made in a data directory of its own, `DATA_DIR/upgrade`, so that both can run at the same time, each
//! by its own programs.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::geteuid;

use super::cluster::Cluster;
use super::error::{Context, PostgresError};
use super::lock::DirLock;
use super::{Options, Progress, absolute_data_dir, binaries};
use crate::config::create_data_dir;

/// Where the new cluster is made.
const BESIDE: &str = "upgrade";

/// From one major version to another.
#[derive(Debug)]
pub struct Upgrade {
    data_dir: PathBuf,
    /// What made the cluster that is there.
    pub from: u32,
    /// What makes the new one.
    pub to: u32,
    old_bin: PathBuf,
    new_bin: PathBuf,
}

impl Upgrade {
    /// What is to be done; `None`: no newer version than the cluster's is found. One that was begun goes on with the version that it
    /// was begun with, while that one's programs are there. `old_bin` has the programs of the old version, where they are not in
    /// their usual place.
    pub fn plan(options: &Options, old_bin: Option<&Path>) -> Result<Option<Self>, PostgresError> {
        let data_dir = absolute_data_dir(&options.data_dir)?;
        let cluster = Cluster::in_data_dir(&data_dir);
        cluster.refuse_other_owner()?;
        let Some(from) = cluster.major()? else { return Ok(None) };
        let found = binaries::all([old_bin, options.postgres_bin.as_deref()].into_iter().flatten());
        let begun = Cluster::in_data_dir(&data_dir.join(BESIDE)).major()?;
        let newer = found.iter().filter(|(major, _)| *major > from);
        let new = newer.max_by_key(|(major, _)| (Some(*major) == begun, *major));
        let Some((to, new_bin)) = new.cloned() else { return Ok(None) };
        let Some((_, old_bin)) = found.into_iter().find(|(major, _)| *major == from) else {
            return Err(PostgresError::NoOldPrograms { cluster: cluster.path, made_by: from });
        };
        let upgrade = Self { data_dir, from, to, old_bin, new_bin };
        match upgrade.kept().exists() {
            true => Err(PostgresError::InTheWay(upgrade.kept())),
            false => Ok(Some(upgrade)),
        }
    }

    /// The cluster that is there, by its own programs.
    pub fn old_options(&self) -> Options {
        Options { data_dir: self.data_dir.clone(), postgres_bin: Some(self.old_bin.clone()) }
    }

    /// The new one; it belongs to whom the old one's directory belongs to.
    pub fn new_options(&self) -> Result<Options, PostgresError> {
        let beside = self.data_dir.join(BESIDE);
        // One that was begun for another version is nobody's.
        if Cluster::in_data_dir(&beside).major()?.is_some_and(|major| major != self.to) {
            fs::remove_dir_all(&beside).context("remove", &beside)?;
        }
        create_data_dir(&beside).context("create", &beside)?;
        if geteuid().is_root() {
            let owner = fs::metadata(&self.data_dir).context("read", &self.data_dir)?;
            chown(&beside, Some(owner.uid()), Some(owner.gid())).context("chown", &beside)?;
        }
        Ok(Options { data_dir: beside, postgres_bin: Some(self.new_bin.clone()) })
    }

    /// Where the old cluster is kept.
    pub fn kept(&self) -> PathBuf {
        self.data_dir.join(format!("postgres-{}", self.from))
    }

    /// The new cluster takes the old one's place, in one step. Neither runs.
    pub async fn exchange(&self, progress: Progress<'_>) -> Result<(), PostgresError> {
        let _lock = DirLock::for_serve(&self.data_dir, progress).await?;
        let (old, new) = (Cluster::in_data_dir(&self.data_dir), Cluster::in_data_dir(&self.data_dir.join(BESIDE)));
        old.wait_for_end_of_others(progress).await?;
        new.wait_for_end_of_others(progress).await?;
        renameat_with(CWD, &old.path, CWD, &new.path, RenameFlags::EXCHANGE)
            .map_err(std::io::Error::from)
            .context("exchange", &old.path)?;
        sync(&self.data_dir)?;
        put_away(&self.data_dir, self.from)
    }
}

/// An upgrade that was killed behind the exchange left the old cluster where the new one was made. Answers its version.
pub fn finish(options: &Options) -> Result<Option<u32>, PostgresError> {
    let data_dir = absolute_data_dir(&options.data_dir)?;
    let beside = data_dir.join(BESIDE);
    let made_by = if beside.is_dir() { Cluster::in_data_dir(&beside).major()? } else { None };
    match (made_by, Cluster::in_data_dir(&data_dir).major()?) {
        (Some(old), Some(new)) if old < new => put_away(&data_dir, old).map(|()| Some(old)),
        _ => Ok(None),
    }
}

fn put_away(data_dir: &Path, major: u32) -> Result<(), PostgresError> {
    let (beside, kept) = (data_dir.join(BESIDE), data_dir.join(format!("postgres-{major}")));
    let old = Cluster::in_data_dir(&beside);
    fs::rename(&old.path, &kept).context("rename", &old.path)?;
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).context("remove", &beside),
        _ => {}
    }
    sync(data_dir)
}

fn sync(directory: &Path) -> Result<(), PostgresError> {
    File::open(directory).and_then(|directory| directory.sync_all()).context("sync", directory)
}

/// Lines that somebody added to a cluster's settings below ours.
pub fn own_settings(cluster: &Path) -> Vec<String> {
    let text = fs::read_to_string(cluster.join("postgresql.conf")).unwrap_or_default();
    let below = text.split_once("include 'wazapp.conf'").map_or("", |(_, below)| below);
    let lines = below.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}
