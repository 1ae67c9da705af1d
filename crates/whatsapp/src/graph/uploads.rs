//! Resumable uploads: samples for the headers of templates. See Meta's page "Resumable Upload API".

use bytes::Bytes;
use futures::TryStream;
use http::Method;

use super::call::{Body, Call, digits};
use super::{Content, Credential, Failure, Graph};
use crate::json::Read;

/// What a file travels as; what it is was said when the upload began.
const OCTETS: &str = "application/octet-stream";

/// A file on its way to Meta as a sample.
#[derive(Debug)]
pub struct Sample {
    mime_type: String,
    file_name: String,
    content: Content,
    length: u64,
}

impl Sample {
    /// A file in memory.
    pub fn bytes(mime_type: &str, file_name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        let content = Content::bytes(OCTETS, bytes).at(0);
        Self { mime_type: mime_type.to_owned(), file_name: file_name.to_owned(), content, length }
    }

    /// A file that comes piece by piece, `length` bytes in all.
    pub fn stream<S>(mime_type: &str, file_name: &str, stream: S, length: u64) -> Self
    where
        S: TryStream + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Bytes: From<S::Ok>,
    {
        let content = Content::stream(OCTETS, stream, length).at(0);
        Self { mime_type: mime_type.to_owned(), file_name: file_name.to_owned(), content, length }
    }
}

impl Graph {
    /// Uploads a sample for a template's header; answers the handle that names it in `example.header_handle`. The App is
    /// the one that the token belongs to.
    pub async fn upload_sample(
        &self,
        credential: &Credential,
        app_id: &str,
        sample: Sample,
    ) -> Result<String, Failure> {
        let Sample { mime_type, file_name, content, length } = sample;
        let path = [digits(app_id)?, "uploads"];
        let length_text = length.to_string();
        let query = [("file_name", file_name.as_str()), ("file_length", &length_text), ("file_type", &mime_type)];
        let call = Call { query: &query, ..Call::new(Method::POST, &path, credential) };
        let session = self.bring(call, |answer| answer.text("id"), "it names no upload").await?;
        // `upload:…?sig=…`: a word of a path, and the query that proves it.
        let (session, signature) = session.split_once('?').unwrap_or((&session, ""));
        let query: Vec<(String, String)> = form_urlencoded::parse(signature.as_bytes()).into_owned().collect();
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = [session];
        let call = Call { query: &query, body: Body::Content(content), ..Call::new(Method::POST, &path, credential) };
        self.bring(call, |answer| answer.text("h"), "it has no handle").await
    }
}
