//! `/numbers`

use axum::Json;
use axum::extract::State;
use model::number::{self, Number};
use model::page::Page;

use super::caller::Caller;
use super::example;
use super::fields::Query;
use super::paging::{Part, page_of};
use super::refusals::{Always, Invalid};
use crate::problem::Problem;

/// List numbers
///
/// Your organization's WhatsApp numbers, oldest first; also those that are disconnected.
#[utoipa::path(
    get, path = "/numbers", operation_id = "listNumbers", tag = "Numbers", params(Part),
    responses(
        (status = 200, description = "A page of numbers.", body = Page<Number>,
         example = json!(example::page(example::number()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(
    caller: Caller,
    State(state): State<crate::State>,
    Query(part): Query<Part>,
) -> Result<Json<Page<Number>>, Problem> {
    let tx = caller.begin().await?;
    let data = number::list(&tx, state.clock.now()).await?;
    tx.commit().await?;
    Ok(Json(page_of(data, part.limit, part.cursor)))
}
