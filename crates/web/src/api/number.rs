//! `/numbers`

use axum::Json;
use model::number::{self, Number};
use model::page::Page;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::refusals::Always;
use crate::problem::Problem;

/// List numbers
///
/// Your organization's WhatsApp numbers, oldest first, all on one page; also those that are disconnected.
#[utoipa::path(
    get, path = "/numbers", operation_id = "listNumbers", tag = "Numbers",
    responses(
        (status = 200, description = "All numbers; `next_cursor` is always null.", body = Page<Number>,
         example = json!(example::page(example::number()))),
        Always,
    ),
)]
pub(super) async fn list(caller: Caller, _: Query<Nothing>) -> Result<Json<Page<Number>>, Problem> {
    let tx = caller.begin().await?;
    let data = number::list(&tx).await?;
    tx.commit().await?;
    Ok(Json(Page { data, next_cursor: None }))
}
