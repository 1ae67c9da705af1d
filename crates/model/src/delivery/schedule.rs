//! When a call that was not taken is made again.

use jiff::SignedDuration;

/// The pauses between tries: the second comes within three seconds, because a function that slept is awake by then; the last
/// ends more than three days after the first. Up to an eighth is added by chance, so that what failed together does not come back
/// together.
pub const SCHEDULE: [SignedDuration; 11] = [
    SignedDuration::from_secs(2),
    SignedDuration::from_secs(15),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(12),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(30),
];

/// So often is tried what is answered 3xx, 401, 403 or 404: perhaps the endpoint is being put in its place.
pub const FEW: usize = 5;

/// What an answer means for what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Taken,
    /// It may be taken later.
    Again,
    /// The same, and soon, or not at all.
    Few,
    /// It will not be taken.
    Never,
    /// The endpoint wants to hear nothing any more.
    Gone,
}

/// What a status means; `None`: there was no answer.
pub fn verdict(status: Option<u16>) -> Verdict {
    match status {
        Some(200..=299) => Verdict::Taken,
        Some(410) => Verdict::Gone,
        None | Some(408 | 425 | 429 | 100..=199 | 500..) => Verdict::Again,
        Some(300..=399 | 401 | 403 | 404) => Verdict::Few,
        Some(_) => Verdict::Never,
    }
}

impl Verdict {
    /// The pause behind so many tries; `None`: there is no other try.
    pub(super) fn pause(self, tries: i32) -> Option<SignedDuration> {
        let tries = usize::try_from(tries).unwrap_or(0).max(1);
        let most = match self {
            Self::Again => SCHEDULE.len() + 1,
            Self::Few => FEW,
            Self::Taken | Self::Never | Self::Gone => 1,
        };
        if tries < most { SCHEDULE.get(tries - 1).copied() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_what_the_docs_say() {
        for status in [200, 202, 204] {
            assert_eq!(verdict(Some(status)), Verdict::Taken);
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 546, 599] {
            assert_eq!(verdict(Some(status)), Verdict::Again, "{status}");
        }
        for status in [301, 302, 307, 401, 403, 404] {
            assert_eq!(verdict(Some(status)), Verdict::Few, "{status}");
        }
        for status in [400, 402, 405, 409, 413, 415, 422] {
            assert_eq!(verdict(Some(status)), Verdict::Never, "{status}");
        }
        assert_eq!((verdict(Some(410)), verdict(None)), (Verdict::Gone, Verdict::Again));
    }

    #[test]
    fn the_second_try_is_soon_and_the_last_after_three_days() {
        let whole: SignedDuration = SCHEDULE.iter().sum();
        assert!(whole >= SignedDuration::from_hours(72), "{whole}");
        assert!(Verdict::Again.pause(1).unwrap() < SignedDuration::from_secs(3) * 8 / 9);
        let tries = |verdict: Verdict| 1 + (1..).take_while(|tries| verdict.pause(*tries).is_some()).count();
        assert_eq!(tries(Verdict::Again), SCHEDULE.len() + 1);
        assert_eq!((tries(Verdict::Few), tries(Verdict::Never)), (FEW, 1));
    }

    #[test]
    fn the_documentation_tells_the_schedule() {
        let page = include_str!("../../../../docs/endpoints.md");
        let told = "2 s, 15 s, 1 min, 5 min, 15 min, 1 h, 3 h, 6 h, 12 h, 24 h, 30 h";
        let ours: Vec<String> = SCHEDULE
            .iter()
            .map(|pause| match pause.as_secs() {
                secs @ ..60 => format!("{secs} s"),
                secs @ ..3600 => format!("{} min", secs / 60),
                secs => format!("{} h", secs / 3600),
            })
            .collect();
        assert_eq!(ours.join(", "), told);
        assert!(page.contains(told), "docs/endpoints.md tells another schedule");
    }
}
