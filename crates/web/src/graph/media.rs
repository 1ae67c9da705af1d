//! Media: `POST /{phone-number-id}/media`, `GET|DELETE /{media-id}`, and the bytes, which are fetched through us: Meta's own
//! URL opens only with its token.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, StatusCode};
use model::file::{self, KeepError, ending};
use model::link::Link;
use model::upload::{self, Key, Uploaded};
use model::{DatabaseError, at_meta};
use serde_json::json;
use whatsapp::graph::{Credential, DownloadFailure, MediaInfo, Relayed, Upload};
use whatsapp::outgoing::LARGEST_FILE;

use super::call::{Call, json_response};
use super::error::GraphError;
use super::owned::{self, Kind};
use super::place::is_id;
use super::relay::{Carried, relay, status};
use crate::behind::write_down;
use crate::form::{Form, Others, Unread};

/// The word before a medium's id in the path of its bytes.
pub(super) const CONTENT: &str = "media-content";

/// Uploads a file for a number; answers Meta's id of it. The file is kept here first, so that a message that shows it shows
/// it here too.
pub(super) async fn upload(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let (state, scope) = (&call.state, &call.scope);
    let known = &["messaging_product", "type"];
    let form = Form::read(&state.store, scope, (&call.headers, body), known, Others::PassedOver).await;
    let form = form.map_err(|not_read| not_read.why)?;
    // Meta takes parameters in the query as well.
    let said = |name: &str| form.text(name).or_else(|| call.text(name)).filter(|text| !text.is_empty());
    if said("messaging_product") != Some("whatsapp") {
        return Err(GraphError::missing("messaging_product"));
    }
    // Meta goes by what the file's own part says it is; in `type` many write the kind of media.
    let mime_type = form.content_type.as_deref().or(said("type"));
    let mime_type = mime_type.ok_or_else(|| GraphError::missing("type"))?.to_owned();
    let filename = form.filename;
    let now = state.clock.now();
    let file = file::keep_written(&state.database, scope, form.file, now).await?;
    let tx = call.begin().await?;
    upload::insert(&tx, now, &file, &mime_type, filename.as_deref()).await?;
    // Meta was not asked: kept or not, it can be sent again.
    tx.commit().await.map_err(|error| not_kept(&error))?;
    state.media_wake.queued();

    let length = u64::try_from(file.size).unwrap_or_default();
    let bytes = state.store.read(scope.organization_id(), &file.sha256, 0..length).await.map_err(KeepError::from)?;
    let name = ending::fitted(filename.as_deref().unwrap_or("file"), file.mime_type.as_deref().or(Some(&mime_type)));
    let content = Upload::stream(&mime_type, &name, bytes, length);
    let meta_id = state.graph.upload_media(&call.credential(link)?, &link.phone_number_id, content).await?;
    let (organization_id, number_id) = (link.organization_id, link.number_id);
    let key = Key { organization_id, number_id, file: file.sha256, mime_type };
    let uploaded = Uploaded { meta_id, at: state.clock.now() };
    let answer = json!({ "id": uploaded.meta_id });
    let (database, scope) = (state.database.clone(), *scope);
    // Meta has it, so that is the answer, whatever becomes of what is known of it here.
    write_down("an upload", move || {
        let (database, key, uploaded) = (database.clone(), key.clone(), uploaded.clone());
        async move {
            let tx = database.operator_for(&scope).await?;
            at_meta::record_media(&tx, &scope, &uploaded, &key).await?;
            upload::any_organization_record(&tx, &key, &uploaded).await?;
            tx.commit().await
        }
    })
    .await;
    Ok(json_response(StatusCode::OK, &answer))
}

impl From<Unread> for GraphError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::NotMultipart => Self::invalid("Send the file as multipart/form-data, in the part `file`."),
            Unread::Broken | Unread::TwoFiles | Unread::Unknown(_) => {
                Self::invalid("The multipart form cannot be read.")
            }
            Unread::NoFile => Self::missing("file"),
            Unread::TooLarge => too_long(),
            Unread::TooSlow => Self::too_slow(),
            Unread::Store(error) => KeepError::Store(error).into(),
        }
    }
}

impl From<KeepError> for GraphError {
    fn from(error: KeepError) -> Self {
        if let KeepError::Database(error @ DatabaseError::OverQuota(_)) = error {
            return error.into();
        }
        not_kept(&error)
    }
}

fn not_kept(error: &dyn std::error::Error) -> GraphError {
    tracing::warn!(%error, "an uploaded file could not be kept");
    GraphError::unavailable(
        "wazapp could not keep this file. Meta was not asked, so it is safe to send it again later.",
    )
}

fn too_long() -> GraphError {
    GraphError::new(400, 131053, "(#131053) Media upload error")
        .details(format!("The file is longer than {LARGEST_FILE} bytes."))
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
    let found = owned::find(call, id).await?;
    let info = MediaInfo::read(&found.shown.body).filter(|_| found.kind == Kind::Media).ok_or_else(not_there)?;
    if call.head_only {
        return Ok(as_file(Body::empty(), info.mime_type.as_deref(), info.file_size));
    }
    let download =
        call.state.graph.download(&found.credential, &info.url, LARGEST_FILE).await.map_err(
            |failure| match failure {
                DownloadFailure::Expired => not_there(),
                DownloadFailure::Refused(error) => (*error).into(),
                DownloadFailure::TooLong { .. } => too_long(),
                DownloadFailure::ForeignUrl | DownloadFailure::Broken(_) => {
                    GraphError::unavailable("Meta did not give the bytes of this medium. Ask for them again.")
                }
            },
        )?;
    let mime_type = info.mime_type.or_else(|| download.mime_type.clone());
    let length = download.length;
    Ok(as_file(Body::from_stream(download.into_stream()), mime_type.as_deref(), length))
}

/// Whatever customers send stays what it is: a file, on no page of ours.
fn as_file(body: Body, mime_type: Option<&str>, length: Option<u64>) -> Response {
    let mime_type = mime_type.and_then(|text| HeaderValue::from_str(text).ok());
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, mime_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}
