//! Partitions made and dropped, streams forgotten, quarantine cleared, once an hour.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use model::database::Result;
use model::{
    Clock, Database, delivery, entry, mail, passkey, provider_account, quarantine, quota, relay, session, sign_in,
};
use tokio_util::sync::CancellationToken;

use crate::rounds::Every;

const EVERY: Duration = Duration::from_secs(3600);

/// How often it is looked who comes near a limit.
const LOOK: Duration = Duration::from_secs(60);

/// So many inputs leave quarantine in a transaction.
const BATCH: i64 = 1000;

/// How long what comes from Meta is kept as it came.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Days, for all bodies.
    pub inbound_days: u16,
    /// Days, for what belongs to no connected number or could not be applied.
    pub quarantine_days: u16,
}

/// Runs until the token is cancelled. The first round of the log was run before serving began.
pub async fn run(database: Database, clock: Clock, retention: Retention, stop: CancellationToken) {
    tokio::join!(keep_house(&database, &clock, retention, &stop), watch(&database, &clock, &stop));
}

async fn keep_house(database: &Database, clock: &Clock, retention: Retention, stop: &CancellationToken) {
    let every = Every::new(EVERY);
    loop {
        match clear_quarantine(database, clock.now(), retention.quarantine_days).await {
            Ok(gone) => tracing::debug!(gone, "what was in quarantine for too long is gone"),
            Err(error) => tracing::warn!(%error, "quarantine could not be cleared; it is tried again in an hour"),
        }
        if let Err(error) = forget_people(database, clock.now()).await {
            tracing::warn!(%error, "sessions that are over could not be forgotten; it is tried again in an hour");
        }
        match forget_told(database, clock.now()).await {
            Ok(gone) => tracing::debug!(gone, "what endpoints were told long ago is forgotten"),
            Err(error) => {
                tracing::warn!(%error, "what endpoints were told could not be forgotten; it is tried again in an hour")
            }
        }
        if !every.next(stop).await {
            return;
        }
        match model::upkeep::run(database, clock.now(), retention.inbound_days).await {
            Ok(done) => {
                tracing::info!(made = ?done.made, dropped = ?done.dropped, streams = done.streams, "upkeep done")
            }
            Err(error) => tracing::warn!(%error, "upkeep failed; it is tried again in an hour"),
        }
    }
}

/// Lets go of sessions, links, mail, questions to browsers, tries and looks into organizations that are over.
pub async fn forget_people(database: &Database, now: Timestamp) -> Result<()> {
    let tx = database.operator().await?;
    session::any_person_let_go(&tx, now).await?;
    passkey::any_person_let_go(&tx, now).await?;
    provider_account::any_person_let_go(&tx, now).await?;
    sign_in::any_person_forgive(&tx, now).await?;
    entry::any_organization_let_go(&tx, now).await?;
    mail::any_organization_let_go(&tx, now).await?;
    tx.commit_in_job().await
}

/// Lets go of what endpoints were told long ago, and of what Meta sent for them; answers how much it was.
pub async fn forget_told(database: &Database, now: Timestamp) -> Result<i64> {
    let mut gone = 0;
    loop {
        let tx = database.operator().await?;
        let told = delivery::any_organization_let_go(&tx, now, BATCH).await?;
        let relayed = relay::any_organization_let_go(&tx, now, BATCH).await?;
        tx.commit_in_job().await?;
        gone += told + relayed;
        if told.max(relayed) < BATCH {
            return Ok(gone);
        }
    }
}

/// Lets go of what has been in quarantine for so many days; answers how much it was.
pub async fn clear_quarantine(database: &Database, now: Timestamp, days: u16) -> Result<u64> {
    let before = now - SignedDuration::from_hours(24 * i64::from(days));
    let mut gone = 0;
    loop {
        let tx = database.operator().await?;
        let went = quarantine::expire(&tx, before, BATCH).await?;
        tx.commit_in_job().await?;
        gone += went;
        if went < BATCH.unsigned_abs() {
            return Ok(gone);
        }
    }
}

/// Says how many organizations come near a limit.
async fn watch(database: &Database, clock: &Clock, stop: &CancellationToken) {
    let every = Every::new(LOOK);
    loop {
        if let Err(error) = measure(database, clock).await {
            tracing::debug!(%error, "nobody could be measured by their quotas");
        }
        if !every.next(stop).await {
            return;
        }
    }
}

async fn measure(database: &Database, clock: &Clock) -> Result<()> {
    let tx = database.operator().await?;
    let near = quota::any_organization_near(&tx, clock.now()).await?;
    tx.close();
    for quota in quota::Quota::ALL {
        let count = near.iter().filter(|near| near.quota == quota).count();
        #[expect(clippy::cast_precision_loss, reason = "organizations are not that many")]
        gauge!("wazapp_organizations_near_quota", "quota" => quota.name()).set(count as f64);
    }
    Ok(())
}
