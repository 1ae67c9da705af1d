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

/// A number that Meta tells of under another account than the one it was connected with.
pub(super) fn other_account(claimed: &str, named: &str) -> Value {
    json!({
        "code": "other_account",
        "message": format!("Meta names account {named} for this number, which was connected with account {claimed}."),
        "advice": {
            "en": "See in WhatsApp Manager which account the number is in, and connect it again with the id of that one. \
                   Until then news of its account, such as templates, may not reach you.",
            "es": "Mira en el Administrador de WhatsApp en qué cuenta está el número, y conéctalo otra vez con el id de \
                   esa. Hasta entonces, las novedades de su cuenta, como las plantillas, pueden no llegarte.",
        },
    })
}

/// A refusal of Meta's.
pub(super) fn refused(code: &str, error: &MetaError, explanation: &Explanation) -> Value {
    json!({
        "code": code, "meta_code": error.code, "meta_subcode": error.subcode, "message": error.message,
        "advice": { "en": explanation.en, "es": explanation.es },
    })
}
