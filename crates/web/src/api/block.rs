//! `POST /conversations/{id}/block`, `DELETE /conversations/{id}/block`

use axum::Json;
use axum::extract::State;
use model::conversation::{self, Conversation};
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::id::Id;
use super::language::Language;
use super::refusals::{Always, Conflict, NotThere};
use crate::blocking::{self, NotDone};
use crate::problem::Problem;

/// After so many seconds it is worth asking again.
const AGAIN: u16 = 10;

/// Block a contact
///
/// On the number of this conversation: Meta is asked, and from then on nothing that they write arrives, nor can they be
/// written to. Meta blocks only who wrote within 24 hours. `blocked_at` says since when. Asking again does no harm.
#[utoipa::path(
    post, path = "/conversations/{id}/block", operation_id = "blockContact", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id.")),
    responses(
        (status = 200, description = "The conversation as it is now.", body = Conversation,
         example = json!(example::conversation())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn block(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
) -> Result<Json<Conversation>, Problem> {
    set(&caller, &state, id, language, true).await
}

/// Unblock a contact
///
/// What they write to this conversation's number arrives again; what they wrote meanwhile does not.
#[utoipa::path(
    delete, path = "/conversations/{id}/block", operation_id = "unblockContact", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id.")),
    responses(
        (status = 200, description = "The conversation as it is now.", body = Conversation,
         example = json!(example::conversation())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn unblock(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
) -> Result<Json<Conversation>, Problem> {
    set(&caller, &state, id, language, false).await
}

async fn set(
    caller: &Caller,
    state: &crate::State,
    id: Uuid,
    language: Language,
    blocks: bool,
) -> Result<Json<Conversation>, Problem> {
    let not_there = || Problem::not_there("conversation");
    let tx = caller.begin().await?;
    let found = conversation::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    let contact = found.contact.ok_or_else(|| {
        Problem::conflict(language.of(
            "This is a group: Meta blocks one person at a time, in their own conversation.",
            "Esto es un grupo: Meta bloquea a una persona cada vez, en su propia conversación.",
        ))
    })?;
    let asked = blocking::ask(state, caller.scope(), found.number_id, &contact, blocks).await?;
    asked.map_err(|not_done| refused(&not_done, language))?;
    let by = (caller.now(), caller.actor());
    let noted = blocking::note(state, caller.scope(), by, (id, contact), blocks).await;
    // Meta has done it, and it is written down as soon as it can be.
    let noted = noted.ok_or_else(|| {
        let words = language.of(
            "Meta did it, and it could not be written down here yet. Ask for the conversation again; sending this once more does no harm.",
            "Meta lo hizo, y aún no se pudo anotar aquí. Vuelve a pedir la conversación; repetir esta petición no hace daño.",
        );
        Problem::unavailable(words, AGAIN)
    })?;
    noted.map(Json).ok_or_else(not_there)
}

fn refused(not_done: &NotDone, language: Language) -> Problem {
    match not_done {
        NotDone::Disconnected => Problem::conflict(language.of(
            "This number is not connected, so Meta cannot be asked. Connect it first.",
            "Este número no está conectado, así que no se puede preguntar a Meta. Conéctalo primero.",
        )),
        NotDone::Nameless => Problem::conflict(language.of(
            "Neither a phone number nor a user id of this contact is known, so Meta cannot be told whom to block.",
            "No se conoce ni el teléfono ni el identificador de este contacto, así que no se puede decir a Meta a quién bloquear.",
        )),
        NotDone::NotWithinADay => Problem::conflict(language.of(
            "Meta blocks only who wrote within 24 hours, and this contact did not. Block them when they write again.",
            "Meta solo bloquea a quien escribió en las últimas 24 horas, y este contacto no lo hizo. Bloquéalo cuando vuelva a escribir.",
        )),
        NotDone::Refused(error) => {
            let words = error.explanation();
            Problem::conflict(language.of(
                format!("Meta did not do it: {error}. {}", words.en),
                format!("Meta no lo hizo: {error}. {}", words.es),
            ))
        }
        NotDone::Unknown => {
            let words = language.of(
                "Meta did not answer: nobody knows whether it was done. Send this again; asking twice does no harm.",
                "Meta no contestó: no se sabe si se hizo. Repite la petición; pedirlo dos veces no hace daño.",
            );
            Problem::unavailable(words, AGAIN)
        }
    }
}
