//! Files that messages carry, and files that people upload. Their bytes are in the [store](crate::store).
//!
//! What a message carries is fetched from Meta by a job of its own ([`any_organization_claim`],
//! [`any_organization_settle`]); until then its row is pending.

mod edit;
mod fetch;
mod retention;
mod thumbnail;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Pipeline, Result, Rows, Tenant};
use crate::event::{self, Kind};
use crate::file::File;
use crate::trouble::{Trouble, Words};

pub use fetch::{
    Backlog, Claimed, LEASE, Outcome, Settled, any_organization_backlog, any_organization_claim,
    any_organization_overdue, any_organization_settle,
};
pub use retention::{
    NEW, any_organization_adopt, any_organization_expire, any_organization_forget, any_organization_leaving,
    any_organization_mark, any_organization_next_leaving, any_organization_stays,
};
pub use thumbnail::{
    Picture, any_organization_give_back, any_organization_next_picture, any_organization_settle_picture,
};

/// A file as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Media {
    /// UUIDv7.
    pub id: Uuid,
    /// `pending`: not here yet. `stored`: its bytes can be had. `failed`: they cannot, `error` says why.
    pub state: String,
    /// As the sender said. What it is shown as comes from its bytes.
    pub mime_type: Option<String>,
    /// As the sender named it.
    pub filename: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// Hexadecimal. Of one that is not stored, what Meta announced.
    pub sha256: Option<String>,
    /// Whether it has a thumbnail.
    pub thumbnail: bool,
    /// Why it failed.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Trouble>,
}

/// The columns that [`Media::read`] reads, of `wazapp.media` as `d` and `wazapp.file` as `f`.
macro_rules! media_columns {
    () => {
        "d.id AS d_id, CASE d.state WHEN 'expired' THEN 'failed' ELSE d.state END AS d_state, d.mime_type AS d_mime_type,
         d.filename AS d_filename, coalesce(f.size, d.size) AS d_size, coalesce(f.sha256, d.sha256) AS d_sha256,
         f.thumbnail IS NOT NULL AS d_thumbnail,
         CASE WHEN d.state IN ('failed', 'expired') THEN d.error END AS d_error"
    };
}
pub(crate) use media_columns;

/// Joins a media row `d` with its file `f`.
macro_rules! media_file {
    () => {
        " LEFT JOIN wazapp.file f ON f.organization_id = d.organization_id AND f.sha256 = d.file "
    };
}
pub(crate) use media_file;

impl Media {
    /// `None`: the row has none.
    pub(crate) fn read(row: &Row) -> Result<Option<Self>> {
        let Some(id) = row.get("d_id") else { return Ok(None) };
        Ok(Some(Self {
            id,
            state: row.get("d_state"),
            mime_type: row.get("d_mime_type"),
            filename: row.get("d_filename"),
            size: row.get("d_size"),
            sha256: row.get::<_, Option<&str>>("d_sha256").and_then(hexadecimal),
            thumbnail: row.get("d_thumbnail"),
            error: Trouble::read(row, "d_error", "media.error")?,
        }))
    }
}

/// A SHA-256 in hexadecimal, however Meta wrote it: base64 in webhooks, hexadecimal in look-ups and some histories.
/// `None`: it is none.
pub fn hexadecimal(told: &str) -> Option<String> {
    let told = told.trim();
    let bytes = match told.len() {
        64 => data_encoding::HEXLOWER_PERMISSIVE.decode(told.as_bytes()).ok()?,
        44 => data_encoding::BASE64.decode(told.as_bytes()).ok()?,
        43 => data_encoding::BASE64_NOPAD.decode(told.as_bytes()).ok()?,
        _ => return None,
    };
    (bytes.len() == 32).then(|| data_encoding::HEXLOWER.encode(&bytes))
}

/// One of the organization's media.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Media>> {
    Ok(find(tx, id).await?.map(|found| found.media))
}

/// A medium with where its bytes are.
#[derive(Clone, Debug)]
pub struct Found {
    /// As its organization sees it.
    pub media: Media,
    /// Its bytes.
    pub file: Option<File>,
    /// Its thumbnail's bytes.
    pub thumbnail: Option<File>,
    /// What to do where it failed or waits.
    pub advice: Option<Words>,
}

/// One of the organization's media, with where its bytes are.
pub async fn find(tx: &Tenant, id: Uuid) -> Result<Option<Found>> {
    let row = tx
        .query_opt(
            concat!(
                "SELECT ",
                media_columns!(),
                ", f.mime_type AS f_mime_type, t.sha256 AS t_sha256, t.size AS t_size, t.mime_type AS t_mime_type, d.error
                 FROM wazapp.media d",
                media_file!(),
                "LEFT JOIN wazapp.file t ON t.organization_id = f.organization_id AND t.sha256 = f.thumbnail
                 WHERE d.organization_id = $1 AND d.id = $2"
            ),
            &[&tx.organization_id(), &id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(media) = Media::read(&row)? else { return Ok(None) };
    let file = (media.state == "stored").then(|| File {
        sha256: media.sha256.clone().unwrap_or_default(),
        size: media.size.unwrap_or_default(),
        mime_type: row.get("f_mime_type"),
    });
    let thumbnail = row.get::<_, Option<String>>("t_sha256").map(|sha256| File {
        sha256,
        size: row.get("t_size"),
        mime_type: row.get("t_mime_type"),
    });
    let advice = Trouble::read(&row, "error", "media.error")?.map(|error| error.advice);
    Ok(Some(Found { media, file, thumbnail, advice }))
}

/// What came of asking once more.
#[derive(Clone, Debug)]
pub enum Retried {
    /// It is pending again.
    Pending(Media),
    /// It did not fail.
    NotFailed(Media),
    /// It has no place at Meta where it could be asked for: it was uploaded, or it is past its retention here.
    Nowhere(Media),
}

/// Lets a medium that failed be fetched again. `None`: there is no such one.
pub async fn retry(tx: &Tenant, id: Uuid, now: Timestamp) -> Result<Option<Retried>> {
    // Before its rows, like everyone who records events.
    let line = event::line(tx).await?;
    let row = tx
        .query_opt(
            "UPDATE wazapp.media SET state = 'pending', attempts = 0, next_at = $3, deadline = NULL, error = NULL
             WHERE organization_id = $1 AND id = $2 AND state = 'failed' AND coalesce(meta_id, url) IS NOT NULL
             RETURNING message_id",
            &[&tx.organization_id(), &id, &now],
        )
        .await?;
    let Some(media) = get(tx, id).await? else { return Ok(None) };
    Ok(Some(match row {
        Some(row) => {
            if let Some(message_id) = row.get::<_, Option<Uuid>>("message_id") {
                line.record(event::New::of(
                    Kind::MessageMedia,
                    now,
                    Some(message_id),
                    &Told { message_id, media: &media },
                ))
                .await?;
            }
            Retried::Pending(media)
        }
        None if media.state == "failed" => Retried::Nowhere(media),
        None => Retried::NotFailed(media),
    }))
}

/// What an event about a message's file says.
#[derive(Serialize)]
struct Told<'a> {
    message_id: Uuid,
    media: &'a Media,
}

/// A file to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct New {
    /// The owner.
    pub organization_id: Uuid,
    /// The message that carries it.
    pub message_id: Uuid,
    /// Meta's id: what its bytes are asked by.
    pub meta_id: Option<String>,
    /// Meta's address of the bytes, where the webhook named one.
    pub url: Option<String>,
    /// As Meta said.
    pub mime_type: Option<String>,
    /// As the sender named it.
    pub filename: Option<String>,
    /// As Meta said.
    pub sha256: Option<String>,
    /// Where an edit brought it: what Meta said of the file that it takes the place of, the message's own; empty: nothing.
    pub own_sha256: Option<String>,
}

/// Whether two hashes as Meta tells them are of the same bytes.
pub fn same_bytes(one: Option<&str>, other: Option<&str>) -> bool {
    let hash = |told: Option<&str>| told.and_then(hexadecimal);
    hash(one).is_some_and(|one| hash(other) == Some(one))
}

/// Stores files to fetch, one a message at most. A file that we have stays: WhatsApp never changes the file of a message,
/// and an edit that brings another one shows it when that is stored. One that is still to be fetched, or could
/// not be, gets the new one's particulars. What cannot be asked for changes nothing.
pub fn any_organization_insert<'a>(pipeline: &mut Pipeline<'a>, new: &[&'a New]) {
    if new.is_empty() {
        return;
    }
    let rows = Rows::of(new)
        .column("organization_id", |row| row.organization_id)
        .column("id", |_| Uuid::now_v7())
        .column("message_id", |row| row.message_id)
        .column("meta_id", |row| row.meta_id.as_deref())
        .column("url", |row| row.url.as_deref())
        .column("mime_type", |row| row.mime_type.as_deref())
        .column("filename", |row| row.filename.as_deref())
        .column("sha256", |row| row.sha256.as_deref())
        .column("own_sha256", |row| row.own_sha256.as_deref());
    pipeline.add(rows.insert(
        "wazapp.media",
        "ON CONFLICT (organization_id, message_id) DO UPDATE SET
           id = excluded.id, state = 'pending', meta_id = excluded.meta_id, url = excluded.url, mime_type = excluded.mime_type,
           filename = excluded.filename, sha256 = excluded.sha256, own_sha256 = excluded.own_sha256, size = NULL, file = NULL,
           attempts = 0, next_at = excluded.next_at, deadline = NULL, fence = t.fence + 1, error = NULL, fetched_at = NULL
         WHERE t.state <> 'stored' AND coalesce(excluded.meta_id, excluded.url) IS NOT NULL
           AND (t.sha256, t.meta_id) IS DISTINCT FROM (excluded.sha256, excluded.meta_id)",
    ));
    // Also where the edit's file did not take the place of the one that is there.
    let edited: Vec<&New> = new.iter().copied().filter(|row| row.own_sha256.is_some()).collect();
    if edited.is_empty() {
        return;
    }
    let rows = Rows::of(&edited)
        .key("organization_id", |row| row.organization_id)
        .key("message_id", |row| row.message_id)
        .column("own_sha256", |row| row.own_sha256.as_deref());
    pipeline.add(rows.update("wazapp.media", "AND t.own_sha256 IS DISTINCT FROM k.own_sha256"));
}

#[cfg(test)]
mod tests {
    use super::hexadecimal;

    #[test]
    fn a_hash_is_read_however_it_is_written() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for told in [hex, &hex.to_uppercase(), base64, base64.trim_end_matches('=')] {
            assert_eq!(hexadecimal(told).as_deref(), Some(hex), "{told}");
        }
        for wrong in ["", "x", &hex[1..], &base64[1..], &"é".repeat(32)] {
            assert_eq!(hexadecimal(wrong), None, "{wrong}");
        }
    }
}
