//! `/invitations`

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use model::act::Role;
use model::invitation::{self, Invitation};
use model::page::Page;
use model::user::{self, Email};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Body, Nothing, Query, Text, given};
use super::id::Id;
use super::language::Language;
use super::member::is_for_owners;
use super::paging::{Part, page_of};
use super::refusals::{Always, BadBody, Forbidden, Invalid, NotThere};
use crate::problem::Problem;

/// List invitations
///
/// Those that hold, newest first. Their links are not shown again.
#[utoipa::path(
    get, path = "/invitations", operation_id = "listInvitations", tag = "Members", params(Part),
    responses(
        (status = 200, description = "A page of invitations.", body = Page<Invitation>,
         example = json!(example::page(example::invitation()))),
        Always, Forbidden, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<Invitation>>, Problem> {
    let tx = caller.begin().await?;
    let data = invitation::list(&tx, caller.now()).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "agent", "email": "luis@example.com"}))]
pub(super) struct NewInvitation {
    /// As what they will work here. Only an owner invites an owner.
    role: Role,
    /// Who is meant; left out or null: whoever has the link.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<Text<254>>>,
}

/// An invitation with its link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Invited {
    #[serde(flatten)]
    #[schema(inline)]
    invitation: Invitation,
    /// Opens it once; it is shown here and never again.
    link: String,
}

/// Invite somebody
///
/// Answers a link, once: whoever opens it within 7 days, before anybody else, works here. Hand it over yourself; where this
/// server sends mail, it also mails one to `email`, in the language of `Accept-Language`, and `mail` says what becomes of it.
#[utoipa::path(
    post, path = "/invitations", operation_id = "createInvitation", tag = "Members", request_body = NewInvitation,
    responses(
        (status = 201, description = "The invitation, with its link.", body = Invited,
         example = json!(example::invited())),
        Always, Forbidden, BadBody, Invalid,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    _: Query<Nothing>,
    Body(wanted): Body<NewInvitation>,
) -> Result<(StatusCode, Json<Invited>), Problem> {
    is_for_owners(&caller, &[wanted.role])?;
    let email: Option<Email> = match wanted.email.flatten() {
        None => None,
        Some(Text(typed)) => Some(typed.parse().map_err(|_| {
            Problem::invalid(
                "The field `email` is no e-mail address. Send one such as `luis@example.com`, or leave it out.",
            )
        })?),
    };
    let tx = caller.begin_act().await?;
    let mailed = state.mails.then(|| language.of(user::Language::En, user::Language::Es));
    let new = invitation::NewInvitation { email: email.as_ref(), role: wanted.role, mailed };
    let (invitation, token) = invitation::create(&tx, caller.now(), &caller.actor(), new).await?;
    tx.commit(invitation.sent()).await.map_err(|error| {
        let (en, es) = ("`GET /invitations` lists those that hold.", "`GET /invitations` lista las que valen.");
        doubt::look_first(error, language, en, es)
    })?;
    state.mail_wake.queued();
    let link = crate::account::invitation_link(&state.public_url, &token);
    Ok((StatusCode::CREATED, Json(Invited { invitation, link })))
}

/// Take an invitation back
///
/// Its link opens nothing any more.
#[utoipa::path(
    delete, path = "/invitations/{id}", operation_id = "revokeInvitation", tag = "Members",
    params(("id" = Uuid, Path, description = "The invitation's id.")),
    responses(
        (status = 200, description = "The invitation, as it was.", body = Invitation,
         example = json!(example::invitation())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn revoke(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Invitation>, Problem> {
    let tx = caller.begin_act().await?;
    let revoked = invitation::revoke(&tx, caller.now(), id).await?.ok_or_else(|| Problem::not_there("invitation"))?;
    is_for_owners(&caller, &[revoked.role])?;
    tx.commit(revoked.taken_back()).await.map_err(Problem::repeatable)?;
    Ok(Json(revoked))
}
