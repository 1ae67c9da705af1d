//! The values that a template is filled with (pages "Template components" and "Template media").

use std::ops::RangeInclusive;

use super::super::interactive::{is_currency, product_sections};
use super::super::limits::{self, ANY};
use super::super::location;
use super::super::media::{self, MediaKind, url};
use super::super::problem::Problem;
use super::super::reader::Fields;
use super::component::note_mixed;

/// What a header can be given.
pub(super) const HEADER: [&str; 8] =
    ["text", "image", "video", "document", "location", "product", "currency", "date_time"];
/// What the body can be given.
pub(super) const BODY: [&str; 3] = ["text", "currency", "date_time"];

/// The `parameters` of a header, a body or a component that has a single one.
pub(super) fn list(component: &mut Fields, count: &RangeInclusive<usize>, types: &[&'static str]) {
    let report = component.report();
    let read = |parameter: &mut Fields| {
        one(parameter, types, Written::InText);
        let name = parameter.text_if_given("parameter_name", ANY).map(str::to_owned);
        name.map(|name| (parameter.at("parameter_name"), name))
    };
    let names = if *count.start() > 0 {
        component.each("parameters", count, read)
    } else {
        component.each_if_given("parameters", count, read)
    };
    note_mixed(component, &names.iter().map(Option::is_some).collect::<Vec<_>>());
    report.all_differ(names.into_iter().flatten());
}

/// The `parameters` of a button, which have no names.
pub(super) fn of_button(button: &mut Fields, count: &RangeInclusive<usize>, types: &[&'static str]) {
    button.each_if_given("parameters", count, |parameter| one(parameter, types, Written::BehindButton));
}

#[derive(PartialEq)]
enum Written {
    InText,
    BehindButton,
}

fn one(parameter: &mut Fields, types: &[&'static str], written: Written) {
    let Some(kind) = parameter.word_in_any_case("type", types) else {
        parameter.leave_open();
        return;
    };
    match kind {
        "text" if written == Written::InText => text(parameter),
        "text" => behind_a_button(parameter, "text"),
        "currency" => {
            parameter.within("currency", currency);
        }
        "date_time" => {
            parameter.within("date_time", date_time);
        }
        "location" => location::check(parameter),
        "product" => {
            parameter.within("product", |product| {
                product.id("product_retailer_id");
                product.id("catalog_id");
            });
        }
        "payload" => {
            parameter.text("payload", ANY);
        }
        "coupon_code" => {
            parameter.text("coupon_code", limits::COUPON);
        }
        "ttl_minutes" => {
            parameter.whole("ttl_minutes", &limits::CALL_MINUTES);
        }
        "action" => {
            parameter.within("action", action);
        }
        "limited_time_offer" => {
            parameter.within("limited_time_offer", |offer| offer.whole("expiration_time_ms", &(0..=i64::MAX)));
        }
        "order_status" => {
            parameter.within("order_status", |order| order.keep_rest());
        }
        "tap_target_configuration" => {
            parameter.each("tap_target_configuration", &(1..=ANY), |target| {
                url(target, "url");
                target.text("title", ANY);
            });
        }
        media => {
            if let Some(kind) = MediaKind::of_header(media) {
                media::shown(parameter, kind);
            }
        }
    }
}

/// It becomes part of an address, or a code to copy: Meta takes no line break in it (error 132018).
fn behind_a_button(parameter: &mut Fields, key: &'static str) {
    if let Some(text) = parameter.text(key, ANY)
        && text.contains(['\n', '\r', '\t'])
    {
        let en = "may not have line breaks or tabs: write it in one line.";
        let es = "no puede llevar saltos de línea ni tabuladores: escríbelo en una línea.";
        parameter.add(Problem::format(&parameter.at(key), en, es));
    }
}

/// Meta refuses line breaks, tabs and long gaps within a value (error 132018).
fn text(parameter: &mut Fields) {
    let Some(text) = parameter.text("text", ANY) else {
        return;
    };
    let gap = " ".repeat(limits::SPACES + 1);
    if text.contains(['\n', '\r', '\t']) || text.contains(&gap) {
        let en = "may not have line breaks, tabs or more than four spaces in a row: write it in one line.";
        let es =
            "no puede llevar saltos de línea, tabuladores ni más de cuatro espacios seguidos: escríbelo en una línea.";
        parameter.add(Problem::format(&parameter.at("text"), en, es));
    }
}

fn currency(currency: &mut Fields) {
    currency.text("fallback_value", ANY);
    if let Some(code) = currency.text("code", ANY)
        && !is_currency(code)
    {
        let en = "must be the three letters of a currency, as EUR.";
        let es = "tiene que ser las tres letras de una moneda, como EUR.";
        currency.add(Problem::format(&currency.at("code"), en, es));
    }
    currency.whole("amount_1000", &(i64::MIN..=i64::MAX));
}

/// Only the fallback is shown; the rest is what Meta's older examples carry along.
fn date_time(date: &mut Fields) {
    date.text("fallback_value", ANY);
    for key in ["day_of_week", "year", "month", "day_of_month", "hour", "minute", "calendar", "timestamp"] {
        date.anything_if_given(key);
    }
}

/// What a button does: which members belong to which button, only the template knows.
fn action(action: &mut Fields) {
    action.text_if_given("flow_token", ANY);
    action.object_if_given("flow_action_data");
    action.id_if_given("thumbnail_product_retailer_id");
    if action.has("sections") {
        product_sections(action);
    } else {
        action.peek("sections");
    }
    action.object_if_given("order_details");
}
