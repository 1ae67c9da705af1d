//! What an account is.

use serde_json::{Map, Value, json};

use super::super::numbers::{LISTED, fields as number_fields, health};
use super::super::{Answer, Call, Reply};
use super::{subscribed, waba_of};
use crate::error::GraphError;
use crate::world::World;

/// The fields of an account without `fields=`.
pub(super) const SHOWN: &[&str] = &["name", "timezone_id", "message_template_namespace"];

/// Fields that Meta has and the simulator has not: it keeps no figures.
const FIGURES: &[&str] = &[
    "analytics",
    "call_analytics",
    "conversation_analytics",
    "group_analytics",
    "pricing_analytics",
    "template_analytics",
    "template_group_analytics",
];

/// `GET /{waba-id}`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let asked = call.fields().unwrap_or_default();
    if let Some(name) = asked.iter().find(|name| FIGURES.contains(&name.as_str())) {
        return Err(GraphError::of(100)
            .message(format!("(#100) The field {name} is not available: this simulator keeps no figures")));
    }
    let mut whole = fields(call.world, &call.object, &call.app_id);
    if asked.iter().any(|name| name == "phone_numbers") {
        let of_waba = call.world.numbers.values().filter(|number| number.waba_id == call.object);
        let rows: Vec<Value> = of_waba
            .map(|number| {
                let mut row = number_fields(call.world, &number.id, &call.app_id);
                row.retain(|name, value| (name == "id" || LISTED.contains(&name.as_str())) && !value.is_null());
                row.into()
            })
            .collect();
        whole.insert("phone_numbers".into(), json!({ "data": rows }));
    }
    call.pick(&whole, SHOWN).map(Reply::Json)
}

/// Every field of an account that can be asked for, as this App sees it.
pub(super) fn fields(world: &World, waba_id: &str, app_id: &str) -> Map<String, Value> {
    let waba = &world.wabas[waba_id];
    let business = &world.businesses[&waba.business_id];
    let owner = json!({ "id": business.id, "name": business.name });
    let number = world.numbers.values().find(|number| number.waba_id == waba_id);
    let all = json!({
        "id": waba.id,
        "name": waba.name,
        "timezone_id": waba.timezone_id,
        "message_template_namespace": waba.namespace,
        "currency": waba.currency,
        "country": waba.country,
        "primary_business_location": waba.country,
        "status": "ACTIVE",
        "account_review_status": "APPROVED",
        "business_verification_status": if business.verified { "verified" } else { "not_verified" },
        "ownership_type": if owns(world, app_id, &business.id) { "SELF_OWNED" } else { "CLIENT_OWNED" },
        "is_enabled_for_insights": waba.insights,
        "owner_business": owner,
        "owner_business_info": owner,
        "on_behalf_of_business_info": { "id": business.id, "name": business.name, "status": "APPROVED" },
        "primary_funding_id": "0",
        "marketing_messages_lite_api_status": "ELIGIBLE",
        "marketing_messages_onboarding_status": "ELIGIBLE",
        "disable_marketing_messages_on_cloud_api": false,
        "whatsapp_business_manager_messaging_limit": business.tier(),
        "subscribed_apps": { "data": subscribed::rows(world, waba_id) },
        "health_status": number.map(|number| of_account(&health(world, number, app_id))),
    });
    let Value::Object(all) = all else { unreachable!("an object was written") };
    all
}

/// The health of an account: a number's, without the number.
fn of_account(of_number: &Value) -> Value {
    let entities = of_number["entities"].as_array().into_iter().flatten();
    let entities: Vec<_> = entities.filter(|entity| entity["entity_type"] != "PHONE_NUMBER").collect();
    json!({ "can_send_message": "AVAILABLE", "entities": entities })
}

fn owns(world: &World, app_id: &str, business_id: &str) -> bool {
    world.apps.get(app_id).is_some_and(|app| app.business_id == business_id)
}

/// `POST /{waba-id}`: its name, its time zone, or that figures are kept of its templates.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (name, zone) = (call.text("name"), call.text("timezone_id"));
    let insights = call.text("is_enabled_for_insights").map(|word| word.eq_ignore_ascii_case("true"));
    if name.is_none() && zone.is_none() && insights.is_none() {
        return Err(GraphError::invalid("One of name, timezone_id, is_enabled_for_insights is required."));
    }
    // It can't be switched off again.
    waba_of(call).insights |= insights == Some(true);
    if name.as_ref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > 128) {
        return Err(GraphError::invalid("Param name must be 1 to 128 characters long."));
    }
    if zone.as_ref().is_some_and(|zone| !zone.parse::<u32>().is_ok_and(|zone| zone < 500)) {
        return Err(GraphError::invalid("Param timezone_id must be the number of a time zone."));
    }
    let waba = waba_of(call);
    if let Some(name) = name {
        waba.name = name;
    }
    if let Some(zone) = zone {
        waba.timezone_id = zone;
    }
    Reply::success()
}

/// Lists of what nobody does here: on-behalf requests, solutions of several partners, and the log of an account.
pub(super) fn nothing(_call: &mut Call<'_>) -> Answer {
    Ok(Reply::Json(json!({ "data": [], "paging": { "cursors": {} } })))
}
