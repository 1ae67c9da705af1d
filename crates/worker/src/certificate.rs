//! Gets the certificate of HTTPS from an authority by ACME (RFC 8555), and renews it. Of all nodes one is at it at a time: the
//! row that says so is the database's (`model/src/certificate.rs`), and so is when somebody may try again.

mod authority;
mod binding;
mod chain;
mod issue;
mod trouble;

use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::certificate::failure::{Failure, Reason};
use model::certificate::{self, Attempt, Issued, Wanted};
use model::database::Result;
use model::secret::Keyring;
use model::{Clock, Database};
use tokio_util::sync::CancellationToken;

use crate::rounds::Every;

pub use authority::{Roots, RootsError};
pub use binding::Binding;

/// How often it is looked whether something is to be done.
const LOOK: Duration = Duration::from_secs(2);

/// An attempt is over within this; the shortest pause between two is longer (`model/src/certificate.rs`).
const ATTEMPT_WITHIN: Duration = Duration::from_secs(180);

/// What was given is tried to be kept for so long, for the authority does not give it again so soon.
const KEEP_WITHIN: Duration = Duration::from_secs(60);

/// An authority that asks to be left alone longer than this is asked again then.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What getting a certificate takes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// Seals keys and the account.
    pub keyring: Keyring,
    /// Of which domains, and from whom.
    pub wanted: Wanted,
    /// Whom the authority writes to.
    pub email: Option<String>,
    /// By what an authority that makes accounts beforehand knows whose a new one is.
    pub binding: Option<Binding>,
    /// By what the authority proves itself; none: as everybody in the web does.
    pub roots: Option<Roots>,
    /// Whether this server answers on port 80 too.
    pub answers_http: bool,
}

/// Runs until the token is cancelled.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let every = Every::new(LOOK);
    loop {
        if let Err(error) = round(&database, &settings, &stop).await {
            tracing::debug!(%error, "it could not be looked whether a certificate is due");
        }
        if !every.next(&stop).await {
            return;
        }
    }
}

async fn round(database: &Database, settings: &Settings, stop: &CancellationToken) -> Result<()> {
    let Settings { clock, wanted, .. } = settings;
    let tx = database.operator().await?;
    if !certificate::is_due(&tx, wanted, clock.now()).await? {
        tx.close();
        return Ok(());
    }
    let begun = certificate::begin(&tx, wanted, clock.now()).await?;
    tx.commit_in_job().await?;
    let Some(attempt) = begun else { return Ok(()) };
    let (domains, directory) = (wanted.domains(), wanted.directory());
    tracing::info!(?domains, directory, attempt = attempt.nth, "a certificate is asked for");
    let rest = authority::Rest::default();
    let refused = OnceLock::new();
    let work = issue::Work { database, settings, attempt: &attempt, rest: &rest, refused: &refused };
    let ended = tokio::select! {
        ended = tokio::time::timeout(ATTEMPT_WITHIN, work.issue()) => ended,
        () = stop.cancelled() => {
            if let Some(failure) = refused.get() {
                return failed(database, settings, &attempt, failure, rest.asked(clock.now())).await;
            }
            let tx = database.operator().await?;
            attempt.give_back(&tx, clock.now()).await?;
            return tx.commit_in_job().await;
        }
    };
    match ended.unwrap_or_else(|_| Err(Failure::new(Reason::Away, None, "it did not come to an end in time"))) {
        Ok(issued) => keep(database, settings, &attempt, &issued).await,
        Err(failure) => failed(database, settings, &attempt, &failure, rest.asked(clock.now())).await,
    }
}

/// Keeps it, also where the database is away for a moment.
async fn keep(database: &Database, settings: &Settings, attempt: &Attempt, issued: &Issued) -> Result<()> {
    let Settings { clock, keyring, wanted, .. } = settings;
    let give_up = tokio::time::Instant::now() + KEEP_WITHIN;
    loop {
        let kept = async {
            let tx = database.operator().await?;
            let kept = attempt.succeeded(&tx, keyring, issued, clock.now()).await?;
            tx.commit_in_job().await.map(|()| kept)
        };
        match kept.await {
            Ok(false) => {
                tracing::info!("a certificate came too late: another node began anew meanwhile");
                return Ok(());
            }
            Ok(true) => {
                tracing::info!(domains = ?wanted.domains(), until = %issued.not_after, "a certificate was issued");
                return Ok(());
            }
            Err(error) if tokio::time::Instant::now() > give_up => {
                let failure = Failure::new(Reason::Ours, None, error.reason());
                return failed(database, settings, attempt, &failure, attempt.again_at).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn failed(
    database: &Database,
    settings: &Settings,
    attempt: &Attempt,
    failure: &Failure,
    rest: Timestamp,
) -> Result<()> {
    let now = settings.clock.now();
    let again_at = attempt.again_at.max(rest.min(now + LONGEST_REST));
    let fix = failure.reason.fix();
    tracing::warn!(again_at = %again_at, "no certificate was issued: {failure}; {fix}");
    let tx = database.operator().await?;
    attempt.failed(&tx, failure, again_at, now).await?;
    tx.commit_in_job().await
}
