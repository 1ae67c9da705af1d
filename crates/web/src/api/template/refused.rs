//! What Meta said no to, in its words and ours.

use whatsapp::graph::{Failure, MetaError, NotSent};
use whatsapp::verdict::verdict;

use crate::api::language::Language;
use crate::problem::Problem;

/// A call that brought no good answer and changed nothing. `None`: nobody can tell whether it did.
pub(super) fn problem(failure: &Failure, language: Language) -> Option<Problem> {
    Some(match failure {
        Failure::Refused(error) => match wait(failure) {
            Some(seconds) => Problem::unavailable(words(error, language), seconds),
            None => Problem::refused(words(error, language)),
        },
        Failure::NotSent(NotSent::NoConnection(_)) => Problem::unavailable(
            language.of(
                "Meta could not be reached, so nothing was changed. Send this again in a minute; if this goes on, whoever \
                 runs this server checks its network.",
                "No se pudo conectar con Meta, así que no se cambió nada. Envía esto otra vez en un minuto; si continúa, \
                 quien administra este servidor revisa su red.",
            ),
            60,
        ),
        Failure::NotSent(NotSent::Malformed(_)) => {
            let explanation = failure.explanation();
            Problem::refused(language.of(explanation.en, explanation.es))
        }
        Failure::Unknown(_) => return None,
    })
}

/// Seconds after which the same may be taken.
fn wait(failure: &Failure) -> Option<u16> {
    let wait = verdict(failure, 0).wait()?;
    Some(u16::try_from(wait.as_secs().max(1)).unwrap_or(u16::MAX))
}

fn words(error: &MetaError, language: Language) -> String {
    let code = match error.subcode {
        Some(subcode) => format!("{}/{subcode}", error.code),
        None => error.code.to_string(),
    };
    let title = error.user_title.as_ref().unwrap_or(&error.message).trim_end_matches('.');
    let details =
        error.user_message.as_ref().or(error.details.as_ref()).map(|words| format!(" {words}")).unwrap_or_default();
    let explanation = error.explanation();
    let advice = language.of(explanation.en, explanation.es);
    language.of(
        format!("Meta refused this (code {code}): {title}.{details} {advice}"),
        format!("Meta rechazó esto (código {code}): {title}.{details} {advice}"),
    )
}
