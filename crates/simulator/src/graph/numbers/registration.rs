//! From a new number to one that sends: the code, the registration and its PIN (§9.2).

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::{Business, Number};

/// Registrations and deregistrations in 72 hours (§9.2).
const MOST_REGISTRATIONS: usize = 10;
const REGISTRATION_WINDOW: SignedDuration = SignedDuration::from_hours(72);

/// Codes in an hour. Meta refuses too many, and does not say how many that are.
const MOST_CODES: usize = 5;
/// How long a code is good, and how often it may be guessed wrong. Meta says neither.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
const MOST_WRONG_CODES: u32 = 5;

/// Wrong PINs: this many in a minute were guessed too fast, this many in a day were too many. Meta says neither.
const FAST_PINS: usize = 3;
const MOST_PINS: usize = 6;

/// Countries where messages may be kept at rest (`data_localization_region`).
const REGIONS: &[&str] =
    &["AE", "AU", "BH", "BR", "CA", "CH", "DE", "EU", "GB", "ID", "IN", "JP", "KR", "SG", "US", "ZA"];

/// `POST /{phone-number-id}/request_code`: the code is on its way. It stands in the log and in `/_sim/state`.
pub(super) fn request_code(call: &mut Call<'_>) -> Answer {
    let method = call.required("code_method")?;
    if !["SMS", "VOICE"].contains(&method.as_str()) {
        return Err(GraphError::of(100).message("(#100) Param code_method must be one of {SMS, VOICE}"));
    }
    call.required("language")?;
    let (now, code) = (call.now, format!("{:06}", call.world.chance.below(1_000_000)));
    let number = number_of(call);
    let refused = |title: &str, text: &str| Err(GraphError::of(136024).user(title, text));
    if number.code_status == "VERIFIED" {
        return refused("Phone number is verified", "You have already verified the ownership of this phone number.");
    }
    number.code_requests.retain(|at| now.duration_since(*at) < SignedDuration::from_hours(1));
    if number.code_requests.len() >= MOST_CODES {
        return refused("Too many codes", "You have requested too many codes. Try again later.");
    }
    number.code_requests.push_back(now);
    number.wrong_codes = 0;
    number.code = Some(code.clone());
    tracing::info!(number = number.digits, code, "a code went out by {method}");
    Reply::success()
}

/// `POST /{phone-number-id}/verify_code`.
pub(super) fn verify_code(call: &mut Call<'_>) -> Answer {
    let given: String = call.required("code")?.chars().filter(char::is_ascii_digit).collect();
    let now = call.now;
    let number = number_of(call);
    let refused = |title: &str, text: &str| Err(GraphError::of(136025).user(title, text));
    let sent_at = number.code_requests.back().copied();
    let alive = sent_at.is_some_and(|at| now.duration_since(at) < CODE_LIFE);
    let Some(code) = number.code.clone().filter(|_| alive && number.wrong_codes < MOST_WRONG_CODES) else {
        return refused("No code to verify", "The code has expired or was never requested. Request a new one.");
    };
    if given != code {
        number.wrong_codes += 1;
        return refused("Incorrect code", "The code that you entered is incorrect.");
    }
    number.code = None;
    number.code_status = "VERIFIED".into();
    Ok(Reply::Json(json!({ "success": true, "id": number.id })))
}

/// `POST /{phone-number-id}/register`: with the number's PIN, or where it has none, with the PIN that it gets.
pub(super) fn register(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let pin = call.required("pin")?;
    check_pin(&pin)?;
    let region = call.text("data_localization_region");
    if region.as_ref().is_some_and(|region| !REGIONS.contains(&region.to_ascii_uppercase().as_str())) {
        return Err(GraphError::of(100).message("(#100) Param data_localization_region is not supported"));
    }
    let now = call.now;
    let number = number_of(call);
    if number.coexists() {
        return Err(GraphError::of(100).message(
            "(#100) The register endpoint is not available for numbers in use with the WhatsApp Business app.",
        ));
    }
    if number.code_status != "VERIFIED" {
        return Err(GraphError::of(133006).details("The phone number needs to be verified before registering."));
    }
    count_registration(number, now)?;
    prove_pin(number, &pin, now)?;
    let first = number.pin.is_none();
    number.pin = Some(pin);
    number.registered = true;
    if let Some(region) = region {
        number.settings["storage_configuration"] =
            json!({ "status": "IN_COUNTRY_STORAGE_ENABLED", "data_localization_region": region });
    }
    if first {
        number.onboarded_at = now;
        let tier = call.world.business_of(&call.object).map(Business::tier);
        let value = json!({ "event": "ONBOARDING", "max_daily_conversations_per_business": tier });
        call.world.tell_account(&call.object, "phone_number_quality_update", value, now);
    }
    Reply::success()
}

/// `POST /{phone-number-id}/deregister`. The number keeps its PIN.
pub(super) fn deregister(call: &mut Call<'_>) -> Answer {
    let now = call.now;
    let number = number_of(call);
    if number.coexists() {
        return Err(GraphError::of(100)
            .message("(#100) Deregister endpoint is not available for API solution for SMB businesses."));
    }
    if !number.registered {
        return Err(GraphError::of(100)
            .subcode(2_207_051)
            .message("(#100) Phone number not registered on the WhatsApp Business Platform."));
    }
    count_registration(number, now)?;
    number.registered = false;
    Reply::success()
}

/// Six digits.
pub(super) fn check_pin(pin: &str) -> Result<(), GraphError> {
    if pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(GraphError::of(100).message("(#100) Param pin must be a 6-digit number"))
}

fn count_registration(number: &mut Number, now: Timestamp) -> Result<(), GraphError> {
    number.registrations.retain(|at| now.duration_since(*at) < REGISTRATION_WINDOW);
    if number.registrations.len() >= MOST_REGISTRATIONS {
        return Err(GraphError::of(133016).details(
            "Registration or deregistration failed because there were too many attempts for this phone number in 72 \
             hours.",
        ));
    }
    number.registrations.push_back(now);
    Ok(())
}

fn prove_pin(number: &mut Number, pin: &str, now: Timestamp) -> Result<(), GraphError> {
    let Some(wanted) = number.pin.clone() else { return Ok(()) };
    number.wrong_pins.retain(|at| now.duration_since(*at) < SignedDuration::from_hours(24));
    let in_a_minute = number.wrong_pins.iter().filter(|at| now.duration_since(**at) < SignedDuration::from_mins(1));
    if number.wrong_pins.len() >= MOST_PINS {
        return Err(GraphError::of(133008).details("Too many two-step verification PIN guesses. Try again later."));
    }
    if in_a_minute.count() >= FAST_PINS {
        return Err(GraphError::of(133009).details("The PIN was entered too quickly. Wait before you try again."));
    }
    if wanted != pin {
        number.wrong_pins.push_back(now);
        return Err(GraphError::of(133005).details("The two-step verification PIN is incorrect."));
    }
    number.wrong_pins.clear();
    Ok(())
}
