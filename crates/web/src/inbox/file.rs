//! A file as a thread shows it.

use model::media::Media;
use model::user::Language;
use uuid::Uuid;

use crate::pages::{Key, Said, say};

/// In what way a file is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In its place.
    Picture,
    /// The same, without a frame.
    Sticker,
    /// Played.
    Video,
    /// Heard.
    Sound,
    /// By its name, to be fetched.
    Document,
}

/// Whether a file is here.
#[derive(Clone, Debug)]
pub(super) enum State {
    Here,
    Coming,
    /// What became of it.
    Gone(String),
}

/// A file as a thread shows it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) id: Uuid,
    pub(super) way: Way,
    pub(super) state: State,
    pub(super) thumbnail: bool,
    /// As its sender named it.
    pub(super) name: Option<String>,
    pub(super) size: Option<Said>,
}

impl Shown {
    pub(super) fn of(media: &Media, kind: &str, language: Language) -> Self {
        let way = match kind {
            "image" => Way::Picture,
            "sticker" => Way::Sticker,
            "video" => Way::Video,
            "audio" | "voice" => Way::Sound,
            _ => Way::Document,
        };
        let state = match (media.state.as_str(), &media.error) {
            ("stored", _) => State::Here,
            ("failed", Some(error)) => State::Gone(match language {
                Language::Es => error.advice.es.clone(),
                Language::En => error.advice.en.clone(),
            }),
            ("failed", None) => State::Gone(say(language, Key("file-gone")).to_string()),
            _ => State::Coming,
        };
        let size = media.size.map(|bytes| size(language, bytes));
        Self {
            id: media.id,
            way,
            state,
            thumbnail: media.thumbnail,
            name: media.filename.as_deref().map(straight),
            size,
        }
    }

    /// Whether the box of the file says already what a message without a caption says: a sign, and perhaps the name.
    pub(super) fn says(&self, text: &str) -> bool {
        let rest = straight(text);
        let rest = rest.trim_start_matches(|char: char| !char.is_alphanumeric()).trim();
        rest.is_empty() || self.name.as_deref().is_some_and(|name| name.ends_with(rest))
    }
}

/// The name of a file, without what turns letters round: it ends as it seems to.
fn straight(name: &str) -> String {
    let turns = |char: char| matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.chars().filter(|char| !turns(*char)).collect()
}

/// A size as people read it, in tenths of a megabyte from one on.
pub(super) fn size(language: Language, bytes: i64) -> Said {
    let kilobytes = bytes / 1024;
    if kilobytes < 1024 {
        return say(language, Key("size-kilobytes")).count("count", kilobytes.max(1));
    }
    let tenths = bytes * 10 / (1024 * 1024);
    let point = if language == Language::Es { ',' } else { '.' };
    say(language, Key("size-megabytes")).with("count", format!("{}{point}{}", tenths / 10, tenths % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_as_it_seems_to() {
        assert_eq!(straight("factura\u{202e}gpj.exe"), "facturagpj.exe");
        assert_eq!(straight("حساب.pdf"), "حساب.pdf");
    }

    #[test]
    fn sizes_are_said_as_people_read_them() {
        for (bytes, es, en) in [
            (0, "1 KB", "1 KB"),
            (200_000, "195 KB", "195 KB"),
            (8_600_000, "8,2 MB", "8.2 MB"),
            (104_857_600, "100,0 MB", "100.0 MB"),
        ] {
            let said = |language| size(language, bytes).to_string();
            assert_eq!((said(Language::Es).as_str(), said(Language::En).as_str()), (es, en));
        }
    }
}
