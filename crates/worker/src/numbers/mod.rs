//! Keeps numbers current: each is looked at once a day, and soon after Meta says that something changed, or refused its
//! token.
//!
//! What is due, and when, is in the database, so any node may look, and a look that a crash cut short is due again a
//! little later. An account's numbers are looked at one after the other, far below what Meta lets an App ask.

mod look;

use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::{DatabaseError, Result};
use model::number_check::{self, Claimed};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::rounds::{self, Job, job};
use crate::to_meta::ToMeta;

/// How often numbers that are due are looked for.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at the same time, of all accounts.
const LOOKS: usize = 4;

/// Looks until the token is cancelled; what is under way is finished first.
pub async fn run(database: Database, to_meta: ToMeta, stop: CancellationToken) {
    let activity = database.activity().clone();
    rounds::finish(rounds::run(&mut Looks { database, to_meta }, &activity, &stop).await).await;
}

struct Looks {
    database: Database,
    to_meta: ToMeta,
}

impl Job for Looks {
    type Done = ();
    const WAITS: &'static str = "numbers wait to be looked at";

    async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
        while begun.len() < LOOKS {
            let Some(claimed) = claim(&self.database, &self.to_meta).await? else { break };
            let (database, to_meta) = (self.database.clone(), self.to_meta.clone());
            begun.spawn(async move { look_at(&database, &to_meta, claimed).await }.instrument(job("number")));
        }
        Ok(EVERY)
    }
}

/// Looks at every number that is due now, one after the other; answers how many there were.
pub async fn look_at_all(database: &Database, to_meta: &ToMeta) -> Result<usize> {
    let mut looks = 0;
    while let Some(claimed) = claim(database, to_meta).await? {
        look_at(database, to_meta, claimed).await;
        looks += 1;
    }
    Ok(looks)
}

async fn claim(database: &Database, to_meta: &ToMeta) -> Result<Option<Claimed>> {
    let tx = database.operator().await?;
    let claimed = number_check::any_organization_claim(&tx, to_meta.clock.now()).await?;
    tx.commit_in_job().await?;
    Ok(claimed)
}

async fn look_at(database: &Database, to_meta: &ToMeta, claimed: Claimed) {
    let seen = look::look(to_meta, &claimed).await;
    counter!("wazapp_number_checks_total", "outcome" => look::word(&seen)).increment(1);
    tracing::debug!(number = %claimed.link.phone_number_id, outcome = look::word(&seen), "looked at");
    let now = to_meta.clock.now();
    // What could not be written is seen again at the next look.
    if let Err(error) = number_check::any_organization_settle(database, now, &claimed, &seen).await {
        failed(&error);
    }
}

fn failed(error: &DatabaseError) {
    if error.is_transient() {
        tracing::debug!(%error, "a look at a number met another transaction: it is repeated");
    } else {
        tracing::warn!(%error, "numbers could not be looked at; it is tried again");
    }
}
