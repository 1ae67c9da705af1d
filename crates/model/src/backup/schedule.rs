//! Backups that servers make by themselves: which is due, and how the last ones went. One server at a time is at it.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{Operator, Result};

/// Whoever is at it says so again before this has passed, or another server begins anew.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// After a failure it is tried again so much later, or at the usual time if that is sooner.
const AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// So many are remembered.
const REMEMBERED: i64 = 100;

/// Any number that nobody else locks.
const LOCK: i64 = 0x7761_7a61_6270;

/// How backups went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the newest one that is there was begun: what it holds is of then.
    pub made_at: Option<Timestamp>,
    /// Its bytes.
    pub size: Option<i64>,
    /// When, and why, the last one failed, if none went well since.
    pub failed: Option<(Timestamp, String)>,
}

/// Begins the one that is due; `None`: none is, or another server is at it. Its id is the fence.
pub async fn begin(tx: &Operator, now: Timestamp, every: SignedDuration, name: &str) -> Result<Option<Uuid>> {
    tx.execute(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.backup (id, name, begun_at, lease_until)
             SELECT $1, $2, $3, $4 WHERE NOT EXISTS (
               SELECT FROM wazapp.backup WHERE lease_until > $3
                 OR size IS NOT NULL AND begun_at > $5 OR failure IS NOT NULL AND begun_at > $6)
             RETURNING id",
            &[&Uuid::now_v7(), &name, &now, &(now + LEASE), &(now - every), &(now - every.min(AGAIN))],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Whoever is at it goes on. `false`: another one took it over.
pub async fn renew(tx: &Operator, now: Timestamp, id: Uuid) -> Result<bool> {
    let renewed = tx
        .query_opt(
            "UPDATE wazapp.backup SET lease_until = $2 WHERE id = $1 AND lease_until > $3 RETURNING id",
            &[&id, &(now + LEASE), &now],
        )
        .await?;
    Ok(renewed.is_some())
}

/// How it ended: with so many bytes, or not, for this reason.
pub async fn end(tx: &Operator, now: Timestamp, id: Uuid, done: Result<u64, &str>) -> Result<()> {
    let size = done.ok().map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    tx.query(
        "UPDATE wazapp.backup SET lease_until = NULL, ended_at = $2, size = $3, failure = $4 WHERE id = $1",
        &[&id, &now, &size, &done.err()],
    )
    .await?;
    tx.query(
        "DELETE FROM wazapp.backup WHERE lease_until IS NULL AND id NOT IN (
           SELECT id FROM wazapp.backup ORDER BY begun_at DESC LIMIT $1)",
        &[&REMEMBERED],
    )
    .await?;
    Ok(())
}

/// How they went.
pub async fn standing(tx: &Operator) -> Result<Standing> {
    let made = tx
        .query_opt(
            "SELECT begun_at, size FROM wazapp.backup WHERE size IS NOT NULL ORDER BY begun_at DESC LIMIT 1",
            &[],
        )
        .await?;
    let made_at = made.as_ref().map(|row| row.get::<_, Timestamp>("begun_at"));
    let failed = tx
        .query_opt(
            "SELECT begun_at, failure FROM wazapp.backup
             WHERE failure IS NOT NULL AND ($1::timestamptz IS NULL OR begun_at > $1) ORDER BY begun_at DESC LIMIT 1",
            &[&made_at],
        )
        .await?;
    Ok(Standing {
        made_at,
        size: made.and_then(|row| row.get("size")),
        failed: failed.map(|row| (row.get("begun_at"), row.get("failure"))),
    })
}
