//! Media: `POST /{phone-number-id}/media`, `GET|DELETE /{media-id}`, and the bytes, which are fetched through us: Meta's own
//! URL opens only with its token.

use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, StatusCode};
use model::link::Link;
use multer::{Constraints, Multipart, SizeLimit};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use whatsapp::graph::{Credential, DownloadFailure, MediaInfo, Relayed, Upload};

use super::call::{Call, json_response};
use super::error::GraphError;
use super::objects::{Ask, first};
use super::place::is_id;
use super::relay::{Carried, relay, status};

/// The word before a medium's id in the path of its bytes.
pub(super) const CONTENT: &str = "media-content";

/// The longest file: a document.
const LONGEST: u64 = 100 << 20;

/// A file is read so many bytes at a time.
const PIECE: usize = 64 << 10;

/// What was uploaded.
struct Uploaded {
    mime_type: String,
    name: String,
    content: File,
    length: u64,
}

/// Uploads a file for a number; answers Meta's id of it.
pub(super) async fn upload(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let uploaded = read(call, body).await?;
    let Uploaded { mime_type, name, content, length } = uploaded;
    let upload = Upload::stream(&mime_type, &name, pieces(content), length);
    let id = call.state.graph.upload_media(&call.credential(link)?, &link.phone_number_id, upload).await?;
    Ok(json_response(StatusCode::OK, &json!({ "id": id })))
}

/// Reads the form; its file goes through the disk, for Meta wants to know its length first.
async fn read(call: &Call, body: Body) -> Result<Uploaded, GraphError> {
    let broken = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => too_long(),
        _ => GraphError::invalid("The multipart form cannot be read."),
    };
    let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| GraphError::invalid("Send the file as multipart/form-data, in the part `file`."))?;
    let limits = SizeLimit::new().whole_stream(LONGEST + (64 << 10)).per_field(LONGEST);
    let mut form =
        Multipart::with_constraints(body.into_data_stream(), boundary, Constraints::new().size_limit(limits));
    // Meta takes parameters in the query as well.
    let of_query = |name| call.text(name).map(str::to_owned);
    let (mut product, mut named, mut file) = (of_query("messaging_product"), of_query("type"), None);
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        match field.name().unwrap_or_default() {
            "file" => {
                let mime_type = field.content_type().map(ToString::to_string);
                let name = field.file_name().unwrap_or("file").to_owned();
                let mut content = File::from_std(tempfile::tempfile().map_err(no_room)?);
                let mut length = 0;
                while let Some(piece) = field.chunk().await.map_err(broken)? {
                    content.write_all(&piece).await.map_err(no_room)?;
                    length += piece.len() as u64;
                }
                content.flush().await.map_err(no_room)?;
                content.rewind().await.map_err(no_room)?;
                file = Some((mime_type, name, content, length));
            }
            "type" => named = Some(field.text().await.map_err(broken)?),
            "messaging_product" => product = Some(field.text().await.map_err(broken)?),
            _ => {}
        }
    }
    if product.as_deref() != Some("whatsapp") {
        return Err(GraphError::missing("messaging_product"));
    }
    let (of_part, name, content, length) = file.ok_or_else(|| GraphError::missing("file"))?;
    let mime_type = named.filter(|named| !named.is_empty()).or(of_part).ok_or_else(|| GraphError::missing("type"))?;
    Ok(Uploaded { mime_type, name, content, length })
}

fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> + Send {
    futures::stream::try_unfold(file, async |mut file| {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), file)))
    })
}

fn no_room(error: io::Error) -> GraphError {
    tracing::warn!(%error, "an uploaded file could not be kept on its way to Meta");
    GraphError::unavailable("wazapp has no room for this file now. Nothing was uploaded; send it again later.")
}

fn too_long() -> GraphError {
    GraphError::new(400, 131053, "(#131053) Media upload error")
        .details(format!("The file is longer than {LONGEST} bytes."))
}

/// Shows or deletes a medium that Meta showed.
pub(super) async fn answer(call: &Call, credential: &Credential, shown: Relayed) -> Result<Response, GraphError> {
    if call.method == Method::DELETE {
        let relayed = relay(call, credential, &Carried::Nothing).await?;
        return Ok(json_response(status(&relayed), &relayed.body));
    }
    let mut body = shown.body;
    let mut url = format!("{}/{CONTENT}/{}", call.base(), call.place.object);
    if let Some(number) = call.text("phone_number_id") {
        url = format!("{url}?phone_number_id={number}");
    }
    body["url"] = url.into();
    Ok(json_response(StatusCode::OK, &body))
}

/// The bytes of a medium: `GET /media-content/{media-id}`.
pub(super) async fn content(call: &Call) -> Result<Response, GraphError> {
    let id = call.place.edge.as_str();
    if call.method != Method::GET || !is_id(id) {
        return Err(GraphError::unknown_path(&call.place.words().join("/")));
    }
    let not_there = || GraphError::no_such_object(&Method::GET, id);
    let (credential, shown) = first(call, &call.links().await?, Ask::Show(id)).await?;
    let info = MediaInfo::read(&shown.body).ok_or_else(not_there)?;
    let download =
        call.state.graph.download(&credential, &info.url, LONGEST).await.map_err(|failure| match failure {
            DownloadFailure::Expired => not_there(),
            DownloadFailure::Refused(error) => (*error).into(),
            DownloadFailure::TooLong { .. } => too_long(),
            DownloadFailure::ForeignUrl | DownloadFailure::Broken(_) => {
                GraphError::unavailable("Meta did not give the bytes of this medium. Ask for them again.")
            }
        })?;
    let mime_type = info.mime_type.or_else(|| download.mime_type.clone());
    let mime_type = mime_type.and_then(|text| HeaderValue::from_str(&text).ok());
    let length = download.length;
    let mut response = Response::new(Body::from_stream(download.into_stream()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, mime_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    // Whatever customers send stays what it is: a file, on no page of ours.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}
