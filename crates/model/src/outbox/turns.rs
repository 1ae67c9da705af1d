//! Which numbers have something to send, the one that waits longest first.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::claim::AHEAD;
use crate::database::{Engine, Operator, Param, Result};
use crate::restoration;

/// A look names at most so many numbers: whoever comes later waits for so many claims.
const TURNS: i64 = 64;

/// A number that has something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// The owner.
    pub organization_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Whether that may be bulk. What goes before bulk is looked for in any case.
    pub bulk: bool,
}

impl Turn {
    /// Whatever the number has.
    pub fn of(organization_id: Uuid, number_id: Uuid) -> Self {
        Self { organization_id, number_id, bulk: true }
    }
}

/// Whether other numbers may have something to send now too.
pub fn are_more_turns(turns: &[Turn]) -> bool {
    i64::try_from(turns.len()).unwrap_or(i64::MAX) >= TURNS
}

/// Of the numbers that `$waiting` names, those from which something may leave now.
macro_rules! turns {
    ($waiting:literal) => {
        concat!(
            $waiting,
            " SELECT p.organization_id, p.number_id, due.bulk FROM waiting w
             JOIN wazapp.number_pace p ON p.organization_id = w.organization_id AND p.number_id = w.number_id
             JOIN wazapp.number n ON n.organization_id = p.organization_id AND n.id = p.number_id
             CROSS JOIN LATERAL (SELECT
               EXISTS (SELECT FROM wazapp.outbox q WHERE q.organization_id = p.organization_id
                         AND q.number_id = p.number_id AND q.state = 'queued' AND NOT q.bulk
                         AND q.send_at <= $1 AND q.deadline > $1) AS plain,
               (p.bulk_paused_until IS NULL OR p.bulk_paused_until <= $1)
                 AND EXISTS (SELECT FROM wazapp.outbox q WHERE q.organization_id = p.organization_id
                         AND q.number_id = p.number_id AND q.state = 'queued' AND q.bulk
                         AND q.send_at <= $1 AND q.deadline > $1) AS bulk) due
             WHERE n.status = 'connected' AND (p.paused_until IS NULL OR p.paused_until <= $1 OR p.probe_at <= $1)
               AND (p.held_until IS NULL OR p.held_until <= $1)
               AND p.next_at < $3 AND p.number_id <> ALL ($2) AND (due.plain OR due.bulk)
             ORDER BY p.served_at LIMIT $4"
        )
    };
}

/// From number to number along the index, past all that waits of each: ten thousand of one are one step. One look says
/// that nothing is due anywhere, which is most of the time.
const TURNS_BY_INDEX: &str = turns!(
    "WITH RECURSIVE waiting AS (
       (SELECT organization_id, number_id FROM wazapp.outbox
        WHERE state = 'queued' AND EXISTS (SELECT FROM wazapp.outbox WHERE state = 'queued' AND send_at <= $1)
        ORDER BY organization_id, number_id LIMIT 1)
       UNION ALL
       SELECT next.organization_id, next.number_id FROM waiting w CROSS JOIN LATERAL (
         SELECT o.organization_id, o.number_id FROM wazapp.outbox o
         WHERE o.state = 'queued' AND (o.organization_id, o.number_id) > (w.organization_id, w.number_id)
         ORDER BY o.organization_id, o.number_id LIMIT 1) next)"
);

/// Citus follows no recursion from shard to shard: all that is due is read.
const TURNS_ON_CITUS: &str = turns!(
    "WITH waiting AS (
       SELECT DISTINCT organization_id, number_id FROM wazapp.outbox WHERE state = 'queued' AND send_at <= $1)"
);

/// The numbers from which something may leave now, the one that was served longest ago first; `full` are passed over.
pub async fn any_organization_turns(tx: &Operator, now: Timestamp, full: &[Uuid]) -> Result<Vec<Turn>> {
    let turns = match tx.engine() {
        Engine::PostgreSql => TURNS_BY_INDEX,
        Engine::Citus => TURNS_ON_CITUS,
    };
    let (full, ahead) = (full.to_vec(), now + AHEAD);
    let params: [&dyn Param; 4] = [&now, &full, &ahead, &TURNS];
    let (is_held, rows) = futures::try_join!(restoration::is_held(tx), tx.query(turns, &params))?;
    let turn = |row: &Row| Turn {
        organization_id: row.get("organization_id"),
        number_id: row.get("number_id"),
        bulk: row.get("bulk"),
    };
    Ok(if is_held { Vec::new() } else { rows.iter().map(turn).collect() })
}
