//! What an App is to hear of: whoever sets an App up, looks at it, or connects a number through it asks here.

/// Without it nothing that customers write arrives.
pub const MESSAGES: &str = "messages";

/// News of numbers, templates and accounts: without these, what changes at Meta is seen a day later.
const NEWS: [&str; 10] = [
    "message_template_status_update",
    "message_template_quality_update",
    "message_template_components_update",
    "template_category_update",
    "phone_number_quality_update",
    "phone_number_name_update",
    "account_update",
    "account_alerts",
    "account_review_update",
    "business_capability_update",
];

/// What comes from a phone that shares its number, with the WhatsApp Business app, and from nowhere else.
const OF_PHONES: [&str; 3] = ["smb_message_echoes", "smb_app_state_sync", "history"];

/// The fields that an App is to be subscribed to; more, where a number that comes through it is shared with a phone.
pub fn wanted(is_shared_with_phone: bool) -> Vec<&'static str> {
    let of_phones: &[&str] = if is_shared_with_phone { &OF_PHONES } else { &[] };
    [&[MESSAGES], NEWS.as_slice(), of_phones].concat()
}
