//! What was restored from a backup, and whether it may speak to the world yet.
//!
//! A backup is older than what the server that it was made of did since: what waits in it may have been sent. So nothing leaves
//! a restored server until a person says so. Each look for what is to leave asks `is_held` first, a statement of its own: in theirs,
//! a table of one node would stand beside tables that may be spread.

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Operator, Param, Result};

/// A restored database that was not released yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// When the backup was made.
    pub made_at: Timestamp,
    /// When it was restored.
    pub restored_at: Timestamp,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// Messages that are to be sent now or later.
    pub messages: i64,
    /// Of these, those whose time has come.
    pub due: i64,
    /// Calls to endpoints that wait.
    pub deliveries: i64,
    /// Mail to people.
    pub mails: i64,
}

/// Whether nothing may leave: what was restored is not released, or everything is or goes elsewhere, and leaves from there.
pub(crate) async fn is_held(tx: &Operator) -> Result<bool> {
    let held = "SELECT FROM wazapp.restoration WHERE released_at IS NULL
                UNION ALL SELECT FROM wazapp.relocation WHERE side = 'from' AND cancelled_at IS NULL";
    let row = tx.query_opt(held, &[]).await?;
    Ok(row.is_some())
}

/// Whether anything is held; `None`: no.
pub async fn held(tx: &Operator) -> Result<Option<Held>> {
    let row =
        tx.query_opt("SELECT made_at, restored_at FROM wazapp.restoration WHERE released_at IS NULL", &[]).await?;
    Ok(row.map(|row| Held { made_at: row.get(0), restored_at: row.get(1) }))
}

/// What would leave if it were released.
pub async fn any_organization_waiting(tx: &Operator, now: Timestamp) -> Result<Waiting> {
    let count = async |sql: &str, params: &[&dyn Param]| -> Result<i64> {
        Ok(tx.query_opt(sql, params).await?.map_or(0, |row| row.get(0)))
    };
    Ok(Waiting {
        messages: count("SELECT count(*) FROM wazapp.outbox WHERE state = 'queued' AND deadline > $1", &[&now]).await?,
        due: count(
            "SELECT count(*) FROM wazapp.outbox WHERE state = 'queued' AND deadline > $1 AND send_at <= $1",
            &[&now],
        )
        .await?,
        deliveries: count("SELECT count(*) FROM wazapp.delivery WHERE state IN ('waiting', 'calling')", &[]).await?,
        mails: count("SELECT count(*) FROM wazapp.mail WHERE sent_at IS NULL AND given_up_at IS NULL", &[]).await?,
    })
}

/// What was queued when the backup was made is sent no more: its deadline is now, as which it fails. Answers how much it was.
pub async fn any_organization_drop_queued(tx: &Operator, held: Held, now: Timestamp) -> Result<usize> {
    let dropped = tx
        .query(
            "UPDATE wazapp.outbox SET deadline = $2 WHERE state = 'queued' AND deadline > $2 AND message_id IN (
               SELECT m.id FROM wazapp.message m WHERE m.organization_id = outbox.organization_id
                 AND m.id = outbox.message_id AND m.received_at <= $1)
             RETURNING message_id",
            &[&held.made_at, &now],
        )
        .await?;
    Ok(dropped.len())
}

/// From now on nothing leaves: the database was brought back to this time by other means.
pub async fn hold(tx: &Operator, as_of: Timestamp, now: Timestamp) -> Result<()> {
    release(tx, now).await?;
    tx.query(
        "INSERT INTO wazapp.restoration (id, made_at, restored_at) VALUES ($1, $2, $3)",
        &[&Uuid::now_v7(), &as_of, &now],
    )
    .await?;
    Ok(())
}

/// What waits may leave. `false`: nothing was held.
pub async fn release(tx: &Operator, now: Timestamp) -> Result<bool> {
    let released = tx
        .query("UPDATE wazapp.restoration SET released_at = $1 WHERE released_at IS NULL RETURNING id", &[&now])
        .await?;
    Ok(!released.is_empty())
}
