//! `/members`

use axum::Json;
use model::act::Role;
use model::membership::{self, Changed, Member};
use model::page::Page;
use model::sight::{self, Limits, Sees};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Body, Nothing, Query, given};
use super::id::Id;
use super::paging::{Part, page_of};
use super::refusals::{Always, BadBody, Conflict, Forbidden, Invalid, NotThere};
use crate::key::Who;
use crate::problem::Problem;

/// List members
///
/// Who works in your organization, by name: as what, what they are limited to see, and in which teams they are.
#[utoipa::path(
    get, path = "/members", operation_id = "listMembers", tag = "Members", params(Part),
    responses(
        (status = 200, description = "A page of members.", body = Page<Member>,
         example = json!(example::page(example::member()))),
        Always, Forbidden, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<Member>>, Problem> {
    let tx = caller.begin().await?;
    let data = membership::list(&tx).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// What to change about a member; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "agent", "sees": "teams", "number_ids": null}))]
pub(super) struct MemberChange {
    /// As what they work here. Only an owner makes an owner, or takes it from one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Role)]
    role: Option<Role>,
    /// Whose conversations they see: `all`, their own and their `teams`', or their `own`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Sees)]
    sees: Option<Sees>,
    /// The numbers they are limited to, by `id`; null: all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Uuid>>)]
    number_ids: Option<Option<Vec<Uuid>>>,
}

/// Whoever gives, or takes, what an owner is has to be one.
pub(super) fn is_for_owners(caller: &Caller, roles: &[Role]) -> Result<(), Problem> {
    let gives = |given: &Role| matches!(caller.who(), Who::Person { role, .. } if role.gives(*given));
    if roles.iter().all(gives) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "Only an owner makes somebody an owner, or takes it from one. Ask an owner of your organization.",
    ))
}

fn last_owner() -> Problem {
    Problem::conflict(
        "This is the last owner: nobody could manage the organization. Make somebody else an owner first.",
    )
}

/// Change a member
///
/// Gives somebody another role, or limits what they see: whose conversations, and of which numbers. It holds from their next
/// request on; their live streams end within 5 seconds. Done by people who are signed in, never by a key.
#[utoipa::path(
    patch, path = "/members/{id}", operation_id = "changeMember", tag = "Members",
    params(("id" = Uuid, Path, description = "The member's `user_id`.")),
    request_body = MemberChange,
    responses(
        (status = 200, description = "The member as they are now.", body = Member, example = json!(example::member())),
        Always, Forbidden, NotThere, BadBody, Invalid, Conflict,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<MemberChange>,
) -> Result<Json<Member>, Problem> {
    if wanted.role.is_none() && wanted.sees.is_none() && wanted.number_ids.is_none() {
        return Err(Problem::malformed("The body changes nothing. Send `role`, `sees` or `number_ids`."));
    }
    let tx = caller.begin_act().await?;
    let before = membership::get(&tx, id).await?.ok_or_else(not_there)?;
    if let Some(role) = wanted.role {
        is_for_owners(&caller, &[before.role, role])?;
        match membership::change_role(&tx, caller.now(), id, role).await? {
            // What it was is asked again, held until the end: two who change it at once see each other.
            Changed::Done(held) => is_for_owners(&caller, &[held])?,
            Changed::NotThere => return Err(not_there()),
            Changed::LastOwner => return Err(last_owner()),
        }
    }
    if wanted.sees.is_some() || wanted.number_ids.is_some() {
        is_for_owners(&caller, &[before.role])?;
        if wanted.role.unwrap_or(before.role) == Role::Owner {
            return Err(Problem::conflict("An owner sees everything. Give them another role, then limit them."));
        }
        let limits = Limits {
            sees: wanted.sees.unwrap_or(before.limits.sees),
            number_ids: wanted.number_ids.unwrap_or_else(|| before.limits.number_ids.clone()),
        };
        let foreign = sight::foreign_numbers(&tx, limits.number_ids.as_deref().unwrap_or_default()).await?;
        are_numbers(&foreign)?;
        sight::set(&tx, id, &limits).await?;
    }
    let after = membership::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.commit(after.changed(&before)).await.map_err(Problem::repeatable)?;
    Ok(Json(after))
}

/// Refuses numbers that are not there.
pub(super) fn are_numbers(foreign: &[Uuid]) -> Result<(), Problem> {
    match foreign.first() {
        None => Ok(()),
        Some(id) => Err(Problem::invalid(format!(
            "The field `number_ids` names {id}, which is no number of your organization's. `GET /numbers` lists those."
        ))),
    }
}

fn not_there() -> Problem {
    Problem::not_there("member")
}

/// Let a member go
///
/// They work here no more from this moment on; what was theirs is nobody's. Their account stays, for other organizations.
#[utoipa::path(
    delete, path = "/members/{id}", operation_id = "removeMember", tag = "Members",
    params(("id" = Uuid, Path, description = "The member's `user_id`.")),
    responses(
        (status = 200, description = "The member, as they were.", body = Member, example = json!(example::member())),
        Always, Forbidden, NotThere, Conflict,
    ),
)]
pub(super) async fn remove(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Member>, Problem> {
    let tx = caller.begin_act().await?;
    let before = membership::get(&tx, id).await?.ok_or_else(not_there)?;
    is_for_owners(&caller, &[before.role])?;
    match membership::remove(&tx, caller.now(), id).await? {
        Changed::Done(_) => {}
        Changed::NotThere => return Err(not_there()),
        Changed::LastOwner => return Err(last_owner()),
    }
    tx.commit(before.let_go()).await.map_err(Problem::repeatable)?;
    Ok(Json(before))
}
