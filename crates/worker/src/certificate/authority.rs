//! Calls to an authority: bounded, whatever it answers, and led nowhere else.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use jiff::{SignedDuration, Timestamp};

use crate::outside;

/// An answer comes within this, whole.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// No answer is longer: a chain of certificates has some ten thousand bytes.
const LONGEST: usize = 256 << 10;

/// Certificates by which an authority proves itself.
#[derive(Clone, Debug)]
pub struct Roots(Vec<reqwest::Certificate>);

/// They cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
pub struct RootsError;

impl Roots {
    /// From PEM, one or several.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsError> {
        let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| RootsError)?;
        // What is PEM and no certificate is seen by whoever takes it up.
        let taken = outside::http().tls_certs_only(roots.clone()).build();
        match roots.is_empty() || taken.is_err() {
            true => Err(RootsError),
            false => Ok(Self(roots)),
        }
    }
}

/// Until when an authority asked to be left alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Arc<Mutex<Option<HeaderValue>>>);

impl Rest {
    fn hear(&self, said: HeaderValue) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
    }

    /// What it last asked for; this moment, if nothing.
    pub(super) fn asked(&self, now: Timestamp) -> Timestamp {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        said.and_then(|said| until(said.to_str().ok()?.trim(), now)).unwrap_or(now)
    }
}

/// Seconds, or a date. <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
fn until(text: &str, now: Timestamp) -> Option<Timestamp> {
    match text.parse() {
        Ok(seconds) => now.checked_add(SignedDuration::from_secs(seconds)).ok(),
        Err(_) => httpdate::parse_http_date(text).ok().and_then(|at| Timestamp::try_from(at).ok()),
    }
}

/// Why a call brought nothing that could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody, or somebody who is broken.
    #[error("{0}")]
    Away(String),
    /// It does not speak the protocol.
    #[error("{0}")]
    Stranger(&'static str),
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Other(Box::new(error))
    }
}

/// An HTTP client for one attempt.
pub(super) struct Authority {
    client: reqwest::Client,
    rest: Rest,
    /// Whether it may be called without HTTPS: as its directory is.
    plain: bool,
}

impl Authority {
    pub(super) fn new(directory: &str, roots: Option<&Roots>, rest: Rest) -> Result<Self, Error> {
        let http = outside::http()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN);
        let http = match roots {
            Some(Roots(roots)) => http.tls_certs_only(roots.clone()),
            None => http,
        };
        let client = http.build().map_err(|error| CallError::Away(words(&error)))?;
        Ok(Self { client, rest, plain: !directory.starts_with("https://") })
    }
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (client, rest, plain) = (self.client.clone(), self.rest.clone(), self.plain);
        Box::pin(async move { Ok(BytesResponse::from(call(&client, request, &rest, plain).await?)) })
    }
}

async fn call(
    client: &reqwest::Client,
    request: Request<BodyWrapper<Bytes>>,
    rest: &Rest,
    plain: bool,
) -> Result<Response<http_body_util::Full<Bytes>>, CallError> {
    let (parts, body) = request.into_parts();
    if parts.uri.scheme_str() != Some("https") && !plain {
        return Err(CallError::Stranger("it leads to an address without HTTPS"));
    }
    let body = body.collect().await.map_or_else(|never| match never {}, |body| body.to_bytes());
    let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let mut answer = request.send().await.map_err(|error| CallError::Away(words(&error)))?;
    let status = answer.status();
    if let Some(said) =
        answer.headers().get(RETRY_AFTER).filter(|_| status.is_client_error() || status.is_server_error())
    {
        rest.hear(said.clone());
    }
    if status.is_redirection() {
        return Err(CallError::Stranger("it answers with a redirect"));
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| CallError::Away(words(&error)))? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(CallError::Stranger("its answer has no end"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
    if !is_json && status.is_server_error() {
        return Err(CallError::Away(format!("it answers {status}")));
    }
    if !is_json && status.is_client_error() {
        return Err(CallError::Stranger("it answers an error that is no JSON"));
    }
    let mut read = Response::new(http_body_util::Full::new(bytes.freeze()));
    *read.status_mut() = status;
    *read.headers_mut() = answer.headers().clone();
    Ok(read)
}

/// What went wrong, to its root.
fn words(error: &reqwest::Error) -> String {
    let mut root: &dyn std::error::Error = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    match error.is_timeout() {
        true => "it does not answer in time".to_owned(),
        false => root.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        let rest = Rest::default();
        assert_eq!(rest.asked(now), now);
        for (said, until) in [
            ("90", "2026-11-29T12:01:30Z"),
            ("Sun, 29 Nov 2026 13:00:00 GMT", "2026-11-29T13:00:00Z"),
            ("soon", "2026-11-29T12:00:00Z"),
            ("99999999999999999", "2026-11-29T12:00:00Z"),
        ] {
            rest.hear(HeaderValue::from_static(said));
            assert_eq!(rest.asked(now).to_string(), until, "{said}");
        }
    }

    #[test]
    fn what_holds_no_certificate_is_refused() {
        for pem in ["", "none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Roots::from_pem(pem.as_bytes()).is_err(), "{pem}");
        }
        let made = rcgen::generate_simple_self_signed(["ca.example.org".to_owned()]).expect("a certificate");
        assert!(Roots::from_pem(made.cert.pem().as_bytes()).is_ok());
    }
}
