//! Batch requests: `POST /` with up to fifty calls in `batch`, each under the rules of a call of its own.
//! <https://developers.facebook.com/docs/graph-api/batch-requests>

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::call::json_response;
use super::caller::{self, PARAMETER, Presented};
use super::error::GraphError;
use super::members::{Members, whole_batch};
use super::place::Place;
use crate::serve::Client;

/// As many calls as Meta takes in one.
const MOST: usize = 50;

/// So many of them are under way at a time.
const AT_ONCE: usize = 10;

/// The longest answer of a call in a batch.
const LONGEST_ANSWER: usize = 4 << 20;

/// Whether the answers have their headers; left out, they have.
const HEADERS: &str = "include_headers";

/// How long the caller waits holds for each of its calls.
const TIMEOUT: HeaderName = HeaderName::from_static("x-wazapp-timeout");

/// By which a repeated batch is known: each call has its own, with its place.
const REPEATABLE: HeaderName = HeaderName::from_static("idempotency-key");

/// What of a call is not taken in a batch.
const NOT_TAKEN: [&str; 2] = ["attached_files", "depends_on"];

/// Answers a batch.
pub(super) async fn post(state: crate::State, version: &str, request: Request) -> Result<Response, GraphError> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let presented = caller::presented(&parts.headers, &query);
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut members = Members::read(content_type, whole_batch(body).await?).await?.all;
    for (name, value) in query {
        members.entry(name).or_insert(value.into());
    }
    let key = match presented {
        Presented::One { key, .. } => key,
        Presented::Unclear => return Err(GraphError::no_token()),
        Presented::None => members.get(PARAMETER).and_then(Value::as_str).ok_or_else(GraphError::no_token)?.into(),
    };
    let client = parts.extensions.get::<Client>().cloned();
    let _admitted = caller::admitted(&state, client.as_ref(), &key).await?;
    let batch = Batch { version, key, headers: parts.headers, client };
    let with_headers = !members.get(HEADERS).is_some_and(is_no);
    let calls = calls(members.shift_remove("batch"))?;
    let calls: Vec<_> = calls.iter().enumerate().map(|(nth, call)| batch.request(nth, call)).collect();
    let answers: Vec<_> = calls.into_iter().map(|call| one(state.clone(), call)).collect();
    let mut answers: Vec<Value> = stream::iter(answers).buffered(AT_ONCE).collect().await;
    if !with_headers {
        answers.iter_mut().filter_map(Value::as_object_mut).for_each(|answer| _ = answer.shift_remove("headers"));
    }
    Ok(json_response(StatusCode::OK, &Value::Array(answers)))
}

/// Whether a parameter says no, in JSON or in a form.
fn is_no(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "0" || text.eq_ignore_ascii_case("false"),
        other => *other == json!(false) || *other == json!(0),
    }
}

/// The calls of a batch, which may be JSON in a text.
fn calls(batch: Option<Value>) -> Result<Vec<Map<String, Value>>, GraphError> {
    let batch = match batch {
        None => return Err(GraphError::missing("batch")),
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::Null),
        Some(batch) => batch,
    };
    let calls: Vec<Map<String, Value>> = serde_json::from_value(batch).map_err(|_| {
        GraphError::invalid("Param batch must be a list of calls: [{\"method\":…,\"relative_url\":…}].")
    })?;
    if calls.is_empty() || calls.len() > MOST {
        let message = format!("(#100) Too many requests in batch message. 1 to {MOST} are taken.");
        return Err(GraphError::new(400, 100, message));
    }
    Ok(calls)
}

/// What the calls of a batch share.
struct Batch<'a> {
    version: &'a str,
    key: SecretString,
    headers: HeaderMap,
    client: Option<Client>,
}

impl Batch<'_> {
    /// A call as if it had come by itself.
    fn request(&self, nth: usize, call: &Map<String, Value>) -> Result<(Place, Request), GraphError> {
        if let Some(name) = NOT_TAKEN.iter().find(|name| call.get(**name).is_some_and(|value| !value.is_null())) {
            return Err(GraphError::invalid(format!(
                "The member {name} is not taken in a batch: make this call by itself."
            )));
        }
        let text = |name: &str| call.get(name).and_then(Value::as_str);
        let method = text("method").unwrap_or("GET").to_ascii_uppercase();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| GraphError::missing("method"))?;
        let url = text("relative_url").ok_or_else(|| GraphError::missing("relative_url"))?;
        let (path, query) = url.trim_start_matches('/').split_once('?').unwrap_or((url.trim_start_matches('/'), ""));
        let place = Place::of(path).or_else(|| Place::of(&format!("{}/{path}", self.version)));
        let mut place = place.ok_or_else(|| GraphError::unknown_path(path))?;
        if place.object.is_empty() {
            return Err(GraphError::unknown_path(path));
        }
        if place.version.is_empty() {
            self.version.clone_into(&mut place.version);
        }
        let body = match call.get("body") {
            Some(Value::String(body)) => body.clone(),
            Some(Value::Object(body)) => Value::from(body.clone()).to_string(),
            _ => String::new(),
        };
        let own_key = |text: &str| form_urlencoded::parse(text.as_bytes()).any(|(name, _)| name == PARAMETER);
        let mut request = Request::builder().method(method).uri(format!("/?{query}"));
        let headers = request.headers_mut().ok_or_else(|| GraphError::unknown_path(path))?;
        if !own_key(query) && !own_key(&body) {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", self.key.expose_secret()));
            headers.insert(AUTHORIZATION, bearer.map_err(|_| GraphError::wrong_token())?);
        }
        if let Some(timeout) = self.headers.get(TIMEOUT) {
            headers.insert(TIMEOUT, timeout.clone());
        }
        let repeatable = self.headers.get(REPEATABLE).and_then(|key| key.to_str().ok());
        if let Some(key) = repeatable.and_then(|key| HeaderValue::from_str(&format!("{key}/{nth}")).ok()) {
            headers.insert(REPEATABLE, key);
        }
        let mut request = request.body(Body::from(body)).map_err(|_| GraphError::unknown_path(path))?;
        if let Some(client) = &self.client {
            request.extensions_mut().insert(client.clone());
        }
        Ok((place, request))
    }
}

fn one(state: crate::State, call: Result<(Place, Request), GraphError>) -> BoxFuture<'static, Value> {
    Box::pin(async move {
        let answer = match call {
            Ok((place, request)) => super::answer(state, place, request).await,
            Err(error) => Err(error),
        };
        shown(answer.unwrap_or_else(IntoResponse::into_response)).await
    })
}

/// A call's answer, as it stands in the answer to the batch.
async fn shown(response: Response) -> Value {
    let (parts, body) = response.into_parts();
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    let whole = if parts.headers.get(CONTENT_TYPE).is_some_and(is_json) {
        Limited::new(body, LONGEST_ANSWER).collect().await.ok().map(|body| body.to_bytes())
    } else {
        None
    };
    let Some(body) = whole else {
        let error = GraphError::invalid("This answer is no JSON, or too long, for a batch: make this call by itself.");
        return json!({ "code": 400, "headers": [], "body": error.envelope().to_string() });
    };
    let headers: Vec<Value> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some(json!({ "name": name.as_str(), "value": value.to_str().ok()? })))
        .collect();
    json!({ "code": parts.status.as_u16(), "headers": headers, "body": String::from_utf8_lossy(&body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_list_of_up_to_fifty_calls() {
        let call = json!({ "method": "GET", "relative_url": "me" });
        assert_eq!(calls(Some(json!([call]))).unwrap().len(), 1);
        assert_eq!(calls(Some(json!([call]).to_string().into())).unwrap().len(), 1, "JSON in a text");
        let many = |count: usize| calls(Some(Value::Array(vec![call.clone(); count])));
        assert!(many(MOST).is_ok() && many(MOST + 1).is_err() && many(0).is_err());
        for wrong in [json!("{"), json!({}), json!([1]), json!(null)] {
            assert!(calls(Some(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_is_said_in_json_and_in_forms() {
        assert!([json!(false), json!(0), json!("false"), json!("False"), json!("0")].iter().all(is_no));
        assert!(![json!(true), json!(1), json!("true"), json!(""), json!(null)].iter().any(is_no));
    }
}
