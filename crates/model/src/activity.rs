//! Whether anybody is there: where nobody is, what is looked for in vain is looked for less often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// So long after the last thing that happened it is quiet. What is tried again, is tried for the first time before that.
const QUIET_AFTER: Duration = Duration::from_secs(20);

/// Then looks are so many times rarer, but not rarer than this.
const RARER: u32 = 10;
const RAREST: Duration = Duration::from_secs(5);

/// When something happened in this process last: a request, a webhook, work that was found. Clones know the same.
#[derive(Clone, Debug)]
pub struct Activity(Arc<Known>);

#[derive(Debug)]
struct Known {
    quiet_after: Duration,
    begun: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
    resumed: Notify,
}

impl Default for Activity {
    fn default() -> Self {
        Self::quiet_after(QUIET_AFTER)
    }
}

impl Activity {
    fn quiet_after(quiet_after: Duration) -> Self {
        let (last, resumed) = (AtomicU64::default(), Notify::new());
        Self(Arc::new(Known { begun: Instant::now(), quiet_after, last, resumed }))
    }

    /// Something happened.
    pub fn note(&self) {
        let was_quiet = self.is_quiet();
        self.0.last.store(self.now(), Ordering::Relaxed);
        if was_quiet {
            self.0.resumed.notify_waiters();
        }
    }

    /// Lets the time between two looks pass: a longer one where it is quiet, which ends as soon as something happens.
    pub async fn pause(&self, usual: Duration) {
        let resumed = self.0.resumed.notified();
        if !self.is_quiet() {
            return tokio::time::sleep(usual).await;
        }
        let _ = tokio::time::timeout((usual * RARER).min(RAREST).max(usual), resumed).await;
    }

    fn is_quiet(&self) -> bool {
        u128::from(self.now().saturating_sub(self.0.last.load(Ordering::Relaxed))) > self.0.quiet_after.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: Duration = Duration::ZERO;
    const A_MOMENT: Duration = Duration::from_millis(20);
    const FOR_EVER: Duration = Duration::from_secs(3600);

    async fn paused(activity: &Activity, usual: Duration) -> Duration {
        let began = Instant::now();
        activity.pause(usual).await;
        began.elapsed()
    }

    #[tokio::test]
    async fn where_it_is_quiet_looks_are_rare_until_something_happens() {
        let activity = Activity::quiet_after(NO_TIME);
        tokio::time::sleep(A_MOMENT).await;
        assert!(paused(&activity, A_MOMENT).await >= A_MOMENT * RARER);
        // Whoever waits is told.
        tokio::join!(paused(&activity, FOR_EVER), async { activity.note() });
    }

    #[tokio::test]
    async fn where_somebody_is_looks_are_as_usual() {
        let activity = Activity::quiet_after(FOR_EVER);
        tokio::time::sleep(A_MOMENT).await;
        let long = tokio::time::timeout(A_MOMENT, activity.pause(FOR_EVER));
        let (ended, ()) = tokio::join!(long, async { activity.note() });
        assert!(ended.is_err(), "nobody is told who was not to wait longer");
    }
}
