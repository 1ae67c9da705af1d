//! `/templates`

mod change;
mod refused;
mod sample;
mod shown;
pub(super) mod used;
mod way;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use model::act::Act;
use model::audit::Deed;
use model::page::Page;
use model::template::sync::{self, Sync};
use model::template::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, Query, Text, given};
use super::id::Id;
use super::paging::{Cursor, Limit, Part, page_of};
use super::refusals::{Always, Invalid, NotThere};
use crate::problem::Problem;

// The document's paths stand beside their handlers, so the router looks for both in these modules.
pub(super) use change::{__path_change, __path_create, __path_delete, change, create, delete};
use shown::MessageTemplate;

/// What a list of templates may be narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only of this number's account, by its `id`.
    #[serde(default, deserialize_with = "given")]
    number_id: Option<Uuid>,
    /// Only of this account.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 64, example = "102290129340398")]
    waba_id: Option<Text<64>>,
    /// Only of this status, in Meta's words; left out: of any but `DELETED`.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 64, example = "APPROVED")]
    status: Option<Text<64>>,
    /// Only in this language.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 64, example = "es_AR")]
    language: Option<Text<64>>,
    /// Only of this category.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 64, example = "UTILITY")]
    category: Option<Text<64>>,
    /// A part of the name.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 200)]
    q: Option<Text<200>>,
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl Wanted {
    fn filter(self) -> Filter {
        let capitals = |word: Text<64>| word.0.to_ascii_uppercase();
        Filter {
            number_id: self.number_id,
            waba_id: self.waba_id.map(|id| id.0),
            status: self.status.map(capitals),
            language: self.language.map(|language| language.0),
            category: self.category.map(capitals),
            q: self.q.map(|q| q.0),
        }
    }
}

/// List templates
///
/// As Meta lists them, and as its webhooks changed them since; those that came to be known last come first.
#[utoipa::path(
    get, path = "/templates", operation_id = "listTemplates", tag = "Templates", params(Wanted),
    responses(
        (status = 200, description = "A page of templates.", body = Page<MessageTemplate>,
         example = json!(example::page(example::template()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<MessageTemplate>>, Problem> {
    let (after, limit) = (wanted.cursor.map(|cursor| cursor.0), wanted.limit.0);
    let tx = caller.begin().await?;
    let page = template::list(&tx, &wanted.filter(), after, limit).await?;
    tx.close();
    let data = page.data.into_iter().map(MessageTemplate::from).collect();
    Ok(Json(Page { data, next_cursor: page.next_cursor }))
}

/// Get a template
#[utoipa::path(
    get, path = "/templates/{id}", operation_id = "getTemplate", tag = "Templates",
    params(("id" = Uuid, Path, description = "The template's id.")),
    responses(
        (status = 200, description = "The template.", body = MessageTemplate, example = json!(example::template())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<MessageTemplate>, Problem> {
    let tx = caller.begin().await?;
    let found = template::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found.into()))
}

fn not_there() -> Problem {
    Problem::not_there("template")
}

/// See how fresh templates are
///
/// For each of your accounts, when its templates were last read from Meta, when they are next, and why it failed.
#[utoipa::path(
    get, path = "/templates/sync", operation_id = "listTemplateSyncs", tag = "Templates", params(Part),
    responses(
        (status = 200, description = "A page of accounts.", body = Page<Sync>,
         example = json!(example::page(example::template_sync()))),
        Always, Invalid,
    ),
)]
pub(super) async fn syncs(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<Sync>>, Problem> {
    let tx = caller.begin().await?;
    let data = sync::list(&tx).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// Read templates from Meta now
///
/// All connected accounts' templates are read within seconds, and not sooner than ten seconds after they were last. It
/// happens by itself every six hours, and when a webhook names a template that is not known.
#[utoipa::path(
    post, path = "/templates/sync", operation_id = "syncTemplates", tag = "Templates",
    responses(
        (status = 202, description = "A page of accounts, which are about to be read.", body = Page<Sync>,
         example = json!(example::page(example::template_sync()))),
        Always,
    ),
)]
pub(super) async fn sync_now(
    caller: Caller,
    State(state): State<crate::State>,
    _: Query<Nothing>,
) -> Result<(StatusCode, Json<Page<Sync>>), Problem> {
    let tx = caller.begin_act_beyond().await?;
    sync::ask(&tx, caller.scope(), None, state.clock.now()).await?;
    tx.commit(Deed::new(Act::ManageTemplates, "sync", "templates", "")).await.map_err(Problem::repeatable)?;
    let tx = caller.begin().await?;
    let data = sync::list(&tx).await?;
    tx.close();
    Ok((StatusCode::ACCEPTED, Json(page_of(data, Limit::default(), None))))
}
