//! `PATCH /numbers/{id}`

use axum::Json;
use model::number::{self, AuthorLine, Number};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::example;
use super::fields::{Body, Nothing, Query};
use super::id::Id;
use super::refusals::{Always, BadBody, NotThere};
use crate::problem::Problem;
use crate::settings::author_line;

/// What to change about a number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"author_line": "first_name"}))]
pub(super) struct NumberChange {
    /// What stands before a message that somebody writes on a page, as a line of its own: their `name`, their `first_name`, or
    /// `none`. Templates, and what programs send, go as they are.
    author_line: AuthorLine,
}

/// Change a number
///
/// Chooses how the customer sees who of your people writes to them.
#[utoipa::path(
    patch, path = "/numbers/{id}", operation_id = "changeNumber", tag = "Numbers",
    params(("id" = Uuid, Path, description = "The number's id.")),
    request_body = NumberChange,
    responses(
        (status = 200, description = "The number as it is now.", body = Number, example = json!(example::number())),
        Always, NotThere, BadBody,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<NumberChange>,
) -> Result<Json<Number>, Problem> {
    let not_there = || Problem::not_there("number");
    let tx = caller.begin_act().await?;
    let (before, _) = number::get(&tx, id, caller.now()).await?.ok_or_else(not_there)?;
    let after = number::set_author_line(&tx, caller.now(), id, wanted.author_line).await?.ok_or_else(not_there)?;
    tx.commit(author_line::deed(&before, &after)).await.map_err(Problem::repeatable)?;
    Ok(Json(after))
}
