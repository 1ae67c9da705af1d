//! Which field was refused, and why.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::problem::Problem;

/// Which field was refused, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    field: String,
    why: String,
    /// Well written, but not a value we take.
    invalid: bool,
}

impl Refusal {
    pub(super) fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into(), invalid: false }
    }

    fn invalid(why: impl Into<String>) -> Self {
        Self { invalid: true, ..Self::new("", why) }
    }

    /// Of a member of this name; a member of an object is named with its path.
    pub(super) fn named(self, name: String) -> Self {
        let field = if self.field.is_empty() { name } else { format!("{name}.{}", self.field) };
        Self { field, ..self }
    }

    pub(super) fn of(self, what: &str) -> Problem {
        let name: String = self.field.chars().take(80).collect();
        let detail = format!("The {what} `{name}` {}.", self.why);
        if self.invalid { Problem::invalid(detail) } else { Problem::malformed(detail) }
    }
}

/// What serde knows of a refusal decides: a wrong shape is malformed, a value outside the list or the length is invalid.
/// Values are never quoted.
impl de::Error for Refusal {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new("", format!("cannot be read: {message}"))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = match expected.to_string() {
            // Rust's own words for it.
            word if ["i16", "i32", "i64"].contains(&word.as_str()) => "a whole number".to_owned(),
            words => words,
        };
        Self::new("", format!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid(format!("must be {expected}"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::invalid(format!("must be {expected}; it has {length}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::invalid(format!("must be {}", list(expected, "or")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let why = match expected {
            [] => "is not known: none is taken here".to_owned(),
            _ => format!("is not known; known here: {}", list(expected, "and")),
        };
        Self::new(field, why)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(field, "is missing")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(field, "is given twice; send it once")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.why)
    }
}

impl std::error::Error for Refusal {}

pub(super) fn list(names: &[&str], last: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
