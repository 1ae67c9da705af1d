//! `/docs`: the API as a readable page, served from this binary alone.

use axum::Router;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::State;

/// The page styles itself in place and draws its icons from `data:`; all else comes from this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and what it loads.
pub(super) fn routes() -> Router<State> {
    // "none": the default asks a server of the page's makers to check our document.
    let config =
        Config::from("/api/v1/openapi.json").validator_url("none").doc_expansion("list").default_models_expand_depth(0);
    let page: Router<State> = SwaggerUi::new("/docs").config(config).into();
    let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    page.route_layer(header(CONTENT_SECURITY_POLICY, POLICY))
        .route_layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .route_layer(header(REFERRER_POLICY, "no-referrer"))
}
