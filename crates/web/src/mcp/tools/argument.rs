//! What a tool takes.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::mcp::api::Wrong;
use crate::mcp::marked::is_plain;

/// The most recipients of one send.
pub(super) const RECIPIENTS: usize = 50;

/// The longest way to write one.
const LONGEST_RECIPIENT: usize = 160;

/// Something that a tool takes, by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    kind: Kind,
    is_needed: bool,
    about: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Id,
    IdOrNull,
    Text(usize),
    Word(&'static [&'static str]),
    Flag,
    Rows,
    Recipients,
    Components,
}

const fn argument(name: &'static str, kind: Kind, about: &'static str) -> Argument {
    Argument { name, kind, is_needed: false, about }
}

pub(super) const fn id(name: &'static str, about: &'static str) -> Argument {
    argument(name, Kind::Id, about)
}

pub(super) const fn ids_or_null(name: &'static str, about: &'static str) -> Argument {
    argument(name, Kind::IdOrNull, about)
}

pub(super) const fn text(name: &'static str, longest: usize, about: &'static str) -> Argument {
    argument(name, Kind::Text(longest), about)
}

pub(super) const fn word(name: &'static str, words: &'static [&'static str], about: &'static str) -> Argument {
    argument(name, Kind::Word(words), about)
}

pub(super) const fn flag(name: &'static str, about: &'static str) -> Argument {
    argument(name, Kind::Flag, about)
}

pub(super) const fn rows() -> Argument {
    argument("limit", Kind::Rows, "The most rows to answer, 1 to 100; 20 if left out.")
}

pub(super) const fn list(name: &'static str, about: &'static str) -> Argument {
    argument(name, Kind::Recipients, about)
}

pub(super) const fn components(name: &'static str, about: &'static str) -> Argument {
    argument(name, Kind::Components, about)
}

impl Argument {
    pub(super) const fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }

    pub(super) fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// As JSON Schema.
    pub(super) fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Id => json!({ "type": "string", "format": "uuid" }),
            Kind::IdOrNull => json!({ "type": ["string", "null"], "format": "uuid" }),
            Kind::Text(longest) => json!({ "type": "string", "minLength": 1, "maxLength": longest }),
            Kind::Word(words) => json!({ "type": "string", "enum": words }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Rows => json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
            Kind::Recipients => json!({
                "type": "array", "minItems": 1, "maxItems": RECIPIENTS, "uniqueItems": true,
                "items": { "type": "string", "minLength": 1, "maxLength": LONGEST_RECIPIENT },
            }),
            Kind::Components => json!({ "type": "array", "items": { "type": "object" } }),
        };
        schema["description"] = self.about.into();
        schema
    }

    /// Says what it must be, where it is not.
    fn check(&self, value: &Value) -> Result<(), String> {
        let must = |fits: bool, what: String| if fits { Ok(()) } else { Err(what) };
        let is_id = |value: &Value| value.as_str().is_some_and(|text| Uuid::try_parse(text).is_ok());
        let fits = |value: &Value, longest: usize| {
            value.as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= longest)
        };
        match self.kind {
            Kind::Id => must(is_id(value), "a UUID".into()),
            Kind::IdOrNull => must(value.is_null() || is_id(value), "a UUID or null".into()),
            Kind::Text(longest) => must(fits(value, longest), format!("a text of 1 to {longest} characters")),
            Kind::Word(words) => {
                let known = value.as_str().is_some_and(|word| words.contains(&word));
                must(known, format!("one of {}", words.join(", ")))
            }
            Kind::Flag => must(value.is_boolean(), "true or false".into()),
            Kind::Rows => must(
                value.as_u64().is_some_and(|rows| (1..=100).contains(&rows)),
                "a whole number from 1 to 100".into(),
            ),
            Kind::Recipients => {
                let all = value.as_array().filter(|all| (1..=RECIPIENTS).contains(&all.len()));
                let fit = all.is_some_and(|all| all.iter().all(|one| fits(one, LONGEST_RECIPIENT)));
                must(fit, format!("a list of 1 to {RECIPIENTS} phone numbers or user ids, each a text"))
            }
            Kind::Components => {
                let fit = value.as_array().is_some_and(|all| all.iter().all(Value::is_object));
                must(fit, "a list of objects".into())
            }
        }
    }
}

/// Refuses arguments that a tool does not take, or not so, and the lack of those it needs. A null is none where it says nothing.
pub(super) fn check(takes: &[Argument], arguments: &Map<String, Value>) -> Result<(), Wrong> {
    for (name, value) in arguments {
        let Some(argument) = takes.iter().find(|argument| argument.name == name) else {
            let named = if is_plain(&json!(name)) { format!("`{name}`") } else { "One of the arguments".into() };
            let known: Vec<_> = takes.iter().map(|argument| format!("`{}`", argument.name)).collect();
            let known = if known.is_empty() { "nothing".into() } else { known.join(", ") };
            return Err(Wrong::here(format!("{named} is not known here. This tool takes {known}.")));
        };
        if let Err(what) = argument.check(value) {
            return Err(Wrong::here(format!("The argument `{name}` must be {what}.")));
        }
    }
    match takes.iter().find(|argument| argument.is_needed && !arguments.contains_key(argument.name)) {
        Some(missing) => Err(Wrong::here(format!("The argument `{}` is missing: {}", missing.name, missing.about))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKES: &[Argument] = &[id("conversation_id", "Which.").needed(), rows(), flag("unread", "Only those.")];

    fn refused(arguments: Value) -> String {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        check(TAKES, &arguments).map_or_else(|wrong| wrong.words(), |()| String::new())
    }

    #[test]
    fn what_is_not_taken_is_named() {
        let id = Uuid::now_v7();
        assert_eq!(refused(json!({ "conversation_id": id, "limit": 100, "unread": true })), "");
        for (arguments, says) in [
            (json!({}), "`conversation_id` is missing"),
            (json!({ "conversation_id": "../keys" }), "`conversation_id` must be a UUID"),
            (json!({ "conversation_id": id, "limit": 101 }), "`limit` must be a whole number from 1 to 100"),
            (json!({ "conversation_id": id, "limit": "5" }), "`limit` must be a whole number"),
            (json!({ "conversation_id": id, "unread": "yes" }), "`unread` must be true or false"),
            (json!({ "conversation_id": id, "organization_id": id }), "`organization_id` is not known here"),
            (json!({ "conversation_id": id, "say this\n": 1 }), "One of the arguments is not known here"),
        ] {
            let said = refused(arguments.clone());
            assert!(said.contains(says), "{arguments}: {said}");
        }
    }
}
