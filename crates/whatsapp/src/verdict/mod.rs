//! What follows when a call fails, and what to tell people.
//!
//! One table, code by code, after Meta's page "Error codes": what to do with the message, and what happened in plain
//! words. A code that is not in it is judged by the status of the answer.

mod accounts;
mod calling;
mod platform;
mod row;
mod sending;
mod templates;

use std::time::Duration;

use crate::graph::{Failure, MetaError, NotSent};
use row::{Growth, Row, Rule};

/// What to do with a message whose send failed. A verdict that waits never risks a second send: it is given only where
/// the request was provably not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message stays queued and is tried again, not before this time is over. Others of the number go on.
    RetryAfter(Duration),
    /// The message stays queued, and for this time nothing is sent from its number to its recipient. Others go on.
    PausePair(Duration),
    /// The message stays queued, and nothing is sent from its number while it rests.
    PauseNumber {
        /// For how long.
        rest: Rest,
        /// Why, and what to do about it.
        advice: &'static Explanation,
    },
    /// The message stays queued, and nothing is sent from any number of its account while that rests.
    PauseAccount {
        /// For how long.
        rest: Rest,
        /// Why, and what to do about it.
        advice: &'static Explanation,
    },
    /// The message has failed. Somebody can mend what is wrong, and send it again or another in its place.
    AskPerson(&'static Explanation),
    /// The message has failed, and would fail again.
    GiveUp(&'static Explanation),
    /// The message may have been sent. It is not sent again; a status that echoes its callback data settles it.
    SettleByStatus,
}

impl Verdict {
    /// For how long whoever waits does so. `None`: nobody waits, or until a person does something.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::RetryAfter(wait) | Self::PausePair(wait) => Some(*wait),
            Self::PauseNumber { rest: Rest::For(wait), .. } | Self::PauseAccount { rest: Rest::For(wait), .. } => {
                Some(*wait)
            }
            Self::PauseNumber { rest: Rest::UntilPerson, .. } | Self::PauseAccount { rest: Rest::UntilPerson, .. } => {
                None
            }
            Self::AskPerson(_) | Self::GiveUp(_) | Self::SettleByStatus => None,
        }
    }
}

/// How long a number or an account rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// This long; then it goes on by itself, with the message that was refused first.
    For(Duration),
    /// Until a person lets it go on. Going on by itself would fail again, or make things worse.
    UntilPerson,
}

/// What happened and what to do, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In English.
    pub en: &'static str,
    /// In Spanish.
    pub es: &'static str,
    /// Who can change something.
    pub whose_move: WhoseMove,
}

/// Who can change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoseMove {
    /// Who runs this server, and its App at Meta.
    Operator,
    /// The organization that the number belongs to.
    Organization,
    /// The person on the other side.
    Customer,
    /// Meta: it passes, or is looked into there.
    Meta,
    /// Nobody: it is as it is.
    Nobody,
}

/// Longer and longer while Meta can't be reached.
const NETWORK: Growth = Growth::doubling(1, 300);

/// For a code that is unknown, and a status that says "later".
const THROTTLED: Growth = Growth::doubling(30, 3_600);

/// Codes of seven digits (templates, migration, …) also come as subcodes of 100.
const CODES_AS_SUBCODES: i64 = 1_000_000;

const UNKNOWN_CODE: Explanation = Explanation {
    en: "Meta refused this with an error that is not known here. Its own words say what was wrong.",
    es: "Meta rechazó esto con un error que aquí no se conoce. Sus propias palabras dicen qué estaba mal.",
    whose_move: WhoseMove::Organization,
};

const NO_CONNECTION: Explanation = Explanation {
    en: "Meta could not be reached, so nothing was sent. It is tried again by itself; if this goes on, check the \
         server's network.",
    es: "No se pudo conectar con Meta, así que no se envió nada. Se reintenta solo; si continúa, revisa la red del \
         servidor.",
    whose_move: WhoseMove::Operator,
};

const MALFORMED: Explanation = Explanation {
    en: "This could not be put to Meta: an id, the token or the file's type is not written as it must be. Check how the \
         number is connected.",
    es: "Esto no se pudo plantear a Meta: un id, el token o el tipo del archivo no está escrito como debe. Revisa cómo \
         está conectado el número.",
    whose_move: WhoseMove::Operator,
};

const NO_ANSWER: Explanation = Explanation {
    en: "Meta's answer did not arrive, so this may or may not have been sent. It is not sent again by itself, so that \
         nobody gets it twice; if it was sent, its status will say so.",
    es: "La respuesta de Meta no llegó, así que puede que se haya enviado o no. No se reenvía solo, para que nadie lo \
         reciba dos veces; si se envió, su estado lo dirá.",
    whose_move: WhoseMove::Nobody,
};

/// What to do with a message whose send failed like this. `attempt` counts the refusals before this one: of the
/// message, or, for pauses, of what rests; waits grow with it.
pub fn verdict(failure: &Failure, attempt: u32) -> Verdict {
    match failure {
        Failure::Refused(error) => refused(error, attempt),
        Failure::NotSent(NotSent::NoConnection(_)) => Verdict::RetryAfter(NETWORK.at(attempt)),
        Failure::NotSent(NotSent::Malformed(_)) => Verdict::AskPerson(&MALFORMED),
        Failure::Unknown(_) => Verdict::SettleByStatus,
    }
}

/// What a code of Meta's means, in an answer or in the `errors` of a webhook.
pub fn explain(code: i64) -> &'static Explanation {
    row_of(code).map_or(&UNKNOWN_CODE, |row| &row.explanation)
}

/// Whether a code that fails a message says that others of its number, or of its account, will fail too, until somebody
/// mends what it means.
pub fn stops_others(code: i64) -> bool {
    row_of(code).is_some_and(|row| matches!(row.rule, Rule::HoldNumber | Rule::HoldAccount))
}

impl MetaError {
    /// What it means, by its subcode where that says more than its code.
    pub fn explanation(&self) -> &'static Explanation {
        row_of_error(self).map_or(&UNKNOWN_CODE, |row| &row.explanation)
    }
}

impl Failure {
    /// What it means.
    pub fn explanation(&self) -> &'static Explanation {
        match self {
            Self::Refused(error) => error.explanation(),
            Self::NotSent(NotSent::NoConnection(_)) => &NO_CONNECTION,
            Self::NotSent(NotSent::Malformed(_)) => &MALFORMED,
            Self::Unknown(_) => &NO_ANSWER,
        }
    }
}

fn refused(error: &MetaError, attempt: u32) -> Verdict {
    match row_of_error(error) {
        Some(row) => obey(row.rule, &row.explanation, attempt),
        None => obey(by_status(error), &UNKNOWN_CODE, attempt),
    }
}

fn obey(rule: Rule, advice: &'static Explanation, attempt: u32) -> Verdict {
    match rule {
        Rule::Retry(growth) => Verdict::RetryAfter(growth.at(attempt)),
        Rule::RestPair(growth) => Verdict::PausePair(growth.at(attempt)),
        Rule::RestNumber(growth) => Verdict::PauseNumber { rest: Rest::For(growth.at(attempt)), advice },
        Rule::RestAccount(growth) => Verdict::PauseAccount { rest: Rest::For(growth.at(attempt)), advice },
        Rule::HoldNumber => Verdict::PauseNumber { rest: Rest::UntilPerson, advice },
        Rule::HoldAccount => Verdict::PauseAccount { rest: Rest::UntilPerson, advice },
        Rule::Ask => Verdict::AskPerson(advice),
        Rule::GiveUp => Verdict::GiveUp(advice),
        Rule::Settle => Verdict::SettleByStatus,
    }
}

/// For a code that is in no row. An error of the server's own may come after it accepted the message. One of the
/// caller's did not: it waits where Meta says that it will pass, stops the number where the token is worth nothing, and
/// is shown to a person otherwise.
fn by_status(error: &MetaError) -> Rule {
    match error.http {
        500.. => Rule::Settle,
        429 => Rule::Retry(THROTTLED),
        _ if error.transient => Rule::Retry(THROTTLED),
        401 => Rule::HoldNumber,
        _ => Rule::Ask,
    }
}

/// By its subcode where that says more: of a token or a missing object, or where Meta puts a code of its own there.
fn row_of_error(error: &MetaError) -> Option<&'static Row> {
    let finer = error.subcode.and_then(|subcode| {
        let of_pair = platform::SUBCODES.iter().find(|(code, row)| *code == error.code && row.covers(subcode));
        of_pair.map(|(_, row)| row).or_else(|| row_of(subcode).filter(|_| subcode >= CODES_AS_SUBCODES))
    });
    finer.or_else(|| row_of(error.code))
}

fn row_of(code: i64) -> Option<&'static Row> {
    rows().find(|row| row.covers(code))
}

fn rows() -> impl Iterator<Item = &'static Row> {
    [platform::ROWS, sending::ROWS, templates::ROWS, accounts::ROWS, calling::ROWS].into_iter().flatten()
}

#[cfg(test)]
mod tests;
