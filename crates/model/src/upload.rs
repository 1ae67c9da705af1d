//! Files on their way out: uploaded here, shown by messages, and brought to Meta before a message that shows them leaves.
//!
//! Meta keeps an upload for 30 days and for one account, so what a number uploaded is known here and used again.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Operator, Result, Tenant};
use crate::event;
use crate::file::File;
use crate::media::{self, Media};
use crate::quota::{self, Quota};

/// Used again for this long. Meta keeps it a day longer.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#upload-media>
const USABLE: SignedDuration = SignedDuration::from_hours(29 * 24);

/// A file that a message shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// A JSON Pointer to the object in the message's body whose `id` stands for it: `/image`.
    pub place: String,
    /// Its SHA-256: its name in the store.
    pub file: String,
    /// What Meta is told that it is.
    pub mime_type: String,
    /// As its sender named it.
    pub filename: Option<String>,
    /// Bytes.
    pub size: u64,
}

/// One of the organization's media, as far as a message may show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// `pending`, `stored`, `failed` or `expired`.
    pub state: String,
    /// Its bytes, where they are here to stay.
    pub file: Option<File>,
    /// As its sender said.
    pub mime_type: Option<String>,
    /// As its sender named it.
    pub filename: Option<String>,
}

/// Adds a medium for a file that is in the store, and counts the upload.
pub async fn insert(
    tx: &Tenant,
    now: Timestamp,
    file: &File,
    mime_type: &str,
    filename: Option<&str>,
) -> Result<Media> {
    let id = Uuid::now_v7();
    quota::count(tx, now, Quota::UploadsADay).await?;
    write(tx, now, id, None, (&file.sha256, file.size, mime_type, filename)).await?;
    Ok(media::get(tx, id).await?.expect("it was written just now"))
}

/// Has a message show a file as its own.
pub(crate) async fn attach(tx: &Tenant, now: Timestamp, message_id: Uuid, shown: &Attached) -> Result<()> {
    let size = i64::try_from(shown.size).unwrap_or(i64::MAX);
    let particulars = (shown.file.as_str(), size, shown.mime_type.as_str(), shown.filename.as_deref());
    write(tx, now, Uuid::now_v7(), Some(message_id), particulars).await
}

/// Has a message that leaves show this file as its own, in place of what it showed; it is [held](any_organization_hold).
pub(crate) async fn any_organization_show(
    tx: &Operator,
    now: Timestamp,
    (organization_id, message_id): (Uuid, Uuid),
    shown: Option<&Attached>,
) -> Result<()> {
    tx.query(
        "DELETE FROM wazapp.media WHERE organization_id = $1 AND message_id = $2",
        &[&organization_id, &message_id],
    )
    .await?;
    let Some(shown) = shown else { return Ok(()) };
    let (id, size) = (Uuid::now_v7(), i64::try_from(shown.size).unwrap_or(i64::MAX));
    let (file, mime_type, filename) = (&shown.file, &shown.mime_type, &shown.filename);
    tx.query(WRITE, &[&organization_id, &id, &Some(message_id), mime_type, filename, &size, file, &now]).await?;
    Ok(())
}

/// Has files stay for messages that are about to show them; answers which of them are there.
pub(crate) async fn any_organization_hold(
    tx: &Operator,
    now: Timestamp,
    organization_id: Uuid,
    files: Vec<String>,
) -> Result<HashSet<String>> {
    if files.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = tx
        .query(
            // In one order: two claims may hold the same ones.
            "WITH held AS (
               SELECT f.sha256 FROM wazapp.file f WHERE f.organization_id = $1 AND f.sha256 = ANY ($2) AND f.deleted_at IS NULL
               ORDER BY f.sha256 FOR NO KEY UPDATE)
             UPDATE wazapp.file f SET touched_at = greatest(f.touched_at, $3) FROM held
             WHERE f.organization_id = $1 AND f.sha256 = held.sha256 RETURNING f.sha256",
            &[&organization_id, &files, &now],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

const WRITE: &str = "
    INSERT INTO wazapp.media (organization_id, id, message_id, state, mime_type, filename, size, sha256, file, fetched_at)
    VALUES ($1, $2, $3, 'stored', $4, $5, $6, $7, $7, $8)";

async fn write(
    tx: &Tenant,
    now: Timestamp,
    id: Uuid,
    message_id: Option<Uuid>,
    (file, size, mime_type, filename): (&str, i64, &str, Option<&str>),
) -> Result<()> {
    tx.query(WRITE, &[&tx.organization_id(), &id, &message_id, &mime_type, &filename, &size, &file, &now]).await?;
    Ok(())
}

/// The organization's media with these ids. The files of those that are stored stay for the message that is about to
/// show them.
pub async fn find(tx: &Tenant, now: Timestamp, ids: &[Uuid]) -> Result<HashMap<Uuid, Kept>> {
    // Before rows, like everyone who records events.
    event::line(tx).await?;
    let rows = tx
        .query(
            "WITH stays AS (
               UPDATE wazapp.file f SET touched_at = greatest(f.touched_at, $3) FROM wazapp.media d
               WHERE d.organization_id = $1 AND d.id = ANY ($2) AND d.state = 'stored'
                 AND f.organization_id = $1 AND f.sha256 = d.file AND f.deleted_at IS NULL
               RETURNING f.sha256, f.size, f.mime_type)
             SELECT d.id, d.state, d.mime_type, d.filename, s.sha256, s.size, s.mime_type AS found
             FROM wazapp.media d LEFT JOIN stays s ON s.sha256 = d.file
             WHERE d.organization_id = $1 AND d.id = ANY ($2)",
            &[&tx.organization_id(), &ids.to_vec(), &now],
        )
        .await?;
    let kept = rows.iter().map(|row| {
        let file = row.get::<_, Option<String>>("sha256").map(|sha256| File {
            sha256,
            size: row.get("size"),
            mime_type: row.get("found"),
        });
        let kept =
            Kept { state: row.get("state"), file, mime_type: row.get("mime_type"), filename: row.get("filename") };
        (row.get("id"), kept)
    });
    Ok(kept.collect())
}

/// Files that Meta knows by these ids, because they were brought there from here. They stay for the message that is about to
/// show them.
pub async fn find_at_meta(tx: &Tenant, now: Timestamp, meta_ids: &[&str]) -> Result<HashMap<String, AtMeta>> {
    // Before rows, like everyone who records events.
    event::line(tx).await?;
    let rows = tx
        .query(
            "WITH known AS (
               SELECT meta_id, file, mime_type FROM wazapp.upload WHERE organization_id = $1 AND meta_id = ANY ($2)
               UNION
               SELECT meta_id, file, mime_type FROM wazapp.made_at_meta
               WHERE organization_id = $1 AND kind = 'media' AND meta_id = ANY ($2) AND file IS NOT NULL),
             stays AS (
               UPDATE wazapp.file f SET touched_at = greatest(f.touched_at, $3)
               WHERE f.organization_id = $1 AND f.sha256 IN (SELECT file FROM known) AND f.deleted_at IS NULL
               RETURNING f.sha256, f.size)
             SELECT k.meta_id, k.mime_type, s.sha256, s.size FROM known k JOIN stays s ON s.sha256 = k.file",
            &[&tx.organization_id(), &meta_ids.to_vec(), &now],
        )
        .await?;
    let at_meta = |row: &Row| AtMeta {
        file: row.get("sha256"),
        mime_type: row.get("mime_type"),
        size: u64::try_from(row.get::<_, i64>("size")).unwrap_or_default(),
    };
    Ok(rows.iter().map(|row| (row.get("meta_id"), at_meta(row))).collect())
}

/// A file that Meta has from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtMeta {
    /// Its SHA-256: its name in the store.
    pub file: String,
    /// What Meta was told that it is.
    pub mime_type: String,
    /// Bytes.
    pub size: u64,
}

/// What is brought to Meta once: a file, as something, for a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The owner.
    pub organization_id: Uuid,
    /// The number that may use it.
    pub number_id: Uuid,
    /// Its SHA-256.
    pub file: String,
    /// What Meta was told that it is.
    pub mime_type: String,
}

/// What Meta has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Meta's id.
    pub meta_id: String,
    /// Since when.
    pub at: Timestamp,
}

/// What Meta has of a file, and keeps long enough to use it.
pub async fn any_organization_find(tx: &Operator, key: &Key, now: Timestamp) -> Result<Option<Uploaded>> {
    let row = tx
        .query_opt(
            "SELECT meta_id, uploaded_at FROM wazapp.upload
             WHERE organization_id = $1 AND number_id = $2 AND file = $3 AND mime_type = $4 AND uploaded_at > $5",
            &[&key.organization_id, &key.number_id, &key.file, &key.mime_type, &(now - USABLE)],
        )
        .await?;
    Ok(row.map(|row| Uploaded { meta_id: row.get(0), at: row.get(1) }))
}

/// Notes what Meta has.
pub async fn any_organization_record(tx: &Operator, key: &Key, uploaded: &Uploaded) -> Result<()> {
    tx.query(
        // A file that went meanwhile has no row to stand by.
        "INSERT INTO wazapp.upload (organization_id, number_id, file, mime_type, meta_id, uploaded_at)
         SELECT f.organization_id, $2::uuid, f.sha256, $4::text, $5::text, $6::timestamptz FROM wazapp.file f
         WHERE f.organization_id = $1 AND f.sha256 = $3 AND f.deleted_at IS NULL
         ON CONFLICT (organization_id, number_id, file, mime_type) DO UPDATE SET
           meta_id = excluded.meta_id, uploaded_at = excluded.uploaded_at",
        &[&key.organization_id, &key.number_id, &key.file, &key.mime_type, &uploaded.meta_id, &uploaded.at],
    )
    .await?;
    Ok(())
}

/// Forgets an upload that Meta does not know any more, unless another took its place.
pub async fn any_organization_forget(tx: &Operator, key: &Key, meta_id: &str) -> Result<()> {
    tx.query(
        "DELETE FROM wazapp.upload
         WHERE organization_id = $1 AND number_id = $2 AND file = $3 AND mime_type = $4 AND meta_id = $5",
        &[&key.organization_id, &key.number_id, &key.file, &key.mime_type, &meta_id],
    )
    .await?;
    Ok(())
}

/// Forgets uploads that Meta keeps no longer.
pub async fn any_organization_sweep(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.upload WHERE uploaded_at <= $1", &[&(now - USABLE)]).await?;
    Ok(())
}
