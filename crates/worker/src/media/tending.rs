//! What nobody else looks after: media that Meta has no longer, how much waits, files past their time.

use std::time::Duration;

use metrics::gauge;
use model::Database;
use model::database::Result;
use model::media;
use tokio_util::sync::CancellationToken;

use super::{Settings, sweep, tidy};
use crate::rounds::{Every, Seldom};

/// How often the queue is looked through.
const EVERY: Duration = Duration::from_secs(2);

/// Files past their time go hourly. What lies about unknown is looked for daily, and not by a server that just started.
const TIDY: Duration = Duration::from_hours(1);
const SWEEP: Duration = Duration::from_hours(24);

/// Tends until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    match settings.store.close_all().await {
        Ok(0) => {}
        Ok(closed) => tracing::info!(closed, "files of media could be read by others: now they cannot"),
        Err(error) => {
            tracing::warn!(%error, "files of media may be readable by others: see who owns the media directory")
        }
    }
    let every = Every::busy(EVERY, database.activity());
    let (mut tidies, mut sweeps) = (Seldom::new(TIDY), Seldom::after(SWEEP / 2, SWEEP));
    while every.next(&stop).await {
        if let Err(error) = tend(&database, &settings).await {
            tracing::debug!(%error, "the queue of media could not be looked through");
        }
        if tidies.is_due() {
            tidies.done();
            match tidy(&database, &settings.store, settings.to_meta.clock.now()).await {
                Ok(done) => tracing::debug!(?done, "media past their retention are gone"),
                Err(error) => {
                    tracing::warn!(%error, "media past their retention could not go; it is tried again in an hour")
                }
            }
        }
        if sweeps.is_due() {
            sweeps.done();
            match sweep(&database, &settings.store, settings.to_meta.clock.now()).await {
                Ok(swept) => tracing::info!(swept, "what lay about in the media store is gone"),
                Err(error) => tracing::warn!(%error, "the media store could not be swept; it is tried again in a day"),
            }
        }
    }
}

async fn tend(database: &Database, settings: &Settings) -> Result<()> {
    let now = settings.to_meta.clock.now();
    let tx = database.operator().await?;
    let overdue = media::any_organization_overdue(&tx, now).await?;
    let backlog = media::any_organization_backlog(&tx, now).await?;
    tx.close();
    #[expect(clippy::cast_precision_loss, reason = "a queue is not that long")]
    gauge!("wazapp_media_pending").set(backlog.pending as f64);
    gauge!("wazapp_media_age_seconds").set(backlog.age.as_secs_f64());
    for settled in &overdue {
        media::any_organization_settle(database, now, settled).await?;
    }
    Ok(())
}
