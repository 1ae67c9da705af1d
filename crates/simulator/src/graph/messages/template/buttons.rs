//! A template's buttons, and the parameters that some of them take at their index.

use serde_json::{Value, json};

use super::super::interactive::products;
use super::super::part::{Part, lacking, refused, short};
use super::given::parameters;
use super::{is, miscount, mismatch, text};
use crate::error::GraphError;

const CODE_CHARACTERS: usize = 20;
const URL_CHARACTERS: usize = 2000;

/// Whether a button takes a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// May be left out.
    May,
    Must,
    /// Must, where its URL has a placeholder.
    Suffix,
}

/// A type of button.
struct Rule {
    kind: &'static str,
    /// As Meta writes it in details.
    title: &'static str,
    /// `sub_type` of its component in a send.
    sub_type: &'static str,
    takes: Takes,
}

const fn rule(kind: &'static str, title: &'static str, sub_type: &'static str, takes: Takes) -> Rule {
    Rule { kind, title, sub_type, takes }
}

const RULES: &[Rule] = &[
    rule("QUICK_REPLY", "QuickReply", "quick_reply", Takes::May),
    rule("URL", "Url", "url", Takes::Suffix),
    rule("OTP", "Url", "url", Takes::Must),
    rule("PHONE_NUMBER", "PhoneNumber", "phone_number", Takes::Nothing),
    rule("COPY_CODE", "CopyCode", "copy_code", Takes::Must),
    rule("FLOW", "Flow", "flow", Takes::Must),
    rule("CATALOG", "Catalog", "catalog", Takes::May),
    rule("MPM", "Mpm", "mpm", Takes::Must),
    rule("SPM", "Spm", "spm", Takes::Nothing),
    rule("VOICE_CALL", "VoiceCall", "voice_call", Takes::May),
    rule("REQUEST_CONTACT_INFO", "RequestContactInfo", "request_contact_info", Takes::Nothing),
];

/// What `sub_type` may say.
const SUB_TYPES: &[&str] = &[
    "quick_reply",
    "url",
    "phone_number",
    "copy_code",
    "flow",
    "catalog",
    "mpm",
    "spm",
    "voice_call",
    "request_contact_info",
];

/// The buttons as the customer sees them.
pub(super) fn fill(buttons: &[Value], given: &[Part<'_>]) -> Result<Vec<Value>, GraphError> {
    let mut at = vec![None; buttons.len()];
    for component in given {
        let sub_type = component.need("sub_type")?.one_of(SUB_TYPES)?;
        let index = component.need("index")?;
        let place = usize::try_from(index.whole()?).ok().filter(|place| *place < buttons.len());
        let Some(place) = place else {
            return Err(refused(format!("buttons: the template has no button at index {}", index.value)));
        };
        let expected = rule_of(&buttons[place]).map_or("", |rule| rule.sub_type);
        if sub_type != expected {
            return Err(mismatch("buttons", expected, sub_type));
        }
        if at[place].replace(component).is_some() {
            return Err(refused(format!("buttons: index {place} is given twice")));
        }
    }
    buttons.iter().zip(at).enumerate().map(|(index, (button, given))| one(index, button, given)).collect()
}

fn rule_of(button: &Value) -> Option<&'static Rule> {
    RULES.iter().find(|rule| is(button, rule.kind))
}

fn one(index: usize, button: &Value, given: Option<&Part<'_>>) -> Result<Value, GraphError> {
    let Some(rule) = rule_of(button) else {
        return Ok(json!({ "type": button["type"].as_str().map(str::to_ascii_lowercase), "text": button["text"] }));
    };
    let given = parameters(given)?;
    let url = button["url"].as_str().unwrap_or_default();
    let takes = match rule.takes {
        Takes::Suffix if text::placeholders(url).is_empty() => Takes::Nothing,
        Takes::Suffix => Takes::Must,
        takes => takes,
    };
    let title = rule.title;
    match (takes, given.len()) {
        (Takes::Must, 0) => {
            return Err(lacking(format!("buttons: Button at index {index} of type {title} requires a parameter")));
        }
        (Takes::Nothing, 1..) => {
            let details = format!("buttons: Button at index {index} of type {title} does not require parameters");
            return Err(GraphError::of(132000).details(details));
        }
        (_, 2..) if rule.kind != "VOICE_CALL" => {
            return Err(miscount(&format!("buttons: Button at index {index}"), given.len(), 1));
        }
        _ => {}
    }
    let mut shown = json!({ "type": rule.kind.to_ascii_lowercase(), "text": label(rule, button) });
    match rule.kind {
        "PHONE_NUMBER" => shown["phone"] = button["phone_number"].clone(),
        "URL" => shown["url"] = url.into(),
        // A tap sends the label where no payload was given.
        "QUICK_REPLY" => shown["payload"] = button["text"].clone(),
        _ => {}
    }
    for parameter in &given {
        take(rule, parameter, &mut shown)?;
    }
    Ok(shown)
}

/// The label; of some, WhatsApp writes it.
fn label(rule: &Rule, button: &Value) -> Value {
    let fixed = match rule.kind {
        "COPY_CODE" => "Copy offer code",
        "OTP" => "Copy code",
        "REQUEST_CONTACT_INFO" => "Share Contact Info",
        _ => "",
    };
    button["text"].as_str().unwrap_or(fixed).into()
}

/// Puts a parameter into the button.
fn take(rule: &Rule, parameter: &Part<'_>, shown: &mut Value) -> Result<(), GraphError> {
    let kind = parameter.words("type")?;
    match (rule.kind, kind) {
        ("URL", "text") => {
            let suffix = text::worded(parameter)?;
            let created = shown["url"].as_str().unwrap_or_default();
            let name = text::placeholders(created).remove(0);
            let url = created.replace(&format!("{{{{{name}}}}}"), &suffix);
            text::short("buttons", &url, URL_CHARACTERS)?;
            shown["url"] = url.into();
        }
        ("OTP", "text") => {
            let code = text::worded(parameter)?;
            short(&code, CODE_CHARACTERS, "One-time password")?;
            shown["payload"] = code.into();
        }
        ("QUICK_REPLY" | "VOICE_CALL", "payload") => shown["payload"] = parameter.words("payload")?.into(),
        // In Meta's oldest samples a reply's payload is text, or even a boolean.
        ("QUICK_REPLY", "text") => shown["payload"] = parameter.need("text")?.value.clone(),
        ("VOICE_CALL", "ttl_minutes") => {
            parameter.need("ttl_minutes")?.whole()?;
        }
        ("COPY_CODE", "coupon_code") => {
            let code = parameter.words("coupon_code")?;
            short(code, CODE_CHARACTERS, "Coupon code")?;
            shown["payload"] = code.into();
        }
        ("FLOW", "action") => {
            let action = parameter.need("action")?;
            action.keys(&["flow_token", "flow_action_data"])?;
            shown["payload"] = action.may("flow_token")?.unwrap_or("unused").into();
        }
        ("CATALOG", "action") => {
            let action = parameter.need("action")?;
            action.keys(&["thumbnail_product_retailer_id"])?;
            action.may("thumbnail_product_retailer_id")?;
        }
        ("MPM", "action") => {
            let action = parameter.need("action")?;
            action.keys(&["thumbnail_product_retailer_id", "sections"])?;
            action.may("thumbnail_product_retailer_id")?;
            products::sections(&action.need("sections")?)?;
        }
        _ => {
            let expected = match rule.kind {
                "URL" | "OTP" => "text",
                "COPY_CODE" => "coupon_code",
                "FLOW" | "CATALOG" | "MPM" => "action",
                _ => "payload",
            };
            return Err(mismatch("buttons", expected, kind));
        }
    }
    Ok(())
}
