//! Why a medium did not come, and what follows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::DatabaseError;
use model::file::KeepError;
use model::media::{Outcome, not_connected};
use model::outbox::Pause;
use model::quota::Exceeded;
use model::store::StoreError;
use serde_json::{Value, json};
use whatsapp::graph::{DownloadFailure, Failure, MetaError, NotSent};
use whatsapp::verdict::{Explanation, Rest, Verdict, verdict};

/// Waits between tries: two seconds, then twice as long each time, up to an hour.
const FIRST: SignedDuration = SignedDuration::from_secs(2);
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// Where nothing can be done here, it is looked again after so long.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// What says that it is gone, or is another file than announced, is asked so often before it is believed.
const TRIES: u32 = 5;

/// Why a medium did not come.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may pass.
    Passing(Value),
    /// It passes, or it is true.
    Doubtful(Value),
    /// It will not come.
    Final(Value),
    /// Its number cannot be asked.
    Waiting(Value),
    /// Meta lets its number, or its account, wait.
    Resting { pause: Pause, until: Option<Timestamp>, error: Value },
}

impl Trouble {
    /// What becomes of the medium, and who else waits.
    pub(super) fn settle(self, attempt: u32, now: Timestamp) -> (Outcome, Option<Pause>) {
        let retry = |at, error: Value, counts| Outcome::Retry { at, error: error.to_string(), counts };
        match self {
            Self::Doubtful(error) if attempt >= TRIES => (Outcome::Failed { error: error.to_string() }, None),
            Self::Passing(error) | Self::Doubtful(error) => (retry(now + wait(attempt), error, true), None),
            Self::Final(error) => (Outcome::Failed { error: error.to_string() }, None),
            Self::Waiting(error) => (retry(now + LOOK_AGAIN, error, false), None),
            Self::Resting { pause, until, error } => {
                let at = until.map_or(now + LOOK_AGAIN, |until| until.min(now + LOOK_AGAIN));
                (retry(at, error, false), Some(pause))
            }
        }
    }

    /// No number to ask with.
    pub(super) fn not_connected() -> Self {
        Self::Waiting(not_connected())
    }

    /// The number's token cannot be had.
    pub(super) fn no_token(message: String) -> Self {
        let advice = json!({ "en": "Connect the number again with its token.",
                             "es": "Conecta el número otra vez con su token." });
        let reason = json!({ "code": "no_token", "message": message, "advice": advice });
        let error = json!({ "code": "no_token", "title": "No token", "message": message, "details": null,
                            "advice": reason["advice"] });
        Self::Resting { pause: Pause::Number { until: None, reason: reason.to_string() }, until: None, error }
    }

    /// Meta announced a file, and did not say which.
    pub(super) fn nameless() -> Self {
        Self::Final(words(
            "nameless",
            "Meta named no file",
            "Meta announced a file and named neither its id nor its address.",
            "Ask whoever sent it to send it again.",
            "Pide a quien lo envió que lo envíe otra vez.",
        ))
    }

    /// Meta does not have it.
    pub(super) fn gone(details: Option<&str>) -> Self {
        let mut error = words(
            "gone",
            "Meta does not have it any more",
            "Meta says that the file is not there. It keeps files for seven days.",
            "Ask whoever sent it to send it again.",
            "Pide a quien lo envió que lo envíe otra vez.",
        );
        error["details"] = json!(details);
        Self::Doubtful(error)
    }

    /// Its bytes are not those that were announced.
    pub(super) fn wrong_hash() -> Self {
        Self::Doubtful(words(
            "wrong_hash",
            "Its bytes are not those that Meta announced",
            "What came has another SHA-256 than Meta announced, several times: it was not kept.",
            "Ask whoever sent it to send it again, or ask for it here once more.",
            "Pide a quien lo envió que lo envíe otra vez, o pídelo aquí una vez más.",
        ))
    }

    /// It did not come in the time that a fetch has.
    pub(super) fn slow() -> Self {
        Self::Passing(words(
            "slow",
            "It comes too slowly",
            "The file did not come in five minutes. It is tried again by itself.",
            "If this goes on, whoever runs this server checks its network.",
            "Si continúa, quien administra este servidor revisa su red.",
        ))
    }

    /// Its organization's files take all the room that they may.
    fn over_quota(exceeded: &Exceeded) -> Self {
        let (en, es) = exceeded.words();
        Self::Final(words(
            "over_quota",
            "There is no room for it",
            "The file was not fetched: your organization's files take all the room that they may. Its message is here.",
            &format!("{en} Then ask for the file once more; Meta keeps it for seven days."),
            &format!("{es} Después pide el archivo una vez más; Meta lo guarda siete días."),
        ))
    }

    /// Meta did not say where it is.
    pub(super) fn of_look_up(failure: &Failure, attempt: u32, now: Timestamp) -> Self {
        let error = refusal(failure);
        let explain = |advice: &Explanation| {
            json!({ "code": error["code"], "message": error["message"],
                    "advice": { "en": advice.en, "es": advice.es } })
            .to_string()
        };
        let until = |rest| match rest {
            Rest::For(wait) => Some(now + span(wait)),
            Rest::UntilPerson => None,
        };
        // The verdict counts the refusals before this one.
        match verdict(failure, attempt.saturating_sub(1)) {
            Verdict::PauseNumber { rest, advice } => Self::Resting {
                pause: Pause::Number { until: until(rest), reason: explain(advice) },
                until: until(rest),
                error,
            },
            Verdict::PauseAccount { rest, advice } => Self::Resting {
                pause: Pause::Account { until: until(rest), reason: explain(advice) },
                until: until(rest),
                error,
            },
            // What a person can mend, a person may mend in the week that there is.
            _ => Self::Passing(error),
        }
    }

    /// It did not come from where Meta said. The token was good a moment ago, so nobody rests.
    pub(super) fn of_download(failure: DownloadFailure) -> Self {
        match failure {
            DownloadFailure::ForeignUrl => Self::Final(words(
                "foreign_url",
                "Meta named an address that is not Meta's",
                "The address of the file is not one of Meta's, so nothing was asked there.",
                "Ask whoever sent it to send it again; whoever runs this server checks WAZAPP_GRAPH_URL.",
                "Pide a quien lo envió que lo envíe otra vez; quien administra este servidor revisa WAZAPP_GRAPH_URL.",
            )),
            DownloadFailure::Expired => Self::gone(None),
            DownloadFailure::Refused(error) => Self::Passing(refusal(&Failure::Refused(error))),
            DownloadFailure::TooLong { limit } => Self::Final(words(
                "too_large",
                "It is too large",
                &format!("The file is longer than {limit} bytes, the most that this server keeps."),
                "Whoever runs this server can raise WAZAPP_MEDIA_MAX_BYTES; then ask for the file once more.",
                "Quien administra este servidor puede subir WAZAPP_MEDIA_MAX_BYTES; después, pide el archivo una vez más.",
            )),
            DownloadFailure::Broken(message) => Self::Passing(words(
                "broken",
                "It did not come whole",
                &message,
                "It is tried again by itself.",
                "Se intenta otra vez solo.",
            )),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a file could not be stored: it is tried again");
        Self::Passing(words(
            "store",
            "It could not be stored",
            "This server could not store the file. It is tried again by itself.",
            "If this goes on, whoever runs this server finds the reason in its log.",
            "Si continúa, quien administra este servidor encuentra la causa en su registro.",
        ))
    }
}

impl From<KeepError> for Trouble {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Store(error) => error.into(),
            KeepError::Database(DatabaseError::OverQuota(exceeded)) => Self::over_quota(&exceeded),
            other => {
                tracing::debug!(error = %other, "a file could not be noted: it is tried again");
                Self::Passing(words(
                    "busy",
                    "It could not be noted",
                    "This server could not note the file. It is tried again by itself.",
                    "Nothing is to be done.",
                    "No hay nada que hacer.",
                ))
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

fn refusal(failure: &Failure) -> Value {
    let explanation = failure.explanation();
    let advice = json!({ "en": explanation.en, "es": explanation.es });
    match failure {
        Failure::Refused(error) => json!({
            "code": error.code, "subcode": error.subcode, "title": error.user_title.as_ref().unwrap_or(&error.message),
            "message": error.message, "details": error.details.as_ref().or(error.user_message.as_ref()),
            "fbtrace_id": error.fbtrace_id, "advice": advice,
        }),
        other => words(
            "no_answer",
            "Meta did not answer",
            &other.to_string(),
            "It is tried again by itself; if this goes on, whoever runs this server checks its network.",
            "Se intenta otra vez solo; si continúa, quien administra este servidor revisa su red.",
        ),
    }
}

fn words(code: &str, title: &str, message: &str, en: &str, es: &str) -> Value {
    json!({ "code": code, "title": title, "message": message, "details": null, "advice": { "en": en, "es": es } })
}

fn wait(attempt: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(attempt.saturating_sub(1).min(20)).unwrap_or(i32::MAX);
    (FIRST * factor).min(LONGEST)
}

fn span(wait: Duration) -> SignedDuration {
    SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_hours(24))
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
            assert!(matches!(Trouble::gone(None).settle(attempt, now).0, Outcome::Retry { counts: true, .. }));
        }
        assert!(matches!(Trouble::wrong_hash().settle(TRIES, now).0, Outcome::Failed { .. }));
        assert!(matches!(Trouble::slow().settle(1000, now).0, Outcome::Retry { .. }));
    }
}
