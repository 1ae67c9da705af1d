//! Which files Meta takes, and how large (page "Media", "Supported media types").

use serde_json::Value;

use super::media::{MediaKind, MediaUse};
use super::place::Place;
use super::problem::{Problem, Rule};
use super::wording::quoted;

/// The largest file of any type, in bytes.
pub const LARGEST_FILE: u64 = 100 << 20;

/// A voice note is of this type alone, mono, in Opus.
const VOICE: &str = "audio/ogg";

const AUDIO: &[&str] = &["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"];
const IMAGE: &[&str] = &["image/jpeg", "image/png"];
const STICKER: &[&str] = &["image/webp"];
const VIDEO: &[&str] = &["video/mp4", "video/3gpp"];
const DOCUMENT: &[&str] = &[
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];

impl MediaKind {
    /// All of them.
    pub const ALL: [MediaKind; 5] =
        [MediaKind::Image, MediaKind::Video, MediaKind::Audio, MediaKind::Document, MediaKind::Sticker];

    /// The types it is made for. A document may be of any type that Meta takes at all.
    pub fn mime_types(self) -> &'static [&'static str] {
        match self {
            MediaKind::Image => IMAGE,
            MediaKind::Video => VIDEO,
            MediaKind::Audio => AUDIO,
            MediaKind::Document => DOCUMENT,
            MediaKind::Sticker => STICKER,
        }
    }

    /// The one that is made for files of this type.
    pub fn of(mime_type: &str) -> Option<Self> {
        let mime_type = essence(mime_type);
        Self::ALL.into_iter().find(|kind| kind.mime_types().contains(&mime_type.as_str()))
    }

    /// Whether words can go with it.
    pub fn has_caption(self) -> bool {
        matches!(self, MediaKind::Image | MediaKind::Video | MediaKind::Document)
    }

    /// How large it may be at most, in bytes: a sticker, if it moves.
    pub fn largest(self) -> u64 {
        self.most(true)
    }

    fn most(self, animated: bool) -> u64 {
        match self {
            MediaKind::Image => 5 << 20,
            MediaKind::Video | MediaKind::Audio => 16 << 20,
            MediaKind::Document => LARGEST_FILE,
            MediaKind::Sticker if animated => 500 << 10,
            MediaKind::Sticker => 100 << 10,
        }
    }
}

/// A type without its parameters, in lower case: `audio/ogg` of `audio/OGG; codecs=opus`.
pub fn essence(mime_type: &str) -> String {
    mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Every type that Meta takes.
pub fn mime_types() -> impl Iterator<Item = &'static str> {
    MediaKind::ALL.into_iter().flat_map(|kind| kind.mime_types().iter().copied())
}

/// The most bytes that Meta takes of a file of this type that begins like this. `None`: it takes no such type.
pub fn largest(mime_type: &str, head: &[u8]) -> Option<u64> {
    Some(MediaKind::of(mime_type)?.most(animated(head)))
}

/// Whether a WebP picture moves: bit 1 of the flags in its extended header (RFC 9649).
fn animated(webp: &[u8]) -> bool {
    webp.get(12..16) == Some(b"VP8X") && webp.get(20).is_some_and(|flags| flags & 2 != 0)
}

/// A file, as far as it decides where it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaFile<'a> {
    /// Its type.
    pub mime_type: &'a str,
    /// Its length in bytes.
    pub size: u64,
}

impl MediaUse {
    /// What is wrong with showing a file here; `body` is the whole, where a voice note says that it is one.
    pub fn problem(&self, body: &Value, file: MediaFile<'_>) -> Option<Problem> {
        let mime_type = essence(file.mime_type);
        let kind = self.kind.as_str();
        let fits = match self.kind {
            MediaKind::Document => mime_types().any(|known| known == mime_type),
            other => other.mime_types().contains(&mime_type.as_str()),
        };
        if !fits {
            let known = quoted(self.kind.mime_types(), "or");
            let en = format!(
                "is a file of type `{mime_type}`, which WhatsApp does not show as `{kind}`: choose one of {known}."
            );
            let known = quoted(self.kind.mime_types(), "o");
            let es = format!(
                "es un archivo de tipo `{mime_type}`, que WhatsApp no muestra como `{kind}`: elige uno de {known}."
            );
            return Some(self.mismatch("id", en, es));
        }
        // Whether a sticker moves is not known here: the larger limit holds, and the upload knew.
        let most = self.kind.most(true);
        if file.size > most {
            let (size, most) = (kib(file.size), most >> 10);
            let en =
                format!("is a file of {size} KiB and WhatsApp takes {most} KiB as `{kind}`: choose a smaller one.");
            let es = format!(
                "es un archivo de {size} KiB y WhatsApp admite {most} KiB como `{kind}`: elige uno más pequeño."
            );
            return Some(self.mismatch("id", en, es));
        }
        let voice = body.pointer(&self.place).is_some_and(|shown| shown["voice"] == true);
        if voice && mime_type != VOICE {
            let en = format!(
                "asks for a voice note, which must be `{VOICE}` in Opus, and the file is `{mime_type}`: convert it, or leave `voice` out."
            );
            let es = format!(
                "pide una nota de voz, que tiene que ser `{VOICE}` en Opus, y el archivo es `{mime_type}`: conviértelo, o quita `voice`."
            );
            return Some(self.mismatch("voice", en, es));
        }
        None
    }

    /// No file of the sender's has the id that is given here.
    pub fn not_there(&self) -> Problem {
        let en = "is no file of your organization: upload it with `POST /media`, and give the `id` of the answer.";
        let es = "no es ningún archivo de tu organización: súbelo con `POST /media` y pon el `id` de la respuesta.";
        self.mismatch("id", en, es)
    }

    /// The file is not here yet, or not any more.
    pub fn not_stored(&self, pending: bool) -> Problem {
        if pending {
            let en = "is a file that is still being fetched from Meta: wait until its `state` is `stored`.";
            return self.mismatch(
                "id",
                en,
                "es un archivo que aún se está trayendo de Meta: espera a que su `state` sea `stored`.",
            );
        }
        let en = "is a file that is not kept here: it never came, or its time is over. Upload it again.";
        self.mismatch(
            "id",
            en,
            "es un archivo que aquí no se guarda: nunca llegó, o ya pasó su tiempo. Súbelo otra vez.",
        )
    }

    fn mismatch(&self, member: &str, en: impl std::fmt::Display, es: impl std::fmt::Display) -> Problem {
        let place = self.place.split('/').skip(1).fold(Place::root(), |place, step| match step.parse() {
            Ok(index) => place.index(index),
            Err(_) => place.key(step),
        });
        Problem::at(&place.key(member), Rule::Mismatch, en, es)
    }
}

fn kib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 10)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::outgoing::MediaSource;

    fn problem(kind: MediaKind, body: &Value, mime_type: &str, size: u64) -> Option<String> {
        let used = MediaUse { place: format!("/{}", kind.as_str()), kind, source: MediaSource::Id("x".into()) };
        used.problem(body, MediaFile { mime_type, size }).map(|problem| problem.field)
    }

    #[test]
    fn a_file_is_shown_as_what_it_is() {
        let nothing = json!({});
        for (kind, mime_type) in [
            (MediaKind::Image, "image/png"),
            (MediaKind::Video, "video/mp4"),
            (MediaKind::Audio, "audio/OGG; codecs=opus"),
            (MediaKind::Document, "application/pdf"),
            (MediaKind::Document, "image/png"),
            (MediaKind::Sticker, "image/webp"),
        ] {
            assert_eq!(problem(kind, &nothing, mime_type, 1000), None, "{mime_type}");
        }
        for (kind, mime_type) in [
            (MediaKind::Image, "image/webp"),
            (MediaKind::Video, "audio/mp4"),
            (MediaKind::Audio, "video/mp4"),
            (MediaKind::Document, "application/zip"),
            (MediaKind::Sticker, "image/png"),
        ] {
            assert_eq!(problem(kind, &nothing, mime_type, 1000), Some(format!("{}.id", kind.as_str())), "{mime_type}");
        }
    }

    #[test]
    fn a_file_is_not_larger_than_meta_takes() {
        let nothing = json!({});
        assert_eq!(problem(MediaKind::Image, &nothing, "image/png", 5 << 20), None);
        assert!(problem(MediaKind::Image, &nothing, "image/png", (5 << 20) + 1).is_some());
        assert_eq!(problem(MediaKind::Document, &nothing, "image/png", 99 << 20), None);
        let moves = [&b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0"[..], &[2]].concat();
        assert_eq!((largest("image/webp", b"RIFF"), largest("image/webp", &moves)), (Some(100 << 10), Some(500 << 10)));
        assert_eq!(largest("application/zip", b"PK"), None);
    }

    #[test]
    fn a_voice_note_is_opus() {
        let voice = json!({ "audio": { "id": "x", "voice": true } });
        assert_eq!(problem(MediaKind::Audio, &voice, "audio/ogg; codecs=opus", 9), None);
        assert_eq!(problem(MediaKind::Audio, &voice, "audio/mpeg", 9).as_deref(), Some("audio.voice"));
        assert_eq!(problem(MediaKind::Audio, &json!({ "audio": { "voice": false } }), "audio/mpeg", 9), None);
    }

    #[test]
    fn a_place_is_named_as_people_write_it() {
        let place = "/interactive/action/cards/1/header/image".to_owned();
        let used = MediaUse { place, kind: MediaKind::Image, source: MediaSource::Id("x".into()) };
        assert_eq!(used.not_there().field, "interactive.action.cards[1].header.image.id");
        assert_eq!(used.not_stored(true).rule, Rule::Mismatch);
    }
}
