//! Files that customers send when nobody says which: one small file of each kind.

use bytes::Bytes;

/// A file and how it is called.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) mime: &'static str,
    pub(crate) filename: Option<&'static str>,
    pub(crate) bytes: Bytes,
}

/// The sample of a kind of message that carries a medium (§4.2); `None`: the kind carries none.
pub(crate) fn sample(kind: &str) -> Option<Sample> {
    let (mime, filename, bytes): (_, _, &'static [u8]) = match kind {
        "image" => ("image/png", None, include_bytes!("samples/image.png")),
        "video" => ("video/mp4", None, include_bytes!("samples/video.mp4")),
        "audio" => ("audio/ogg; codecs=opus", None, include_bytes!("samples/voice.ogg")),
        "document" => ("application/pdf", Some("receipt-1042.pdf"), include_bytes!("samples/document.pdf")),
        "sticker" => ("image/webp", None, include_bytes!("samples/sticker.webp")),
        _ => return None,
    };
    Some(Sample { mime, filename, bytes: Bytes::from_static(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{KINDS, unfit};

    #[test]
    fn each_kind_of_medium_has_a_sample_that_fits() {
        for kind in KINDS {
            let sample = sample(kind.name).expect("a sample");
            assert_eq!(unfit(kind.name, sample.mime, &sample.bytes), None, "{}", kind.name);
        }
    }
}
