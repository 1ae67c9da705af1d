//! A form that opens within WhatsApp (page "Sending a Flow").

use serde_json::Value;

use super::super::limits::ANY;
use super::super::problem::{Problem, Rule};
use super::super::reader::Fields;
use super::named;

pub(super) fn check(action: &mut Fields) {
    named(action, "flow", parameters);
}

/// The label has no limit here: Meta advises thirty characters and takes more.
fn parameters(parameters: &mut Fields) {
    version(parameters);
    which(parameters);
    parameters.text("flow_cta", ANY);
    parameters.text_if_given("flow_token", ANY);
    parameters.word_if_given("mode", &["draft", "published"]);
    parameters.word_if_given("flow_action", &["navigate", "data_exchange"]);
    parameters.within_if_given("flow_action_payload", |payload| {
        payload.text("screen", ANY);
        data(payload);
    });
}

/// "Must be 3", which people also write without quotes.
fn version(parameters: &mut Fields) {
    match parameters.peek("flow_message_version").and_then(Value::as_u64) {
        Some(3) => parameters.keep("flow_message_version", "3"),
        _ => {
            parameters.word("flow_message_version", &["3"]);
        }
    }
}

fn which(parameters: &mut Fields) {
    let place = parameters.at("flow_id");
    let id = parameters.id_if_given("flow_id");
    let name = parameters.text_if_given("flow_name", ANY);
    match (id, name) {
        (Some(_), Some(_)) => {
            let en = "and `flow_name` are both given: keep one of them.";
            parameters.add(Problem::at(&place, Rule::Conflict, en, "y `flow_name` están los dos: deja solo uno."));
        }
        (None, None) if !parameters.has("flow_id") && !parameters.has("flow_name") => {
            let en = "is missing: say which form, by `flow_id` or by `flow_name`.";
            let es = "falta: di qué formulario, con `flow_id` o con `flow_name`.";
            parameters.add(Problem::at(&place, Rule::Missing, en, es));
        }
        _ => {}
    }
}

/// The prose asks for a non-empty object, the example shows JSON in a string.
fn data(payload: &mut Fields) {
    let empty = match payload.anything_if_given("data") {
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::String(json)) => json.trim().is_empty(),
        None => false,
        Some(_) => {
            payload.add(Problem::wrong_type(&payload.at("data"), super::super::wording::Shape::Object));
            false
        }
    };
    if empty {
        payload.add(Problem::empty(&payload.at("data")));
    }
}
