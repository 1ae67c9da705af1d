//! Samples for headers that are files of the organization's own: Meta gets them by a resumable upload, and its handles take
//! the places of our ids.

use model::file::{File, ending};
use model::upload;
use serde_json::Value;
use whatsapp::graph::Sample;
use whatsapp::outgoing::{MediaFile, MediaUse, Problem as Mistaken};

use super::refused;
use super::way::Way;
use crate::api::language::Language;
use crate::api::send::mistakes;
use crate::api::shown::{Named, Shown};
use crate::api::upload::known;
use crate::problem::Problem;

/// A file, as Meta is told of it.
struct Found {
    file: File,
    mime_type: String,
    filename: String,
    place: String,
}

/// Brings what a template shows from here to Meta.
pub(super) async fn bring(
    way: &Way<'_>,
    body: &mut Value,
    samples: Vec<MediaUse>,
    language: Language,
) -> Result<(), Problem> {
    let own = Named::of(samples).own;
    if own.is_empty() {
        return Ok(());
    }
    let found = find(way, body, &own).await?.map_err(|all| mistakes(all, "", language))?;
    let app_id = way.app_id().ok_or_else(|| {
        Problem::conflict(language.of(
            "Meta takes samples for an App, and this server does not know which one the token belongs to. Whoever runs it \
             sets WAZAPP_META_APP_ID; or give a handle of Meta's own.",
            "Meta recibe las muestras para una App, y este servidor no sabe a cuál pertenece el token. Quien lo administra \
             configura WAZAPP_META_APP_ID; o pon un identificador propio de Meta.",
        ))
    })?;
    for Found { file, mime_type, filename, place } in found {
        let size = u64::try_from(file.size).unwrap_or_default();
        let bytes = way.store().read(way.scope().organization_id(), &file.sha256, 0..size).await.map_err(|error| {
            tracing::warn!(%error, "a sample could not be read");
            Problem::unavailable(
                language.of(
                    "The file could not be read from the media store. Nothing was created: send this again in a minute.",
                    "No se pudo leer el archivo del almacén. No se creó nada: envía esto otra vez en un minuto.",
                ),
                60,
            )
        })?;
        let sample = Sample::stream(&mime_type, &filename, bytes, size);
        let handle = way.graph().upload_sample(&way.credential, app_id, sample).await;
        let handle = handle.map_err(|failure| {
            // Whatever became of the upload, no template was made: it can be put again.
            refused::problem(&failure, language).unwrap_or_else(|| {
                Problem::unavailable(
                    language.of(
                        "Meta gave no complete answer to the sample. No template was created: send this again in a minute.",
                        "Meta no dio una respuesta completa a la muestra. No se creó ninguna plantilla: envía esto otra vez en un minuto.",
                    ),
                    60,
                )
            })
        })?;
        if let Some(shown) = body.pointer_mut(&place) {
            *shown = handle.into();
        }
    }
    Ok(())
}

async fn find(way: &Way<'_>, body: &Value, own: &[Shown]) -> Result<Result<Vec<Found>, Vec<Mistaken>>, Problem> {
    let ids: Vec<_> = own.iter().map(|shown| shown.media_id).collect();
    let tx = way.begin_before().await?;
    let kept = upload::find(&tx, way.now(), &ids).await?;
    tx.commit().await.map_err(Problem::repeatable)?;
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for Shown { used, media_id } in own {
        let one = kept.get(media_id).ok_or_else(|| used.not_there()).and_then(|kept| {
            let file = kept.file.clone().ok_or_else(|| used.not_stored(kept.state == "pending"))?;
            let mime_type = known(kept.mime_type.as_deref(), file.mime_type.as_deref());
            let size = u64::try_from(file.size).unwrap_or_default();
            if let Some(problem) = used.problem(body, MediaFile { mime_type: &mime_type, size }) {
                return Err(problem);
            }
            let filename = ending::fitted(kept.filename.as_deref().unwrap_or("sample"), Some(&mime_type));
            Ok(Found { file, mime_type, filename, place: used.place.clone() })
        });
        match one {
            Ok(one) => found.push(one),
            // The handle is the value itself, not a member called `id`.
            Err(problem) => wrong.push(Mistaken { field: problem.field.trim_end_matches(".id").to_owned(), ..problem }),
        }
    }
    Ok(if wrong.is_empty() { Ok(found) } else { Err(wrong) })
}
