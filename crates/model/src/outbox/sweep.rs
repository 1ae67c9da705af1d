//! What nobody comes back for: leases that ended, deadlines that passed, rows that are over.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use super::Refused;
use super::settle::{Outcome, Settled};
use crate::database::{Operator, Result};

/// A look takes at most so many.
const MOST: i64 = 200;

/// A message whose fate is unknown is looked for this long after its deadline.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A repeated request is known this long.
const REPEATABLE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Messages whose claimer never came back, and those still queued at their deadline, for
/// [`any_organization_settle`](super::any_organization_settle).
pub async fn any_organization_overdue(tx: &Operator, now: Timestamp) -> Result<Vec<Settled>> {
    let mut overdue = Vec::new();
    for (statement, outcome) in [
        (
            "SELECT organization_id, message_id, number_id, recipient, fence FROM wazapp.outbox
             WHERE state = 'sending' AND lease_until <= $1 ORDER BY lease_until LIMIT $2",
            Outcome::LeaseEnded,
        ),
        (
            "SELECT organization_id, message_id, number_id, recipient, fence FROM wazapp.outbox
             WHERE state <> 'sending' AND state = 'queued' AND deadline <= $1 ORDER BY deadline LIMIT $2",
            Outcome::DeadlinePassed,
        ),
    ] {
        let rows = tx.query(statement, &[&now, &MOST]).await?;
        overdue.extend(rows.iter().map(|row| settled(row, outcome.clone())));
    }
    Ok(overdue)
}

fn settled(row: &Row, outcome: Outcome) -> Settled {
    Settled {
        organization_id: row.get("organization_id"),
        message_id: row.get("message_id"),
        number_id: row.get("number_id"),
        recipient: row.get("recipient"),
        fence: row.get("fence"),
        refused: Refused::default(),
        token_mark: None,
        outcome,
        pause: None,
    }
}

/// Removes what is over: cancelled messages' rows, those whose fate was never learnt, paces of the past, keys that no
/// repeat uses any more.
pub async fn any_organization_sweep(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query(
        "DELETE FROM wazapp.outbox WHERE state <> 'sending' AND (state = 'cancelled' OR state = 'unknown' AND deadline <= $1)",
        &[&(now - KEPT)],
    )
    .await?;
    tx.query("DELETE FROM wazapp.pair_pace WHERE next_at < $1", &[&(now - SignedDuration::from_hours(1))]).await?;
    tx.query("DELETE FROM wazapp.idempotency_key WHERE created_at < $1", &[&(now - REPEATABLE)]).await?;
    Ok(())
}

/// How much waits, for operators.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// Messages that should have left by now.
    pub waiting: i64,
    /// Messages whose fate is unknown.
    pub unknown: i64,
    /// How long the oldest of the waiting has been due.
    pub age: SignedDuration,
}

/// How much waits, over all organizations.
pub async fn any_organization_backlog(tx: &Operator, now: Timestamp) -> Result<Backlog> {
    let row = tx
        .query_opt(
            "SELECT count(*) FILTER (WHERE state = 'queued' AND due_at <= $1) AS waiting,
                    count(*) FILTER (WHERE state = 'unknown') AS unknown,
                    min(due_at) FILTER (WHERE state = 'queued' AND due_at <= $1) AS oldest
             FROM wazapp.outbox WHERE state <> 'sending'",
            &[&now],
        )
        .await?;
    Ok(row.map_or_else(Backlog::default, |row| Backlog {
        waiting: row.get("waiting"),
        unknown: row.get("unknown"),
        age: row.get::<_, Option<Timestamp>>("oldest").map_or(SignedDuration::ZERO, |at| now.duration_since(at)),
    }))
}
