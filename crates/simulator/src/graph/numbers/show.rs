//! What a number is, field by field.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::automation;
use crate::world::customer::country;
use crate::world::{Number, Throughput, World};

/// The fields of a number without `fields=`.
const SHOWN: &[&str] = &[
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
    "webhook_configuration",
];

/// The fields of a number in a list without `fields=`, as in `doc_hosted-es.json`.
pub(in super::super) const LISTED: &[&str] = &[
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
    "last_onboarded_time",
    "webhook_configuration",
];

/// `GET /{phone-number-id}`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let whole = fields(call.world, &call.object, &call.app_id);
    call.pick(&whole, SHOWN).map(Reply::Json)
}

/// Every field of a number that can be asked for, as this App sees it.
pub(in super::super) fn fields(world: &World, phone_number_id: &str, app_id: &str) -> Map<String, Value> {
    let number = &world.numbers[phone_number_id];
    let business = world.business_of(phone_number_id).expect("a number has a business");
    let tier = business.tier();
    let all = json!({
        "id": number.id,
        "display_phone_number": number.display,
        "verified_name": number.verified_name,
        "name_status": number.name_status,
        "new_display_name": number.new_name,
        "new_name_status": number.new_name.as_ref().map(|_| "PENDING_REVIEW"),
        "unified_cert_status": number.name_status,
        "quality_rating": number.quality,
        "quality_score": { "score": number.quality },
        "code_verification_status": number.code_status,
        "status": status(number),
        "account_mode": "LIVE",
        "platform_type": platform(number),
        "host_platform": platform(number),
        "throughput": { "level": throughput(number) },
        "messaging_limit_tier": tier,
        "whatsapp_business_manager_messaging_limit": tier,
        "webhook_configuration": webhook_configuration(world, number, app_id),
        "is_on_biz_app": number.coexists(),
        "is_official_business_account": number.official == "APPROVED",
        "official_business_account": { "oba_status": number.official },
        "is_pin_enabled": number.pin.is_some(),
        "is_preverified_number": false,
        "search_visibility": if number.searchable { "VISIBLE" } else { "NON_VISIBLE" },
        "username": number.username,
        "country_code": country(&number.digits),
        "country_dial_code": dial_code(&number.digits),
        "last_onboarded_time": graph_time(number.onboarded_at),
        "conversational_automation": automation::of(number),
        "health_status": health(world, number, app_id),
        // Fields that Meta has, and that are empty here.
        "certificate": null,
        "new_certificate": null,
        "eligibility_for_api_business_global_search": null,
    });
    let Value::Object(all) = all else { unreachable!("an object was written") };
    all
}

fn status(number: &Number) -> &'static str {
    match (number.registered, number.code_status.as_str(), &number.pin) {
        (true, _, _) => "CONNECTED",
        (false, "VERIFIED", None) => "PENDING",
        // It was registered once: that is when it got its PIN.
        (false, "VERIFIED", Some(_)) => "DISCONNECTED",
        (false, _, _) => "UNVERIFIED",
    }
}

fn platform(number: &Number) -> &'static str {
    if number.registered { "CLOUD_API" } else { "NOT_APPLICABLE" }
}

fn throughput(number: &Number) -> &'static str {
    match number.throughput {
        _ if !number.registered => "NOT_APPLICABLE",
        Throughput::High => "HIGH",
        Throughput::Standard | Throughput::Coexistence => "STANDARD",
    }
}

/// Where the webhooks of a number go, as this App set it (§2.6).
fn webhook_configuration(world: &World, number: &Number, app_id: &str) -> Value {
    let app = world.apps.get(app_id).and_then(|app| app.subscription.as_ref());
    let waba = world.wabas.get(&number.waba_id).and_then(|waba| waba.subscribed.get(app_id)?.as_ref());
    let urls = [
        ("phone_number", number.override_callback.as_ref()),
        ("whatsapp_business_account", waba),
        ("application", app.map(|subscription| &subscription.callback)),
    ];
    let known = urls.into_iter().filter_map(|(name, callback)| Some((name.to_owned(), callback?.url.clone().into())));
    let known: Map<String, Value> = known.collect();
    if known.is_empty() { Value::Null } else { known.into() }
}

/// Whether messages can be sent, and what is in the way (`doc_health-status.json`).
pub(in super::super) fn health(world: &World, number: &Number, app_id: &str) -> Value {
    let mut own = json!({ "entity_type": "PHONE_NUMBER", "id": number.id, "can_send_message": "AVAILABLE" });
    if !number.registered {
        own["can_send_message"] = "BLOCKED".into();
        own["errors"] = json!([{
            "error_code": 133010, "error_description": "The phone number is not registered.",
            "possible_solution": "Register the phone number.",
        }]);
    } else if !matches!(number.name_status.as_str(), "APPROVED" | "AVAILABLE_WITHOUT_REVIEW") {
        own["can_send_message"] = "LIMITED".into();
        own["additional_info"] = json!([
            "Your display name has not been approved yet. Your message limit will increase after the display name is \
             approved."
        ]);
    }
    let business = world.business_of(&number.id).map_or("", |business| business.id.as_str());
    let able = |kind: &str, id: &str| json!({ "entity_type": kind, "id": id, "can_send_message": "AVAILABLE" });
    json!({
        "can_send_message": own["can_send_message"],
        "entities": [own, able("WABA", &number.waba_id), able("BUSINESS", business), able("APP", app_id)],
    })
}

/// A time as the Graph API writes it.
pub(in super::super) fn graph_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// The country's code at the beginning of a number: of one, two or three digits.
pub(in super::super) fn dial_code(digits: &str) -> &str {
    const OF_TWO: &[&str] = &[
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
        "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
        "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    let length = match digits.get(..2) {
        Some(two) if two.starts_with(['1', '7']) => 1,
        Some(two) if OF_TWO.contains(&two) => 2,
        _ => 3,
    };
    digits.get(..length).unwrap_or(digits)
}

/// A number as people write it.
pub(crate) fn display(digits: &str) -> String {
    let code = dial_code(digits);
    let rest = &digits[code.len()..];
    match (code, rest.len()) {
        ("1", 10) => format!("+1 {}-{}-{}", &rest[..3], &rest[3..6], &rest[6..]),
        (_, 9 | 10) => format!("+{code} {} {} {}", &rest[..2], &rest[2..6], &rest[6..]),
        (_, 11) => format!("+{code} {} {}-{}", &rest[..2], &rest[2..7], &rest[7..]),
        _ => format!("+{code} {rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!(display("16505551234"), "+1 650-555-1234");
        assert_eq!(display("525585261100"), "+52 55 8526 1100");
        assert_eq!(display("5511940028922"), "+55 11 94002-8922");
        assert_eq!(display("35312345"), "+353 12345");
    }
}
