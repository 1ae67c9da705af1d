//! A template's buttons: types, fields and limits (§9.1).

use serde_json::{Map, Value};

use super::authentication;
use super::check::{Rules, capitals, only};
use super::refusal::{lacks, plain, too_long};
use crate::error::GraphError;

/// Characters of a button's text.
pub(super) const TEXT: usize = 25;
/// Characters of a URL.
const URL: usize = 2000;
/// Characters of a phone number.
const PHONE: usize = 20;
/// Characters of a coupon code.
const CODE: usize = 20;
/// The only label of a button that asks for the phone number (§6).
const CONTACT_INFO: &str = "Share Contact Info";
/// Buttons of a template.
const MOST: usize = 10;
/// Buttons of a card.
const MOST_ON_CARD: usize = 2;

/// A type of button: the keys beside `type` and `text`, how many of it a template has at most, and whether it must be
/// alone.
struct Known {
    kind: &'static str,
    keys: &'static [&'static str],
    most: usize,
    alone: bool,
}

const fn known(kind: &'static str, keys: &'static [&'static str], most: usize, alone: bool) -> Known {
    Known { kind, keys, most, alone }
}

const KNOWN: &[Known] = &[
    known("QUICK_REPLY", &[], MOST, false),
    known("URL", &["url", "example", "app_deep_link"], 2, false),
    known("PHONE_NUMBER", &["phone_number"], 1, false),
    known("COPY_CODE", &["example"], 1, false),
    // Its keys are checked by its kind.
    known("OTP", &[], 1, true),
    known("FLOW", FLOW, 1, false),
    known("CATALOG", &[], 1, true),
    known("MPM", &[], 1, true),
    known("SPM", &[], 1, false),
    known("VOICE_CALL", &["ttl_minutes"], 1, false),
    known("REQUEST_CONTACT_INFO", &[], 1, false),
];

const FLOW: &[&str] = &["flow_id", "flow_name", "flow_json", "flow_action", "navigate_screen", "icon"];

/// Checks buttons and writes their types in capitals.
pub(super) fn buttons(list: &[Value], path: &str, rules: &Rules<'_>, on_card: bool) -> Result<Vec<Value>, GraphError> {
    let most = if on_card { MOST_ON_CARD } else { MOST };
    if list.is_empty() || list.len() > most {
        return Err(plain("Wrong number of buttons", format!("There can be 1 to {most} buttons.")));
    }
    let mut checked = Vec::new();
    for (index, button) in list.iter().enumerate() {
        checked.push(one(button, &format!("{path}['buttons']['{index}']"), rules)?);
    }
    counted(&checked)?;
    grouped(&checked)?;
    Ok(checked)
}

fn one(button: &Value, path: &str, rules: &Rules<'_>) -> Result<Value, GraphError> {
    let mut button = button.as_object().cloned().ok_or_else(|| lacks("BUTTONS", "type"))?;
    let kinds: Vec<&str> = KNOWN.iter().map(|known| known.kind).collect();
    let kind = capitals(&mut button, "type", &kinds, path)?;
    if (kind == "OTP") != (rules.category == "AUTHENTICATION") {
        let why = "Templates of category AUTHENTICATION have one OTP button, and no others have one.";
        return Err(plain("Button not allowed", why));
    }
    if kind == "OTP" {
        authentication::otp(&mut button, path)?;
        return Ok(Value::Object(button));
    }
    let known = KNOWN.iter().find(|known| known.kind == kind).map_or(&[][..], |known| known.keys);
    only(&button, &[&["type", "text"], known].concat(), path)?;
    text(&button, &kind)?;
    match kind.as_str() {
        "URL" => url(&button)?,
        "PHONE_NUMBER" => phone(&button)?,
        "COPY_CODE" => code(&button)?,
        "FLOW" => flow(&button)?,
        _ => {}
    }
    Ok(Value::Object(button))
}

/// The label: 1 to 25 characters, without variables. Some types have Meta's own.
fn text(button: &Map<String, Value>, kind: &str) -> Result<(), GraphError> {
    let own = matches!(kind, "COPY_CODE" | "REQUEST_CONTACT_INFO" | "VOICE_CALL");
    match button.get("text") {
        None if own => Ok(()),
        Some(text) if kind == "REQUEST_CONTACT_INFO" && text != CONTACT_INFO => {
            Err(plain("Wrong button text", format!("The text of this button is \"{CONTACT_INFO}\".")))
        }
        Some(Value::String(text)) if !text.trim().is_empty() => {
            if text.chars().count() > TEXT {
                return Err(too_long("button's text", TEXT));
            }
            if text.contains("{{") || text.contains('\n') {
                return Err(plain("Wrong button text", "A button's text can't have variables or new lines."));
            }
            if text.chars().any(is_decoration) {
                return Err(plain("Wrong button text", "A button's text can't have emojis or formatting."));
            }
            Ok(())
        }
        _ => Err(lacks("BUTTONS", "text")),
    }
}

/// An emoji, or a sign that makes words bold, slanted or struck.
fn is_decoration(char: char) -> bool {
    matches!(char, '*' | '_' | '~' | '`' | '\u{200d}' | '\u{20e3}' | '\u{fe0f}' | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// A URL, with one variable at its end and an example for it at most.
fn url(button: &Map<String, Value>) -> Result<(), GraphError> {
    let url = button.get("url").and_then(Value::as_str).ok_or_else(|| lacks("BUTTONS", "url"))?;
    if url.chars().count() > URL {
        return Err(too_long("button's URL", URL));
    }
    let fixed = match url.split_once("{{") {
        None => url,
        // Also where variables have names, this one is `{{1}}`.
        Some((fixed, "1}}")) => fixed,
        Some(_) => {
            return Err(plain("Wrong URL", "A button's URL can have one variable, {{1}}, and it must be at the end."));
        }
    };
    let whole = reqwest::Url::parse(fixed).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if whole.is_none_or(|url| url.host().is_none()) {
        return Err(plain("Wrong URL", "A button's URL must begin with http:// or https:// and name a host."));
    }
    let example = match button.get("example") {
        Some(Value::Array(list)) if list.len() == 1 => list[0].as_str(),
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    if fixed.len() < url.len() && example.is_none_or(str::is_empty) {
        return Err(lacks("BUTTONS", "example"));
    }
    Ok(())
}

fn phone(button: &Map<String, Value>) -> Result<(), GraphError> {
    let phone = button.get("phone_number").and_then(Value::as_str).ok_or_else(|| lacks("BUTTONS", "phone_number"))?;
    if phone.chars().count() > PHONE {
        return Err(too_long("button's phone number", PHONE));
    }
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    if digits.len() < 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(plain("Wrong phone number", "phone_number has digits only, with the country's code first."));
    }
    Ok(())
}

fn code(button: &Map<String, Value>) -> Result<(), GraphError> {
    let example = match button.get("example") {
        Some(Value::Array(list)) => list.first().and_then(Value::as_str),
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let example = example.filter(|text| !text.is_empty()).ok_or_else(|| lacks("BUTTONS", "example"))?;
    if example.chars().count() > CODE {
        return Err(too_long("coupon code", CODE));
    }
    Ok(())
}

/// A flow, by id, by name or as JSON. Flows are not kept here, so any id and any name will do.
fn flow(button: &Map<String, Value>) -> Result<(), GraphError> {
    let given: Vec<&str> =
        ["flow_id", "flow_name", "flow_json"].into_iter().filter(|key| button.contains_key(*key)).collect();
    let [key] = given[..] else {
        return Err(plain("Flow is missing", "A FLOW button has one of flow_id, flow_name and flow_json."));
    };
    let word = match &button[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let fits = match key {
        "flow_id" => !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()),
        "flow_json" => serde_json::from_str::<Map<String, Value>>(&word).is_ok(),
        _ => !word.is_empty(),
    };
    if !fits {
        return Err(plain("Wrong flow", format!("{key} can't be read.")));
    }
    match button.get("flow_action").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        None | Some("navigate" | "data_exchange") => Ok(()),
        Some(_) => Err(plain("Wrong flow action", "flow_action is navigate or data_exchange.")),
    }
}

/// How many there may be of each type, and which must be alone. Labels of quick replies differ.
fn counted(buttons: &[Value]) -> Result<(), GraphError> {
    for known in KNOWN {
        let count = buttons.iter().filter(|button| button["type"] == known.kind).count();
        if count > known.most || known.alone && count > 0 && buttons.len() > 1 {
            let most = if known.alone { "alone".into() } else { format!("{} at most", known.most) };
            return Err(plain("Wrong buttons", format!("Buttons of type {}: {most}.", known.kind)));
        }
    }
    let quick: Vec<&Value> =
        buttons.iter().filter(|button| button["type"] == "QUICK_REPLY").map(|button| &button["text"]).collect();
    if quick.iter().enumerate().any(|(index, text)| quick[..index].contains(text)) {
        return Err(plain("Same text twice", "Quick replies need texts that differ."));
    }
    Ok(())
}

/// Quick replies stand together, before or after all others.
fn grouped(buttons: &[Value]) -> Result<(), GraphError> {
    let quick: Vec<bool> = buttons.iter().map(|button| button["type"] == "QUICK_REPLY").collect();
    let changes = quick.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if changes > 1 {
        return Err(plain(
            "Wrong order of buttons",
            "Quick replies stand together, before or after all other buttons.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::variables::Format;
    use super::*;
    use crate::world::World;
    use serde_json::json;

    fn check(list: Value) -> Result<Vec<Value>, GraphError> {
        let world = World::empty(0);
        let rules = Rules { category: "MARKETING", format: Format::Positional, world: &world };
        buttons(list.as_array().expect("a list"), "components['1']", &rules, false)
    }

    #[test]
    fn each_type_has_its_fields() {
        let quick = json!({ "type": "quick_reply", "text": "Yes" });
        let url = json!({ "type": "URL", "text": "Open", "url": "https://example.com/{{1}}", "example": ["a"] });
        assert_eq!(check(json!([quick, url])).expect("accepted")[0]["type"], "QUICK_REPLY");
        for wrong in [
            json!([]),
            json!([{ "type": "QUICK_REPLY" }]),
            json!([{ "type": "QUICK_REPLY", "text": "a text that is longer than it may be" }]),
            json!([{ "type": "QUICK_REPLY", "text": "Yes", "payload": "yes" }]),
            json!([{ "type": "URL", "text": "Open", "url": "https://example.com/{{1}}" }]),
            json!([{ "type": "URL", "text": "Open", "url": "https://example.com/{{1}}/more", "example": ["a"] }]),
            json!([{ "type": "URL", "text": "Open", "url": "example.com" }]),
            json!([{ "type": "URL", "text": "Open", "url": "{{1}}", "example": ["https://example.com"] }]),
            json!([{ "type": "PHONE_NUMBER", "text": "Call", "phone_number": "call me" }]),
            json!([{ "type": "COPY_CODE", "example": "LONGER-THAN-IT-MAY-BE" }]),
            json!([{ "type": "FLOW", "text": "Book", "flow_id": "1", "flow_name": "booking" }]),
            json!([{ "type": "OTP", "otp_type": "COPY_CODE" }]),
            json!([{ "type": "REQUEST_CONTACT_INFO", "text": "Tell us" }]),
            json!([{ "type": "CATALOG", "text": "View" }, { "type": "QUICK_REPLY", "text": "No" }]),
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quick_replies_stand_together() {
        let quick = |text: &str| json!({ "type": "QUICK_REPLY", "text": text });
        let url = json!({ "type": "URL", "text": "Open", "url": "https://example.com" });
        assert!(check(json!([quick("a"), quick("b"), url])).is_ok());
        assert!(check(json!([url, quick("a")])).is_ok());
        assert!(check(json!([quick("a"), url, quick("b")])).is_err());
        assert!(check(json!([url, quick("a"), url])).is_err());
        assert!(check(json!([quick("a"), quick("a")])).is_err());
    }
}
