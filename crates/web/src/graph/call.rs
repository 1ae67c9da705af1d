//! A call: who makes it, what it names, and what it carries.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Method, StatusCode};
use model::Scope;
use model::act::Act;
use model::audit::Actor;
use model::database::{Operator, Tenant};
use model::link::{self, By, Link};
use secrecy::SecretString;
use serde_json::Value;
use whatsapp::graph::Credential;

use super::caller::{self, PARAMETER, Presented};
use super::error::{GraphError, trace_id};
use super::members::{self, BODY_LIMIT, Members, is_kept_back};
use super::place::Place;
use crate::key::Admitted;
use crate::serve::Client;

/// By which a caller says how long it waits for an answer, in seconds.
const TIMEOUT: &str = "x-wazapp-timeout";

/// A request whose key is in force.
pub(super) struct Call {
    pub(super) state: crate::State,
    pub(super) scope: Scope,
    pub(super) place: Place,
    pub(super) method: Method,
    /// Whether the headers alone are wanted; the method is `GET` then.
    pub(super) head_only: bool,
    pub(super) headers: HeaderMap,
    /// How long the caller waits, where it says so.
    pub(super) patience: Option<Duration>,
    /// The caller's key, where it stands in the query: it goes on to the next page.
    pub(super) key_in_query: Option<SecretString>,
    query: Vec<(String, String)>,
    /// What it is.
    pub(super) act: Act,
    /// Who makes it, as the audit names them.
    pub(super) actor: Actor,
    /// Its place among its organization's requests.
    _admitted: Admitted,
}

/// What a call is, as keys are made for it.
fn act_of(place: &Place, method: &Method) -> Act {
    let edge = place.edge.split('/').next().unwrap_or_default();
    match (method, edge) {
        (&Method::GET | &Method::HEAD, _) => Act::Read,
        (_, "messages" | "marketing_messages" | "media" | "uploads" | "block_users") => Act::Send,
        _ if place.object.starts_with("upload:") => Act::Send,
        (_, "message_templates" | "upsert_message_templates" | "unpause") => Act::ManageTemplates,
        _ => Act::ManageNumbers,
    }
}

impl Call {
    /// Of a request, with its body, which is read only where the key is in it.
    pub(super) async fn of(
        state: crate::State,
        mut place: Place,
        request: Request,
    ) -> Result<(Self, Body), GraphError> {
        let (parts, body) = request.into_parts();
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let mut query = query.map_err(|_| GraphError::invalid("The query cannot be read: send it URL-encoded."))?.0;
        let (key, in_query, body) = match caller::presented(&parts.headers, &query) {
            Presented::One { key, in_query } => (key, in_query, body),
            Presented::Unclear => return Err(GraphError::no_token()),
            Presented::None => {
                let (key, body) = key_in_body(&parts.headers, body).await?;
                (key, false, body)
            }
        };
        let client = parts.extensions.get::<Client>();
        let admitted = caller::admitted(&state, client, &key).await?;
        let act = act_of(&place, &parts.method);
        if !admitted.may(act) {
            return Err(GraphError::not_for(act));
        }
        query.retain(|(name, _)| !is_kept_back(name));
        // Programs escape the question mark in an upload's name, or do not.
        if let Some((upload, sig)) = place.object.clone().split_once("?sig=") {
            place.object = upload.to_owned();
            query.push(("sig".to_owned(), sig.to_owned()));
        }
        let patience = patience(&parts.headers)?;
        let head_only = parts.method == Method::HEAD;
        let call = Self {
            state,
            scope: admitted.scope,
            place,
            method: if head_only { Method::GET } else { parts.method },
            head_only,
            headers: parts.headers,
            patience,
            key_in_query: in_query.then_some(key),
            query,
            act,
            actor: admitted.who.actor(client),
            _admitted: admitted,
        };
        Ok((call, body))
    }

    /// Opens a transaction inside the caller's organization.
    pub(super) async fn begin(&self) -> Result<Tenant, GraphError> {
        Ok(self.state.database.tenant(&self.scope).await?)
    }

    /// Opens a transaction as the server, of the organization's share.
    pub(super) async fn operator(&self) -> Result<Operator, GraphError> {
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

    /// A parameter of the query takes another value, or this one.
    pub(super) fn set(&mut self, name: &str, value: String) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value));
    }

    /// What the body carries, as far as it is the call's.
    pub(super) async fn members(&self, body: Body) -> Result<Members, GraphError> {
        let bytes = members::whole(body, members::limit(&self.place.edge)).await?;
        Ok(Members::read(content_type(&self.headers), bytes).await?.without_kept_back())
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

/// The key in a body, and the body. What is longer than a body without a file carries its key elsewhere.
async fn key_in_body(headers: &HeaderMap, body: Body) -> Result<(SecretString, Body), GraphError> {
    let bytes = members::whole(body, BODY_LIMIT).await.map_err(|_| GraphError::no_token())?;
    let members = Members::read(content_type(headers), bytes.clone()).await.map_err(|_| GraphError::no_token())?;
    let key = members.all.get(PARAMETER).and_then(Value::as_str).filter(|key| !key.is_empty());
    Ok((SecretString::from(key.ok_or_else(GraphError::no_token)?), Body::from(bytes)))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn patience(headers: &HeaderMap) -> Result<Option<Duration>, GraphError> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let seconds = value.to_str().ok().and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| (1.0..=3600.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        GraphError::invalid(
            "The header X-Wazapp-Timeout must be the seconds that you wait for an answer, from 1 to 3600.",
        )
    })?;
    Ok(Some(Duration::from_secs_f64(seconds)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_says_how_long_it_waits() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT, text.parse().unwrap());
            patience(&headers)
        };
        assert_eq!(of("5"), Ok(Some(Duration::from_secs(5))));
        assert_eq!(of("2.5"), Ok(Some(Duration::from_millis(2500))));
        for wrong in ["", "0", "-1", "soon", "NaN", "inf", "5s", "1e9"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(patience(&HeaderMap::new()), Ok(None));
    }
}
