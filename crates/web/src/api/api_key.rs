//! `/keys`

use axum::Json;
use http::StatusCode;
use jiff::Timestamp;
use model::act::KeyScope;
use model::api_key::{self, ApiKey, NewKey};
use model::page::Page;
use model::sight;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Body, Nothing, Query, Text, Time, given};
use super::id::Id;
use super::language::Language;
use super::member::are_numbers;
use super::paging::{Part, page_of};
use super::refusals::{Always, BadBody, Forbidden, Invalid, NotThere};
use crate::key::Who;
use crate::problem::Problem;

/// List API keys
///
/// All of them, oldest first, with what they are for and when they were last used; also those that are revoked.
#[utoipa::path(
    get, path = "/keys", operation_id = "listKeys", tag = "Keys", params(Part),
    responses(
        (status = 200, description = "A page of keys.", body = Page<ApiKey>,
         example = json!(example::page(example::key()))),
        Always, Forbidden, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<ApiKey>>, Problem> {
    let tx = caller.begin().await?;
    let data = api_key::list(&tx).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "CRM", "scopes": ["read", "send"], "number_ids": null, "expires_at": null}))]
pub(super) struct WantedKey {
    /// What people call it.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Text<200>,
    /// What it is for; left out: everything.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<KeyScope>)]
    scopes: Option<Vec<KeyScope>>,
    /// The numbers it is limited to, by `id`; left out or null: all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Uuid>>)]
    number_ids: Option<Option<Vec<Uuid>>>,
    /// From when on it is refused by itself; left out or null: never.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Time>>,
}

impl WantedKey {
    fn check(&self, now: Timestamp) -> Result<(), Problem> {
        if self.scopes.as_ref().is_some_and(Vec::is_empty) {
            return Err(Problem::invalid("The field `scopes` must name at least one of `read`, `send` and `manage`."));
        }
        if self.expires_at.flatten().is_some_and(|Time(end)| end <= now) {
            return Err(Problem::invalid("The field `expires_at` must be later than now."));
        }
        Ok(())
    }
}

/// A key with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeKey {
    #[serde(flatten)]
    #[schema(inline)]
    made: ApiKey,
    /// The key itself; it is shown here and never again.
    key: String,
}

/// Make an API key
///
/// Answers its text, once. Done by people who are signed in: no key makes another one.
#[utoipa::path(
    post, path = "/keys", operation_id = "createKey", tag = "Keys", request_body = WantedKey,
    responses(
        (status = 201, description = "The key, with its text.", body = MadeKey, example = json!(example::made_key())),
        Always, Forbidden, BadBody, Invalid,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    language: Language,
    _: Query<Nothing>,
    Body(wanted): Body<WantedKey>,
) -> Result<(StatusCode, Json<MadeKey>), Problem> {
    wanted.check(caller.now())?;
    let name = wanted.name.name("name")?;
    let number_ids = wanted.number_ids.flatten();
    let tx = caller.begin_act().await?;
    are_numbers(&sight::foreign_numbers(&tx, number_ids.as_deref().unwrap_or_default()).await?)?;
    let created_by = match caller.who() {
        Who::Person { user, .. } => Some(user.id),
        Who::Key { .. } => None,
    };
    let new = NewKey {
        name: name.as_str(),
        scopes: wanted.scopes.as_deref().unwrap_or(&KeyScope::ALL),
        number_ids: number_ids.as_deref(),
        expires_at: wanted.expires_at.flatten().map(|time| time.0),
        created_by,
    };
    let (made, key) = api_key::create(&tx, caller.now(), &new).await?;
    tx.commit(made.made()).await.map_err(|error| {
        let (en, es) = (
            "`GET /keys` lists all keys: revoke it if it is there.",
            "`GET /keys` lista todas las claves: revócala si está.",
        );
        doubt::look_first(error, language, en, es)
    })?;
    Ok((StatusCode::CREATED, Json(MadeKey { made, key: key.expose_secret().to_owned() })))
}

/// Revoke an API key
///
/// It is refused from now on; its live streams end within 5 seconds.
#[utoipa::path(
    delete, path = "/keys/{id}", operation_id = "revokeKey", tag = "Keys",
    params(("id" = Uuid, Path, description = "The key's id.")),
    responses(
        (status = 200, description = "The key, revoked.", body = ApiKey, example = json!(example::key())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn revoke(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<ApiKey>, Problem> {
    let tx = caller.begin_act().await?;
    let revoked = api_key::revoke(&tx, caller.now(), id).await?.ok_or_else(|| Problem::not_there("key"))?;
    tx.commit(revoked.revoked()).await.map_err(Problem::repeatable)?;
    Ok(Json(revoked))
}
