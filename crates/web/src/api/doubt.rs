//! What is answered where nobody knows whether a change was made.

use model::CommitError;
use uuid::Uuid;

use super::language::Language;
use crate::problem::Problem;

/// Of a COMMIT that went wrong where the same request again would do it twice: what to look at first, in both languages.
pub(super) fn look_first(error: CommitError, language: Language, en: &str, es: &str) -> Problem {
    match error {
        CommitError::NotDone(error) => error.into(),
        CommitError::InDoubt(_) => unknown(language, en, es),
    }
}

/// It may have been done, and a repeat might do it twice.
fn unknown(language: Language, en: &str, es: &str) -> Problem {
    Problem::unknown(language.of(
        format!(
            "wazapp lost its database at the last moment, so this may have been done or not. Do not send it again blindly: {en}"
        ),
        format!(
            "wazapp perdió su base de datos en el último momento, así que esto puede haberse hecho o no. No lo envíes otra vez \
             a ciegas: {es}"
        ),
    ))
}

/// Of a message of which nobody knows whether it is queued. With a key the same request queues it once; without one, somebody has to look.
pub(super) fn of_message(id: Uuid, has_key: bool, language: Language) -> Problem {
    if has_key {
        return Problem::unavailable(
            language.of(
                "wazapp lost its database at the last moment, so this message may be queued or not. Send the same request \
                 again in 5 seconds with the same `Idempotency-Key`: it is sent once.",
                "wazapp perdió su base de datos en el último momento, así que este mensaje puede estar en cola o no. Envía la \
                 misma petición otra vez en 5 segundos con la misma `Idempotency-Key`: se envía una sola vez.",
            ),
            5,
        );
    }
    unknown(
        language,
        &format!(
            "it may be sent. Ask for `GET /messages/{id}`: if it is there it is queued; if it is not there a minute from now, \
             it never will be, and you can send it anew. With an `Idempotency-Key` a repeat is always safe."
        ),
        &format!(
            "puede que se envíe. Pide `GET /messages/{id}`: si está, está en cola; si dentro de un minuto no está, ya no \
             estará, y puedes enviarlo de nuevo. Con una `Idempotency-Key` siempre se puede repetir."
        ),
    )
}
