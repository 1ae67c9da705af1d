//! The loop that claims, and lets calls go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::Result;
use model::outbox::{self, Settled, Taken, Turn};
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
    let look_everywhere = looked;
    let activity = database.activity().clone();
    let doubtful = Vec::new();
    let mut claims =
        Claims { database, settings, hear, under_way, uploads, doubtful, stop: stop_too, looked, look_everywhere };
    rounds::run(&mut claims, &activity, stop).await
}

/// How many more calls a number may have under way. The fewer are free over all, the fewer any number may hold, so that
/// dozens of numbers that hang leave room for one that does not.
fn room(free: usize, of_number: usize) -> usize {
    CALLS_OF_A_NUMBER.min(free.div_ceil(SHARE)).saturating_sub(of_number)
}

/// Numbers that have no room.
fn full(under_way: &UnderWay<Uuid>) -> HashSet<Uuid> {
    let free = CALLS.saturating_sub(under_way.total());
    under_way.all().into_iter().filter(|(_, calls)| room(free, *calls) == 0).map(|(number, _)| number).collect()
}

/// How many may be claimed of each, and whether one gets no share.
fn shares(under_way: &UnderWay<Uuid>, turns: Vec<Turn>) -> (Vec<(Turn, i64)>, bool) {
    let mut free = CALLS.saturating_sub(under_way.total());
    let of = |turn: Turn| {
        let share = i64::try_from(room(free, under_way.of(turn.number_id))).unwrap_or(outbox::MOST).min(outbox::MOST);
        free = free.saturating_sub(usize::try_from(share).unwrap_or(0));
        (turn, share)
    };
    let (shares, none): (Vec<_>, Vec<_>) = turns.into_iter().map(of).partition(|(_, share)| *share > 0);
    (shares, !none.is_empty())
}

/// Each organization's turns, and of each number one, in the order in which they came first.
fn by_organization(turns: Vec<Turn>) -> Vec<Vec<Turn>> {
    let mut all: Vec<Vec<Turn>> = Vec::new();
    for turn in turns {
        let Some(turns) = all.iter_mut().find(|turns| turns[0].organization_id == turn.organization_id) else {
            all.push(vec![turn]);
            continue;
        };
        match turns.iter_mut().find(|one| one.number_id == turn.number_id) {
            Some(one) => one.bulk |= turn.bulk,
            None => turns.push(turn),
        }
    }
    all
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
    /// When numbers of which nobody said anything are looked for again.
    look_everywhere: Instant,
}

impl Job for Claims {
    type Done = ();
    const WAITS: &'static str = "messages wait";

    // Whoever settles what was heard rings.
    const FILLS: bool = false;

    async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
        self.looked = Instant::now();
        let due = self.settings.wake.take_due();
        let everywhere = due.others || self.look_everywhere <= self.looked;
        let left = if everywhere { self.everywhere(begun).await } else { self.known(due.turns, begun).await };
        let left = left.inspect_err(|_| {
            counter!("wazapp_claim_failures_total").increment(1);
            self.look_everywhere = self.looked;
        })?;
        let (planned, now) = ((!everywhere).then_some(self.look_everywhere), Instant::now());
        self.look_everywhere = next_look(planned, left, now);
        Ok(self.look_everywhere.saturating_duration_since(now))
    }

    async fn wake(&self) {
        self.settings.wake.wait().await;
        tokio::time::sleep_until(self.looked + LINGER).await;
    }
}

/// When all numbers are looked at again. A look at some puts one that was planned off for nobody.
fn next_look(planned: Option<Instant>, left: Left, now: Instant) -> Instant {
    let next = now
        + match left {
            Left::All => POLL,
            Left::Some => PACED_POLL,
        };
    planned.map_or(next, |planned| planned.min(next))
}

/// Whether all that a look knew of has left, or some may follow soon.
enum Left {
    All,
    Some,
}

/// What a round over some numbers took.
#[derive(Default)]
struct Took {
    messages: usize,
    /// Of these numbers nothing more leaves now.
    passed: Vec<Uuid>,
    /// Whether more may leave at once.
    more: bool,
    /// Whether the pace of one of them lets no more go now.
    paced: bool,
}

impl Claims {
    /// Serves numbers of which somebody said that something is due. Nobody looks for others meanwhile.
    async fn known(&mut self, due: HashSet<Turn>, begun: &mut JoinSet<()>) -> Result<Left> {
        self.recognize(begun).await?;
        let took = self.serve(due.into_iter().collect(), begun).await?;
        if took.more {
            self.everywhere(begun).await?;
        }
        Ok(if took.more || took.paced { Left::Some } else { Left::All })
    }

    /// Serves number after number until nothing more may leave now.
    async fn everywhere(&mut self, begun: &mut JoinSet<()>) -> Result<Left> {
        self.recognize(begun).await?;
        let mut left = Left::All;
        // What waits of these must wait longer.
        let mut passed: HashSet<Uuid> = HashSet::new();
        let mut passing_since = Instant::now();
        loop {
            let full = full(&self.under_way);
            if !full.is_empty() {
                self.settings.wake.wants_room();
            }
            if self.under_way.total() >= CALLS {
                return Ok(Left::Some);
            }
            let full: Vec<Uuid> = full.union(&passed).copied().collect();
            let tx = self.database.operator().await?;
            let turns = outbox::any_organization_turns(&tx, self.settings.to_meta.clock.now(), &full).await?;
            tx.close();
            let many = outbox::are_more_turns(&turns);
            let took = self.serve(turns, begun).await?;
            passed.extend(took.passed);
            if took.more || took.paced {
                left = Left::Some;
            }
            if !many && !took.more || self.stop.is_cancelled() {
                return Ok(left);
            }
            // While one number always has more that may leave, the round does not end: the others are looked at again.
            if took.messages > 0 && passing_since.elapsed() >= PACED_POLL {
                passed.clear();
                passing_since = Instant::now();
            }
        }
    }

    /// Serves these numbers once, those of one organization together.
    async fn serve(&mut self, turns: Vec<Turn>, begun: &mut JoinSet<()>) -> Result<Took> {
        let mut took = Took::default();
        let mut crowded = false;
        for turns in by_organization(turns) {
            if self.stop.is_cancelled() {
                break;
            }
            let (turns, waits) = shares(&self.under_way, turns);
            if waits {
                self.settings.wake.wants_room();
            }
            crowded |= waits;
            if turns.is_empty() {
                continue;
            }
            let (tx, now) = (self.database.operator().await?, self.settings.to_meta.clock.now());
            let claim = outbox::any_organization_claim(&tx, now, &turns).await?;
            let taken = claim.commit(tx, now).await.map_err(|lost| {
                self.doubtful.extend(lost.taken);
                lost.error
            })?;
            for (turn, _) in turns {
                let of_number = taken.iter().find(|of| of.number.number_id == turn.number_id);
                took.paced |= of_number.is_none_or(|of| of.paced);
                if of_number.is_none_or(|of| of.messages.is_empty()) {
                    took.passed.push(turn.number_id);
                }
            }
            for of_number in taken.into_iter().filter(|of_number| !of_number.messages.is_empty()) {
                took.messages += of_number.messages.len();
                took.more |= of_number.more;
                self.send(of_number, begun);
            }
        }
        // Shares were kept for what did not come: there is room for those that got none.
        took.more |= crowded && took.messages > 0;
        Ok(took)
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
    fn what_was_said_of_a_number_twice_is_one_turn() {
        let turn = |organization, number, bulk: bool| Turn {
            organization_id: Uuid::from_u128(organization),
            number_id: Uuid::from_u128(number),
            bulk,
        };
        let turns =
            by_organization(vec![turn(1, 11, true), turn(2, 21, false), turn(1, 12, false), turn(1, 11, false)]);
        let both = Turn::of(Uuid::from_u128(1), Uuid::from_u128(11));
        assert_eq!(turns, [vec![both, turn(1, 12, false)], vec![turn(2, 21, false)]]);
    }

    #[test]
    fn who_is_named_puts_no_look_off() {
        let now = Instant::now();
        let soon = next_look(None, Left::Some, now);
        assert_eq!(soon, now + PACED_POLL);
        assert_eq!(next_look(Some(soon), Left::All, now + LINGER), soon);
        assert_eq!(next_look(Some(now + POLL), Left::Some, now), soon);
    }

    #[test]
    fn numbers_of_one_organization_are_all_served_while_calls_are_free() {
        let under_way = UnderWay::default();
        let organization_id = Uuid::now_v7();
        let mut left: Vec<Turn> = (0..100).map(|number| Turn::of(organization_id, Uuid::from_u128(number))).collect();
        let (mut calls, mut rounds) = (Vec::new(), 0);
        while !left.is_empty() {
            // Each has one message.
            let (served, waits) = shares(&under_way, std::mem::take(&mut left));
            assert!(!served.is_empty(), "{rounds}");
            calls.extend(served.iter().map(|(turn, _)| under_way.begin(turn.number_id)));
            let all = (0..100).map(|number| Turn::of(organization_id, Uuid::from_u128(number)));
            left = all.filter(|turn| under_way.of(turn.number_id) == 0).collect();
            assert_eq!(waits, !left.is_empty());
            rounds += 1;
        }
        assert!(rounds <= 5, "{rounds}");
    }

    #[test]
    fn dozens_of_numbers_that_hang_leave_room_for_another() {
        let under_way = UnderWay::default();
        let room = |number: Uuid| room(CALLS.saturating_sub(under_way.total()), under_way.of(number));
        let mut hanging = Vec::new();
        for _ in 0..24 {
            let number = Uuid::now_v7();
            while room(number) > 0 {
                hanging.push(under_way.begin(number));
            }
            assert!(full(&under_way).contains(&number));
        }
        assert!(hanging.len() > 400, "and use what there is: {}", hanging.len());
        assert!(room(Uuid::now_v7()) >= 2);
        hanging.clear();
        assert_eq!(room(Uuid::now_v7()), CALLS_OF_A_NUMBER);
    }
}
