//! `/me`

use axum::Json;
use axum::extract;
use model::act::{KeyScope, Role};
use model::organization::{self, Organization};
use model::quota::{self, Shares};
use model::retention::{self, Gone};
use model::sight::{self, Limits, Sees};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query};
use super::refusals::Always;
use crate::State;
use crate::key::Who;
use crate::problem::Problem;

/// Whoever asks, by the name that people call them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Named {
    /// A user's id, or a key's.
    id: Uuid,
    /// What people call them.
    name: String,
}

/// Who the API key stands for, and what answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The organization whose rows this key opens.
    organization: Organization,
    /// The person who asks; null: a key does.
    user: Option<Named>,
    /// The API key that asks; null: a person does.
    key: Option<Named>,
    /// As what the person works here; null: a key asks.
    role: Option<Role>,
    /// What the key is for; null: a person asks.
    scopes: Option<Vec<KeyScope>>,
    /// Of which conversations they are limited to see.
    sees: Sees,
    /// The numbers they are limited to see; null: all.
    number_ids: Option<Vec<Uuid>>,
    /// What they may do: each operation of this API says in `x-act` which it is.
    acts: Vec<&'static str>,
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
/// The organization that is asked for, who asks and what they may do, what it has taken of the server and may take, what of it went past its
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
    let (user, key, role, scopes) = match caller.who() {
        Who::Person { user, role, .. } => {
            (Some(Named { id: user.id, name: user.name.clone() }), None, Some(*role), None)
        }
        Who::Key { id, name, scopes } => {
            (None, Some(Named { id: *id, name: name.clone() }), None, Some(scopes.clone()))
        }
    };
    let Limits { sees, number_ids } = match caller.scope().viewer_id() {
        Some(viewer) => sight::of(&tx, viewer).await?,
        None => Limits::NONE,
    };
    tx.close();
    let acts = caller.acts().map(model::act::Act::word).collect();
    let (api_version, version) = ("v1", state.version);
    Ok(Json(Me { organization, user, key, role, scopes, sees, number_ids, acts, quotas, gone, api_version, version }))
}
