//! Service windows: whether Meta takes any message of the business, or templates alone.

use jiff::{SignedDuration, Timestamp};

/// After what a customer writes, Meta takes any message for so long.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What is known of a service window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// Any message is taken.
    Open,
    /// Only templates are.
    Closed {
        /// Since then.
        since: Timestamp,
    },
    /// Meta says.
    Unknown,
}

impl Window {
    /// At a time. What a customer wrote before the number came here was not heard here, so for as long as a window lasts,
    /// nothing says that it is closed; nor does anything where they were never heard.
    pub(super) fn at(due_at: Timestamp, expires_at: Option<Timestamp>, connected_at: Timestamp) -> Self {
        match expires_at {
            Some(end) if end > due_at => Self::Open,
            Some(since) if due_at >= connected_at + WINDOW => Self::Closed { since },
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_closed_only_where_that_is_known() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let (came, now) = (at("2026-11-20T12:00:00Z"), at("2026-11-24T12:00:00Z"));
        let closed = now - SignedDuration::from_hours(1);
        assert_eq!(Window::at(now, Some(now + SignedDuration::from_secs(1)), came), Window::Open);
        assert_eq!(Window::at(now, Some(closed), came), Window::Closed { since: closed });
        assert_eq!(Window::at(now, None, came), Window::Unknown, "never heard");
        let just_now = now - SignedDuration::from_hours(23);
        assert_eq!(Window::at(now, Some(closed), just_now), Window::Unknown, "perhaps they wrote where it was before");
        assert_eq!(Window::at(now, Some(now), now - WINDOW), Window::Closed { since: now });
    }
}
