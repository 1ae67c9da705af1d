//! Which webhook field a value belongs to, where the body does not say or says it wrong.

use serde_json::Value;

use crate::json::Read;

/// The field's name, looked for where Meta's samples have put it.
pub(super) fn name(entry: &Value, change: &Value, value: &Value) -> String {
    [change, value, entry]
        .into_iter()
        .filter(|holder| holder.get("field").is_some_and(Value::is_string))
        .find_map(|holder| holder.id("field"))
        .unwrap_or_else(|| by_keys(value).to_owned())
}

/// Members that give a field away; the first that is there decides.
const BY_KEY: [(&str, &str); 39] = [
    ("standby", "standby"),
    ("history", "history"),
    ("state_sync", "smb_app_state_sync"),
    ("message_echoes", "smb_message_echoes"),
    ("calls", "calls"),
    ("messages", "messages"),
    ("statuses", "messages"),
    ("user_preferences", "user_preferences"),
    ("automatic_events", "automatic_events"),
    ("user_id_update", "user_id_update"),
    ("previous_user_id", "user_id_update"),
    ("message_template_element", "message_template_components_update"),
    ("new_quality_score", "message_template_quality_update"),
    ("previous_category", "template_category_update"),
    ("new_category", "template_category_update"),
    ("correct_category", "template_correct_category_detection"),
    ("message_template_id", "message_template_status_update"),
    ("message_template_name", "message_template_status_update"),
    ("requested_verified_name", "phone_number_name_update"),
    ("phone_number_settings", "account_settings_update"),
    ("flow_id", "flows"),
    ("solution_status", "partner_solutions"),
    ("provider_mid", "payment_configuration_update"),
    ("configuration_name", "payment_configuration_update"),
    ("alert_info", "account_alerts"),
    ("alert_type", "account_alerts"),
    ("control_passed", "messaging_handovers"),
    ("control_taken", "messaging_handovers"),
    ("max_phone_numbers_per_business", "business_capability_update"),
    ("max_phone_numbers_per_waba", "business_capability_update"),
    ("max_daily_conversation_per_phone", "business_capability_update"),
    ("current_limit", "phone_number_quality_update"),
    ("username", "business_username_updates"),
    ("decision", "account_review_update"),
    ("waba_info", "account_update"),
    ("ban_info", "account_update"),
    ("restriction_info", "account_update"),
    ("violation_info", "account_update"),
    ("errors", "messages"),
];

fn by_keys(value: &Value) -> &'static str {
    if let Some(event) = value.get("event").and_then(Value::as_str) {
        if event.starts_with("PIN_") {
            return "security";
        }
        if QUALITY_EVENTS.contains(&event) && value.has("display_phone_number") {
            return "phone_number_quality_update";
        }
    }
    if let Some(group) = value.list("groups").first() {
        return group_field(group);
    }
    let given_away = BY_KEY.iter().find(|(key, _)| value.has(key)).map(|(_, field)| *field);
    given_away.unwrap_or(if value.has("event") { "account_update" } else { "" })
}

const QUALITY_EVENTS: [&str; 6] = ["ONBOARDING", "THROUGHPUT_UPGRADE", "FLAGGED", "UNFLAGGED", "UPGRADE", "DOWNGRADE"];

fn group_field(group: &Value) -> &'static str {
    match group.get("type").and_then(Value::as_str).unwrap_or_default() {
        kind if kind.starts_with("group_participants") || kind.starts_with("group_join") => "group_participants_update",
        kind if kind.starts_with("group_settings") => "group_settings_update",
        kind if kind.starts_with("group_suspend") => "group_status_update",
        _ => "group_lifecycle_update",
    }
}

/// Whether the value holds lists of messages and the like.
///
/// An unknown field may hold anything under those names, so there it takes the metadata
/// of a number to believe them.
pub(super) fn has_lists(field: &str, value: &Value) -> bool {
    const FIELDS: [&str; 9] = [
        "messages",
        "message_echoes",
        "smb_message_echoes",
        "smb_app_state_sync",
        "history",
        "standby",
        "calls",
        "user_preferences",
        "automatic_events",
    ];
    FIELDS.contains(&field) || field.starts_with("group_") || value.object("metadata").is_some()
}

/// What an event without lists is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Subject {
    /// A template.
    Template,
    /// A number of the business.
    Number,
    /// Anything else.
    #[default]
    Other,
}

/// Keys win over the field: Meta's own samples send a template's quality under the field
/// of its status.
pub(super) fn subject(field: &str, value: &Value) -> Subject {
    let has_template = value.has("message_template_id") || value.has("message_template_name");
    if has_template || is_template_field(field) && !has_number(value) {
        Subject::Template
    } else if has_number(value) || is_number_field(field) {
        Subject::Number
    } else {
        Subject::Other
    }
}

fn has_number(value: &Value) -> bool {
    let quality = value.get("event").and_then(Value::as_str).is_some_and(|e| QUALITY_EVENTS.contains(&e));
    value.has("requested_verified_name")
        || value.has("phone_number_settings")
        || value.has("display_phone_number") && (quality || value.has("username"))
}

fn is_template_field(field: &str) -> bool {
    field.starts_with("message_template_") || field.starts_with("template_")
}

fn is_number_field(field: &str) -> bool {
    const FIELDS: [&str; 5] = [
        "phone_number_quality_update",
        "phone_number_name_update",
        "phone_number_username_update",
        "business_username_update",
        "business_username_updates",
    ];
    FIELDS.contains(&field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_field_is_told_from_the_keys() {
        for (value, field) in [
            (json!({"event": "PARTNER_REMOVED"}), "account_update"),
            (json!({"event": "PIN_CHANGED", "display_phone_number": "1"}), "security"),
            (json!({"event": "UPGRADE", "display_phone_number": "1"}), "phone_number_quality_update"),
            (json!({"event": "APPROVED", "message_template_id": 1}), "message_template_status_update"),
            (json!({"event": "FLOW_STATUS_CHANGE", "flow_id": "1"}), "flows"),
            (json!({"decision": "APPROVED"}), "account_review_update"),
            (json!({"groups": [{"type": "group_suspend"}]}), "group_status_update"),
            (json!({"groups": [{"type": "group_join_request_created"}]}), "group_participants_update"),
            (json!({"statuses": []}), "messages"),
            (json!({"surprise": 1}), ""),
        ] {
            assert_eq!(name(&json!({}), &json!({}), &value), field, "{value}");
        }
    }

    #[test]
    fn the_field_may_sit_in_odd_places() {
        let (none, named) = (json!({}), json!({"field": "account_update"}));
        assert_eq!(name(&none, &none, &named), "account_update");
        assert_eq!(name(&named, &none, &none), "account_update");
        assert_eq!(name(&named, &json!({"field": "flows"}), &named), "flows");
        assert_eq!(name(&none, &json!({"field": 7}), &named), "account_update");
    }

    #[test]
    fn keys_win_over_the_field() {
        let template = json!({"message_template_id": 1, "new_quality_score": "RED"});
        let number = json!({"display_phone_number": "1", "requested_verified_name": "N"});
        assert_eq!(subject("account_update", &template), Subject::Template);
        assert_eq!(subject("message_template_status_update", &number), Subject::Number);
        assert_eq!(subject("template_category_update", &json!({})), Subject::Template);
        assert_eq!(subject("phone_number_name_update", &json!({})), Subject::Number);
        let pin = json!({"display_phone_number": "1", "event": "PIN_CHANGED"});
        assert_eq!(subject("security", &pin), Subject::Other);
    }
}
