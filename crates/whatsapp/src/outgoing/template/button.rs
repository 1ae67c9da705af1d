//! The values behind a template's buttons.

use super::super::limits;
use super::super::reader::Fields;
use super::super::wording::quoted;
use super::definition::Button;
use super::{parameter, slots};

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

/// What a template's own button asks of the send.
pub(super) struct Demand {
    /// The sorts it may be sent as, the usual one first.
    pub(super) sub_types: &'static [&'static str],
    /// Whether it must be sent at all.
    pub(super) needed: bool,
}

impl Demand {
    pub(super) fn en(&self) -> String {
        match self.sub_types {
            [] => "it takes nothing, remove this component".to_owned(),
            some => format!("it must be {}", quoted(some, "or")),
        }
    }

    pub(super) fn es(&self) -> String {
        match self.sub_types {
            [] => "no lleva nada, quita este componente".to_owned(),
            some => format!("tiene que ser {}", quoted(some, "o")),
        }
    }
}

/// `None` for a sort of button that is not known here, which is left to Meta.
///
/// That a flow button must be sent ("Button at index 0 of type Flow requires a parameter",
/// error 131008) is from memory.
pub(super) fn demand(button: &Button) -> Option<Demand> {
    let (sub_types, needed): (&[&str], bool) = match button.kind.as_str() {
        "OTP" => (&["url"], true),
        "URL" => match button.url().map(slots::names) {
            Some(names) if !names.is_empty() => (&["url"], true),
            _ => (&[], false),
        },
        "QUICK_REPLY" => (&["quick_reply"], false),
        "COPY_CODE" => (&["copy_code"], true),
        "FLOW" => (&["flow"], true),
        "CATALOG" => (&["catalog"], false),
        "MPM" => (&["mpm"], true),
        "VOICE_CALL" => (&["voice_call"], false),
        "ORDER_DETAILS" => (&["order_details"], true),
        "PHONE_NUMBER" | "SPM" | "REQUEST_CONTACT_INFO" => (&[], false),
        _ => return None,
    };
    Some(Demand { sub_types, needed })
}
