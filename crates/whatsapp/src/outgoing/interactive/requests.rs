//! Asking the customer for something: a place, an address, a call, a phone number.

use super::super::limits::{self, ANY};
use super::super::reader::Fields;
use super::named;

/// Page "Location request messages".
pub(super) fn location(action: &mut Fields) {
    action.word("name", &["send_location"]);
}

/// Page "Address messages". The fields of an address differ from country to country and are
/// passed on.
pub(super) fn address(action: &mut Fields) {
    named(action, "address_message", |parameters| {
        parameters.word("country", &limits::ADDRESS_COUNTRIES);
        parameters.object_if_given("values");
        parameters.each_if_given("saved_addresses", &(0..=ANY), |address| {
            address.id("id");
            if address.object_if_given("value").is_none() && !address.has("value") {
                address.add(super::super::problem::Problem::missing(&address.at("value")));
            }
        });
        parameters.object_if_given("validation_errors");
    });
}

/// Page "Obtain user call permissions".
pub(super) fn call_permission(action: &mut Fields) {
    action.word("name", &["call_permission_request"]);
}

/// Page "Call button messages".
pub(super) fn voice_call(action: &mut Fields) {
    action.word("name", &["voice_call"]);
    action.within_if_given("parameters", |parameters| {
        parameters.text_if_given("display_text", limits::BUTTON);
        parameters.whole_if_given("ttl_minutes", &limits::CALL_MINUTES);
        parameters.text_if_given("payload", limits::CALL_PAYLOAD);
    });
}

/// Page "Business-scoped user IDs"; until May 2026 the name was `contact_request`.
pub(super) fn contact_info(action: &mut Fields) {
    action.word("name", &["request_contact_info"]);
}
