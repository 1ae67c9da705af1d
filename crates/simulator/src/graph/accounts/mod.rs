//! Accounts, portfolios and Apps: what they are, who hears of them, and what belongs to them (§2.6, §9.2).

mod app;
mod business;
mod people;
mod phone_numbers;
mod schedules;
mod subscribed;
mod waba;

use http::Method;

use super::{Call, Needs, Object, Operation, op};
use crate::error::Follows::{Fixture, Invented, Protocol};
use crate::world::Waba;

pub(super) const OPERATIONS: &[Operation] = &[
    // The account.
    op(Method::GET, Object::Waba, "", Needs::Management, Fixture("GET_waba-id.json"), waba::show),
    op(Method::POST, Object::Waba, "", Needs::Management, Fixture("POST_waba-id.json"), waba::update),
    op(
        Method::GET,
        Object::Waba,
        "phone_numbers",
        Needs::Management,
        Fixture("GET_waba-id-phone-numbers.json"),
        phone_numbers::list,
    ),
    op(
        Method::POST,
        Object::Waba,
        "phone_numbers",
        Needs::Management,
        Fixture("POST_waba-id-phone-numbers.json"),
        phone_numbers::add,
    ),
    op(
        Method::GET,
        Object::Waba,
        "subscribed_apps",
        Needs::Management,
        Fixture("subscribed-apps-and-overrides.json"),
        subscribed::list,
    ),
    op(
        Method::POST,
        Object::Waba,
        "subscribed_apps",
        Needs::Management,
        Fixture("subscribed-apps-and-overrides.json"),
        subscribed::subscribe,
    ),
    op(
        Method::DELETE,
        Object::Waba,
        "subscribed_apps",
        Needs::Management,
        Fixture("DELETE_waba-id-subscribed-apps.json"),
        subscribed::unsubscribe,
    ),
    op(
        Method::GET,
        Object::Waba,
        "assigned_users",
        Needs::Management,
        Fixture("GET_whatsapp-business-account-id-assigned-users.json"),
        people::list,
    ),
    op(
        Method::POST,
        Object::Waba,
        "assigned_users",
        Needs::Management,
        Fixture("POST_whatsapp-business-account-id-assigned-users.json"),
        people::assign,
    ),
    op(
        Method::DELETE,
        Object::Waba,
        "assigned_users",
        Needs::Management,
        Fixture("DELETE_whatsapp-business-account-id-assigned-users.json"),
        people::remove,
    ),
    op(
        Method::GET,
        Object::Waba,
        "schedules",
        Needs::Management,
        Fixture("GET_waba-id-schedules.json"),
        schedules::list,
    ),
    op(
        Method::POST,
        Object::Waba,
        "schedules",
        Needs::Management,
        Fixture("POST_waba-id-schedules.json"),
        schedules::create,
    ),
    op(
        Method::GET,
        Object::Waba,
        "activities",
        Needs::Management,
        Fixture("GET_waba-id-activities.json"),
        waba::nothing,
    ),
    op(Method::GET, Object::Waba, "solutions", Needs::Management, Fixture("GET_waba-id-solutions.json"), waba::nothing),
    op(
        Method::GET,
        Object::Waba,
        "in_progress_onbehalf_request",
        Needs::Management,
        Fixture("GET_waba-id-in-progress-onbehalf-request.json"),
        waba::nothing,
    ),
    // The portfolio.
    op(Method::GET, Object::Business, "", Needs::AnyToken, Fixture("GET_business-id.json"), business::show),
    op(
        Method::GET,
        Object::Business,
        "owned_whatsapp_business_accounts",
        Needs::Management,
        Fixture("GET_business-id-owned-whatsapp-business-accounts.json"),
        business::owned,
    ),
    op(
        Method::GET,
        Object::Business,
        "client_whatsapp_business_accounts",
        Needs::Management,
        Fixture("GET_business-id-client-whatsapp-business-accounts.json"),
        business::clients,
    ),
    op(
        Method::GET,
        Object::Business,
        "extendedcredits",
        Needs::Management,
        Fixture("GET_business-id-extendedcredits.json"),
        business::credits,
    ),
    // The App.
    op(Method::GET, Object::App, "", Needs::AnyToken, Invented("the Graph API's App, from memory"), app::show),
    op(Method::GET, Object::App, "subscriptions", Needs::AppToken, Protocol("§2.6"), app::subscriptions),
    op(Method::POST, Object::App, "subscriptions", Needs::AppToken, Protocol("§2.6"), app::subscribe),
    op(Method::DELETE, Object::App, "subscriptions", Needs::AppToken, Protocol("§2.6"), app::unsubscribe),
];

/// The account that the path names.
fn waba_of<'a>(call: &'a mut Call<'_>) -> &'a mut Waba {
    call.world.wabas.get_mut(&call.object).expect("the path named an account")
}
