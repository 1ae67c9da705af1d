//! Meta's errors, with what they mean to people.

use model::trouble::{Trouble, Word};
use serde_json::Value;
use whatsapp::verdict;

use crate::trouble::words;

/// Of an error that says nothing.
const NO_WORDS: &str = "Meta gave no words.";

/// The `errors` of a status, each with its advice in Spanish and English.
pub(crate) fn advised(mut errors: Value) -> Value {
    for error in errors.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let Some(code) = error.get("code").and_then(code) else { continue };
        words(verdict::explain(code)).advise(error);
    }
    errors
}

/// Of the errors of a status, the one that will fail others too, as a problem of the number.
pub(crate) fn stops_others(errors: &Value) -> Option<Trouble> {
    let mut coded = errors.as_array()?.iter().filter_map(|error| Some((error, code(error.get("code")?)?)));
    let (error, code) = coded.find(|(_, code)| verdict::stops_others(*code))?;
    let message = ["message", "title"].iter().find_map(|name| error.get(name)?.as_str()).unwrap_or(NO_WORDS);
    Some(Trouble::new(code, message, words(verdict::explain(code))).as_problem(Word::SendsFail))
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
    use serde_json::json;

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
