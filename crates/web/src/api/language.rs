//! In which language people are told what to put right.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use model::DatabaseError;
use model::trouble::Words;
use model::user;

use crate::language;
use crate::problem::Problem;

/// What `Accept-Language` asks for, of those there are; English where it asks for neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Spanish,
}

impl From<user::Language> for Language {
    fn from(language: user::Language) -> Self {
        match language {
            user::Language::Es => Self::Spanish,
            user::Language::En => Self::English,
        }
    }
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
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(language::asked(&parts.headers).map_or(Self::English, Self::from))
    }
}
