//! Resumable uploads: files for template headers and profile pictures. `POST /{app-id}/uploads`, then `POST|GET
//! /upload:…`. They belong to the App of the organization's token, whatever App the caller names.

use axum::body::Body;
use axum::response::Response;
use http::Method;
use whatsapp::graph::{Content, Credential};

use super::call::{Call, json_response};
use super::error::GraphError;
use super::place::is_id;
use super::relay::{Carried, relay_to, shown_here, status};

/// The longest file.
const LONGEST: u64 = 100 << 20;

/// Begins an upload; Meta answers its id.
pub(super) async fn opened(call: &Call, body: Body) -> Result<Response, GraphError> {
    if call.method != Method::POST || !(call.place.object == "app" || is_id(&call.place.object)) {
        return Err(call.no_such_object());
    }
    let carried = Carried::read(call, body).await?;
    let relayed = relay_to(call, &credential(call).await?, &["app", "uploads"], &carried).await?;
    Ok(json_response(status(&relayed), &relayed.body))
}

/// A chunk, or the question how far it is.
pub(super) async fn continued(call: &Call, body: Body) -> Result<Response, GraphError> {
    if !call.place.edge.is_empty() || ![Method::GET, Method::POST].contains(&call.method) {
        return Err(call.no_such_object());
    }
    let content = if call.method == Method::POST { Some(chunk(call, body)?) } else { None };
    let credential = credential(call).await?;
    let path = [call.place.object.as_str()];
    let mut relayed = call.state.graph.relay(&credential, call.method.clone(), &path, &call.query(), content).await?;
    shown_here(&mut relayed, &call.base())?;
    Ok(json_response(status(&relayed), &relayed.body))
}

fn chunk(call: &Call, body: Body) -> Result<Content, GraphError> {
    let header = |name: &str| call.headers.get(name)?.to_str().ok();
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u64>().ok());
    let offset = number(header("file_offset"));
    let offset = offset.ok_or_else(|| GraphError::invalid("The header file_offset is required."))?;
    let length = number(header("content-length")).filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| GraphError::invalid("The header Content-Length is required, up to 100 MB."))?;
    let mime_type = header("content-type").unwrap_or("application/octet-stream");
    Ok(Content::stream(mime_type, body.into_data_stream(), length).at(offset))
}

/// The same one for every step.
async fn credential(call: &Call) -> Result<Credential, GraphError> {
    let links = call.links().await?;
    call.credential(links.first().ok_or_else(|| call.no_such_object())?)
}
