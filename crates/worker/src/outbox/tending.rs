//! What nobody else looks after: leases that ended, deadlines that passed, rows that are over.

use std::time::Duration;

use metrics::gauge;
use model::database::Result;
use model::{Database, at_meta, outbox, upload};
use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::advice::advised_text;
use crate::rounds::{Every, Seldom};

/// How often overdue messages are looked for.
const EVERY: Duration = Duration::from_millis(500);

/// How often the queue is counted, and swept.
const COUNT: Duration = Duration::from_secs(10);
const SWEEP: Duration = Duration::from_hours(1);

/// Tends until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let (mut counts, mut sweeps) = (Seldom::new(COUNT), Seldom::new(SWEEP));
    let every = Every::busy(EVERY, database.activity());
    while every.next(&stop).await {
        match tend(&database, &settings, &mut counts, &mut sweeps).await {
            Ok(()) => {}
            Err(error) if error.is_transient() => {}
            Err(error) => tracing::debug!(%error, "the outbox could not be looked through"),
        }
    }
}

async fn tend(database: &Database, settings: &Settings, counts: &mut Seldom, sweeps: &mut Seldom) -> Result<()> {
    let now = settings.to_meta.clock.now();
    let tx = database.operator().await?;
    let overdue = outbox::any_organization_overdue(&tx, now).await?;
    if counts.is_due() {
        let backlog = outbox::any_organization_backlog(&tx, now).await?;
        #[expect(clippy::cast_precision_loss, reason = "a queue is not that long")]
        let (waiting, unknown) = (backlog.waiting as f64, backlog.unknown as f64);
        gauge!("wazapp_outbox_waiting").set(waiting);
        gauge!("wazapp_outbox_unknown").set(unknown);
        gauge!("wazapp_outbox_age_seconds").set(backlog.age.as_secs_f64());
        counts.done();
    }
    let sweeps_now = sweeps.is_due();
    if sweeps_now {
        outbox::any_organization_sweep(&tx, now).await?;
        upload::any_organization_sweep(&tx, now).await?;
        at_meta::any_organization_sweep(&tx, now).await?;
    }
    tx.commit_in_job().await?;
    if sweeps_now {
        sweeps.done();
    }
    if !overdue.is_empty() {
        outbox::any_organization_settle(database, now, &overdue, advised_text).await?;
        settings.wake.settled(overdue.iter().map(|one| one.message_id));
        settings.wake.queued();
    }
    Ok(())
}
