//! Webhooks out: what Meta tells the Apps, in which bodies, how often it tries, and what was answered.

use serde_json::Value;

mod compose;
mod ledger;
mod post;

pub(crate) use compose::compose;
pub(crate) use ledger::{Ledger, Try};
pub(crate) use post::{handshake, hmac_hex, send};

/// Fields whose callback may be overridden for an account or a number (§2.6).
const OVERRIDABLE: &[&str] = &[
    "messages",
    "message_echoes",
    "calls",
    "consumer_profile",
    "messaging_handovers",
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
    "smb_message_echoes",
    "smb_app_state_sync",
    "history",
    "account_settings_update",
];

/// All fields that an App can subscribe to (§3.1).
pub(crate) const FIELDS: &[&str] = &[
    "account_alerts",
    "account_review_update",
    "account_settings_update",
    "account_update",
    "automatic_events",
    "business_capability_update",
    "business_status_update",
    "business_username_updates",
    "calls",
    "consumer_profile",
    "flows",
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
    "history",
    "message_echoes",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "messages",
    "messaging_handovers",
    "partner_solutions",
    "payment_configuration_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "smb_app_state_sync",
    "smb_message_echoes",
    "standby",
    "template_category_update",
    "template_correct_category_detection",
    "tracking_events",
    "user_preferences",
];

/// One thing that happened, before it is put into a body.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// `entry[].id`: the account, or for some account updates the portfolio (§3).
    pub(crate) entry_id: String,
    /// Whose subscribers hear of it.
    pub(crate) waba_id: String,
    /// The number, where it concerns one.
    pub(crate) phone_number_id: Option<String>,
    /// The webhook field.
    pub(crate) field: String,
    /// The whole `value`.
    pub(crate) value: Value,
    /// `entry[].time`, in seconds, for fields that have it (§3).
    pub(crate) time: Option<i64>,
    /// The message it is about.
    pub(crate) wamid: Option<String>,
    /// Whether a delay was laid on it already.
    pub(crate) held: bool,
    /// Whether it is to share a POST with others that leave at the same time.
    pub(crate) together: bool,
}

impl Update {
    /// An update of the field `messages`.
    pub(crate) fn messages(waba_id: &str, phone_number_id: &str, wamid: &str, value: Value) -> Self {
        Self {
            entry_id: waba_id.into(),
            waba_id: waba_id.into(),
            phone_number_id: Some(phone_number_id.into()),
            field: "messages".into(),
            value,
            time: None,
            wamid: Some(wamid.into()),
            held: false,
            together: false,
        }
    }

    /// An update of another field of a number.
    pub(crate) fn number(waba_id: &str, phone_number_id: &str, field: &str, value: Value) -> Self {
        let update = Self::messages(waba_id, phone_number_id, "", value);
        Self { field: field.into(), wamid: None, ..update }
    }

    /// An update of an account's field, which has a time.
    pub(crate) fn account(waba_id: &str, field: &str, value: Value, time: i64) -> Self {
        Self {
            entry_id: waba_id.into(),
            waba_id: waba_id.into(),
            phone_number_id: None,
            field: field.into(),
            value,
            time: Some(time),
            wamid: None,
            held: false,
            together: false,
        }
    }
}
