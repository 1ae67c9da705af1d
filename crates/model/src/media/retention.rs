//! How long media are kept, and how they go: first nothing refers to a file, then its row says that it is leaving, then
//! its bytes go, then its row. A crash in between leaves a row that says so, and nothing that could be read.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{CANDIDATES, Operator, Result};
use crate::scope::Scope;
use crate::trouble::Trouble;

/// A file that somebody brought less than so long ago may be about to be referred to.
pub const NEW: SignedDuration = SignedDuration::from_hours(24);

/// Lets go of media past their organization's retention; answers how many.
pub async fn any_organization_expire(tx: &Operator, now: Timestamp) -> Result<i64> {
    let keepers = tx
        .query(
            "SELECT id, media_retention_days FROM wazapp.organization WHERE media_retention_days IS NOT NULL ORDER BY id",
            &[],
        )
        .await?;
    let mut expired = 0;
    for keeper in keepers {
        let (organization_id, days): (Uuid, i32) = (keeper.get("id"), keeper.get("media_retention_days"));
        let kept = SignedDuration::from_hours(24 * i64::from(days));
        // Nothing was fetched before that.
        let since = now.checked_sub(kept).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH);
        let row = tx
            .query_opt(
                "WITH gone AS (
                   UPDATE wazapp.media SET state = 'expired', file = NULL, error = $3::text::json
                   WHERE organization_id = $1 AND state = 'stored' AND fetched_at < $2 RETURNING id)
                 SELECT count(*) FROM gone",
                &[&organization_id, &since, &Trouble::past_retention().json()],
            )
            .await?;
        expired += row.map_or(0, |row| row.get(0));
    }
    Ok(expired)
}

/// A file `f` that nobody brought since a time and that nothing refers to.
macro_rules! unused {
    ($since:literal) => {
        concat!(
            "f.deleted_at IS NULL AND f.touched_at < ",
            $since,
            " AND NOT EXISTS (SELECT FROM wazapp.media d WHERE d.organization_id = f.organization_id AND d.file = f.sha256)
              AND NOT EXISTS (SELECT FROM wazapp.file t WHERE t.organization_id = f.organization_id
                                AND t.thumbnail = f.sha256 AND t.sha256 <> f.sha256)"
        )
    };
}

/// Marks files that nothing refers to any more as leaving; answers how many.
pub async fn any_organization_mark(tx: &Operator, now: Timestamp, most: i64) -> Result<i64> {
    let unused = tx
        .query(
            concat!(
                "SELECT f.organization_id, array_agg(f.sha256) AS files FROM (
                   SELECT f.organization_id, f.sha256 FROM wazapp.file f WHERE ",
                unused!("$1"),
                " LIMIT $2) f GROUP BY f.organization_id"
            ),
            &[&(now - NEW), &most],
        )
        .await?;
    let mut marked = 0;
    for of_one in unused {
        let (organization_id, files): (Uuid, Vec<String>) = (of_one.get("organization_id"), of_one.get("files"));
        let row = tx
            .query_opt(
                concat!(
                    "WITH unused AS (
                       SELECT f.sha256 FROM wazapp.file f
                       WHERE f.organization_id = $2 AND f.sha256 = ANY ($3) AND ",
                    unused!("$1"),
                    " FOR NO KEY UPDATE OF f SKIP LOCKED),
                     marked AS (
                       UPDATE wazapp.file f SET deleted_at = $4, thumbnail_at = NULL FROM unused
                       WHERE f.organization_id = $2 AND f.sha256 = unused.sha256 RETURNING f.sha256)
                     SELECT count(*) FROM marked"
                ),
                &[&(now - NEW), &organization_id, &files, &now],
            )
            .await?;
        marked += row.map_or(0, |row| row.get(0));
    }
    Ok(marked)
}

/// The file that is leaving and has waited longest. It is the caller's until the transaction ends: its bytes go in that
/// time, and nobody brings the same ones, or deletes those that somebody brought again since.
pub async fn any_organization_next_leaving(tx: &Operator, now: Timestamp) -> Result<Option<(Scope, String)>> {
    let due = tx
        .query(
            "SELECT organization_id, sha256 FROM wazapp.file WHERE deleted_at <= $1 ORDER BY deleted_at LIMIT $2",
            &[&now, &CANDIDATES],
        )
        .await?;
    for one in due {
        let (scope, sha256) = (Scope::new(one.get("organization_id")), one.get::<_, String>("sha256"));
        let row = tx
            .query_opt(
                "SELECT FROM wazapp.file WHERE organization_id = $1 AND sha256 = $2 AND deleted_at <= $3
                 FOR UPDATE SKIP LOCKED",
                &[&scope.organization_id(), &sha256, &now],
            )
            .await?;
        if row.is_some() {
            return Ok(Some((scope, sha256)));
        }
    }
    Ok(None)
}

/// The next of an organization's files that are leaving, but for these; one that another node is letting go is waited for.
pub async fn any_organization_leaving(tx: &Operator, scope: &Scope, but: Vec<String>) -> Result<Option<String>> {
    let row = tx
        .query_opt(
            "SELECT sha256 FROM wazapp.file WHERE organization_id = $1 AND deleted_at IS NOT NULL AND sha256 <> ALL ($2)
             ORDER BY deleted_at LIMIT 1 FOR UPDATE",
            &[&scope.organization_id(), &but],
        )
        .await?;
    Ok(row.map(|row| row.get("sha256")))
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
