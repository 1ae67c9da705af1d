//! Files that messages carry. Their bytes are fetched by a job of their own; until then a row is pending.

use serde::Serialize;
use uuid::Uuid;

use crate::conversation::column;
use crate::database::{Pipeline, params};

/// A file as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Media {
    /// UUIDv7.
    pub id: Uuid,
    /// `pending`, `stored` or `failed`.
    pub state: String,
    /// As Meta said.
    pub mime_type: Option<String>,
    /// As the sender named it.
    pub filename: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// As Meta said: base64, rarely hex.
    pub sha256: Option<String>,
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
}

/// Stores files to fetch, one a message at most. A message that already has one gets the new one's particulars: an
/// edit may bring another picture.
pub fn any_organization_insert<'a>(pipeline: &mut Pipeline<'a>, new: &[&'a New]) {
    if new.is_empty() {
        return;
    }
    pipeline.push("INSERT INTO wazapp.media (organization_id, id, message_id, meta_id, url, mime_type, filename, sha256)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         ON CONFLICT (organization_id, message_id) DO UPDATE SET
           state = 'pending', meta_id = excluded.meta_id, url = excluded.url, mime_type = excluded.mime_type,
           filename = excluded.filename, sha256 = excluded.sha256, size = NULL", params![
            column(new, |row| row.organization_id),
            column(new, |_| Uuid::now_v7()),
            column(new, |row| row.message_id),
            column(new, |row| row.meta_id.as_deref()),
            column(new, |row| row.url.as_deref()),
            column(new, |row| row.mime_type.as_deref()),
            column(new, |row| row.filename.as_deref()),
            column(new, |row| row.sha256.as_deref()),
        ]);
}
