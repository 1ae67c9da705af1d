//! Connects numbers, gives them other tokens, and disconnects them: takes an attempt, makes its calls to Meta step by
//! step, and writes each step as it ends.
//!
//! What brought no answer is tried again a few times. A crash leaves an attempt whose lease ends: whoever takes it next
//! goes on with the step that was under way, and every step may be done twice.

mod carry;
mod claim;
mod desk;
mod exchange;
mod former;
mod number;
mod register;
mod token;
mod trouble;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use metrics::counter;
use model::Database;
use model::connection::{self, Job, Progress, Step};
use model::database::Result;
use model::outbox::Wake;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::rounds::{self, Seldom};
use crate::to_meta::ToMeta;

use carry::{Carrier, Rest};

/// Wake-ups are hints: attempts that wait to be tried again, and those of other nodes, are found by looking.
const POLL: Duration = Duration::from_millis(500);

/// Attempts at once.
const AT_ONCE: usize = 32;

/// How often what is not kept for ever is looked for.
const SWEEP: Duration = Duration::from_mins(5);

/// At the end, the step under way gets this long.
const LAST_STEPS: Duration = Duration::from_secs(20);

/// What connecting takes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls to Meta.
    pub to_meta: ToMeta,
    /// What others call this server: Meta's webhooks are to come there.
    pub public_url: String,
    /// Rings when an attempt was begun or resumed in this process.
    pub wake: Arc<Wake>,
}

/// Works until the token is cancelled; steps under way are finished first.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let activity = database.activity().clone();
    let mut attempts = Attempts { database, settings, stop: stop.clone(), sweeps: Seldom::new(SWEEP) };
    let left = rounds::run(&mut attempts, &activity, &stop).await;
    if tokio::time::timeout(LAST_STEPS, rounds::finish(left)).await.is_err() {
        tracing::warn!("attempts to connect were left at the end: whoever takes them next goes on");
    }
}

struct Attempts {
    database: Database,
    settings: Settings,
    stop: CancellationToken,
    sweeps: Seldom,
}

impl rounds::Job for Attempts {
    type Done = ();
    const WAITS: &'static str = "attempts to connect wait";

    async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
        while begun.len() < AT_ONCE && !self.stop.is_cancelled() {
            let tx = self.database.operator().await?;
            let taken = connection::any_organization_take(&tx, self.settings.to_meta.clock.now()).await?;
            tx.commit_in_job().await?;
            let Some(job) = taken else { break };
            let carrier = Carrier::new(self.database.clone(), self.settings.clone(), job);
            begun.spawn(carry(carrier, self.stop.clone()).instrument(rounds::job("connection")));
        }
        if self.sweeps.is_due() {
            self.sweeps.done();
            if let Err(error) = sweep(&self.database, self.settings.to_meta.clock.now()).await {
                tracing::debug!(%error, "old attempts to connect could not be swept");
            }
        }
        Ok(POLL)
    }

    async fn wake(&self) {
        self.settings.wake.wait().await;
    }
}

async fn carry(mut carrier: Carrier, stop: CancellationToken) {
    let id = carrier.job().connection.id;
    match carrier.go_on(&stop, |_| {}).await {
        Ok(Rest::Over) => count(carrier.job()),
        Ok(Rest::Until(_) | Rest::Lost) => {}
        Err(error) => tracing::warn!(connection = %id, %error, "an attempt to connect waits for the database"),
    }
}

fn count(job: &Job) {
    let outcome = if job.connection.state == Progress::Done { "done" } else { "failed" };
    counter!("wazapp_connections_total", "outcome" => outcome).increment(1);
    let failed = job.connection.failed().map(|step| step.name.word());
    tracing::info!(connection = %job.connection.id, how = job.connection.how.word(), outcome, step = failed,
        number = job.connection.phone_number_id, "an attempt to connect is over");
}

async fn sweep(database: &Database, now: Timestamp) -> Result<()> {
    let tx = database.operator().await?;
    connection::any_organization_sweep(&tx, now).await?;
    tx.commit_in_job().await
}

/// Takes an attempt of one's own to its end, telling each step as it ends: for a command, whether or not a server runs.
pub async fn finish(database: &Database, settings: &Settings, job: Job, mut tell: impl FnMut(&Step)) -> Result<Job> {
    let never = CancellationToken::new();
    let mut carrier = Carrier::new(database.clone(), settings.clone(), job);
    while let Rest::Until(at) = carrier.go_on_holding(&never, &mut tell).await? {
        let wait = Duration::try_from(at.duration_since(settings.to_meta.clock.now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }
    Ok(carrier.into_job())
}
