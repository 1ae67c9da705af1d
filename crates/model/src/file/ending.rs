//! Endings of file names: by them systems, and Meta, decide what a file is.

/// The name with an ending that fits. By its ending a system decides what opens a file, so it is one of the type that its bytes say, whatever its sender
/// wrote. Of bytes that say nothing the sender's stays, unless they would be run, or shown as a page.
pub fn fitted(name: &str, mime_type: Option<&str>) -> String {
    let split = name.rsplit_once('.').filter(|(stem, ending)| !stem.is_empty() && is_ending(ending));
    let written = split.map(|(_, ending)| ending.to_ascii_lowercase());
    let Some(mime_type) = mime_type.filter(|mime_type| *mime_type != "application/octet-stream") else {
        let is_active = written.as_deref().is_some_and(|ending| ACTIVE.contains(&ending));
        return if is_active { format!("{name}.bin") } else { name.to_owned() };
    };
    let known = all(mime_type);
    match (split, written) {
        (_, Some(written)) if known.contains(&written.as_str()) => name.to_owned(),
        (Some((stem, _)), _) => format!("{}.{}", stem.trim_end(), usual(Some(mime_type))),
        _ => format!("{name}.{}", usual(Some(mime_type))),
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

/// The usual one; `bin` where none is known.
pub fn usual(mime_type: Option<&str>) -> &'static str {
    all(mime_type.unwrap_or_default()).first().copied().unwrap_or("bin")
}

/// The endings of a type: the usual one, then others that a name may have.
fn all(mime_type: &str) -> &'static [&'static str] {
    match mime_type.split(';').next().unwrap_or_default().trim() {
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
        "text/plain" => &["txt", "csv", "tsv", "log", "md", "json", "vcf", "ics", "srt"],
        "text/html" => &["html", "htm"],
        "text/xml" => &["xml", "gpx", "kml"],
        _ => &[],
    }
}

/// They share a container, whose first bytes do not always say which it is.
const OLE_ENDINGS: [&str; 5] = ["doc", "xls", "ppt", "msg", "dot"];

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture that is a page as well is saved as a picture.
    #[test]
    fn an_ending_is_of_the_type_that_the_bytes_say() {
        for (name, mime_type, made) in [
            ("x.html", "image/gif", "x.gif"),
            ("x.svg", "image/png", "x.png"),
            ("x.gif.js", "image/gif", "x.gif.gif"),
            ("factura.pdf.exe", "application/pdf", "factura.pdf.pdf"),
            ("FOTO.JPEG", "image/jpeg", "FOTO.JPEG"),
            ("x .html", "image/jpeg", "x.jpg"),
            ("voice-note.mp4", "audio/ogg; codecs=opus", "voice-note.ogg"),
            ("Factura 1.234", "application/pdf", "Factura 1.234.pdf"),
            ("carta", "application/pdf", "carta.pdf"),
            ("nota.opus", "audio/ogg", "nota.opus"),
            ("tabla.xlsx", "application/zip", "tabla.xlsx"),
            ("tabla.jar", "application/zip", "tabla.zip"),
            ("carta.docx", "application/x-executable", "carta.bin"),
        ] {
            assert_eq!(fitted(name, Some(mime_type)), made, "{name} {mime_type}");
        }
        for (name, made) in [("datos.csv", "datos.csv"), ("x.HTML", "x.HTML.bin")] {
            assert_eq!(fitted(name, None), made, "{name}");
        }
    }
}
