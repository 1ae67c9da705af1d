//! `/statuses`

use axum::Json;
use model::page::Page;
use model::status::{self, Place, Status};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::example;
use super::fields::{Query, Text, given};
use super::paging::{Ids, Limit, NO_CURSOR};
use super::refusals::{Always, Invalid};
use crate::problem::Problem;

/// Which messages' statuses to find: by Meta's id, or by ours.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Meta's id of the message.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 1000, example = "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=")]
    wamid: Option<Text<1000>>,
    /// Our ids of messages, with commas between them.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    message_id: Option<Ids>,
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<After>,
}

/// The part of a message's updates to answer.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    pub(super) limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    pub(super) cursor: Option<After>,
}

/// The update with which the page before ended.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct After(pub(super) Place);

impl TryFrom<String> for After {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Place::decode(&text).map(Self).ok_or(NO_CURSOR)
    }
}

/// Find statuses
///
/// With `wamid` every update Meta sent for one of its ids, oldest first: also those that still wait for their
/// message, whose `message_id` is null. With `message_id` those of some messages, message by message.
#[utoipa::path(
    get, path = "/statuses", operation_id = "findStatuses", tag = "Messages", params(Wanted),
    responses(
        (status = 200, description = "A page of updates.", body = Page<Status>,
         example = json!(example::page(example::status()))),
        Always, Invalid,
    ),
)]
pub(super) async fn find(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Status>>, Problem> {
    let (after, limit) = (wanted.cursor.map(|after| after.0), wanted.limit.0);
    let tx = caller.begin().await?;
    let page = match (wanted.wamid, wanted.message_id) {
        (Some(Text(wamid)), None) => status::of_wamid(&tx, &wamid, after, limit).await?,
        (None, Some(Ids(ids))) => status::of_messages(&tx, ids, after, limit).await?,
        _ => return Err(Problem::invalid("Send one of the query parameters `wamid` and `message_id`.")),
    };
    tx.close();
    Ok(Json(page))
}
