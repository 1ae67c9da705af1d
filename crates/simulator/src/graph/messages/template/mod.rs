//! Templates at the time of sending: looked up, their parameters checked, and written out as the customer sees them
//! (§8.2, §9.1).

mod buttons;
mod carousel;
mod given;
mod header;
mod offer;
mod text;

use serde_json::{Map, Value};

use super::Check;
use super::part::Part;
use super::recipient::Recipient;
use crate::error::GraphError;
use crate::world::{Template, World};
use given::Given;

const BODY_CHARACTERS: usize = 1024;
const CARD_BODY_CHARACTERS: usize = 160;

/// A template with its parameters.
#[derive(Debug)]
pub(super) struct Filled {
    /// `{header?: {type, text | media | location | product}, body, footer?, offer?, buttons: [{type, text, payload?,
    /// url?, phone?}], cards?: [{header, body?, buttons}]}`.
    pub(super) rendered: Value,
    /// Its category, in small letters.
    pub(super) category: String,
}

/// What holds for a whole template.
#[derive(Clone, Copy, Debug)]
struct Style<'a> {
    /// Parameters have names, else places.
    named: bool,
    /// The language of an authentication template.
    authentication: Option<&'a str>,
    body_characters: usize,
}

/// A template message is good. Errors: 100 (structure), 131008 (a parameter without a value, a button without its
/// parameter), 131062 (a user id), 132000 (counts), 132001 (no such template), 132005 (too long), 132012 (formats),
/// 132015, 132016, 132018 (characters), and those of media.
pub(super) fn check(check: &mut Check<'_>, part: &Part<'_>, recipient: &Recipient) -> Result<Filled, GraphError> {
    // `namespace` was needed on premises, and is taken still.
    part.keys(&["name", "language", "components", "namespace"])?;
    let template = find(check.world, check.phone_number_id, part)?;
    let authentication = template.category == "AUTHENTICATION";
    if authentication && !recipient.is_phone() {
        return Err(GraphError::of(131062)
            .details("Authentication templates can be sent to phone numbers only, not to business-scoped user ids."));
    }
    let style = Style {
        named: template.parameter_format.eq_ignore_ascii_case("NAMED"),
        authentication: authentication.then_some(&template.language),
        body_characters: BODY_CHARACTERS,
    };
    let given = Given::of_message(part.get("components"))?;
    let mut rendered = fill(check, &template.components, &given, style)?;
    if let Some(cards) = carousel::fill(check, &template.components, given.carousel.as_ref(), style)? {
        rendered.insert("cards".into(), cards);
    }
    if let Some(offer) = offer::fill(&template.components, given.offer.as_ref())? {
        rendered.insert("offer".into(), offer);
    }
    Ok(Filled { rendered: rendered.into(), category: template.category.to_ascii_lowercase() })
}

/// The template of this name and language, if it may be sent.
fn find<'w>(world: &'w World, phone_number_id: &str, part: &Part<'_>) -> Result<&'w Template, GraphError> {
    let name = part.words("name")?;
    let language = part.need("language")?;
    language.keys(&["code", "policy"])?;
    let code = language.words("code")?;
    if let Some(policy) = language.get("policy") {
        policy.one_of(&["deterministic"])?;
    }
    let waba = world.waba_of(phone_number_id).map(|waba| waba.id.as_str());
    let named = |template: &&Template| {
        Some(template.waba_id.as_str()) == waba && template.name == name && template.language == code
    };
    let template = world.templates.values().find(named);
    match template.map(|template| template.status.as_str()) {
        Some("APPROVED") => Ok(template.expect("it has a status")),
        Some("PAUSED") => Err(GraphError::of(132015).details(format!("Template ({name}) is paused: low quality."))),
        Some("DISABLED") => Err(GraphError::of(132016).details(format!("Template ({name}) is disabled."))),
        _ => Err(GraphError::of(132001).details(format!("template name ({name}) does not exist in {code}"))),
    }
}

/// Fills header, body, footer and buttons: of a message, or of one card.
fn fill(
    check: &mut Check<'_>,
    components: &[Value],
    given: &Given<'_>,
    style: Style<'_>,
) -> Result<Map<String, Value>, GraphError> {
    let mut shown = Map::new();
    if let Some(header) = header::fill(check, component(components, "HEADER"), given.header.as_ref(), style)? {
        shown.insert("header".into(), header);
    }
    let (body, footer) = (component(components, "BODY"), component(components, "FOOTER"));
    let (body, footer) = text::written(body, footer, style.authentication);
    let body = text::fill("body", &body, style.named, given.body.as_ref())?;
    text::short("body", &body, style.body_characters)?;
    if !body.is_empty() {
        shown.insert("body".into(), body.into());
    }
    if let Some(footer) = footer {
        shown.insert("footer".into(), footer.into());
    }
    let none = Vec::new();
    let buttons = component(components, "BUTTONS").and_then(|part| part["buttons"].as_array()).unwrap_or(&none);
    shown.insert("buttons".into(), buttons::fill(buttons, &given.buttons)?.into());
    Ok(shown)
}

/// The component of a type, in capitals.
fn component<'a>(components: &'a [Value], kind: &str) -> Option<&'a Value> {
    components.iter().find(|component| is(component, kind))
}

/// Whether a component or a button is of a type.
fn is(part: &Value, kind: &str) -> bool {
    part["type"].as_str().is_some_and(|word| word.eq_ignore_ascii_case(kind))
}

/// 132012: a parameter of another kind than the template has there.
fn mismatch(place: &str, expected: &str, received: &str) -> GraphError {
    let (expected, received) = (expected.to_ascii_uppercase(), received.to_ascii_uppercase());
    GraphError::of(132012).details(format!("{place}: Format mismatch, expected {expected}, received {received}"))
}

/// 132000: more or fewer parameters than the template has.
fn miscount(place: &str, given: usize, expected: usize) -> GraphError {
    GraphError::of(132000).details(format!(
        "{place}: number of localizable_params ({given}) does not match the expected number of params ({expected})"
    ))
}
