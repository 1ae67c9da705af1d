//! How long media are kept, and how they go: first nothing refers to a file, then its row says that it is leaving, then
//! its bytes go, then its row. A crash in between leaves a row that says so, and nothing that could be read.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{Operator, Result};
use crate::scope::Scope;
use crate::trouble::Trouble;

/// A file that somebody brought less than so long ago may be about to be referred to.
pub const NEW: SignedDuration = SignedDuration::from_hours(24);

/// Lets go of media past their organization's retention; answers how many.
pub async fn any_organization_expire(tx: &Operator, now: Timestamp) -> Result<i64> {
    let row = tx
        .query_opt(
            "WITH gone AS (
               UPDATE wazapp.media d SET state = 'expired', file = NULL, error = $2::text::json
               FROM wazapp.organization o
               WHERE o.media_retention_days IS NOT NULL AND d.organization_id = o.id AND d.state = 'stored'
                 AND d.fetched_at < $1::timestamptz - make_interval(days => o.media_retention_days)
               RETURNING d.id)
             SELECT count(*) FROM gone",
            &[&now, &Trouble::past_retention().json()],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Marks files that nothing refers to any more as leaving; answers how many.
pub async fn any_organization_mark(tx: &Operator, now: Timestamp, most: i64) -> Result<i64> {
    let row = tx
        .query_opt(
            "WITH unused AS (
               SELECT f.organization_id, f.sha256 FROM wazapp.file f
               WHERE f.deleted_at IS NULL AND f.touched_at < $2
                 AND NOT EXISTS (SELECT FROM wazapp.media d WHERE d.organization_id = f.organization_id AND d.file = f.sha256)
                 AND NOT EXISTS (SELECT FROM wazapp.file t WHERE t.organization_id = f.organization_id
                                   AND t.thumbnail = f.sha256 AND t.sha256 <> f.sha256)
               LIMIT $3 FOR NO KEY UPDATE OF f SKIP LOCKED),
             marked AS (
               UPDATE wazapp.file f SET deleted_at = $1, thumbnail_at = NULL FROM unused
               WHERE f.organization_id = unused.organization_id AND f.sha256 = unused.sha256 RETURNING f.sha256)
             SELECT count(*) FROM marked",
            &[&now, &(now - NEW), &most],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// The file that is leaving and has waited longest. It is the caller's until the transaction ends: its bytes go in that
/// time, and nobody brings the same ones, or deletes those that somebody brought again since.
pub async fn any_organization_next_leaving(tx: &Operator, now: Timestamp) -> Result<Option<(Scope, String)>> {
    let row = tx
        .query_opt(
            "SELECT organization_id, sha256 FROM wazapp.file WHERE deleted_at <= $1
             ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED",
            &[&now],
        )
        .await?;
    Ok(row.map(|row| (Scope::new(row.get(0)), row.get(1))))
}

/// Forgets a file whose bytes are gone.
pub async fn any_organization_forget(tx: &Operator, scope: &Scope, sha256: &str) -> Result<()> {
    tx.query(
        "DELETE FROM wazapp.file WHERE organization_id = $1 AND sha256 = $2 AND deleted_at IS NOT NULL",
        &[&scope.organization_id(), &sha256],
    )
    .await?;
    Ok(())
}

/// Lets a file whose bytes would not go wait, behind those that will.
pub async fn any_organization_stays(tx: &Operator, scope: &Scope, sha256: &str, until: Timestamp) -> Result<()> {
    tx.query(
        "UPDATE wazapp.file SET deleted_at = $3 WHERE organization_id = $1 AND sha256 = $2 AND deleted_at IS NOT NULL",
        &[&scope.organization_id(), &sha256, &until],
    )
    .await?;
    Ok(())
}

/// Marks what lies in the store under an organization's names that no row knows as leaving; answers how many. From then
/// on nobody puts the same bytes there until they are gone.
pub async fn any_organization_adopt(
    tx: &Operator,
    now: Timestamp,
    organization_id: Uuid,
    names: Vec<String>,
) -> Result<i64> {
    let row = tx
        .query_opt(
            "WITH adopted AS (
               INSERT INTO wazapp.file (organization_id, sha256, size, touched_at, deleted_at)
               SELECT $1::uuid, name, 0, $3::timestamptz, $3 FROM unnest($2::text[]) AS k (name)
               ON CONFLICT (organization_id, sha256) DO NOTHING RETURNING sha256)
             SELECT count(*) FROM adopted",
            &[&organization_id, &names, &now],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}
