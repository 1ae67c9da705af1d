//! The loop that claims, and lets calls go.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::{DatabaseError, Result};
use model::outbox::{self, Settled, Taken};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::media::Uploads;
use super::{CALLS, CALLS_OF_A_NUMBER, SHARE, Settings, call};

/// Wake-ups are hints: retries, paces and other nodes' messages are found by looking.
const POLL: Duration = Duration::from_millis(250);

/// While something is sent, a number's pace soon lets more go.
const PACED_POLL: Duration = Duration::from_millis(50);

/// The pause after a failure grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Claims until the token is cancelled; answers the calls that are still under way.
pub(super) async fn run(
    database: Database,
    settings: Settings,
    hear: Sender<Settled>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let wake = settings.wake.clone();
    let (under_way, uploads) = (UnderWay::default(), Uploads::default());
    let mut claims = Claims { database, settings, hear, under_way, uploads, calls: JoinSet::new() };
    let mut pause = Duration::ZERO;
    while !stop.is_cancelled() {
        let round = claims.round(stop).await;
        let poll = if matches!(round, Ok(0)) { POLL } else { PACED_POLL };
        pause = match round {
            Ok(_) => Duration::ZERO,
            Err(error) => failed(&error, pause),
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.wait(), if pause.is_zero() => {}
            () = tokio::time::sleep(poll.max(pause)) => {}
        }
        while claims.calls.try_join_next().is_some() {}
    }
    claims.calls
}

fn failed(error: &DatabaseError, pause: Duration) -> Duration {
    counter!("wazapp_claim_failures_total").increment(1);
    if error.is_transient() {
        tracing::debug!(%error, "a claim met another: tried again");
        return Duration::from_millis(1);
    }
    if pause.is_zero() {
        tracing::warn!(%error, "messages wait: they could not be claimed");
    }
    (pause * 2).clamp(Duration::from_millis(100), LONGEST_PAUSE)
}

/// How many calls are under way, by number.
#[derive(Clone, Debug, Default)]
struct UnderWay(Arc<Mutex<HashMap<Uuid, usize>>>);

impl UnderWay {
    fn begin(&self, number_id: Uuid) -> Call {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(number_id).or_default() += 1;
        Call { number_id, under_way: self.clone() }
    }

    /// How many more calls a number may have under way. The fewer are free over all, the fewer any number may hold, so
    /// that dozens of numbers that hang leave room for one that does not.
    fn room(&self, number_id: Uuid) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = CALLS.saturating_sub(all.values().sum());
        let most = CALLS_OF_A_NUMBER.min(free.div_ceil(SHARE));
        most.saturating_sub(all.get(&number_id).copied().unwrap_or(0))
    }

    /// Numbers that have no room.
    fn full(&self) -> HashSet<Uuid> {
        let busy: Vec<Uuid> = self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        busy.into_iter().filter(|number| self.room(*number) == 0).collect()
    }
}

/// One call under way, until it is dropped.
#[derive(Debug)]
struct Call {
    number_id: Uuid,
    under_way: UnderWay,
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut all = self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = all.get_mut(&self.number_id) {
            *calls -= 1;
            if *calls == 0 {
                all.remove(&self.number_id);
            }
        }
    }
}

struct Claims {
    database: Database,
    settings: Settings,
    hear: Sender<Settled>,
    under_way: UnderWay,
    uploads: Uploads,
    calls: JoinSet<()>,
}

impl Claims {
    /// Serves number after number until nothing more may leave now; answers how many messages left.
    async fn round(&mut self, stop: &CancellationToken) -> Result<usize> {
        let mut left = 0;
        // What waits of these must wait longer.
        let mut passed: HashSet<Uuid> = HashSet::new();
        let mut passing_since = Instant::now();
        loop {
            let full: Vec<Uuid> = self.under_way.full().union(&passed).copied().collect();
            let tx = self.database.operator().await?;
            let turns = outbox::any_organization_turns(&tx, self.settings.to_meta.clock.now(), &full).await?;
            tx.close();
            let before = (left, passed.len());
            for turn in turns {
                if stop.is_cancelled() {
                    return Ok(left);
                }
                let room = i64::try_from(self.under_way.room(turn.number_id)).unwrap_or(0);
                if room == 0 {
                    continue;
                }
                let tx = self.database.operator().await?;
                let taken = outbox::any_organization_claim(&tx, self.settings.to_meta.clock.now(), turn, room).await?;
                tx.commit_in_job().await?;
                match taken {
                    Some(taken) if !taken.messages.is_empty() => {
                        left += taken.messages.len();
                        self.send(taken);
                    }
                    _ => _ = passed.insert(turn.number_id),
                }
            }
            if (left, passed.len()) == before {
                return Ok(left);
            }
            // While one number always has more that may leave, the round does not end: the others are looked at again.
            if left > before.0 && passing_since.elapsed() >= PACED_POLL {
                passed.clear();
                passing_since = Instant::now();
            }
        }
    }

    fn send(&mut self, taken: Taken) {
        let number = Arc::new(taken.number);
        for message in taken.messages {
            let (settings, number, hear) = (self.settings.clone(), number.clone(), self.hear.clone());
            let (database, uploads) = (self.database.clone(), self.uploads.clone());
            let under_way = self.under_way.begin(number.number_id);
            self.calls.spawn(async move {
                let settled = call::send(&database, &settings, &uploads, &number, message).await;
                drop(under_way);
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
            while under_way.room(number) > 0 {
                hanging.push(under_way.begin(number));
            }
            assert!(under_way.full().contains(&number));
        }
        assert!(hanging.len() > 400, "and use what there is: {}", hanging.len());
        assert!(under_way.room(Uuid::now_v7()) >= 2);
        hanging.clear();
        assert_eq!(under_way.room(Uuid::now_v7()), CALLS_OF_A_NUMBER);
    }
}
