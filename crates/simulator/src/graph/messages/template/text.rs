//! Texts with placeholders: `{{1}}`, or `{{first_name}}` where parameters have names.

use std::collections::HashMap;

use serde_json::Value;

use super::super::part::{Part, lacking};
use super::given::parameters;
use super::{miscount, mismatch};
use crate::error::GraphError;
use crate::world::authentication_words;

/// The parameters that stand for text.
const KINDS: [&str; 3] = ["text", "currency", "date_time"];

/// Body and footer as they were created. Of an authentication template, whose language is given, Meta writes them.
pub(super) fn written(
    body: Option<&Value>,
    footer: Option<&Value>,
    authentication: Option<&str>,
) -> (String, Option<String>) {
    let text = |part: Option<&Value>| part.and_then(|part| part["text"].as_str()).map(str::to_owned);
    let Some(language) = authentication else { return (text(body).unwrap_or_default(), text(footer)) };
    let advice = body.is_some_and(|body| body["add_security_recommendation"] == true);
    let minutes = footer.and_then(|footer| footer["code_expiration_minutes"].as_i64());
    let words = authentication_words(language, advice, minutes);
    (text(body).unwrap_or(words.0), text(footer).or(words.1))
}

/// Puts the parameters of a component in place; `place` names it in details.
pub(super) fn fill(place: &str, text: &str, named: bool, given: Option<&Part<'_>>) -> Result<String, GraphError> {
    let wanted = placeholders(text);
    let given = parameters(given)?;
    if named {
        for parameter in &given {
            if parameter.may("parameter_name")?.is_none_or(str::is_empty) {
                return Err(GraphError::invalid("Parameter name is missing or empty"));
            }
        }
    }
    if given.len() != wanted.len() {
        return Err(miscount(place, given.len(), wanted.len()));
    }
    let mut values = HashMap::new();
    for (i, parameter) in given.iter().enumerate() {
        let name = match parameter.may("parameter_name")? {
            Some(name) if named => name,
            Some(name) => {
                let details =
                    format!("{place}: the template has no named parameters, received parameter_name ({name})");
                return Err(GraphError::of(132012).details(details));
            }
            None => &wanted[i],
        };
        if !wanted.iter().any(|wanted| wanted == name) || values.insert(name, value(place, parameter)?).is_some() {
            let details = format!("{place}: parameter_name ({name}) is not in the template, or is given twice");
            return Err(GraphError::of(132012).details(details));
        }
    }
    Ok(replace(text, &values))
}

/// What stands for text: the text itself, or the fallback of an amount or a date.
fn value(place: &str, parameter: &Part<'_>) -> Result<String, GraphError> {
    let kind = parameter.words("type")?;
    if !KINDS.contains(&kind) {
        return Err(mismatch(place, "TEXT", kind));
    }
    parameter.keys(&["type", "parameter_name", kind])?;
    match kind {
        "currency" => {
            let amount = parameter.need(kind)?;
            amount.keys(&["fallback_value", "code", "amount_1000"])?;
            amount.words("code")?;
            amount.need("amount_1000")?.whole()?;
            Ok(amount.words("fallback_value")?.to_owned())
        }
        // Meta's samples still carry the day, month and so on, which it ignores.
        "date_time" => Ok(parameter.need(kind)?.words("fallback_value")?.to_owned()),
        _ => worded(parameter),
    }
}

/// The text of a parameter: there, and of characters that a template takes.
pub(super) fn worded(parameter: &Part<'_>) -> Result<String, GraphError> {
    let text = parameter.may("text")?.unwrap_or("");
    if text.trim().is_empty() {
        return Err(lacking("Parameter of type text is missing text value"));
    }
    if text.contains(['\n', '\r', '\t']) || text.contains("     ") {
        return Err(GraphError::of(132018)
            .details("Param text cannot have new-line/tab characters or more than 4 consecutive spaces"));
    }
    Ok(text.to_owned())
}

/// The text with its parameters is short enough, else 132005.
pub(super) fn short(place: &str, text: &str, limit: usize) -> Result<(), GraphError> {
    match text.chars().count() {
        count if count <= limit => Ok(()),
        count => Err(GraphError::of(132005)
            .details(format!("{place}: the text with its parameters has {count} characters, at most {limit}"))),
    }
}

/// The placeholders of a text, each once: numbers in their order, names in the order they stand.
pub(super) fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for piece in text.split("{{").skip(1) {
        let Some((name, _)) = piece.split_once("}}") else { continue };
        let name = name.trim();
        if is_name(name) && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    if found.iter().all(|name| name.parse::<u32>().is_ok()) {
        found.sort_by_key(|name| name.parse::<u32>().unwrap_or(0));
    }
    found
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn replace(text: &str, values: &HashMap<&str, String>) -> String {
    let mut pieces = text.split("{{");
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let found = piece.split_once("}}").and_then(|(name, rest)| Some((values.get(name.trim())?, rest)));
        match found {
            Some((value, rest)) => whole.extend([value.as_str(), rest]),
            None => whole.extend(["{{", piece]),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(text: &str, named: bool, parameters: Value) -> Result<String, GraphError> {
        let component = json!({ "type": "body", "parameters": parameters });
        fill("body", text, named, Some(&Part::of("c", &component)))
    }

    #[test]
    fn numbers_go_by_their_order_and_names_by_name() {
        assert_eq!(placeholders("{{2}} and {{1}}, {{ 1 }}, {{not a name}}, {{"), ["1", "2"]);
        let two = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
        assert_eq!(filled("{{2}}, {{1}}!", false, two).expect("filled"), "b, a!");
        let named = json!([
            { "type": "text", "parameter_name": "day", "text": "Friday" },
            { "type": "currency", "parameter_name": "sum",
              "currency": { "fallback_value": "$1", "code": "USD", "amount_1000": 1000 } },
        ]);
        assert_eq!(filled("{{sum}} on {{day}}", true, named).expect("filled"), "$1 on Friday");
    }

    #[test]
    fn a_value_is_never_taken_for_a_placeholder() {
        let two = json!([{ "type": "text", "text": "{{2}}" }, { "type": "text", "text": "b" }]);
        assert_eq!(filled("{{1}} {{2}}", false, two).expect("filled"), "{{2}} b");
    }

    #[test]
    fn four_spaces_pass_and_five_do_not() {
        assert!(filled("{{1}}", false, json!([{ "type": "text", "text": "a    b" }])).is_ok());
        let error = filled("{{1}}", false, json!([{ "type": "text", "text": "a     b" }])).expect_err("five");
        assert_eq!(error.code, 132018);
    }
}
