//! The beginning of the event log moves on.

use jiff::{SignedDuration, Timestamp};

use super::Step;
use crate::database::{Operator, Result};
use crate::scope::Scope;

/// Notes how far every log has come, once a day and where it went on: what stands there now was recorded before now.
pub async fn any_organization_mark(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.event_mark (organization_id, at, last)
         SELECT s.organization_id, $1, s.last FROM wazapp.organization_sequence s
         LEFT JOIN LATERAL (SELECT m.at, m.last FROM wazapp.event_mark m WHERE m.organization_id = s.organization_id
                            ORDER BY m.at DESC LIMIT 1) m ON true
         WHERE s.last > coalesce(m.last, 0) AND coalesce(m.at <= $2, true)
         ON CONFLICT (organization_id, at) DO NOTHING",
        &[&now, &(now - SignedDuration::from_hours(24))],
    )
    .await?;
    Ok(())
}

/// Lets the oldest events of a log go, those recorded before this time, at most so many; answers how many. Numbers have no
/// gap, so they go by their numbers, and no index but the key is asked.
pub async fn any_organization_drop_events(tx: &Operator, scope: &Scope, before: Timestamp, most: i64) -> Result<Step> {
    let organization_id = scope.organization_id();
    // Whoever moves the beginning holds this row: of two nodes one goes on where the other ended.
    let row = tx
        .query_opt(
            "UPDATE wazapp.retention r SET oldest_event = least(m.last + 1, r.oldest_event + $3)
             FROM (SELECT last FROM wazapp.event_mark WHERE organization_id = $1 AND at <= $2 ORDER BY at DESC LIMIT 1) m
             WHERE r.organization_id = $1 AND r.oldest_event <= m.last
             RETURNING r.oldest_event",
            &[&organization_id, &before, &most],
        )
        .await?;
    let Some(row) = row else { return forget_marks(tx, scope, before).await };
    let oldest: i64 = row.get("oldest_event");
    let row = tx
        .query_opt(
            "WITH gone AS (
               DELETE FROM wazapp.event WHERE organization_id = $1 AND sequence < $2 AND sequence >= $2 - $3 RETURNING 1)
             SELECT count(*) AS gone, NULL::timestamptz AS last FROM gone",
            &[&organization_id, &oldest, &most],
        )
        .await?;
    Ok(Step::read(row))
}

/// Of the marks of what went the newest is enough.
async fn forget_marks(tx: &Operator, scope: &Scope, before: Timestamp) -> Result<Step> {
    tx.query(
        "DELETE FROM wazapp.event_mark m WHERE m.organization_id = $1 AND m.at < (
           SELECT max(n.at) FROM wazapp.event_mark n WHERE n.organization_id = $1 AND n.at <= $2)",
        &[&scope.organization_id(), &before],
    )
    .await?;
    Ok(Step::default())
}
