//! Reading Meta's answers, which keep no promise: ids as numbers, numbers as strings, members that are missing.

use serde_json::Value;

/// A text, or a number as its digits; empty is absent. PostgreSQL's text refuses NUL, so none is left in it.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    as_text(value.get(key)?)
}

/// The same, of a value itself.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.replace('\0', "")).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, perhaps written as a string.
pub(super) fn int(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

/// A yes or no, perhaps written as a string.
pub(super) fn flag(value: &Value, key: &str) -> Option<bool> {
    match value.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The elements of an array; of anything else, none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Texts of an array, or of one text with commas.
pub(super) fn words(value: &Value, key: &str) -> Vec<String> {
    match value.get(key) {
        Some(Value::Array(list)) => list.iter().filter_map(as_text).collect(),
        Some(Value::String(text)) => {
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
