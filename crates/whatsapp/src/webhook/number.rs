//! What Meta says about a phone number of the business.

use serde_json::Value;

use crate::json::Read;
use crate::phone::digits;

/// The news about a number; what the event does not mention is `None`.
/// See Meta's pages on the `phone_number_*` and `account_settings_update` webhooks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NumberUpdate {
    /// The number, digits only.
    pub display_phone_number: Option<String>,
    /// What happened to its quality or throughput, such as `ONBOARDING`.
    pub quality_event: Option<String>,
    /// How many users may be written to in a day, such as `TIER_10K`.
    pub messaging_limit: Option<String>,
    /// Its new display name, once approved.
    pub verified_name: Option<String>,
    /// What was decided about the name asked for.
    pub name_status: Option<String>,
    /// Its username; empty once deleted.
    pub username: Option<String>,
    /// `HIGH` after an upgrade.
    pub throughput: Option<String>,
    /// Calling and other settings, as Meta sends them.
    pub settings: Option<Value>,
}

impl NumberUpdate {
    pub(super) fn read(value: &Value) -> NumberUpdate {
        let quality_event = value.text("event");
        let upgraded = quality_event.as_deref() == Some("THROUGHPUT_UPGRADE");
        let name_status = value.text("decision").map(|decision| decision.to_uppercase());
        let approved = name_status.as_deref() == Some("APPROVED");
        let name = value.text("requested_verified_name");
        NumberUpdate {
            display_phone_number: value
                .text("display_phone_number")
                .map(|number| digits(&number))
                .filter(|number| !number.is_empty()),
            quality_event,
            messaging_limit: value.text("max_daily_conversations_per_business").or_else(|| value.text("current_limit")),
            verified_name: name.filter(|_| approved),
            name_status,
            username: username(value),
            throughput: upgraded.then(|| "HIGH".to_owned()),
            settings: value.object("phone_number_settings").cloned(),
        }
    }
}

fn username(value: &Value) -> Option<String> {
    let deleted = value.text("status").is_some_and(|s| s.eq_ignore_ascii_case("deleted"));
    if deleted { Some(String::new()) } else { value.text("username") }
}
