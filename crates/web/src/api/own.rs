//! `/organization`: the caller's own.

use axum::Json;
use model::organization::{self, Organization};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::example;
use super::fields::{Body, Nothing, Query};
use super::refusals::{Always, BadBody, Conflict, Forbidden, Invalid};
use crate::key::Who;
use crate::problem::Problem;

/// What to change about your organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"require_second_factor": true}))]
pub(super) struct OwnOrganizationChange {
    /// Whether everybody who works there needs a second factor: who has none sees nothing of it until they set one up.
    require_second_factor: bool,
}

/// Change your organization
///
/// Has its members need a second factor, or no more. API keys are not concerned. Done by an owner who is signed in and has one
/// themselves.
#[utoipa::path(
    patch, path = "/organization", operation_id = "changeOwnOrganization", tag = "Members",
    request_body = OwnOrganizationChange,
    responses(
        (status = 200, description = "The organization as it is now.", body = Organization,
         example = json!(example::organization())),
        Always, Forbidden, BadBody, Invalid, Conflict,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    _: Query<Nothing>,
    Body(OwnOrganizationChange { require_second_factor: required }): Body<OwnOrganizationChange>,
) -> Result<Json<Organization>, Problem> {
    if required && !matches!(caller.who(), Who::Person { user, .. } if user.second_factor) {
        return Err(Problem::conflict(
            "You have no second factor yourself and would lock yourself out. Set one up first, under Settings, Profile.",
        ));
    }
    let tx = caller.begin_act_beyond().await?;
    let changed = organization::require_second_factor(&tx, caller.scope(), required).await?;
    let (before, after) = changed.ok_or_else(|| Problem::not_there("organization"))?;
    tx.commit(before.second_factor_required(required)).await.map_err(Problem::repeatable)?;
    Ok(Json(after))
}
