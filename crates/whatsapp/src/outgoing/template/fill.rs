//! A template's own demands on the values that are sent for it (errors 132000, 132012, 132018).

use serde_json::{Value, json};

use super::super::limits;
use super::super::media::{MediaKind, MediaSource};
use super::super::near::nearest;
use super::super::place::Place;
use super::super::problem::{Problem, Problems, Rule};
use super::super::reader::Fields;
use super::super::report::Report;
use super::super::{shown, without_nul};
use super::button;
use super::definition::{Button, Definition, Header};
use super::preview::{ButtonPreview, CardPreview, HeaderPreview, TemplatePreview};
use super::sent::{self, Given, Sent};
use super::slots;

/// Fills in a template.
///
/// `template_components` is the template's `components` as Meta lists them, in the positional
/// format (`{{1}}`) or the named one (`{{first_name}}`); `parameters` is the `components` of the
/// send ([`TemplateUse::parameters`](super::TemplateUse)). If these are not well-formed in
/// themselves only that is told, as [`check`](super::super::check) does.
pub fn fill(template_components: &Value, parameters: &Value) -> Result<TemplatePreview, Problems> {
    let components = well_formed(parameters)?;
    let report = Report::default();
    let sent = Sent::of(Place::root().key("template").key("components"), &components);
    let preview = preview(&report, &Definition::of(template_components), &sent);
    report.finish()?;
    Ok(preview)
}

fn well_formed(parameters: &Value) -> Result<Value, Problems> {
    let template = json!({"components": without_nul(parameters)});
    let report = Report::default();
    let read = Fields::read(&report, Place::root().key("template"), &template, super::components);
    report.finish()?;
    Ok(read.and_then(|(_, clean)| clean.get("components").cloned()).unwrap_or_default())
}

fn preview(report: &Report, template: &Definition, sent: &Sent) -> TemplatePreview {
    let preview = TemplatePreview {
        header: header(report, template.header.as_ref(), sent),
        body: body(report, template, sent).unwrap_or_default(),
        footer: template.footer.map(str::to_owned),
        buttons: buttons(report, &template.buttons, sent),
        cards: cards(report, template.cards.as_deref(), sent),
        needs_phone: template.is_authentication(),
    };
    offer(report, template.offer, sent);
    preview
}

fn header(report: &Report, header: Option<&Header>, sent: &Sent) -> Option<HeaderPreview> {
    let given = sent.one("header");
    let Some(header) = header else {
        if let Some(given) = given.filter(|given| !given.parameters.is_empty()) {
            let en = "is for a header and the template has none: remove this component.";
            let es = "es de un encabezado y la plantilla no tiene: quita este componente.";
            report.add(Problem::mismatch(&given.place, en, es));
        }
        return None;
    };
    if header.format == "TEXT" {
        let text = filled(report, &HEADER, header.text, given.as_ref(), sent);
        return Some(HeaderPreview::Text(text));
    }
    let wanted = match header.format.as_str() {
        "IMAGE" => "image",
        "VIDEO" => "video",
        "DOCUMENT" => "document",
        "LOCATION" => "location",
        "PRODUCT" => "product",
        _ => return None,
    };
    let parameter = header_parameter(report, wanted, given, sent)?;
    Some(show(wanted, &parameter[wanted]))
}

/// The parameter of a header that is no text.
fn header_parameter<'s>(report: &Report, wanted: &str, given: Option<Given<'s>>, sent: &Sent<'s>) -> Option<&'s Value> {
    let Some((parameter, given)) = given.and_then(|given| Some((given.parameters.first()?, given))) else {
        let en = format!("needs a component `header` with one parameter of type `{wanted}`: add it.");
        let es = format!("necesita un componente `header` con un parámetro de tipo `{wanted}`: añádelo.");
        report.add(Problem::at(&sent.place, Rule::Missing, en, es));
        return None;
    };
    if sent::kind_of(parameter) != wanted {
        let place = given.parameters_place().index(0).key("type");
        let en = format!("must be `{wanted}`, as in the template's header.");
        let es = format!("tiene que ser `{wanted}`, como en el encabezado de la plantilla.");
        report.add(Problem::mismatch(&place, en, es));
        return None;
    }
    Some(parameter)
}

fn show(kind: &str, content: &Value) -> HeaderPreview {
    let text = |key: &str| content[key].as_str().unwrap_or_default().to_owned();
    match MediaKind::of_header(kind) {
        Some(kind) if content.get("id").is_some() => HeaderPreview::Media { kind, source: MediaSource::Id(text("id")) },
        Some(kind) => HeaderPreview::Media { kind, source: MediaSource::Link(text("link")) },
        None if kind == "location" => HeaderPreview::Location(shown::place(content)),
        None => HeaderPreview::Product(text("product_retailer_id")),
    }
}

fn body(report: &Report, template: &Definition, sent: &Sent) -> Option<String> {
    let part = if template.is_body_alone() { &BODY_ALONE } else { &BODY };
    let given = sent.one("body");
    let text = filled(report, part, template.body.unwrap_or_default(), given.as_ref(), sent);
    template.body.map(|_| text)
}

/// A part of the template that has slots in its text.
struct Part {
    name: &'static str,
    es: &'static str,
    most: usize,
}

const HEADER: Part = Part { name: "header", es: "encabezado", most: limits::HEADER };
const BODY: Part = Part { name: "body", es: "cuerpo", most: limits::FILLED_BODY };
const BODY_ALONE: Part = Part { most: limits::FILLED_BODY_ALONE, ..BODY };

/// The text with its values; whatever does not fit is noted.
fn filled(report: &Report, part: &Part, text: &str, given: Option<&Given>, sent: &Sent) -> String {
    let names = slots::names(text);
    let parameters = given.map_or(&[][..], |given| given.parameters);
    let place = given.map_or_else(|| sent.place.clone(), Given::parameters_place);
    let values = if names.is_empty() || slots::are_positional(&names) {
        by_position(report, part, &names, parameters, &place)
    } else {
        by_name(report, part, &names, parameters, &place)
    };
    let filled = slots::filled(text, &values);
    let have = filled.chars().count();
    if have > part.most {
        let (name, most, over) = (part.name, part.most, have - part.most);
        let en = format!("make the {name} {have} characters long and WhatsApp takes {most}: shorten them by {over}.");
        let es = format!("dejan el {} en {have} caracteres y WhatsApp admite {most}: acórtalos en {over}.", part.es);
        report.add(Problem::at(&place, Rule::TooLong, en, es));
    }
    filled
}

fn by_position<'t>(
    report: &Report,
    part: &Part,
    names: &[&'t str],
    parameters: &[Value],
    place: &Place,
) -> Vec<(&'t str, String)> {
    if names.len() != parameters.len() {
        report.add(count_problem(part, names, parameters.len(), place));
    }
    for (n, _) in parameters.iter().enumerate().filter(|(_, one)| one.get("parameter_name").is_some()) {
        let en = "does not go with this template, whose values have no names: remove it.";
        let es = "no va con esta plantilla, cuyos valores no llevan nombre: quítalo.";
        report.add(Problem::not_allowed(&place.index(n).key("parameter_name"), en, es));
    }
    let value = |name: &str| {
        let position: usize = name.parse().ok()?;
        parameters.get(position.checked_sub(1)?).map(sent::shown)
    };
    names.iter().filter_map(|name| Some((*name, value(name)?))).collect()
}

fn count_problem(part: &Part, names: &[&str], have: usize, place: &Place) -> Problem {
    let (name, takes) = (part.name, names.len());
    let listed = listed(names);
    if takes == 0 {
        let en = format!("has values and the template's {name} takes none: remove them.");
        let es = format!("lleva valores y el {} de la plantilla no admite ninguno: quítalos.", part.es);
        return Problem::mismatch(place, en, es);
    }
    let en = format!("has {have} values for the {name} and the template takes {takes}: give one for each of {listed}.");
    let es = format!(
        "lleva {have} valores para el {} y la plantilla pide {takes}: da uno para cada uno de {listed}.",
        part.es
    );
    Problem::mismatch(place, en, es)
}

fn listed(names: &[&str]) -> String {
    let written: Vec<String> = names.iter().map(|name| slots::written(name)).collect();
    written.join(", ")
}

fn by_name<'t>(
    report: &Report,
    part: &Part,
    names: &[&'t str],
    parameters: &[Value],
    place: &Place,
) -> Vec<(&'t str, String)> {
    let mut values: Vec<(&str, String)> = Vec::new();
    for (n, parameter) in parameters.iter().enumerate() {
        let at = place.index(n).key("parameter_name");
        let given = parameter["parameter_name"].as_str();
        match given.and_then(|given| names.iter().find(|name| **name == given)) {
            Some(name) => values.push((name, sent::shown(parameter))),
            None => report.add(match given {
                None => Problem::missing_word(&at, names),
                Some(given) => Problem::not_one_of(&at, names, nearest(given, names.iter().copied())),
            }),
        }
    }
    let missing: Vec<&str> = names.iter().copied().filter(|name| !values.iter().any(|(had, _)| had == name)).collect();
    if !missing.is_empty() {
        let (name, listed) = (part.name, listed(&missing));
        let en = format!("has no value for {listed} of the template's {name}: add it, with its `parameter_name`.");
        let es = format!("no da valor a {listed} del {} de la plantilla: añádelo, con su `parameter_name`.", part.es);
        report.add(Problem::mismatch(place, en, es));
    }
    values
}

fn buttons(report: &Report, buttons: &[Button], sent: &Sent) -> Vec<ButtonPreview> {
    let given = sent.buttons();
    let target = |given: &Given| {
        let calls = || buttons.iter().position(|button| button.kind == "VOICE_CALL");
        given.index().or_else(calls).filter(|n| *n < buttons.len())
    };
    for astray in given.iter().filter(|given| target(given).is_none()) {
        let have = buttons.len();
        let en = format!("is for a button that the template does not have: it has {have}, counted from 0.");
        let es = format!("es de un botón que la plantilla no tiene: tiene {have}, contados desde 0.");
        report.add(Problem::mismatch(&astray.place, en, es));
    }
    let of = |n| given.iter().find(|given| target(given) == Some(n));
    buttons.iter().enumerate().map(|(n, button)| one_button(report, n, button, of(n), sent)).collect()
}

fn one_button(report: &Report, n: usize, button: &Button, given: Option<&Given>, sent: &Sent) -> ButtonPreview {
    let value = match button::demand(button) {
        Some(demand) => button_value(report, n, &demand, given, sent),
        None => None,
    };
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let shown = match button.kind.as_str() {
        "PHONE_NUMBER" => button.phone_number().map(str::to_owned),
        "COPY_CODE" => value.and_then(|value| text(value, "coupon_code")),
        _ => {
            let code = value.and_then(|value| text(value, "text"));
            match button.url() {
                Some(url) => Some(slots::filled(url, &filling(url, code))),
                None => code.filter(|_| button.is_otp()),
            }
        }
    };
    ButtonPreview { kind: button.kind.clone(), text: button.text().unwrap_or_default().to_owned(), value: shown }
}

/// A URL has one slot at most, whatever its name.
fn filling(url: &str, value: Option<String>) -> Vec<(&str, String)> {
    slots::names(url).first().copied().zip(value).into_iter().collect()
}

/// The parameter behind a button.
fn button_value<'s>(
    report: &Report,
    n: usize,
    demand: &button::Demand,
    given: Option<&Given<'s>>,
    sent: &Sent,
) -> Option<&'s Value> {
    let parameter = given.and_then(|given| given.parameters.first());
    if let Some(given) = given
        && !demand.sub_types.contains(&given.sub_type().as_str())
    {
        let en = format!("does not fit button {n} of the template: {}.", demand.en());
        let es = format!("no va con el botón {n} de la plantilla: {}.", demand.es());
        report.add(Problem::mismatch(&given.place.key("sub_type"), en, es));
        return None;
    }
    if parameter.is_none() && demand.needed {
        let sub_type = demand.sub_types[0];
        let en =
            format!("needs a component `button` with `sub_type` `{sub_type}`, `index` {n} and its parameter: add it.");
        let es = format!(
            "necesita un componente `button` con `sub_type` `{sub_type}`, `index` {n} y su parámetro: añádelo."
        );
        report.add(Problem::at(&given.map_or(&sent.place, |given| &given.place).clone(), Rule::Missing, en, es));
    }
    parameter
}

fn cards(report: &Report, cards: Option<&[Definition]>, sent: &Sent) -> Vec<CardPreview> {
    let given = sent.cards();
    let Some(cards) = cards else {
        if let Some((carousel, _)) = given {
            let en = "is a carousel and the template has none: remove this component.";
            let es = "es un carrusel y la plantilla no tiene: quita este componente.";
            report.add(Problem::mismatch(&carousel.place, en, es));
        }
        return Vec::new();
    };
    let have = cards.len();
    let Some((carousel, given)) = given else {
        let en = format!("needs a component `carousel` with {have} cards: add it.");
        let es = format!("necesita un componente `carousel` con {have} tarjetas: añádelo.");
        report.add(Problem::at(&sent.place, Rule::Missing, en, es));
        return Vec::new();
    };
    if given.len() != have || given.iter().any(|(index, _)| *index >= have) {
        let en = format!("must have one card for each of the template's {have}, with `card_index` from 0.");
        let es = format!(
            "tiene que llevar una tarjeta por cada una de las {have} de la plantilla, con `card_index` desde 0."
        );
        report.add(Problem::mismatch(&carousel.place.key("cards"), en, es));
        return Vec::new();
    }
    let of = |n| given.iter().find(|(index, _)| *index == n);
    let card = |(n, card)| of(n).map(|(_, sent)| one_card(report, card, sent));
    cards.iter().enumerate().filter_map(card).collect()
}

fn one_card(report: &Report, card: &Definition, sent: &Sent) -> CardPreview {
    CardPreview {
        header: header(report, card.header.as_ref(), sent),
        body: body(report, card, sent),
        buttons: buttons(report, &card.buttons, sent),
    }
}

/// Page "Limited-time offer templates".
fn offer(report: &Report, offer: Option<&Value>, sent: &Sent) {
    let expires = offer.is_some_and(|offer| offer["limited_time_offer"]["has_expiration"] == true);
    match sent.one("limited_time_offer") {
        None if expires => {
            let en = "needs a component `limited_time_offer` with `expiration_time_ms`: add it.";
            let es = "necesita un componente `limited_time_offer` con `expiration_time_ms`: añádelo.";
            report.add(Problem::at(&sent.place, Rule::Missing, en, es));
        }
        Some(given) if offer.is_none() => {
            let en = "is an offer and the template has none: remove this component.";
            let es = "es una oferta y la plantilla no tiene: quita este componente.";
            report.add(Problem::mismatch(&given.place, en, es));
        }
        _ => {}
    }
}
