//! Errors as Meta words them, so that programs know them. <https://developers.facebook.com/docs/graph-api/guides/error-handling>

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::DatabaseError;
use model::act::{Act, KeyScope};
use model::link::NoToken;
use model::quota::{Exceeded, Quota};
use model::trouble::Trouble;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use whatsapp::graph::{Failure, MetaError, NotSent, Relayed};

use super::call::json_response;

/// An error of the Graph API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GraphError {
    http: StatusCode,
    code: i64,
    kind: &'static str,
    message: String,
    more: Box<More>,
}

/// What only some errors have.
#[derive(Clone, Debug, Default, PartialEq)]
struct More {
    subcode: Option<i64>,
    details: Option<String>,
    user: Option<(String, String)>,
    transient: Option<bool>,
    trace: Option<String>,
}

/// Codes that say that a token is worth nothing.
const OF_TOKENS: [i64; 4] = [0, 102, 190, 467];

impl GraphError {
    pub(super) fn new(http: u16, code: i64, message: impl Into<String>) -> Self {
        Self {
            http: StatusCode::from_u16(http).unwrap_or(StatusCode::BAD_REQUEST),
            code,
            kind: "OAuthException",
            message: message.into(),
            more: Box::default(),
        }
    }

    /// With `error_data.details`.
    #[must_use]
    pub(super) fn details(mut self, details: impl Into<String>) -> Self {
        self.more.details = Some(details.into());
        self
    }

    /// With `is_transient`: whether the same call may work later.
    #[must_use]
    pub(super) fn transient(mut self, transient: bool) -> Self {
        self.more.transient = Some(transient);
        self
    }

    /// 401: no key.
    pub(super) fn no_token() -> Self {
        Self::new(
            401,
            190,
            "An access token is required to request this resource: send a wazapp API key as a bearer token.",
        )
    }

    /// 401: a key that opens nothing.
    pub(super) fn wrong_token() -> Self {
        Self::new(401, 190, "Invalid OAuth access token - this is no wazapp API key that is in force here.")
    }

    /// The object is not there, or someone else's, which is the same.
    pub(super) fn no_such_object(method: &http::Method, id: &str) -> Self {
        let (method, id) = (method.as_str().to_ascii_lowercase(), id.chars().take(64).collect::<String>());
        let message = format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api"
        );
        let more = More { subcode: Some(33), ..More::default() };
        Self { kind: "GraphMethodException", more: Box::new(more), ..Self::new(400, 100, message) }
    }

    /// A path that names a version and nothing else.
    pub(super) fn no_object(method: &http::Method) -> Self {
        let method = method.as_str().to_ascii_lowercase();
        let message = format!(
            "Unsupported {method} request. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api"
        );
        Self { kind: "GraphMethodException", ..Self::new(400, 100, message) }
    }

    /// A path that is none of the Graph API's, nor of this server's.
    pub(super) fn not_found(path: &str) -> Self {
        Self { http: StatusCode::NOT_FOUND, ..Self::unknown_path(path) }
    }

    /// A path that leads nowhere.
    pub(super) fn unknown_path(path: &str) -> Self {
        let path: String = path.chars().take(64).collect();
        Self::new(400, 2500, format!("Unknown path components: /{path}"))
    }

    /// `(#100) …`.
    pub(super) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(400, 100, format!("(#100) {}", message.as_ref()))
    }

    /// A parameter that must be there.
    pub(super) fn missing(name: &str) -> Self {
        Self::invalid(format!("The parameter {name} is required."))
    }

    /// Something that is wazapp's to do.
    pub(super) fn not_yours(what: &str) -> Self {
        Self::new(403, 3, "(#3) Application does not have the capability to make this API call.").details(what)
    }

    /// 503, and nothing happened.
    pub(super) fn unavailable(details: impl Into<String>) -> Self {
        Self::new(503, 2, "An unexpected error has occurred. Please retry your request later.")
            .details(details)
            .transient(true)
    }

    /// 408: the body trickles in.
    pub(super) fn too_slow() -> Self {
        Self::new(408, 100, "(#100) The body arrives too slowly: nothing was done. Send it again.")
    }

    /// 429: the organization has as much under way as it may, and this was not begun.
    pub(super) fn too_many() -> Self {
        Self::new(429, 130429, "(#130429) Rate limit hit")
            .details(
                "Your organization has as many calls under way as it may. Nothing was done: repeat this one when some of \
                 them are answered.",
            )
            .transient(true)
    }

    /// The organization has taken all that it may: as Meta says that a rate is reached, or that a file is not taken.
    fn over_quota(exceeded: &Exceeded) -> Self {
        let words = exceeded.words().en;
        match exceeded.quota {
            Quota::MediaBytes => Self::new(507, 131053, "(#131053) Media upload error").details(words),
            _ => Self::new(429, 130429, "(#130429) Rate limit hit").details(words).transient(true),
        }
    }

    /// Meta refuses what we show it; the caller's key is good.
    pub(super) fn access(details: impl Into<String>) -> Self {
        Self::new(403, 131005, "(#131005) Access denied").details(details)
    }

    /// The caller's key is not for this.
    pub(super) fn not_for(act: Act) -> Self {
        let scope = act.scope().map_or("none that a key has", KeyScope::word);
        Self::access(format!("This API key is not for this ({}): it takes the scope `{scope}` of wazapp.", act.word()))
    }

    /// Meta's error about a call that was made for the caller, as it is kept with a message.
    pub(super) fn kept(error: &Trouble) -> Option<Self> {
        let more = More {
            subcode: error.subcode.flatten(),
            details: error.details.clone().flatten(),
            trace: error.fbtrace_id.clone().flatten(),
            ..More::default()
        };
        Some(Self::of_meta(error.http_status.unwrap_or(400), error.code.of_meta()?, &error.message, more))
    }

    fn of_meta(http: u16, code: i64, message: &str, more: More) -> Self {
        if OF_TOKENS.contains(&code) {
            return Self::of_our_token(message);
        }
        Self { more: Box::new(more), ..Self::new(http, code, message) }
    }

    /// Meta's error, as it answered it.
    pub(super) fn relayed(relayed: &Relayed) -> Option<Self> {
        let error = relayed.body.get("error")?;
        let text = |said: &Value| said.as_str().map(str::to_owned);
        let more = More {
            subcode: error["error_subcode"].as_i64(),
            details: text(&error["error_data"]["details"]),
            trace: text(&error["fbtrace_id"]),
            ..More::default()
        };
        let message = error["message"].as_str().unwrap_or_default();
        Some(Self::of_meta(relayed.http, error["code"].as_i64()?, message, more))
    }

    /// What Meta said of our token is no news of the caller's key.
    pub(super) fn of_our_token(message: &str) -> Self {
        Self::access(format!(
            "Meta refuses the access token that wazapp holds for this number ({message}). Nothing was sent. Connect the \
             number again with a good one."
        ))
    }

    /// Whether Meta's error is about the token that we showed.
    pub(super) fn is_of_token(code: i64) -> bool {
        OF_TOKENS.contains(&code)
    }

    /// Its code.
    #[cfg(test)]
    pub(super) fn code(&self) -> i64 {
        self.code
    }

    /// As it is answered.
    pub(super) fn envelope(&self) -> Value {
        let mut error = Map::new();
        error.insert("message".into(), json!(self.message));
        error.insert("type".into(), json!(self.kind));
        error.insert("code".into(), json!(self.code));
        if let Some(details) = &self.more.details {
            error.insert("error_data".into(), json!({ "messaging_product": "whatsapp", "details": details }));
        }
        if let Some(subcode) = self.more.subcode {
            error.insert("error_subcode".into(), json!(subcode));
        }
        if let Some(transient) = self.more.transient {
            error.insert("is_transient".into(), json!(transient));
        }
        if let Some((title, text)) = &self.more.user {
            error.insert("error_user_title".into(), json!(title));
            error.insert("error_user_msg".into(), json!(text));
        }
        let trace = self.more.trace.clone().unwrap_or_else(trace_id);
        error.insert("fbtrace_id".into(), json!(trace));
        json!({ "error": error })
    }
}

/// An id by which an answer can be named.
pub(super) fn trace_id() -> String {
    let mut id = Uuid::now_v7().simple().to_string();
    id.replace_range(..10, "A");
    id
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        json_response(self.http, &self.envelope())
    }
}

/// Of a transaction that ended before COMMIT: nothing happened. What may have happened is a [`model::CommitError`], which
/// becomes no answer by itself. The database's own words may quote rows, so they go nowhere.
impl From<DatabaseError> for GraphError {
    fn from(error: DatabaseError) -> Self {
        if let DatabaseError::OverQuota(exceeded) = &error {
            return Self::over_quota(exceeded);
        }
        if error.is_lasting() || matches!(error, DatabaseError::RolledBack) {
            tracing::warn!("a request failed: {}", error.reason());
            return Self::new(500, 1, "An unknown error has occurred.")
                .details("This is wazapp's mistake; whoever runs this server finds it in its log.");
        }
        tracing::warn!("a request failed: {}", error.reason());
        Self::unavailable("wazapp cannot reach its database. Nothing was sent; the same request may be sent again.")
    }
}

impl From<NoToken> for GraphError {
    fn from(_: NoToken) -> Self {
        Self::access(
            "wazapp has no access token of Meta's for this number that can be opened. Connect the number again.",
        )
    }
}

impl From<MetaError> for GraphError {
    fn from(error: MetaError) -> Self {
        if Self::is_of_token(error.code) {
            return Self::of_our_token(&error.message);
        }
        let kind = match error.kind.as_deref() {
            Some("GraphMethodException") => "GraphMethodException",
            _ => "OAuthException",
        };
        let more = More {
            subcode: error.subcode,
            details: error.details,
            user: error.user_title.zip(error.user_message),
            transient: error.transient.then_some(true),
            trace: error.fbtrace_id,
        };
        Self { kind, more: Box::new(more), ..Self::new(error.http, error.code, error.message) }
    }
}

impl From<Failure> for GraphError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => Self::from(*error),
            Failure::NotSent(NotSent::NoConnection(_)) => {
                Self::unavailable("wazapp cannot reach Meta. Nothing was done; the same request may be sent again.")
            }
            Failure::NotSent(NotSent::Malformed(what)) => {
                Self::invalid(format!("This cannot be put to Meta: {what}."))
            }
            Failure::Unknown(_) => Self::new(500, 1, "An unknown error has occurred.").details(
                "Meta gave wazapp no complete answer, so this may or may not have been done. Look before you repeat it.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::trouble::{Answer, Words};

    use super::*;

    #[test]
    fn an_error_has_metas_envelope() {
        let answer = Answer {
            code: 131026,
            subcode: Some(2494010),
            title: "Message undeliverable".into(),
            message: "(#131026) Message undeliverable".into(),
            details: Some("Not on WhatsApp.".into()),
            kind: None,
            http_status: 400,
            fbtrace_id: Some("Az8or".into()),
        };
        let error = GraphError::kept(&Trouble::answered(answer, Words::new("…", "…")));
        let expected = json!({ "error": {
            "message": "(#131026) Message undeliverable", "type": "OAuthException", "code": 131026,
            "error_data": { "messaging_product": "whatsapp", "details": "Not on WhatsApp." },
            "error_subcode": 2494010, "fbtrace_id": "Az8or",
        }});
        assert_eq!(error.unwrap().envelope(), expected);
        assert_eq!(GraphError::kept(&Trouble::cancelled()), None);
    }

    #[test]
    fn what_meta_says_of_our_token_does_not_blame_the_key() {
        let error = GraphError::kept(&Trouble::new(190, "Session has expired", Words::new("…", "…")));
        let error = error.unwrap();
        assert_eq!((error.http.as_u16(), error.code), (403, 131005));
    }

    #[test]
    fn every_answer_has_a_name() {
        let (one, other) = (trace_id(), trace_id());
        assert!(one.len() == 23 && one != other, "{one} {other}");
    }
}
