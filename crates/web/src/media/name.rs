//! Names of files that come from anywhere, made fit for a header and a disk.

use std::fmt::Write;

use model::file::ending;
use uuid::Uuid;

/// In characters.
const LONGEST: usize = 120;

/// A name without folders, line breaks, signs that turn its reading direction, or what a file system refuses.
pub(super) fn safe(name: Option<&str>, mime_type: Option<&str>, id: Uuid) -> String {
    let name = name.unwrap_or_default();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last.chars().filter(|char| !char.is_control() && !is_hidden(*char));
    let plain: String = plain.map(|char| if "\"<>|:*?;%".contains(char) { '_' } else { char }).collect();
    let plain = plain.trim_matches(|char: char| char == '.' || char.is_whitespace());
    match plain.is_empty() {
        true => format!("{}.{}", id.simple(), ending::usual(mime_type)),
        false => shortened(&ending::fitted(plain, mime_type)),
    }
}

/// Keeps the ending, by which systems know what to open it with.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= LONGEST {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| ending.chars().count() <= 10);
    let ending = ending.map(|ending| format!(".{ending}")).unwrap_or_default();
    let start: String = name.chars().take(LONGEST - ending.chars().count()).collect();
    start + &ending
}

/// Marks that turn the reading direction, or show nothing: `exe.gpj` can be made to look like `jpg.exe`.
fn is_hidden(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// `Content-Disposition` (RFC 6266): the name in ASCII, and where that is not all of it, the whole.
pub(super) fn disposition(name: &str, inline: bool) -> String {
    let kind = if inline { "inline" } else { "attachment" };
    let ascii: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let mut header = format!("{kind}; filename=\"{ascii}\"");
    if ascii != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => header.push(char::from(byte)),
                false => write!(header, "%{byte:02X}").expect("a String takes what is written"),
            }
        }
    }
    header
}

fn is_plain(char: char) -> bool {
    char.is_ascii_graphic() && !"\"\\%".contains(char) || char == ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe_name(name: &str) -> String {
        safe(Some(name), None, Uuid::nil())
    }

    #[test]
    fn a_name_leads_nowhere() {
        for (name, made) in [
            ("factura 12.pdf", "factura 12.pdf"),
            ("../../x", "x"),
            ("..\\..\\x.exe", "x.exe.bin"),
            ("/etc/passwd", "passwd"),
            ("a\r\nSet-Cookie: b=c.png", "aSet-Cookie_ b=c.png"),
            ("a\"; filename=evil.exe", "a__ filename=evil.exe.bin"),
            ("x.svg", "x.svg.bin"),
            ("photo\u{202e}gpj.exe", "photogpj.exe.bin"),
            (" .hidden. ", "hidden"),
            ("Ñandú 🐦.pdf", "Ñandú 🐦.pdf"),
        ] {
            assert_eq!(safe_name(name), made);
        }
        for nothing in ["", "..", "a/", "\0", "\u{200b}"] {
            let made = safe(Some(nothing), Some("image/png"), Uuid::nil());
            assert_eq!(made, "00000000000000000000000000000000.png", "{nothing:?}");
        }
        assert_eq!(safe(None, None, Uuid::nil()), "00000000000000000000000000000000.bin");
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = safe_name(&format!("{}.pdf", "ñ".repeat(500)));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.ends_with("ñ.pdf"));
    }

    #[test]
    fn a_header_is_ascii() {
        assert_eq!(disposition("a b.pdf", false), "attachment; filename=\"a b.pdf\"");
        assert_eq!(disposition("Ñ.png", true), "inline; filename=\"_.png\"; filename*=UTF-8''%C3%91.png");
        assert!(disposition("\u{1f426}'()%", false).is_ascii());
    }
}
