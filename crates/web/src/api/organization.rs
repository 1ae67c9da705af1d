//! `/organizations`: what whoever runs the server does with them.

use axum::Json;
use http::StatusCode;
use model::audit::{self, Deed};
use model::organization::{self, Organization, Overview};
use model::page::{Cursor as After, Page};
use model::{entry, session};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::doubt;
use super::example;
use super::fields::{Body, Nothing, Query, Text, given};
use super::id::Id;
use super::language::Language;
use super::operator::ServerOperator;
use super::paging::{Cursor, Limit};
use super::refusals::{Always, BadBody, Conflict, Invalid, NotThere};
use crate::problem::Problem;

/// Which organizations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List organizations
///
/// Every organization of this server, oldest first: its name, the health of its numbers, counts and sizes, and nothing of what
/// people said. For whoever runs the server.
#[utoipa::path(
    get, path = "/organizations", operation_id = "listOrganizations", tag = "Server", params(Wanted),
    responses(
        (status = 200, description = "A page of organizations.", body = Page<Overview>,
         example = json!(example::page(example::overview()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(
    caller: ServerOperator,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Overview>>, Problem> {
    let (after, limit) = (wanted.cursor.map(|cursor| cursor.0.tie), wanted.limit.0);
    let tx = caller.begin().await?;
    let rows = organization::any_organization_overview(&tx, caller.now(), after, limit + 1).await?;
    tx.close();
    Ok(Json(Page::new(rows, limit, |row| After::at(row.created_at, row.id))))
}

/// An organization to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Panadería La Espiga"}))]
pub(super) struct NewOrganization {
    /// Its name for people.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Text<200>,
}

/// Create an organization
///
/// Nobody works in it yet: invite its first owner with `wazapp user create`, or enter it. For whoever runs the server.
#[utoipa::path(
    post, path = "/organizations", operation_id = "createOrganization", tag = "Server", request_body = NewOrganization,
    responses(
        (status = 201, description = "The organization.", body = Organization, example = json!(example::organization())),
        Always, BadBody, Invalid,
    ),
)]
pub(super) async fn create(
    caller: ServerOperator,
    language: Language,
    _: Query<Nothing>,
    Body(wanted): Body<NewOrganization>,
) -> Result<(StatusCode, Json<Organization>), Problem> {
    let name = wanted.name.name("name")?;
    let tx = caller.begin().await?;
    let made = organization::create(&tx, name.as_str()).await?;
    record(&caller, &tx, &made, &made.made()).await?;
    tx.commit().await.map_err(|error| {
        let en = "look at `GET /organizations` whether it is there, and create it only if it is not.";
        let es = "mira en `GET /organizations` si ya está, y créala solo si no.";
        doubt::look_first(error, language, en, es)
    })?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What to change about an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"suspended": true}))]
pub(super) struct OrganizationChange {
    /// Whether nobody may work in it, neither people nor programs.
    suspended: bool,
}

/// Suspend an organization, or resume it
///
/// While it is suspended no session and no key opens it; what comes from Meta is kept. For whoever runs the server.
#[utoipa::path(
    patch, path = "/organizations/{id}", operation_id = "changeOrganization", tag = "Server",
    params(("id" = Uuid, Path, description = "The organization's id.")), request_body = OrganizationChange,
    responses(
        (status = 200, description = "The organization as it is now.", body = Organization,
         example = json!(example::organization())),
        Always, NotThere, BadBody, Invalid,
    ),
)]
pub(super) async fn change(
    caller: ServerOperator,
    Id(id): Id,
    _: Query<Nothing>,
    Body(OrganizationChange { suspended }): Body<OrganizationChange>,
) -> Result<Json<Organization>, Problem> {
    let tx = caller.begin().await?;
    let found = find(&tx, id).await?;
    let changed = organization::suspend(&tx, caller.now(), &found.scope(), suspended).await?;
    if let Some(changed) = &changed {
        record(&caller, &tx, changed, &changed.suspended(suspended)).await?;
    }
    tx.commit().await.map_err(Problem::repeatable)?;
    Ok(Json(changed.unwrap_or(found)))
}

/// Why whoever runs the server looks into an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Ana asked us to see why her messages wait"}))]
pub(super) struct Reason {
    /// In words: the organization reads it.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Text<500>,
}

/// An entry that is open.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenedEntry {
    /// The organization that is open now.
    organization: Organization,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: jiff::Timestamp,
}

/// Look into an organization
///
/// Opens it for an hour, to look: what was said is seen, nothing is changed. It is written into the organization's audit with
/// its reason before anything is seen. For whoever runs the server.
#[utoipa::path(
    post, path = "/organizations/{id}/entry", operation_id = "enterOrganization", tag = "Server",
    params(("id" = Uuid, Path, description = "The organization's id.")), request_body = Reason,
    responses(
        (status = 200, description = "It is open.", body = OpenedEntry,
         example = json!({"organization": example::organization(), "until": "2026-11-28T19:00:00Z"})),
        Always, NotThere, BadBody, Invalid, Conflict,
    ),
)]
pub(super) async fn enter(
    caller: ServerOperator,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<Reason>,
) -> Result<Json<OpenedEntry>, Problem> {
    let reason = wanted.reason.name("reason")?;
    let tx = caller.begin().await?;
    let found = find(&tx, id).await?;
    if found.suspended_at.is_some() {
        return Err(Problem::conflict("This organization is suspended: nobody sees into it. Resume it first."));
    }
    let until = entry::begin(&tx, caller.now(), &found.scope(), caller.user.id).await?;
    session::choose(&tx, caller.user.id, caller.session_id, found.id).await?;
    record(&caller, &tx, &found, &found.entered(reason.as_str(), until)).await?;
    tx.commit().await.map_err(Problem::repeatable)?;
    Ok(Json(OpenedEntry { organization: found, until }))
}

async fn find(tx: &model::database::Operator, id: Uuid) -> Result<Organization, Problem> {
    organization::find(tx, &id.to_string()).await?.ok_or_else(|| Problem::not_there("organization"))
}

async fn record(
    caller: &ServerOperator,
    tx: &model::database::Operator,
    on: &Organization,
    deed: &Deed,
) -> Result<(), Problem> {
    Ok(audit::any_organization_record(tx, &on.scope(), caller.now(), &caller.actor(), deed).await?)
}
