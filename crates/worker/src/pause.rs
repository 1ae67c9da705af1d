//! Who must wait, by what a call brought.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::outbox::Pause;
use model::trouble::Trouble;
use whatsapp::graph::Failure;
use whatsapp::verdict::{Explanation, Rest, Verdict};

use crate::trouble::words;

/// Who must wait for this failure, judged like this. `None`: nobody.
pub(crate) fn pause(failure: &Failure, verdict: Verdict, now: Timestamp) -> Option<Pause> {
    match verdict {
        Verdict::PausePair(wait) => Some(Pause::Pair { until: now + span(wait) }),
        Verdict::PauseNumber { rest, advice } => {
            Some(Pause::Number { until: until(rest, now), reason: reason(failure, advice)?.into() })
        }
        Verdict::PauseAccount { rest, advice } => {
            Some(Pause::Account { until: until(rest, now), reason: reason(failure, advice)?.into() })
        }
        Verdict::RetryAfter(_) | Verdict::AskPerson(_) | Verdict::GiveUp(_) | Verdict::SettleByStatus => None,
    }
}

/// The number rests until somebody mends what its token lacks.
pub(crate) fn until_mended(error: &Trouble) -> Pause {
    Pause::Number { until: None, reason: error.as_reason().into() }
}

/// A wait as times are reckoned here.
pub(crate) fn span(wait: Duration) -> SignedDuration {
    SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_hours(24))
}

fn until(rest: Rest, now: Timestamp) -> Option<Timestamp> {
    match rest {
        Rest::For(wait) => Some(now + span(wait)),
        Rest::UntilPerson => None,
    }
}

/// What Meta said. Nothing rests for an answer that did not come.
fn reason(failure: &Failure, advice: &Explanation) -> Option<Trouble> {
    match failure {
        Failure::Refused(error) => Some(Trouble::new(error.code, error.message.clone(), words(advice))),
        Failure::NotSent(_) | Failure::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use whatsapp::graph::{MetaError, NotSent, Unknown};
    use whatsapp::verdict::verdict;

    use super::*;

    fn refused(code: i64) -> Failure {
        Failure::Refused(Box::new(MetaError {
            http: 400,
            code,
            subcode: None,
            kind: None,
            message: "Meta's words".into(),
            details: None,
            user_title: None,
            user_message: None,
            transient: false,
            fbtrace_id: None,
        }))
    }

    /// A recipient, a number for a while, a number until somebody mends it, and a whole account.
    #[test]
    fn who_waits_is_whom_the_verdict_names() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |failure: &Failure| pause(failure, verdict(failure, 0), now);
        assert!(matches!(of(&refused(131_056)), Some(Pause::Pair { until }) if until > now));
        assert!(matches!(of(&refused(130_429)), Some(Pause::Number { until: Some(until), .. }) if until > now));
        let dead = of(&refused(190)).expect("a pause");
        let reason = dead.endless().expect("no end");
        assert_eq!((reason.code.of_meta(), reason.message.as_str()), (Some(190), "Meta's words"));
        assert!(matches!(of(&refused(131_042)), Some(Pause::Account { until: None, .. })));
        for nobody in [
            refused(131_026),
            Failure::NotSent(NotSent::NoConnection("…".into())),
            Failure::NotSent(NotSent::Malformed("…")),
            Failure::Unknown(Unknown::TimedOut),
        ] {
            assert_eq!(of(&nobody), None, "{nobody}");
        }
    }
}
