//! A template's own demands on the values that are sent for it (errors 132000, 132012, 132018).

use serde_json::{Value, json};

use super::super::media::{MediaKind, MediaSource};
use super::super::place::Place;
use super::super::problem::{Problem, Problems, Rule};
use super::super::reader::Fields;
use super::super::report::Report;
use super::super::{shown, without_nul};
use super::definition::{Definition, Header};
use super::preview::{CardPreview, HeaderPreview, TemplatePreview};
use super::sent::{self, Given, Sent};
use super::{buttons, values};

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
        buttons: buttons::filled(report, &template.buttons, sent),
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
        let text = values::filled(report, &values::HEADER, header.text, given.as_ref(), sent);
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
    let part = if template.is_body_alone() { &values::BODY_ALONE } else { &values::BODY };
    let given = sent.one("body");
    let text = values::filled(report, part, template.body.unwrap_or_default(), given.as_ref(), sent);
    template.body.map(|_| text)
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
        buttons: buttons::filled(report, &card.buttons, sent),
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
