//! Payments in Brazil, India and Singapore: the frame is checked, what each country's
//! payment service wants is passed on (OpenAPI v23.0).

use super::super::limits::ANY;
use super::super::problem::Problem;
use super::super::reader::Fields;
use super::named;

pub(super) fn details(action: &mut Fields) {
    named(action, "review_and_pay", |parameters| {
        parameters.text("reference_id", ANY);
        currency(parameters);
        parameters.within("total_amount", |amount| {
            amount.whole("value", &(0..=i64::MAX));
            amount.whole("offset", &(1..=i64::MAX));
            amount.keep_rest();
        });
        parameters.object_if_given("order");
        parameters.keep_rest();
    });
}

fn currency(parameters: &mut Fields) {
    if let Some(given) = parameters.text("currency", ANY)
        && !is_currency(given)
    {
        let en = "must be the three letters of a currency, as INR.";
        let es = "tiene que ser las tres letras de una moneda, como INR.";
        parameters.add(Problem::format(&parameters.at("currency"), en, es));
    }
}

/// Three letters, as ISO 4217 has them.
pub(in super::super) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|b| b.is_ascii_alphabetic())
}

pub(super) fn status(action: &mut Fields) {
    named(action, "review_order", |parameters| {
        parameters.text("reference_id", ANY);
        parameters.within("order", |order| {
            order.text("status", ANY);
            order.text_if_given("description", ANY);
            order.keep_rest();
        });
        parameters.keep_rest();
    });
}
