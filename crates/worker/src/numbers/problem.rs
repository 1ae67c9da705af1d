//! What people should do something about, in their words.

use jiff::Timestamp;
use serde_json::{Value, json};
use whatsapp::graph::MetaError;
use whatsapp::verdict::Explanation;

/// A token that ends in so many days; 0: it has ended.
pub(super) fn expiring(end: Timestamp, days: i64) -> Value {
    let ended = days == 0;
    let (message, en, es) = if ended {
        (
            format!("The access token ended at {end}."),
            "Connect the number again, best with a token that does not expire.",
            "Conecta el número otra vez, mejor con un token que no caduque.",
        )
    } else {
        (
            format!("The access token ends at {end}."),
            "Connect the number again before then, best with a token that does not expire.",
            "Conecta el número otra vez antes, mejor con un token que no caduque.",
        )
    };
    let code = if ended { "token_expired" } else { "token_expires" };
    json!({ "code": code, "at": end, "days": days, "message": message, "advice": { "en": en, "es": es } })
}

/// A token that is not here, or does not open.
pub(super) fn no_token(message: &str) -> Value {
    json!({
        "code": "no_token", "message": message,
        "advice": { "en": "Connect the number again with its token.",
                    "es": "Conecta el número otra vez con su token." },
    })
}

/// A refusal of Meta's.
pub(super) fn refused(code: &str, error: &MetaError, explanation: &Explanation) -> Value {
    json!({
        "code": code, "meta_code": error.code, "meta_subcode": error.subcode, "message": error.message,
        "advice": { "en": explanation.en, "es": explanation.es },
    })
}
