//! Well-signed input that belongs to no connected number, or that could not be applied: kept, visible, replayable.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Operator, Pipeline, Result, Rows};

/// One kept input.
#[derive(Clone, Debug, Serialize)]
pub struct Quarantined {
    /// UUIDv7.
    pub id: Uuid,
    /// Such as `unknown_number`.
    pub reason: String,
    /// More about it, without content.
    pub detail: String,
    /// The App it was signed for; null: the default App.
    pub app_id: Option<String>,
    /// The number it names.
    pub phone_number_id: Option<String>,
    /// The webhook field it came in.
    pub field: Option<String>,
    /// Its size in bytes.
    pub size: i32,
    /// How often Meta repeated it.
    pub repeats: i32,
    /// When it was received first.
    pub received_at: Timestamp,
    /// When it was applied after all.
    pub replayed_at: Option<Timestamp>,
    /// A webhook body that holds just this input.
    #[serde(skip)]
    pub body: Bytes,
}

impl Quarantined {
    fn read(row: &Row) -> Self {
        let body: Vec<u8> = row.get("body");
        Self {
            id: row.get("id"),
            reason: row.get("reason"),
            detail: row.get("detail"),
            app_id: row.get("app_id"),
            phone_number_id: row.get("phone_number_id"),
            field: row.get("field"),
            size: i32::try_from(body.len()).unwrap_or(i32::MAX),
            repeats: row.get("repeats"),
            received_at: row.get("received_at"),
            replayed_at: row.get("replayed_at"),
            body: body.into(),
        }
    }

    /// Whether nothing around it was applied either. A bad part was cut out of a body of which the rest went its way.
    pub fn was_whole(&self) -> bool {
        !matches!(self.reason.as_str(), "bad_entry" | "bad_change")
    }
}

/// An input to keep.
#[derive(Clone, Debug)]
pub struct New {
    /// Such as `unknown_number`.
    pub reason: &'static str,
    /// More about it, without content.
    pub detail: String,
    /// The App it was signed for.
    pub app_id: Option<String>,
    /// The number it names.
    pub phone_number_id: Option<String>,
    /// The webhook field it came in.
    pub field: Option<String>,
    /// A webhook body that holds just this input.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
}

impl New {
    /// The same input signed for the same App, however often repeated. A new reason does not make it another input.
    fn fingerprint(&self) -> Vec<u8> {
        let app = self.app_id.as_deref().unwrap_or_default();
        Sha256::digest([app.as_bytes(), b"\0", &self.body].concat()).to_vec()
    }
}

/// Keeps inputs. One that was replayed and still cannot be applied waits again.
pub fn keep<'a>(pipeline: &mut Pipeline<'a>, new: &'a [New]) {
    let mut fingerprinted: Vec<(Vec<u8>, &'a New)> = new.iter().map(|row| (row.fingerprint(), row)).collect();
    fingerprinted.sort_by(|a, b| a.0.cmp(&b.0));
    fingerprinted.dedup_by(|a, b| a.0 == b.0);
    if fingerprinted.is_empty() {
        return;
    }
    let rows = Rows::of(&fingerprinted)
        .column("id", |_| Uuid::now_v7())
        .column("reason", |row| row.1.reason)
        .column("detail", |row| row.1.detail.as_str())
        .column("app_id", |row| row.1.app_id.as_deref())
        .column("phone_number_id", |row| row.1.phone_number_id.as_deref())
        .column("field", |row| row.1.field.as_deref())
        .column("body", |row| row.1.body.as_slice())
        .column("fingerprint", |row| row.0.clone())
        .column("received_at", |row| row.1.received_at);
    pipeline.add(rows.insert(
        "wazapp.quarantine",
        "ON CONFLICT (fingerprint) DO UPDATE SET
           repeats = t.repeats + 1, reason = excluded.reason, detail = excluded.detail, replayed_at = NULL",
    ));
}

/// What a list or a replay may be narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this number's.
    pub phone_number_id: Option<String>,
    /// Only for this reason.
    pub reason: Option<String>,
    /// Also what was replayed since.
    pub replayed: bool,
}

/// Kept inputs in the order they were received, after a place in that order.
pub async fn list(
    tx: &Operator,
    filter: &Filter,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Quarantined>> {
    let (at, id) = after.unwrap_or((Timestamp::UNIX_EPOCH, Uuid::nil()));
    let rows = tx
        .query(
            "SELECT * FROM wazapp.quarantine
             WHERE (received_at, id) > ($1, $2) AND ($3::text IS NULL OR phone_number_id = $3)
               AND ($4::text IS NULL OR reason = $4) AND ($5 OR replayed_at IS NULL)
             ORDER BY received_at, id LIMIT $6",
            &[&at, &id, &filter.phone_number_id, &filter.reason, &filter.replayed, &limit],
        )
        .await?;
    Ok(rows.iter().map(Quarantined::read).collect())
}

/// How many inputs wait that name this number.
pub async fn waiting(tx: &Operator, phone_number_id: &str) -> Result<i64> {
    let row = tx
        .query_opt(
            "SELECT count(*) FROM wazapp.quarantine WHERE replayed_at IS NULL AND phone_number_id = $1",
            &[&phone_number_id],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Lets go of at most so many inputs that were received before this time, replayed ones and those that waited in vain; answers
/// how many went.
pub async fn expire(tx: &Operator, before: Timestamp, most: i64) -> Result<u64> {
    let gone = tx
        .query(
            "DELETE FROM wazapp.quarantine WHERE id IN (
               SELECT id FROM wazapp.quarantine WHERE received_at < $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING id",
            &[&before, &most],
        )
        .await?;
    Ok(gone.len() as u64)
}

/// Notes that inputs were applied, inside the transaction that applies them.
pub async fn mark_replayed(tx: &Operator, now: Timestamp, ids: &[Uuid]) -> Result<()> {
    tx.query("UPDATE wazapp.quarantine SET replayed_at = $2 WHERE id = ANY ($1)", &[&ids.to_vec(), &now]).await?;
    Ok(())
}
