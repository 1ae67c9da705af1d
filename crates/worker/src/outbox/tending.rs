//! What nobody else looks after: leases that ended, deadlines that passed, rows that are over.

use std::time::Duration;

use metrics::gauge;
use model::database::Result;
use model::{Database, at_meta, outbox, upload};
use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::advice::advised_text;
use crate::rounds::Every;

/// How often overdue messages are looked for.
const EVERY: Duration = Duration::from_millis(500);

/// The queue is counted every so many looks, and swept at the first and then every so many.
const COUNT: u32 = 20;
const SWEEP: u32 = 7200;

/// Tends until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let mut look: u32 = 0;
    let mut every = Every::busy(EVERY, database.activity());
    while every.next(&stop).await.is_some() {
        match tend(&database, &settings, look).await {
            Ok(()) => look = look.wrapping_add(1),
            Err(error) if error.is_transient() => {}
            Err(error) => tracing::debug!(%error, "the outbox could not be looked through"),
        }
    }
}

async fn tend(database: &Database, settings: &Settings, look: u32) -> Result<()> {
    let now = settings.to_meta.clock.now();
    let tx = database.operator().await?;
    let overdue = outbox::any_organization_overdue(&tx, now).await?;
    if look.is_multiple_of(COUNT) {
        let backlog = outbox::any_organization_backlog(&tx, now).await?;
        #[expect(clippy::cast_precision_loss, reason = "a queue is not that long")]
        let (waiting, unknown) = (backlog.waiting as f64, backlog.unknown as f64);
        gauge!("wazapp_outbox_waiting").set(waiting);
        gauge!("wazapp_outbox_unknown").set(unknown);
        gauge!("wazapp_outbox_age_seconds").set(backlog.age.as_secs_f64());
    }
    if look.is_multiple_of(SWEEP) {
        outbox::any_organization_sweep(&tx, now).await?;
        upload::any_organization_sweep(&tx, now).await?;
        at_meta::any_organization_sweep(&tx, now).await?;
    }
    tx.commit_in_job().await?;
    if !overdue.is_empty() {
        outbox::any_organization_settle(database, now, &overdue, advised_text).await?;
        settings.wake.settled(overdue.iter().map(|one| one.message_id));
        settings.wake.queued();
    }
    Ok(())
}
