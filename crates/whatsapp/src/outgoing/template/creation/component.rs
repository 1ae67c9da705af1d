//! The components of a template, and what they demand of each other (page "Template components").

use super::super::super::limits::ANY;
use super::super::super::place::Place;
use super::super::super::problem::{Problem, Rule};
use super::super::super::reader::Fields;
use super::{Rules, authentication, button, carousel, header, text};

const TYPES: [&str; 7] =
    ["HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST"];

/// Text of a limited-time offer: page "Limited-time offer templates".
const OFFER: usize = 16;
/// Body beside a limited-time offer: the same page.
const OFFER_BODY: usize = 600;

/// A component that was read.
pub(super) struct Part {
    pub(super) kind: &'static str,
    /// Where its type stands.
    pub(super) place: Place,
    /// Of a header, in capitals.
    pub(super) format: Option<&'static str>,
    /// Of its buttons, in capitals.
    pub(super) buttons: Vec<&'static str>,
    /// Characters of its text.
    length: usize,
}

/// The `components` of a template.
pub(super) fn list(template: &mut Fields, rules: &Rules) {
    let parts = read(template, &TYPES, rules, text::BODY);
    let place = template.at("components");
    let has = |kind: &str| parts.iter().any(|part| part.kind == kind);
    // Where something could not be read, what is lacking may be just that.
    let whole =
        template.kept("components").and_then(|kept| kept.as_array()).is_some_and(|kept| kept.len() == parts.len());
    if whole && !has("BODY") {
        lacks(template, &place, "BODY");
    }
    if rules.is_authentication() && whole && !has("BUTTONS") {
        lacks(template, &place, "BUTTONS");
    }
    if has("CAROUSEL") {
        for part in parts.iter().filter(|part| ["HEADER", "FOOTER", "BUTTONS"].contains(&part.kind)) {
            let en =
                "does not go with a carousel, beside which there is a body only: put it on the cards, or remove it.";
            let es = "no va con un carrusel, junto al que solo hay un cuerpo: ponlo en las tarjetas, o quítalo.";
            template.add(Problem::not_allowed(&part.place, en, es));
        }
    }
    if let Some(offer) = parts.iter().find(|part| part.kind == "LIMITED_TIME_OFFER") {
        beside_an_offer(template, rules, offer, &parts);
    }
}

fn lacks(template: &Fields, place: &Place, kind: &str) {
    let en = format!("needs a component of type `{kind}`: add it.");
    let es = format!("necesita un componente de tipo `{kind}`: añádelo.");
    template.add(Problem::at(place, Rule::Missing, en, es));
}

/// Page "Limited-time offer templates".
fn beside_an_offer(template: &Fields, rules: &Rules, offer: &Part, parts: &[Part]) {
    if rules.category.is_some_and(|category| category != "MARKETING") {
        let en = "belongs to templates of category `MARKETING`: change the category, or remove it.";
        let es = "es de plantillas de categoría `MARKETING`: cambia la categoría, o quítalo.";
        template.add(Problem::not_allowed(&offer.place, en, es));
    }
    for part in parts {
        match part.kind {
            "FOOTER" => {
                let en = "does not go with a limited-time offer: remove it.";
                template.add(Problem::not_allowed(
                    &part.place,
                    en,
                    "no va con una oferta por tiempo limitado: quítalo.",
                ));
            }
            "HEADER" if !matches!(part.format, None | Some("IMAGE" | "VIDEO")) => {
                let en = "must be an `IMAGE` or a `VIDEO` above a limited-time offer.";
                let es = "tiene que ser `IMAGE` o `VIDEO` sobre una oferta por tiempo limitado.";
                template.add(Problem::not_allowed(&part.place, en, es));
            }
            "BODY" if part.length > OFFER_BODY => {
                template.add(Problem::too_long(&part.place, part.length, OFFER_BODY));
            }
            _ => {}
        }
    }
    if !parts.iter().any(|part| part.kind == "BUTTONS") {
        lacks(template, &template.at("components"), "BUTTONS");
    }
}

/// Reads the components of a template or of a card, of which each type may be there once.
pub(super) fn read(fields: &mut Fields, types: &[&'static str], rules: &Rules, body: usize) -> Vec<Part> {
    let report = fields.report();
    let parts = fields.each("components", &(1..=ANY), |component| one(component, types, rules, body));
    let parts: Vec<Part> = parts.into_iter().flatten().collect();
    report.all_differ(parts.iter().map(|part| (part.place.clone(), part.kind)));
    parts
}

fn one(component: &mut Fields, types: &[&'static str], rules: &Rules, body: usize) -> Option<Part> {
    let Some(kind) = component.word_in_any_case("type", types) else {
        component.leave_open();
        return None;
    };
    let mut part = Part { kind, place: component.at("type"), format: None, buttons: Vec::new(), length: 0 };
    match kind {
        "BODY" if rules.is_authentication() => authentication::body(component),
        "FOOTER" if rules.is_authentication() => authentication::footer(component),
        "BUTTONS" => part.buttons = button::list(component, rules, body == text::CARD_BODY),
        _ if rules.is_authentication() => {
            let en =
                "does not go into a template of category `AUTHENTICATION`, which has `BODY`, `FOOTER` and `BUTTONS`.";
            let es = "no va en una plantilla de categoría `AUTHENTICATION`, que tiene `BODY`, `FOOTER` y `BUTTONS`.";
            component.add(Problem::not_allowed(&part.place, en, es));
            component.leave_open();
        }
        "HEADER" => part.format = header::check(component, rules),
        "BODY" => part.length = text::body(component, rules, body),
        "FOOTER" => text::footer(component),
        "CAROUSEL" => carousel::check(component, rules),
        "LIMITED_TIME_OFFER" => {
            component.within("limited_time_offer", |offer| {
                offer.text("text", OFFER);
                offer.flag_if_given("has_expiration");
            });
        }
        _ => {}
    }
    Some(part)
}
