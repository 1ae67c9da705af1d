//! What happened, in order: the log that clients read with `after=`, and the truth behind live updates.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::conversation::column;
use crate::database::{Operator, Pipeline, Result, Tenant, Tx, params};
use crate::message;
use crate::scope::Scope;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Event {
    /// UUIDv7, the same wherever this event is told.
    pub id: Uuid,
    /// Its place in the organization's log: no gap, and never below what a reader has already seen.
    pub sequence: i64,
    /// Such as `message.received`.
    pub r#type: String,
    /// When it happened: Meta's time where Meta named one.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The message, conversation or contact as it is now, or what Meta said.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// Events after a sequence number, oldest first.
pub async fn list(tx: &Tenant, after: i64, limit: i64) -> Result<Vec<Event>> {
    let rows = tx
        .query(
            "SELECT id, sequence, type, timestamp, subject_id, data FROM wazapp.event
             WHERE organization_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            &[&tx.organization_id(), &after, &limit],
        )
        .await?;
    let told_by_message: Vec<Uuid> = rows
        .iter()
        .filter(|row| row.get::<_, Option<Json<Box<RawValue>>>>("data").is_none())
        .filter_map(|row| row.get("subject_id"))
        .collect();
    let messages = if told_by_message.is_empty() { Vec::new() } else { message::many(tx, told_by_message).await? };
    let messages: HashMap<Uuid, _> = messages.into_iter().map(|message| (message.id, message)).collect();
    let render = |subject: Option<Uuid>| to_raw_value(&subject.and_then(|id| messages.get(&id)));
    Ok(rows
        .iter()
        .map(|row| Event {
            id: row.get("id"),
            sequence: row.get("sequence"),
            r#type: row.get("type"),
            timestamp: row.get("timestamp"),
            data: match row.get::<_, Option<Json<Box<RawValue>>>>("data") {
                Some(data) => data.0,
                None => render(row.get("subject_id")).expect("a message is JSON"),
            },
        })
        .collect())
}

/// Waits for this organization's turn to write. Whoever changes its conversations lines up first: batches read, think
/// and write under it.
pub async fn line_up(tx: &Tenant) -> Result<()> {
    lines(tx, &[tx.organization_id()]).await?;
    Ok(())
}

/// The same for what an operator or a worker changes in one organization; answers the sequence of its last event.
/// `None`: the organization is gone.
pub async fn line_up_for(tx: &Operator, scope: &Scope) -> Result<Option<i64>> {
    Ok(any_organization_line_up(tx, &[scope]).await?.remove(&scope.organization_id()))
}

/// The same for several organizations, which are waited for in order of their ids; answers each one's last sequence.
pub async fn any_organization_line_up(tx: &Operator, scopes: &[&Scope]) -> Result<HashMap<Uuid, i64>> {
    lines(tx, &column(scopes, |scope| scope.organization_id())).await
}

/// Takes a place in the lines of the organizations that `$organizations` selects. PostgreSQL serves those who wait for a
/// row in no order once it has changed: somebody who changes it over and over would hold up the others for long. An
/// advisory lock is served in turn. Organizations share a thousand of them, so that a large batch does not fill the
/// server's table of locks; they are taken in order.
macro_rules! line {
    ($organizations:literal) => {
        concat!(
            "SELECT pg_advisory_xact_lock(7823457, line) FROM (
               SELECT DISTINCT uuid_hash(organization_id) & 1023 AS line FROM ",
            $organizations,
            " ORDER BY line OFFSET 0) lines"
        )
    };
}
pub(crate) use line;

/// Whoever tells of what they do lines up before they touch any row, webhooks included: nobody waits crosswise.
async fn lines(tx: &Tx, organizations: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
    tx.query(line!("unnest($1::uuid[]) AS k (organization_id)"), &[&organizations.to_vec()]).await?;
    let rows = tx
        .query(
            "SELECT organization_id, last FROM wazapp.organization_sequence WHERE organization_id = ANY ($1)
             ORDER BY organization_id FOR NO KEY UPDATE",
            &[&organizations.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Records one event inside the transaction that makes it true.
pub async fn record(tx: &Tenant, kind: &str, subject_id: Option<Uuid>, data: &impl Serialize) -> Result<()> {
    tell(tx, tx.organization_id(), kind, subject_id, data).await
}

/// The same for what an operator or a worker makes true in one organization.
pub async fn any_organization_tell(
    tx: &Operator,
    scope: &Scope,
    kind: &str,
    subject_id: Option<Uuid>,
    data: &impl Serialize,
) -> Result<()> {
    tell(tx, scope.organization_id(), kind, subject_id, data).await
}

async fn tell(tx: &Tx, organization: Uuid, kind: &str, subject_id: Option<Uuid>, data: &impl Serialize) -> Result<()> {
    let data = serde_json::to_string(data).expect("our own shapes are JSON");
    tx.query(
        "WITH next AS (UPDATE wazapp.organization_sequence SET last = last + 1 WHERE organization_id = $1 RETURNING last)
         INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, subject_id, data)
         SELECT $1, last, $2, $3, now(), $4, $5::text::json FROM next",
        &[&organization, &Uuid::now_v7(), &kind, &subject_id, &data],
    )
    .await?;
    Ok(())
}

/// An event to record.
#[derive(Clone, Debug)]
pub struct New {
    /// Whose log.
    pub organization_id: Uuid,
    /// Its place.
    pub sequence: i64,
    /// Such as `message.received`.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// What it is about.
    pub subject_id: Option<Uuid>,
    /// JSON; `None`: the subject, a message, says it all.
    pub data: Option<String>,
    /// Of a notice from Meta, so that a repeat is known.
    pub fingerprint: Option<Vec<u8>>,
}

/// Records events and moves the logs' ends.
pub fn any_organization_record<'a>(pipeline: &mut Pipeline<'a>, new: &'a [New]) {
    if new.is_empty() {
        return;
    }
    pipeline.push("INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, subject_id, data, fingerprint)
         SELECT k.o, k.q, k.id, k.t, k.at, k.s, k.d::json, k.f
         FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[], $7::text[], $8::bytea[])
           AS k (o, q, id, t, at, s, d, f)", params![
            column(new, |row| row.organization_id),
            column(new, |row| row.sequence),
            column(new, |_| Uuid::now_v7()),
            column(new, |row| row.kind.as_str()),
            column(new, |row| row.at),
            column(new, |row| row.subject_id),
            column(new, |row| row.data.as_deref()),
            column(new, |row| row.fingerprint.as_deref()),
        ]);
    let mut ends: HashMap<Uuid, i64> = HashMap::new();
    for row in new {
        let end = ends.entry(row.organization_id).or_default();
        *end = row.sequence.max(*end);
    }
    let mut ends: Vec<(Uuid, i64)> = ends.into_iter().collect();
    ends.sort_unstable();
    pipeline.push(
        "UPDATE wazapp.organization_sequence s SET last = k.q
         FROM unnest($1::uuid[], $2::bigint[]) AS k (o, q) WHERE s.organization_id = k.o",
        params![column(&ends, |end| end.0), column(&ends, |end| end.1)],
    );
}

/// Which of these notices are recorded already.
pub async fn any_organization_find_fingerprints(
    tx: &Operator,
    wanted: &[(Uuid, Vec<u8>)],
) -> Result<Vec<(Uuid, Vec<u8>)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            "SELECT e.organization_id, e.fingerprint FROM unnest($1::uuid[], $2::bytea[]) AS k (o, f)
             JOIN wazapp.event e ON e.organization_id = k.o AND e.fingerprint = k.f",
            &[&column(wanted, |row| row.0), &column(wanted, |row| row.1.as_slice())],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
