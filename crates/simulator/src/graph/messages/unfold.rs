//! Objects and lists written as JSON in a text, which Meta reads at any depth: clients in production nest them.

use serde_json::{Map, Value};

/// Members that are words wherever they stand, though they look like JSON.
const WORDS: [&str; 9] =
    ["biz_opaque_callback_data", "caption", "description", "filename", "id", "payload", "to", "title", "address"];

/// Unfolds the members of a message.
pub(super) fn members(message: &mut Map<String, Value>) {
    message.iter_mut().for_each(|(name, value)| unfold("", name, value));
}

fn unfold(above: &str, name: &str, value: &mut Value) {
    // A text's body and the words of an interactive body are texts; the interactive body itself is an object.
    let is_words = WORDS.contains(&name) || name == "body" && above == "text" || name == "text" && !above.is_empty();
    if let Value::String(text) = value
        && !is_words
        && text.trim_start().starts_with(['{', '['])
        && let Ok(inner) = serde_json::from_str(text)
    {
        *value = inner;
    }
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(inner, value)| unfold(name, inner, value)),
        Value::Array(rows) => rows.iter_mut().for_each(|row| unfold(above, name, row)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_unfolded_and_words_are_not() {
        let Value::Object(mut message) = json!({
            "text": { "body": "{\"a\":1}" }, "to": "[1]",
            "interactive": "{\"body\":\"{\\\"text\\\":\\\"[1]\\\"}\",\"action\":\"{\\\"buttons\\\":[]}\"}",
        }) else {
            unreachable!()
        };
        members(&mut message);
        let expected = json!({
            "text": { "body": "{\"a\":1}" }, "to": "[1]",
            "interactive": { "body": { "text": "[1]" }, "action": { "buttons": [] } },
        });
        assert_eq!(Value::Object(message), expected);
    }
}
