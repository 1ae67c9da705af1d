//! What an endpoint was told, and telling it again.

use axum::Json;
use http::StatusCode;
use model::delivery::{self, Delivery, Range};
use model::endpoint;
use model::page::Page;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{is_on, not_there};
use crate::api::caller::Caller;
use crate::api::example;
use crate::api::fields::{Body, Nothing, Query, given};
use crate::api::id::Id;
use crate::api::paging::{Cursor, Limit};
use crate::api::refusals::{Always, BadBody, Conflict, Forbidden, Invalid, NotThere};
use crate::problem::Problem;

/// Which part of the log an endpoint is told once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"after": 1200, "through": 1260}))]
pub(in crate::api) struct Replay {
    /// Behind this `sequence`.
    #[schema(minimum = 0)]
    after: i64,
    /// Up to this one; left out: up to the newest.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = i64)]
    through: Option<i64>,
}

/// How much is told once more.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Replayed {
    /// So many deliveries.
    deliveries: usize,
}

/// Tell an endpoint once more
///
/// What it was told, or should have been, in a part of its log: each under the id that it had. It goes back as far as deliveries
/// are kept, 14 days.
#[utoipa::path(
    post, path = "/endpoints/{id}/replay", operation_id = "replayEndpoint", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    request_body = Replay,
    responses(
        (status = 202, description = "How much is told once more.", body = Replayed, example = json!({"deliveries": 60})),
        Always, Forbidden, NotThere, BadBody, Conflict,
    ),
)]
pub(in crate::api) async fn replay(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<Replay>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let tx = caller.begin_act().await?;
    let endpoint = is_on(&tx, id).await?;
    let range = Range { after: wanted.after, through: wanted.through.unwrap_or(i64::MAX) };
    let deliveries = delivery::replay(&tx, caller.now(), id, range).await?;
    let told = json!({ "after": wanted.after, "through": wanted.through, "deliveries": deliveries });
    tx.commit(endpoint.told_again(told)).await.map_err(Problem::repeatable)?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { deliveries })))
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Which {
    /// Only those that are `waiting`, `calling`, `delivered`, `failed` or `skipped`.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<delivery::State>)]
    state: Option<StateWord>,
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// A delivery's state, in words.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct StateWord(delivery::State);

impl TryFrom<String> for StateWord {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        delivery::State::of(&text)
            .map(Self)
            .ok_or("`waiting`, `calling`, `delivered`, `failed` or `skipped` is expected")
    }
}

/// List an endpoint's deliveries
///
/// Newest first, each with its last call.
#[utoipa::path(
    get, path = "/endpoints/{id}/deliveries", operation_id = "listDeliveries", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id."), Which),
    responses(
        (status = 200, description = "A page of deliveries.", body = Page<Delivery>,
         example = json!(example::page(example::delivery()))),
        Always, Forbidden, NotThere, Invalid,
    ),
)]
pub(in crate::api) async fn deliveries(
    caller: Caller,
    Id(id): Id,
    Query(which): Query<Which>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let tx = caller.begin().await?;
    endpoint::get(&tx, id).await?.ok_or_else(not_there)?;
    let state = which.state.map(|word| word.0);
    let page = delivery::list(&tx, id, state, which.cursor.map(|cursor| cursor.0), which.limit.0).await?;
    tx.close();
    Ok(Json(page))
}
