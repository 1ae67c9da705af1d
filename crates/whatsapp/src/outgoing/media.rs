//! Files in a message, by id or by link.

use super::limits;
use super::place::Place;
use super::problem::{Problem, Rule};
use super::reader::Fields;

/// A file that the message shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaUse {
    /// A JSON Pointer (RFC 6901) to the object with the `id` or `link`, in
    /// [`Outgoing::body`](super::Outgoing::body): `/interactive/header/image`.
    pub place: String,
    /// What it is shown as.
    pub kind: MediaKind,
    /// Where the bytes are.
    pub source: MediaSource,
}

/// The five ways in which WhatsApp shows a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// JPEG or PNG.
    Image,
    /// MP4 or 3GPP.
    Video,
    /// A song, or a voice note.
    Audio,
    /// Anything, with a file name.
    Document,
    /// WebP, 512 × 512.
    Sticker,
}

impl MediaKind {
    /// Meta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaKind::Image => "image",
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
            MediaKind::Document => "document",
            MediaKind::Sticker => "sticker",
        }
    }

    /// The kind of that name, among those that a header can show.
    pub(super) fn of_header(word: &str) -> Option<Self> {
        [MediaKind::Image, MediaKind::Video, MediaKind::Document].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// The id of an uploaded file.
    Id(String),
    /// A public address from which Meta fetches it.
    Link(String),
}

/// A media message's own object (pages "Image", "Video", "Audio", "Document", "Sticker messages").
pub(super) fn message(fields: &mut Fields, kind: MediaKind) {
    fields.within(kind.as_str(), |media| {
        source(media, kind);
        match kind {
            MediaKind::Image | MediaKind::Video => caption(media),
            MediaKind::Document => {
                caption(media);
                media.text_if_given("filename", limits::ANY);
            }
            MediaKind::Audio => {
                media.flag_if_given("voice");
            }
            MediaKind::Sticker => {}
        }
    });
}

fn caption(media: &mut Fields) {
    media.text_if_given("caption", limits::CAPTION);
}

/// A file in a header or a template's parameter.
pub(super) fn shown(fields: &mut Fields, kind: MediaKind) {
    fields.within(kind.as_str(), |media| {
        source(media, kind);
        if kind == MediaKind::Document {
            media.text_if_given("filename", limits::ANY);
        }
    });
}

/// Either an id or a link, never both (OpenAPI v23.0).
fn source(media: &mut Fields, kind: MediaKind) {
    let place = media.here().clone();
    match (media.has("id"), media.has("link")) {
        (true, true) => {
            media.peek("id");
            media.peek("link");
            let en = "has both `id` and `link`: keep one of them.";
            let es = "tiene `id` y también `link`: deja solo uno.";
            media.add(Problem::at(&place, Rule::Conflict, en, es));
        }
        (false, true) => {
            media.peek("id");
            if let Some(link) = url(media, "link") {
                note(media, &place, kind, MediaSource::Link(link));
            }
        }
        (true, false) => {
            media.peek("link");
            if let Some(id) = media.id("id") {
                note(media, &place, kind, MediaSource::Id(id));
            }
        }
        (false, false) => {
            media.peek("id");
            media.peek("link");
            let en = "needs the `id` of an uploaded file or a `link` to one.";
            let es = "necesita el `id` de un archivo subido o un `link` a él.";
            media.add(Problem::at(&place, Rule::Missing, en, es));
        }
    }
}

fn note(media: &Fields, place: &Place, kind: MediaKind, source: MediaSource) {
    media.report().add_media(MediaUse { place: place.pointer().to_owned(), kind, source });
}

/// An address on the web that has to be there.
pub(super) fn url(fields: &mut Fields, key: &'static str) -> Option<String> {
    let given = fields.text(key, limits::ANY)?;
    if !is_url(given) {
        let en = "must be a whole address that begins with https://, without spaces.";
        let es = "tiene que ser una dirección completa que empiece por https://, sin espacios.";
        fields.add(Problem::format(&fields.at(key), en, es));
        return None;
    }
    Some(given.to_owned())
}

/// `http://` is let through: Meta's own examples have it.
pub(super) fn is_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    web && !host.is_empty() && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn addresses_are_told_from_words() {
        for good in ["https://a.b", "http://a.b/c?d#e", "HTTPS://a", "https://xn--d1acufc.xn--p1ai/ñ"] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "a.b",
            "https://",
            "https:///x",
            "ftp://a.b",
            "https://a b",
            " https://a",
            "https://a\n",
            "javascript:x",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
