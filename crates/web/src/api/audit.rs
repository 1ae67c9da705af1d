//! `/audit`

use axum::Json;
use model::audit::{self, Entry, Filter};
use model::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Query, Text, given};
use super::paging::{Cursor, Limit};
use super::refusals::{Always, Forbidden, Invalid};
use crate::problem::Problem;

/// What the audit may be narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only what this user or key did, by id.
    #[serde(default, deserialize_with = "given")]
    actor_id: Option<Uuid>,
    /// Only acts that begin so, such as `members.manage` or `members.manage/invite`.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 100)]
    act: Option<Text<100>>,
    /// Only what was done to this, by id.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 100)]
    subject_id: Option<Text<100>>,
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// Read the audit
///
/// Who did what in your organization, newest first: what changes members, teams, keys, numbers, templates and settings, with
/// what held before and holds since. Secrets are never in it.
#[utoipa::path(
    get, path = "/audit", operation_id = "readAudit", tag = "Audit", params(Wanted),
    responses(
        (status = 200, description = "A page of what was done.", body = Page<Entry>,
         example = json!(example::page(example::audit()))),
        Always, Forbidden, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Entry>>, Problem> {
    let text = |text: Option<Text<100>>| text.map(|Text(text)| text);
    let filter = Filter { actor_id: wanted.actor_id, act: text(wanted.act), subject_id: text(wanted.subject_id) };
    let tx = caller.begin().await?;
    let page = audit::list(&tx, &filter, wanted.cursor.map(|cursor| cursor.0), wanted.limit.0).await?;
    tx.close();
    Ok(Json(page))
}
