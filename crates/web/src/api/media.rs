//! `/media`

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use model::file::File;
use model::media::{self, Found, Media, Retried};
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::id::Id;
use super::language::Language;
use super::refusals::{Always, Conflict, NotThere, Unservable};
use crate::media::{Serving, serve};
use crate::problem::Problem;

/// Get what is known of a file
#[utoipa::path(
    get, path = "/media/{id}", operation_id = "getMedia", tag = "Media",
    params(("id" = Uuid, Path, description = "The `id` of a message's `media`.")),
    responses(
        (status = 200, description = "What is known of it.", body = Media, example = json!(example::media())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Media>, Problem> {
    let tx = caller.begin().await?;
    let found = media::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found))
}

/// Get a file's bytes
///
/// Pictures, videos and sounds come as what their bytes say they are, to be shown in their place; everything else comes as
/// an attachment of type `application/octet-stream`. `Range` asks for a part, `If-None-Match` with the `ETag` whether
/// there is anything new.
#[utoipa::path(
    get, path = "/media/{id}/content", operation_id = "getMediaContent", tag = "Media",
    params(
        ("id" = Uuid, Path, description = "The `id` of a message's `media`."),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-1023`."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what is there already."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of what `Range` completes."),
    ),
    responses(
        (status = 200, description = "All bytes.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` asked for.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "What is there already is all there is."),
        Always, NotThere, Unservable,
    ),
)]
pub(super) async fn content(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    language: Language,
    method: Method,
    asked: HeaderMap,
    _: Query<Nothing>,
) -> Result<Response, Problem> {
    let found = find(&caller, id).await?;
    let file = found.file.as_ref().ok_or_else(|| not_here(&found, language))?;
    let filename = found.media.filename.as_deref();
    let serving = Serving { organization_id: caller.scope().organization_id(), file, filename, id };
    serve(&state.store, &serving, &method, &asked).await
}

/// Get a picture's thumbnail
///
/// A JPEG, or a WebP where something shines through, whose longest side has 320 pixels. `thumbnail` of the media object
/// says whether there is one.
#[utoipa::path(
    get, path = "/media/{id}/thumbnail", operation_id = "getMediaThumbnail", tag = "Media",
    params(
        ("id" = Uuid, Path, description = "The `id` of a message's `media`."),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-1023`."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what is there already."),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of what `Range` completes."),
    ),
    responses(
        (status = 200, description = "The thumbnail.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 206, description = "The part that `Range` asked for.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "What is there already is all there is."),
        Always, NotThere, Unservable,
    ),
)]
pub(super) async fn thumbnail(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    language: Language,
    method: Method,
    asked: HeaderMap,
    _: Query<Nothing>,
) -> Result<Response, Problem> {
    let found = find(&caller, id).await?;
    if found.file.is_none() {
        return Err(not_here(&found, language));
    }
    let file: &File = found.thumbnail.as_ref().ok_or_else(|| Problem::nothing_like_it(no_thumbnail(language)))?;
    let serving = Serving { organization_id: caller.scope().organization_id(), file, filename: None, id };
    serve(&state.store, &serving, &method, &asked).await
}

/// Fetch a file once more
///
/// For one that failed: Meta keeps what customers sent for seven days.
#[utoipa::path(
    post, path = "/media/{id}/retry", operation_id = "retryMedia", tag = "Media",
    params(("id" = Uuid, Path, description = "The `id` of a message's `media`.")),
    responses(
        (status = 202, description = "It is pending again.", body = Media, example = json!(example::pending_media())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn retry(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    language: Language,
    _: Query<Nothing>,
) -> Result<(StatusCode, Json<Media>), Problem> {
    let tx = caller.begin().await?;
    let retried = media::retry(&tx, id, state.clock.now()).await?.ok_or_else(not_there)?;
    match retried {
        Retried::Pending(media) => {
            tx.commit().await.map_err(Problem::repeatable)?;
            state.media_wake.queued();
            Ok((StatusCode::ACCEPTED, Json(media)))
        }
        Retried::NotFailed(media) => Err(Problem::conflict(not_failed(&media.state, language))),
        Retried::Nowhere(_) => Err(Problem::conflict(language.of(
            "Meta has no file to ask for: this one was uploaded here, or it was deleted here when its time was over.",
            "Meta no tiene un archivo que pedir: este se subió aquí, o se borró aquí al terminar su plazo.",
        ))),
    }
}

async fn find(caller: &Caller, id: Uuid) -> Result<Found, Problem> {
    let tx = caller.begin().await?;
    let found = media::find(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(found)
}

fn not_there() -> Problem {
    Problem::not_there("file")
}

fn not_here(found: &Found, language: Language) -> Problem {
    let advice = found.advice.as_ref().map(|words| language.of(&words.en, &words.es).as_str());
    if found.media.state == "pending" {
        let waits = language.of(
            "The file is not here yet: it is being fetched from Meta. Ask again in a few seconds, or wait for the event \
             `message.media`.",
            "El archivo todavía no está aquí: se está trayendo de Meta. Pregunta otra vez en unos segundos, o espera el \
             evento `message.media`.",
        );
        return Problem::conflict(joined(waits, advice));
    }
    let failed = language.of(
        "The file could not be had; `error` of the media object says why.",
        "El archivo no se pudo obtener; `error` del objeto media dice por qué.",
    );
    Problem::gone(joined(failed, advice))
}

fn joined(first: &str, then: Option<&str>) -> String {
    then.map_or_else(|| first.to_owned(), |then| format!("{first} {then}"))
}

fn not_failed(state: &str, language: Language) -> &'static str {
    match state {
        "pending" => language.of(
            "The file is pending: it is being fetched already. Wait for the event `message.media`.",
            "El archivo está pendiente: ya se está trayendo. Espera el evento `message.media`.",
        ),
        _ => language.of(
            "The file is stored: there is nothing to fetch. Read it at /media/{id}/content.",
            "El archivo está guardado: no hay nada que traer. Léelo en /media/{id}/content.",
        ),
    }
}

fn no_thumbnail(language: Language) -> &'static str {
    language.of(
        "This file has no thumbnail: only JPEG, PNG and WebP pictures get one, a moment after they are stored. Read the \
         file itself at /media/{id}/content.",
        "Este archivo no tiene miniatura: solo la tienen las imágenes JPEG, PNG y WebP, un momento después de guardarse. \
         Lee el archivo mismo en /media/{id}/content.",
    )
}
