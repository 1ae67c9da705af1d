//! Each request has a name, in its answer and in what the log says of it: whoever asks about one can be answered.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderExtractor;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// Where the answer says it.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// What a trace says of a request: the route that it took, a template without what stands in the path, and the answer's status.
/// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>
pub const ROUTE: &str = "http.route";
/// See [`ROUTE`].
pub const STATUS: &str = "http.response.status_code";

/// Names a request. What a client calls it itself counts for nothing: it would stand in the log. Its path stays out too, for some
/// are secrets.
pub(crate) async fn named(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let span = tracing::info_span!("request", id, method = %request.method());
    // Whoever traces the caller too sees one trace (W3C Trace Context). No trace is told unless a collector is set.
    if let Some(parent) = traced(request.headers()) {
        let _ = span.set_parent(parent);
    }
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        span.set_attribute(ROUTE, route.as_str().to_owned());
    }
    let mut answer = next.run(request).instrument(span.clone()).await;
    span.set_attribute(STATUS, i64::from(answer.status().as_u16()));
    answer.headers_mut().insert(HEADER, HeaderValue::from_str(&id).expect("a UUID is ASCII"));
    answer
}

/// The caller's span. What else it keeps of its trace (`tracestate`) are words of its own, which the collector does not hear.
fn traced(headers: &HeaderMap) -> Option<Context> {
    let told = global::get_text_map_propagator(|format| format.extract(&HeaderExtractor(headers)));
    let span = told.span().span_context().clone();
    let bare = SpanContext::new(span.trace_id(), span.span_id(), span.trace_flags(), true, TraceState::NONE);
    bare.is_valid().then(|| told.with_remote_span_context(bare))
}
