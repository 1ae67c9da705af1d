//! What Meta sent, as Meta would have sent it to one organization alone: for endpoints in Meta's format.
//!
//! Kept only where an endpoint asks for it, for [`KEPT`]. Numbered under the organization's line, so an endpoint that follows
//! it misses none.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::database::{Operator, Pipeline, RawJson, Result, Rows};
use crate::event::Lines;

/// How long a body is kept: longer than it is tried.
pub const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A change in a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Meta's field.
    pub field: String,
    /// The number; `None`: an account's.
    pub number_id: Option<Uuid>,
    /// Where it stands: of which entry, and there the how manieth.
    pub at: (usize, usize),
}

/// A body of one organization's.
#[derive(Clone, Debug)]
pub struct New {
    /// Whose.
    pub organization_id: Uuid,
    /// Its changes.
    pub parts: Vec<Part>,
    /// As Meta would have sent it.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// Bodies with their numbers.
#[derive(Debug, Default)]
pub struct Relayed(Vec<Numbered>);

#[derive(Debug)]
struct Numbered {
    sequence: i64,
    parts: String,
    new: New,
}

impl Relayed {
    /// Numbers bodies in the lines of their organizations.
    pub fn number(lines: &Lines<'_>, bodies: Vec<New>) -> Self {
        let numbered = bodies.into_iter().filter_map(|new| {
            let sequence = lines.next_relayed(new.organization_id)?;
            let parts = serde_json::to_string(&new.parts).expect("our own shapes are JSON");
            Some(Numbered { sequence, parts, new })
        });
        Self(numbered.collect())
    }
}

/// Keeps bodies, and moves the ends of their logs.
pub fn any_organization_keep<'a>(pipeline: &mut Pipeline<'a>, relayed: &'a Relayed) {
    if relayed.0.is_empty() {
        return;
    }
    let now = pipeline.now();
    let rows = Rows::of(&relayed.0)
        .column("organization_id", |row| row.new.organization_id)
        .column("sequence", |row| row.sequence)
        .column("parts", |row| RawJson(&row.parts))
        .column("body", |row| row.new.body.as_slice())
        .column("received_at", |row| row.new.received_at)
        .all("created_at", now);
    pipeline.add(rows.insert("wazapp.relay", ""));
    let mut ends: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in &relayed.0 {
        let end = ends.entry(row.new.organization_id).or_default();
        *end = row.sequence.max(*end);
    }
    let ends: Vec<(Uuid, i64)> = ends.into_iter().collect();
    let ends = Rows::of(&ends).key("organization_id", |end| end.0).column("relayed", |end| end.1);
    pipeline.add(ends.update("wazapp.organization_sequence", ""));
}

/// Lets go of what is past its time; answers how much it was.
pub async fn any_organization_let_go(tx: &Operator, now: Timestamp, most: i64) -> Result<i64> {
    let rows = tx
        .query(
            "DELETE FROM wazapp.relay WHERE (organization_id, sequence) IN (
               SELECT organization_id, sequence FROM wazapp.relay WHERE created_at < $1 LIMIT $2) RETURNING 1",
            &[&(now - KEPT), &most],
        )
        .await?;
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}
