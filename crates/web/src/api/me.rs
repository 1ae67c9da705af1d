//! `/me`

use axum::Json;
use axum::extract;
use model::organization::{self, Organization};
use model::quota::{self, Shares};
use model::retention::{self, Gone};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::refusals::Always;
use crate::State;
use crate::problem::Problem;

/// Who the API key stands for, and what answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The organization whose rows this key opens.
    organization: Organization,
    /// What it has taken of the server, and the most that it may.
    quotas: Shares,
    /// What of it went past its retention.
    gone: Gone,
    /// The version of this API.
    api_version: &'static str,
    /// The version of this server.
    version: &'static str,
}

/// Who am I
///
/// The organization behind the API key, what it has taken of the server and may take, what of it went past its
/// retention, and the versions of this API and this server.
#[utoipa::path(
    get, path = "/me", operation_id = "getMe", tag = "Me",
    responses(
        (status = 200, description = "Who the API key stands for.", body = Me, example = json!(example::me())),
        Always,
    ),
)]
pub(super) async fn get(
    caller: Caller,
    extract::State(state): extract::State<State>,
    _: Query<Nothing>,
) -> Result<Json<Me>, Problem> {
    let tx = caller.begin().await?;
    let organization = organization::own(&tx).await?.ok_or_else(|| Problem::not_there("organization"))?;
    let quotas = quota::own(&tx, state.clock.now()).await?.ok_or_else(|| Problem::not_there("organization"))?;
    let gone = retention::own(&tx).await?;
    tx.close();
    Ok(Json(Me { organization, quotas, gone, api_version: "v1", version: state.version }))
}
