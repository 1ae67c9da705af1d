//! What every page says to the browser about itself.

use http::HeaderMap;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use tower_http::set_header::SetResponseHeaderLayer;

/// Nothing but this server's own; the one style that stands in a page is Turbo's progress bar, by its hash.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' \
     'sha256-WAyOw4V+FqDc35lQPyRADLBWbuNK8ahvYEaQIYF1+Ps='; img-src 'self' blob:; media-src 'self' blob:; \
     connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// A page whose address is a secret tells it to nobody.
pub(crate) const UNTOLD: (HeaderName, HeaderValue) = (REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

/// Each where the answer does not say otherwise itself.
pub(super) fn all() -> [SetResponseHeaderLayer<HeaderValue>; 5] {
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
    ]
    .map(|(name, value)| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
}

/// Whether whoever asks names this media type among what they take.
/// <https://www.rfc-editor.org/rfc/rfc9110#name-accept>
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|range| range.trim().starts_with(media_type))
}
