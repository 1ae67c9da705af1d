//! `settings`: calling, storage, identity checks, encryption of payloads (§7.3).

use serde_json::{Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::Number;

/// What can be set.
const TOPICS: &[&str] = &["calling", "payload_encryption", "user_identity_change", "storage_configuration"];

/// Whether calling is on (138000).
pub(super) fn calls_enabled(number: &Number) -> bool {
    number.settings["calling"]["status"].as_str().is_some_and(|status| status.eq_ignore_ascii_case("enabled"))
}

/// `GET /{phone-number-id}/settings`: what was set, over what is off. `include_sip_credentials=true` shows passwords.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let with_passwords = call.text("include_sip_credentials").as_deref() == Some("true");
    let mut shown = json!({
        "calling": {
            "status": "DISABLED", "call_icon_visibility": "DEFAULT", "callback_permission_status": "DISABLED",
        },
        "payload_encryption": { "status": "DISABLED" },
        "storage_configuration": { "status": "DEFAULT" },
    });
    merge(&mut shown, &number_of(call).settings);
    if !with_passwords {
        hide_passwords(&mut shown);
    }
    Ok(Reply::Json(shown))
}

/// `POST /{phone-number-id}/settings`: what isn't named stays. What concerns calling is told to the Apps.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let mut given = json!({});
    for topic in TOPICS {
        if let Some(value) = call.json(topic)? {
            check(topic, &value)?;
            given[topic] = value;
        }
    }
    if given == json!({}) {
        return Err(GraphError::invalid(format!("One of {} is required.", TOPICS.join(", "))));
    }
    give_passwords(call, &mut given);
    let number = number_of(call);
    merge(&mut number.settings, &given);
    if given.get("calling").is_some() {
        let mut calling = number.settings["calling"].clone();
        hide_passwords(&mut calling);
        tell(call, calling);
    }
    Reply::success()
}

fn check(topic: &str, value: &Value) -> Result<(), GraphError> {
    let bad = |path: &str, why: &str| Err(GraphError::of(100).message(format!("(#100) Param {path} {why}")));
    let Some(object) = value.as_object() else { return bad(topic, "must be an object") };
    let status = |value: &Value| {
        let word = value.as_str().unwrap_or_default().to_ascii_uppercase();
        value.is_null() || matches!(word.as_str(), "ENABLED" | "DISABLED")
    };
    match topic {
        "calling" if !status(&value["status"]) => bad("calling[status]", "must be one of {ENABLED, DISABLED}"),
        "calling" if !status(&value["callback_permission_status"]) => {
            bad("calling[callback_permission_status]", "must be one of {ENABLED, DISABLED}")
        }
        "calling" if value.get("call_hours").is_some_and(|hours| !hours.is_object()) => {
            bad("calling[call_hours]", "must be an object")
        }
        "calling" if value["sip"].get("servers").is_some_and(|servers| !servers.is_array()) => {
            bad("calling[sip][servers]", "must be an array")
        }
        "payload_encryption" if value["status"].is_null() || !status(&value["status"]) => {
            bad("payload_encryption[status]", "must be one of {ENABLED, DISABLED}")
        }
        "user_identity_change" if !object.values().any(Value::is_boolean) => {
            bad("user_identity_change", "must say whether it is on")
        }
        _ => Ok(()),
    }
}

/// Lays one object over another, level by level.
fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                merge(below.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// Each SIP server gets a password from Meta.
fn give_passwords(call: &mut Call<'_>, given: &mut Value) {
    let servers = given.pointer_mut("/calling/sip/servers").and_then(Value::as_array_mut);
    for server in servers.into_iter().flatten() {
        if server.is_object() {
            server["sip_user_password"] = call.world.chance.alphanumeric(24).into();
        }
    }
}

fn hide_passwords(settings: &mut Value) {
    for place in ["/calling/sip/servers", "/sip/servers"] {
        let servers = settings.pointer_mut(place).and_then(Value::as_array_mut);
        for server in servers.into_iter().flatten().filter_map(Value::as_object_mut) {
            server.remove("sip_user_password");
        }
    }
}

/// `account_settings_update`: a field of the number, without metadata and time (§7).
fn tell(call: &mut Call<'_>, calling: Value) {
    let value = json!({
        "messaging_product": "whatsapp",
        "timestamp": call.now.as_second().to_string(),
        "type": "PHONE_NUMBER_SETTINGS",
        "phone_number_settings": { "phone_number_id": call.object, "calling": calling },
    });
    let waba_id = number_of(call).waba_id.clone();
    call.world.emit(crate::webhook::Update::number(&waba_id, &call.object, "account_settings_update", value));
}
