//! What went wrong, in people's words: RFC 9457 problems that say what happened, whose move it is, and what to do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use model::connection::Connection;
use model::event::LogBegins;
use model::outbox::Template;
use model::quota::{Exceeded, Quota};
use model::{CommitError, DatabaseError};
use serde::Serialize;

/// A kind of problem: programs tell problems apart by its name.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of the problem's `type`.
    pub name: &'static str,
    /// The HTTP status it is answered with.
    pub status: StatusCode,
    /// A few words, the same for every problem of this kind.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($kind:ident = $status:ident, $name:literal, $title:literal;)+) => {
        $(const $kind: Kind = Kind { name: $name, status: StatusCode::$status, title: $title };)+
        /// All kinds of problem, in the order of their HTTP status.
        pub const KINDS: &[Kind] = &[$($kind),+];
    };
}

kinds! {
    MOVED = MOVED_PERMANENTLY, "moved", "It goes on under another id";
    MALFORMED = BAD_REQUEST, "malformed", "The request cannot be read";
    UNAUTHORIZED = UNAUTHORIZED, "unauthorized", "An API key is needed";
    FORBIDDEN = FORBIDDEN, "forbidden", "This is not your organization's to do";
    NOT_FOUND = NOT_FOUND, "not-found", "There is no such thing here";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "This path does not take this method";
    TOO_SLOW = REQUEST_TIMEOUT, "too-slow", "The body does not arrive";
    CONFLICT = CONFLICT, "conflict", "It does not go with what is there already";
    GONE = GONE, "gone", "It was here, or was to come, and cannot be had any more";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    NOT_JSON = UNSUPPORTED_MEDIA_TYPE, "not-json", "The body must be JSON";
    NOT_MULTIPART = UNSUPPORTED_MEDIA_TYPE, "not-multipart", "The body must be a form";
    WRONG_FILE = UNSUPPORTED_MEDIA_TYPE, "wrong-file", "This file is not taken";
    OUTSIDE = RANGE_NOT_SATISFIABLE, "range", "The part that is asked for is not there";
    INVALID = UNPROCESSABLE_ENTITY, "invalid", "A value is not accepted";
    REFUSED = UNPROCESSABLE_ENTITY, "refused", "Meta refused it";
    WINDOW_CLOSED = UNPROCESSABLE_ENTITY, "window-closed", "The service window is closed";
    NUMBER_REFUSED = UNPROCESSABLE_ENTITY, "number-refused", "The number could not be connected";
    TOO_MANY = TOO_MANY_REQUESTS, "too-many-requests", "Too much is under way";
    OVER_QUOTA = TOO_MANY_REQUESTS, "over-quota", "Your organization has taken all that it may";
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "wazapp failed";
    UNKNOWN = INTERNAL_SERVER_ERROR, "unknown", "It may have been done";
    UNAVAILABLE = SERVICE_UNAVAILABLE, "unavailable", "wazapp cannot answer now";
    NO_ROOM = INSUFFICIENT_STORAGE, "no-room", "There is no room for it";
}

/// An answer that says what went wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: Box<str>,
    retry_after: Option<u16>,
    more: Option<Box<More>>,
}

/// What else a kind of problem says.
#[derive(Debug, PartialEq, Eq)]
enum More {
    Errors(Vec<Mistake>),
    Templates(Vec<Template>),
    Connection(Box<serde_json::Value>),
    Location(String),
    Log(LogBegins),
}

/// One thing to put right in a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Mistake {
    /// The path of the member, such as `interactive.action.buttons[1].reply.title`.
    pub field: String,
    /// Which rule it breaks, for programs.
    pub rule: &'static str,
    /// What to do; in Spanish where `Accept-Language` asks for it.
    pub text: String,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Details {
    /// Names the kind of problem, for programs.
    #[schema(format = "uri-reference", example = "/docs#not-found")]
    r#type: String,
    /// The kind of problem, in a few words.
    #[schema(example = "There is no such thing here")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub(crate) status: u16,
    /// What happened, whose move it is, and what to do.
    detail: String,
    /// All that is to be put right, where a message cannot be sent as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Mistake>>,
    /// Approved templates that can be sent instead, where the service window is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    templates: Option<Vec<Template>>,
    /// The attempt that stopped, where a number could not be connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Connection>)]
    connection: Option<Box<serde_json::Value>>,
    /// Where the event log begins, where the events that were asked for have gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<i64>,
    /// Where it ends then.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into().into_boxed_str();
        Self { kind, detail, retry_after: None, more: None }
    }

    fn with(self, more: More) -> Self {
        Self { more: Some(Box::new(more)), ..self }
    }

    /// 301, or 308 where the method must stay: the thing goes on under another id.
    pub fn moved(location: &str, method: &Method) -> Self {
        let mut problem = Self::new(
            MOVED,
            "It was merged into another one: what you know it by leads there from now on. Follow `Location`, and keep the \
             id that you find there.",
        );
        if method != Method::GET && method != Method::HEAD {
            problem.kind.status = StatusCode::PERMANENT_REDIRECT;
        }
        problem.with(More::Location(location.into()))
    }

    /// 400: the request is not written as it should be.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(MALFORMED, detail)
    }

    /// 401: who asks is not known.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(UNAUTHORIZED, detail)
    }

    /// 403: who asks is known, and it is for somebody else to do.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(FORBIDDEN, detail)
    }

    /// 404: there is no such thing, or it is someone else's, which is the same.
    pub fn not_there(what: &str) -> Self {
        Self::new(
            NOT_FOUND,
            format!(
                "Your organization has no {what} with this id. Check the id, and that the API key is of the right organization."
            ),
        )
    }

    /// 404: the thing is there, but has no such side.
    pub fn nothing_like_it(detail: impl Into<String>) -> Self {
        Self::new(NOT_FOUND, detail)
    }

    /// 404: nothing answers at this path.
    pub fn no_such_path(path: &str) -> Self {
        Self::new(
            NOT_FOUND,
            format!(
                "Nothing answers at {path}. /docs lists every path; check the spelling and leave out a slash at the end."
            ),
        )
    }

    /// 405: the path is there, but not for this method.
    pub fn no_such_method(method: &Method, path: &str) -> Self {
        Self::new(
            METHOD_NOT_ALLOWED,
            format!(
                "{path} does not take {method}. The `Allow` header lists what it takes; /docs says what each does."
            ),
        )
    }

    /// 408: the body trickles in, or stopped.
    pub fn too_slow() -> Self {
        Self::new(TOO_SLOW, "The body arrives too slowly to be waited for. Nothing was done: send it again.")
    }

    /// 429: the caller has too much under way.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(TOO_MANY, detail) }
    }

    /// 409: a thing is no longer, or not, in the state that this needs.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(CONFLICT, detail)
    }

    /// 410: it cannot be had, and asking again does not help.
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(GONE, detail)
    }

    /// 410: events that were asked for have gone, or never were in this log.
    pub fn log_begins_later(begins: LogBegins, detail: impl Into<String>) -> Self {
        Self::new(GONE, detail).with(More::Log(begins))
    }

    /// 416: a range behind the end.
    pub fn outside(size: u64) -> Self {
        Self::new(
            OUTSIDE,
            format!(
                "The file has {size} bytes, and `Range` asks for others. Ask for a part that begins before its end."
            ),
        )
    }

    /// 413: the body is longer than we read.
    pub fn too_large(limit: usize) -> Self {
        Self::new(TOO_LARGE, format!("The body is longer than {limit} bytes. Send a shorter one."))
    }

    /// 415: the body is not declared as JSON.
    pub fn not_json() -> Self {
        Self::new(
            NOT_JSON,
            "The body is not declared as JSON. Send JSON with the header `Content-Type: application/json`.",
        )
    }

    /// 413: the file is longer than WhatsApp takes.
    pub fn file_too_large(detail: impl Into<String>) -> Self {
        Self::new(TOO_LARGE, detail)
    }

    /// 415: the body is not declared as a form.
    pub fn not_multipart(detail: impl Into<String>) -> Self {
        Self::new(NOT_MULTIPART, detail)
    }

    /// 415: a file of a type that WhatsApp does not take, or that is not what it is said to be.
    pub fn wrong_file(detail: impl Into<String>) -> Self {
        Self::new(WRONG_FILE, detail)
    }

    /// 422: well written, but not a value we take.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(INVALID, detail)
    }

    /// 422: a message that cannot be sent as it is, with all that is to be put right.
    pub fn mistakes(errors: Vec<Mistake>) -> Self {
        let texts: Vec<&str> = errors.iter().map(|error| error.text.as_str()).collect();
        Self::new(INVALID, texts.join(" ")).with(More::Errors(errors))
    }

    /// 422: Meta said no, in its words.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(REFUSED, detail)
    }

    /// 422: only a template may be sent now.
    pub fn window_closed(detail: impl Into<String>, templates: Vec<Template>) -> Self {
        Self::new(WINDOW_CLOSED, detail).with(More::Templates(templates))
    }

    /// 422: a number could not be connected; the attempt can be resumed.
    pub fn number_refused(detail: impl Into<String>, connection: &Connection) -> Self {
        let connection = serde_json::to_value(connection).expect("our own shapes are JSON");
        Self::new(NUMBER_REFUSED, detail).with(More::Connection(Box::new(connection)))
    }

    /// 429, or 507 where waiting makes no room: the organization has taken all that it may, and nothing more was taken.
    pub fn over_quota(exceeded: &Exceeded, detail: impl Into<String>) -> Self {
        let kind = if exceeded.quota == Quota::MediaBytes { NO_ROOM } else { OVER_QUOTA };
        let wait = match exceeded.quota {
            Quota::MediaBytes => None,
            _ => Some(exceeded.until.unwrap_or(SignedDuration::from_mins(1)).as_secs().max(1)),
        };
        Self { retry_after: wait.map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX)), ..Self::new(kind, detail) }
    }

    /// 500: our mistake.
    pub fn internal() -> Self {
        Self::new(
            INTERNAL,
            "This is wazapp's mistake, not yours. Whoever runs this server finds it in its log; sending the same request again may do no better.",
        )
    }

    /// 500: it may have been done, and a repeat might do it twice.
    pub fn unknown(detail: impl Into<String>) -> Self {
        Self::new(UNKNOWN, detail)
    }

    /// Of a COMMIT that went wrong, where the same request once more ends as one does.
    pub(crate) fn repeatable(error: CommitError) -> Self {
        match error {
            CommitError::NotDone(error) => error.into(),
            CommitError::InDoubt(_) => Self::unavailable(
                "wazapp lost its database at the last moment, so this may have been done or not. Send the same request \
                 again in 5 seconds: done twice it ends the same.",
                5,
            ),
        }
    }

    /// 503: not now.
    pub fn unavailable(detail: impl Into<String>, retry_after: u16) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(UNAVAILABLE, detail) }
    }

    /// Its kind.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What happened, whose move it is, and what to do.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Of a transaction that ended before COMMIT: nothing happened. What may have happened is a [`CommitError`], which becomes
/// no answer by itself. The database's own words may quote rows, so they go neither to the client nor to the log.
impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        if let DatabaseError::OverQuota(exceeded) = &error {
            return Self::over_quota(exceeded, exceeded.words().en);
        }
        let code = match &error {
            DatabaseError::Refused(refusal) => refusal.code().map(|code| code.code()),
            _ => None,
        };
        if error.is_of_former_schema() {
            tracing::info!(code, "a newer version brought the schema up to date: what was prepared is prepared anew");
            return Self::unavailable(
                "A newer version of wazapp is bringing the database up to date, and this request changed nothing. Send it again in a second.",
                1,
            );
        }
        if error.is_transient() {
            tracing::warn!(code, "a transaction lost against another one");
            return Self::unavailable(
                "Another request changed the same thing at the same moment, and this one changed nothing. Send it again in a second.",
                1,
            );
        }
        if let DatabaseError::UnknownWord { column, word } = &error {
            tracing::error!(column, word, "a stored word is not known: another version of wazapp wrote it");
            return Self::internal();
        }
        if let DatabaseError::UnknownShape { column, .. } = &error {
            tracing::error!(column, "what is stored cannot be read: another version of wazapp wrote it");
            return Self::internal();
        }
        if error.is_lasting() || matches!(error, DatabaseError::RolledBack) {
            tracing::warn!(code, "a request failed: {}", error.reason());
            return Self::internal();
        }
        tracing::warn!(code, "a request failed: {}", error.reason());
        Self::unavailable(
            "wazapp cannot reach its database, and nothing was done. Send the same request again in 5 seconds, it is safe to \
             repeat; if this goes on, whoever runs this server finds the reason at /readyz.",
            5,
        )
    }
}

impl Problem {
    /// As it is sent.
    pub(crate) fn into_details(self) -> Details {
        let mut details = Details {
            r#type: format!("/docs#{}", self.kind.name),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.detail.into(),
            errors: None,
            templates: None,
            connection: None,
            oldest: None,
            newest: None,
        };
        match self.more.map(|more| *more) {
            Some(More::Errors(errors)) => details.errors = Some(errors),
            Some(More::Templates(templates)) => details.templates = Some(templates),
            Some(More::Connection(connection)) => details.connection = Some(connection),
            Some(More::Log(LogBegins { oldest, newest })) => {
                (details.oldest, details.newest) = (Some(oldest), Some(newest));
            }
            Some(More::Location(_)) | None => {}
        }
        details
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let location = match self.more.take_if(|more| matches!(**more, More::Location(_))).map(|more| *more) {
            Some(More::Location(path)) => HeaderValue::from_str(&path).ok(),
            _ => None,
        };
        let (status, is_unauthorized, retry_after) = (self.kind.status, self.kind == UNAUTHORIZED, self.retry_after);
        let mut response = (status, Json(self.into_details())).into_response();
        let headers = response.headers_mut();
        if let Some(location) = location {
            headers.insert(LOCATION, location);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if is_unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn sent(problem: Problem) -> (http::response::Parts, serde_json::Value) {
        let (parts, body) = problem.into_response().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_problem_is_problem_json() {
        let (parts, body) = sent(Problem::not_there("message")).await;
        assert_eq!(parts.status, 404);
        assert_eq!(parts.headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs#not-found",
                "title": "There is no such thing here",
                "status": 404,
                "detail": "Your organization has no message with this id. Check the id, and that the API key is of the right organization.",
            })
        );
    }

    #[tokio::test]
    async fn who_is_not_known_is_told_how_to_say_it() {
        let (parts, _) = sent(Problem::unauthorized("…")).await;
        assert_eq!(parts.status, 401);
        assert_eq!(parts.headers[WWW_AUTHENTICATE], "Bearer");
    }

    #[tokio::test]
    async fn an_absent_database_is_503_and_says_nothing_of_itself() {
        let error = DatabaseError::Unreachable("host=secret.internal refused".into());
        let (parts, body) = sent(error.into()).await;
        assert_eq!(parts.status, 503);
        assert_eq!(parts.headers[RETRY_AFTER], "5");
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn a_database_that_is_there_and_fails_is_500_and_says_nothing_of_itself() {
        let unknown = DatabaseError::UnknownWord { column: "event.type", word: "secret".into() };
        for error in [DatabaseError::RolledBack, DatabaseError::Unfit("relation secret".into()), unknown] {
            let (parts, body) = sent(error.into()).await;
            assert_eq!(parts.status, 500);
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
    }
}
