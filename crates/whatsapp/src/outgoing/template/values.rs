//! The values in a template's text, by position or by name.

use serde_json::Value;

use super::super::limits;
use super::super::near::nearest;
use super::super::place::Place;
use super::super::problem::{Problem, Rule};
use super::super::report::Report;
use super::sent::{self, Given, Sent};
use super::slots;

/// A part of the template that has slots in its text.
pub(super) struct Part {
    name: &'static str,
    es: &'static str,
    most: usize,
}

pub(super) const HEADER: Part = Part { name: "header", es: "encabezado", most: limits::HEADER };
pub(super) const BODY: Part = Part { name: "body", es: "cuerpo", most: limits::FILLED_BODY };
pub(super) const BODY_ALONE: Part = Part { most: limits::FILLED_BODY_ALONE, ..BODY };

/// The text with its values; whatever does not fit is noted.
pub(super) fn filled(report: &Report, part: &Part, text: &str, given: Option<&Given>, sent: &Sent) -> String {
    let names = slots::names(text);
    let Some(given) = given else {
        if !names.is_empty() {
            report.add(nothing_problem(part, &names, sent));
        }
        return text.to_owned();
    };
    let (parameters, place) = (given.parameters, given.parameters_place());
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

fn nothing_problem(part: &Part, names: &[&str], sent: &Sent) -> Problem {
    let (name, listed) = (part.name, listed(names));
    let en = format!("needs a component `{name}` with a parameter for each of {listed}: add it.");
    let es = format!("necesita un componente `{name}` con un parámetro para cada uno de {listed}: añádelo.");
    Problem::at(&sent.place, Rule::Missing, en, es)
}

fn count_problem(part: &Part, names: &[&str], have: usize, place: &Place) -> Problem {
    let (name, takes) = (part.name, names.len());
    let listed = listed(names);
    if takes == 0 {
        let en = format!("has values and the template's {name} takes none: remove them.");
        let es = format!("lleva valores y el {} de la plantilla no admite ninguno: quítalos.", part.es);
        return Problem::mismatch(place, en, es);
    }
    let en = format!("must have {takes} and has {have}: one for each of {listed} in the template's {name}.");
    let es = format!(
        "tiene que llevar {takes} y lleva {have}: uno para cada uno de {listed} del {} de la plantilla.",
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
