//! Resumable uploads: files for template headers and profile pictures. `POST /{app-id}/uploads`, then `POST|GET
//! /upload:…`. They belong to the App of the organization's token, whatever App the caller names, and each to the
//! organization that began it.

use axum::body::Body;
use axum::response::Response;
use futures::TryStreamExt;
use http::Method;
use model::at_meta::{self, Made};
use model::file::{self, KeepError};
use whatsapp::graph::{Content, Credential};

use super::call::Call;
use super::error::GraphError;
use super::objects::{answered, made};
use super::place::is_id;
use super::relay::{Carried, relay_to, shown_here};

/// The longest file.
const LONGEST: u64 = 100 << 20;

/// Begins an upload; Meta answers its id.
pub(super) async fn opened(call: &Call, body: Body) -> Result<Response, GraphError> {
    if call.method != Method::POST || !(call.place.object == "app" || is_id(&call.place.object)) {
        return Err(call.no_such_object());
    }
    let carried = Carried::read(call, body).await?;
    let relayed = relay_to(call, &credential(call).await?, &["app", "uploads"], &carried).await?;
    if let Some(id) = relayed.body["id"].as_str() {
        made(call, Made::Upload, id.split('?').next().unwrap_or_default()).await;
    }
    answered(&relayed)
}

/// A chunk, or the question how far it is.
pub(super) async fn continued(call: &Call, body: Body) -> Result<Response, GraphError> {
    if !call.place.edge.is_empty() || ![Method::GET, Method::POST].contains(&call.method) {
        return Err(call.no_such_object());
    }
    let tx = call.begin().await?;
    let own = at_meta::has_made(&tx, Made::Upload, &call.place.object).await?;
    tx.close();
    if !own {
        return Err(call.no_such_object());
    }
    let content = if call.method == Method::POST { Some(chunk(call, body).await?) } else { None };
    let credential = credential(call).await?;
    let path = [call.place.object.as_str()];
    let mut relayed = call.state.graph.relay(&credential, call.method.clone(), &path, &call.query(), content).await?;
    shown_here(&mut relayed, call)?;
    answered(&relayed)
}

/// A chunk begins at the first byte, unless it says where. One that does not say how long it is comes whole here first.
async fn chunk(call: &Call, body: Body) -> Result<Content, GraphError> {
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let offset = header("file_offset").map_or(Some(0), number);
    let offset = offset.ok_or_else(|| GraphError::invalid("The header file_offset must be a number of bytes."))?;
    let mime_type = header("content-type").unwrap_or("application/octet-stream");
    let content = match header("content-length").map(number) {
        Some(Some(length)) if length <= LONGEST => Content::stream(mime_type, body.into_data_stream(), length),
        Some(_) => return Err(too_long()),
        None => measured(call, mime_type, body).await?,
    };
    Ok(content.at(offset))
}

async fn measured(call: &Call, mime_type: &str, body: Body) -> Result<Content, GraphError> {
    let (state, organization_id) = (&call.state, call.scope.organization_id());
    let mut writing = state.store.writer(organization_id);
    let mut pieces = body.into_data_stream();
    while let Some(piece) =
        pieces.try_next().await.map_err(|_| GraphError::invalid("The body did not arrive whole."))?
    {
        if writing.size() + piece.len() as u64 > LONGEST {
            return Err(too_long());
        }
        writing.push(piece).await.map_err(KeepError::from)?;
    }
    let written = writing.finish().await.map_err(KeepError::from)?;
    // Nothing refers to it, so it goes again by itself.
    let file = file::keep_written(&state.database, &call.scope, written, state.clock.now()).await?;
    let length = u64::try_from(file.size).unwrap_or_default();
    let bytes = state.store.read(organization_id, &file.sha256, 0..length).await.map_err(KeepError::from)?;
    Ok(Content::stream(mime_type, bytes, length))
}

fn too_long() -> GraphError {
    GraphError::invalid("A file of up to 100 MB is taken.")
}

/// The same one for every step.
async fn credential(call: &Call) -> Result<Credential, GraphError> {
    let links = call.links().await?;
    call.credential(links.first().ok_or_else(|| call.no_such_object())?)
}
