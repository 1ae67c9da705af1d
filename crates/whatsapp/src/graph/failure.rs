//! What came of a call that brought no good answer.

use std::error::Error as _;
use std::fmt;

use serde_json::Value;

use super::scrub::scrub;
use crate::json::{Read, as_text};

/// Why a call brought nothing. The three mean different things for whether the request was carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Meta said no, in full: the request was not carried out.
    #[error(transparent)]
    Refused(Box<MetaError>),
    /// The request provably never reached Meta.
    #[error(transparent)]
    NotSent(NotSent),
    /// The request may have been carried out.
    #[error(transparent)]
    Unknown(Unknown),
}

/// Why a request never left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// No connection: the name, TCP or TLS failed before a byte of the request was written. Later it may work.
    #[error("no connection to Meta: {0}")]
    NoConnection(String),
    /// The request can't be put like this, now or later.
    #[error("the request can't be put: {0}")]
    Malformed(&'static str),
}

/// Why nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No complete answer in time.
    #[error("Meta gave no complete answer in time")]
    TimedOut,
    /// The connection broke before the answer was complete.
    #[error("the connection to Meta broke before its answer was complete: {0}")]
    Broken(String),
    /// An answer that says neither yes nor no.
    #[error("Meta's answer can't be read (HTTP {http}): {what}")]
    Unreadable {
        /// Its status.
        http: u16,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// An error as Meta gives it. See Meta's pages "Handling errors" and "Error codes".
#[derive(Clone, Debug, PartialEq)]
pub struct MetaError {
    /// Status of the answer.
    pub http: u16,
    /// Meta's code: what to go by.
    pub code: i64,
    /// A finer code, where there is one; documented as gone since v16, and still seen.
    pub subcode: Option<i64>,
    /// `OAuthException`, `GraphMethodException`, …
    pub kind: Option<String>,
    /// A title, often with the code in front: `(#131026) Message undeliverable`.
    pub message: String,
    /// What exactly was wrong: `error_data.details`.
    pub details: Option<String>,
    /// A title for people, on management calls.
    pub user_title: Option<String>,
    /// A text for people, on management calls.
    pub user_message: Option<String>,
    /// Whether Meta itself says that it will pass.
    pub transient: bool,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
}

impl MetaError {
    /// Whether Meta does not know what the call was about, or does not show it to this token.
    pub fn is_missing_object(&self) -> bool {
        (self.code, self.subcode) == (100, Some(33)) || self.code == 33
    }

    /// Reads `{"error":{…}}`, or the bare object that Meta prints for block lists. `None`: the answer is no error.
    pub(super) fn read(http: u16, answer: &Value, hidden: &[&str]) -> Option<Self> {
        let bare = || (answer.text("message").is_some() && answer.text("type").is_some()).then_some(answer);
        let error = answer.get("error").filter(|error| error.is_object()).or_else(bare)?;
        Self::of(http, error, hidden)
    }

    /// Reads the object inside.
    pub(super) fn of(http: u16, error: &Value, hidden: &[&str]) -> Option<Self> {
        let mut error = error.clone();
        scrub(&mut error, hidden);
        Some(Self {
            http,
            code: error.int("code")?,
            subcode: error.int("error_subcode").or_else(|| error.int("subcode")),
            kind: error.text("type"),
            message: error.text("message").or_else(|| error.text("title")).unwrap_or_default(),
            details: details(&error),
            user_title: error.text("error_user_title"),
            user_message: error.text("error_user_msg"),
            transient: error.flag("is_transient").unwrap_or(false),
            fbtrace_id: error.text("fbtrace_id"),
        })
    }
}

/// `error_data` is an object, or a string of JSON, or a plain text.
fn details(error: &Value) -> Option<String> {
    let data = error.get("error_data")?;
    let Value::String(words) = data else { return data.text("details") };
    match serde_json::from_str::<Value>(words) {
        Ok(inner) if inner.is_object() => inner.text("details"),
        _ => as_text(data),
    }
}

impl fmt::Display for MetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meta refused (HTTP {}, code {}", self.http, self.code)?;
        if let Some(subcode) = self.subcode {
            write!(f, ", subcode {subcode}")?;
        }
        write!(f, "): {}", self.message)?;
        if let Some(details) = self.details.as_ref().or(self.user_message.as_ref()) {
            write!(f, " ({details})")?;
        }
        Ok(())
    }
}

impl std::error::Error for MetaError {}

impl Failure {
    pub(super) fn malformed(what: &'static str) -> Self {
        Self::NotSent(NotSent::Malformed(what))
    }

    pub(super) fn unreadable(http: u16, what: &'static str) -> Self {
        Self::Unknown(Unknown::Unreadable { http, what })
    }

    /// What broke before the head of an answer was there. Only what the connector says happened before the request was
    /// written; of everything else the request may be out.
    pub(super) fn sending(error: reqwest::Error) -> Self {
        if error.is_builder() {
            Self::malformed("it makes no HTTP request")
        } else if error.is_connect() {
            Self::NotSent(NotSent::NoConnection(words(error)))
        } else {
            Self::reading(error)
        }
    }

    /// What broke while the answer came in.
    pub(super) fn reading(error: reqwest::Error) -> Self {
        Self::Unknown(if error.is_timeout() { Unknown::TimedOut } else { Unknown::Broken(words(error)) })
    }
}

/// What an HTTP error says, from the outside in, without the URL.
pub(super) fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
