//! Uploading: `POST /media`

mod kind;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use model::file::{self, KeepError};
use model::media::Media;
use model::store::StoreError;
use model::{Scope, upload};
use utoipa::ToSchema;
use whatsapp::outgoing::{LARGEST_FILE, mime_types};

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::language::Language;
use super::refusals::{Always, BadFile, NoRoom, OverQuota};
use crate::form::{Form, Others, Unread};
use crate::problem::Problem;

pub(crate) use kind::Wrong;
use kind::judge;
pub(crate) use kind::{known, names_of};

/// A file to send later.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: `Form` reads it")]
struct NewMedia {
    /// The file, with its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Its type, such as `image/png`; without it, what the part says, or what its bytes say.
    r#type: Option<String>,
}

/// Upload a file
///
/// The file is kept here, and its `id` can stand in a message wherever Meta's own media ids can. Takes the types that
/// WhatsApp takes, each up to WhatsApp's size: images 5 MB, audio and video 16 MB, stickers 100 KB (500 KB if they
/// move), documents 100 MB. Its bytes must be what its type says. Voice notes are `audio/ogg` in Opus. The same bytes again are stored once.
#[utoipa::path(
    post, path = "/media", operation_id = "uploadMedia", tag = "Media",
    request_body(content = NewMedia, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file.", body = Media, example = json!(example::uploaded())),
        Always, BadFile, OverQuota, NoRoom,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    State(state): State<crate::State>,
    _: Query<Nothing>,
    language: Language,
    request: Request,
) -> Result<(StatusCode, Json<Media>), Problem> {
    let (parts, body) = request.into_parts();
    let form = Form::read(&state.store, caller.scope(), (&parts.headers, body), &["type"], Others::Refused).await;
    let form = form.map_err(|unread| not_read(unread.why, language))?;
    let kept = keep(&state, caller.scope(), form, language).await;
    let media = kept.map_err(|not_kept| match not_kept {
        NotKept::Wrong(wrong) => not_taken(&wrong, language),
        NotKept::Problem(problem) => problem,
    })?;
    Ok((StatusCode::CREATED, Json(media)))
}

/// Why a file is not kept.
#[derive(Debug)]
pub(crate) enum NotKept {
    /// It is none that WhatsApp takes.
    Wrong(Wrong),
    /// Something else.
    Problem(Problem),
}

impl From<Problem> for NotKept {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Keeps the file of a form, as one that can stand in a message from now on.
pub(crate) async fn keep(
    state: &crate::State,
    scope: &Scope,
    form: Form,
    language: Language,
) -> Result<Media, NotKept> {
    let said = form.text("type").or(form.content_type.as_deref());
    let (head, size) = (&form.file.head, form.file.size);
    let mime_type = judge(said, file::sniff(head), head, size).map_err(NotKept::Wrong)?;
    let filename = form.filename;
    let now = state.clock.now();
    let kept = file::keep_written(&state.database, scope, form.file, now).await;
    let kept = kept.map_err(|error| not_kept(error, language))?;
    let tx = state.database.tenant(scope).await.map_err(|error| language.problem(error))?;
    let media = upload::insert(&tx, now, &kept, &mime_type, filename.as_deref()).await;
    let media = media.map_err(|error| language.problem(error))?;
    tx.commit().await.map_err(Problem::repeatable)?;
    // A picture gets a thumbnail.
    state.media_wake.queued();
    Ok(media)
}

/// Why a form was not read, in words.
pub(crate) fn not_read(unread: Unread, language: Language) -> Problem {
    match unread {
        Unread::NotMultipart => Problem::not_multipart(language.of(
            "The body is not a form. Send `multipart/form-data` with the file in the part `file`, as `curl -F file=@photo.png` does.",
            "El cuerpo no es un formulario. Envía `multipart/form-data` con el archivo en la parte `file`, como hace `curl -F file=@foto.png`.",
        )),
        Unread::Broken => Problem::malformed(language.of(
            "The form did not arrive whole, or is not written as it should be. Nothing was kept: send it again.",
            "El formulario no llegó entero o no está bien escrito. No se guardó nada: envíalo otra vez.",
        )),
        Unread::TooSlow => Problem::too_slow(),
        Unread::NoFile => Problem::malformed(language.of(
            "The form has no part `file`. Send the file in it.",
            "El formulario no tiene la parte `file`. Envía el archivo en ella.",
        )),
        Unread::TwoFiles => Problem::malformed(language.of(
            "The form has two parts `file`. Send one file at a time.",
            "El formulario tiene dos partes `file`. Envía un archivo cada vez.",
        )),
        Unread::Unknown(name) => Problem::malformed(language.of(
            format!("The part `{name}` is not known here; known here: `file` and `type`."),
            format!("La parte `{name}` no se conoce aquí; se conocen `file` y `type`."),
        )),
        Unread::TooLarge => too_large(LARGEST_FILE, language),
        Unread::Store(error) => store(&error),
    }
}

fn not_taken(wrong: &Wrong, language: Language) -> Problem {
    let all: Vec<String> = mime_types().map(|name| format!("`{name}`")).collect();
    let all = all.join(", ");
    let takes = language.of(format!(" WhatsApp takes {all}."), format!(" WhatsApp admite {all}."));
    let why = match wrong {
        Wrong::TooLarge(most) => return too_large(*most, language),
        Wrong::Empty => {
            return Problem::wrong_file(language.of(
                "The file is empty. Send one with something in it.",
                "El archivo está vacío. Envía uno que tenga algo.",
            ));
        }
        Wrong::NotOpus => {
            return Problem::wrong_file(language.of(
                "The file is Ogg without Opus in it, and WhatsApp takes no other sound in Ogg. Convert it to Opus, mono.",
                "El archivo es Ogg sin Opus, y WhatsApp no admite otro sonido en Ogg. Conviértelo a Opus, mono.",
            ));
        }
        Wrong::NotMono => {
            return Problem::wrong_file(language.of(
                "The file is Opus with more than one channel, which WhatsApp does not deliver. Convert it to mono.",
                "El archivo es Opus con más de un canal, y WhatsApp no lo entrega. Conviértelo a mono.",
            ));
        }
        Wrong::TooDeep => {
            return Problem::wrong_file(language.of(
                "The file is a PNG with 16 bits a channel, which WhatsApp does not deliver. Save it with 8.",
                "El archivo es un PNG con 16 bits por canal, y WhatsApp no lo entrega. Guárdalo con 8.",
            ));
        }
        Wrong::Nameless => language.of(
            "Neither the form nor the file's bytes say what it is. Send its `type`.".to_owned(),
            "Ni el formulario ni los bytes del archivo dicen qué es. Envía su `type`.".to_owned(),
        ),
        Wrong::NotTaken(mime_type) => {
            let mime_type = shown(mime_type);
            language.of(
                format!("The file is of type `{mime_type}`, which WhatsApp does not take. Convert it."),
                format!("El archivo es de tipo `{mime_type}`, que WhatsApp no admite. Conviértelo."),
            )
        }
        Wrong::Said { said, found: Some(found) } => {
            let (said, found) = (shown(said), shown(found));
            language.of(
                format!("The file is said to be `{said}`, and its bytes are `{found}`. Send the type that it is."),
                format!("Se dice que el archivo es `{said}`, y sus bytes son `{found}`. Envía el tipo que es."),
            )
        }
        Wrong::Said { said, found: None } => {
            let said = shown(said);
            language.of(
                format!("The file is said to be `{said}`, and its bytes are something else. Send the type that it is."),
                format!("Se dice que el archivo es `{said}`, y sus bytes son otra cosa. Envía el tipo que es."),
            )
        }
    };
    Problem::wrong_file(why + &takes)
}

/// A type somebody wrote, as far as it is shown again.
fn shown(mime_type: &str) -> String {
    mime_type.chars().filter(|char| !char.is_control() && *char != '`').take(80).collect()
}

fn too_large(most: u64, language: Language) -> Problem {
    let most = most >> 10;
    Problem::file_too_large(language.of(
        format!("The file is larger than the {most} KiB that WhatsApp takes of its type. Send a smaller one."),
        format!("El archivo es más grande que los {most} KiB que WhatsApp admite de su tipo. Envía uno más pequeño."),
    ))
}

fn not_kept(error: KeepError, language: Language) -> Problem {
    match error {
        KeepError::Store(error) => store(&error),
        KeepError::Database(error) => language.problem(error),
        KeepError::Leaving => Problem::unavailable(
            language.of(
                "The same file is being deleted at this moment. Send it again in a minute.",
                "El mismo archivo se está borrando en este momento. Envíalo otra vez en un minuto.",
            ),
            60,
        ),
    }
}

/// Its words may name paths and hosts, so they go to the log alone.
fn store(error: &StoreError) -> Problem {
    tracing::warn!(%error, "the media store failed");
    Problem::unavailable(
        "wazapp cannot reach its media store, so nothing was kept. Send the same file again in 5 seconds; if this goes on, \
         whoever runs this server finds the reason in its log.",
        5,
    )
}
