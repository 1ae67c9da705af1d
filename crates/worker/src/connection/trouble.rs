//! What can go wrong, in people's words: what happened, whose move it is, and what to do.

use std::time::Duration;

use model::trouble::{Trouble, WhoseMove, Word, Words};
use whatsapp::graph::{Failure, MetaError, NotSent};
use whatsapp::verdict::{Verdict, verdict};

use crate::trouble::{whose_move, words};

/// What Meta says will pass within so long is tried again; for what takes longer, somebody comes back.
const SOON: Duration = Duration::from_secs(60);

/// Meta's code for a token that opens nothing. What it means for sending is in the general explanation; here there is a
/// better one.
const BAD_TOKEN: i64 = 190;

/// Whether the same call may well succeed in a moment.
pub(super) fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::NotSent(NotSent::Malformed(_)) => false,
        Failure::NotSent(NotSent::NoConnection(_)) | Failure::Unknown(_) => true,
        // Nothing here sends messages: what may have been carried out may be asked for once more.
        Failure::Refused(error) => match verdict(failure, 0) {
            Verdict::RetryAfter(wait) => wait <= SOON,
            Verdict::SettleByStatus => true,
            _ => error.transient,
        },
    }
}

/// What a call that failed means here.
pub(super) fn of(failure: &Failure) -> Trouble {
    match failure {
        Failure::Refused(error) => refused(error),
        Failure::NotSent(NotSent::Malformed(_)) => ours(
            Word::Malformed,
            failure.to_string(),
            "An id is not made of digits, or the token has characters that no token has. Copy both again from Meta.",
            "Un id no está hecho de dígitos, o el token tiene caracteres que ningún token tiene. Cópialos otra vez de \
             Meta.",
            WhoseMove::Organization,
        ),
        Failure::NotSent(_) | Failure::Unknown(_) => ours(
            Word::NoAnswer,
            failure.to_string(),
            "Meta gave no answer. Nothing is known to be wrong with the number: try again in a while. If this goes on, \
             whoever runs the server looks at its way to graph.facebook.com.",
            "Meta no respondió. No se sabe de nada malo con el número: vuelve a intentarlo en un rato. Si continúa, quien \
             administra el servidor debe revisar su salida a graph.facebook.com.",
            WhoseMove::Operator,
        ),
    }
}

/// What Meta refused.
pub(super) fn refused(error: &MetaError) -> Trouble {
    if error.code == BAD_TOKEN {
        return instead(
            error,
            "Meta does not accept this token: it is mistyped, has expired, or was revoked. Make another, best one of a \
             system user that does not expire, and try again with it.",
            "Meta no acepta este token: está mal copiado, caducó o se revocó. Crea otro, mejor uno de un usuario del \
             sistema que no caduque, y vuelve a intentarlo con él.",
            WhoseMove::Organization,
        );
    }
    plainly(error)
}

fn plainly(error: &MetaError) -> Trouble {
    let explanation = error.explanation();
    Trouble::new(error.code, said(error), words(explanation)).for_whom(whose_move(explanation))
}

/// Meta's words, with those that say more.
fn said(error: &MetaError) -> String {
    let mut words = error.user_title.clone().unwrap_or_else(|| error.message.clone());
    if let Some(more) = error.details.as_ref().or(error.user_message.as_ref()).filter(|more| !words.contains(*more)) {
        words = format!("{words} ({more})");
    }
    words
}

pub(super) fn ours(
    word: Word,
    message: impl Into<String>,
    en: impl Into<String>,
    es: impl Into<String>,
    whose_move: WhoseMove,
) -> Trouble {
    Trouble::new(word, message, Words::new(en, es)).for_whom(whose_move)
}

/// Meta's refusal, with an advice that fits better than the general one.
pub(super) fn instead(
    error: &MetaError,
    en: impl Into<String>,
    es: impl Into<String>,
    whose_move: WhoseMove,
) -> Trouble {
    plainly(error).advising(Words::new(en, es)).for_whom(whose_move)
}

pub(super) fn no_token() -> Trouble {
    Trouble::no_token("There is no token any more.").as_reason().for_whom(WhoseMove::Organization)
}

pub(super) fn unopenable(why: &str) -> Trouble {
    ours(
        Word::Unopenable,
        why,
        "The token was sealed with another master key. Set WAZAPP_MASTER_KEY to that one, or send the token again.",
        "El token se selló con otra clave maestra. Configura esa en WAZAPP_MASTER_KEY, o envía el token otra vez.",
        WhoseMove::Operator,
    )
}

pub(super) fn no_number() -> Trouble {
    ours(
        Word::NoNumber,
        "No number is named.",
        "Say which number: its phone_number_id stands in WhatsApp Manager.",
        "Di qué número: su phone_number_id está en el Administrador de WhatsApp.",
        WhoseMove::Organization,
    )
}

pub(super) fn no_account() -> Trouble {
    ours(
        Word::NoAccount,
        "No account is named.",
        "Say which WhatsApp Business Account: its waba_id stands in WhatsApp Manager.",
        "Di qué cuenta de WhatsApp Business: su waba_id está en el Administrador de WhatsApp.",
        WhoseMove::Organization,
    )
}

pub(super) fn no_app() -> Trouble {
    ours(
        Word::NoApp,
        "The App of the sign-up is not known here.",
        "A sign-up's code is exchanged with the App's id and secret. Set WAZAPP_META_APP_ID and WAZAPP_META_APP_SECRET, or \
         add the App with wazapp app add and name it as app_id.",
        "El código de un registro se canjea con el id y el secreto de la App. Configura WAZAPP_META_APP_ID y \
         WAZAPP_META_APP_SECRET, o agrega la App con wazapp app add y nómbrala como app_id.",
        WhoseMove::Operator,
    )
}

pub(super) fn unknown_app(app_id: &str) -> Trouble {
    ours(
        Word::UnknownApp,
        format!("There is no App {app_id} on this server."),
        "Whoever runs the server adds it with wazapp app add.",
        "Quien administra el servidor la agrega con wazapp app add.",
        WhoseMove::Operator,
    )
}

/// Meta does not take the App's own id and secret.
pub(super) fn wrong_secret(app_id: &str, error: &MetaError) -> Trouble {
    instead(
        error,
        format!(
            "Meta does not take the secret of App {app_id}. Copy it again from the App's dashboard (App settings, Basic) into \
             WAZAPP_META_APP_SECRET, or with wazapp app rotate."
        ),
        format!(
            "Meta no acepta el secreto de la App {app_id}. Cópialo otra vez del panel de la App (Configuración, Básica) a \
             WAZAPP_META_APP_SECRET, o con wazapp app rotate."
        ),
        WhoseMove::Operator,
    )
}
