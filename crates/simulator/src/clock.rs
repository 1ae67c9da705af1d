//! The simulator's time, which can run faster than the world's and leap ahead.

use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

/// A clock under control. Schedules, retries, windows and life times all go by it; only the network runs on real time.
#[derive(Debug)]
pub(crate) struct Clock {
    pace: Mutex<Pace>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    real: Instant,
    shown: Timestamp,
    speed: f64,
}

impl Pace {
    fn now(&self) -> Timestamp {
        let elapsed = self.real.elapsed().as_secs_f64() * self.speed;
        self.shown + SignedDuration::from_micros((elapsed * 1e6) as i64)
    }
}

impl Clock {
    /// Shows this time now, and runs as fast as the world.
    pub(crate) fn new(shown: Timestamp) -> Self {
        Self { pace: Mutex::new(Pace { real: Instant::now(), shown, speed: 1.0 }), changed: watch::Sender::new(()) }
    }

    /// What it shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.pace.lock().expect("no holder panics").now()
    }

    /// How many of its seconds pass in one of the world's.
    pub(crate) fn speed(&self) -> f64 {
        self.pace.lock().expect("no holder panics").speed
    }

    /// Lets it run at another speed from now on.
    pub(crate) fn set_speed(&self, speed: f64) {
        self.change(|pace| pace.speed = speed);
    }

    /// Leaps ahead.
    pub(crate) fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        // A leap beyond what a calendar holds is a leap to its end.
        self.change(|pace| pace.shown = pace.shown.checked_add(by).unwrap_or(Timestamp::MAX));
    }

    fn change(&self, change: impl FnOnce(&mut Pace)) {
        let mut pace = self.pace.lock().expect("no holder panics");
        *pace = Pace { real: Instant::now(), shown: pace.now(), speed: pace.speed };
        change(&mut pace);
        drop(pace);
        self.changed.send_replace(());
    }

    /// Waits until it shows this time; `None`: for ever.
    pub(crate) async fn until(&self, when: Option<Timestamp>) {
        let mut changed = self.changed.subscribe();
        loop {
            let wait = when.map(|when| {
                let left = when.duration_since(self.now()).as_secs_f64() / self.speed();
                Duration::try_from_secs_f64(left.max(0.0)).unwrap_or(Duration::MAX)
            });
            if wait == Some(Duration::ZERO) {
                return;
            }
            // The wheel of timers ends after two years; a day is as good, for the loop asks again.
            let wait = wait.unwrap_or(Duration::MAX).min(Duration::from_secs(86_400));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = changed.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_leaps_and_wakes_who_waits_for_it() {
        let clock = std::sync::Arc::new(Clock::new(Timestamp::from_second(1_700_000_000).expect("a time")));
        let waiting = clock.clone();
        let tomorrow = clock.now() + SignedDuration::from_hours(24);
        let waits = tokio::spawn(async move { waiting.until(Some(tomorrow)).await });
        clock.advance(Duration::from_secs(25 * 3600));
        waits.await.expect("woken");
        assert!(clock.now() > tomorrow);
    }

    #[tokio::test]
    async fn it_runs_faster() {
        let clock = Clock::new(Timestamp::from_second(1_700_000_000).expect("a time"));
        let begun = clock.now();
        clock.set_speed(1e6);
        clock.until(Some(begun + SignedDuration::from_hours(1))).await;
        assert!(clock.now() >= begun + SignedDuration::from_hours(1));
    }
}
