//! What time it is: the system's, unless a test put it ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The server's clock. Clones show the same time. It runs with the system's and can be put ahead, so that a test steps
/// over a week in a line.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_milliseconds: Arc<AtomicI64>,
}

impl Clock {
    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one place where the server asks what time it is")]
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.ahead_milliseconds.load(Ordering::Relaxed))
    }

    /// Puts it ahead, for every holder of a clone.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_milliseconds.fetch_add(by, Ordering::Relaxed);
    }
}
