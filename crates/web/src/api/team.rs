//! `/teams`

use axum::Json;
use http::StatusCode;
use model::name::Name;
use model::page::Page;
use model::team::{self, Team, Unfit};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Body, Nothing, Query, Text, given};
use super::id::Id;
use super::language::Language;
use super::paging::{Part, page_of};
use super::refusals::{Always, BadBody, Conflict, Forbidden, Invalid, NotThere};
use crate::problem::Problem;

/// List teams
///
/// By name, with who is in them.
#[utoipa::path(
    get, path = "/teams", operation_id = "listTeams", tag = "Members", params(Part),
    responses(
        (status = 200, description = "A page of teams.", body = Page<Team>,
         example = json!(example::page(example::team()))),
        Always, Forbidden, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<Team>>, Problem> {
    let tx = caller.begin().await?;
    let data = team::list(&tx).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// A team to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Ventas", "member_ids": []}))]
pub(super) struct NewTeam {
    /// What people call it: no two teams are called the same.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Text<100>,
    /// Who is in it, by `user_id`.
    #[serde(default)]
    member_ids: Vec<Uuid>,
}

/// What to change about a team; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"member_ids": ["019a0b1c-0000-7000-8000-00000000e001"]}))]
pub(super) struct TeamChange {
    /// What people call it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Option<Text<100>>,
    /// Who is in it from now on, by `user_id`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<Uuid>)]
    member_ids: Option<Vec<Uuid>>,
}

fn refused(unfit: &Unfit) -> Problem {
    match unfit {
        Unfit::NotThere => Problem::not_there("team"),
        Unfit::Taken => Problem::conflict("Another team is called so. Choose another name."),
        Unfit::Strangers(ids) => {
            let first = ids.first().map(Uuid::to_string).unwrap_or_default();
            Problem::invalid(format!(
                "The field `member_ids` names {first}, who does not work in your organization. `GET /members` lists who does."
            ))
        }
    }
}

/// Make a team
///
/// Conversations can be handed to it: `team_id` of `PATCH /conversations/{id}`.
#[utoipa::path(
    post, path = "/teams", operation_id = "createTeam", tag = "Members", request_body = NewTeam,
    responses(
        (status = 201, description = "The team.", body = Team, example = json!(example::team())),
        Always, Forbidden, BadBody, Invalid, Conflict,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    language: Language,
    _: Query<Nothing>,
    Body(wanted): Body<NewTeam>,
) -> Result<(StatusCode, Json<Team>), Problem> {
    let tx = caller.begin_act().await?;
    let made = team::create(&tx, caller.now(), wanted.name.name("name")?.as_str(), &wanted.member_ids).await?;
    let made = made.map_err(|unfit| refused(&unfit))?;
    tx.commit(made.made()).await.map_err(|error| {
        let (en, es) = ("`GET /teams` lists all teams.", "`GET /teams` lista todos los equipos.");
        doubt::look_first(error, language, en, es)
    })?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a team
///
/// Calls it by another name, or says who is in it.
#[utoipa::path(
    patch, path = "/teams/{id}", operation_id = "changeTeam", tag = "Members",
    params(("id" = Uuid, Path, description = "The team's id.")),
    request_body = TeamChange,
    responses(
        (status = 200, description = "The team as it is now.", body = Team, example = json!(example::team())),
        Always, Forbidden, NotThere, BadBody, Invalid, Conflict,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<TeamChange>,
) -> Result<Json<Team>, Problem> {
    if wanted.name.is_none() && wanted.member_ids.is_none() {
        return Err(Problem::malformed("The body changes nothing. Send `name`, `member_ids` or both."));
    }
    let called = wanted.name.as_ref().map(|text| text.name("name")).transpose()?;
    let tx = caller.begin_act().await?;
    let changed = team::change(&tx, id, called.as_ref().map(Name::as_str), wanted.member_ids.as_deref()).await?;
    let (before, after) = changed.map_err(|unfit| refused(&unfit))?;
    tx.commit(after.changed(&before)).await.map_err(Problem::repeatable)?;
    Ok(Json(after))
}

/// End a team
///
/// Conversations that it looked after are no team's.
#[utoipa::path(
    delete, path = "/teams/{id}", operation_id = "deleteTeam", tag = "Members",
    params(("id" = Uuid, Path, description = "The team's id.")),
    responses(
        (status = 200, description = "The team, as it was.", body = Team, example = json!(example::team())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn delete(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Team>, Problem> {
    let tx = caller.begin_act().await?;
    let ended = team::delete(&tx, caller.now(), id).await?.ok_or_else(|| refused(&Unfit::NotThere))?;
    tx.commit(ended.ended()).await.map_err(Problem::repeatable)?;
    Ok(Json(ended))
}
