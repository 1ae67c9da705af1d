//! The loop that claims, and lets calls go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::Result;
use model::outbox::{self, Settled, Taken};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::media::Uploads;
use super::{CALLS, CALLS_OF_A_NUMBER, SHARE, Settings, call};
use crate::rounds::{self, Job, UnderWay};

/// Wake-ups are hints: retries, paces and other nodes' messages are found by looking.
const POLL: Duration = Duration::from_millis(250);

/// While something is sent, a number's pace soon lets more go.
const PACED_POLL: Duration = Duration::from_millis(50);

/// Wake-ups that come so soon after a look wait for others: where much is sent, a look finds several messages. One that is
/// sent alone waits for nobody.
const LINGER: Duration = Duration::from_millis(20);

/// Claims until the token is cancelled; answers the calls that are still under way.
pub(super) async fn run(
    database: Database,
    settings: Settings,
    hear: Sender<Settled>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let (under_way, uploads) = (UnderWay::default(), Uploads::default());
    let (stop_too, looked) = (stop.clone(), Instant::now());
    let activity = database.activity().clone();
    let doubtful = Vec::new();
    let mut claims = Claims { database, settings, hear, under_way, uploads, doubtful, stop: stop_too, looked };
    rounds::run(&mut claims, &activity, stop).await
}

/// How many more calls a number may have under way. The fewer are free over all, the fewer any number may hold, so that
/// dozens of numbers that hang leave room for one that does not.
fn room(under_way: &UnderWay<Uuid>, number_id: Uuid) -> usize {
    let free = CALLS.saturating_sub(under_way.total());
    let most = CALLS_OF_A_NUMBER.min(free.div_ceil(SHARE));
    most.saturating_sub(under_way.of(number_id))
}

/// Numbers that have no room.
fn full(under_way: &UnderWay<Uuid>) -> HashSet<Uuid> {
    let busy = under_way.all().into_iter().map(|(number, _)| number);
    busy.filter(|number| room(under_way, *number) == 0).collect()
}

struct Claims {
    database: Database,
    settings: Settings,
    hear: Sender<Settled>,
    /// Calls, by number.
    under_way: UnderWay<Uuid>,
    uploads: Uploads,
    /// Claims whose COMMIT nobody answered.
    doubtful: Vec<Taken>,
    stop: CancellationToken,
    /// When the last look began.
    looked: Instant,
}

impl Job for Claims {
    type Done = ();
    const WAITS: &'static str = "messages wait";

    // Whoever settles what was heard rings.
    const FILLS: bool = false;

    async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
        self.looked = Instant::now();
        let left = self.round(begun).await;
        if left.is_err() {
            counter!("wazapp_claim_failures_total").increment(1);
        }
        Ok(if left? == 0 { POLL } else { PACED_POLL })
    }

    async fn wake(&self) {
        self.settings.wake.wait().await;
        tokio::time::sleep_until(self.looked + LINGER).await;
    }
}

impl Claims {
    /// Serves number after number until nothing more may leave now; answers how many messages left.
    async fn round(&mut self, begun: &mut JoinSet<()>) -> Result<usize> {
        let mut left = self.recognize(begun).await?;
        // What waits of these must wait longer.
        let mut passed: HashSet<Uuid> = HashSet::new();
        let mut passing_since = Instant::now();
        loop {
            let full: Vec<Uuid> = full(&self.under_way).union(&passed).copied().collect();
            let tx = self.database.operator().await?;
            let turns = outbox::any_organization_turns(&tx, self.settings.to_meta.clock.now(), &full).await?;
            tx.close();
            let (before, mut more) = (left, outbox::are_more_turns(&turns));
            for turn in turns {
                if self.stop.is_cancelled() {
                    return Ok(left);
                }
                let room = i64::try_from(room(&self.under_way, turn.number_id)).unwrap_or(0);
                if room == 0 {
                    continue;
                }
                let tx = self.database.operator().await?;
                let taken = outbox::any_organization_claim(&tx, self.settings.to_meta.clock.now(), turn, room).await?;
                if let Err(error) = tx.commit_in_job().await {
                    self.doubtful.extend(taken);
                    return Err(error);
                }
                match taken {
                    Some(taken) if !taken.messages.is_empty() => {
                        left += taken.messages.len();
                        more |= taken.more;
                        self.send(taken, begun);
                    }
                    _ => _ = passed.insert(turn.number_id),
                }
            }
            if !more {
                return Ok(left);
            }
            // While one number always has more that may leave, the round does not end: the others are looked at again.
            if left > before && passing_since.elapsed() >= PACED_POLL {
                passed.clear();
                passing_since = Instant::now();
            }
        }
    }

    /// The database went away while something was claimed: what was is still this claimer's, and nobody else would send it.
    async fn recognize(&mut self, begun: &mut JoinSet<()>) -> Result<usize> {
        let mut left = 0;
        while let Some(taken) = self.doubtful.last() {
            let tx = self.database.operator().await?;
            let ours = outbox::any_organization_recognize(&tx, self.settings.to_meta.clock.now(), taken).await?;
            tx.commit_in_job().await?;
            let Some(mut taken) = self.doubtful.pop() else { break };
            taken.messages.retain(|message| ours.contains(&message.message_id));
            left += taken.messages.len();
            self.send(taken, begun);
        }
        Ok(left)
    }

    fn send(&self, taken: Taken, begun: &mut JoinSet<()>) {
        let number = Arc::new(taken.number);
        for message in taken.messages {
            let (settings, number, hear) = (self.settings.clone(), number.clone(), self.hear.clone());
            let (database, uploads) = (self.database.clone(), self.uploads.clone());
            let place = self.under_way.begin(number.number_id);
            begun.spawn(async move {
                let settled = call::send(&database, &settings, &uploads, &number, message).await;
                drop(place);
                // It is gone only when the settler gave up at the end.
                let _ = hear.send(settled).await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dozens_of_numbers_that_hang_leave_room_for_another() {
        let under_way = UnderWay::default();
        let mut hanging = Vec::new();
        for _ in 0..24 {
            let number = Uuid::now_v7();
            while room(&under_way, number) > 0 {
                hanging.push(under_way.begin(number));
            }
            assert!(full(&under_way).contains(&number));
        }
        assert!(hanging.len() > 400, "and use what there is: {}", hanging.len());
        assert!(room(&under_way, Uuid::now_v7()) >= 2);
        hanging.clear();
        assert_eq!(room(&under_way, Uuid::now_v7()), CALLS_OF_A_NUMBER);
    }
}
