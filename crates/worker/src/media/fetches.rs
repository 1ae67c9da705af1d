//! The loop that claims media, in a circle of organizations.

use std::collections::HashMap;
use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::Result;
use model::media::{self, Settled};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{FETCHES, FETCHES_OF_AN_ORGANIZATION, Settings, fetch};

/// Wake-ups are hints: retries and other nodes' media are found by looking.
const POLL: Duration = Duration::from_millis(500);

/// The pause after a failure grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What was fetched is written down so often before it is left to the lease's end.
const SETTLE_TRIES: u32 = 8;

/// Fetches until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let wake = settings.wake.clone();
    let mut fetches =
        Fetches { database, settings, stop, last: Uuid::nil(), under_way: HashMap::new(), tasks: JoinSet::new() };
    let mut pause = Duration::ZERO;
    while !fetches.stop.is_cancelled() {
        pause = match fetches.round().await {
            Ok(()) => Duration::ZERO,
            Err(error) => {
                if pause.is_zero() && !error.is_transient() {
                    tracing::warn!(%error, "media wait: they could not be claimed");
                }
                (pause * 2).clamp(Duration::from_millis(100), LONGEST_PAUSE)
            }
        };
        tokio::select! {
            () = fetches.stop.cancelled() => {}
            () = wake.wait(), if pause.is_zero() => {}
            Some(ended) = fetches.tasks.join_next() => fetches.ended(ended.ok()),
            () = tokio::time::sleep(POLL.max(pause)) => {}
        }
        while let Some(ended) = fetches.tasks.try_join_next() {
            fetches.ended(ended.ok());
        }
    }
    // Each hears of the end itself, and lets its medium go.
    fetches.tasks.join_all().await;
}

struct Fetches {
    database: Database,
    settings: Settings,
    stop: CancellationToken,
    /// Whose turn was last.
    last: Uuid,
    /// How many are being fetched, by organization.
    under_way: HashMap<Uuid, usize>,
    tasks: JoinSet<Uuid>,
}

impl Fetches {
    /// Gives each organization in turn a few fetches, until nothing more is due or fits.
    async fn round(&mut self) -> Result<()> {
        // What waits of these must wait longer.
        let mut passed: Vec<(Uuid, i64)> = Vec::new();
        while self.tasks.len() < FETCHES && !self.stop.is_cancelled() {
            let room = |running: usize| FETCHES_OF_AN_ORGANIZATION.saturating_sub(running);
            let mut busy: Vec<(Uuid, i64)> = passed.clone();
            busy.extend(self.under_way.iter().map(|(id, running)| (*id, whole(room(*running)))));
            let most = FETCHES_OF_AN_ORGANIZATION.min(FETCHES - self.tasks.len());
            let tx = self.database.operator().await?;
            let now = self.settings.to_meta.clock.now();
            let taken = media::any_organization_claim(&tx, now, self.last, &busy, whole(most)).await?;
            tx.commit_in_job().await?;
            let Some((organization_id, claimed)) = taken else { break };
            self.last = organization_id;
            if claimed.is_empty() {
                passed.push((organization_id, 0));
            }
            for medium in claimed {
                *self.under_way.entry(organization_id).or_default() += 1;
                let (database, settings, stop) = (self.database.clone(), self.settings.clone(), self.stop.clone());
                self.tasks.spawn(async move {
                    let settled = fetch::fetch(&database, &settings, medium, &stop).await;
                    settle(&database, &settings, &settled).await;
                    organization_id
                });
            }
        }
        Ok(())
    }

    fn ended(&mut self, organization_id: Option<Uuid>) {
        let Some(organization_id) = organization_id else {
            // A fetch that panicked: nobody knows whose it was, and its lease will end.
            if self.tasks.is_empty() {
                self.under_way.clear();
            }
            return;
        };
        if let Some(running) = self.under_way.get_mut(&organization_id) {
            *running -= 1;
            if *running == 0 {
                self.under_way.remove(&organization_id);
            }
        }
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn settle(database: &Database, settings: &Settings, settled: &Settled) {
    let mut pause = Duration::from_millis(50);
    for _ in 0..SETTLE_TRIES {
        match media::any_organization_settle(database, settings.to_meta.clock.now(), settled).await {
            Ok(_) => return settings.wake.queued(),
            Err(error) => tracing::debug!(%error, media = %settled.id, "a fetch could not be written down"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    counter!("wazapp_media_settle_failures_total").increment(1);
    tracing::warn!(media = %settled.id, "a fetch could not be written down: it is done again when its lease ends");
}
