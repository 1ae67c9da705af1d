//! `/deliveries`

use axum::Json;
use http::StatusCode;
use model::delivery::{self, Attempt, Delivery};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::id::Id;
use super::refusals::{Always, Conflict, Forbidden, NotThere};
use crate::problem::Problem;

/// A delivery with all its calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WithAttempts {
    #[serde(flatten)]
    #[schema(inline)]
    delivery: Delivery,
    /// Every call, oldest first.
    attempts: Vec<Attempt>,
}

fn not_there() -> Problem {
    Problem::not_there("delivery")
}

/// Read a delivery
///
/// With every call that was made, and how each answer began.
#[utoipa::path(
    get, path = "/deliveries/{id}", operation_id = "getDelivery", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The delivery's id.")),
    responses(
        (status = 200, description = "The delivery.", body = WithAttempts, example = json!(example::delivery_with_attempts())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<WithAttempts>, Problem> {
    let tx = caller.begin().await?;
    let delivery = delivery::get(&tx, id).await?.ok_or_else(not_there)?;
    let attempts = delivery::attempts(&tx, id).await?;
    tx.close();
    Ok(Json(WithAttempts { delivery, attempts }))
}

/// Tell it once more
///
/// At once, under the id that it had; what was told together with others comes by itself, under an id of its own.
#[utoipa::path(
    post, path = "/deliveries/{id}/retry", operation_id = "retryDelivery", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The delivery's id.")),
    responses(
        (status = 202, description = "The delivery.", body = Delivery, example = json!(example::delivery())),
        Always, Forbidden, NotThere, Conflict,
    ),
)]
pub(super) async fn retry(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<(StatusCode, Json<Delivery>), Problem> {
    let tx = caller.begin_act().await?;
    let before = delivery::get(&tx, id).await?.ok_or_else(not_there)?;
    let endpoint = super::endpoint::is_on(&tx, before.endpoint_id).await?;
    if !delivery::retry(&tx, caller.now(), id).await? {
        return Err(Problem::conflict("It is being told just now. Look at what comes of it first."));
    }
    let after = delivery::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.commit(endpoint.told_again(json!({ "delivery": id }))).await.map_err(Problem::repeatable)?;
    Ok((StatusCode::ACCEPTED, Json(after)))
}
