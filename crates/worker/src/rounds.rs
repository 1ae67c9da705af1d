//! The one loop for work that is claimed: a look claims what is due and there is room for, what it claimed runs beside it,
//! and what was missed or let go is found at the next look.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::activity::Activity;
use model::database::{DatabaseError, Result};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The pause after failures of the database grows from the first up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What met another transaction is tried again at once.
pub(crate) const NO_PAUSE: Duration = Duration::from_millis(1);

/// Work that is claimed from the database, so that any node may do it.
pub(crate) trait Job {
    /// What a piece of work leaves at its end.
    type Done: Send + 'static;

    /// What is said, once, when the database fails a look.
    const WAITS: &'static str;

    /// Whether it says exactly when something will be due; else looks are rarer where nobody is there.
    const KNOWS_WHEN: bool = false;

    /// Whether a piece of work that ends lets more begin at once.
    const FILLS: bool = true;

    /// Claims what is due and there is room for, and begins it; answers when to look again.
    async fn look(&mut self, begun: &mut JoinSet<Self::Done>) -> Result<Duration>;

    /// Ends early where something may be due before that. Hints only: looking is the truth.
    async fn wake(&self) {
        std::future::pending().await
    }

    /// Hears what ended since the last look.
    async fn ended(&mut self, _done: Vec<Self::Done>) {}

    /// Whether what comes next would end as badly as this did: then the next look waits, longer each time.
    fn ended_badly(_done: &Self::Done) -> bool {
        false
    }
}

/// A piece of work as it is traced.
pub(crate) fn job(what: &'static str) -> tracing::Span {
    tracing::info_span!("job", what)
}

/// Looks until the token is cancelled, less often where nobody is there; answers what is still under way.
pub(crate) async fn run<J: Job>(job: &mut J, activity: &Activity, stop: &CancellationToken) -> JoinSet<J::Done> {
    let mut begun = JoinSet::new();
    let (mut pause, mut rest) = (Pause::default(), Pause::default());
    while !stop.is_cancelled() {
        let next = match job.look(&mut begun).await {
            Ok(next) => {
                pause.over();
                next
            }
            Err(error) => pause.after(&error, J::WAITS),
        };
        let goes_on = !pause.lasts();
        let mut done = Vec::new();
        tokio::select! {
            () = stop.cancelled() => {}
            () = job.wake(), if goes_on => {}
            Some(ended) = begun.join_next(), if goes_on && J::FILLS => done.extend(heard(ended)),
            () = pause_until_next::<J>(next, activity) => {}
        }
        if !begun.is_empty() {
            activity.note();
        }
        while let Some(ended) = begun.try_join_next() {
            done.extend(heard(ended));
        }
        if done.is_empty() {
            continue;
        }
        let badly = done.iter().any(J::ended_badly);
        job.ended(done).await;
        if badly {
            let _ = tokio::time::timeout(rest.grow(), stop.cancelled()).await;
        } else {
            rest.over();
        }
    }
    begun
}

async fn pause_until_next<J: Job>(next: Duration, activity: &Activity) {
    match J::KNOWS_WHEN {
        true => tokio::time::sleep(next).await,
        false => activity.pause(next).await,
    }
}

/// Waits for what is still under way.
pub(crate) async fn finish<T: 'static>(mut begun: JoinSet<T>) {
    while let Some(ended) = begun.join_next().await {
        heard(ended);
    }
}

/// Of a piece of work that panicked nothing is heard: its lease ends, and it is claimed again.
fn heard<T>(ended: Result<T, JoinError>) -> Option<T> {
    ended.inspect_err(|error| tracing::error!(%error, "a piece of work broke off")).ok()
}

/// The pause after failures of the database.
#[derive(Debug, Default)]
pub(crate) struct Pause(Duration);

impl Pause {
    /// The database answers again.
    pub(crate) fn over(&mut self) {
        self.0 = Duration::ZERO;
    }

    /// Whether it failed the last time.
    pub(crate) fn lasts(&self) -> bool {
        !self.0.is_zero()
    }

    /// How long to wait after a failure, which grows. What `waits`, and why, is said at the first.
    pub(crate) fn after(&mut self, error: &DatabaseError, waits: &str) -> Duration {
        if error.is_transient() {
            tracing::debug!(%error, "two transactions met: one is tried again");
            self.0 = NO_PAUSE;
            return self.0;
        }
        if self.0 < FIRST_PAUSE {
            tracing::warn!(%error, "{waits}: {}", error.reason());
        }
        self.grow()
    }

    fn grow(&mut self) -> Duration {
        self.0 = (self.0 * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.0
    }
}

/// What a look does now and then: by the time, since looks are rarer where nobody is there.
#[derive(Debug)]
pub(crate) struct Seldom {
    period: Duration,
    due: Instant,
}

impl Seldom {
    /// With the first look, and then at most once a period.
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, due: Instant::now() }
    }

    /// The first time only after so long.
    pub(crate) fn after(first: Duration, period: Duration) -> Self {
        Self { period, due: Instant::now() + first }
    }

    /// Whether it is to be done with this look.
    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// It was done, and waits a period.
    pub(crate) fn done(&mut self) {
        self.due = Instant::now() + self.period;
    }
}

/// Comes again and again, until a token is cancelled.
#[derive(Debug)]
pub(crate) struct Every {
    period: Duration,
    activity: Option<Activity>,
}

impl Every {
    /// The first comes after the first period.
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, activity: None }
    }

    /// Comes less often where nobody is there.
    pub(crate) fn busy(period: Duration, activity: &Activity) -> Self {
        Self { activity: Some(activity.clone()), ..Self::new(period) }
    }

    /// Waits for the next. False: it is over.
    pub(crate) async fn next(&self, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = stop.cancelled() => false,
            () = self.pause() => true,
        }
    }

    async fn pause(&self) {
        match &self.activity {
            Some(activity) => activity.pause(self.period).await,
            None => tokio::time::sleep(self.period).await,
        }
    }
}

/// How much is under way, by whose it is.
#[derive(Debug)]
pub(crate) struct UnderWay<K>(Arc<Mutex<HashMap<K, usize>>>);

/// One piece of work under way, until it is dropped: also by a panic.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash> {
    of: K,
    under_way: UnderWay<K>,
}

impl<K> Clone for UnderWay<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Default for UnderWay<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Copy + Eq + Hash> UnderWay<K> {
    /// Counts one more of somebody's.
    pub(crate) fn begin(&self, of: K) -> Place<K> {
        *self.counts().entry(of).or_default() += 1;
        Place { of, under_way: self.clone() }
    }

    /// How many of somebody's.
    pub(crate) fn of(&self, who: K) -> usize {
        self.counts().get(&who).copied().unwrap_or(0)
    }

    /// How many over all.
    pub(crate) fn total(&self) -> usize {
        self.counts().values().sum()
    }

    /// Whose, and how many.
    pub(crate) fn all(&self) -> Vec<(K, usize)> {
        self.counts().iter().map(|(of, count)| (*of, *count)).collect()
    }
}

impl<K> UnderWay<K> {
    fn counts(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.under_way.counts();
        if let Some(count) = counts.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims one piece of work a look, one at a time of each, of which every third panics; until the others were heard.
    struct Panics {
        stop: CancellationToken,
        under_way: UnderWay<u32>,
        looks: u32,
        done: Vec<u32>,
    }

    impl Job for Panics {
        type Done = u32;
        const WAITS: &'static str = "nothing waits";

        async fn look(&mut self, begun: &mut JoinSet<u32>) -> Result<Duration> {
            let mine = self.looks % 3;
            if self.under_way.of(mine) == 0 {
                let place = self.under_way.begin(mine);
                begun.spawn(async move {
                    assert!(mine < 2, "this one always does");
                    drop(place);
                    mine
                });
            }
            self.looks += 1;
            Ok(Duration::from_millis(1))
        }

        async fn ended(&mut self, done: Vec<u32>) {
            self.done.extend(done);
            if self.looks > 6 && [0, 1].iter().all(|mine| self.done.contains(mine)) {
                self.stop.cancel();
            }
        }
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back_and_the_rest_goes_on() {
        let stop = CancellationToken::new();
        let mut job = Panics { stop: stop.clone(), under_way: UnderWay::default(), looks: 0, done: Vec::new() };
        finish(run(&mut job, &Activity::default(), &stop).await).await;
        assert_eq!((job.under_way.total(), job.under_way.all()), (0, vec![]), "nothing is under way for ever");
    }

    /// Claims what fails at once, three times.
    struct Fails {
        stop: CancellationToken,
        looks: u32,
    }

    impl Job for Fails {
        type Done = ();
        const WAITS: &'static str = "nothing waits";

        async fn look(&mut self, begun: &mut JoinSet<()>) -> Result<Duration> {
            self.looks += 1;
            if self.looks > 3 {
                self.stop.cancel();
            } else {
                begun.spawn(async {});
            }
            Ok(Duration::from_secs(60))
        }

        fn ended_badly(_: &()) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn what_fails_at_once_is_not_begun_again_at_once() {
        let (began, stop) = (Instant::now(), CancellationToken::new());
        finish(run(&mut Fails { stop: stop.clone(), looks: 0 }, &Activity::default(), &stop).await).await;
        assert!(began.elapsed() >= FIRST_PAUSE * (1 + 2 + 4), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn pauses_grow_to_their_longest_and_end() {
        let away = DatabaseError::Unreachable("away".into());
        let mut pause = Pause::default();
        let all: Vec<u128> = (0..8).map(|_| pause.after(&away, "it waits").as_millis()).collect();
        assert_eq!(all, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        pause.over();
        assert!(!pause.lasts());
        assert_eq!(pause.after(&away, "it waits"), FIRST_PAUSE);

        let (began, stop) = (Instant::now(), CancellationToken::new());
        let every = Every::new(Duration::from_millis(20));
        assert!(every.next(&stop).await && every.next(&stop).await);
        assert!(began.elapsed() >= Duration::from_millis(40));
        stop.cancel();
        assert!(!every.next(&stop).await);
    }

    #[test]
    fn what_is_seldom_goes_by_the_time_and_not_by_looks() {
        let mut hourly = Seldom::new(Duration::from_secs(3600));
        assert!(hourly.is_due());
        // What was due and could not be done is due at the next look.
        assert!(hourly.is_due());
        hourly.done();
        assert!(!(0..10_000).any(|_| hourly.is_due()));
        let mut always = Seldom::new(Duration::ZERO);
        always.done();
        assert!(always.is_due());
        assert!(!Seldom::after(Duration::from_secs(3600), Duration::ZERO).is_due());
    }
}
