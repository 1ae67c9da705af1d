//! Backups made by themselves: one server at a time makes the one that is due, and takes away those that are too many.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use model::backup::schedule;
use model::store::Store;
use model::store::shelf::Shelf;
use model::{Clock, Database};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{BackupError, Made, Recipients, Result, Source, make};
use crate::rounds::Every;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(60);

/// How often a server that is at it says so.
const BEAT: Duration = Duration::from_secs(30);

/// What a name begins and ends with.
const BEFORE: &str = "wazapp-";
const BEHIND: &str = ".age";

/// Reads the secrets that go into a backup.
pub type Keys = Arc<dyn Fn() -> io::Result<Vec<(String, SecretString)>> + Send + Sync>;

/// What is made, and when.
#[derive(Clone)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// Where media are.
    pub store: Store,
    /// Where backups go.
    pub to: Shelf,
    /// Who can open them.
    pub recipients: Recipients,
    /// From one to the next.
    pub every: SignedDuration,
    /// So many are kept.
    pub keep: usize,
    /// Secrets that go into them.
    pub keys: Keys,
    /// This version.
    pub version: &'static str,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({})", self.to)
    }
}

/// What a backup of this time is called, so that names are in the order of time.
pub fn name(now: Timestamp) -> String {
    format!("{BEFORE}{}{BEHIND}", now.strftime("%Y%m%dT%H%M%SZ"))
}

fn is_name(name: &str) -> bool {
    let time = name.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(BEHIND));
    time.is_some_and(|time| {
        time.len() == 16 && time.chars().all(|char| char.is_ascii_digit() || char == 'T' || char == 'Z')
    })
}

/// Runs until the token is cancelled.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let every = Every::new(LOOK);
    loop {
        if let Err(error) = round(&database, &settings, &stop).await {
            tracing::warn!(%error, "the backup that is due could not be looked after; it is tried again in a minute");
        }
        if !every.next(&stop).await {
            return;
        }
    }
}

/// Makes the backup that is due. `true`: there was one.
pub async fn round(database: &Database, settings: &Settings, stop: &CancellationToken) -> Result<bool> {
    let (now, to) = (settings.clock.now(), &settings.to);
    let name = name(now);
    let tx = database.operator().await?;
    let begun = schedule::begin(&tx, now, settings.every, &format!("{to}/{name}")).await?;
    tx.commit_in_job().await?;
    if let Some(id) = begun {
        let done = tokio::select! {
            done = made(database, settings, &name, stop) => done,
            lost = keep_hold(database, settings, id) => Err(lost),
        };
        let ended = done.as_ref().map(|made| made.size).map_err(ToString::to_string);
        let tx = database.operator().await?;
        schedule::end(&tx, settings.clock.now(), id, ended.as_ref().copied().map_err(String::as_str)).await?;
        tx.commit_in_job().await?;
        match done {
            Ok(made) => {
                let ending = &made.ending;
                let (size, rows, files) = (made.size, ending.rows(), ending.files);
                tracing::info!(name, size, rows, files, missing = ending.missing.len(), "a backup was made");
                clear(settings).await?;
            }
            Err(error) => tracing::error!(%error, to = %to, "no backup was made"),
        }
    }
    measure(database).await?;
    Ok(begun.is_some())
}

async fn made(database: &Database, settings: &Settings, name: &str, stop: &CancellationToken) -> Result<Made> {
    let source = Source {
        database,
        store: &settings.store,
        keys: (settings.keys)()?,
        version: settings.version,
        now: settings.clock.now(),
    };
    make(source, (&settings.to, name), &settings.recipients, &|_| {}, stop).await
}

/// Returns when another server took it over, or nobody knows whether one did.
async fn keep_hold(database: &Database, settings: &Settings, id: Uuid) -> BackupError {
    loop {
        tokio::time::sleep(BEAT).await;
        let renewed = async {
            let tx = database.operator().await?;
            let renewed = schedule::renew(&tx, settings.clock.now(), id).await?;
            tx.commit_in_job().await.map(|()| renewed)
        };
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return BackupError::Refused("another server took the backup over".into()),
            Err(error) => tracing::debug!(%error, "that a backup is under way could not be said"),
        }
    }
}

/// Takes away the oldest of those that were made by themselves.
async fn clear(settings: &Settings) -> Result<()> {
    let mut there = settings.to.list().await?;
    there.retain(|shelved| is_name(&shelved.name));
    for shelved in &there[..there.len().saturating_sub(settings.keep)] {
        settings.to.remove(&shelved.name).await?;
        tracing::info!(name = shelved.name, "an old backup was taken away");
    }
    Ok(())
}

async fn measure(database: &Database) -> Result<()> {
    let tx = database.operator().await?;
    let standing = schedule::standing(&tx).await?;
    tx.close();
    #[expect(clippy::cast_precision_loss, reason = "a time of this century")]
    gauge!("wazapp_backup_made_timestamp_seconds").set(standing.made_at.map_or(0, Timestamp::as_second) as f64);
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    gauge!("wazapp_backup_size_bytes").set(standing.size.unwrap_or(0) as f64);
    gauge!("wazapp_backup_failed").set(if standing.failed.is_some() { 1.0 } else { 0.0 });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_taken_away() {
        let of = name("2026-11-29T23:05:09Z".parse().expect("a time"));
        assert_eq!(of, "wazapp-20261129T230509Z.age");
        assert!(is_name(&of) && !is_name("wazapp-before-upgrade.age") && !is_name("other.age"));
    }
}
