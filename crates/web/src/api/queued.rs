//! What is queued: another time for it, or taking it back: `PATCH /messages/{id}`, `DELETE /messages/{id}`

use axum::Json;
use axum::extract::State;
use model::message::Message;
use model::outbox::{self, Cancelled, Refusal, Replanned};
use model::trouble::{Code, Trouble, Word};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Body, Nothing, Query, Time};
use super::id::Id;
use super::language::Language;
use super::refusals::{Always, BadBody, Conflict, Invalid, NotThere};
use super::send::refused;
use crate::problem::Problem;
use crate::sending::FAR;

/// Another time for a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replan {
    /// Not before this time, up to a year ahead; one that is over means at once.
    #[schema(value_type = String, format = DateTime)]
    send_at: Time,
}

/// Send a message at another time
///
/// Only while it is queued. It keeps as much patience behind its new time as it had. Where the contact's service window will be
/// closed by then, only templates can be sent, and what has one in `when_window_closed`; else nothing is changed.
#[utoipa::path(
    patch, path = "/messages/{id}", operation_id = "changeMessage", tag = "Messages",
    params(("id" = Uuid, Path, description = "The message's id.")),
    request_body = Replan,
    responses(
        (status = 200, description = "The message, which leaves at its new time.", body = Message,
         example = json!(example::planned())),
        Always, NotThere, Conflict, BadBody, Invalid,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
    Body(Replan { send_at }): Body<Replan>,
) -> Result<Json<Message>, Problem> {
    let now = state.clock.now();
    if send_at.0 > now + FAR {
        return Err(Problem::invalid("The field `send_at` must be within a year from now."));
    }
    let tx = caller.begin().await?;
    match outbox::replan(&tx, now, id, send_at.0).await?.ok_or_else(|| Problem::not_there("message"))? {
        Replanned::Done(message) => {
            tx.commit().await.map_err(|error| {
                let (en, es) = ("`GET /messages/{id}` tells when it leaves.", "`GET /messages/{id}` dice cuándo sale.");
                doubt::look_first(error, language, en, es)
            })?;
            // It may leave sooner now, and so may those behind it.
            state.wake.queued();
            Ok(Json(*message))
        }
        Replanned::TooLate(message) => Err(too_late(&message, language)),
        Replanned::WindowClosed { since, templates } => {
            Err(refused(Refusal::WindowClosed { since, templates }, language))
        }
    }
}

/// What it is, so that nobody takes one that was cancelled for one that went.
fn too_late(message: &Message, language: Language) -> Problem {
    let error = message.error.as_ref().and_then(|error| serde_json::from_str::<Trouble>(error.0.get()).ok());
    let (en, es) = match (message.direction.as_str(), message.status.as_deref(), error.map(|error| error.code)) {
        ("inbound", ..) => ("A contact wrote this message.", "Este mensaje lo escribió un contacto."),
        (_, Some("failed"), Some(Code::Ours(Word::Cancelled))) => {
            ("This message was cancelled before, and will not be sent.", "Este mensaje ya se canceló, y no se enviará.")
        }
        (_, Some("failed"), _) => (
            "This message failed, and is not queued any more: its `error` says why.",
            "Este mensaje falló, y ya no está en cola: su `error` dice por qué.",
        ),
        _ => (
            "This message is not queued any more, or never was: it was sent, or may have been.",
            "Este mensaje ya no está en cola, o nunca lo estuvo: se envió, o puede haberse enviado.",
        ),
    };
    Problem::conflict(language.of(format!("{en} Nothing was changed."), format!("{es} No se cambió nada.")))
}

/// Cancel a message
///
/// Only while it is queued, or its file is still being brought to Meta: its status becomes `failed`, with the error
/// `cancelled`. One that was sent, or may have been, stays as it is: 409.
#[utoipa::path(
    delete, path = "/messages/{id}", operation_id = "cancelMessage", tag = "Messages",
    params(("id" = Uuid, Path, description = "The message's id.")),
    responses(
        (status = 200, description = "The message, which will not be sent.", body = Message,
         example = json!(example::queued())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn cancel(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
) -> Result<Json<Message>, Problem> {
    let tx = caller.begin().await?;
    let cancelled = outbox::cancel(&tx, state.clock.now(), id).await?;
    match cancelled.ok_or_else(|| Problem::not_there("message"))? {
        Cancelled::Done(message) => {
            tx.commit().await.map_err(|error| {
                let (en, es) = (
                    "`GET /messages/{id}` tells whether it was cancelled.",
                    "`GET /messages/{id}` dice si se canceló.",
                );
                doubt::look_first(error, language, en, es)
            })?;
            // Messages behind it need not wait for it any more.
            state.wake.queued();
            Ok(Json(*message))
        }
        Cancelled::TooLate(message) => Err(too_late(&message, language)),
    }
}
