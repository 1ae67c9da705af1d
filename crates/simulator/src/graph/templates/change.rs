//! Templates edited, deleted, and let go on.

use jiff::SignedDuration;
use serde_json::json;

use super::check::components;
use super::create::{one_of, only_in, rules, ttl};
use super::refusal::{plain, refused};
use crate::error::GraphError;
use crate::graph::{Answer, Call, Reply};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The month in which an approved template is edited ten times at most, and after which a deleted name is free (§9.1).
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Edits of an approved template in a month.
const EDITS: usize = 10;

/// Components as a whole, or another category, or both; what is changed is reviewed again (§9.1). The answer says which
/// template it is, as clients expect that know newer answers than Meta's sample.
pub(super) fn edit(call: &mut Call<'_>) -> Answer {
    may_edit(call)?;
    let template = &call.world.templates[&call.object];
    let category = match call.text("category") {
        Some(word) => one_of("category", &["AUTHENTICATION", "MARKETING", "UTILITY"], &word)?,
        None => template.category.clone(),
    };
    let approved = template.status == "APPROVED";
    if approved && category != template.category {
        return Err(refused(2388039, "The category of an approved template can't be changed."));
    }
    let format = call.text("parameter_format").unwrap_or_else(|| template.parameter_format.clone());
    let format = one_of("parameter_format", &["POSITIONAL", "NAMED"], &format)?;
    let ttl_seconds = ttl(call, &category)?;
    let given = call.json("components")?;
    if given.is_none() && ttl_seconds.is_none() && category == template.category {
        return Err(GraphError::of(100).message("(#100) One of components and category must be given."));
    }
    // Other words make other demands: what is kept is checked as well.
    let given = given.unwrap_or_else(|| template.components.clone().into());
    let components = components(&given, &rules(&category, &format, call.world))?;

    let template = &mut call.world.templates[&call.object];
    if approved {
        template.edits.push_back(call.now);
    }
    if category != template.category {
        template.previous_category = Some(std::mem::replace(&mut template.category, category));
    }
    template.components = components;
    template.parameter_format = format;
    template.ttl_seconds = ttl_seconds.or(template.ttl_seconds);
    template.updated_at = call.now;
    template.review = crate::world::Review::Approve;
    let answer = json!({ "success": true, "id": template.id, "name": template.name, "category": template.category });
    call.world.submit_template(&call.object, call.now);
    Ok(Reply::Json(answer))
}

/// Whether its status and its past allow an edit, and whether name and language, where they come along, are its own.
fn may_edit(call: &mut Call<'_>) -> Result<(), GraphError> {
    let (name, language, now) = (call.text("name"), call.text("language"), call.now);
    let template = &mut call.world.templates[&call.object];
    if name.is_some_and(|name| name != template.name) || language.is_some_and(|word| word != template.language) {
        return Err(plain("Template can't be renamed", "The name and the language of a template can't be changed."));
    }
    template.edits.retain(|at| now.duration_since(*at) < MONTH);
    match template.status.as_str() {
        "REJECTED" | "PAUSED" => Ok(()),
        "APPROVED" if template.edits.back().is_some_and(|at| now.duration_since(*at) < DAY) => {
            Err(plain("Template can't be edited", "An approved template can be edited once in 24 hours."))
        }
        "APPROVED" if template.edits.len() >= EDITS => {
            Err(plain("Template can't be edited", "An approved template can be edited 10 times in 30 days."))
        }
        "APPROVED" => Ok(()),
        status => {
            let why = format!("Only approved, rejected and paused templates can be edited; this one is {status}.");
            Err(plain("Template can't be edited", why))
        }
    }
}

/// By name, in all languages; by id and name, in one. The name is blocked for 30 days.
pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let name = call.required("name")?;
    let only = call.text("hsm_id");
    let ids: Vec<String> = call
        .world
        .templates
        .values()
        .filter(|template| template.waba_id == call.object && template.name == name)
        .filter(|template| only.as_ref().is_none_or(|id| *id == template.id))
        .map(|template| template.id.clone())
        .collect();
    if ids.is_empty() {
        return Err(refused(2593002, format!("No message template exists with name \"{name}\" to delete.")));
    }
    let until = call.now + MONTH;
    for id in &ids {
        let language = call.world.templates[id].language.clone();
        let blocked = if only.is_some() { only_in(&name, &language) } else { name.clone() };
        call.world.wabas[&call.object].blocked_names.insert(blocked, until);
        // The template is there and the event is known: nothing can go wrong.
        let _ = call.world.template_event(id, "DELETED", None, call.now);
    }
    Reply::success()
}

/// A paused template goes on before its time; what is not paused stays as it is, and the answer says why.
pub(super) fn unpause(call: &mut Call<'_>) -> Answer {
    let status = &call.world.templates[&call.object].status;
    if status != "PAUSED" {
        let reason = format!("Only a paused template can be unpaused; this one is {status}.");
        return Ok(Reply::Json(json!({ "success": false, "reason": reason })));
    }
    // The template is there and the event is known: nothing can go wrong.
    let _ = call.world.template_event(&call.object, "APPROVED", None, call.now);
    Reply::success()
}
