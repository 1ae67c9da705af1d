//! Reactions: one emoji on one message, or none (§8.2).

use super::part::{Part, is_message_id};
use crate::error::GraphError;

/// A reaction is good. Whether there is such a message, only a status tells.
pub(super) fn check(part: &Part<'_>) -> Result<(), GraphError> {
    part.keys(&["message_id", "emoji"])?;
    if !is_message_id(part.words("message_id")?) {
        return Err(part.need("message_id")?.refused("is not a WhatsApp message id"));
    }
    let emoji = part.need("emoji")?;
    match emoji.text()? {
        "" => Ok(()),
        text if is_one_emoji(text) => Ok(()),
        _ => Err(emoji.refused("must be one emoji, or empty to take it away")),
    }
}

/// Whether text is exactly one emoji, with its modifiers and joined parts.
fn is_one_emoji(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    let Some(first) = chars.next() else { return false };
    if is_region(first) {
        return chars.next().is_some_and(is_region) && chars.next().is_none();
    }
    if matches!(first, '0'..='9' | '#' | '*') {
        chars.next_if_eq(&VARIATION);
        return chars.next() == Some('\u{20e3}') && chars.next().is_none();
    }
    let mut base = first;
    loop {
        if !is_base(base) {
            return false;
        }
        while chars.next_if(|char| is_modifier(*char)).is_some() {}
        match chars.next() {
            None => return true,
            Some(JOINER) => {}
            Some(_) => return false,
        }
        match chars.next() {
            Some(next) => base = next,
            None => return false,
        }
    }
}

const JOINER: char = '\u{200d}';
const VARIATION: char = '\u{fe0f}';

fn is_region(char: char) -> bool {
    matches!(char, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Skin tones, variation selectors, and the tags of regional flags.
fn is_modifier(char: char) -> bool {
    matches!(char, '\u{fe0e}' | VARIATION | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

fn is_base(char: char) -> bool {
    matches!(char,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}'
        | '\u{231a}'..='\u{23ff}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}'
        | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1f1e5}' | '\u{1f200}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_and_only_one() {
        for emoji in ["😀", "❤️", "👍🏽", "👨‍👩‍👧", "🇲🇽", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "™", "🙏"]
        {
            assert!(is_one_emoji(emoji), "{emoji}");
        }
        for text in ["ok", "😀😀", "👍 ", "a", "🇲", "1", "👍‍", "", ":)"] {
            assert!(!is_one_emoji(text), "{text}");
        }
    }
}
