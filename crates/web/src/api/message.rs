//! `/messages`

use axum::Json;
use model::message::{self, Message};
use model::page::Page;
use model::status::{self, Status};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query, Text};
use super::id::Id;
use super::paging::{Part, page_of};
use super::refusals::{Always, Invalid, NotThere};
use crate::problem::Problem;

/// Which message to find.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Meta's id of the message.
    #[param(value_type = String, max_length = 1000, example = "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=")]
    wamid: Text<1000>,
}

/// Find a message by Meta's id
///
/// The page holds the message, or nothing.
#[utoipa::path(
    get, path = "/messages", operation_id = "findMessage", tag = "Messages", params(Wanted),
    responses(
        (status = 200, description = "A page of one message or none.", body = Page<Message>,
         example = json!(example::page(example::message()))),
        Always, Invalid,
    ),
)]
pub(super) async fn find(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Message>>, Problem> {
    let tx = caller.begin().await?;
    let found = message::find(&tx, &wanted.wamid.0).await?;
    tx.close();
    Ok(Json(Page { data: found.into_iter().collect(), next_cursor: None }))
}

/// Get a message
#[utoipa::path(
    get, path = "/messages/{id}", operation_id = "getMessage", tag = "Messages",
    params(("id" = Uuid, Path, description = "The message's id.")),
    responses(
        (status = 200, description = "The message.", body = Message, example = json!(example::message())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Message>, Problem> {
    let tx = caller.begin().await?;
    let found = message::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found))
}

fn not_there() -> Problem {
    Problem::not_there("message")
}

/// List a message's statuses
///
/// Every update Meta sent for it, oldest first. `status` of the message shows the furthest.
#[utoipa::path(
    get, path = "/messages/{id}/statuses", operation_id = "listMessageStatuses", tag = "Messages",
    params(("id" = Uuid, Path, description = "The message's id."), Part),
    responses(
        (status = 200, description = "A page of updates.", body = Page<Status>,
         example = json!(example::page(example::status()))),
        Always, NotThere, Invalid,
    ),
)]
pub(super) async fn statuses(
    caller: Caller,
    Id(id): Id,
    Query(part): Query<Part>,
) -> Result<Json<Page<Status>>, Problem> {
    let tx = caller.begin().await?;
    message::get(&tx, id).await?.ok_or_else(not_there)?;
    let data = status::of_message(&tx, id).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}
