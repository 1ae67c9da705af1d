//! The API of this process.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tower::ServiceExt;

use super::api::{Answer, Api, Ask, BASE, LONGEST_ANSWER, MCP, Me, NoAnswer, VIA};
use crate::problem::Problem;
use crate::serve::Client;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Asks the API's own router as the caller would: with their key, from where they are, and with nothing else that they sent.
#[derive(Clone, Debug)]
pub(super) struct Inside(Arc<Caller>);

#[derive(Debug)]
struct Caller {
    api: Router,
    key: SecretString,
    client: Option<Client>,
}

impl Inside {
    pub(super) fn new(api: Router, key: SecretString, client: Option<Client>) -> Self {
        Self(Arc::new(Caller { api, key, client }))
    }

    /// What the key may; else the API's own answer.
    pub(super) async fn me(&self) -> Result<Me, Box<Response>> {
        let answer = match self.send(&Ask::get("/me")).await {
            Ok(answer) if answer.status() == StatusCode::OK => self.read(answer).await,
            Ok(refusal) => return Err(Box::new(refusal)),
            Err(none) => Err(none),
        };
        answer.map(|answer| Me::read(&answer.body)).map_err(|NoAnswer(why)| {
            tracing::error!(%why, "who a key stands for cannot be read");
            Box::new(Problem::internal().into_response())
        })
    }

    async fn send(&self, ask: &Ask) -> Result<Response, NoAnswer> {
        let request = self.request(ask).ok_or_else(|| NoAnswer("the request cannot be written".into()))?;
        Ok(self.0.api.clone().oneshot(request).await.unwrap_or_else(|never| match never {}))
    }

    fn request(&self, ask: &Ask) -> Option<Request> {
        let mut headers = HeaderMap::new();
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", self.0.key.expose_secret())).ok()?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(VIA, HeaderValue::from_static(MCP));
        if let Some(key) = &ask.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::try_from(key).ok()?);
        }
        let body = match &ask.body {
            Some(body) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let uri = format!("{BASE}{}", ask.path);
        let mut request = Request::builder().method(&ask.method).uri(uri).body(body).ok()?;
        *request.headers_mut() = headers;
        if let Some(client) = &self.0.client {
            request.extensions_mut().insert(client.clone());
        }
        Some(request)
    }

    async fn read(&self, answer: Response) -> Result<Answer, NoAnswer> {
        let (parts, body) = answer.into_parts();
        let location = parts.headers.get(LOCATION).and_then(|location| location.to_str().ok()).map(str::to_owned);
        let body = to_bytes(body, LONGEST_ANSWER).await.map_err(|error| NoAnswer(error.to_string()))?;
        Ok(Answer::new(parts.status, location, &body))
    }
}

impl Api for Inside {
    async fn ask(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        let answer = self.send(ask).await?;
        self.read(answer).await
    }

    fn key(&self) -> &SecretString {
        &self.0.key
    }
}
