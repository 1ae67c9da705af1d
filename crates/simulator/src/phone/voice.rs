//! Voice notes: browsers record Opus in WebM, WhatsApp sends Opus in Ogg. The packets are the same; the box changes.

/// Opus counts samples at this rate, whatever was recorded.
const SAMPLES_PER_MS_X10: u64 = 480;

/// Packets in one Ogg page, at most: about a second.
const PACKETS_A_PAGE: usize = 50;

/// The Ogg file of an Opus recording in WebM; `None`: it is not one.
pub(super) fn from_webm(mime: &str, webm: &[u8]) -> Option<Vec<u8>> {
    if !mime.to_ascii_lowercase().starts_with("audio/webm") {
        return None;
    }
    let recording = Recording::read(webm)?;
    Some(ogg(&recording))
}

/// What is inside of a WebM file.
#[derive(Debug, Default)]
struct Recording<'a> {
    /// `OpusHead`, as both boxes carry it.
    head: &'a [u8],
    packets: Vec<&'a [u8]>,
}

impl<'a> Recording<'a> {
    /// Reads the elements in order. A recorder writes masters without a size, so they are entered, not measured.
    fn read(webm: &'a [u8]) -> Option<Self> {
        const SEGMENT: u64 = 0x1853_8067;
        const CLUSTER: u64 = 0x1F43_B675;
        const TRACKS: u64 = 0x1654_AE6B;
        const TRACK: u64 = 0xAE;
        const GROUP: u64 = 0xA0;
        const CODEC: u64 = 0x86;
        const HEAD: u64 = 0x63A2;
        const SIMPLE_BLOCK: u64 = 0xA3;
        const BLOCK: u64 = 0xA1;
        let mut found = Self::default();
        let mut rest = webm;
        while !rest.is_empty() {
            let (id, after) = number(rest, true)?;
            let (size, after) = number(after, false)?;
            if matches!(id, SEGMENT | CLUSTER | TRACKS | TRACK | GROUP) {
                rest = after;
                continue;
            }
            // A recording that was cut ends with half an element.
            let Some((content, after)) = after.split_at_checked(usize::try_from(size).ok()?) else { break };
            match id {
                CODEC if content != b"A_OPUS" => return None,
                HEAD => found.head = content,
                SIMPLE_BLOCK | BLOCK => found.packets.extend(packet(content)),
                _ => {}
            }
            rest = after;
        }
        (found.head.starts_with(b"OpusHead") && !found.packets.is_empty()).then_some(found)
    }
}

/// A number of EBML and what follows it; of an id, the marker of its length is a part.
fn number(bytes: &[u8], id: bool) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    let (own, rest) = bytes.split_at_checked(length)?;
    let marker = if length > 8 { return None } else { 0x80_u8 >> (length - 1) };
    let start = if id { first } else { first & !marker };
    Some((own[1..].iter().fold(u64::from(start), |value, byte| value << 8 | u64::from(*byte)), rest))
}

/// The packet in a block: after the track, a time of two bytes, and flags. Recorders of sound do not lace.
fn packet(block: &[u8]) -> Option<&[u8]> {
    let (_, rest) = number(block, false)?;
    let laced = rest.get(2)? & 0b110 != 0;
    rest.get(3..).filter(|packet| !laced && !packet.is_empty())
}

/// Puts the packets into Ogg pages (RFC 3533, RFC 7845).
fn ogg(recording: &Recording<'_>) -> Vec<u8> {
    const FIRST: u8 = 2;
    const LAST: u8 = 4;
    let mut tags = b"OpusTags".to_vec();
    let vendor = b"recorder";
    tags.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
    tags.extend_from_slice(vendor);
    tags.extend_from_slice(&0_u32.to_le_bytes());

    let mut out = page(0, FIRST, 0, &[recording.head]);
    out.extend(page(1, 0, 0, &[&tags]));
    let mut samples = 0;
    let pages = recording.packets.chunks(PACKETS_A_PAGE);
    let last = pages.len() - 1;
    for (at, packets) in pages.enumerate() {
        samples += packets.iter().map(|packet| duration(packet)).sum::<u64>();
        let flags = if at == last { LAST } else { 0 };
        out.extend(page(at as u32 + 2, flags, samples, packets));
    }
    out
}

fn page(sequence: u32, flags: u8, granule: u64, packets: &[&[u8]]) -> Vec<u8> {
    const SERIAL: u32 = 0x5741_5A41;
    let mut lacing = Vec::new();
    for packet in packets {
        lacing.extend(std::iter::repeat_n(255, packet.len() / 255));
        lacing.push((packet.len() % 255) as u8);
    }
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend_from_slice(&granule.to_le_bytes());
    page.extend_from_slice(&SERIAL.to_le_bytes());
    page.extend_from_slice(&sequence.to_le_bytes());
    page.extend_from_slice(&[0; 4]);
    page.push(lacing.len() as u8);
    page.extend_from_slice(&lacing);
    packets.iter().for_each(|packet| page.extend_from_slice(packet));
    let sum = checksum(&page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// Ogg's CRC-32: the usual polynomial, high bit first, from zero.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 })
    })
}

/// Samples in a packet, from its first byte (RFC 6716, 3.1).
fn duration(packet: &[u8]) -> u64 {
    let toc = packet.first().copied().unwrap_or_default();
    let at = usize::from(toc >> 3);
    let tenths_of_ms: u64 = match at {
        0..12 => [100, 200, 400, 600][at & 3],
        12..16 => [100, 200][at & 1],
        _ => [25, 50, 100, 200][at & 3],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1).copied().unwrap_or(1) & 0x3f),
    };
    tenths_of_ms * frames * SAMPLES_PER_MS_X10 / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a recorder writes it: a segment and a cluster without a size.
    fn webm(codec: &[u8], packets: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0x1A, 0x45, 0xDF, 0xA3, 0x80];
        out.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        out.extend([0x16, 0x54, 0xAE, 0x6B, 0xA0, 0xAE, 0x9E]);
        out.extend([0x86, 0x80 | codec.len() as u8]);
        out.extend(codec);
        out.extend([0x63, 0xA2, 0x93]);
        out.extend(b"OpusHead\x01\x01\x38\x01\x80\xBB\0\0\0\0\0");
        out.extend([0x1F, 0x43, 0xB6, 0x75, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        for packet in packets {
            out.extend([0xA3, 0x40, packet.len() as u8 + 4, 0x81, 0, 0, 0x80]);
            out.extend(*packet);
        }
        out
    }

    #[test]
    fn a_recording_changes_its_box() {
        // 20 ms each: CELT, one frame.
        let packets: Vec<&[u8]> = vec![&[0xFC, 1, 2, 3]; 60];
        let ogg = from_webm("audio/webm;codecs=opus", &webm(b"A_OPUS", &packets)).expect("an Ogg file");
        let pages: Vec<usize> = (0..ogg.len() - 3).filter(|at| &ogg[*at..at + 4] == b"OggS").collect();
        assert_eq!(pages.len(), 4);
        let last = pages[3];
        assert_eq!(ogg[last + 5], 4, "it says that it ends");
        assert_eq!(ogg[last + 6..last + 14], (60_u64 * 960).to_le_bytes());
        let mut page = ogg[last..].to_vec();
        let sum: [u8; 4] = page[22..26].try_into().expect("four bytes");
        page[22..26].fill(0);
        assert_eq!(checksum(&page).to_le_bytes(), sum);
    }

    #[test]
    fn what_is_no_recording_stays() {
        assert_eq!(from_webm("audio/mpeg", b"ID3"), None);
        assert_eq!(from_webm("audio/webm", &webm(b"A_VORBI", &[&[0xFC]])), None);
        assert_eq!(from_webm("audio/webm", b"no webm at all"), None);
        assert_eq!(from_webm("audio/webm", &[]), None);
    }

    #[test]
    fn the_checksum_is_oggs() {
        assert_eq!(checksum(b"123456789"), 0x89A1_897F);
    }
}
