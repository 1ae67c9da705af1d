//! Drafts: what somebody writes follows them to their other devices.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::act::Act;
use model::draft::{self, Draft, Kept};
use serde_json::json;

use super::thread;
use crate::pages::{Entered, Failure, PathId, Visit};

/// Keeps what is being written in a conversation; what a page has not seen is told to it, and stays.
pub(super) async fn keep(visit: Visit, PathId(id): PathId, entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Send).await?;
    let id = thread::follow(&tx, id).await?.id;
    let (text, seen) = (entered.text("body"), entered.text("version").parse().unwrap_or(0));
    if text.chars().count() > draft::LONGEST {
        return Err(Failure::TooLong);
    }
    match draft::keep(&tx, visit.now(), visit.user().id, id, (text, seen)).await? {
        Kept::As(version) => {
            tx.commit().await?;
            Ok(Json(json!({ "version": version })).into_response())
        }
        Kept::Newer(Draft { text, version }) => {
            tx.close();
            Ok((StatusCode::CONFLICT, Json(json!({ "version": version, "text": text }))).into_response())
        }
    }
}
