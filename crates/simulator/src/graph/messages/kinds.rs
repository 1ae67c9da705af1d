//! Every type of message, led to its rules (§8.2).

use serde_json::Value;

use super::part::{Part, lacking, not_one_of};
use super::recipient::Recipient;
use super::{Check, Content, contacts, interactive, media, reaction, template};
use crate::error::GraphError;
use crate::graph::Call;

/// The types that Meta lists in its error, in its order.
const TYPES: &[&str] = &[
    "audio",
    "contacts",
    "document",
    "gif",
    "image",
    "interactive",
    "link_preview",
    "location",
    "pin",
    "reaction",
    "sticker",
    "template",
    "text",
    "video",
];

/// A text's characters.
const TEXT_CHARACTERS: usize = 4096;

/// What the request says. Without `type` it is text. Errors: 100 (structure), 131008 (no object of the type), 131009,
/// 131051 (a type that Meta lists but nobody may send), and those of each type.
pub(super) fn check(call: &Call<'_>, recipient: &Recipient) -> Result<Content, GraphError> {
    let named = call.text("type").unwrap_or_else(|| "text".into());
    let kind = TYPES.iter().find(|kind| kind.eq_ignore_ascii_case(&named)).copied();
    let kind = kind.ok_or_else(|| not_one_of("type", TYPES, &named))?;
    match kind {
        "pin" => return Err(GraphError::invalid("type: messages are pinned in groups only.")),
        "gif" | "link_preview" => {
            return Err(GraphError::of(131051).details(format!("type: {kind} messages are not supported.")));
        }
        _ => {}
    }
    let value = call.json(kind)?.ok_or_else(|| lacking(format!("The parameter {kind} is required.")))?;
    let part = Part::of(kind, &value);
    let mut check = Check { world: call.world, phone_number_id: &call.object, now: call.now, links: Vec::new() };
    let mut category = "service".to_owned();
    let mut rendered = None;
    match kind {
        "text" => text(&part)?,
        "image" | "video" | "audio" | "document" | "sticker" => media::check(&mut check, kind, &part)?,
        "location" => location(&part)?,
        "contacts" => contacts::check(&part)?,
        "reaction" => reaction::check(&part)?,
        "interactive" => interactive::check(&mut check, &part)?,
        _ => {
            let filled = template::check(&mut check, &part, recipient)?;
            category = filled.category;
            rendered = Some(filled.rendered);
        }
    }
    // Statuses wait for one medium; where a message has several, the first stands for all.
    let link = check.links.into_iter().next();
    Ok(Content { kind, category, rendered, link, value })
}

fn text(part: &Part<'_>) -> Result<(), GraphError> {
    part.keys(&["body", "preview_url"])?;
    part.words("body")?;
    part.at_most("body", TEXT_CHARACTERS)?;
    if let Some(preview) = part.get("preview_url") {
        preview.truth()?;
    }
    Ok(())
}

/// A place: degrees as numbers or as text, both needed.
pub(super) fn location(part: &Part<'_>) -> Result<(), GraphError> {
    part.keys(&["latitude", "longitude", "name", "address"])?;
    for (key, limit) in [("latitude", 90.0), ("longitude", 180.0)] {
        let degrees = part.need(key)?;
        let number = match degrees.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if !number.is_some_and(|number: f64| number.abs() <= limit) {
            return Err(degrees.refused(&format!("must be a number between -{limit} and {limit}")));
        }
    }
    part.may("name")?;
    part.may("address")?;
    Ok(())
}
