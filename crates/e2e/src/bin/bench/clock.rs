//! The one place that asks what time it is.

use std::time::{Duration, Instant};

/// For measuring.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// For what is written into bodies and rows.
pub(crate) fn timestamp() -> jiff::Timestamp {
    e2e::outside::now()
}

/// Sleeps until `due`, within some 60 µs; at once when it has passed.
pub(crate) fn sleep_until(due: Instant) {
    let wait = due.saturating_duration_since(now());
    if wait > Duration::ZERO {
        std::thread::sleep(wait);
    }
}
