//! What a customer filled in: the answers of a form, which Meta sends as JSON in a text.

use serde_json::Value;

use crate::json::{Map, Read, as_text};

/// Members that say which form it was, not what was answered.
const OF_THE_FORM: [&str; 2] = ["flow_token", "wa_flow_response_params"];

/// The longest text of answers, in characters.
const LONGEST: usize = 4000;

/// How deep files are looked for.
const DEPTH: usize = 8;

/// The answers of a form, if the interactive object is one and they can be read.
pub(super) fn answers(interactive: &Value) -> Option<Map> {
    let told = interactive.object("nfm_reply")?.get("response_json")?;
    let read = match told {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    match read {
        Value::Object(answers) => Some(answers),
        _ => None,
    }
}

/// The answers in words, one a line. `None`: there are none.
pub(super) fn words(answers: &Map) -> Option<String> {
    let line = |(name, answer): (&String, &Value)| {
        (!OF_THE_FORM.contains(&name.as_str())).then(|| Some(format!("{name}: {}", word(answer)?))).flatten()
    };
    let lines: Vec<String> = answers.iter().filter_map(line).collect();
    let text: String = lines.join("\n").replace('\0', "").chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

fn word(answer: &Value) -> Option<String> {
    match answer {
        Value::Bool(yes) => Some(if *yes { "✓" } else { "✗" }.to_owned()),
        Value::Array(list) => {
            let words: Vec<String> = list.iter().filter_map(word).collect();
            (!words.is_empty()).then(|| words.join(", "))
        }
        Value::Object(_) if is_file(answer) => Some(format!("📄 {}", name(answer)).trim_end().to_owned()),
        Value::Object(inner) => words(inner).map(|words| words.replace('\n', ", ")),
        other => as_text(other),
    }
}

fn name(file: &Value) -> String {
    file.text("file_name").or_else(|| file.text("filename")).unwrap_or_default()
}

fn is_file(object: &Value) -> bool {
    object.id("id").is_some() && (object.has("mime_type") || object.has("sha256"))
}

/// The files among the answers, in their order.
pub(super) fn files(answers: &Map) -> Vec<Value> {
    fn collect(value: &Value, depth: usize, found: &mut Vec<Value>) {
        match value {
            Value::Object(_) if is_file(value) => found.push(value.clone()),
            Value::Object(inner) if depth > 0 => inner.values().for_each(|value| collect(value, depth - 1, found)),
            Value::Array(list) if depth > 0 => list.iter().for_each(|value| collect(value, depth - 1, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    answers.values().for_each(|value| collect(value, DEPTH, &mut found));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(response: &Value) -> Map {
        answers(&json!({ "nfm_reply": { "response_json": response.to_string() } })).expect("answers")
    }

    #[test]
    fn answers_are_words_one_a_line() {
        let answers = read(&json!({
            "flow_token": "t", "rating": "Excelente", "again": true, "topics": ["a", "b"], "n": 3, "none": null,
            "address": { "street": "Main", "no": "1" }, "docs": [{ "id": "1", "file_name": "ine.pdf", "mime_type": "application/pdf" }],
        }));
        let words = words(&answers).expect("words");
        for line in ["rating: Excelente", "again: ✓", "topics: a, b", "n: 3", "docs: 📄 ine.pdf"] {
            assert!(words.lines().any(|found| found == line), "{line} in {words}");
        }
        assert!(!words.contains("flow_token") && !words.contains("none"), "{words}");
        assert_eq!(files(&answers).len(), 1);
    }

    #[test]
    fn what_cannot_be_read_has_no_answers() {
        for told in [json!("{"), json!("[1]"), json!(7)] {
            assert_eq!(answers(&json!({ "nfm_reply": { "response_json": told } })), None);
        }
        assert_eq!(answers(&json!({ "nfm_reply": {} })), None);
    }
}
