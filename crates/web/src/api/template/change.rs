//! `POST /templates`, `PATCH /templates/{id}`, `DELETE /templates/{id}`

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use model::link::By;
use model::template::{self, Listed, Template};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use whatsapp::graph::{Failure, TemplateQuery};
use whatsapp::outgoing::{self, NewTemplate};

use super::sample;
use super::shown::MessageTemplate;
use super::way::Way;
use super::{not_there, refused};
use crate::api::caller::Caller;
use crate::api::example;
use crate::api::fields::{Flag, Members, Nothing, Query, given};
use crate::api::id::Id;
use crate::api::language::Language;
use crate::api::refusals::{Always, BadBody, Conflict, Invalid, NotThere};
use crate::api::send::mistakes;
use crate::problem::Problem;

/// What Meta answers where there is no such object, or none that the token may see.
const NO_SUCH_OBJECT: (i64, i64) = (100, 33);

/// What Meta answers to the deletion of an unknown name.
const NO_SUCH_TEMPLATE: i64 = 2_593_002;

/// A template to submit for review: Meta's object, and beside it the account it is for.
#[derive(ToSchema)]
#[schema(example = json!(example::new_template()))]
#[expect(dead_code, reason = "members that are Meta's are documented here and read by `outgoing`")]
pub(in crate::api) struct NewMessageTemplate {
    /// The account it is for, by a number of it, by its `id`; give this or `waba_id`.
    #[schema(value_type = Option<Uuid>)]
    number_id: Option<Uuid>,
    /// The same, by Meta's id.
    #[schema(value_type = Option<String>, example = "102290129340398")]
    waba_id: Option<String>,
    /// Small letters, digits and `_`.
    #[schema(example = "order_ready")]
    name: String,
    /// As Meta writes languages.
    #[schema(example = "es_AR")]
    language: String,
    /// `AUTHENTICATION`, `MARKETING` or `UTILITY`.
    #[schema(example = "UTILITY")]
    category: String,
    /// Header, body, footer, buttons, as Meta writes them, with a sample for each variable; left out with
    /// `library_template_name`.
    #[schema(value_type = Option<Vec<Object>>)]
    components: Option<Vec<Value>>,
    /// A template of Meta's library, in the place of `components`; what goes into it, in Meta's
    /// `library_template_body_inputs` and `library_template_button_inputs`.
    #[schema(value_type = Option<String>)]
    library_template_name: Option<String>,
    /// What goes into the body of a template of Meta's library.
    #[schema(value_type = Option<Object>)]
    library_template_body_inputs: Option<Value>,
    /// What goes into its buttons.
    #[schema(value_type = Option<Vec<Object>>)]
    library_template_button_inputs: Option<Vec<Value>>,
    /// `POSITIONAL`, the rule: variables are `{{1}}`, `{{2}}`. `NAMED`: they are `{{first_name}}`.
    #[schema(value_type = Option<String>)]
    parameter_format: Option<String>,
    /// How long Meta tries to deliver it, in seconds.
    #[schema(value_type = Option<i32>)]
    message_send_ttl_seconds: Option<i32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    #[serde(default, deserialize_with = "given")]
    number_id: Option<Uuid>,
    #[serde(default, deserialize_with = "given")]
    waba_id: Option<String>,
}

const ACCOUNT: &[&str] = &["number_id", "waba_id"];

impl Account {
    fn by(&self) -> Result<(By<'_>, &'static str), Problem> {
        match (self.number_id, &self.waba_id) {
            (Some(id), None) => Ok((By::Id(id), "connected number")),
            (None, Some(waba_id)) => Ok((By::Waba(waba_id), "connected account")),
            (Some(_), Some(_)) => Err(Problem::malformed("Both `number_id` and `waba_id` are given. Send one.")),
            (None, None) => Err(Problem::malformed("The field `number_id` is missing; `waba_id` will do as well.")),
        }
    }
}

/// Create a template
///
/// Checked here, with everything that is wrong at once, and then submitted to Meta, whose reviewers take minutes, or up
/// to a day: `status` goes on from `PENDING`, and `template.updated` tells it.
#[utoipa::path(
    post, path = "/templates", operation_id = "createTemplate", tag = "Templates", request_body = NewMessageTemplate,
    responses(
        (status = 201, description = "The template, as Meta took it.", body = MessageTemplate,
         example = json!(example::template())),
        Always, NotThere, Conflict, BadBody, Invalid,
    ),
)]
pub(in crate::api) async fn create(
    caller: Caller,
    State(state): State<crate::State>,
    _: Query<Nothing>,
    language: Language,
    mut members: Members,
) -> Result<(StatusCode, Json<MessageTemplate>), Problem> {
    let account: Account = members.take(ACCOUNT)?;
    let (by, what) = account.by()?;
    let mut wanted =
        outgoing::check_template(&Value::Object(members.object()?)).map_err(|all| mistakes(all, "", language))?;
    let way = Way::find(&caller, &state, by, language).await?.ok_or_else(|| Problem::not_there(what))?;
    let samples = std::mem::take(&mut wanted.samples);
    sample::bring(&way, &mut wanted.body, samples, language).await?;
    let before = way.ids(&wanted.name, &wanted.language).await?;
    let asked = way.graph().create_template(&way.credential, &way.waba_id, &wanted.body).await;
    let known = match asked {
        Ok(created) => Listed {
            template_id: created.id,
            status: created.status.or_else(|| Some("PENDING".into())),
            category: created.category.or_else(|| Some(wanted.category.into())),
            ..listed(wanted)
        },
        Err(failure) => match refused::problem(&failure, language) {
            Some(problem) => return Err(problem),
            None => found(&way, &before, wanted, language).await?,
        },
    };
    let is_read = known.components.is_some();
    let kept = way.keep("create", known, language).await?;
    if !is_read {
        // What Meta's library put into it is read from there.
        way.read_soon().await;
    }
    Ok((StatusCode::CREATED, Json(kept.into())))
}

fn listed(wanted: NewTemplate) -> Listed {
    Listed {
        name: wanted.name,
        language: Some(wanted.language),
        category: Some(wanted.category.into()),
        parameter_format: Some(wanted.parameter_format.unwrap_or("POSITIONAL").into()),
        ttl_seconds: wanted.body["message_send_ttl_seconds"].as_i64().and_then(|seconds| i32::try_from(seconds).ok()),
        components: wanted.body.get("components").cloned(),
        ..Listed::default()
    }
}

/// Looks for a template that Meta may have made without saying so. One that was known before Meta was asked is not it; a
/// webhook may have told of the new one since.
async fn found(
    way: &Way<'_>,
    before: &HashSet<String>,
    wanted: NewTemplate,
    language: Language,
) -> Result<Listed, Problem> {
    let query =
        TemplateQuery { name: Some(&wanted.name), language: Some(&wanted.language), ..TemplateQuery::default() };
    let same = |one: &whatsapp::graph::Template| {
        one.name == wanted.name && one.language.as_deref() == Some(wanted.language.as_str())
    };
    let listed_now = way.graph().templates(&way.credential, &way.waba_id, query, 100).await;
    let found = listed_now.ok().and_then(|all| all.into_iter().find(same));
    if let Some(found) = found {
        if before.contains(&found.id) {
            return Err(Problem::conflict(language.of(
                "There is a template of this name in this language already. Choose another name, or change that one.",
                "Ya hay una plantilla con este nombre en este idioma. Elige otro nombre, o cambia esa.",
            )));
        }
        return Ok(Listed { template_id: found.id, status: found.status, ..listed(wanted) });
    }
    way.read_soon().await;
    Err(unclear(language))
}

/// 503: Meta gave no complete answer.
fn unclear(language: Language) -> Problem {
    Problem::unavailable(
        language.of(
            "Meta gave no complete answer, so nobody can tell yet whether this was done. Templates are being read anew: \
             look at `GET /templates` in a minute, before you send this again.",
            "Meta no dio una respuesta completa, así que aún no se sabe si esto se hizo. Las plantillas se están leyendo de \
             nuevo: mira `GET /templates` en un minuto, antes de enviar esto otra vez.",
        ),
        60,
    )
}

/// What to change about a template. It is reviewed again.
#[derive(ToSchema)]
#[schema(example = json!(example::template_change()))]
#[expect(dead_code, reason = "members that are Meta's are documented here and read by `outgoing`")]
pub(in crate::api) struct MessageTemplateChange {
    /// All of its components, as in a new one; left out: as they are.
    #[schema(value_type = Option<Vec<Object>>)]
    components: Option<Vec<Value>>,
    /// Another category; not of an approved template.
    #[schema(value_type = Option<String>)]
    category: Option<String>,
    /// `POSITIONAL` or `NAMED`, for these components.
    #[schema(value_type = Option<String>)]
    parameter_format: Option<String>,
    /// How long Meta tries to deliver it, in seconds.
    #[schema(value_type = Option<i32>)]
    message_send_ttl_seconds: Option<i32>,
}

/// Change a template
///
/// Meta lets templates be changed that are approved, rejected or paused; approved ones once in 24 hours, and 10 times in
/// 30 days. What is changed is reviewed again.
#[utoipa::path(
    patch, path = "/templates/{id}", operation_id = "changeTemplate", tag = "Templates",
    params(("id" = Uuid, Path, description = "The template's id.")),
    request_body = MessageTemplateChange,
    responses(
        (status = 200, description = "The template as it is now.", body = MessageTemplate,
         example = json!(example::template())),
        Always, NotThere, Conflict, BadBody, Invalid,
    ),
)]
pub(in crate::api) async fn change(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
    members: Members,
) -> Result<Json<MessageTemplate>, Problem> {
    let mut wanted = members.object()?;
    let known = known(&caller, id).await?;
    // What says the same as before changes nothing.
    for (name, is) in [("name", &known.name), ("language", &known.language)] {
        if wanted.get(name).is_some_and(|given| given.as_str().is_some() && given.as_str() == is.as_deref()) {
            wanted.shift_remove(name);
        }
    }
    let (category, format) = (known.category.as_deref(), known.parameter_format.as_deref());
    let mut edit = outgoing::check_template_edit(&Value::Object(wanted), category, format)
        .map_err(|all| mistakes(all, "", language))?;
    let way = way_to(&caller, &state, &known, language).await?;
    let samples = std::mem::take(&mut edit.samples);
    sample::bring(&way, &mut edit.body, samples, language).await?;
    if let Err(failure) = way.graph().edit_template(&way.credential, &known.template_id, &edit.body).await {
        return Err(match refused::problem(&failure, language) {
            Some(problem) => problem,
            None => {
                way.read_soon().await;
                unclear(language)
            }
        });
    }
    let text = |key: &str| edit.body[key].as_str().map(str::to_ascii_uppercase);
    let expected = Listed {
        category: text("category").or(known.category),
        parameter_format: text("parameter_format").or(known.parameter_format),
        components: edit.body.get("components").cloned().or(known.components),
        status: Some("PENDING".into()),
        template_id: known.template_id,
        name: known.name.unwrap_or_default(),
        language: known.language,
        previous_category: known.previous_category,
        quality: known.quality,
        reason: None,
        ttl_seconds: known.ttl_seconds,
    };
    Ok(Json(way.keep("change", expected, language).await?.into()))
}

async fn known(caller: &Caller, id: Uuid) -> Result<Template, Problem> {
    let tx = caller.begin().await?;
    let known = template::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(known)
}

async fn way_to<'a>(
    caller: &'a Caller,
    state: &'a crate::State,
    template: &Template,
    language: Language,
) -> Result<Way<'a>, Problem> {
    let way = Way::find(caller, state, By::Waba(&template.waba_id), language).await?;
    way.ok_or_else(|| {
        Problem::conflict(language.of(
            "No number of this template's account is connected, so Meta cannot be asked. Connect one, then send this again.",
            "Ningún número de la cuenta de esta plantilla está conectado, así que no se puede preguntar a Meta. Conecta uno y envía esto otra vez.",
        ))
    })
}

/// How much of a template to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct HowMuch {
    /// `true`: the templates of this name in all languages.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<bool>)]
    all_languages: Option<Flag>,
}

/// Delete a template
///
/// In this language alone, unless `all_languages` is given. Its name is not free for 30 days. It stays here as `DELETED`.
#[utoipa::path(
    delete, path = "/templates/{id}", operation_id = "deleteTemplate", tag = "Templates",
    params(("id" = Uuid, Path, description = "The template's id."), HowMuch),
    responses(
        (status = 200, description = "The template as it is now.", body = MessageTemplate,
         example = json!(example::template())),
        Always, NotThere, Conflict, Invalid,
    ),
)]
pub(in crate::api) async fn delete(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    Query(how_much): Query<HowMuch>,
    language: Language,
) -> Result<Json<MessageTemplate>, Problem> {
    let known_before = known(&caller, id).await?;
    let all = how_much.all_languages == Some(Flag::Yes);
    let Some(name) = known_before.name.as_deref() else {
        return Err(Problem::conflict(language.of(
            "Meta has not said this template's name yet, by which it is deleted. Send this again in a minute.",
            "Meta aún no dijo el nombre de esta plantilla, por el que se elimina. Envía esto otra vez en un minuto.",
        )));
    };
    let way = way_to(&caller, &state, &known_before, language).await?;
    let only = (!all).then_some(known_before.template_id.as_str());
    let asked = way.graph().delete_template(&way.credential, &way.waba_id, name, only).await;
    match asked {
        Ok(()) => {}
        Err(failure) if is_gone(&failure) => {}
        Err(failure) => {
            return Err(match refused::problem(&failure, language) {
                Some(problem) => problem,
                None => {
                    way.read_soon().await;
                    unclear(language)
                }
            });
        }
    }
    Ok(Json(way.deleted(known_before, all, language).await?.into()))
}

/// Whether there was nothing to delete.
fn is_gone(failure: &Failure) -> bool {
    let Failure::Refused(error) = failure else { return false };
    error.subcode == Some(NO_SUCH_TEMPLATE) || (error.code, error.subcode.unwrap_or(0)) == NO_SUCH_OBJECT
}
