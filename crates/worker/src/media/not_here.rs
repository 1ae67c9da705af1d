//! Why a medium did not come, and what follows.

use jiff::{SignedDuration, Timestamp};
use model::DatabaseError;
use model::file::KeepError;
use model::link::NoToken;
use model::media::Outcome;
use model::outbox::Pause;
use model::store::StoreError;
use model::trouble::Trouble;
use whatsapp::graph::{DownloadFailure, Failure, MetaError, NotSent};
use whatsapp::verdict::verdict;

use crate::pause::{pause, until_mended};
use crate::trouble::of_reading;

/// Waits between tries: two seconds, then twice as long each time, up to an hour.
const FIRST: SignedDuration = SignedDuration::from_secs(2);
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// Where nothing can be done here, it is looked again after so long.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// What says something of the number is believed after a look, which comes within a minute.
const LOOKED_AT_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// What says that it is gone, or is another file than announced, is asked so often before it is believed.
const TRIES: u32 = 5;

/// Why a medium did not come.
#[derive(Debug)]
pub(super) enum NotHere {
    /// It may pass.
    Passing(Box<Trouble>),
    /// It passes, or it is true.
    Doubtful(Box<Trouble>),
    /// It will not come.
    Final(Box<Trouble>),
    /// Its number cannot be asked.
    Waiting(Box<Trouble>),
    /// Meta lets its number, or its account, wait.
    Resting { pause: Pause, error: Box<Trouble> },
}

impl NotHere {
    /// What becomes of the medium, and who else waits.
    pub(super) fn settle(self, attempt: u32, now: Timestamp) -> (Outcome, Option<Pause>) {
        let retry = |at, error, counts| Outcome::Retry { at, error, counts };
        match self {
            Self::Doubtful(error) if attempt >= TRIES => (Outcome::Failed { error }, None),
            Self::Passing(error) | Self::Doubtful(error) => (retry(now + wait(attempt), error, true), None),
            Self::Final(error) => (Outcome::Failed { error }, None),
            Self::Waiting(error) => (retry(now + LOOK_AGAIN, error, false), None),
            Self::Resting { pause, error } => {
                let at = pause.until().map_or(now + LOOKED_AT_WITHIN, |until| until.min(now + LOOK_AGAIN));
                (retry(at, error, false), Some(pause))
            }
        }
    }

    /// No number to ask with.
    pub(super) fn not_connected() -> Self {
        Self::Waiting(Trouble::waits_at_meta().into())
    }

    /// The number's token cannot be had.
    pub(super) fn no_token(why: &NoToken) -> Self {
        let error = Trouble::no_token(why);
        let pause = until_mended(&error);
        Self::Resting { pause, error: error.into() }
    }

    /// Meta announced a file, and did not say which.
    pub(super) fn nameless() -> Self {
        Self::Final(Trouble::nameless().into())
    }

    /// Meta does not have it.
    pub(super) fn gone(details: Option<&str>) -> Self {
        Self::Doubtful(Trouble::gone(details).into())
    }

    /// Its bytes are not those that were announced.
    pub(super) fn wrong_hash() -> Self {
        Self::Doubtful(Trouble::wrong_hash().into())
    }

    /// It did not come in the time that a fetch has.
    pub(super) fn slow() -> Self {
        Self::Passing(Trouble::slow().into())
    }

    /// Meta did not say where it is.
    pub(super) fn of_look_up(failure: &Failure, attempt: u32, now: Timestamp) -> Self {
        let error = of_reading(failure).into();
        // The verdict counts the refusals before this one.
        match pause(failure, verdict(failure, attempt.saturating_sub(1)), now) {
            Some(pause @ (Pause::Number { .. } | Pause::Account { .. })) => Self::Resting { pause, error },
            // What a person can mend, a person may mend in the week that there is.
            _ => Self::Passing(error),
        }
    }

    /// It did not come from where Meta said. The token was good a moment ago, so nobody rests.
    pub(super) fn of_download(failure: DownloadFailure) -> Self {
        match failure {
            DownloadFailure::ForeignUrl => Self::Final(Trouble::foreign_url().into()),
            DownloadFailure::Expired => Self::gone(None),
            DownloadFailure::Refused(error) => Self::Passing(of_reading(&Failure::Refused(error)).into()),
            DownloadFailure::TooLong { limit } => Self::Final(Trouble::too_large(limit).into()),
            DownloadFailure::Broken(message) => Self::Passing(Trouble::broken(&message).into()),
        }
    }
}

impl From<StoreError> for NotHere {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a file could not be stored: it is tried again");
        Self::Passing(Trouble::not_stored().into())
    }
}

impl From<KeepError> for NotHere {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Store(error) => error.into(),
            KeepError::Database(DatabaseError::OverQuota(exceeded)) => {
                Self::Final(Trouble::over_quota(&exceeded).into())
            }
            other => {
                tracing::debug!(error = %other, "a file could not be noted: it is tried again");
                Self::Passing(Trouble::not_noted().into())
            }
        }
    }
}

/// Whether Meta says that there is no such medium.
pub(super) fn is_gone(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(error) => is_missing(error),
        Failure::NotSent(NotSent::Malformed(_)) => true,
        _ => false,
    }
}

/// "Unsupported get request. Object with ID … does not exist".
fn is_missing(error: &MetaError) -> bool {
    error.http == 404 || error.code == 100 && matches!(error.subcode, None | Some(33))
}

fn wait(attempt: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(attempt.saturating_sub(1).min(20)).unwrap_or(i32::MAX);
    (FIRST * factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour() {
        let seconds: Vec<i64> = [1, 2, 3, 11, 12, 40, u32::MAX].map(|attempt| wait(attempt).as_secs()).to_vec();
        assert_eq!(seconds, [2, 4, 8, 2048, 3600, 3600, 3600]);
    }

    #[test]
    fn what_is_doubtful_is_believed_in_the_end() {
        let now = Timestamp::UNIX_EPOCH;
        for attempt in 1..TRIES {
            assert!(matches!(NotHere::gone(None).settle(attempt, now).0, Outcome::Retry { counts: true, .. }));
        }
        assert!(matches!(NotHere::wrong_hash().settle(TRIES, now).0, Outcome::Failed { .. }));
        assert!(matches!(NotHere::slow().settle(1000, now).0, Outcome::Retry { .. }));
    }
}
