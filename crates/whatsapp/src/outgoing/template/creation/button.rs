//! A template's buttons (page "Template components").

use std::ops::RangeInclusive;

use serde_json::Value;

use super::super::super::limits::ANY;
use super::super::super::media::is_url;
use super::super::super::problem::{Problem, Rule};
use super::super::super::reader::Fields;
use super::{Rules, authentication};

/// Label of a template's button.
pub(super) const LABEL: usize = 25;
/// Address behind a button.
const URL: usize = 2000;
/// Number that a button calls.
const PHONE: usize = 20;
/// Code that a button copies: page "Coupon templates"; 20 on another of Meta's pages.
const CODE: usize = 20;
/// Buttons of a template.
const BUTTONS: RangeInclusive<usize> = 1..=10;
/// Buttons of a card: page "Media card carousel templates".
const CARD_BUTTONS: RangeInclusive<usize> = 1..=2;

/// Each sort, and how many of it there may be.
const KINDS: [(&str, usize); 12] = [
    ("QUICK_REPLY", 10),
    ("URL", 2),
    ("PHONE_NUMBER", 1),
    ("COPY_CODE", 1),
    ("OTP", 1),
    ("FLOW", 1),
    ("CATALOG", 1),
    ("MPM", 1),
    ("SPM", 1),
    ("VOICE_CALL", 1),
    ("REQUEST_CONTACT_INFO", 1),
    ("ORDER_DETAILS", 1),
];

/// Checks the buttons of a template or of a card; answers their sorts.
pub(super) fn list(component: &mut Fields, rules: &Rules, on_card: bool) -> Vec<&'static str> {
    let count = if on_card { CARD_BUTTONS } else { BUTTONS };
    let report = component.report();
    let read = component.each("buttons", &count, |button| one(button, rules));
    let replies = read.iter().flatten().filter_map(|(kind, label)| (*kind == "QUICK_REPLY").then_some(label.clone()?));
    report.all_differ(replies);
    let kinds: Vec<&'static str> = read.into_iter().flatten().map(|(kind, _)| kind).collect();
    let place = component.at("buttons");
    for (kind, most) in KINDS {
        let have = kinds.iter().filter(|given| **given == kind).count();
        if have > most {
            let en = format!("has {have} buttons of type `{kind}` and WhatsApp takes {most}: remove {}.", have - most);
            let es = format!("tiene {have} botones de tipo `{kind}` y WhatsApp admite {most}: quita {}.", have - most);
            component.add(Problem::at(&place, Rule::TooMany, en, es));
        }
    }
    let mixed = kinds.windows(2).filter(|pair| (pair[0] == "QUICK_REPLY") != (pair[1] == "QUICK_REPLY")).count();
    if mixed > 1 {
        let en = "must have its quick replies together, before or after all others: put them in order.";
        let es = "tiene que llevar sus respuestas rápidas juntas, antes o después de las demás: ordénalos.";
        component.add(Problem::at(&place, Rule::Mismatch, en, es));
    }
    kinds
}

type Label = (super::super::super::place::Place, String);

fn one(button: &mut Fields, rules: &Rules) -> Option<(&'static str, Option<Label>)> {
    let Some(kind) = button.word_in_any_case("type", &KINDS.map(|(kind, _)| kind)) else {
        button.leave_open();
        return None;
    };
    if rules.category.is_some() && (kind == "OTP") != rules.is_authentication() {
        let en =
            "does not go here: templates of category `AUTHENTICATION` have one button of type `OTP`, others have none.";
        let es = "no va aquí: las plantillas de categoría `AUTHENTICATION` tienen un botón de tipo `OTP`, las otras ninguno.";
        button.add(Problem::not_allowed(&button.at("type"), en, es));
        button.leave_open();
        return Some((kind, None));
    }
    if kind == "OTP" {
        authentication::otp(button);
        return Some((kind, None));
    }
    let label = label(button, kind);
    match kind {
        "URL" => url(button),
        "PHONE_NUMBER" => phone(button),
        "COPY_CODE" => code(button),
        "FLOW" => flow(button),
        "VOICE_CALL" => {
            button.whole_if_given("ttl_minutes", &(0..=i64::MAX));
        }
        _ => {}
    }
    Some((kind, label))
}

/// Some buttons have a label of Meta's own.
fn label(button: &mut Fields, kind: &str) -> Option<Label> {
    let own = matches!(kind, "COPY_CODE" | "REQUEST_CONTACT_INFO" | "VOICE_CALL");
    let text = if own { button.text_if_given("text", LABEL) } else { button.text("text", LABEL) }?;
    if text.contains("{{") || text.contains('\n') {
        let en = "may not have variables or line breaks: remove them.";
        button.add(Problem::format(&button.at("text"), en, "no puede llevar variables ni saltos de línea: quítalos."));
    }
    Some((button.at("text"), text.to_owned()))
}

/// An address, perhaps with a variable at its end and a sample for it.
fn url(button: &mut Fields) {
    button.anything_if_given("app_deep_link");
    let sample = button.anything_if_given("example").and_then(only_text);
    let Some(url) = button.text("url", URL) else {
        return;
    };
    let place = button.at("url");
    let (fixed, variable) = match url.split_once("{{") {
        None => (url, None),
        Some((fixed, rest)) => (fixed, Some(rest)),
    };
    if !is_url(fixed) {
        let en = "must be a whole address that begins with https://, without spaces.";
        let es = "tiene que ser una dirección completa que empiece por https://, sin espacios.";
        button.add(Problem::format(&place, en, es));
    }
    let Some(variable) = variable else {
        return;
    };
    if variable.find("}}") != Some(variable.len().saturating_sub(2)) || variable.len() < 3 {
        let en = "may have one variable, `{{1}}`, and that at its end.";
        button.add(Problem::format(&place, en, "puede tener una variable, `{{1}}`, y solo al final."));
    }
    if sample.is_none() {
        let en = "is missing: Meta wants a sample of the whole address. Add it, as `[\"https://…\"]`.";
        let es = "falta: Meta pide un ejemplo de la dirección completa. Añádelo, como `[\"https://…\"]`.";
        button.add(Problem::at(&button.at("example"), Rule::Missing, en, es));
    }
}

/// One text, by itself or alone in a list.
fn only_text(given: &Value) -> Option<&str> {
    let text = match given {
        Value::Array(list) => list.first().filter(|_| list.len() == 1)?.as_str(),
        one => one.as_str(),
    };
    text.filter(|text| !text.trim().is_empty())
}

fn phone(button: &mut Fields) {
    let Some(phone) = button.text("phone_number", PHONE) else {
        return;
    };
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    if digits.len() < 5 || !digits.bytes().all(|b| b.is_ascii_digit() || b" -()".contains(&b)) {
        let en = "must be a phone number with its country code: digits only.";
        let es = "tiene que ser un número de teléfono con su código de país: solo cifras.";
        button.add(Problem::format(&button.at("phone_number"), en, es));
    }
}

fn code(button: &mut Fields) {
    let place = button.at("example");
    match button.anything_if_given("example").map(only_text) {
        None => button.add(Problem::missing(&place)),
        Some(None) => button.add(Problem::empty(&place)),
        Some(Some(code)) if code.chars().count() > CODE => {
            button.add(Problem::too_long(&place, code.chars().count(), CODE));
        }
        Some(Some(_)) => {}
    }
}

/// A flow, by its id, by its name or as JSON: one of them.
fn flow(button: &mut Fields) {
    const NAMES: [&str; 3] = ["flow_id", "flow_name", "flow_json"];
    let given = NAMES.iter().filter(|key| button.has(key)).count();
    button.id_if_given("flow_id");
    button.text_if_given("flow_name", ANY);
    button.text_if_given("flow_json", ANY);
    button.word_in_any_case_if_given("flow_action", &["navigate", "data_exchange"]);
    button.text_if_given("navigate_screen", ANY);
    button.text_if_given("icon", ANY);
    if given != 1 {
        let en = "needs one of `flow_id`, `flow_name` and `flow_json`: keep one.";
        let es = "necesita uno de `flow_id`, `flow_name` y `flow_json`: deja uno.";
        button.add(Problem::at(button.here(), if given == 0 { Rule::Missing } else { Rule::Conflict }, en, es));
    }
}
