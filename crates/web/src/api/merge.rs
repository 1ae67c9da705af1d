//! `/contacts/{id}/merges` and `/merges/{id}/undo`

use axum::Json;
use axum::extract::State;
use model::act::Act;
use model::audit::Deed;
use model::contact::{self, Contact, Merge, Undone};
use model::page::Page;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::id::Id;
use super::language::Language;
use super::refusals::{Always, Conflict, NotThere};
use crate::problem::Problem;

/// List a contact's merges
///
/// The contacts that were found to be this one, newest first.
#[utoipa::path(
    get, path = "/contacts/{id}/merges", operation_id = "listMerges", tag = "Contacts",
    params(("id" = Uuid, Path, description = "The contact's id.")),
    responses(
        (status = 200, description = "All merges.", body = Page<Merge>, example = json!(example::page(example::merge()))),
        Always, NotThere,
    ),
)]
pub(super) async fn list(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Page<Merge>>, Problem> {
    let tx = caller.begin().await?;
    contact::get(&tx, id).await?.ok_or_else(|| Problem::not_there("contact"))?;
    let data = contact::merges(&tx, id).await?;
    tx.close();
    Ok(Json(Page { data, next_cursor: None }))
}

/// Undo a merge
///
/// For 30 days. The contact that vanished is there again under its own id, with its names, your organization's words, and
/// what was written under its names. WhatsApp repeating that the two are one does not merge them again.
#[utoipa::path(
    post, path = "/merges/{id}/undo", operation_id = "undoMerge", tag = "Contacts",
    params(("id" = Uuid, Path, description = "The merge's id.")),
    responses(
        (status = 200, description = "The contact that is there again.", body = Contact,
         example = json!(example::contact())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn undo(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
) -> Result<Json<Contact>, Problem> {
    let tx = caller.begin_act_beyond().await?;
    let undone = contact::undo(&tx, caller.scope(), id, state.clock.now()).await?;
    let contact_id = match undone.ok_or_else(|| Problem::not_there("merge"))? {
        Undone::Done { contact_id } => contact_id,
        Undone::TooLate => {
            return Err(Problem::conflict(language.of(
                "This merge was undone before, or is more than 30 days old: what it takes to undo it is kept no longer.",
                "Esta fusión ya se deshizo, o tiene más de 30 días: lo que hace falta para deshacerla ya no se guarda.",
            )));
        }
    };
    let deed = Deed::new(Act::UndoMerge, "undo", id, contact_id.to_string());
    tx.commit(deed).await.map_err(Problem::repeatable)?;
    let tx = caller.begin().await?;
    let found = contact::get(&tx, contact_id).await?.ok_or_else(|| Problem::not_there("contact"))?;
    tx.close();
    Ok(Json(found))
}
