//! Bodies as programs write them for Meta, which reads more than one way of writing the same.

use serde_json::Value;

use super::problem::{Problem, Rule};
use super::{Outgoing, Problems, check};

/// JSON stands in a text that stands in JSON: nobody means more than this.
const ROUNDS: usize = 16;

/// [`check`] for a body in which objects and lists may be JSON in a text, at any depth, flags and words be written in other
/// letters, and members stand that Meta no longer reads. What the check itself finds out of place is read the other way: a
/// text that belongs where it is stays a text, whatever it looks like.
pub fn check_as_meta(mut body: Value) -> Result<Outgoing, Problems> {
    let mut checked = check(&body);
    for _ in 0..ROUNDS {
        let Err(problems) = &checked else { break };
        let repaired = problems.iter().filter(|problem| repair(&mut body, problem)).count();
        if repaired == 0 {
            break;
        }
        checked = check(&body);
    }
    checked
}

/// Reads what a problem is about the other way, where there is one.
fn repair(body: &mut Value, problem: &Problem) -> bool {
    if problem.rule == Rule::UnknownKey && problem.field == "template.namespace" {
        return body["template"].as_object_mut().is_some_and(|template| template.shift_remove("namespace").is_some());
    }
    let Some(place) = find(body, &problem.field) else { return false };
    let Some(text) = place.as_str() else { return false };
    let instead = match problem.rule {
        Rule::WrongType => unfolded(text).or_else(|| flag(text)),
        Rule::NotOneOf => Some(Value::String(text.to_ascii_lowercase())).filter(|lower| lower != place),
        _ => None,
    };
    let repairs = instead.is_some();
    if let Some(instead) = instead {
        *place = instead;
    }
    repairs
}

fn unfolded(text: &str) -> Option<Value> {
    let inner = text.trim_start().starts_with(['{', '[']).then_some(text)?;
    serde_json::from_str(inner).ok()
}

fn flag(text: &str) -> Option<Value> {
    ["true", "false"].iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| Value::Bool(*word == "true"))
}

/// The member at `interactive.action.buttons[1]`.
fn find<'a>(body: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    let words = field.split(['.', '[']).map(|word| word.strip_suffix(']').ok_or(word));
    words.into_iter().try_fold(body, |value, word| match word {
        Ok(index) => value.get_mut(index.parse::<usize>().ok()?),
        Err(key) => value.get_mut(key),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(given: Value) -> Value {
        check_as_meta(given).unwrap_or_else(|problems| panic!("{problems}")).body
    }

    #[test]
    fn json_in_a_text_is_read_at_any_depth() {
        let whole = json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "B" },
            "action": { "buttons": [{ "type": "reply", "reply": { "id": "a", "title": "A" } }] } } });
        let reply = json!({ "id": "a", "title": "A" }).to_string();
        let buttons = json!([{ "type": "reply", "reply": reply }]).to_string();
        let action = json!({ "buttons": buttons }).to_string();
        let interactive = json!({ "type": "button", "body": "{\"text\":\"B\"}", "action": action }).to_string();
        assert_eq!(body(json!({ "type": "interactive", "interactive": interactive })), whole);
    }

    #[test]
    fn a_text_that_looks_like_json_stays_one() {
        for words in ["{\"a\":1}", "[1,2]", "true"] {
            assert_eq!(body(json!({ "text": { "body": words } }))["text"]["body"], words);
        }
        let broken = json!({ "type": "contacts", "contacts": "[{" });
        assert!(check_as_meta(broken).is_err());
    }

    #[test]
    fn other_spellings_are_taken() {
        let sent = body(json!({ "type": "TEXT", "text": { "body": "hi", "preview_url": "True" } }));
        assert_eq!(sent, json!({ "type": "text", "text": { "body": "hi", "preview_url": true } }));
        let template = json!({ "name": "a", "namespace": "4711", "language": "{\"code\":\"es\"}", "components": "[]" });
        let sent = body(json!({ "type": "template", "template": template }));
        assert_eq!(sent["template"]["language"]["code"], "es");
        assert!(sent["template"].get("namespace").is_none());
        assert!(check_as_meta(json!({ "type": "HOLOGRAM" })).is_err());
    }
}
