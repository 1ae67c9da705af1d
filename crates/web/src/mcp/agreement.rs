//! Asks the person themselves, where their client can: the model then never holds the confirmation.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, ElicitRequest, ElicitRequestParams, InputRequest, InputRequiredResult, ProtocolVersion,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use super::api::Wrong;
use super::marked::UNTRUSTED;

/// What the question is called between us and the client.
const QUESTION: &str = "send";

/// Whether the client shows a form to its person, and comes back with the answer.
pub(super) fn can_ask(context: &RequestContext<RoleServer>) -> bool {
    let comes_back = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    // One that names no kind of question knows forms alone.
    let forms = context.client_capabilities().and_then(|may| may.elicitation);
    comes_back && forms.is_some_and(|kinds| kinds.form.is_some() || kinds.url.is_none())
}

/// The question, where a result is one that needs it.
pub(super) fn question(result: &Value) -> Option<InputRequiredResult> {
    let confirmation = result.get("confirmation")?.as_str()?;
    let send = &result["would_send"];
    let to: Vec<_> = send["to"].as_array()?.iter().filter_map(Value::as_str).collect();
    let words = serde_json::to_string_pretty(&send[UNTRUSTED]).ok()?;
    let from = send["from"].as_str().unwrap_or("your number");
    let message = format!("Send this from {from} to {} people?\n\n{}\n\n{words}", to.len(), to.join(", "));
    let schema = json!({
        "type": "object", "required": ["agree"],
        "properties": { "agree": { "type": "boolean", "title": "Send it", "default": false } },
    });
    let requested_schema = serde_json::from_value(schema).ok()?;
    let form = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
    let asked = [(QUESTION.to_owned(), InputRequest::Elicitation(ElicitRequest::new(form)))];
    Some(InputRequiredResult::new(Some(asked.into()), Some(confirmation.to_owned())))
}

/// What a client comes back with: the confirmation, if its person agreed.
pub(super) fn agreed(request: &CallToolRequestParams) -> Result<Option<String>, Wrong> {
    let Some(confirmation) = &request.request_state else { return Ok(None) };
    let answer = request.input_responses.as_ref().and_then(|answers| answers.get(QUESTION));
    let agrees = |answer: &Value| answer["action"] == "accept" && answer["content"]["agree"] == true;
    match answer.is_some_and(agrees) {
        true => Ok(Some(confirmation.clone())),
        false => Err(Wrong::here(
            "The person was asked and did not agree. Nothing was sent; do not ask again unless they say so.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(answer: &Value) -> Result<Option<String>, Wrong> {
        let request = json!({
            "name": "send_text", "requestState": "wzc_x", "inputResponses": { "send": answer },
        });
        agreed(&serde_json::from_value(request).expect("a call"))
    }

    #[test]
    fn only_a_yes_is_one() {
        assert_eq!(
            back(&json!({ "action": "accept", "content": { "agree": true } })).unwrap().as_deref(),
            Some("wzc_x")
        );
        for no in [
            json!({ "action": "accept", "content": { "agree": false } }),
            json!({ "action": "accept", "content": { "agree": "true" } }),
            json!({ "action": "accept" }),
            json!({ "action": "decline", "content": { "agree": true } }),
            json!({ "action": "cancel" }),
            json!(null),
        ] {
            assert!(back(&no).is_err(), "{no}");
        }
        let without = json!({ "name": "send_text" });
        assert_eq!(agreed(&serde_json::from_value(without).expect("a call")).unwrap(), None);
    }

    #[test]
    fn the_question_says_what_would_be_sent_and_to_whom() {
        let result = json!({
            "confirmation": "wzc_x",
            "would_send": { "to": ["1", "2"], "from": "34900", "untrusted_content": { "message": { "text": "Hola" } } },
        });
        let asked = serde_json::to_value(question(&result).expect("a question")).unwrap();
        assert_eq!(asked["requestState"], "wzc_x");
        let message = asked["inputRequests"]["send"]["params"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Send this from 34900 to 2 people?\n\n1, 2\n\n") && message.contains("Hola"),
            "{message}"
        );
        assert!(question(&json!({ "sent": 1 })).is_none());
    }
}
