//! A template's components as Meta lists them, read leniently: what they are is not the
//! sender's fault.

use serde_json::Value;

/// Where Meta's one-time-password buttons lead once a template is approved; sending them to a
/// business-scoped user id is error 131062.
const OTP_URL: &str = "https://www.whatsapp.com/otp/";

/// What Meta lists of a template, or of one card of it.
pub(super) struct Definition<'t> {
    pub(super) header: Option<Header<'t>>,
    pub(super) body: Option<&'t str>,
    /// What Meta was shown for the body's slots; null where nothing was.
    pub(super) body_example: &'t Value,
    pub(super) footer: Option<&'t str>,
    pub(super) buttons: Vec<Button<'t>>,
    pub(super) cards: Option<Vec<Definition<'t>>>,
    pub(super) offer: Option<&'t Value>,
}

pub(super) struct Header<'t> {
    /// `TEXT`, `IMAGE`, … in capitals.
    pub(super) format: String,
    pub(super) text: &'t str,
    /// What Meta was shown for it; null where nothing was.
    pub(super) example: &'t Value,
}

pub(super) struct Button<'t> {
    /// `QUICK_REPLY`, `URL`, … in capitals.
    pub(super) kind: String,
    pub(super) given: &'t Value,
}

impl<'t> Definition<'t> {
    pub(super) fn of(components: &'t Value) -> Self {
        let header = component(components, "HEADER").map(|header| Header {
            format: capitals(header, "format"),
            text: text(header, "text").unwrap_or_default(),
            example: &header["example"],
        });
        let buttons: Vec<Button> = component(components, "BUTTONS")
            .map_or(&[][..], |buttons| list(&buttons["buttons"]))
            .iter()
            .map(|given| Button { kind: capitals(given, "type"), given })
            .collect();
        Definition {
            header,
            body: component(components, "BODY").map(|body| text(body, "text").unwrap_or_else(|| unwritten(&buttons))),
            body_example: component(components, "BODY").map_or(&Value::Null, |body| &body["example"]),
            footer: component(components, "FOOTER").and_then(|footer| text(footer, "text")),
            cards: component(components, "CAROUSEL").map(|carousel| cards(&carousel["cards"])),
            offer: component(components, "LIMITED_TIME_OFFER"),
            buttons,
        }
    }

    /// Whether the body is all there is.
    pub(super) fn is_body_alone(&self) -> bool {
        self.header.is_none() && self.footer.is_none() && self.buttons.is_empty() && self.cards.is_none()
    }

    /// Whether it sends a one-time password.
    pub(super) fn is_authentication(&self) -> bool {
        self.buttons.iter().any(Button::is_otp)
    }
}

impl<'t> Button<'t> {
    pub(super) fn text(&self) -> Option<&'t str> {
        text(self.given, "text")
    }

    pub(super) fn url(&self) -> Option<&'t str> {
        text(self.given, "url")
    }

    pub(super) fn phone_number(&self) -> Option<&'t str> {
        text(self.given, "phone_number")
    }

    pub(super) fn is_otp(&self) -> bool {
        self.kind == "OTP" || self.url().is_some_and(|url| url.starts_with(OTP_URL))
    }
}

/// Meta writes the body of an authentication template itself, in each language, around the
/// code; before it did there is no text.
fn unwritten(buttons: &[Button]) -> &'static str {
    if buttons.iter().any(Button::is_otp) { "{{1}}" } else { "" }
}

fn component<'t>(components: &'t Value, kind: &str) -> Option<&'t Value> {
    list(components).iter().find(|component| capitals(component, "type") == kind)
}

fn cards(cards: &Value) -> Vec<Definition<'_>> {
    list(cards).iter().map(|card| Definition::of(&card["components"])).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'t>(value: &'t Value, key: &str) -> Option<&'t str> {
    value.get(key)?.as_str()
}

fn capitals(value: &Value, key: &str) -> String {
    text(value, key).unwrap_or_default().to_ascii_uppercase()
}
