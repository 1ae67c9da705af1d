//! Tells customers that they were read, beside the messages: receipts count in no pace of Meta's, and one that fails
//! holds up nobody.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use model::Database;
use model::database::Result;
use model::receipt::{self, Claimed, Outcome};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;
use whatsapp::graph::{Credential, Failure};
use whatsapp::verdict::{Verdict, verdict};

use super::Settings;
use crate::doubt;
use crate::rounds::{self, Job, UnderWay, job};

/// Calls at once, over all numbers; and of one number.
const CALLS: usize = 64;
const CALLS_OF_A_NUMBER: usize = 8;

/// Wake-ups are hints: retries and other nodes' receipts are found by looking.
const POLL: Duration = Duration::from_millis(500);

/// The first wait; it doubles up to the longest.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// What says something of the number waits until that was looked at.
const LOOKED_AT_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// Tells until the token is cancelled. Calls under way are given up then: a claim that nobody settles is told again.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let under_way = UnderWay::default();
    let activity = database.activity().clone();
    rounds::run(&mut Receipts { database, settings, under_way }, &activity, &stop).await.shutdown().await;
}

struct Receipts {
    database: Database,
    settings: Settings,
    /// By number.
    under_way: UnderWay<Uuid>,
}

impl Job for Receipts {
    type Done = (Claimed, Outcome);
    const WAITS: &'static str = "receipts wait";

    async fn look(&mut self, begun: &mut JoinSet<Self::Done>) -> Result<Duration> {
        for one in claim(&self.database, &self.settings, &self.under_way, begun.len()).await? {
            let place = self.under_way.begin(one.number.number_id);
            let (database, settings) = (self.database.clone(), self.settings.clone());
            begun.spawn(
                async move {
                    let told = tell(&database, &settings, one).await;
                    drop(place);
                    told
                }
                .instrument(job("receipt")),
            );
        }
        Ok(POLL)
    }

    async fn wake(&self) {
        self.settings.receipt_wake.wait().await;
    }

    async fn ended(&mut self, told: Vec<Self::Done>) {
        if let Err(error) = settle(&self.database, self.settings.to_meta.clock.now(), &told).await {
            tracing::debug!(%error, "receipts could not be settled: they are told again");
        }
    }
}

async fn claim(
    database: &Database,
    settings: &Settings,
    under_way: &UnderWay<Uuid>,
    calls: usize,
) -> Result<Vec<Claimed>> {
    let room = CALLS.saturating_sub(calls);
    if room == 0 {
        return Ok(Vec::new());
    }
    let busy: Vec<Uuid> = under_way.all().into_iter().map(|(number, _)| number).collect();
    let (room, each) = (i64::try_from(room).unwrap_or(0), i64::try_from(CALLS_OF_A_NUMBER).unwrap_or(0));
    let tx = database.operator().await?;
    let claimed = receipt::any_organization_claim(&tx, settings.to_meta.clock.now(), &busy, room, each).await?;
    tx.commit_in_job().await?;
    Ok(claimed)
}

async fn settle(database: &Database, now: Timestamp, told: &[(Claimed, Outcome)]) -> Result<()> {
    receipt::any_organization_settle(database.operator().await?, now, told).await
}

async fn tell(database: &Database, settings: &Settings, receipt: Claimed) -> (Claimed, Outcome) {
    let now = settings.to_meta.clock.now();
    let outcome = match receipt.number.open(&settings.to_meta.keyring, &settings.to_meta.apps) {
        _ if now >= receipt.deadline => Outcome::GivenUp,
        Ok(secrets) => {
            let (credential, number) = (Credential::from(secrets), &receipt.number.phone_number_id);
            let answer = settings.to_meta.graph.mark_read(&credential, number, &receipt.wamid, false).await;
            let now = settings.to_meta.clock.now();
            match &answer {
                Err(failure) if doubt::raise(database, now, &receipt.number, failure).await => {
                    Outcome::Retry { at: now + LOOKED_AT_WITHIN }
                }
                _ => heard(answer, receipt.attempt, now),
            }
        }
        // Whoever sends a message is told; a tick is no reason to.
        Err(_) => again(receipt.attempt, now),
    };
    counter!("wazapp_receipts_total", "outcome" => word(&outcome)).increment(1);
    tracing::debug!(conversation = %receipt.conversation_id, number = %receipt.number.phone_number_id,
        attempt = receipt.attempt, outcome = word(&outcome), "told that it was read");
    (receipt, outcome)
}

/// A receipt may be told twice, so it is tried again also where nobody knows what became of it.
fn heard(answer: Result<(), Failure>, attempt: u32, now: Timestamp) -> Outcome {
    let Err(failure) = answer else {
        return Outcome::Told;
    };
    match verdict(&failure, attempt.saturating_sub(1)) {
        Verdict::AskPerson(_) | Verdict::GiveUp(_) => Outcome::GivenUp,
        _ => again(attempt, now),
    }
}

fn again(attempt: u32, now: Timestamp) -> Outcome {
    let wait = FIRST_WAIT * 2_i32.saturating_pow(attempt.saturating_sub(1).min(16));
    Outcome::Retry { at: now + wait.min(LONGEST_WAIT) }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Told => "told",
        Outcome::Retry { .. } => "retry",
        Outcome::GivenUp => "given_up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_have_an_end() {
        let now = Timestamp::UNIX_EPOCH;
        let wait = |attempt| match again(attempt, now) {
            Outcome::Retry { at } => at.duration_since(now),
            other => panic!("{other:?}"),
        };
        assert_eq!((wait(1), wait(2), wait(3)), (FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4));
        assert_eq!((wait(12), wait(u32::MAX)), (LONGEST_WAIT, LONGEST_WAIT));
    }
}
