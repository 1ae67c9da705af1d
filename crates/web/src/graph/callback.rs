//! A number's own callback at Meta. It is never led elsewhere through here; one that leads elsewhere may be taken away.

use axum::response::Response;
use http::StatusCode;
use model::link::Link;
use model::number;
use serde_json::{Map, Value, json};

use super::call::{Call, json_response};
use super::error::GraphError;
use crate::behind::write_down;

const CONFIGURATION: &str = "webhook_configuration";
const OVERRIDE: &str = "override_callback_uri";

/// Takes the number's own callback away, where that is all that is asked for; `None`: it is another call.
pub(super) async fn clear(
    call: &Call,
    link: &Link,
    asked: &Map<String, Value>,
) -> Result<Option<Response>, GraphError> {
    if !is_clearing(asked) || !call.query().is_empty() {
        return Ok(None);
    }
    let (credential, graph) = (call.credential(link)?, &call.state.graph);
    let shown = graph.number(&credential, &link.phone_number_id, &[CONFIGURATION]).await?;
    if shown
        .whole
        .pointer("/webhook_configuration/phone_number")
        .and_then(Value::as_str)
        .is_some_and(|url| is_here(call, url))
    {
        return Err(GraphError::not_yours(
            "This number's own callback is wazapp, which would perhaps hear no more. If that is wanted: DELETE \
             /api/v1/numbers/{id}/callback.",
        ));
    }
    graph.override_number(&credential, &link.phone_number_id, None).await?;
    let shown = graph.number(&credential, &link.phone_number_id, &[CONFIGURATION]).await?;
    let webhooks =
        shown.whole.get(CONFIGURATION).filter(|shown| shown.is_object()).cloned().unwrap_or_else(|| json!({}));
    let (state, scope, number_id) = (call.state.clone(), call.scope, link.number_id);
    write_down("a callback that Meta took away", move || {
        let (state, webhooks) = (state.clone(), webhooks.clone());
        async move {
            let tx = state.database.operator_for(&scope).await?;
            number::noted(&tx, &scope, number_id, &webhooks, state.clock.now()).await?;
            tx.commit().await
        }
    })
    .await;
    Ok(Some(json_response(StatusCode::OK, &json!({ "success": true }))))
}

/// Whether a body is `{"webhook_configuration":{"override_callback_uri":""}}`, however it is written.
fn is_clearing(asked: &Map<String, Value>) -> bool {
    let inner = match asked.get(CONFIGURATION) {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(value) => value.clone(),
        None => Value::Null,
    };
    asked.len() == 1 && inner == json!({ OVERRIDE: "" })
}

fn is_here(call: &Call, url: &str) -> bool {
    let ours = format!("{}/webhook", call.state.public_url.trim_end_matches('/'));
    url.strip_prefix(&ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_callback_alone_is_taken() {
        let asked = |value: Value| is_clearing(value.as_object().unwrap());
        assert!(asked(json!({ "webhook_configuration": { "override_callback_uri": "" } })));
        assert!(asked(json!({ "webhook_configuration": "{\"override_callback_uri\":\"\"}" })));
        for other in [
            json!({}),
            json!({ "webhook_configuration": {} }),
            json!({ "webhook_configuration": { "override_callback_uri": "https://example.com" } }),
            json!({ "webhook_configuration": { "override_callback_uri": "" }, "pin": "123456" }),
            json!({ "webhook_configuration": { "override_callback_uri": "", "verify_token": "x" } }),
        ] {
            assert!(!asked(other.clone()), "{other}");
        }
    }
}
