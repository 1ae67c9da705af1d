//! What Meta demands of a template's components (§9.1).

use serde_json::{Map, Value};

use super::authentication;
use super::buttons;
use super::refusal::{lacks, plain, refused, too_long, unexpected, unknown};
use super::variables::{Format, at_an_end, too_many, variables};
use crate::error::GraphError;
use crate::world::World;

/// Characters of a header's text.
const HEADER: usize = 60;
/// Characters of a body.
const BODY: usize = 1024;
/// Characters of the body above a limited-time offer.
const OFFER_BODY: usize = 600;
/// Characters of a card's body.
const CARD_BODY: usize = 160;
/// Characters of a footer.
const FOOTER: usize = 60;
/// Characters of a limited-time offer.
const OFFER: usize = 16;

const TYPES: &[&str] =
    &["HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST"];
const FORMATS: &[&str] = &["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "PRODUCT"];

/// What the checks need to know.
pub(super) struct Rules<'a> {
    /// In capitals.
    pub(super) category: &'a str,
    pub(super) format: Format,
    /// Knows the uploads that samples may name.
    pub(super) world: &'a World,
}

/// Checks components and writes their types in capitals.
pub(super) fn components(given: &Value, rules: &Rules<'_>) -> Result<Vec<Value>, GraphError> {
    let list =
        given.as_array().ok_or_else(|| GraphError::of(100).message("(#100) Param components must be an array."))?;
    let mut checked: Vec<Value> = Vec::new();
    for (index, component) in list.iter().enumerate() {
        let component = one(component, &format!("components['{index}']"), rules, false)?;
        if checked.iter().any(|known| known["type"] == component["type"]) {
            let kind = component["type"].as_str().unwrap_or_default();
            return Err(plain("Duplicate component", format!("A template has one component of type {kind} at most.")));
        }
        checked.push(component);
    }
    together(&checked, rules)?;
    Ok(checked)
}

/// An object of a component, its type in capitals.
fn one(component: &Value, path: &str, rules: &Rules<'_>, on_card: bool) -> Result<Value, GraphError> {
    let mut component = component
        .as_object()
        .cloned()
        .ok_or_else(|| GraphError::of(100).message(format!("(#100) Param {path} must be an object.")))?;
    let kind = capitals(&mut component, "type", TYPES, path)?;
    let authentication = rules.category == "AUTHENTICATION";
    match kind.as_str() {
        "BODY" if authentication => authentication::body(&component, path)?,
        "FOOTER" if authentication => authentication::footer(&component, path)?,
        "BUTTONS" => {
            only(&component, &["type", "buttons"], path)?;
            let list = component.get("buttons").and_then(Value::as_array).ok_or_else(|| lacks("BUTTONS", "buttons"))?;
            let list = buttons::buttons(list, path, rules, on_card)?;
            component.insert("buttons".into(), list.into());
        }
        kind if authentication => {
            let why = format!("Templates of category AUTHENTICATION can't have a component of type {kind}.");
            return Err(plain("Component not allowed", why));
        }
        "HEADER" => header(&mut component, path, rules)?,
        "BODY" => body(&component, path, rules, if on_card { CARD_BODY } else { BODY })?,
        "FOOTER" => footer(&component, path)?,
        "CAROUSEL" => carousel(&mut component, path, rules)?,
        "LIMITED_TIME_OFFER" => offer(&component, path)?,
        _ => only(&component, &["type"], path)?,
    }
    Ok(Value::Object(component))
}

fn header(header: &mut Map<String, Value>, path: &str, rules: &Rules<'_>) -> Result<(), GraphError> {
    only(header, &["type", "format", "text", "example"], path)?;
    let format = capitals(header, "format", FORMATS, path)?;
    match format.as_str() {
        "TEXT" => header_text(header, rules),
        "IMAGE" | "VIDEO" | "DOCUMENT" => {
            only(header, &["type", "format", "example"], path)?;
            sample(header, &format, rules)
        }
        _ => only(header, &["type", "format"], path),
    }
}

fn header_text(header: &Map<String, Value>, rules: &Rules<'_>) -> Result<(), GraphError> {
    let text = text_of(header, "HEADER")?;
    if text.chars().count() > HEADER {
        return Err(too_long("header's text", HEADER));
    }
    let names = variables(text, rules.format).map_err(|why| refused(2388047, format!("In the header, {why}.")))?;
    if names.len() > 1 {
        return Err(refused(2388047, "The header can have one variable at most."));
    }
    if text.contains(['\n', '*', '~', '`']) || text.chars().any(is_emoji) {
        let why = "The message header can't have any new lines, formatting characters, emojis or asterisks.";
        return Err(refused(2388047, why));
    }
    examples(header, "HEADER", &names, rules.format)
}

/// A sample of a header's medium: a handle of a resumable upload (§8.4).
fn sample(header: &Map<String, Value>, format: &str, rules: &Rules<'_>) -> Result<(), GraphError> {
    let given = header.get("example").and_then(|example| example["header_handle"].as_array());
    let handles: Vec<&str> = given.into_iter().flatten().filter_map(Value::as_str).collect();
    if handles.is_empty() {
        return Err(lacks("HEADER", "example"));
    }
    for handle in handles.iter().flat_map(|handles| handles.lines()) {
        let fits = match rules.world.upload_by_handle(handle) {
            Some(upload) => fits(&upload.mime_type, format),
            // Of another Meta: it can only look like one.
            None => handle.len() > 3 && handle.starts_with("4::"),
        };
        if !fits {
            let why = format!("The sample of the {format} header is not a handle of an uploaded file of that kind.");
            return Err(refused(2388047, why));
        }
    }
    Ok(())
}

fn fits(mime: &str, format: &str) -> bool {
    match format {
        "IMAGE" => mime.starts_with("image/"),
        "VIDEO" => mime.starts_with("video/"),
        _ => mime == "application/pdf",
    }
}

fn body(body: &Map<String, Value>, path: &str, rules: &Rules<'_>, most: usize) -> Result<(), GraphError> {
    only(body, &["type", "text", "example"], path)?;
    let text = text_of(body, "BODY")?;
    if text.chars().count() > most {
        return Err(too_long("body", most));
    }
    let names = variables(text, rules.format).map_err(|why| refused(2388072, format!("In the body, {why}.")))?;
    if at_an_end(text) {
        return Err(refused(2388299, "Variables can't be at the start or end of the template."));
    }
    if too_many(text, names.len()) {
        return Err(refused(
            2388293,
            "This template contains too many variable parameters relative to the message length. Decrease the number \
             of variable parameters or increase the message length.",
        ));
    }
    examples(body, "BODY", &names, rules.format)
}

fn footer(footer: &Map<String, Value>, path: &str) -> Result<(), GraphError> {
    only(footer, &["type", "text"], path)?;
    let text = text_of(footer, "FOOTER")?;
    if text.chars().count() > FOOTER {
        return Err(too_long("footer", FOOTER));
    }
    if text.contains("{{") || text.contains('\n') || text.chars().any(is_emoji) {
        return Err(refused(2388073, "The footer can't have any variables, new lines or emojis."));
    }
    Ok(())
}

fn offer(offer: &Map<String, Value>, path: &str) -> Result<(), GraphError> {
    only(offer, &["type", "limited_time_offer"], path)?;
    let inner = offer.get("limited_time_offer").and_then(Value::as_object);
    let inner = inner.ok_or_else(|| lacks("LIMITED_TIME_OFFER", "limited_time_offer"))?;
    only(inner, &["text", "has_expiration"], &format!("{path}['limited_time_offer']"))?;
    let text = text_of(inner, "LIMITED_TIME_OFFER")?;
    if text.chars().count() > OFFER {
        return Err(too_long("offer's text", OFFER));
    }
    match inner.get("has_expiration") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err(GraphError::of(100)
            .message(format!("(#100) Param {path}['limited_time_offer']['has_expiration'] must be a boolean."))),
    }
}

/// Two to ten cards of one shape: the same components, the same header format, the same buttons.
fn carousel(carousel: &mut Map<String, Value>, path: &str, rules: &Rules<'_>) -> Result<(), GraphError> {
    only(carousel, &["type", "cards"], path)?;
    let cards = carousel.get("cards").and_then(Value::as_array).ok_or_else(|| lacks("CAROUSEL", "cards"))?;
    if !(2..=10).contains(&cards.len()) {
        return Err(plain("Wrong number of cards", "A carousel has 2 to 10 cards."));
    }
    let mut checked = Vec::new();
    for (index, card) in cards.iter().enumerate() {
        checked.push(self::card(card, &format!("{path}['cards']['{index}']"), rules)?);
    }
    if checked.iter().any(|card| shape(card) != shape(&checked[0])) {
        let why = "All cards must have the same components, the same header format and the same buttons.";
        return Err(plain("Cards differ", why));
    }
    carousel.insert("cards".into(), checked.into());
    Ok(())
}

fn card(card: &Value, path: &str, rules: &Rules<'_>) -> Result<Value, GraphError> {
    let parts = card["components"].as_array().ok_or_else(|| lacks("CAROUSEL", "components"))?;
    let mut checked = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        checked.push(one(part, &format!("{path}['components']['{index}']"), rules, true)?);
    }
    let has = |kind: &str| checked.iter().filter(|part| part["type"] == kind).count();
    if has("HEADER") != 1
        || has("BUTTONS") != 1
        || has("BODY") > 1
        || has("HEADER") + has("BODY") + has("BUTTONS") < checked.len()
    {
        return Err(plain("Wrong card", "A card has a header, buttons, and a body if it needs one."));
    }
    let format = checked.iter().find(|part| part["type"] == "HEADER").map(|header| &header["format"]);
    if !format.is_some_and(|format| ["IMAGE", "VIDEO", "PRODUCT"].iter().any(|known| format == known)) {
        return Err(refused(2388047, "A card's header is an IMAGE, a VIDEO or a PRODUCT."));
    }
    Ok(serde_json::json!({ "components": checked }))
}

/// What all cards must share.
fn shape(card: &Value) -> Vec<String> {
    let parts = card["components"].as_array().into_iter().flatten();
    let mut words: Vec<String> = parts
        .flat_map(|part| {
            let buttons = part["buttons"].as_array().into_iter().flatten().map(|button| button["type"].to_string());
            [part["type"].to_string() + &part["format"].to_string()].into_iter().chain(buttons)
        })
        .collect();
    words.sort_unstable();
    words
}

/// What components demand of each other.
fn together(components: &[Value], rules: &Rules<'_>) -> Result<(), GraphError> {
    let find = |kind: &str| components.iter().find(|component| component["type"] == kind);
    let body = find("BODY").ok_or_else(|| lacks("BODY", "text"))?;
    if rules.category == "AUTHENTICATION" {
        return find("BUTTONS").map(|_| ()).ok_or_else(|| lacks("BUTTONS", "buttons"));
    }
    if find("CAROUSEL").is_some() && ["HEADER", "FOOTER", "BUTTONS"].iter().any(|kind| find(kind).is_some()) {
        return Err(plain("Component not allowed", "Beside a carousel, a template has a body only."));
    }
    if find("LIMITED_TIME_OFFER").is_none() {
        return Ok(());
    }
    let pictured = find("HEADER").is_none_or(|header| header["format"] == "IMAGE" || header["format"] == "VIDEO");
    if rules.category != "MARKETING" || find("FOOTER").is_some() || find("BUTTONS").is_none() || !pictured {
        let why = "A limited-time offer is a MARKETING template with buttons, without a footer, and its header, if it \
                   has one, is an IMAGE or a VIDEO.";
        return Err(plain("Component not allowed", why));
    }
    if body["text"].as_str().is_some_and(|text| text.chars().count() > OFFER_BODY) {
        return Err(too_long("body of a limited-time offer", OFFER_BODY));
    }
    Ok(())
}

/// Each variable needs an example: for a body in rows, for a header in one list, or by name.
fn examples(part: &Map<String, Value>, kind: &str, names: &[String], format: Format) -> Result<(), GraphError> {
    let subcode = if kind == "HEADER" { 2388047 } else { 2388072 };
    let key = match (kind, format) {
        ("HEADER", Format::Positional) => "header_text",
        ("HEADER", Format::Named) => "header_text_named_params",
        (_, Format::Positional) => "body_text",
        (_, Format::Named) => "body_text_named_params",
    };
    let given = part.get("example").and_then(|example| example.get(key)).filter(|given| !given.is_null());
    let Some(given) = given else {
        return if names.is_empty() { Ok(()) } else { Err(lacks(kind, "example")) };
    };
    let differ = || {
        let why = format!("The {kind} has {} variable(s), and {key} must have an example for each.", names.len());
        refused(subcode, why)
    };
    let fits = match format {
        Format::Named => named_examples(given).is_some_and(|mut given| {
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            given.sort_unstable();
            names.sort_unstable();
            given == names
        }),
        Format::Positional => rows(given, kind)
            .is_some_and(|rows| rows.iter().all(|row| *row == names.len()) && (names.is_empty() || !rows.is_empty())),
    };
    if fits { Ok(()) } else { Err(differ()) }
}

/// How many examples each row has. One alone may stand without a list, as on the page about product cards.
fn rows(given: &Value, kind: &str) -> Option<Vec<usize>> {
    let row = |list: &Value| {
        let list = list.as_array()?;
        list.iter().all(|text| text.as_str().is_some_and(|text| !text.is_empty())).then_some(list.len())
    };
    match given {
        Value::String(text) => (!text.is_empty()).then(|| vec![1]),
        Value::Array(rows) if kind == "BODY" => rows.iter().map(row).collect(),
        list => row(list).map(|count| vec![count]),
    }
}

fn named_examples(given: &Value) -> Option<Vec<&str>> {
    let one = |row: &'_ Value| row["example"].as_str().is_some_and(|text| !text.is_empty());
    let list = given.as_array()?;
    list.iter().map(|row| row["param_name"].as_str().filter(|_| one(row))).collect()
}

/// A text that must be there.
fn text_of<'a>(part: &'a Map<String, Value>, kind: &str) -> Result<&'a str, GraphError> {
    let text = part.get("text").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| lacks(kind, "text"))
}

/// Refuses keys that have no meaning here.
pub(super) fn only(part: &Map<String, Value>, known: &[&str], path: &str) -> Result<(), GraphError> {
    match part.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unexpected(key, path)),
        None => Ok(()),
    }
}

/// A word that must be one of these, in any case; it is written back in capitals.
pub(super) fn capitals(
    part: &mut Map<String, Value>,
    key: &str,
    known: &[&str],
    path: &str,
) -> Result<String, GraphError> {
    let path = format!("{path}['{key}']");
    let Some(Value::String(word)) = part.get_mut(key) else {
        return Err(GraphError::of(100).message(format!("(#100) The parameter {path} is required.")));
    };
    let capitals = word.to_ascii_uppercase();
    if !known.contains(&capitals.as_str()) {
        return Err(unknown(&path, known, word));
    }
    *word = capitals.clone();
    Ok(capitals)
}

/// Whether a character is drawn as a picture: the blocks that hold nearly all of them.
fn is_emoji(char: char) -> bool {
    matches!(char, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(category: &str, format: Format, given: &Value) -> Result<Vec<Value>, Option<i64>> {
        let world = World::empty(0);
        let rules = Rules { category, format, world: &world };
        components(given, &rules).map_err(|error| error.subcode)
    }

    fn subcode(given: &Value) -> Option<i64> {
        check("MARKETING", Format::Positional, given).expect_err("refused")
    }

    #[test]
    fn types_come_back_in_capitals() {
        let given = json!([{ "type": "body", "text": "Hello" }, { "type": "Header", "format": "text", "text": "Hi" }]);
        let checked = check("UTILITY", Format::Positional, &given).expect("accepted");
        assert_eq!(checked[0]["type"], "BODY");
        assert_eq!((&checked[1]["type"], &checked[1]["format"]), (&json!("HEADER"), &json!("TEXT")));
    }

    #[test]
    fn texts_are_refused_with_metas_subcodes() {
        let body = |text: &str, example: Value| json!([{ "type": "BODY", "text": text, "example": example }]);
        let one = json!({ "body_text": [["x"]] });
        assert_eq!(subcode(&body("Welcome back {{1}}, we missed you", json!({}))), Some(2388043));
        assert_eq!(subcode(&body("Welcome back, we missed you {{1}}", one.clone())), Some(2388299));
        assert_eq!(subcode(&body("Hi {{1}}!", one.clone())), Some(2388293));
        assert_eq!(subcode(&body("Welcome back {{name}}, we missed you", one.clone())), Some(2388072));
        assert_eq!(subcode(&body("Welcome {{1}}, your {{2}} is here today", one)), Some(2388072));
        assert_eq!(subcode(&body(&"x".repeat(1025), Value::Null)), Some(2388040));
        assert_eq!(subcode(&json!([])), Some(2388043));
        let with = |part: Value| json!([{ "type": "BODY", "text": "Hello" }, part]);
        assert_eq!(subcode(&with(json!({ "type": "FOOTER", "text": "For {{1}}" }))), Some(2388073));
        assert_eq!(subcode(&with(json!({ "type": "HEADER", "format": "TEXT", "text": "Two\nlines" }))), Some(2388047));
        assert_eq!(subcode(&with(json!({ "type": "HEADER", "format": "IMAGE" }))), Some(2388043));
        assert_eq!(subcode(&with(json!({ "type": "BODY", "text": "Again" }))), None);
        let url = json!({ "header_handle": ["https://example.com/a.png"] });
        assert_eq!(subcode(&with(json!({ "type": "HEADER", "format": "IMAGE", "example": url }))), Some(2388047));
    }

    #[test]
    fn named_variables_need_examples_by_name() {
        let given = |name: &str| {
            json!([{ "type": "BODY", "text": "Welcome back {{first_name}}, we missed you",
                "example": { "body_text_named_params": [{ "param_name": name, "example": "Ann" }] } }])
        };
        assert!(check("MARKETING", Format::Named, &given("first_name")).is_ok());
        assert_eq!(check("MARKETING", Format::Named, &given("last_name")), Err(Some(2388072)));
    }

    #[test]
    fn cards_have_one_shape() {
        let card = |kind: &str| {
            json!({ "components": [
                { "type": "header", "format": "image", "example": { "header_handle": ["4::aW"] } },
                { "type": "buttons", "buttons": [{ "type": kind, "text": "Go", "url": "https://example.com" }] },
            ]})
        };
        let plain = json!({ "components": [
            { "type": "header", "format": "image", "example": { "header_handle": ["4::aW"] } },
            { "type": "buttons", "buttons": [{ "type": "quick_reply", "text": "Go" }] },
        ]});
        let given = |cards: Value| json!([{ "type": "BODY", "text": "Hello" }, { "type": "CAROUSEL", "cards": cards }]);
        assert!(check("MARKETING", Format::Positional, &given(json!([card("url"), card("url")]))).is_ok());
        assert_eq!(subcode(&given(json!([card("url"), plain]))), None);
        assert_eq!(subcode(&given(json!([card("url")]))), None);
    }

    #[test]
    fn authentication_has_no_words_of_its_own() {
        let given = json!([
            { "type": "body", "add_security_recommendation": true },
            { "type": "footer", "code_expiration_minutes": 10 },
            { "type": "buttons", "buttons": [{ "type": "otp", "otp_type": "copy_code" }] },
        ]);
        assert!(check("AUTHENTICATION", Format::Positional, &given).is_ok());
        let mut worded = given.clone();
        worded[0]["text"] = "Your code".into();
        assert!(check("AUTHENTICATION", Format::Positional, &worded).is_err());
        assert!(check("UTILITY", Format::Positional, &given).is_err());
    }
}
