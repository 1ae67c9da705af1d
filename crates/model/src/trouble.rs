//! What people are told where something went wrong: what happened, what it means, and what to do, in every language.
//!
//! It has one shape, wherever it is stored and shown; each place has the members that it needs. What wazapp itself has to
//! say is worded in the catalogue, once.

mod catalogue;
mod code;
mod quota;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use tokio_postgres::Row;

use crate::database::{Result, stored_json};

pub use code::{Code, Word};

/// A sentence in the languages of wazapp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// In English.
    pub en: String,
    /// In Spanish.
    pub es: String,
}

impl Words {
    /// A sentence, twice.
    pub fn new(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self { en: en.into(), es: es.into() }
    }

    /// Adds what to do to an error of Meta's that says nothing of it yet.
    pub fn advise(&self, error: &mut serde_json::Map<String, serde_json::Value>) {
        error.entry("advice").or_insert_with(|| serde_json::json!(self));
    }
}

/// Who can change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoseMove {
    /// Who runs this server, and its App at Meta.
    Operator,
    /// The organization.
    Organization,
    /// The person on the other side.
    Customer,
    /// Meta.
    Meta,
    /// Nobody: it is as it is.
    Nobody,
}

/// A member that is null where nothing is known; `None`: it does not belong there, and is left out.
pub type Member<T> = Option<Option<T>>;

/// What went wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Trouble {
    /// Meta's code as a number, or a word of wazapp's.
    pub code: Code,
    /// Of a number's problem: the code of what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub meta_code: Option<Code>,
    /// Of a number's problem: Meta's finer code.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "member")]
    #[schema(ignore)]
    pub meta_subcode: Member<i64>,
    /// Of a token: when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub at: Option<Timestamp>,
    /// Of a token: the days until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub days: Option<i64>,
    /// Of an answer: Meta's finer code.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "member")]
    #[schema(ignore)]
    pub subcode: Member<i64>,
    /// What happened, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub title: Option<String>,
    /// What happened: Meta's own words, where it was Meta.
    pub message: String,
    /// What exactly was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "member")]
    #[schema(ignore)]
    pub details: Member<String>,
    /// Of what was given up: why the last try was in vain.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "member")]
    #[schema(ignore)]
    pub last_error: Member<Box<Trouble>>,
    /// Of an answer: Meta's kind of error.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "member", rename = "type")]
    #[schema(ignore)]
    pub kind: Member<String>,
    /// Of an answer: its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub http_status: Option<u16>,
    /// Of an answer: what Meta's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "member")]
    #[schema(ignore)]
    pub fbtrace_id: Member<String>,
    /// What it means, and what to do.
    pub advice: Words,
    /// Who can change something: `operator`, `organization`, `meta` or `nobody`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required)]
    pub whose_move: Option<WhoseMove>,
}

/// A member that is there, null or not.
fn member<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Member<T>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// What Meta said no with.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Meta's code.
    pub code: i64,
    /// A finer one.
    pub subcode: Option<i64>,
    /// What happened, in a few words.
    pub title: String,
    /// What happened.
    pub message: String,
    /// What exactly was wrong.
    pub details: Option<String>,
    /// Meta's kind of error.
    pub kind: Option<String>,
    /// The status of the answer.
    pub http_status: u16,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
}

impl Trouble {
    /// What happened, and what to do.
    pub fn new(code: impl Into<Code>, message: impl Into<String>, advice: Words) -> Self {
        Self {
            code: code.into(),
            meta_code: None,
            meta_subcode: None,
            at: None,
            days: None,
            subcode: None,
            title: None,
            message: message.into(),
            details: None,
            last_error: None,
            kind: None,
            http_status: None,
            fbtrace_id: None,
            advice,
            whose_move: None,
        }
    }

    /// Meta's answer, and what to do.
    pub fn answered(answer: Answer, advice: Words) -> Self {
        Self {
            subcode: Some(answer.subcode),
            kind: Some(answer.kind),
            http_status: Some(answer.http_status),
            fbtrace_id: Some(answer.fbtrace_id),
            ..Self::new(answer.code, answer.message, advice).titled(answer.title, answer.details)
        }
    }

    /// With a title, and what exactly was wrong.
    #[must_use]
    fn titled(self, title: impl Into<String>, details: Option<String>) -> Self {
        Self { title: Some(title.into()), details: Some(details), ..self }
    }

    /// With an advice that fits better.
    #[must_use]
    pub fn advising(self, advice: Words) -> Self {
        Self { advice, ..self }
    }

    /// With whoever can change something.
    #[must_use]
    pub fn for_whom(self, whose_move: WhoseMove) -> Self {
        Self { whose_move: Some(whose_move), ..self }
    }

    /// Why something rests: under the code that it is about, without more.
    #[must_use]
    pub fn as_reason(&self) -> Self {
        let code = self.meta_code.unwrap_or(self.code);
        Self::new(code, self.message.clone(), self.advice.clone())
    }

    /// As a problem of a number, by a word of ours.
    #[must_use]
    pub fn as_problem(&self, word: Word) -> Self {
        Self { meta_code: Some(self.code), ..Self::new(word, self.message.clone(), self.advice.clone()) }
    }

    /// Whether it tells the same. Words of Meta's may tell the time of day, so they do not count.
    #[must_use]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let Self { message, .. } = other;
        *other == Self { message: message.clone(), ..self.clone() }
    }

    /// As it is stored.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("our own shapes are JSON")
    }

    /// Reads a stored one. `column` is its table and column, which an error names.
    pub(crate) fn read(row: &Row, name: &str, column: &'static str) -> Result<Option<Self>> {
        stored_json(row, name, column)
    }

    /// Reads why the last try of something was in vain that is given up anyway: a reason that this version cannot read keeps
    /// nobody waiting.
    pub(crate) fn read_last(row: &Row, name: &str, column: &'static str) -> Option<Self> {
        Self::read(row, name, column).unwrap_or_else(|error| {
            tracing::warn!(%error, "a reason is left out");
            None
        })
    }
}

#[cfg(test)]
mod tests;
