//! `/mcp`, the Model Context Protocol: what an assistant may do with an organization's conversations.
//!
//! Every tool is a request to API v1 with the caller's key ([`Api`]), so that rights, limits, quotas and audit are the API's
//! own. Here it is asked within the process (`inside`); `wazapp mcp` asks a server that runs elsewhere.
//!
//! No request knows of another: what is to be remembered between two calls goes along with them (`confirmation`), and any
//! node answers any of them.

mod agreement;
mod api;
mod confirmation;
mod handler;
mod inside;
mod marked;
mod tools;

#[cfg(test)]
mod tests;

pub use api::{Answer, Api, Ask, BASE, LONGEST_ANSWER, MCP, Me, NoAnswer, VIA, Wrong};
pub use handler::Tools;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HeaderValue};
use http::{StatusCode, Uri};
use model::Clock;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::api::{keyless, presented};
use crate::problem::Problem;
use crate::serve::Client;
use inside::Inside;

/// The longest body that is read, as of the API.
const BODY_LIMIT: usize = 64 << 10;

/// By which a server on somebody's own machine is called.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What every request needs.
#[derive(Clone, Debug)]
struct Door {
    api: Router,
    clock: Clock,
    config: StreamableHttpServerConfig,
}

/// The route, in front of the API that it asks.
pub(crate) fn routes(state: &crate::State, api: Router) -> Router {
    let door = Door { api, clock: state.clock.clone(), config: config(&state.public_url) };
    let no_store = SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Router::new().route("/mcp", any(answer)).layer(no_store).with_state(door)
}

/// Without sessions: what one node began, another one goes on with. A page of another site gets nowhere, by whatever name it
/// has a browser call this server.
fn config(public_url: &str) -> StreamableHttpServerConfig {
    let public = public_url.parse::<Uri>().ok();
    let host = public.as_ref().and_then(Uri::host).map(str::to_owned);
    let origin = public.as_ref().and_then(|url| {
        let scheme = url.scheme_str()?;
        let port = url.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some(format!("{scheme}://{}:{port}", url.host()?))
    });
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_LIMIT)
        .with_allowed_hosts(LOOPBACK.map(str::to_owned).into_iter().chain(host))
        .with_allowed_origins(origin)
        .enforce_origin_validation()
}

/// The key is asked for first, as the API asks for it: a bad one is answered in the API's words, and what it may decides what
/// is offered. Cookies are nobody's here.
async fn answer(State(door): State<Door>, mut request: Request) -> Response {
    let Some(key) = presented(request.headers()) else {
        return keyless().into_response();
    };
    // The library carries a request's headers along, and needs no secret for it.
    for secret in [AUTHORIZATION, COOKIE] {
        request.headers_mut().remove(secret);
    }
    let inside = Inside::new(door.api, key, request.extensions().get::<Client>().cloned());
    let me = match inside.me().await {
        Ok(me) => me,
        Err(refusal) => return *refusal,
    };
    let clock = door.clock;
    let offered = move || Ok(Tools::known(inside.clone(), clock.clone(), me.clone()));
    let service = StreamableHttpService::new(offered, Arc::new(NeverSessionManager::default()), door.config);
    let answer = service.handle(request).await;
    match answer.status() {
        StatusCode::FORBIDDEN => Problem::forbidden(
            "This request calls the server by a name that is not its own (`Host`), or comes from another site's page \
             (`Origin`). Call it by its public URL, which whoever runs it sets, and from a program.",
        )
        .into_response(),
        _ => answer.map(Body::new),
    }
}
