//! Calls that another program makes through us: put as it put them, with our token, and answered as Meta answers, without
//! it.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStream;
use http::{Method, header};
use reqwest::RequestBuilder;
use serde_json::Value;

use super::call::{Body, Call};
use super::{Credential, Failure, Graph};

/// What a relayed call carries.
#[derive(Debug)]
pub struct Content {
    mime_type: String,
    body: reqwest::Body,
    length: Option<u64>,
    offset: Option<u64>,
}

impl Content {
    /// All of it, in memory.
    pub fn bytes(mime_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self { mime_type: mime_type.to_owned(), body: bytes.into().into(), length: None, offset: None }
    }

    /// Piece by piece, `length` bytes in all.
    pub fn stream<S>(mime_type: &str, stream: S, length: u64) -> Self
    where
        S: TryStream + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Bytes: From<S::Ok>,
    {
        let body = reqwest::Body::wrap_stream(stream);
        Self { mime_type: mime_type.to_owned(), body, length: Some(length), offset: None }
    }

    /// A chunk of a resumable upload, which begins at this byte.
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }

    pub(super) fn put(self, mut request: RequestBuilder, patience: Duration) -> RequestBuilder {
        if let Some(length) = self.length {
            request = request.header(header::CONTENT_LENGTH, length).timeout(patience);
        }
        if let Some(offset) = self.offset {
            request = request.header("file_offset", offset);
        }
        request.header(header::CONTENT_TYPE, self.mime_type).body(self.body)
    }
}

/// A complete answer, be it an error. No text in it shows the token or what looks like one.
#[derive(Clone, Debug, PartialEq)]
pub struct Relayed {
    /// Its status.
    pub http: u16,
    /// Meta's JSON.
    pub body: Value,
}

impl Relayed {
    /// Meta's code, where it is an error.
    pub fn code(&self) -> Option<i64> {
        self.body.get("error")?.get("code")?.as_i64()
    }
}

impl Graph {
    /// Makes a call for another program, with a query that holds neither its token nor its proof. `path` as in
    /// [`Graph::call`].
    pub async fn relay(
        &self,
        credential: &Credential,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        content: Option<Content>,
    ) -> Result<Relayed, Failure> {
        let body = content.map_or(Body::Nothing, Body::Content);
        let answer = self.exchange(Call { query, body, ..Call::new(method, path, credential) }).await?;
        let (http, body) = answer.relayed();
        Ok(Relayed { http, body })
    }
}
