//! Meta's errors, with what they mean to people.

use serde_json::{Value, json};
use whatsapp::verdict;

/// The `errors` of a status, each with its advice in Spanish and English.
pub(crate) fn advised(mut errors: Value) -> Value {
    for error in errors.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let Some(code) = error.get("code").and_then(code) else { continue };
        let words = verdict::explain(code);
        error.entry("advice").or_insert_with(|| json!({ "en": words.en, "es": words.es }));
    }
    errors
}

/// Of the advised errors of a status, the one that will fail others too, as a problem of the number.
pub(crate) fn stops_others(errors: &Value) -> Option<Value> {
    let error =
        errors.as_array()?.iter().find(|error| error.get("code").and_then(code).is_some_and(verdict::stops_others))?;
    let message = error.get("message").filter(|text| text.is_string()).unwrap_or(&error["title"]);
    Some(json!({
        "code": "sends_fail", "meta_code": error.get("code").and_then(code), "message": message,
        "advice": error["advice"],
    }))
}

/// The same, of errors as text.
pub(crate) fn advised_text(errors: &str) -> String {
    serde_json::from_str(errors).map_or_else(|_| errors.to_owned(), |errors| advised(errors).to_string())
}

/// Meta writes a code as a number, and now and then as text.
fn code(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_with_a_code_is_explained_and_nothing_else_is_changed() {
        let errors =
            json!([{ "code": 131_047, "title": "Re-engagement message" }, { "code": "131026" }, { "title": "odd" }, 7]);
        let all = advised(errors);
        assert_eq!(
            (&all[0]["title"], &all[2], &all[3]),
            (&json!("Re-engagement message"), &json!({ "title": "odd" }), &json!(7))
        );
        assert_eq!(all[0]["advice"]["es"], verdict::explain(131_047).es);
        assert_eq!(all[1]["advice"]["en"], verdict::explain(131_026).en);
        assert_eq!(advised(all.clone()), all, "once");
        for odd in ["null", "{}", "no JSON"] {
            assert_eq!(advised_text(odd), odd);
        }
    }
}
