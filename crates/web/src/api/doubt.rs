//! What is answered where nobody knows whether a change was made.

use model::CommitError;

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
pub(super) fn unknown(language: Language, en: &str, es: &str) -> Problem {
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
