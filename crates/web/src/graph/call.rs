//! A call: who makes it, what it names, and what it carries.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::Scope;
use model::database::{Operator, Tenant};
use model::link::{self, By, Link};
use serde_json::{Map, Value};
use whatsapp::graph::Credential;

use super::caller;
use super::error::{GraphError, trace_id};
use super::place::Place;
use crate::key::Admitted;
use crate::serve::{Client, is_too_slow};

/// The longest body that is no file.
const BODY_LIMIT: usize = 64 * 1024;

/// Parameters of a call that are the caller's or ours, never Meta's: tokens, and what would make another call of it.
pub(super) const KEPT_BACK: [&str; 6] = ["access_token", "appsecret_proof", "method", "ids", "batch", "callback"];

/// A request whose key is in force.
pub(super) struct Call {
    pub(super) state: crate::State,
    pub(super) scope: Scope,
    pub(super) place: Place,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    query: Vec<(String, String)>,
    /// Its place among its organization's requests.
    _admitted: Admitted,
}

impl Call {
    /// Of a request, with its body, which is not read yet.
    pub(super) async fn of(
        state: crate::State,
        mut place: Place,
        request: Request,
    ) -> Result<(Self, Body), GraphError> {
        let (parts, body) = request.into_parts();
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let mut query = query.map_err(|_| GraphError::invalid("The query cannot be read: send it URL-encoded."))?.0;
        let client = parts.extensions.get::<Client>();
        let admitted = caller::admitted(&state, client, &parts.headers, &query).await?;
        query.retain(|(name, _)| !is_kept_back(name));
        // Programs escape the question mark in an upload's name, or do not.
        if let Some((upload, sig)) = place.object.clone().split_once("?sig=") {
            place.object = upload.to_owned();
            query.push(("sig".to_owned(), sig.to_owned()));
        }
        let (scope, method, headers) = (admitted.scope, parts.method, parts.headers);
        Ok((Self { state, scope, place, method, headers, query, _admitted: admitted }, body))
    }

    /// Opens a transaction inside the caller's organization.
    pub(super) async fn begin(&self) -> Result<Tenant, GraphError> {
        Ok(self.state.database.tenant(&self.scope).await?)
    }

    async fn operator(&self) -> Result<Operator, GraphError> {
        Ok(self.state.database.operator_for(&self.scope).await?)
    }

    /// The way to Meta through one of the organization's connected numbers.
    pub(super) async fn link(&self, by: By<'_>) -> Result<Option<Link>, GraphError> {
        let tx = self.operator().await?;
        let link = link::find(&tx, &self.scope, by).await?;
        tx.close();
        Ok(link)
    }

    /// The ways to Meta that may open an object which is neither a number nor an account: one for each account, or that
    /// of the number that the query names.
    pub(super) async fn links(&self) -> Result<Vec<Link>, GraphError> {
        let links = match self.text("phone_number_id") {
            Some(id) => self.link(By::PhoneNumberId(id)).await?.into_iter().collect(),
            None => {
                let tx = self.operator().await?;
                let links = link::accounts(&tx, &self.scope).await?;
                tx.close();
                links
            }
        };
        if links.is_empty() { Err(self.no_such_object()) } else { Ok(links) }
    }

    /// Opens a link.
    pub(super) fn credential(&self, link: &Link) -> Result<Credential, GraphError> {
        Ok(Credential::from(link.open(&self.state.keyring, &self.state.apps)?))
    }

    /// The query, as Meta may see it.
    pub(super) fn query(&self) -> Vec<(&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// A parameter of the query.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The media type of the body, in lower case, without its parameters.
    pub(super) fn content_type(&self) -> Option<String> {
        let text = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        Some(text.split(';').next()?.trim().to_ascii_lowercase())
    }

    /// The error of an object that is not there.
    pub(super) fn no_such_object(&self) -> GraphError {
        GraphError::no_such_object(&self.method, &self.place.object)
    }

    /// Where this server answers for the version of this call.
    pub(super) fn base(&self) -> String {
        let public = self.state.public_url.trim_end_matches('/');
        let version = if self.place.version.is_empty() { self.state.graph.version() } else { &self.place.version };
        format!("{public}/{version}")
    }
}

pub(super) fn is_kept_back(name: &str) -> bool {
    KEPT_BACK.contains(&name.to_ascii_lowercase().as_str())
}

/// A whole body that is no file.
pub(super) async fn whole(body: Body) -> Result<Bytes, GraphError> {
    whole_of(body, BODY_LIMIT).await
}

/// A whole body of at most so many bytes.
pub(super) async fn whole_of(body: Body, limit: usize) -> Result<Bytes, GraphError> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(GraphError::new(413, 100, format!("(#100) The body is longer than {limit} bytes.")))
        }
        Err(error) if is_too_slow(&*error) => Err(GraphError::too_slow()),
        Err(_) => Err(GraphError::invalid("The body did not arrive whole.")),
    }
}

/// The members of a JSON object or of a form, whose values may be JSON themselves, as Meta reads both.
pub(super) fn members(content_type: Option<&str>, body: &[u8]) -> Result<Map<String, Value>, GraphError> {
    let mut members = match content_type {
        _ if body.is_empty() => Map::new(),
        Some("application/x-www-form-urlencoded") => {
            form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into())).collect()
        }
        _ => serde_json::from_slice(body)
            .map_err(|_| GraphError::invalid("Error parsing request body: it must be a JSON object."))?,
    };
    members.retain(|name, _| !is_kept_back(name));
    Ok(members)
}

/// An answer in JSON, with the headers that Meta's have.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let trace = body["error"]["fbtrace_id"].as_str().map_or_else(trace_id, str::to_owned);
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache, no-store, must-revalidate"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(trace) = HeaderValue::from_str(&trace) {
        headers.insert("x-fb-trace-id", trace);
    }
    response
}
