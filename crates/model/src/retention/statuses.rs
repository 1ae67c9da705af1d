//! The histories of statuses lose their old updates. What a message shows stays.

use jiff::Timestamp;

use super::Step;
use crate::database::{Operator, Result};
use crate::scope::Scope;

/// Lets updates go that were received before this time, the oldest first, at most so many. One that a batch is changing
/// just now waits for the next round, so that nobody waits crosswise.
pub async fn any_organization_drop_statuses(
    tx: &Operator,
    scope: &Scope,
    before: Timestamp,
    from: Timestamp,
    most: i64,
) -> Result<Step> {
    let row = tx
        .query_opt(
            "WITH past AS (
               SELECT number_id, wamid, status, participant, timestamp, received_at FROM wazapp.status
               WHERE organization_id = $1 AND received_at < $2 AND received_at >= $3
               ORDER BY received_at LIMIT $4 FOR UPDATE SKIP LOCKED),
             gone AS (
               DELETE FROM wazapp.status s USING past
               WHERE s.organization_id = $1 AND s.number_id = past.number_id AND s.wamid = past.wamid
                 AND s.status = past.status AND s.participant = past.participant AND s.timestamp = past.timestamp
               RETURNING s.received_at),
             counted AS (SELECT count(*) AS gone, max(received_at) AS last FROM gone),
             told AS (
               UPDATE wazapp.retention SET statuses_gone = statuses_gone + counted.gone FROM counted
               WHERE organization_id = $1 AND counted.gone > 0)
             SELECT gone, last FROM counted",
            &[&scope.organization_id(), &before, &from, &most],
        )
        .await?;
    Ok(Step::read(row))
}
