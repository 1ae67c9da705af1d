//! Changing the master key while servers run. Each step may be repeated, so that a rotation that was killed goes on wherever
//! it was.
//!
//! 1. The new key comes ([`Rotation::announce`]). It seals nothing; every server takes it up, or is named.
//! 2. When all have it, it seals ([`Rotation::promote`]). A server without it can no longer start.
//! 3. Requests of a server seal with it when the server has seen that ([`Rotation::unaware`]). Transactions that were open
//!    then may still seal under the old one, and are waited for ([`Rotation::stragglers`]).
//! 4. Every value is sealed anew, each in its place if nothing else stands there by then
//!    ([`Rotation::any_organization_reseal`]).
//! 5. The old key goes ([`Rotation::retire`]), which the database refuses as long as any value names it. From then on it
//!    refuses such values.

use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::holder::{self, SeenHolder};
use super::ring;
use super::sealed::{self, Column};
use super::{KeyId, Keyring, Place, Unopenable, mark};
use crate::database::{Connection, Database, DatabaseError, Operator, Result};

/// Any number that nobody else locks.
const LOCK: i64 = 0x7761_7a61_6b65;

/// The one rotation of a database at a time; another may begin when it is dropped, or its process dies.
#[derive(Debug)]
pub struct Rotation {
    database: Database,
    keyring: Keyring,
    // Holds the lock.
    connection: Option<Connection>,
}

/// A sealed value that opens under none of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Where it is.
    pub column: String,
    /// Whose it is; the nil id: the server's.
    pub organization: Uuid,
    /// Its row.
    pub row: String,
}

/// How a pass over all values went.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// How many were sealed anew.
    pub resealed: u64,
    /// What does not open.
    pub stuck: Vec<Stuck>,
}

impl Rotation {
    /// Takes the lock. `None`: another rotation is at work.
    pub async fn begin(database: &Database, keyring: &Keyring) -> Result<Option<Self>> {
        let connection = database.connection().await?;
        let rows = connection.run("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?;
        if !rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
            return Ok(None);
        }
        Ok(Some(Self { database: database.clone(), keyring: keyring.clone(), connection: Some(connection) }))
    }

    /// Notes the key that is to seal. One that was to come before, and is not to any more, is forgotten: it seals nothing.
    pub async fn announce(&self, id: KeyId) -> Result<()> {
        let tx = self.database.operator().await?;
        tx.query("DELETE FROM wazapp.sealing_key WHERE stage = 'coming' AND key_id <> $1", &[&id.bytes()]).await?;
        tx.query(
            "INSERT INTO wazapp.sealing_key (key_id, stage) VALUES ($1, 'coming') ON CONFLICT DO NOTHING",
            &[&id.bytes()],
        )
        .await?;
        tx.commit_in_job().await
    }

    /// Lets a key seal from now on. Answers the servers that do not have it: then nothing was done.
    pub async fn promote(&self, id: KeyId) -> Result<Vec<SeenHolder>> {
        let tx = self.database.operator().await?;
        // Servers that start wait for this, and then need the key.
        tx.query("SELECT key_id FROM wazapp.sealing_key FOR NO KEY UPDATE", &[]).await?;
        let mut lacking = holder::list(&tx).await?;
        lacking.retain(|holder| !holder.keys.contains(&id));
        if !lacking.is_empty() {
            tx.close();
            return Ok(lacking);
        }
        tx.query(
            "UPDATE wazapp.sealing_key SET stage = 'going' WHERE stage = 'seals' AND key_id <> $1",
            &[&id.bytes()],
        )
        .await?;
        tx.query("UPDATE wazapp.sealing_key SET stage = 'seals' WHERE key_id = $1", &[&id.bytes()]).await?;
        tx.commit_in_job().await?;
        Ok(Vec::new())
    }

    /// Servers whose requests do not seal with this key yet.
    pub async fn unaware(&self, id: KeyId) -> Result<Vec<SeenHolder>> {
        let tx = self.database.operator().await?;
        let mut unaware = holder::list(&tx).await?;
        tx.close();
        unaware.retain(|holder| holder.seals != Some(id));
        Ok(unaware)
    }

    /// Transactions that are open in this database, but for this one: they may have asked which key seals before it was
    /// another one.
    pub async fn stragglers(&self) -> Result<Vec<String>> {
        let tx = self.database.operator().await?;
        let rows = tx
            .query(
                "SELECT l.virtualtransaction FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                 WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted
                   AND a.datname = current_database() AND a.usesysid IS NOT NULL AND l.pid <> pg_backend_pid()",
                &[],
            )
            .await?;
        tx.close();
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// How many values are sealed under other keys.
    pub async fn any_organization_left(&self, to: KeyId) -> Result<u64> {
        let tx = self.database.operator().await?;
        let counts = ring::any_organization_counts(&tx).await?;
        tx.close();
        let others = counts.iter().filter(|(_, id, _)| *id != to).map(|(_, _, many)| *many).sum::<i64>();
        Ok(u64::try_from(others).unwrap_or(0))
    }

    /// Goes over all values under other keys once, and seals each under this one. `tell` hears of every value done.
    pub async fn any_organization_reseal(&self, to: KeyId, tell: impl Fn()) -> Result<Pass> {
        let mut pass = Pass::default();
        for column in sealed::COLUMNS.iter().copied() {
            self.reseal_column(column, to, (&mut pass, &tell)).await?;
        }
        Ok(pass)
    }

    async fn reseal_column(&self, column: &Column, to: KeyId, (pass, tell): (&mut Pass, &impl Fn())) -> Result<()> {
        let mut behind = (Uuid::nil(), Uuid::nil());
        loop {
            let tx = self.database.operator().await?;
            let rows = tx.query(&column.select(), &[&to.bytes(), &behind.0, &behind.1]).await?;
            tx.close();
            for row in &rows {
                behind = (row.get("organization_id"), row.get("id"));
                let (row, sealed): (&str, &[u8]) = (row.get("row"), row.get("sealed"));
                let Ok(anew) = self.keyring.reseal(to, column.place(behind.0, row), sealed) else {
                    let (column, organization) = (column.title(), behind.0);
                    pass.stuck.push(Stuck { column, organization, row: row.to_owned() });
                    continue;
                };
                if self.replace(column, behind, (sealed, &anew)).await? {
                    pass.resealed += 1;
                    tell();
                }
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    /// In a transaction of its own, so that nothing waits for more than a row.
    async fn replace(
        &self,
        column: &Column,
        (organization, id): (Uuid, Uuid),
        (before, anew): (&[u8], &[u8]),
    ) -> Result<bool> {
        let tx = self.database.operator().await?;
        let row = tx.query_opt(&column.replace(), &[&organization, &id, &before, &anew]).await?;
        tx.commit_in_job().await?;
        Ok(row.is_some())
    }

    /// Lets go of every key that does not seal, after a look over all sealed columns, and by the leave of the database. False:
    /// some value names one, and nothing was done.
    pub async fn retire(&self, to: KeyId) -> Result<bool> {
        if self.any_organization_left(to).await? > 0 {
            return Ok(false);
        }
        let tx = self.database.operator().await?;
        match retire(&tx, to).await {
            Ok(()) => tx.commit_in_job().await.map(|()| true),
            Err(DatabaseError::Refused(error)) if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

async fn retire(tx: &Operator, to: KeyId) -> Result<()> {
    tx.query("DELETE FROM wazapp.sealing_key WHERE stage = 'going' AND key_id <> $1", &[&to.bytes()]).await?;
    Ok(())
}

impl Drop for Rotation {
    fn drop(&mut self) {
        // The lock is its session's.
        if let Some(connection) = self.connection.take() {
            connection.discard();
        }
    }
}

impl Keyring {
    /// The same secret under another key, with the same mark.
    fn reseal(&self, to: KeyId, place: Place<'_>, sealed: &[u8]) -> std::result::Result<Vec<u8>, Unopenable> {
        let secret = self.open(place, sealed)?;
        let nonce = mark(sealed).expect("what opens has a nonce");
        Ok(self.seal(to, place, &secret, nonce))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretString};

    use super::*;

    /// Whoever remembers a secret by its mark finds it again.
    #[test]
    fn what_is_sealed_anew_is_the_same_secret_with_the_same_mark() {
        let ring = Keyring::new([[2; 32], [1; 32]]);
        let [new, old] = ring.listed()[..] else { panic!("two keys") };
        let place = Place { organization: Uuid::now_v7(), column: "number.token", row: "1" };
        let before = ring.seal(old, place, &SecretString::from("EAA"), super::super::nonce());
        let anew = ring.reseal(new, place, &before).unwrap();
        assert_eq!(mark(&before), mark(&anew));
        assert_ne!(before[28..], anew[28..]);
        assert_eq!(Keyring::new([[2; 32]]).open(place, &anew).unwrap().expose_secret(), "EAA");
    }
}
