//! Keeps each connected account's templates as Meta lists them: soon after connecting, every six hours, when someone asks,
//! and when a webhook names one of which too little is known.
//!
//! A reading is claimed and its lease committed before Meta is asked, page by page, so any node may do it and a crash
//! costs a lease. No transaction is open while Meta answers.

mod read;

use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::{DatabaseError, Result};
use model::template::sync::{self, Claimed};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::to_meta::ToMeta;

/// Accounts that are read at once. One that hangs leaves room for the others.
const READINGS: usize = 8;

/// How often it is looked whether something is due.
const POLL: Duration = Duration::from_millis(500);

/// Every so many looks it is looked whether an account is new.
const ENTER: u32 = 4;

/// The pause after a failure of the database grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// At the end, readings under way get this long; the lease of what is left ends, and another node goes on.
const LAST_READINGS: Duration = Duration::from_secs(5);

/// Reads until the token is cancelled.
pub async fn run(database: Database, to_meta: ToMeta, stop: CancellationToken) {
    let mut readings = JoinSet::new();
    let mut pause = Duration::ZERO;
    let mut look: u32 = 0;
    while !stop.is_cancelled() {
        pause = match round(&database, &to_meta, &mut readings, look).await {
            Ok(()) => Duration::ZERO,
            Err(error) => failed(&error, pause),
        };
        look = look.wrapping_add(1);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(POLL.max(pause)) => {}
        }
        while readings.try_join_next().is_some() {}
    }
    // `join_all` would wait for what hangs: a reading is given up where it is, and begun anew when its lease is over.
    let _ = tokio::time::timeout(LAST_READINGS, async { while readings.join_next().await.is_some() {} }).await;
}

fn failed(error: &DatabaseError, pause: Duration) -> Duration {
    if error.is_transient() {
        return Duration::from_millis(1);
    }
    if pause.is_zero() {
        tracing::warn!(%error, "templates cannot be kept current: the database refuses or is away");
    }
    (pause * 2).clamp(Duration::from_millis(100), LONGEST_PAUSE)
}

async fn round(database: &Database, to_meta: &ToMeta, readings: &mut JoinSet<()>, look: u32) -> Result<()> {
    if look.is_multiple_of(ENTER) {
        let tx = database.operator().await?;
        sync::any_organization_enter(&tx, to_meta.clock.now()).await?;
        tx.commit_in_job().await?;
    }
    while readings.len() < READINGS {
        let tx = database.operator().await?;
        let claimed = sync::any_organization_claim(&tx, to_meta.clock.now()).await?;
        tx.commit_in_job().await?;
        let Some(claimed) = claimed else { break };
        let (database, to_meta) = (database.clone(), to_meta.clone());
        readings.spawn(async move {
            if let Err(error) = reading(&database, &to_meta, &claimed).await {
                // Its lease ends, and it is read again.
                tracing::warn!(%error, waba = claimed.waba_id, "a reading of templates was given up");
            }
        });
    }
    Ok(())
}

async fn reading(database: &Database, to_meta: &ToMeta, claimed: &Claimed) -> Result<()> {
    let outcome = read::account(database, to_meta, claimed).await?;
    counter!("wazapp_template_readings_total", "outcome" => outcome).increment(1);
    tracing::debug!(waba = claimed.waba_id, outcome, "templates read");
    Ok(())
}
