//! `/statuses`

use axum::Json;
use model::page::Page;
use model::status::{self, Status};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::example;
use super::fields::{Query, Text, given};
use super::paging::{Cursor, Limit, page_of};
use super::refusals::{Always, Invalid};
use crate::problem::Problem;

/// Which message's statuses to find.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Meta's id of the message.
    #[param(value_type = String, max_length = 1000, example = "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=")]
    wamid: Text<1000>,
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// Find statuses by Meta's id
///
/// Every update Meta sent for one of its ids, oldest first: also those that still wait for their
/// message, whose `message_id` is null.
#[utoipa::path(
    get, path = "/statuses", operation_id = "findStatuses", tag = "Messages", params(Wanted),
    responses(
        (status = 200, description = "A page of updates.", body = Page<Status>,
         example = json!(example::page(example::status()))),
        Always, Invalid,
    ),
)]
pub(super) async fn find(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Status>>, Problem> {
    let tx = caller.begin().await?;
    let data = status::of_wamid(&tx, &wanted.wamid.0).await?;
    tx.close();
    Ok(Json(page_of(data, wanted.limit, wanted.cursor)))
}
