//! Numbers: what they are, how they are registered, their profile, and all that is set on them (§9.2, §6, §7.2, §7.3).

mod automation;
mod blocks;
mod calls;
mod commerce;
mod compliance;
mod encryption;
mod official;
mod profile;
mod qr_codes;
mod registration;
mod settings;
mod show;
mod sync;
mod update;
mod username;

use http::Method;

use super::{Call, Needs, Object, Operation, op};
use crate::error::Follows::{Fixture, Invented, Protocol};
use crate::world::Number;

pub(crate) use show::display;
pub(super) use show::{LISTED, fields, graph_time, health};

pub(super) const OPERATIONS: &[Operation] = &[
    // The number.
    op(Method::GET, Object::Number, "", Needs::Either, Fixture("GET_phone-number-id.json"), show::show),
    op(Method::POST, Object::Number, "", Needs::Management, Fixture("POST_phone-number-id.json"), update::update),
    // Registration.
    op(
        Method::POST,
        Object::Number,
        "request_code",
        Needs::Management,
        Fixture("POST_phone-number-id-request-code.json"),
        registration::request_code,
    ),
    op(
        Method::POST,
        Object::Number,
        "verify_code",
        Needs::Management,
        Fixture("POST_phone-number-id-verify-code.json"),
        registration::verify_code,
    ),
    op(
        Method::POST,
        Object::Number,
        "register",
        Needs::Management,
        Fixture("POST_phone-number-id-register.json"),
        registration::register,
    ),
    op(
        Method::POST,
        Object::Number,
        "deregister",
        Needs::Management,
        Fixture("POST_phone-number-id-deregister.json"),
        registration::deregister,
    ),
    op(
        Method::POST,
        Object::Number,
        "smb_app_data",
        Needs::Management,
        Fixture("coexistence-smb-app-data.json"),
        sync::sync,
    ),
    // What customers see.
    op(
        Method::GET,
        Object::Number,
        "whatsapp_business_profile",
        Needs::Management,
        Fixture("GET_phone-number-id-whatsapp-business-profile.json"),
        profile::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "whatsapp_business_profile",
        Needs::Management,
        Fixture("POST_phone-number-id-whatsapp-business-profile.json"),
        profile::update,
    ),
    op(Method::GET, Object::Number, "username", Needs::Management, Protocol("§6"), username::show),
    op(Method::POST, Object::Number, "username", Needs::Management, Protocol("§6"), username::set),
    op(Method::DELETE, Object::Number, "username", Needs::Management, Protocol("§6"), username::remove),
    op(Method::GET, Object::Number, "username_suggestions", Needs::Management, Protocol("§6"), username::suggestions),
    op(
        Method::GET,
        Object::Number,
        "conversational_automation",
        Needs::Management,
        Invented("what was posted, as the field of the number shows it"),
        automation::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "conversational_automation",
        Needs::Management,
        Fixture("POST_phone-number-id-conversational-automation.json"),
        automation::update,
    ),
    op(
        Method::GET,
        Object::Number,
        "whatsapp_commerce_settings",
        Needs::Management,
        Fixture("GET_phone-number-id-whatsapp-commerce-settings.json"),
        commerce::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "whatsapp_commerce_settings",
        Needs::Management,
        Fixture("POST_phone-number-id-whatsapp-commerce-settings.json"),
        commerce::update,
    ),
    op(
        Method::GET,
        Object::Number,
        "message_qrdls",
        Needs::Management,
        Fixture("GET_phone-number-id-message-qrdls.json"),
        qr_codes::list,
    ),
    op(
        Method::POST,
        Object::Number,
        "message_qrdls",
        Needs::Management,
        Fixture("POST_phone-number-id-message-qrdls.json"),
        qr_codes::save,
    ),
    op(
        Method::POST,
        Object::Number,
        "message_qrdls/*",
        Needs::Management,
        Invented("the update's older form, with the code in the path: clients use it"),
        qr_codes::save,
    ),
    op(
        Method::GET,
        Object::Number,
        "message_qrdls/*",
        Needs::Management,
        Fixture("GET_phone-number-id-message-qrdls-qr-code-id.json"),
        qr_codes::show,
    ),
    op(
        Method::DELETE,
        Object::Number,
        "message_qrdls/*",
        Needs::Management,
        Fixture("DELETE_phone-number-id-message-qrdls-qr-code-id.json"),
        qr_codes::remove,
    ),
    // What is set on it.
    op(
        Method::GET,
        Object::Number,
        "settings",
        Needs::Management,
        Fixture("GET_phone-number-id-settings.json"),
        settings::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "settings",
        Needs::Management,
        Fixture("POST_phone-number-id-settings.json"),
        settings::update,
    ),
    op(
        Method::GET,
        Object::Number,
        "whatsapp_business_encryption",
        Needs::Either,
        Fixture("GET_phone-number-id-whatsapp-business-encryption.json"),
        encryption::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "whatsapp_business_encryption",
        Needs::Either,
        Fixture("POST_phone-number-id-whatsapp-business-encryption.json"),
        encryption::update,
    ),
    op(
        Method::GET,
        Object::Number,
        "official_business_account",
        Needs::Management,
        Fixture("GET_phone-number-id-official-business-account.json"),
        official::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "official_business_account",
        Needs::Management,
        Fixture("POST_phone-number-id-official-business-account.json"),
        official::apply,
    ),
    op(
        Method::GET,
        Object::Number,
        "business_compliance_info",
        Needs::Management,
        Fixture("GET_phone-number-id-business-compliance-info.json"),
        compliance::show,
    ),
    op(
        Method::POST,
        Object::Number,
        "business_compliance_info",
        Needs::Management,
        Fixture("POST_phone-number-id-business-compliance-info.json"),
        compliance::update,
    ),
    // Customers.
    op(Method::GET, Object::Number, "block_users", Needs::Messaging, Fixture("doc_block-users.json"), blocks::list),
    op(
        Method::POST,
        Object::Number,
        "block_users",
        Needs::Messaging,
        Fixture("POST_phone-number-id-block-users.json"),
        blocks::block,
    ),
    op(
        Method::DELETE,
        Object::Number,
        "block_users",
        Needs::Messaging,
        Fixture("DELETE_phone-number-id-block-users.json"),
        blocks::unblock,
    ),
    op(Method::DELETE, Object::Number, "contact_book", Needs::Messaging, Protocol("§6"), blocks::forget),
    // Calls.
    op(
        Method::GET,
        Object::Number,
        "call_permissions",
        Needs::Messaging,
        Fixture("GET_phone-number-id-call-permissions.json"),
        calls::permissions,
    ),
    op(
        Method::POST,
        Object::Number,
        "calls",
        Needs::Messaging,
        Fixture("POST_phone-number-id-calls.json"),
        calls::call,
    ),
];

/// The number that the path names.
fn number_of<'a>(call: &'a mut Call<'_>) -> &'a mut Number {
    call.world.numbers.get_mut(&call.object).expect("the path named a number")
}
