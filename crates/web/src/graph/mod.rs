//! Meta's Graph API for programs that were written for it: any WhatsApp SDK works with its base URL changed, and an API
//! key as its access token.
//!
//! Messages go through the queue like all others ([`messages`]); media, templates and settings are asked of Meta with the
//! organization's own token, by a table of what may be asked ([`table`], [`relay`]). What Meta shows to that token is not
//! therefore the organization's: [`owned`] says which objects are, [`own`] what of an answer is. Answers and errors have
//! Meta's shape.

mod batch;
mod call;
mod callback;
mod caller;
mod debug_token;
mod error;
mod fields;
mod media;
mod members;
mod messages;
mod objects;
mod outcome;
mod own;
mod owned;
mod place;
mod relay;
mod table;
mod templates;
mod uploads;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::Method;
use http::header::{CACHE_CONTROL, HeaderValue, VARY};
use model::audit::{self, Deed};
use tower::ServiceExt;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{behind, pages};

use call::Call;
use error::GraphError;
use place::Place;

/// Everything that no other path answers: below `/v{NN}.{N}/`, or an id, and `POST /`. What is none of that either is a
/// page's to say, where one is read.
pub(crate) fn router(state: crate::State) -> Router {
    let nowhere = pages::nowhere(&state);
    Router::new()
        .route("/", any(batch))
        .route("/{*path}", any(move |state, path, request| serve(state, path, nowhere, request)))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("private, no-store")))
        .layer(SetResponseHeaderLayer::appending(VARY, HeaderValue::from_static("Authorization")))
        .with_state(state)
}

async fn batch(State(state): State<crate::State>, request: Request) -> Response {
    batch::post(state, "", request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn serve(
    State(state): State<crate::State>,
    path: Result<Path<String>, PathRejection>,
    nowhere: Router,
    request: Request,
) -> Response {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    let Some(place) = Place::of(&path) else {
        let reads_pages = pages::are_read(&request);
        return if reads_pages {
            nowhere.oneshot(request).await.into_response()
        } else {
            GraphError::not_found(&path).into_response()
        };
    };
    answer(state, place, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(state: crate::State, place: Place, request: Request) -> Result<Response, GraphError> {
    if place.object.is_empty() && request.method() == Method::POST {
        return batch::post(state, &place.version, request).await;
    }
    let (mut call, body) = Call::of(state, place, request).await?;
    let answer = served(&mut call, body).await?;
    if call.act.is_audited() && answer.status().is_success() {
        audited(&call).await;
    }
    Ok(answer)
}

/// Writes down what a program had Meta change: which call it was, and nothing of what it carried.
async fn audited(call: &Call) {
    let path = call.place.words().join("/");
    let said = serde_json::json!({ "method": call.method.as_str(), "path": path });
    let deed = Deed::new(call.act, "graph", &call.place.object, path).changed(None, Some(said));
    let (state, scope, actor, at) = (call.state.clone(), call.scope, call.actor.clone(), call.state.clock.now());
    behind::write_down("what a program had Meta change", move || {
        let (state, actor, deed) = (state.clone(), actor.clone(), deed.clone());
        async move {
            let tx = state.database.tenant(&scope).await?;
            audit::record(&tx, at, &actor, &deed).await?;
            tx.commit().await
        }
    })
    .await;
}

async fn served(call: &mut Call, body: Body) -> Result<Response, GraphError> {
    match call.place.object.as_str() {
        "" => Err(GraphError::no_object(&call.method)),
        "debug_token" => debug_token::get(call).await,
        "me" => debug_token::me(call).await,
        media::CONTENT => media::content(call).await,
        object if object.starts_with("upload:") => uploads::continued(call, body).await,
        _ if call.place.edge == "uploads" => uploads::opened(call, body).await,
        _ => objects::answer(call, body).await,
    }
}
