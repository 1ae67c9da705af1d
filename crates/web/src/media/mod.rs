//! Bytes of media on their way to a browser that must not be harmed by them.
//!
//! Whoever wrote to an organization chose the bytes, their name and what they claim to be. So they are shown in their place
//! only if the bytes themselves say that they are a picture, a video or a sound; everything else is an attachment of no
//! type, in a sandbox.

mod name;
mod part;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use model::file::{self, File};
use model::store::{Store, StoreError};
use uuid::Uuid;

use crate::problem::Problem;
use part::{Asked, Part};

/// A medium's bytes never change; how long they may lie in a browser's cache after they were deleted here.
const CACHED: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");

const HARMLESS: [(HeaderName, &str); 3] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A file to serve, and how people call it.
#[derive(Debug)]
pub(crate) struct Serving<'a> {
    /// Whose it is.
    pub(crate) organization_id: Uuid,
    /// The file.
    pub(crate) file: &'a File,
    /// As whoever sent it named it.
    pub(crate) filename: Option<&'a str>,
    /// Stands in for a name.
    pub(crate) id: Uuid,
}

/// Answers a `GET` of a file, or of a part of it, or a `HEAD`.
pub(crate) async fn serve(
    store: &Store,
    serving: &Serving<'_>,
    method: &Method,
    asked: &HeaderMap,
) -> Result<Response, Problem> {
    let size = u64::try_from(serving.file.size).unwrap_or(0);
    let etag = format!("\"{}\"", serving.file.sha256);
    let part = match Part::asked(method, asked, &etag, size) {
        Asked::Whole => None,
        Asked::Part(part) => Some(part),
        Asked::Unchanged => return Ok(with_headers(StatusCode::NOT_MODIFIED.into_response(), serving, &etag)),
        Asked::Outside => {
            let mut response = Problem::outside(size).into_response();
            response.headers_mut().insert(CONTENT_RANGE, value(format!("bytes */{size}")));
            return Ok(response);
        }
    };
    let range = part.map_or(0..size, |part| part.first..part.last + 1);
    let length = range.end - range.start;
    let body = match *method == Method::HEAD {
        true => Body::empty(),
        false => {
            let bytes = store.read(serving.organization_id, &serving.file.sha256, range).await;
            Body::from_stream(bytes.map_err(|error| missing(&error, serving))?)
        }
    };
    let mut response = with_headers(body.into_response(), serving, &etag);
    if let Some(part) = part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response.headers_mut().insert(CONTENT_RANGE, value(format!("bytes {}-{}/{size}", part.first, part.last)));
    }
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    Ok(response)
}

fn with_headers(mut response: Response, serving: &Serving<'_>, etag: &str) -> Response {
    let shown = serving.file.mime_type.as_deref().filter(|mime_type| file::is_shown(mime_type));
    let headers = response.headers_mut();
    headers.insert(ETAG, value(etag.to_owned()));
    headers.insert(CACHE_CONTROL, CACHED);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_TYPE, value(shown.unwrap_or("application/octet-stream").to_owned()));
    let name = name::safe(serving.filename, serving.file.mime_type.as_deref(), serving.id);
    headers.insert(CONTENT_DISPOSITION, value(name::disposition(&name, shown.is_some())));
    for (header, says) in HARMLESS {
        headers.insert(header, HeaderValue::from_static(says));
    }
    response
}

/// What we made is made of characters that a header may have.
fn value(text: String) -> HeaderValue {
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

fn missing(error: &StoreError, serving: &Serving<'_>) -> Problem {
    tracing::warn!(%error, media = %serving.id, "a stored file cannot be read");
    match error {
        StoreError::Missing => Problem::internal(),
        _ => Problem::unavailable(
            "wazapp cannot reach its media store. Send the same request again in 5 seconds; if this goes on, whoever \
             runs this server finds the reason in its log.",
            5,
        ),
    }
}
