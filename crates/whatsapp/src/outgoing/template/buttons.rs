//! A template's own buttons, and what is sent for each.

use serde_json::Value;

use super::super::problem::{Problem, Rule};
use super::super::report::Report;
use super::super::wording::quoted;
use super::definition::Button;
use super::preview::ButtonPreview;
use super::sent::{Given, Sent};
use super::slots;

/// Every button with what is sent for it.
pub(super) fn filled(report: &Report, buttons: &[Button], sent: &Sent) -> Vec<ButtonPreview> {
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
    let value = demand(button).and_then(|demand| button_value(report, n, &demand, given, sent));
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
pub(super) fn filling(url: &str, value: Option<String>) -> Vec<(&str, String)> {
    slots::names(url).first().copied().zip(value).into_iter().collect()
}

/// The parameter behind a button.
fn button_value<'s>(
    report: &Report,
    n: usize,
    demand: &Demand,
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
        let place = given.map_or(&sent.place, |given| &given.place);
        report.add(Problem::at(place, Rule::Missing, en, es));
    }
    parameter
}

/// What a template's own button asks of the send.
pub(super) struct Demand {
    /// The sorts it may be sent as, the usual one first.
    pub(super) sub_types: &'static [&'static str],
    /// Whether it must be sent at all.
    pub(super) needed: bool,
}

impl Demand {
    fn en(&self) -> String {
        match self.sub_types {
            [] => "it takes nothing, remove this component".to_owned(),
            some => format!("it must be {}", quoted(some, "or")),
        }
    }

    fn es(&self) -> String {
        match self.sub_types {
            [] => "no lleva nada, quita este componente".to_owned(),
            some => format!("tiene que ser {}", quoted(some, "o")),
        }
    }
}

/// `None` for a sort of button that is not known here, which is left to Meta.
///
/// That a flow button must be sent ("Button at index 0 of type Flow requires a parameter",
/// error 131008) is from memory.
pub(super) fn demand(button: &Button) -> Option<Demand> {
    let (sub_types, needed): (&[&str], bool) = match button.kind.as_str() {
        "OTP" => (&["url"], true),
        "URL" => match button.url().map(slots::names) {
            Some(names) if !names.is_empty() => (&["url"], true),
            _ => (&[], false),
        },
        "QUICK_REPLY" => (&["quick_reply"], false),
        "COPY_CODE" => (&["copy_code"], true),
        "FLOW" => (&["flow"], true),
        "CATALOG" => (&["catalog"], false),
        "MPM" => (&["mpm"], true),
        "VOICE_CALL" => (&["voice_call"], false),
        "ORDER_DETAILS" => (&["order_details"], true),
        "PHONE_NUMBER" | "SPM" | "REQUEST_CONTACT_INFO" => (&[], false),
        _ => return None,
    };
    Some(Demand { sub_types, needed })
}
