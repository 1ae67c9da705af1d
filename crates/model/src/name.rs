//! What people call something: one line that shows as what it is, on a page as on a terminal.

/// A name that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoName {
    /// Nothing is left of it.
    #[error("a name is not empty")]
    Empty,
    /// It has more characters than that.
    #[error("a name has at most {0} characters")]
    TooLong(usize),
    /// It holds what turns lines, colours a terminal, or writes backwards.
    #[error("a name is one line without control characters")]
    Odd,
}

/// Whether a reader sees anything of it. What is blank though it is no white space: marks of format, variation and tags, and the
/// fillers of Braille and Hangul, by which names are made that show nothing.
pub fn shows(text: &str) -> bool {
    let is_blank = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(
                character,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                    | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                    | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            )
    };
    !text.chars().all(is_blank)
}

impl Name {
    /// Reads what was typed, without the spaces around it.
    pub fn read(text: &str, longest: usize) -> Result<Self, NoName> {
        let text = text.trim();
        // Marks that turn the direction of what follows, whatever it is: Unicode Standard Annex 9, 2.1 to 2.2.
        let turns = |character: char| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if text.chars().any(|character| character.is_control() || turns(character)) {
            return Err(NoName::Odd);
        }
        if !shows(text) {
            return Err(NoName::Empty);
        }
        if text.chars().count() > longest { Err(NoName::TooLong(longest)) } else { Ok(Self(text.to_owned())) }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_that_shows_as_what_it_is() {
        for good in ["CRM", "Panadería Ñandú & Hijos", "عمر حسن", "👩‍👩‍👧 Familia", "1"] {
            assert_eq!(Name::read(&format!("  {good} "), 40).as_ref().map(Name::as_str), Ok(good));
        }
        for empty in ["", "  ", "\u{200b}", "\u{200b} \u{200f}", " \u{2800}\u{3164} ", "\u{ffa0}\u{e0020}"] {
            assert_eq!(Name::read(empty, 40), Err(NoName::Empty), "{empty:?}");
        }
        for odd in ["a\nb", "\u{1b}[31mred", "a\u{7f}", "a\0b", "gpj\u{202e}exe", "\u{2067}a"] {
            assert_eq!(Name::read(odd, 40), Err(NoName::Odd), "{odd:?}");
        }
        assert_eq!(Name::read(&"ñ".repeat(41), 40), Err(NoName::TooLong(40)));
    }
}
