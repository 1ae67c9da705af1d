//! What Meta refuses beside sending, and would stop a number if a message had met it, is looked into before it is believed.

use jiff::Timestamp;
use model::Database;
use model::link::Link;
use model::number_check;
use serde_json::json;
use whatsapp::graph::Failure;
use whatsapp::verdict::{Explanation, Rest, Verdict, verdict};

/// What a failure says of its number, if sending would stop for it until somebody mends it.
fn stops(failure: &Failure) -> Option<&'static Explanation> {
    match verdict(failure, 0) {
        Verdict::PauseNumber { rest: Rest::UntilPerson, advice }
        | Verdict::PauseAccount { rest: Rest::UntilPerson, advice } => Some(advice),
        _ => None,
    }
}

/// Has the number looked at soon, where a failure says something of it; answers whether it does.
pub(crate) async fn raise(database: &Database, now: Timestamp, tried: &Link, failure: &Failure) -> bool {
    let (Some(advice), Failure::Refused(error)) = (stops(failure), failure) else { return false };
    let reason = json!({
        "code": error.code, "message": error.message, "advice": { "en": advice.en, "es": advice.es },
    });
    if let Err(error) = number_check::any_organization_doubt(database, now, tried, &reason.to_string()).await {
        tracing::debug!(%error, number = %tried.phone_number_id, "a doubt in a number could not be noted");
    }
    true
}
