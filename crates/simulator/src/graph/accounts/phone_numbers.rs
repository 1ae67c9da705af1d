//! The numbers of an account.

use serde_json::{Map, Value, json};

use super::super::numbers::{LISTED, display, fields};
use super::super::{Answer, Call, Reply};
use super::waba_of;
use crate::error::GraphError;

/// Numbers of a portfolio, before and after its verification (§11).
const MOST_UNVERIFIED: usize = 2;
const MOST_VERIFIED: usize = 20;

/// `GET /{waba-id}/phone_numbers`.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let filters = call.json("filtering")?.unwrap_or_else(|| json!([]));
    let of_waba = call.world.numbers.values().filter(|number| number.waba_id == call.object);
    let mut rows: Vec<Map<String, Value>> =
        of_waba.map(|number| fields(call.world, &number.id, &call.app_id)).collect();
    for filter in filters.as_array().into_iter().flatten() {
        rows.retain(|row| fits(row, filter));
    }
    if let Some(sort) = call.text("sort") {
        let (name, order) = sort.rsplit_once(['.', '_']).unwrap_or((&sort, ""));
        rows.sort_by_key(|row| row.get(name).map(ToString::to_string));
        if order.starts_with("desc") {
            rows.reverse();
        }
    }
    let rows: Result<Vec<Value>, GraphError> = rows.iter().map(|row| call.pick(row, LISTED)).collect();
    call.page(rows?, "phone_numbers").map(Reply::Json)
}

/// Whether a number fits `{"field", "operator", "value"}`. An operator that isn't known lets all pass.
fn fits(row: &Map<String, Value>, filter: &Value) -> bool {
    let is = filter["field"].as_str().and_then(|name| row.get(name)).unwrap_or(&Value::Null);
    match filter["operator"].as_str() {
        Some("EQUAL") => *is == filter["value"],
        Some("NOT_EQUAL") => *is != filter["value"],
        Some("IN") => filter["value"].as_array().is_some_and(|list| list.contains(is)),
        _ => true,
    }
}

/// `POST /{waba-id}/phone_numbers` `{"cc", "phone_number", "verified_name"}`: a number that is neither verified nor
/// registered.
pub(super) fn add(call: &mut Call<'_>) -> Answer {
    let digits = read_digits(&call.required("cc")?, &call.required("phone_number")?)?;
    let name = call.required("verified_name")?;
    if !(3..=512).contains(&name.trim().chars().count()) {
        return Err(GraphError::of(100).message("(#100) Param verified_name must be 3 to 512 characters long"));
    }
    if call.world.numbers.values().any(|number| number.digits == digits) {
        return Err(GraphError::invalid("The phone number is in use already.").user(
            "Phone number in use",
            "The phone number you're trying to add is already registered with a WhatsApp account.",
        ));
    }
    let business_id = waba_of(call).business_id.clone();
    let business = &call.world.businesses[&business_id];
    let most = if business.verified { MOST_VERIFIED } else { MOST_UNVERIFIED };
    let wabas = call.world.wabas.values().filter(|waba| waba.business_id == business_id);
    let wabas: Vec<&str> = wabas.map(|waba| waba.id.as_str()).collect();
    if call.world.numbers.values().filter(|number| wabas.contains(&number.waba_id.as_str())).count() >= most {
        return Err(GraphError::invalid(format!("The business has {most} phone numbers already.")).user(
            "Phone number limit reached",
            "You've reached the number of phone numbers that your business can add.",
        ));
    }
    let (waba_id, now) = (call.object.clone(), call.now);
    let id = call.world.number(&waba_id, &digits, &display(&digits), &name, now);
    let number = &mut call.world.numbers[&id];
    number.registered = false;
    number.code_status = "NOT_VERIFIED".into();
    number.name_status = "PENDING_REVIEW".into();
    number.quality = "UNKNOWN".into();
    Ok(Reply::Json(json!({ "id": id })))
}

/// A number whose digits begin with the country's code has it already: Meta's samples give it with and without.
fn read_digits(cc: &str, phone_number: &str) -> Result<String, GraphError> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (cc, rest) = (digits(cc), digits(phone_number));
    if !(1..=3).contains(&cc.len()) {
        return Err(GraphError::of(100).message("(#100) Param cc must be the code of a country"));
    }
    let whole = if rest.starts_with(&cc) { rest } else { format!("{cc}{rest}") };
    if !(8..=15).contains(&whole.len()) {
        return Err(GraphError::of(100).message("(#100) Param phone_number is not a valid phone number"));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_is_given_twice_or_once() {
        assert_eq!(read_digits("1", "14195551518").expect("a number"), "14195551518");
        assert_eq!(read_digits("+1", "(419) 555-1518").expect("a number"), "14195551518");
        assert!(read_digits("", "14195551518").is_err());
        assert!(read_digits("1", "419").is_err());
    }
}
