//! The named fields of a query or of a JSON object, read so that a refusal names the field: the [`Query`] and [`Body`]
//! extractors.

mod members;
mod object;
mod refusal;
#[cfg(test)]
mod tests;
mod value;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use hyper::body::Body as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use members::{ManyMembers, Members};
pub(super) use value::{Flag, MetaId, Pin, Secret, Text, Time, given};

use crate::problem::Problem;
use object::read;

/// What the query says. A parameter that `T` does not know, or that is given twice, is refused.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

/// Takes no query parameter at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::malformed("The query cannot be read. Send it URL-encoded."))?;
        let fields = pairs.0.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        read(fields).map(Self).map_err(|refusal| refusal.of("query parameter"))
    }
}

/// What the JSON body says. A field that `T` does not know, or that is given twice, is refused.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let members = Members::from_request(request, state).await?;
        read(members.0).map(Self).map_err(|refusal| refusal.of("field"))
    }
}

/// The same for a body that may be left out: none at all says nothing, whatever its headers.
#[derive(Debug)]
pub(super) struct PerhapsBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for PerhapsBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return read(Vec::new()).map(Self).map_err(|refusal| refusal.of("field"));
        }
        Body::from_request(request, state).await.map(|Body(read)| Self(read))
    }
}
