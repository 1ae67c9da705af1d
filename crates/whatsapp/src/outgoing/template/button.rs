//! The values behind a template's buttons.

use super::super::limits;
use super::super::reader::Fields;
use super::parameter;

/// The sorts of button that can be given something.
const SUB_TYPES: [&str; 8] =
    ["quick_reply", "url", "copy_code", "flow", "catalog", "mpm", "voice_call", "order_details"];

/// Checks a component of type `button`; tells which button it is for.
pub(super) fn check(button: &mut Fields) -> Option<i64> {
    let sub_type = button.word_in_any_case("sub_type", &SUB_TYPES);
    let index = index(button, sub_type);
    let Some(sub_type) = sub_type else {
        button.leave_open();
        return index;
    };
    let (most, types) = takes(sub_type);
    parameter::of_button(button, &(0..=most), types);
    index
}

/// Every button but the one that calls says which it is (page "Call button messages").
fn index(button: &mut Fields, sub_type: Option<&str>) -> Option<i64> {
    if sub_type == Some("voice_call") {
        button.whole_if_given("index", &limits::BUTTON_INDEX)
    } else {
        button.whole("index", &limits::BUTTON_INDEX)
    }
}

/// How many parameters of which types. A quick reply with `text` is in Meta's OpenAPI.
fn takes(sub_type: &str) -> (usize, &'static [&'static str]) {
    match sub_type {
        "quick_reply" => (1, &["payload", "text"]),
        "url" => (1, &["text"]),
        "copy_code" => (1, &["coupon_code"]),
        "voice_call" => (2, &["ttl_minutes", "payload"]),
        _ => (1, &["action"]),
    }
}
