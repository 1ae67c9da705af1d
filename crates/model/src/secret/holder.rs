//! Which running servers have which keys. A key begins to seal when all of them have it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ring::{self, NotedKey, Stage};
use super::{KeyId, Keyring};
use crate::clock::Clock;
use crate::database::{Database, Operator, Result};
use crate::relocation::{self, Standing};

/// How soon a server has a key that was noted, and shows that it runs.
const EVERY: Duration = Duration::from_secs(2);

/// Within this a server that runs shows itself, whatever its clock says.
const SHOWS_ITSELF: Duration = EVERY.saturating_mul(3);

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
    media: String,
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

/// A server that was seen to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Its machine, process and address.
    pub name: String,
    /// Where it keeps the bytes of media; `None`: it is of a version that does not say.
    pub media: Option<String>,
}

/// Of a server, its id and how often it has shown itself.
pub(crate) type Beat = (Uuid, i64);

/// Those that show themselves between two looks, and the beats of those that do not; where none is noted nobody waits.
pub(crate) async fn alive(client: &Client) -> Result<(Vec<Alive>, Vec<Beat>)> {
    let before = beats(client).await?;
    if before.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    tokio::time::sleep(SHOWS_ITSELF).await;
    let (mut alive, mut silent) = (Vec::new(), Vec::new());
    for (beat, server) in beats(client).await? {
        match before.iter().any(|(earlier, _)| *earlier == beat) {
            true => silent.push(beat),
            false => alive.push(server),
        }
    }
    Ok((alive, silent))
}

/// Each server that is noted.
async fn beats(client: &Client) -> Result<Vec<(Beat, Alive)>> {
    let there: bool = client.query_one("SELECT to_regclass('wazapp.key_holder') IS NOT NULL", &[]).await?.get(0);
    if !there {
        return Ok(Vec::new());
    }
    // A schema of an older version has no such column.
    let asked = "SELECT id, name, beat, to_jsonb(h) ->> 'media' AS media FROM wazapp.key_holder h ORDER BY name, id";
    let rows = client.query(asked, &[]).await?;
    let read = |row: &tokio_postgres::Row| {
        ((row.get("id"), row.get("beat")), Alive { name: row.get("name"), media: row.get("media") })
    };
    Ok(rows.iter().map(read).collect())
}

/// What a server heard.
enum Heard {
    /// The keys that are noted.
    Keys(Vec<NotedKey>),
    /// Everything is elsewhere: why nothing is served here.
    TakenAway(String),
}

impl Holder {
    /// Notes what this server has, and where it keeps media. Refused as by [`ring::check`].
    pub async fn join(database: Database, keyring: Keyring, clock: Clock, name: String, media: String) -> Result<Self> {
        let holder = Self { id: Uuid::now_v7(), name, database, keyring, clock, media };
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
            "INSERT INTO wazapp.key_holder (id, name, keys, seals, seen_at, media) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO NOTHING",
            &[
                &self.id,
                &self.name,
                &self.keys(),
                &self.keyring.request_sealer().id().bytes(),
                &self.clock.now(),
                &self.media,
            ],
        )
        .await?;
        Ok(())
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        self.keyring.held().iter().map(|id| id.bytes().to_vec()).collect()
    }

    /// Shows that this server runs, and takes up keys that were noted, until the token is cancelled. Where everything moved elsewhere
    /// under it, which no server that is seen lets happen, it says why nothing is served here any more, and ends.
    pub async fn keep_current(self, stop: CancellationToken, taken_away: oneshot::Sender<String>) {
        let mut rounds = tokio::time::interval(EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = rounds.tick() => match self.beat().await {
                    Ok(Heard::Keys(noted)) => self.tell(&noted, &mut told),
                    Ok(Heard::TakenAway(why)) => {
                        let _ = taken_away.send(why);
                        break;
                    }
                    Err(error) => tracing::debug!(%error, "the keys of this server could not be noted"),
                },
            }
        }
        if let Err(error) = self.leave().await {
            tracing::debug!(%error, "that this server has ended could not be noted");
        }
    }

    async fn beat(&self) -> Result<Heard> {
        let tx = self.database.operator().await?;
        let standing = relocation::standing_held(&tx).await?;
        // A place that is only being left may be served on.
        if let (Standing::Left(_) | Standing::Arriving(_), Some(why)) = (&standing, standing.refusal()) {
            tx.close();
            return Ok(Heard::TakenAway(why));
        }
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
        Ok(Heard::Keys(noted))
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
