//! What is past its retention goes, once an hour, in batches so small that nobody waits for one.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use metrics::counter;
use model::database::Result;
use model::retention::{self, Days, Gone, Kept, Step};
use model::{Clock, Database, Scope};
use tokio_util::sync::CancellationToken;

use crate::rounds::Every;

const EVERY: Duration = Duration::from_secs(3600);

/// The most that go in a transaction: a few milliseconds each. Messages go in their organization's line, so the fewest.
const EVENTS: i64 = 1000;
const STATUSES: i64 = 500;
const MESSAGES: i64 = 100;

/// Runs until the token is cancelled.
pub async fn run(database: Database, clock: Clock, stop: CancellationToken) {
    let every = Every::new(EVERY);
    while every.next(&stop).await {
        // Between two batches nothing is half done.
        let round = tokio::select! {
            round = drop_past(&database, clock.now()) => round,
            () = stop.cancelled() => return,
        };
        match round {
            Ok(gone) if gone == Gone::default() => tracing::debug!("nothing is past its retention"),
            Ok(gone) => {
                let Gone { events, statuses, messages } = gone;
                tracing::info!(events, statuses, messages, "what was past its retention is gone");
            }
            Err(error) => {
                tracing::warn!(%error, "not all that is past its retention could go; it is tried again in an hour")
            }
        }
    }
}

/// Lets go of what is past its retention, organization by organization; answers how much it was. Safe to run from several
/// nodes at once, and to break off.
pub async fn drop_past(database: &Database, now: Timestamp) -> Result<Gone> {
    let tx = database.operator().await?;
    retention::any_organization_mark(&tx, now).await?;
    let organizations = retention::any_organization_list(&tx).await?;
    tx.commit_in_job().await?;
    let mut gone = Gone::default();
    for (scope, kept) in organizations {
        match (Round { database, scope, now }).all(kept, &mut gone).await {
            // One organization holds up no other.
            Err(error) if error.is_lasting() || error.is_transient() => {
                tracing::warn!(%error, organization = %scope.organization_id(), "what is past its retention cannot go");
            }
            round => round?,
        }
    }
    Ok(gone)
}

/// A round through one organization.
struct Round<'a> {
    database: &'a Database,
    scope: Scope,
    now: Timestamp,
}

impl Round<'_> {
    async fn all(&self, kept: retention::Retention, gone: &mut Gone) -> Result<()> {
        gone.events += self.drop(Kept::Events, kept.events).await?;
        gone.statuses += self.drop(Kept::Statuses, kept.statuses).await?;
        gone.messages += self.drop(Kept::Messages, kept.messages).await?;
        Ok(())
    }

    async fn drop(&self, kept: Kept, days: Days) -> Result<i64> {
        let Some(before) = days.before(self.now) else { return Ok(0) };
        let tx = self.database.operator().await?;
        let before = retention::any_organization_let_go(&tx, &self.scope, kept, before).await?;
        tx.commit_in_job().await?;
        let Some(before) = before else { return Ok(0) };
        let (mut from, mut gone) = (Timestamp::UNIX_EPOCH, 0);
        loop {
            let began = Instant::now();
            let step = self.step(kept, before, from).await?;
            if step.gone == 0 {
                return Ok(gone);
            }
            counter!("wazapp_retention_dropped_total", "what" => kept.name()).increment(step.gone);
            gone += i64::try_from(step.gone).unwrap_or(i64::MAX);
            from = step.last.unwrap_or(from);
            // Half of the time is everybody else's.
            tokio::time::sleep(began.elapsed()).await;
        }
    }

    async fn step(&self, kept: Kept, before: Timestamp, from: Timestamp) -> Result<Step> {
        let tx = self.database.operator().await?;
        let step = match kept {
            Kept::Events => retention::any_organization_drop_events(&tx, &self.scope, before, EVENTS).await?,
            Kept::Statuses => {
                retention::any_organization_drop_statuses(&tx, &self.scope, before, from, STATUSES).await?
            }
            Kept::Messages => {
                retention::any_organization_drop_messages(&tx, &self.scope, before, from, MESSAGES).await?
            }
        };
        tx.commit_in_job().await?;
        Ok(step)
    }
}
