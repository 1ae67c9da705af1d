//! Each request has a name, in its answer and in what the log says of it: whoever asks about one can be answered.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

/// Where the answer says it.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request. What a client calls it itself counts for nothing: it would stand in the log. Its path stays out too, for some
/// are secrets.
pub(crate) async fn named(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let span = tracing::info_span!("request", id, method = %request.method());
    let mut answer = next.run(request).instrument(span).await;
    answer.headers_mut().insert(HEADER, HeaderValue::from_str(&id).expect("a UUID is ASCII"));
    answer
}
