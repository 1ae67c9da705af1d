//! Interactive messages: a header, a body and a footer around an action.

mod buttons;
mod carousel;
mod flow;
mod orders;
mod products;
mod requests;

use super::limits;
use super::media::{self, MediaKind};
use super::reader::Fields;

pub(super) use orders::is_currency;
pub(super) use products::sections as product_sections;

/// What may stand around the action of one subtype.
struct Subtype {
    name: &'static str,
    header: Header,
    body: Body,
    footer: bool,
    action: fn(&mut Fields),
    /// Whether its other members are kept as they are, and an action is not needed.
    passed_on: bool,
}

enum Header {
    /// Meta's page says that there is none.
    Never,
    Text,
    TextNeeded,
    Any,
}

enum Body {
    Needed(usize),
    IfGiven,
}

/// In the order of Meta's pages; what an entry does not forbid is allowed.
const SUBTYPES: [Subtype; 17] = [
    subtype("button", Header::Any, buttons::replies),
    Subtype { body: Body::Needed(limits::LIST_BODY), ..subtype("list", Header::Text, buttons::list) },
    subtype("cta_url", Header::Any, buttons::cta_url),
    subtype("flow", Header::Any, flow::check),
    Subtype { body: Body::IfGiven, ..subtype("product", Header::Never, products::one) },
    subtype("product_list", Header::TextNeeded, products::list),
    subtype("catalog_message", Header::Any, products::catalog),
    Subtype { footer: false, ..subtype("location_request_message", Header::Never, requests::location) },
    subtype("address_message", Header::Any, requests::address),
    Subtype { footer: false, ..subtype("carousel", Header::Never, carousel::check) },
    Subtype {
        body: Body::IfGiven,
        footer: false,
        ..subtype("call_permission_request", Header::Never, requests::call_permission)
    },
    subtype("voice_call", Header::Any, requests::voice_call),
    subtype("request_contact_info", Header::Any, requests::contact_info),
    subtype("order_details", Header::Any, orders::details),
    subtype("order_status", Header::Any, orders::status),
    // What Meta wants in these is not published: they are passed on.
    Subtype {
        body: Body::IfGiven,
        passed_on: true,
        ..subtype("booking_confirmation", Header::Any, |action| action.keep_rest())
    },
    Subtype { body: Body::IfGiven, passed_on: true, ..subtype("reminder", Header::Any, |action| action.keep_rest()) },
];

const NAMES: [&str; 17] = {
    let mut names = [""; 17];
    let mut n = 0;
    while n < 17 {
        names[n] = SUBTYPES[n].name;
        n += 1;
    }
    names
};

const fn subtype(name: &'static str, header: Header, action: fn(&mut Fields)) -> Subtype {
    Subtype { name, header, body: Body::Needed(limits::BODY), footer: true, action, passed_on: false }
}

/// Checks the message; tells its subtype.
pub(super) fn check(fields: &mut Fields) -> Option<&'static str> {
    fields.within("interactive", |message| {
        let name = message.word("type", &NAMES);
        match SUBTYPES.iter().find(|subtype| Some(subtype.name) == name) {
            Some(subtype) => parts(message, subtype),
            None => message.leave_open(),
        }
        name
    })?
}

fn parts(message: &mut Fields, subtype: &Subtype) {
    match subtype.header {
        Header::Never => {
            let en = "does not go with this kind of message: remove it.";
            message.forbid("header", en, "no va con esta clase de mensaje: quítalo.");
        }
        Header::Text => {
            message.within_if_given("header", |header| show(header, &["text"]));
        }
        Header::TextNeeded => {
            message.within("header", |header| show(header, &["text"]));
        }
        Header::Any => {
            message.within_if_given("header", |header| show(header, &["text", "image", "video", "document"]));
        }
    }
    match subtype.body {
        Body::Needed(most) => {
            message.within("body", |body| body.text("text", most).is_some());
        }
        Body::IfGiven => {
            message.within_if_given("body", |body| body.text("text", limits::BODY).is_some());
        }
    }
    if subtype.footer {
        message.within_if_given("footer", |footer| footer.text("text", limits::FOOTER).is_some());
    } else {
        let en = "does not go with this kind of message: remove it.";
        message.forbid("footer", en, "no va con esta clase de mensaje: quítalo.");
    }
    if subtype.passed_on {
        message.within_if_given("action", subtype.action);
        message.keep_rest();
    } else {
        message.within("action", subtype.action);
    }
}

/// A header of one of the given types.
fn show(header: &mut Fields, types: &[&'static str]) -> Option<&'static str> {
    let Some(kind) = header.word("type", types) else {
        header.leave_open();
        return None;
    };
    match MediaKind::of_header(kind) {
        Some(kind) => media::shown(header, kind),
        None => {
            header.text("text", limits::HEADER);
            header.text_if_given("sub_text", limits::HEADER);
        }
    }
    Some(kind)
}

/// An action that has a name of its own and parameters.
fn named<'a>(action: &mut Fields<'a>, name: &'static str, parameters: impl FnOnce(&mut Fields<'a>)) {
    action.word("name", &[name]);
    action.within("parameters", parameters);
}
