//! A template's header: text, a medium, a place or a product.

use serde_json::{Value, json};

use super::super::part::Part;
use super::super::{Check, kinds, media};
use super::given::parameters;
use super::{Style, miscount, mismatch, text};
use crate::error::GraphError;

const CHARACTERS: usize = 60;

/// The header as the customer sees it; `None`: the template has none.
pub(super) fn fill(
    check: &mut Check<'_>,
    component: Option<&Value>,
    given: Option<&Part<'_>>,
    style: Style<'_>,
) -> Result<Option<Value>, GraphError> {
    let Some(component) = component else {
        text::fill("header", "", style.named, given)?;
        return Ok(None);
    };
    // Calling templates are created without a format: it is text.
    let format = component["format"].as_str().unwrap_or("TEXT").to_ascii_lowercase();
    if format == "text" {
        let created = component["text"].as_str().unwrap_or_default();
        let text = text::fill("header", created, style.named, given)?;
        text::short("header", &text, CHARACTERS)?;
        return Ok(Some(json!({ "type": "text", "text": text })));
    }
    let given = parameters(given)?;
    let Some(parameter) = given.first() else {
        return Err(mismatch("header", &format, "UNKNOWN"));
    };
    if given.len() > 1 {
        return Err(miscount("header", given.len(), 1));
    }
    let kind = parameter.words("type")?;
    if kind != format {
        return Err(mismatch("header", &format, kind));
    }
    parameter.keys(&["type", kind])?;
    let value = parameter.need(kind)?;
    let shown = match kind {
        "location" => {
            kinds::location(&value)?;
            json!({ "type": kind, "location": value.value })
        }
        "product" => {
            value.keys(&["product_retailer_id", "catalog_id"])?;
            value.words("product_retailer_id")?;
            value.words("catalog_id")?;
            json!({ "type": kind, "product": value.value })
        }
        "image" | "video" | "document" => {
            media::check(check, kind, &value)?;
            json!({ "type": kind, "media": media::shown(&value) })
        }
        _ => return Err(mismatch("header", &format, "UNKNOWN")),
    };
    Ok(Some(shown))
}
