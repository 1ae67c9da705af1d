//! Files in the store: the same bytes once an organization.
//!
//! A row is there before its bytes and goes after them, so no bytes lie about that nobody knows of; and media refer to it
//! only when its bytes are there. [`keep`] does the first two in their order.

pub mod ending;

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{CommitError, Database, DatabaseError, Operator, Result, Tenant};
use crate::quota::{self, Quota};
use crate::scope::Scope;
use crate::store::{StoreError, Writing, Written};

/// Bytes in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Hexadecimal, in lower case: its name.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    /// As its first bytes say; `None`: they say nothing.
    pub mime_type: Option<String>,
}

/// Why bytes were not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The same bytes are being deleted at this moment: the same, a little later, works.
    #[error("the same file is being deleted: try again in a minute")]
    Leaving,
}

/// Puts the bytes that were pushed in their place, under a row that says so. A picture gets a thumbnail later.
pub async fn keep(database: &Database, scope: &Scope, writing: Writing, now: Timestamp) -> Result<File, KeepError> {
    keep_written(database, scope, writing.finish().await?, now).await
}

/// The same for bytes whose hash was looked at first.
pub async fn keep_written(
    database: &Database,
    scope: &Scope,
    written: Written,
    now: Timestamp,
) -> Result<File, KeepError> {
    let pictured = sniff(&written.head).is_some_and(has_thumbnail);
    place(database, scope, written, now, New { thumbnail_at: pictured.then_some(now), is_measured: true }).await
}

/// The same for a thumbnail, which needs none of its own, and is small: who had room for a picture has room for it.
pub async fn keep_thumbnail(
    database: &Database,
    scope: &Scope,
    writing: Writing,
    now: Timestamp,
) -> Result<File, KeepError> {
    place(database, scope, writing.finish().await?, now, New { thumbnail_at: None, is_measured: false }).await
}

/// How a file that is new is written down.
struct New {
    /// When its thumbnail is to be made.
    thumbnail_at: Option<Timestamp>,
    /// Whether it is refused where its organization has no room.
    is_measured: bool,
}

async fn place(
    database: &Database,
    scope: &Scope,
    written: Written,
    now: Timestamp,
    new: New,
) -> Result<File, KeepError> {
    let tx = database.tenant(scope).await?;
    let file = announce(&tx, &written, now, new.thumbnail_at).await?;
    if new.is_measured && file.as_ref().is_some_and(|(_, is_new)| *is_new) {
        quota::check(&tx, now, Quota::MediaBytes).await?;
    }
    // Bytes come behind a row that is certain; a row without bytes is swept.
    tx.commit().await.map_err(CommitError::in_job)?;
    let (file, _) = file.ok_or(KeepError::Leaving)?;
    written.keep().await?;
    Ok(file)
}

/// Says that these bytes will be there; committed before they are. With whether they are new here. `None`: they are being
/// deleted at this moment.
async fn announce(
    tx: &Tenant,
    written: &Written,
    now: Timestamp,
    thumbnail_at: Option<Timestamp>,
) -> Result<Option<(File, bool)>> {
    let mime_type = sniff(&written.head).map(str::to_owned);
    let size = i64::try_from(written.size).unwrap_or(i64::MAX);
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.file AS f (organization_id, sha256, size, mime_type, thumbnail_at, touched_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (organization_id, sha256) DO UPDATE SET touched_at = greatest(f.touched_at, excluded.touched_at)
             WHERE f.deleted_at IS NULL
             -- A row that was there was locked by this statement.
             RETURNING f.sha256, f.xmax = 0 AS is_new",
            &[&tx.organization_id(), &written.sha256.as_str(), &size, &mime_type, &thumbnail_at, &now],
        )
        .await?;
    Ok(row.map(|row| (File { sha256: row.get(0), size, mime_type }, row.get("is_new"))))
}

/// What bytes are, as far as their beginning says; never what somebody claims they are.
pub fn sniff(head: &[u8]) -> Option<&'static str> {
    let found = infer::get(head)?.mime_type();
    Some(match found {
        "audio/opus" => "audio/ogg",
        "audio/m4a" => "audio/mp4",
        "audio/x-wav" => "audio/wav",
        "video/x-m4v" => "video/mp4",
        other => other,
    })
}

/// Whether a browser may show it in its place: pictures, videos and sounds that run no script.
pub fn is_shown(mime_type: &str) -> bool {
    matches!(
        mime_type,
        "image/jpeg"
            | "image/png"
            | "image/webp"
            | "image/gif"
            | "video/mp4"
            | "video/webm"
            | "video/quicktime"
            | "video/3gpp"
            | "audio/aac"
            | "audio/amr"
            | "audio/mpeg"
            | "audio/mp4"
            | "audio/ogg"
            | "audio/wav"
    )
}

/// Whether a thumbnail is made of it.
pub fn has_thumbnail(mime_type: &str) -> bool {
    matches!(mime_type, "image/jpeg" | "image/png" | "image/webp")
}

/// One of the organization's files.
pub async fn get(tx: &Tenant, sha256: &str) -> Result<Option<File>> {
    let row = tx
        .query_opt(
            "SELECT sha256, size, mime_type FROM wazapp.file
             WHERE organization_id = $1 AND sha256 = $2 AND deleted_at IS NULL",
            &[&tx.organization_id(), &sha256],
        )
        .await?;
    Ok(row.map(|row| File { sha256: row.get(0), size: row.get(1), mime_type: row.get(2) }))
}

/// Whether an organization still has a file.
pub async fn is_known(tx: &Operator, organization_id: Uuid, sha256: &str) -> Result<bool> {
    let row = tx
        .query_opt(
            "SELECT FROM wazapp.file WHERE organization_id = $1 AND sha256 = $2 AND deleted_at IS NULL",
            &[&organization_id, &sha256],
        )
        .await?;
    Ok(row.is_some())
}
