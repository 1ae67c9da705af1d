//! Applies raw webhook bodies: lanes are claimed, a batch is read, understood and written in one transaction.
//!
//! A batch goes *route → load → fold → store*: find the organizations the bodies belong to, read what is already known
//! about everyone they name, work out in memory what becomes of it, write all of it in one round trip. Before anything is
//! read, statuses that echo our ids settle the sends they are about.

mod echo;
mod fill;
mod fold;
mod holder;
mod load;
mod past;
mod people;
mod relay;
mod replay;
mod route;
mod runner;
mod store;

use bytes::Bytes;
use jiff::Timestamp;
use model::database::{CommitError, Database, DatabaseError, Operator, Pipeline, Result};
use model::inbound::Claimed;
use model::quarantine;

pub use replay::{replay_bodies, replay_quarantine};
pub use runner::{Settings, run};

/// A body to apply.
#[derive(Clone, Debug)]
pub struct Input {
    /// As received.
    pub body: Bytes,
    /// The App it was signed for; `None`: the default App.
    pub app_id: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Whether nobody was told of it yet: what is read once more is not told again to endpoints in Meta's format.
    pub is_fresh: bool,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Bodies of which everything was applied.
    pub applied: u64,
    /// Bodies of which something went to quarantine.
    pub quarantined: u64,
    /// Messages stored.
    pub messages: u64,
    /// Files to fetch.
    pub media: u64,
    /// Statuses stored.
    pub statuses: u64,
    /// Events recorded.
    pub events: u64,
    /// Messages, statuses and notices that were stored before.
    pub duplicates: u64,
    /// Messages, statuses and notices of a time of which all went past its retention.
    pub past: u64,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.applied += other.applied;
        self.quarantined += other.quarantined;
        self.messages += other.messages;
        self.media += other.media;
        self.statuses += other.statuses;
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.past += other.past;
    }
}

impl From<&Claimed> for Input {
    fn from(claimed: &Claimed) -> Self {
        Self {
            body: claimed.body.clone(),
            app_id: claimed.app_id.clone(),
            received_at: claimed.received_at,
            is_fresh: true,
        }
    }
}

/// A body that the database refuses even alone, as it is kept aside.
fn not_applied(input: &Input, error: &DatabaseError) -> quarantine::New {
    tracing::warn!(%error, bytes = input.body.len(), "a webhook body could not be applied: quarantined");
    quarantine::New {
        reason: "not_applied",
        detail: error.to_string(),
        app_id: input.app_id.clone(),
        phone_number_id: None,
        field: None,
        body: input.body.to_vec(),
        received_at: input.received_at,
    }
}

/// Keeps a body aside that the database refuses even alone, in one transaction with what else comes of that.
async fn keep_aside(
    database: &Database,
    now: Timestamp,
    input: &Input,
    error: &DatabaseError,
    also: impl FnOnce(&mut Pipeline<'_>),
) -> Result<Outcome> {
    let kept = [not_applied(input, error)];
    let mut pipeline = Pipeline::at(now);
    quarantine::keep(&mut pipeline, &kept);
    also(&mut pipeline);
    database.operator().await?.finish(pipeline).await.map_err(CommitError::in_job)?;
    Ok(Outcome { quarantined: 1, ..Outcome::default() })
}

/// Applies bodies in one transaction, as a batch of the queue is applied. Safe to repeat.
pub async fn apply_batch(database: &Database, now: Timestamp, inputs: &[Input]) -> Result<Outcome> {
    apply(database.operator().await?, now, inputs, |_| ()).await
}

/// Applies a batch and commits. `finish` adds what the caller must write in the same transaction: cursors, marks.
pub(crate) async fn apply(
    tx: Operator,
    now: Timestamp,
    inputs: &[Input],
    finish: impl FnOnce(&mut Pipeline<'_>),
) -> Result<Outcome> {
    let (mut routed, lines) = route::route(&tx, inputs).await?;
    let quarantined: Vec<quarantine::New> = std::mem::take(&mut routed.quarantined);
    let relayed = relay::relay(&lines, inputs, &routed);
    routed.settled = echo::settle(&lines, now, &routed).await?;
    let past = past::leave_out(&lines, &mut routed).await?;
    let known = load::load(&lines, &routed).await?;
    let mut written = fold::fold(&routed, lines, known);
    let outcome = Outcome {
        applied: inputs.len() as u64 - routed.bodies_quarantined,
        quarantined: routed.bodies_quarantined,
        media: written.media.len() as u64,
        past: written.outcome.past + past,
        ..written.outcome
    };
    let derived = store::Derived::of(&written);
    let mut pipeline = Pipeline::at(now);
    store::store(&mut pipeline, &lines, &mut written, &derived);
    store::store_aside(&mut pipeline, &quarantined, &routed.other_accounts);
    model::relay::any_organization_keep(&mut pipeline, &relayed);
    finish(&mut pipeline);
    tx.finish(pipeline).await.map_err(CommitError::in_job)?;
    Ok(outcome)
}
