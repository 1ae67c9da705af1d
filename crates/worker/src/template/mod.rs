//! Keeps each connected account's templates as Meta lists them: soon after connecting, every six hours, when someone asks,
//! and when a webhook names one of which too little is known.
//!
//! A reading is claimed and its lease committed before Meta is asked, page by page, so any node may do it and a crash
//! costs a lease. No transaction is open while Meta answers.

mod read;

use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::Result;
use model::template::sync::{self, Claimed};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::rounds::{self, Job, Seldom, job};
use crate::to_meta::ToMeta;

/// Accounts that are read at once. One that hangs leaves room for the others.
const READINGS: usize = 8;

/// How often it is looked whether something is due.
const POLL: Duration = Duration::from_millis(500);

/// How often it is looked whether an account is new.
const ENTER: Duration = Duration::from_secs(2);

/// At the end, readings under way get this long; the lease of what is left ends, and another node goes on.
const LAST_READINGS: Duration = Duration::from_secs(5);

/// Reads until the token is cancelled.
pub async fn run(database: Database, to_meta: ToMeta, stop: CancellationToken) {
    let activity = database.activity().clone();
    let readings = rounds::run(&mut Readings { database, to_meta, enters: Seldom::new(ENTER) }, &activity, &stop).await;
    // One that hangs is given up where it is, and begun anew when its lease is over.
    let _ = tokio::time::timeout(LAST_READINGS, rounds::finish(readings)).await;
}

struct Readings {
    database: Database,
    to_meta: ToMeta,
    enters: Seldom,
}

impl Job for Readings {
    type Done = ();
    const WAITS: &'static str = "templates wait to be read";

    async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
        if self.enters.is_due() {
            let tx = self.database.operator().await?;
            sync::any_organization_enter(&tx, self.to_meta.clock.now()).await?;
            tx.commit_in_job().await?;
            self.enters.done();
        }
        while begun.len() < READINGS {
            let tx = self.database.operator().await?;
            let claimed = sync::any_organization_claim(&tx, self.to_meta.clock.now()).await?;
            tx.commit_in_job().await?;
            let Some(claimed) = claimed else { break };
            let (database, to_meta) = (self.database.clone(), self.to_meta.clone());
            begun.spawn(
                async move {
                    if let Err(error) = reading(&database, &to_meta, &claimed).await {
                        // Its lease ends, and it is read again.
                        tracing::warn!(%error, waba = claimed.waba_id, "a reading of templates was given up");
                    }
                }
                .instrument(job("templates")),
            );
        }
        Ok(POLL)
    }
}

async fn reading(database: &Database, to_meta: &ToMeta, claimed: &Claimed) -> Result<()> {
    let outcome = read::account(database, to_meta, claimed).await?;
    counter!("wazapp_template_readings_total", "outcome" => outcome).increment(1);
    tracing::debug!(waba = claimed.waba_id, outcome, "templates read");
    Ok(())
}
