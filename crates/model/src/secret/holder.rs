//! Which running servers have which keys. A key begins to seal when all of them have it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ring::{self, NotedKey, Stage};
use super::{KeyId, Keyring};
use crate::clock::Clock;
use crate::database::{Database, Operator, Result};

/// How soon a server has a key that was noted, and shows that it runs.
const EVERY: Duration = Duration::from_secs(2);

/// Rows of servers that died are swept away by the next one that starts.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// This server, among those that open secrets.
#[derive(Debug)]
pub struct Holder {
    id: Uuid,
    name: String,
    database: Database,
    keyring: Keyring,
    clock: Clock,
}

/// A server as others see it.
#[derive(Clone, Debug)]
pub struct SeenHolder {
    /// Of its process.
    pub id: Uuid,
    /// Its machine, process and address.
    pub name: String,
    /// The keys it has.
    pub keys: Vec<KeyId>,
    /// The one that its requests seal with.
    pub seals: Option<KeyId>,
    /// Grows as long as it runs.
    pub beat: i64,
    /// When it last did, by its own clock.
    pub seen_at: Timestamp,
}

/// All servers that run, and those that died a short while ago.
pub async fn list(tx: &Operator) -> Result<Vec<SeenHolder>> {
    let rows =
        tx.query("SELECT id, name, keys, seals, beat, seen_at FROM wazapp.key_holder ORDER BY name, id", &[]).await?;
    let read = |row: &tokio_postgres::Row| SeenHolder {
        id: row.get("id"),
        name: row.get("name"),
        keys: row.get::<_, Vec<&[u8]>>("keys").into_iter().filter_map(KeyId::read).collect(),
        seals: KeyId::read(row.get("seals")),
        beat: row.get("beat"),
        seen_at: row.get("seen_at"),
    };
    Ok(rows.iter().map(read).collect())
}

/// Forgets a server that has not shown itself since that beat. One that still runs comes back by itself.
pub async fn forget(tx: &Operator, seen: &SeenHolder) -> Result<()> {
    tx.query("DELETE FROM wazapp.key_holder WHERE id = $1 AND beat = $2", &[&seen.id, &seen.beat]).await?;
    Ok(())
}

impl Holder {
    /// Notes what this server has. Refused as by [`ring::check`].
    pub async fn join(database: Database, keyring: Keyring, clock: Clock, name: String) -> Result<Self> {
        let holder = Self { id: Uuid::now_v7(), name, database, keyring, clock };
        let tx = holder.database.operator().await?;
        let long_ago = holder.clock.now() - FORGOTTEN_AFTER;
        tx.query("DELETE FROM wazapp.key_holder WHERE seen_at < $1", &[&long_ago]).await?;
        holder.enter(&tx).await?;
        tx.commit_in_job().await?;
        Ok(holder)
    }

    async fn enter(&self, tx: &Operator) -> Result<()> {
        ring::admit(tx, &self.keyring).await?;
        tx.query(
            "INSERT INTO wazapp.key_holder (id, name, keys, seals, seen_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
            &[&self.id, &self.name, &self.keys(), &self.keyring.request_sealer().id().bytes(), &self.clock.now()],
        )
        .await?;
        Ok(())
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        self.keyring.held().iter().map(|id| id.bytes().to_vec()).collect()
    }

    /// Shows that this server runs, and takes up keys that were noted, until the token is cancelled.
    pub async fn keep_current(self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = rounds.tick() => match self.beat().await {
                    Ok(noted) => self.tell(&noted, &mut told),
                    Err(error) => tracing::debug!(%error, "the keys of this server could not be noted"),
                },
            }
        }
        if let Err(error) = self.leave().await {
            tracing::debug!(%error, "that this server has ended could not be noted");
        }
    }

    /// Answers the keys that are noted.
    async fn beat(&self) -> Result<Vec<NotedKey>> {
        let tx = self.database.operator().await?;
        let noted = ring::noted(&tx).await?;
        self.keyring.seek(noted.iter().map(|key| key.id));
        // Before it is shown: what was sealed before is then in a transaction that is still open, or there.
        ring::take_up(&self.keyring, &noted);
        let there = tx
            .query_opt(
                "UPDATE wazapp.key_holder SET beat = beat + 1, keys = $2, seals = $3, seen_at = $4
                 WHERE id = $1 RETURNING id",
                &[&self.id, &self.keys(), &self.keyring.request_sealer().id().bytes(), &self.clock.now()],
            )
            .await?;
        if there.is_none() {
            self.enter(&tx).await?;
        }
        tx.commit_in_job().await?;
        Ok(noted)
    }

    /// Each change once.
    fn tell(&self, noted: &[NotedKey], told: &mut Vec<NotedKey>) {
        if noted == told.as_slice() {
            return;
        }
        for NotedKey { id, stage } in noted {
            match (self.keyring.has(*id), stage) {
                (true, Stage::Coming) => tracing::info!(key = %id, "a new master key is here; it does not seal yet"),
                (true, _) => {}
                (false, Stage::Coming) => tracing::warn!(
                    key = %id,
                    "a new master key is not here: it waits until every server has it (wazapp key-ring status)"
                ),
                (false, stage) => tracing::error!("{}", ring::lacking(&[*id], *stage)),
            }
        }
        *told = noted.to_vec();
    }

    /// This server does not run.
    pub async fn leave(&self) -> Result<()> {
        let tx = self.database.operator().await?;
        tx.query("DELETE FROM wazapp.key_holder WHERE id = $1", &[&self.id]).await?;
        tx.commit_in_job().await
    }
}
