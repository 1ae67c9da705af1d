//! Partitions made and dropped, streams forgotten, once an hour.

use std::time::Duration;

use model::{Clock, Database};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(3600);

/// Runs until the token is cancelled. The first round was run before serving began.
pub async fn run(database: Database, clock: Clock, retention_days: u16, stop: CancellationToken) {
    let mut rounds = tokio::time::interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = rounds.tick() => {}
        }
        match model::upkeep::run(&database, clock.now(), retention_days).await {
            Ok(done) => {
                tracing::info!(made = ?done.made, dropped = ?done.dropped, streams = done.streams, "upkeep done")
            }
            Err(error) => tracing::warn!(%error, "upkeep failed; it is tried again in an hour"),
        }
    }
}
