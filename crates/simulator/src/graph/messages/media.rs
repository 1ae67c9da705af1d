//! Images, videos, audio, documents and stickers, by id or by link (§8.2, §8.3).

use serde_json::{Value, json};

use super::Check;
use super::part::{Part, is_web_address, lacking, structure};
use crate::error::GraphError;
use crate::world::{essence, unfit};

/// A caption's characters.
const CAPTION_CHARACTERS: usize = 1024;

/// What stands in the object of each kind.
const KEYS: &[(&str, &[&str])] = &[
    ("audio", &["id", "link", "voice"]),
    ("document", &["id", "link", "caption", "filename"]),
    ("image", &["id", "link", "caption"]),
    ("sticker", &["id", "link"]),
    ("video", &["id", "link", "caption"]),
];

/// A voice note is of this type only.
const VOICE: &str = "audio/ogg";

/// A medium is good: exactly one of `id` and `link`, and what the kind allows beside it. Errors: 100 (structure, an
/// unknown id, a link that is no address), 131008 (neither), 131053 (another kind of file, or too large).
pub(super) fn check(check: &mut Check<'_>, kind: &str, part: &Part<'_>) -> Result<(), GraphError> {
    let keys = KEYS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, keys)| keys);
    part.keys(keys)?;
    part.at_most("caption", CAPTION_CHARACTERS)?;
    part.may("filename")?;
    let voice = part.get("voice").map(|voice| voice.truth()).transpose()?.unwrap_or(false);
    match (part.get("id"), part.get("link")) {
        (Some(_), Some(_)) => Err(GraphError::invalid(format!("{}: give either id or link, not both.", part.at))),
        (None, None) => Err(lacking(format!("{}: one of id and link is required.", part.at))),
        (Some(id), None) => of_id(check, kind, &id, voice),
        (None, Some(link)) => of_link(check, &link),
    }
}

fn of_link(check: &mut Check<'_>, link: &Part<'_>) -> Result<(), GraphError> {
    let address = link.text()?;
    if !is_web_address(address) {
        return Err(structure(format!("Param {} is not a valid URI.", link.at)));
    }
    check.links.push(address.to_owned());
    Ok(())
}

/// A file that Meta holds for this account, of this kind. Another account's is as good as none.
fn of_id(check: &Check<'_>, kind: &str, id: &Part<'_>, voice: bool) -> Result<(), GraphError> {
    let waba = check.world.waba_of(check.phone_number_id).map(|waba| waba.id.as_str()).unwrap_or_default();
    let word = id.value.as_str().map_or_else(|| id.value.to_string(), str::to_owned);
    let Some(medium) = check.world.media_of(waba, &word, check.now) else {
        let text = format!("Param {} is not a valid whatsapp business account media attachment ID", id.at);
        return Err(structure(text));
    };
    if let Some(error) = unfit(kind, &medium.mime_type, &medium.bytes) {
        return Err(error);
    }
    let mime = essence(&medium.mime_type);
    if voice && mime != VOICE {
        let details = format!("Unsupported Audio mime type {mime} for a voice message. Please use {VOICE}.");
        return Err(GraphError::of(131053).details(details));
    }
    Ok(())
}

/// A medium as the phone shows it: its id or link, and a document's name.
pub(super) fn shown(part: &Part<'_>) -> Value {
    let mut shown = json!({});
    for key in ["id", "link", "filename"] {
        if let Some(part) = part.get(key) {
            shown[key] = part.value.clone();
        }
    }
    shown
}
