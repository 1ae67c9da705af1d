//! In which language people are told what to put right.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;
use model::DatabaseError;
use model::trouble::Words;

use crate::problem::Problem;

/// What `Accept-Language` asks for, of those there are; English where it asks for neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Spanish,
}

impl Language {
    /// The one of two texts that is in this language.
    pub(super) fn of<T>(self, english: T, spanish: T) -> T {
        match self {
            Self::English => english,
            Self::Spanish => spanish,
        }
    }

    /// The sentence in this language.
    pub(super) fn pick(self, words: Words) -> String {
        self.of(words.en, words.es)
    }

    /// What the database refused, in this language where it is for the caller to mend.
    pub(super) fn problem(self, error: DatabaseError) -> Problem {
        match error {
            DatabaseError::OverQuota(exceeded) => Problem::over_quota(&exceeded, self.pick(exceeded.words())),
            other => other.into(),
        }
    }

    fn asked(header: &str) -> Self {
        let wanted = header.split(',').filter_map(|range| {
            let mut parts = range.split(';');
            let tag = parts.next()?.trim().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            let language = match tag.split('-').next()? {
                "es" => Self::Spanish,
                "en" => Self::English,
                _ => return None,
            };
            Some((weight, language))
        });
        // Of equals the first.
        wanted.fold((0.0_f64, Self::English), |best, next| if next.0 > best.0 { next } else { best }).1
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Ok(header.map_or(Self::English, Self::asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_of_both_is_spoken() {
        for (header, language) in [
            ("es", Language::Spanish),
            ("es-AR,es;q=0.9,en;q=0.8", Language::Spanish),
            ("en-GB, es;q=0.5", Language::English),
            ("es;q=0.5, en;q=0.9", Language::English),
            ("fr, de", Language::English),
            ("fr, es;q=0.1", Language::Spanish),
            ("es;q=0", Language::English),
            ("", Language::English),
            ("q=1;;,es;q=x", Language::Spanish),
        ] {
            assert_eq!(Language::asked(header), language, "{header}");
        }
    }
}
