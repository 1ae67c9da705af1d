//! What a send says beside its body: by what it is known when it comes again, and on whose word it comes.

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::request::Parts;
use model::outbox::Idempotency;
use serde_json::Value;
use utoipa::IntoParams;

use crate::mcp;
use crate::problem::Problem;
use crate::sending;

/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;

/// The `Idempotency-Key` header.
#[derive(Debug)]
pub(super) struct Key(Option<String>);

/// The same header, as the document describes it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described: `Key` reads it")]
pub(super) struct Repeatable {
    /// A text of your own making. The same request with the same key queues the message once; for 8 days.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
    /// `mcp`: an assistant sends, and the audit tells of it. Our MCP server says so.
    #[param(rename = "Wazapp-Via")]
    via: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut all = parts.headers.get_all("idempotency-key").iter();
        let Some(only) = all.next() else {
            return Ok(Self(None));
        };
        let text = only.to_str().ok().filter(|text| (1..=LONGEST_KEY).contains(&text.len()));
        match (text, all.next()) {
            (Some(text), None) => Ok(Self(Some(text.to_owned()))),
            _ => Err(Problem::malformed(
                "The `Idempotency-Key` is not one text of 1 to 255 ASCII characters. Send a UUID of your own making.",
            )),
        }
    }
}

/// On whose word a program sends. The audit tells of what an assistant had sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Program,
    Assistant,
}

impl<S: Send + Sync> FromRequestParts<S> for Via {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut all = parts.headers.get_all(mcp::VIA).iter();
        match (all.next().map(HeaderValue::as_bytes), all.next()) {
            (None, _) => Ok(Self::Program),
            (Some(said), None) if said == mcp::MCP.as_bytes() => Ok(Self::Assistant),
            _ => {
                Err(Problem::malformed("The header `Wazapp-Via` must be `mcp`: an assistant sends. Else leave it out."))
            }
        }
    }
}

/// Both.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) key: Key,
    pub(super) via: Via,
}

impl<S: Send + Sync> FromRequestParts<S> for Said {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let key = Key::from_request_parts(parts, state).await?;
        Ok(Self { key, via: Via::from_request_parts(parts, state).await? })
    }
}

impl Key {
    /// One that stands in a body.
    pub(super) fn written(text: Option<String>) -> Result<Self, Problem> {
        // As a header could hold it.
        let fits = |text: &String| {
            (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        if text.as_ref().is_some_and(|text| !fits(text)) {
            return Err(Problem::malformed(
                "The field `idempotency_key` must be a text of 1 to 255 printable ASCII characters.",
            ));
        }
        Ok(Self(text))
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// The key, with what else the request says: the same key with something else is a mistake of the caller's.
    pub(super) fn with(self, operation: &str, body: &Value) -> Option<Idempotency> {
        let key = self.0?;
        Some(sending::idempotency(key, operation, body))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fingerprint(operation: &str, body: Value) -> Vec<u8> {
        Key(Some("k".into())).with(operation, &body).unwrap().fingerprint
    }

    #[test]
    fn the_same_in_another_order_is_the_same_request() {
        let one = fingerprint("POST /messages", json!({ "a": { "x": 1, "y": [1, 2] }, "b": "c" }));
        assert_eq!(one, fingerprint("POST /messages", json!({ "b": "c", "a": { "y": [1, 2], "x": 1 } })));
        assert_ne!(one, fingerprint("POST /messages", json!({ "b": "c", "a": { "y": [2, 1], "x": 1 } })));
        assert_ne!(one, fingerprint("POST /other", json!({ "b": "c", "a": { "y": [1, 2], "x": 1 } })));
        assert!(Key(None).with("POST /messages", &json!({})).is_none());
    }
}
