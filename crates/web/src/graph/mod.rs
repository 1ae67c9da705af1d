//! Meta's Graph API for programs that were written for it: any WhatsApp SDK works with its base URL changed, and an API
//! key as its access token.
//!
//! Messages go through the queue like all others ([`messages`]); media, templates and settings are asked of Meta with the
//! organization's own token, by a table of what may be asked ([`table`], [`relay`]). Answers and errors have Meta's shape.

mod call;
mod callback;
mod caller;
mod debug_token;
mod error;
mod media;
mod messages;
mod objects;
mod outcome;
mod place;
mod relay;
mod table;
mod uploads;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, VARY};
use tower_http::set_header::SetResponseHeaderLayer;

use call::Call;
use error::GraphError;
use place::Place;

/// Everything below `/v{NN}.{N}/`.
pub(crate) fn router(state: crate::State) -> Router {
    Router::new()
        .route("/{version}/{*path}", any(serve))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("private, no-store")))
        .layer(SetResponseHeaderLayer::appending(VARY, HeaderValue::from_static("Authorization")))
        .with_state(state)
}

async fn serve(
    State(state): State<crate::State>,
    Path((version, path)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(place) = Place::of(&version, &path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match answer(state, place, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(state: crate::State, place: Place, request: Request) -> Result<Response, GraphError> {
    let (call, body) = Call::of(state, place, request).await?;
    let object = call.place.object.as_str();
    if object == "debug_token" {
        return debug_token::get(&call).await;
    }
    if object == media::CONTENT {
        return media::content(&call).await;
    }
    if object.starts_with("upload:") {
        return uploads::continued(&call, body).await;
    }
    if call.place.edge == "uploads" {
        return uploads::opened(&call, body).await;
    }
    objects::answer(&call, body).await
}
