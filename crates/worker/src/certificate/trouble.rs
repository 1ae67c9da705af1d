//! What an authority, or the way to it, says, as whoever runs the server reads it.

use instant_acme::{Error, Identifier, Problem};
use model::certificate::failure::{Failure, Reason};

use super::authority::CallError;

/// What is said of an account that the authority does not know any more.
pub(super) const FORGOTTEN: &str = "the account is unknown there";

const URN: &str = "urn:ietf:params:acme:error:";

/// Why a call, or what came of it, did not lead on.
pub(super) fn read(error: Error) -> Failure {
    match error {
        Error::Api(problem) => of(problem, None),
        Error::Other(error) => match error.downcast_ref::<CallError>() {
            Some(CallError::Away(why)) => Failure::new(Reason::Away, None, why),
            Some(CallError::Stranger(why)) => Failure::new(Reason::Answer, None, why),
            None => Failure::new(Reason::Answer, None, &error.to_string()),
        },
        Error::Timeout(_) => Failure::new(Reason::Away, None, "it does not come to an end"),
        // What stands in an answer is not repeated: it could be anything.
        Error::Json(_) => Failure::new(Reason::Answer, None, "its answer is not the JSON that it should be"),
        other => Failure::new(Reason::Answer, None, &other.to_string()),
    }
}

/// The same of what the account itself was refused: one that was ended there is as good as forgotten.
pub(super) fn of_account(error: Error) -> Failure {
    let failure = read(error);
    match failure.reason {
        Reason::Unauthorized => Failure::new(Reason::Account, None, &format!("{FORGOTTEN}: {}", failure.detail)),
        _ => failure,
    }
}

/// A problem that the authority named. <https://www.rfc-editor.org/rfc/rfc8555#section-6.7>
pub(super) fn of(problem: Problem, domain: Option<String>) -> Failure {
    // Of an order for several domains it may say which.
    let part = problem.subproblems.first();
    let named = part.and_then(|part| match &part.identifier {
        Some(Identifier::Dns(name)) => Some(name.clone()),
        _ => None,
    });
    let kind = part.and_then(|part| part.r#type.clone()).or(problem.r#type).unwrap_or_default();
    let detail = part.and_then(|part| part.detail.clone()).or(problem.detail).unwrap_or_default();
    let domain = domain.or(named);
    let kind = kind.strip_prefix(URN).unwrap_or(&kind);
    let reason = match kind {
        "dns" => Reason::Dns,
        "connection" | "tls" => Reason::Connection,
        "unauthorized" | "incorrectResponse" => Reason::Unauthorized,
        "caa" => Reason::Caa,
        "rateLimited" => Reason::RateLimited,
        "accountDoesNotExist" => {
            return Failure::new(Reason::Account, domain, &format!("{FORGOTTEN}: {detail}"));
        }
        "externalAccountRequired" | "invalidContact" | "unsupportedContact" | "userActionRequired" => Reason::Account,
        "serverInternal" | "badNonce" => Reason::Away,
        _ => Reason::Refused,
    };
    let detail = if detail.is_empty() { kind.to_owned() } else { detail };
    Failure::new(reason, domain, &detail)
}
