//! What a field may hold.

use jiff::Timestamp;
use model::name::Name;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected};

use crate::problem::Problem;

/// Longer than any token or code of Meta's.
const LONGEST_SECRET: usize = 4096;

/// A yes or no of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::api) enum Flag {
    #[serde(rename = "true")]
    Yes,
    #[serde(rename = "false")]
    No,
}

/// An id of Meta's objects: digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct MetaId(pub(in crate::api) String);

impl<'de> Deserialize<'de> for MetaId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "an id of Meta's, digits only";
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(Self(text)) } else { Err(de::Error::invalid_value(Unexpected::Other("another text"), &expected)) }
    }
}

/// A secret: text without spaces, which no answer shows again.
#[derive(Clone, Debug)]
pub(in crate::api) struct Secret(pub(in crate::api) SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fits = (1..=LONGEST_SECRET).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Ok(Self(SecretString::from(text)));
        }
        let expected = "as Meta gave it: 1 to 4096 ASCII characters without spaces";
        Err(de::Error::invalid_value(Unexpected::Other("another text"), &expected))
    }
}

/// The PIN of a number's two-step verification: six digits.
#[derive(Clone, Debug)]
pub(in crate::api) struct Pin(pub(in crate::api) SecretString);

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(SecretString::from(text)));
        }
        Err(de::Error::invalid_value(Unexpected::Other("another text"), &"six digits"))
    }
}

/// Reads an optional field that is there: null is a value like any other, and only some types take it.
pub(in crate::api) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Text of at most so many characters, without NUL, which PostgreSQL cannot hold.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::api) struct Text<const LONGEST: usize>(pub(in crate::api) String);

impl<'de, const LONGEST: usize> Deserialize<'de> for Text<LONGEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if length > LONGEST {
            let most = format!("at most {LONGEST} characters");
            return Err(de::Error::invalid_length(length, &most.as_str()));
        }
        if text.contains('\0') {
            let without = "text without the character NUL";
            return Err(de::Error::invalid_value(Unexpected::Other("NUL"), &without));
        }
        Ok(Self(text))
    }
}

impl<const LONGEST: usize> Text<LONGEST> {
    /// What people call something: one line, and not nothing.
    pub(in crate::api) fn name(&self, field: &str) -> Result<Name, Problem> {
        Name::read(&self.0, LONGEST).map_err(|why| Problem::invalid(format!("The field `{field}` is no name: {why}.")))
    }
}

/// A time as the API writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct Time(pub(in crate::api) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "an RFC 3339 time such as `2026-11-24T14:03:05Z`";
        text.parse().map(Self).map_err(|_| de::Error::invalid_value(Unexpected::Other("another text"), &expected))
    }
}
