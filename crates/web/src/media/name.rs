//! Names of files that come from anywhere, made fit for a header and a disk.

use std::fmt::Write;

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
        true => format!("{}.{}", id.simple(), ending(mime_type)),
        false => shortened(&ending_truly(plain, mime_type)),
    }
}

/// By its ending a system decides what opens a file, so the ending is one of the type that its bytes say, whatever its sender
/// wrote. Of bytes that say nothing the sender's stays, unless they would be run, or shown as a page.
fn ending_truly(name: &str, mime_type: Option<&str>) -> String {
    let split = name.rsplit_once('.').filter(|(stem, ending)| !stem.is_empty() && is_ending(ending));
    let written = split.map(|(_, ending)| ending.to_ascii_lowercase());
    let Some(mime_type) = mime_type else {
        let is_active = written.as_deref().is_some_and(|ending| ACTIVE.contains(&ending));
        return if is_active { format!("{name}.bin") } else { name.to_owned() };
    };
    let known = endings(mime_type);
    match (split, written) {
        (_, Some(written)) if known.contains(&written.as_str()) => name.to_owned(),
        (Some((stem, _)), _) => format!("{}.{}", stem.trim_end(), ending(Some(mime_type))),
        _ => format!("{name}.{}", ending(Some(mime_type))),
    }
}

/// Whether what is behind a dot is an ending: not the rest of "Factura 1.234" or of a sentence.
fn is_ending(text: &str) -> bool {
    text.len() <= 10
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// What systems run, or show as a page.
const ACTIVE: &[&str] = &[
    "apk", "app", "appimage", "bat", "chm", "cmd", "com", "command", "cpl", "desktop", "dll", "dmg", "exe", "gadget",
    "hta", "htm", "html", "inf", "jar", "jnlp", "js", "jse", "lnk", "mht", "mhtml", "mjs", "msc", "msi", "msp", "pif",
    "pkg", "ps1", "reg", "scf", "scr", "sct", "sh", "shtml", "svg", "svgz", "swf", "url", "vb", "vbe", "vbs", "wsf",
    "wsh", "xht", "xhtml", "xll", "xml", "xsl", "xslt",
];

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

fn ending(mime_type: Option<&str>) -> &'static str {
    endings(mime_type.unwrap_or_default()).first().copied().unwrap_or("bin")
}

/// The endings of a type: the usual one, then others that a name may have.
fn endings(mime_type: &str) -> &'static [&'static str] {
    match mime_type {
        "image/jpeg" => &["jpg", "jpeg", "jpe", "jfif"],
        "image/png" => &["png"],
        "image/webp" => &["webp"],
        "image/gif" => &["gif"],
        "image/heif" => &["heif", "heic"],
        "image/avif" => &["avif"],
        "image/tiff" => &["tif", "tiff"],
        "image/bmp" => &["bmp"],
        "image/vnd.microsoft.icon" => &["ico"],
        "image/vnd.adobe.photoshop" => &["psd"],
        "video/mp4" => &["mp4", "m4v", "mov", "3gp"],
        "video/3gpp" => &["3gp", "3gpp", "mp4"],
        "video/webm" => &["webm"],
        "video/quicktime" => &["mov", "qt"],
        "video/x-matroska" => &["mkv"],
        "video/x-msvideo" => &["avi"],
        "audio/ogg" => &["ogg", "opus", "oga"],
        "audio/mpeg" => &["mp3"],
        "audio/mp4" => &["m4a", "mp4"],
        "audio/aac" => &["aac"],
        "audio/amr" => &["amr"],
        "audio/wav" => &["wav"],
        "audio/x-flac" => &["flac"],
        "application/pdf" => &["pdf"],
        "application/rtf" => &["rtf"],
        "application/zip" => &["zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "pages", "numbers", "key", "kmz"],
        "application/epub+zip" => &["epub"],
        "application/msword" | "application/vnd.ms-excel" | "application/vnd.ms-powerpoint" => &OLE_ENDINGS,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => &["docx"],
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => &["xlsx"],
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => &["pptx"],
        "application/vnd.oasis.opendocument.text" => &["odt"],
        "application/vnd.oasis.opendocument.spreadsheet" => &["ods"],
        "application/vnd.oasis.opendocument.presentation" => &["odp"],
        "application/vnd.rar" => &["rar"],
        "application/x-7z-compressed" => &["7z"],
        "application/gzip" => &["gz", "tgz"],
        "application/x-tar" => &["tar"],
        "text/html" => &["html", "htm"],
        "text/xml" => &["xml", "gpx", "kml"],
        _ => &[],
    }
}

/// They share a container, whose first bytes do not always say which it is.
const OLE_ENDINGS: [&str; 5] = ["doc", "xls", "ppt", "msg", "dot"];

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

    /// A picture that is a page as well is saved as a picture.
    #[test]
    fn an_ending_is_of_the_type_that_the_bytes_say() {
        for (name, mime_type, made) in [
            ("x.html", "image/gif", "x.gif"),
            ("x.svg", "image/png", "x.png"),
            ("x.gif.js", "image/gif", "x.gif.gif"),
            ("factura.pdf.exe", "application/pdf", "factura.pdf.pdf"),
            ("FOTO.JPEG", "image/jpeg", "FOTO.JPEG"),
            ("x.", "image/jpeg", "x.jpg"),
            ("x .html ", "image/jpeg", "x.jpg"),
            ("Factura 1.234", "application/pdf", "Factura 1.234.pdf"),
            ("carta", "application/pdf", "carta.pdf"),
            ("nota.opus", "audio/ogg", "nota.opus"),
            ("tabla.xlsx", "application/zip", "tabla.xlsx"),
            ("tabla.jar", "application/zip", "tabla.zip"),
            ("carta.docx", "application/x-executable", "carta.bin"),
            (".html", "image/png", "html.png"),
        ] {
            assert_eq!(safe(Some(name), Some(mime_type), Uuid::nil()), made, "{name} {mime_type}");
        }
        for (name, made) in [("datos.csv", "datos.csv"), ("x.HTML", "x.HTML.bin"), ("x.html.", "x.html.bin")] {
            assert_eq!(safe(Some(name), None, Uuid::nil()), made, "{name}");
        }
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
