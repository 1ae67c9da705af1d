//! The components of a template that is sent (page "Template components").

use super::super::limits::{self, ANY};
use super::super::place::Place;
use super::super::problem::Problem;
use super::super::reader::Fields;
use super::super::report::Report;
use super::{button, parameter};

/// Two of the same of these say one thing twice.
#[derive(PartialEq, Eq, Hash)]
enum Once {
    Part(&'static str),
    Button(i64),
}

/// The `components` of the whole template.
pub(in super::super) fn list(template: &mut Fields) {
    read(
        template,
        &["header", "body", "button", "carousel", "limited_time_offer", "order_status", "tap_target_configuration"],
    );
}

/// A card has no carousel of its own.
fn card(card: &mut Fields) -> Option<(Place, i64)> {
    let index = card.whole("card_index", &limits::CARD_INDEX);
    read(card, &["header", "body", "button"]);
    index.map(|index| (card.at("card_index"), index))
}

fn read(fields: &mut Fields, types: &[&'static str]) {
    let report: &Report = fields.report();
    let found = fields.each_if_given("components", &(0..=ANY), |component| {
        let once = one(component, types)?;
        let key = if matches!(once, Once::Button(_)) { "index" } else { "type" };
        Some((component.at(key), once))
    });
    report.all_differ(found.into_iter().flatten());
}

fn one(component: &mut Fields, types: &[&'static str]) -> Option<Once> {
    let Some(kind) = component.word_in_any_case("type", types) else {
        component.leave_open();
        return None;
    };
    match kind {
        "header" => parameter::list(component, &(0..=1), &parameter::HEADER),
        "body" => parameter::list(component, &(0..=ANY), &parameter::BODY),
        "button" => return button::check(component).map(Once::Button),
        "carousel" => cards(component),
        only => parameter::list(component, &(1..=1), &[only]),
    }
    Some(Once::Part(kind))
}

fn cards(carousel: &mut Fields) {
    let report = carousel.report();
    let indices = carousel.each("cards", &limits::TEMPLATE_CARDS, card);
    report.all_differ(indices.into_iter().flatten());
}

/// One way of writing for all of a component's values: by position, or by name.
pub(super) fn note_mixed(component: &Fields, named: &[bool]) {
    if named.contains(&true) && named.contains(&false) {
        let en = "has values with and without `parameter_name`: give all of them a name, or none.";
        let es = "tiene valores con y sin `parameter_name`: ponle nombre a todos, o a ninguno.";
        component.add(Problem::mismatch(&component.at("parameters"), en, es));
    }
}
