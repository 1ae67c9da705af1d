//! A request's JSON, part by part, with Meta's complaints about how it is built.
//!
//! Meta writes a place as `interactive['action']['buttons'][0]`, and refuses structure with code 100, which says it in
//! the message; a value of the right structure that can't be is refused with 131009, which says it in the details.

use serde_json::{Map, Value};

use crate::error::GraphError;
use crate::graph::call::missing;

/// A value and where it stands in the request.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    /// The place, as Meta writes it.
    pub(super) at: String,
    pub(super) value: &'a Value,
}

impl<'a> Part<'a> {
    /// A parameter of the request.
    pub(super) fn of(name: &str, value: &'a Value) -> Self {
        Self { at: name.to_owned(), value }
    }

    fn map(&self) -> Result<&'a Map<String, Value>, GraphError> {
        self.value.as_object().ok_or_else(|| structure(format!("Param {} must be a JSON object.", self.at)))
    }

    /// It is an object, and has no other keys than these.
    pub(super) fn keys(&self, known: &[&str]) -> Result<(), GraphError> {
        match self.map()?.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(structure(format!("Unexpected key \"{key}\" on param \"{}\".", self.at))),
            None => Ok(()),
        }
    }

    /// What stands under a key; `null` counts as nothing.
    pub(super) fn get(&self, key: &str) -> Option<Part<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Part { at: format!("{}['{key}']", self.at), value })
    }

    /// What must stand under a key.
    pub(super) fn need(&self, key: &str) -> Result<Part<'a>, GraphError> {
        self.map()?;
        self.get(key).ok_or_else(|| missing(&format!("{}['{key}']", self.at)))
    }

    /// It is text.
    pub(super) fn text(&self) -> Result<&'a str, GraphError> {
        self.value.as_str().ok_or_else(|| structure(format!("Param {} must be a string.", self.at)))
    }

    /// Text that must stand under a key; empty text counts as none.
    pub(super) fn words(&self, key: &str) -> Result<&'a str, GraphError> {
        let part = self.need(key)?;
        match part.text()? {
            "" => Err(missing(&part.at)),
            text => Ok(text),
        }
    }

    /// Text that may stand under a key.
    pub(super) fn may(&self, key: &str) -> Result<Option<&'a str>, GraphError> {
        self.get(key).map(|part| part.text()).transpose()
    }

    /// Text under a key, of at most so many characters; refused as structure, as Meta does with texts and captions.
    pub(super) fn at_most(&self, key: &str, limit: usize) -> Result<(), GraphError> {
        match self.may(key)? {
            Some(text) if text.chars().count() > limit => {
                let at = format!("{}['{key}']", self.at);
                Err(structure(format!("Param {at} must be at most {limit} characters long.")))
            }
            _ => Ok(()),
        }
    }

    /// It is a list.
    pub(super) fn list(&self) -> Result<Vec<Part<'a>>, GraphError> {
        let rows = self.value.as_array().ok_or_else(|| structure(format!("Param {} must be an array.", self.at)))?;
        Ok(rows.iter().enumerate().map(|(i, value)| Part { at: format!("{}[{i}]", self.at), value }).collect())
    }

    /// It is true or false; Graph takes the words as well.
    pub(super) fn truth(&self) -> Result<bool, GraphError> {
        match self.value {
            Value::Bool(truth) => Ok(*truth),
            Value::String(word) if word == "true" || word == "false" => Ok(word == "true"),
            _ => Err(structure(format!("Param {} must be a boolean.", self.at))),
        }
    }

    /// It is a whole number, or one written as text.
    pub(super) fn whole(&self) -> Result<i64, GraphError> {
        let number = match self.value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| structure(format!("Param {} must be an integer.", self.at)))
    }

    /// It is one of these words, whatever the case; answers the one of the list.
    pub(super) fn one_of(&self, words: &[&'static str]) -> Result<&'static str, GraphError> {
        let text = self.text()?;
        match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => Ok(word),
            None => Err(not_one_of(&self.at, words, text)),
        }
    }

    /// The error for a value that can't be, with details that begin with the place.
    pub(super) fn refused(&self, why: &str) -> GraphError {
        refused(format!("{} {why}", self.at))
    }
}

/// `(#100)` and what is wrong with the request's structure.
pub(super) fn structure(why: impl std::fmt::Display) -> GraphError {
    GraphError::of(100).message(format!("(#100) {why}"))
}

/// `(#100) Param type must be one of {A, B} - got "x".`
pub(super) fn not_one_of(at: &str, words: &[&str], got: &str) -> GraphError {
    let words: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    structure(format!("Param {at} must be one of {{{}}} - got \"{got}\".", words.join(", ")))
}

/// 131009 with these details.
pub(super) fn refused(details: impl Into<String>) -> GraphError {
    GraphError::of(131009).details(details)
}

/// 131008 with these details.
pub(super) fn lacking(details: impl Into<String>) -> GraphError {
    GraphError::of(131008).details(details)
}

/// Text of 1 to so many characters, named as Meta names it in the details.
pub(super) fn within(text: &str, limit: usize, name: &str) -> Result<(), GraphError> {
    match text.chars().count() {
        count if (1..=limit).contains(&count) => Ok(()),
        _ => Err(refused(format!("{name} length invalid. Min length: 1, Max length: {limit}"))),
    }
}

/// Text of at most so many characters, named as Meta names it in the details.
pub(super) fn short(text: &str, limit: usize, name: &str) -> Result<(), GraphError> {
    match text.chars().count() {
        count if count <= limit => Ok(()),
        _ => Err(refused(format!("{name} is too long. Max length is {limit}"))),
    }
}

/// No word stands twice in the list.
pub(super) fn unique<'a>(words: impl IntoIterator<Item = &'a str>, name: &str) -> Result<(), GraphError> {
    let mut seen = std::collections::HashSet::new();
    match words.into_iter().find(|word| !seen.insert(*word)) {
        Some(word) => Err(refused(format!("Duplicated {name}: {word}"))),
        None => Ok(()),
    }
}

/// Whether text is an http or https address.
pub(super) fn is_web_address(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Whether a word looks like a message's id (§1): of a message, or of a call's voice mail.
pub(super) fn is_message_id(word: &str) -> bool {
    let rest = word.strip_prefix("wamid.").or_else(|| word.strip_prefix("wacid."));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_written_as_meta_writes_them() {
        let value = json!({ "action": { "rows": [{ "title": "" }] }, "odd": 1 });
        let part = Part::of("interactive", &value);
        let rows = part.need("action").and_then(|action| action.need("rows")).and_then(|rows| rows.list());
        let row = rows.expect("a list").remove(0);
        assert_eq!(row.at, "interactive['action']['rows'][0]");
        let error = row.words("title").expect_err("empty");
        let text = "(#100) The parameter interactive['action']['rows'][0]['title'] is required.";
        assert_eq!(error.message.as_deref(), Some(text));
        let error = part.keys(&["action"]).expect_err("odd");
        assert_eq!(error.message.as_deref(), Some("(#100) Unexpected key \"odd\" on param \"interactive\"."));
    }

    #[test]
    fn ids_and_addresses() {
        assert!(is_message_id("wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI="));
        assert!(!is_message_id("wamid."));
        assert!(!is_message_id("gBGGFlAwCWFv"));
        assert!(is_web_address("https://example.com/a.png"));
        assert!(!is_web_address("ftp://example.com/a.png"));
        assert!(!is_web_address("example.com/a.png"));
    }
}
