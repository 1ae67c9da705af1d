//! The loop that claims media, in a circle of organizations.

use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::Result;
use model::media::{self, Settled};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::{FETCHES, FETCHES_OF_AN_ORGANIZATION, Settings, fetch};
use crate::rounds::{self, Job, UnderWay, job};

/// Wake-ups are hints: retries and other nodes' media are found by looking.
const POLL: Duration = Duration::from_millis(500);

/// What was fetched is written down so often before it is left to the lease's end, with pauses that grow up to this.
const SETTLE_TRIES: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Fetches until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let under_way = UnderWay::default();
    let activity = database.activity().clone();
    let mut fetches = Fetches { database, settings, stop: stop.clone(), last: Uuid::nil(), under_way };
    // Each hears of the end itself, and lets its medium go.
    rounds::finish(rounds::run(&mut fetches, &activity, &stop).await).await;
}

struct Fetches {
    database: Database,
    settings: Settings,
    stop: CancellationToken,
    /// Whose turn was last.
    last: Uuid,
    /// By organization.
    under_way: UnderWay<Uuid>,
}

impl Job for Fetches {
    type Done = ();
    const WAITS: &'static str = "media wait";

    /// Gives each organization in turn a few fetches, until nothing more is due or fits.
    async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
        // What waits of these must wait longer.
        let mut passed: Vec<(Uuid, i64)> = Vec::new();
        while begun.len() < FETCHES && !self.stop.is_cancelled() {
            let room = |running: usize| FETCHES_OF_AN_ORGANIZATION.saturating_sub(running);
            let mut busy: Vec<(Uuid, i64)> = passed.clone();
            busy.extend(self.under_way.all().into_iter().map(|(id, running)| (id, whole(room(running)))));
            let most = FETCHES_OF_AN_ORGANIZATION.min(FETCHES - begun.len());
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
                let place = self.under_way.begin(organization_id);
                let (database, settings, stop) = (self.database.clone(), self.settings.clone(), self.stop.clone());
                begun.spawn(
                    async move {
                        let settled = fetch::fetch(&database, &settings, medium, &stop).await;
                        settle(&database, &settings, &settled).await;
                        drop(place);
                    }
                    .instrument(job("media")),
                );
            }
        }
        Ok(POLL)
    }

    async fn wake(&self) {
        self.settings.wake.wait().await;
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
