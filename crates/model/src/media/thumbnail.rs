//! The queue of pictures that wait for a thumbnail.

use jiff::{SignedDuration, Timestamp};

use super::fetch::tell;
use crate::database::{CANDIDATES, CommitError, Database, Operator, Pipeline, Result};
use crate::event::{self, Events};
use crate::file::File;
use crate::scope::Scope;

/// How long a claimed picture is the claimer's.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// A picture that takes the process down, or the store with it, is tried so often.
const TRIES: i16 = 3;

/// A new thumbnail is told for at most so many messages: those before have been seen without.
const MOST_TOLD: i64 = 100;

/// A picture that waits for its thumbnail. It is the claimer's until its lease ends.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Opens the owner's rows.
    pub scope: Scope,
    /// Its name.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
}

/// Claims the picture that has waited longest. Of one that no medium shows, the bytes may not be there yet.
pub async fn any_organization_next_picture(tx: &Operator, now: Timestamp) -> Result<Option<Picture>> {
    let due = tx
        .query(
            "SELECT f.organization_id, f.sha256 FROM wazapp.file f
             WHERE f.thumbnail_at <= $1 AND f.deleted_at IS NULL AND EXISTS (
               SELECT FROM wazapp.media d WHERE d.organization_id = f.organization_id AND d.file = f.sha256)
             ORDER BY f.thumbnail_at LIMIT $2",
            &[&now, &CANDIDATES],
        )
        .await?;
    for one in due {
        let (scope, sha256) = (Scope::new(one.get("organization_id")), one.get::<_, String>("sha256"));
        let row = tx
            .query_opt(
                "WITH next AS (
                   SELECT f.sha256 FROM wazapp.file f
                   WHERE f.organization_id = $1 AND f.sha256 = $2 AND f.thumbnail_at <= $3 AND f.deleted_at IS NULL
                   FOR NO KEY UPDATE OF f SKIP LOCKED)
                 UPDATE wazapp.file f SET thumbnail_attempts = f.thumbnail_attempts + 1,
                   -- The last try is not repeated, whatever becomes of it.
                   thumbnail_at = CASE WHEN f.thumbnail_attempts + 1 < $5::smallint THEN $4::timestamptz END
                 FROM next WHERE f.organization_id = $1 AND f.sha256 = next.sha256
                 RETURNING f.size",
                &[&scope.organization_id(), &sha256, &now, &(now + LEASE), &TRIES],
            )
            .await?;
        if let Some(row) = row {
            return Ok(Some(Picture { scope, sha256, size: row.get("size") }));
        }
    }
    Ok(None)
}

/// Gives a claimed picture back, to be tried again after a while: the picture is not to blame, so the try does not count.
pub async fn any_organization_give_back(tx: &Operator, now: Timestamp, picture: &Picture) -> Result<()> {
    tx.query(
        "UPDATE wazapp.file SET thumbnail_attempts = greatest(thumbnail_attempts - 1, 0), thumbnail_at = $3
         WHERE organization_id = $1 AND sha256 = $2 AND thumbnail IS NULL AND deleted_at IS NULL",
        &[&picture.scope.organization_id(), &picture.sha256.as_str(), &(now + LEASE)],
    )
    .await?;
    Ok(())
}

/// Notes a picture's thumbnail, whose bytes are in their place, and tells of it; or that it gets none.
pub async fn any_organization_settle_picture(
    database: &Database,
    now: Timestamp,
    picture: &Picture,
    thumbnail: Option<&File>,
) -> Result<()> {
    let organization_id = picture.scope.organization_id();
    let tx = database.operator().await?;
    let line = event::line_of(&tx, &picture.scope).await?;
    tx.query(
        "UPDATE wazapp.file SET thumbnail = coalesce($3, thumbnail), thumbnail_at = NULL
         WHERE organization_id = $1 AND sha256 = $2",
        &[&organization_id, &picture.sha256.as_str(), &thumbnail.map(|file| file.sha256.as_str())],
    )
    .await?;
    let mut events = Events::default();
    if thumbnail.is_some() {
        let rows = tx
            .query(
                "SELECT message_id FROM wazapp.media
                 WHERE organization_id = $1 AND file = $2 AND message_id IS NOT NULL ORDER BY id DESC LIMIT $3",
                &[&organization_id, &picture.sha256.as_str(), &MOST_TOLD],
            )
            .await?;
        for row in rows {
            tell(&line, &mut events, row.get(0), now).await?;
        }
    }
    let mut pipeline = Pipeline::at(now);
    event::any_organization_record(&mut pipeline, &events);
    tx.finish(pipeline).await.map_err(CommitError::in_job)
}
