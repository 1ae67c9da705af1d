//! `/messages`

use axum::Json;
use model::message::{self, Message};
use model::page::Page;
use model::status::{self, Status};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query, Text, given};
use super::id::Id;
use super::paging::{Cursor, ID_STANDS_ALONE, Ids, Limit, these};
use super::refusals::{Always, Invalid, NotThere};
use super::status::Part;
use crate::problem::Problem;

/// Which messages to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only the one with this id of Meta's.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 1000, example = "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=")]
    wamid: Option<Text<1000>>,
    /// Only these, by id, with commas between them; those that are not there are left out.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    id: Option<Ids>,
    /// The most rows to answer.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List messages
///
/// Those of all conversations, last stored first. With `wamid` the page holds that message, or nothing. Who sees a part of the
/// organization alone is answered by parts: a page may hold fewer than it could, or none, and go on with `next_cursor`.
#[utoipa::path(
    get, path = "/messages", operation_id = "listMessages", tag = "Messages", params(Wanted),
    responses(
        (status = 200, description = "A page of messages.", body = Page<Message>,
         example = json!(example::page(example::message()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Message>>, Problem> {
    let after = wanted.cursor.map(|cursor| cursor.0);
    if wanted.id.is_some() && (wanted.wamid.is_some() || after.is_some() || wanted.limit.is_some()) {
        return Err(Problem::invalid(ID_STANDS_ALONE));
    }
    if wanted.wamid.is_some() && after.is_some() {
        return Err(Problem::invalid("The query parameter `wamid` finds one message: send it without `cursor`."));
    }
    let tx = caller.begin().await?;
    let page = match (wanted.id, wanted.wamid) {
        (Some(Ids(ids)), _) => these(message::by_id(&tx, ids).await?),
        (None, Some(Text(wamid))) => these(message::find(&tx, &wamid).await?.into_iter().collect()),
        (None, None) => message::list_all(&tx, after, wanted.limit.unwrap_or_default().0).await?,
    };
    tx.close();
    Ok(Json(page))
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
    let page = status::of_messages(&tx, vec![id], part.cursor.map(|after| after.0), part.limit.0).await?;
    tx.close();
    Ok(Json(page))
}
