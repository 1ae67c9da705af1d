//! What Meta says about a message template.

use serde_json::{Value, json};

use crate::json::Read;

/// The news about a template; what the event does not mention is `None`.
/// See Meta's pages on the `message_template_*` and `template_*` webhooks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateUpdate {
    /// The template's id, a number in webhooks and a string in Graph answers.
    pub template_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its language, such as `en_US`.
    pub language: Option<String>,
    /// `APPROVED`, `REJECTED` and so on, upper case.
    pub status: Option<String>,
    /// The category it has now.
    pub category: Option<String>,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub quality: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// Its new content, in the form Graph uses.
    pub components: Option<Value>,
}

impl TemplateUpdate {
    pub(super) fn read(value: &Value) -> TemplateUpdate {
        TemplateUpdate {
            template_id: value.id("message_template_id"),
            name: value.text("message_template_name"),
            language: value.text("message_template_language"),
            status: value.text("event").and_then(|event| status(&event.to_uppercase())),
            category: category(value),
            quality: value.text("new_quality_score"),
            reason: value.text("reason").filter(|reason| !reason.eq_ignore_ascii_case("none")),
            components: components(value),
        }
    }
}

/// The status that an event leaves behind, as Meta lists it. A template that is flagged goes on as it was.
fn status(event: &str) -> Option<String> {
    match event {
        "FLAGGED" => None,
        "REINSTATED" | "UNARCHIVED" => Some("APPROVED".to_owned()),
        other => Some(other.to_owned()),
    }
}

/// `new_category` is the present one in both forms of the event, even where it announces
/// a change to `correct_category`.
fn category(value: &Value) -> Option<String> {
    ["message_template_category", "new_category", "category"].iter().find_map(|key| value.text(key))
}

fn components(value: &Value) -> Option<Value> {
    let mut components = Vec::new();
    if let Some(title) = value.text("message_template_title") {
        components.push(json!({"type": "HEADER", "format": "TEXT", "text": title}));
    }
    if let Some(body) = value.text("message_template_element") {
        components.push(json!({"type": "BODY", "text": body}));
    }
    if let Some(footer) = value.text("message_template_footer") {
        components.push(json!({"type": "FOOTER", "text": footer}));
    }
    let buttons: Vec<Value> = value.list("message_template_buttons").iter().map(button).collect();
    if !buttons.is_empty() {
        components.push(json!({"type": "BUTTONS", "buttons": buttons}));
    }
    (!components.is_empty()).then_some(Value::Array(components))
}

fn button(button: &Value) -> Value {
    let mut plain = json!({});
    for key in ["type", "text", "url", "phone_number"] {
        if let Some(text) = button.text(&format!("message_template_button_{key}")) {
            plain[key] = Value::String(text);
        }
    }
    plain
}
