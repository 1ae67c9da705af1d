//! What a file is: what its sender says, where its bytes do not say otherwise.

use whatsapp::outgoing::{essence, largest};

/// What Meta calls by another name.
const NAMES: &[(&str, &str)] = &[
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/x-png", "image/png"),
    ("image/x-webp", "image/webp"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/x-mp3", "audio/mpeg"),
    ("audio/mpeg3", "audio/mpeg"),
    ("audio/x-mpeg", "audio/mpeg"),
    ("audio/m4a", "audio/mp4"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-mp4", "audio/mp4"),
    ("audio/aacp", "audio/aac"),
    ("audio/x-aac", "audio/aac"),
    ("audio/amr-nb", "audio/amr"),
    ("audio/x-amr", "audio/amr"),
    ("audio/opus", "audio/ogg"),
    ("audio/x-ogg", "audio/ogg"),
    ("audio/x-opus+ogg", "audio/ogg"),
    ("application/ogg", "audio/ogg"),
    ("application/x-ogg", "audio/ogg"),
    ("video/3gp", "video/3gpp"),
    ("video/x-m4v", "video/mp4"),
    ("video/x-mp4", "video/mp4"),
    ("application/mp4", "video/mp4"),
    ("application/x-pdf", "application/pdf"),
    ("application/acrobat", "application/pdf"),
    ("text/x-plain", "text/plain"),
];

/// Containers that hold one or the other: only the sender knows which it is.
const MP4: &[&str] = &["audio/mp4", "video/mp4", "video/3gpp"];
const OLE: &[&str] = &["application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"];
const OOXML: &str = "application/vnd.openxmlformats-officedocument.";

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is said to be one thing, and is another, or nothing that is known.
    Said {
        /// What it is said to be.
        said: String,
        /// What it is.
        found: Option<String>,
    },
    /// Meta takes no such files.
    NotTaken(String),
    /// Nobody says what it is.
    Nameless,
    /// It is Ogg, with something else than Opus in it.
    NotOpus,
    /// It is Opus with more than one channel, which Meta refuses when it sends it.
    NotMono,
    /// It is a PNG with 16 bits a channel, the same.
    TooDeep,
    /// It is larger than this many bytes, the most that Meta takes of its type.
    TooLarge(u64),
    /// There is nothing in it.
    Empty,
}

/// What a file is that may be sent: what Meta is told. `found` is what its first bytes say.
pub(super) fn judge(said: Option<&str>, found: Option<&str>, head: &[u8], size: u64) -> Result<String, Wrong> {
    if size == 0 {
        return Err(Wrong::Empty);
    }
    let mime_type = told(said, found, head)?;
    let most = largest(&mime_type, head).ok_or_else(|| Wrong::NotTaken(mime_type.clone()))?;
    if mime_type == "audio/ogg" {
        // Meta takes it for a voice note only when it says so.
        let opus = head.get(28..36) == Some(b"OpusHead");
        return match head.get(37) {
            _ if size > most => Err(Wrong::TooLarge(most)),
            _ if !opus => Err(Wrong::NotOpus),
            // How many channels (RFC 7845).
            Some(channels) if *channels != 1 => Err(Wrong::NotMono),
            _ => Ok("audio/ogg; codecs=opus".to_owned()),
        };
    }
    // Bits a channel, of the header that comes first.
    if mime_type == "image/png" && head.get(12..16) == Some(b"IHDR") && head.get(24) == Some(&16) {
        return Err(Wrong::TooDeep);
    }
    if size > most { Err(Wrong::TooLarge(most)) } else { Ok(mime_type) }
}

/// What Meta is told of a file that it sent itself, or that was taken before.
pub(crate) fn known(said: Option<&str>, found: Option<&str>) -> String {
    let by_its_name = |said: &str| {
        let name = named(said);
        // What is behind the type stays: Meta says `codecs=opus` so.
        if name == essence(said) { said.to_owned() } else { name }
    };
    match (said, found.map(named)) {
        (Some(said), Some(found)) if agree(&named(said), &found) => by_its_name(said),
        (_, Some(found)) => found,
        (Some(said), None) => by_its_name(said),
        (None, None) => "application/octet-stream".to_owned(),
    }
}

fn told(said: Option<&str>, found: Option<&str>, head: &[u8]) -> Result<String, Wrong> {
    let said = said.map(named).filter(|said| !matches!(said.as_str(), "" | "application/octet-stream"));
    let found = found.or_else(|| more(head)).map(named);
    match (said, found.as_deref()) {
        (None, Some(found)) => Ok(found.to_owned()),
        (Some(said), Some(found)) if agree(&said, found) => Ok(said),
        (Some(said), None) if said == "text/plain" && is_text(head) => Ok(said),
        (None, None) if is_text(head) => Ok("text/plain".to_owned()),
        (None, None) => Err(Wrong::Nameless),
        (Some(said), found) if largest(&said, head).is_none() && found.is_none() => Err(Wrong::NotTaken(said)),
        (Some(said), found) => Err(Wrong::Said { said, found: found.map(str::to_owned) }),
    }
}

/// As Meta calls it.
fn named(said: &str) -> String {
    let said = essence(said);
    let known = NAMES.iter().find(|(name, _)| *name == said);
    known.map_or(said, |(_, name)| (*name).to_owned())
}

/// All names of a type that Meta calls so.
pub(crate) fn names_of(mime_type: &'static str) -> impl Iterator<Item = &'static str> {
    let others = NAMES.iter().filter(move |(_, known)| *known == mime_type).map(|(name, _)| *name);
    std::iter::once(mime_type).chain(others)
}

fn agree(said: &str, found: &str) -> bool {
    said == found
        || (MP4.contains(&said) && MP4.contains(&found))
        || (OLE.contains(&said) && (OLE.contains(&found) || found == "application/x-ole-storage"))
        || (said.starts_with(OOXML) && (found.starts_with(OOXML) || found == "application/zip"))
        || (said == "text/plain" && found.starts_with("text/"))
}

/// First bytes that the usual tables lack.
fn more(head: &[u8]) -> Option<&'static str> {
    match head {
        [_, _, _, _, b'f', b't', b'y', b'p', b'3', b'g', ..] => Some("video/3gpp"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        [b'#', b'!', b'A', b'M', b'R', ..] => Some("audio/amr"),
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Some("audio/aac"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => Some("audio/mpeg"),
        _ => None,
    }
}

/// Whether it reads as text: UTF-8, perhaps cut in the middle of a character, or an old code page, without NUL.
fn is_text(head: &[u8]) -> bool {
    let controls = head.iter().filter(|byte| **byte < 0x20 && !b"\t\n\r\x0c\x1b".contains(byte)).count();
    !head.is_empty() && controls == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    fn judged(said: &str, found: Option<&str>, head: &[u8]) -> Result<String, Wrong> {
        judge((!said.is_empty()).then_some(said), found, head, 1000)
    }

    #[test]
    fn what_is_said_and_what_is_found_agree() {
        for (said, found, head, told) in [
            ("image/png", Some("image/png"), PNG, "image/png"),
            ("", Some("image/png"), PNG, "image/png"),
            ("application/octet-stream", Some("image/png"), PNG, "image/png"),
            ("image/JPG", Some("image/jpeg"), b"", "image/jpeg"),
            ("audio/x-m4a", Some("video/mp4"), b"", "audio/mp4"),
            ("video/3gpp", None, b"\0\0\0\x18ftyp3gp4", "video/3gpp"),
            ("", None, b"\xff\xf3\x40", "audio/mpeg"),
            ("", None, b"\xff\xf1\x40", "audio/aac"),
            ("application/vnd.ms-excel", Some("application/x-ole-storage"), b"", "application/vnd.ms-excel"),
            ("text/plain; charset=utf-8", None, "año\n".as_bytes(), "text/plain"),
            ("text/plain", Some("text/html"), b"<html>", "text/plain"),
            ("", None, b"a,b\n", "text/plain"),
        ] {
            assert_eq!(judged(said, found, head).as_deref(), Ok(told), "{said} {found:?}");
        }
    }

    #[test]
    fn what_they_do_not_agree_on_is_refused() {
        for (said, found, head, wrong) in [
            (
                "image/png",
                Some("application/pdf"),
                PNG,
                Wrong::Said { said: "image/png".into(), found: Some("application/pdf".into()) },
            ),
            ("image/png", None, b"hello", Wrong::Said { said: "image/png".into(), found: None }),
            ("text/plain", None, b"\0\x01", Wrong::Said { said: "text/plain".into(), found: None }),
            ("application/zip", Some("application/zip"), b"PK", Wrong::NotTaken("application/zip".into())),
            ("text/csv", None, b"a,b", Wrong::NotTaken("text/csv".into())),
            ("", Some("image/gif"), b"GIF", Wrong::NotTaken("image/gif".into())),
            ("", None, b"\0\x01", Wrong::Nameless),
            ("audio/ogg", Some("audio/ogg"), b"OggS", Wrong::NotOpus),
        ] {
            assert_eq!(judged(said, found, head), Err(wrong), "{said} {found:?}");
        }
    }

    #[test]
    fn a_voice_note_says_that_it_is_opus() {
        let head = [&b"OggS"[..], &[0; 24], b"OpusHead"].concat();
        for said in ["audio/ogg", "audio/ogg; codecs=opus", "audio/opus", ""] {
            assert_eq!(judged(said, Some("audio/ogg"), &head).as_deref(), Ok("audio/ogg; codecs=opus"), "{said}");
        }
    }

    /// Meta takes them, and fails when they are sent.
    #[test]
    fn what_meta_fails_to_send_is_refused() {
        let opus = |channels: u8| [&b"OggS"[..], &[0; 24], b"OpusHead", &[1, channels]].concat();
        assert_eq!(judged("audio/ogg", Some("audio/ogg"), &opus(2)), Err(Wrong::NotMono));
        assert!(judged("audio/ogg", Some("audio/ogg"), &opus(1)).is_ok());
        let png = |depth: u8| [PNG, &[0, 0, 0, 13], b"IHDR", &[0, 0, 0, 9, 0, 0, 0, 9, depth]].concat();
        assert_eq!(judged("image/png", Some("image/png"), &png(16)), Err(Wrong::TooDeep));
        assert!(judged("image/x-png", Some("image/png"), &png(8)).is_ok());
    }

    #[test]
    fn a_type_has_many_names() {
        for (said, found, told) in [
            ("audio/x-mp3", Some("audio/mpeg"), "audio/mpeg"),
            ("image/jpg", Some("image/jpeg"), "image/jpeg"),
            ("audio/opus", None, "audio/ogg"),
            ("video/x-m4v", Some("video/mp4"), "video/mp4"),
            ("audio/ogg; codecs=opus", Some("audio/opus"), "audio/ogg; codecs=opus"),
        ] {
            assert_eq!(known(Some(said), found), told, "{said}");
        }
    }

    #[test]
    fn sizes_have_an_end() {
        assert_eq!(judge(None, Some("image/png"), PNG, 0), Err(Wrong::Empty));
        assert_eq!(judge(None, Some("image/png"), PNG, (5 << 20) + 1), Err(Wrong::TooLarge(5 << 20)));
        assert!(judge(None, Some("application/pdf"), b"%PDF", 100 << 20).is_ok());
    }

    #[test]
    fn what_meta_sent_keeps_its_name_unless_it_lies() {
        assert_eq!(known(Some("audio/ogg; codecs=opus"), Some("audio/ogg")), "audio/ogg; codecs=opus");
        assert_eq!(known(Some("image/jpeg"), Some("application/pdf")), "application/pdf");
        assert_eq!(known(Some("text/plain"), None), "text/plain");
    }
}
