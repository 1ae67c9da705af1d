//! One readable line for a message that goes out, with the same signs as for one that comes in.

use serde_json::Value;

use super::Kind;

/// Long lists are cut after this many.
const NAMES: usize = 5;

/// The text of a checked body.
pub(super) fn text(kind: Kind, body: &Value) -> String {
    let content = &body[kind.as_str()];
    match kind {
        Kind::Text => said(content, "/body").to_owned(),
        Kind::Image => or_sign(said(content, "/caption"), "📷"),
        Kind::Video => or_sign(said(content, "/caption"), "🎥"),
        Kind::Audio if content["voice"] == true => "🎤".to_owned(),
        Kind::Audio => "🎵".to_owned(),
        Kind::Document => or_sign(said(content, "/caption"), &signed("📄", said(content, "/filename"))),
        Kind::Sticker => "💟".to_owned(),
        Kind::Location => signed("📍", &place(content)),
        Kind::Contacts => signed("👤", &names(content)),
        Kind::Reaction => said(content, "/emoji").to_owned(),
        Kind::Interactive => interactive(content),
        Kind::Template => said(content, "/name").to_owned(),
    }
}

fn said<'a>(content: &'a Value, pointer: &str) -> &'a str {
    content.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn or_sign(text: &str, sign: &str) -> String {
    if text.is_empty() { sign.to_owned() } else { text.to_owned() }
}

fn signed(sign: &str, rest: &str) -> String {
    format!("{sign} {rest}").trim_end().to_owned()
}

/// Name and address, else the coordinates.
pub(super) fn place(location: &Value) -> String {
    let both = |first: String, second: String| {
        let parts: Vec<String> = [first, second].into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    };
    let named = both(said(location, "/name").to_owned(), said(location, "/address").to_owned());
    if named.is_empty() { both(degrees(&location["latitude"]), degrees(&location["longitude"])) } else { named }
}

fn degrees(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn names(cards: &Value) -> String {
    let cards = cards.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<&str> = cards.iter().take(NAMES).map(|card| said(card, "/name/formatted_name")).collect();
    if cards.len() > NAMES {
        names.push("…");
    }
    names.join(", ")
}

/// What it says, else the product it shows, else what it asks for.
fn interactive(message: &Value) -> String {
    let body = said(message, "/body/text");
    let product = said(message, "/action/product_retailer_id");
    match said(message, "/type") {
        _ if !body.is_empty() => body.to_owned(),
        "product" => signed("🛒", product),
        _ => "📞".to_owned(),
    }
}
