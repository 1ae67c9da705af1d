//! New templates.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::check::{Rules, components};
use super::languages::LANGUAGES;
use super::refusal::{plain, refused, unknown};
use super::variables::Format;
use crate::error::GraphError;
use crate::graph::call::missing;
use crate::graph::{Answer, Call, Reply};
use crate::world::{Draft, World};

/// Templates that an account may have, by whether its business is verified (§9.1).
const MOST_VERIFIED: usize = 6000;
const MOST_UNVERIFIED: usize = 250;

/// Templates that an account may create in an hour (§9.1).
const MOST_IN_AN_HOUR: usize = 100;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

const CATEGORIES: &[&str] = &["AUTHENTICATION", "MARKETING", "UTILITY"];

/// Characters of a name.
const NAME: usize = 512;

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    if call.param("library_template_name").is_some() {
        return Err(plain("Template library", "Meta's library of templates is not here: create one with components."));
    }
    let language = language(&call.required("language")?)?;
    let draft = draft(call, language)?;
    admit(call.world, &call.object, &draft.name, &draft.language, call.now)?;
    let category = draft.category.clone();
    let id = call.world.create_template(&call.object, draft, false, call.now);
    Ok(Reply::Json(json!({ "id": id, "status": "PENDING", "category": category })))
}

/// Authentication templates in several languages: new ones are made, known ones get these components. All are approved
/// at once.
pub(super) fn upsert(call: &mut Call<'_>) -> Answer {
    let languages = call.json("languages")?.ok_or_else(|| missing("languages"))?;
    let languages: Vec<&str> = languages.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if languages.is_empty() {
        return Err(missing("languages"));
    }
    let drafts: Vec<Draft> =
        languages.iter().map(|word| draft(call, language(word)?)).collect::<Result<_, GraphError>>()?;
    if drafts.iter().any(|draft| draft.category != "AUTHENTICATION") {
        return Err(unknown("category", &["AUTHENTICATION"], &call.text("category").unwrap_or_default()));
    }
    let mut rows = Vec::new();
    for draft in drafts {
        let language = draft.language.clone();
        let id = match find(call.world, &call.object, &draft.name, &language) {
            Some(id) => {
                let template = &mut call.world.templates[&id];
                template.components = draft.components;
                template.ttl_seconds = draft.ttl_seconds;
                id
            }
            None => {
                admit(call.world, &call.object, &draft.name, &language, call.now)?;
                call.world.create_template(&call.object, draft, true, call.now)
            }
        };
        // The template is there and the event is known: nothing can go wrong.
        let _ = call.world.template_event(&id, "APPROVED", None, call.now);
        rows.push(json!({ "id": id, "status": "APPROVED", "language": language }));
    }
    Ok(Reply::Json(json!({ "data": rows })))
}

/// What the call says of a template, checked.
fn draft(call: &Call<'_>, language: String) -> Result<Draft, GraphError> {
    let name = name(call.required("name")?)?;
    let category = one_of("category", CATEGORIES, &call.required("category")?)?;
    let format = call.text("parameter_format").unwrap_or_else(|| "POSITIONAL".into());
    let parameter_format = one_of("parameter_format", &["POSITIONAL", "NAMED"], &format)?;
    let ttl_seconds = ttl(call, &category)?;
    let given = call.json("components")?.ok_or_else(|| missing("components"))?;
    let components = components(&given, &rules(&category, &parameter_format, call.world))?;
    Ok(Draft { name, language, category, parameter_format, components, ttl_seconds })
}

pub(super) fn rules<'a>(category: &'a str, parameter_format: &str, world: &'a World) -> Rules<'a> {
    let format = if parameter_format == "NAMED" { Format::Named } else { Format::Positional };
    Rules { category, format, world }
}

fn name(name: String) -> Result<String, GraphError> {
    let plain_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if name.is_empty() || !plain_name || name.len() > NAME {
        let why = "A template's name has 1 to 512 characters: lowercase letters, digits and underscores.";
        return Err(plain("Invalid template name", why));
    }
    Ok(name)
}

fn language(word: &str) -> Result<String, GraphError> {
    match LANGUAGES.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(GraphError::of(100).message(format!("(#100) Param language is not supported - got \"{word}\"."))),
    }
}

pub(super) fn one_of(param: &str, known: &[&str], word: &str) -> Result<String, GraphError> {
    let capitals = word.to_ascii_uppercase();
    if known.contains(&capitals.as_str()) { Ok(capitals) } else { Err(unknown(param, known, word)) }
}

/// How long Meta shall try to deliver, in seconds: each category has its span (§11); -1 stands for 30 days.
pub(super) fn ttl(call: &Call<'_>, category: &str) -> Result<Option<i64>, GraphError> {
    let Some(given) = call.text("message_send_ttl_seconds") else { return Ok(None) };
    let span = match category {
        "AUTHENTICATION" => 30..=900,
        "UTILITY" => 30..=43_200,
        _ => 43_200..=2_592_000,
    };
    let seconds = given.parse::<i64>().ok();
    let fits = seconds.filter(|seconds| span.contains(seconds) || *seconds == -1 && category != "MARKETING");
    fits.map(Some).ok_or_else(|| {
        let (from, to) = (span.start(), span.end());
        plain(
            "Invalid time-to-live",
            format!("message_send_ttl_seconds of {category} templates is from {from} to {to}."),
        )
    })
}

/// The template of this name and language.
fn find(world: &World, waba_id: &str, name: &str, language: &str) -> Option<String> {
    let same = |template: &&crate::world::Template| {
        template.waba_id == waba_id && template.name == name && template.language == language
    };
    world.templates.values().find(same).map(|template| template.id.clone())
}

/// Whether the account may have one more of this name, and counts it: names are free, none was deleted in the last 30
/// days, and there is room.
fn admit(world: &mut World, waba_id: &str, name: &str, language: &str, now: Timestamp) -> Result<(), GraphError> {
    if find(world, waba_id, name, language).is_some() {
        let why =
            format!("There is already {language} content for this template. Create a new template and try again.");
        return Err(refused(2388024, why));
    }
    let most = limit(world, waba_id);
    let many = world.templates.values().filter(|template| template.waba_id == waba_id).count();
    let waba = &mut world.wabas[waba_id];
    waba.blocked_names.retain(|_, until| now < *until);
    if waba.blocked_names.contains_key(name) || waba.blocked_names.contains_key(&only_in(name, language)) {
        let why = format!(
            "New {language} content can't be added while the existing {language} content is being deleted. Try again \
             in 30 days or create a new template."
        );
        return Err(refused(2388023, why));
    }
    if many >= most {
        return Err(refused(2388019, format!("This account can have {most} message templates at most.")));
    }
    waba.creations.retain(|at| now.duration_since(*at) < HOUR);
    if waba.creations.len() >= MOST_IN_AN_HOUR {
        let why = format!("This account can create {MOST_IN_AN_HOUR} message templates in an hour at most.");
        return Err(refused(2388019, why));
    }
    waba.creations.push_back(now);
    Ok(())
}

/// How many templates an account may have.
pub(super) fn limit(world: &World, waba_id: &str) -> usize {
    let business = world.wabas.get(waba_id).and_then(|waba| world.businesses.get(&waba.business_id));
    if business.is_some_and(|business| business.verified) { MOST_VERIFIED } else { MOST_UNVERIFIED }
}

/// How a name that is blocked in one language only stands among the blocked names.
pub(super) fn only_in(name: &str, language: &str) -> String {
    format!("{name}/{language}")
}
