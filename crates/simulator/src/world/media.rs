//! Media and resumable uploads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Task, World};
use crate::error::GraphError;
use crate::faults::{Case, Kind};
use crate::webhook::hmac_hex;

/// A kind of message that carries a medium, the types it takes, and its largest size in bytes (§8.3).
#[derive(Debug)]
pub(crate) struct MediaKind {
    pub(crate) name: &'static str,
    pub(crate) mimes: &'static [&'static str],
    pub(crate) most: usize,
}

/// The kinds, in the order in which Meta lists their types.
pub(crate) const KINDS: &[MediaKind] = &[
    MediaKind {
        name: "audio",
        mimes: &["audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg", "audio/opus"],
        most: 16 << 20,
    },
    MediaKind {
        name: "document",
        mimes: &[
            "application/vnd.ms-powerpoint",
            "application/msword",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/pdf",
            "text/plain",
            "application/vnd.ms-excel",
        ],
        most: 100 << 20,
    },
    MediaKind { name: "image", mimes: &["image/jpeg", "image/png"], most: 5 << 20 },
    MediaKind { name: "sticker", mimes: &["image/webp"], most: ANIMATED_STICKER },
    MediaKind { name: "video", mimes: &["video/mp4", "video/3gpp"], most: 16 << 20 },
];

/// A sticker that moves may be this large.
const ANIMATED_STICKER: usize = 500 << 10;

/// A sticker that does not move may be this large.
const STATIC_STICKER: usize = 100 << 10;

/// A download URL is good for this long (§8.3).
const URL_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What stands in for a type that nobody named.
const UNNAMED: &str = "application/octet-stream";

/// A file that Meta holds.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) id: String,
    /// The WABA whose numbers may use it.
    pub(crate) waba_id: String,
    /// The number that it came to, or was uploaded for.
    pub(crate) phone_number_id: String,
    pub(crate) mime_type: String,
    pub(crate) filename: Option<String>,
    pub(crate) bytes: Bytes,
    pub(crate) received_at: Timestamp,
    /// 30 days for uploads, 7 for what customers sent (§8.3).
    pub(crate) expires_at: Timestamp,
    /// Whether a customer sent it.
    pub(crate) inbound: bool,
    /// Signs its download URLs.
    pub(crate) url_key: String,
    /// What a fault makes Meta say of it.
    pub(crate) lie: Lie,
}

/// What Meta wrongly says of a medium, the same in webhook and look-up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lie {
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) mime_type: Option<String>,
    /// Whether a webhook told of it: from then on nothing changes.
    pub(crate) settled: bool,
}

impl Media {
    /// SHA-256 as Meta tells it: hex in look-ups, base64 in webhooks (§4.2).
    pub(crate) fn told_sha256(&self) -> [u8; 32] {
        self.lie.sha256.unwrap_or_else(|| Sha256::digest(&self.bytes).into())
    }

    /// The type as Meta tells it.
    pub(crate) fn told_mime(&self) -> &str {
        self.lie.mime_type.as_deref().unwrap_or(&self.mime_type)
    }

    /// How long it is kept.
    pub(crate) fn life(inbound: bool) -> SignedDuration {
        SignedDuration::from_hours(24 * if inbound { 7 } else { 30 })
    }

    /// Where it is downloaded, for five minutes from then on; `source` is `getMedia` or `webhook`.
    pub(crate) fn url(&self, origin: &str, source: &str, from: Timestamp) -> String {
        let ext = (from + URL_LIFE).as_second();
        let (id, hash) = (&self.id, self.signature(ext));
        format!("{origin}/whatsapp_business/attachments/?mid={id}&source={source}&ext={ext}&hash={hash}")
    }

    /// Whether this signs a URL that is still good.
    pub(crate) fn opens(&self, ext: &str, hash: &str, now: Timestamp) -> bool {
        let ext = ext.parse::<i64>().unwrap_or(0);
        ext > now.as_second() && hash == self.signature(ext)
    }

    fn signature(&self, ext: i64) -> String {
        hmac_hex(&self.url_key, format!("{}:{ext}", self.id).as_bytes())
    }
}

/// A type without parameters, in small letters.
pub(crate) fn essence(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How large a file of this kind may be, in bytes.
pub(crate) fn most(kind: &MediaKind, bytes: &[u8]) -> usize {
    if kind.name == "sticker" && !animated(bytes) { STATIC_STICKER } else { kind.most }
}

/// Whether a WebP picture moves: bit 1 of the flags in its extended header.
fn animated(webp: &[u8]) -> bool {
    webp.get(12..16) == Some(b"VP8X") && webp.get(20).is_some_and(|flags| flags & 2 != 0)
}

/// Why a file can't go in a message of this kind (131053); `None`: it can. Documents may be of any type (§8.3). The
/// words are Meta's from memory.
pub(crate) fn unfit(kind: &str, mime: &str, bytes: &[u8]) -> Option<GraphError> {
    let known = KINDS.iter().find(|known| known.name == kind)?;
    let mime = essence(mime);
    let mut name = kind.to_owned();
    name[..1].make_ascii_uppercase();
    let details = if bytes.is_empty() {
        "Media file is empty.".to_owned()
    } else if kind != "document" && !known.mimes.contains(&mime.as_str()) {
        format!("Unsupported {name} mime type {mime}. Please use one of {}.", known.mimes.join(", "))
    } else if bytes.len() > most(known, bytes) {
        let most = most(known, bytes);
        format!("{name} file size {} bytes is too large. Max size is {most} bytes.", bytes.len())
    } else {
        return None;
    };
    Some(GraphError::of(131053).details(details))
}

/// A resumable upload (§8.4).
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) app_id: String,
    pub(crate) mime_type: String,
    pub(crate) length: usize,
    pub(crate) bytes: Vec<u8>,
    /// What follows `?sig=` in its id.
    pub(crate) sig: String,
    /// The handle, once it is whole.
    pub(crate) handle: Option<String>,
}

impl World {
    /// Keeps a medium that a customer sends to a number; answers its id.
    pub(crate) fn receive_media(
        &mut self,
        phone_number_id: &str,
        mime: &str,
        filename: Option<&str>,
        bytes: Bytes,
        now: Timestamp,
    ) -> String {
        self.keep_media(phone_number_id, mime, filename, bytes, true, now)
    }

    /// Keeps a medium for a number; answers its id.
    pub(crate) fn keep_media(
        &mut self,
        phone_number_id: &str,
        mime: &str,
        filename: Option<&str>,
        bytes: Bytes,
        inbound: bool,
        now: Timestamp,
    ) -> String {
        let media = Media {
            id: self.chance.id(),
            waba_id: self.waba_of(phone_number_id).map(|waba| waba.id.clone()).unwrap_or_default(),
            phone_number_id: phone_number_id.into(),
            mime_type: mime.into(),
            filename: filename.map(str::to_owned),
            bytes,
            received_at: now,
            expires_at: now + Media::life(inbound),
            inbound,
            url_key: self.chance.hex(16),
            lie: Lie::default(),
        };
        let id = media.id.clone();
        self.media.insert(id.clone(), media);
        id
    }

    /// A medium of this account that is still kept.
    pub(crate) fn media_of(&self, waba_id: &str, media_id: &str, now: Timestamp) -> Option<&Media> {
        self.media.get(media_id).filter(|media| media.waba_id == waba_id && now < media.expires_at)
    }

    /// A medium in a webhook: `{"id","mime_type","sha256","url"}`, the hash in base64, the URL good for five minutes
    /// from when the medium came (§4.2). Faults that lie about media strike here once, and look-ups agree. An unknown
    /// id comes back alone.
    pub(crate) fn media_object(&mut self, media_id: &str, phone_number_id: &str) -> Value {
        self.lie_about(media_id, phone_number_id);
        let origin = self.origin.clone();
        let Some(media) = self.media.get_mut(media_id) else { return json!({ "id": media_id }) };
        media.lie.settled = true;
        json!({
            "mime_type": media.told_mime(),
            "sha256": STANDARD.encode(media.told_sha256()),
            "id": media.id,
            "url": media.url(&origin, "webhook", media.received_at),
        })
    }

    /// Lets the faults that lie about media strike, unless a webhook has told already.
    pub(crate) fn lie_about(&mut self, media_id: &str, phone_number_id: &str) {
        let Self { media, faults, chance, .. } = self;
        let Some(media) = media.get_mut(media_id).filter(|media| !media.lie.settled) else { return };
        let case = Case { phone_number_id: Some(phone_number_id), ..Case::default() };
        if media.lie.sha256.is_none() && faults.strike(Kind::MediaWrongHash, case, chance).is_some() {
            let mut wrong = media.told_sha256();
            wrong[0] ^= 0xff;
            media.lie.sha256 = Some(wrong);
        }
        if media.lie.mime_type.is_none() && faults.strike(Kind::MediaWrongType, case, chance).is_some() {
            let wrong = match essence(&media.mime_type).as_str() {
                "image/png" => "image/jpeg",
                picture if picture.starts_with("image/") => "image/png",
                _ => UNNAMED,
            };
            media.lie.mime_type = Some(wrong.into());
        }
    }

    /// A medium given by link came: it is kept and the message leaves, or the message fails (131053). The medium's new
    /// id stands beside its link.
    pub(crate) fn fetched(&mut self, wamid: &str, mime: Option<&str>, bytes: Bytes, now: Timestamp) {
        let Some(message) = self.messages.get(wamid) else { return };
        let Some((kind, link, filename)) = linked(&message.kind, &message.content) else {
            return self.goes_out(wamid, now);
        };
        let mime = mime.unwrap_or(UNNAMED);
        let disguised = || is_disguised(&kind, &bytes).then(|| GraphError::of(131053).details(DISGUISED));
        if let Some(error) = unfit(&kind, mime, &bytes).or_else(disguised) {
            return self.fail(wamid, &error, now);
        }
        let (number, customer) = (message.phone_number_id.clone(), message.customer.clone());
        let id = self.keep_media(&number, mime, filename.as_deref(), bytes, false, now);
        if let Some(message) = self.messages.get_mut(wamid) {
            put_id(&mut message.content, &link, &id);
            if let Some(rendered) = &mut message.rendered {
                put_id(rendered, &link, &id);
            }
        }
        self.changed(&customer, &number, "message");
        // The cards of a carousel have a medium each.
        match self.messages.get(wamid).and_then(|message| linked(&message.kind, &message.content)) {
            Some((_, url, _)) => self.at(now, Task::Fetch { wamid: wamid.to_owned(), url }),
            None => self.goes_out(wamid, now),
        }
    }

    /// Whether a message's own medium is not what its type says: Meta takes it, and tells of it by a status.
    pub(crate) fn shows_in_disguise(&self, kind: &str, content: &Value) -> bool {
        let media = content["id"].as_str().and_then(|id| self.media.get(id));
        media.is_some_and(|media| is_disguised(kind, &media.bytes))
    }

    /// The upload of a handle, whole (§8.4).
    pub(crate) fn upload_by_handle(&self, handle: &str) -> Option<&Upload> {
        self.uploads.values().find(|upload| upload.handle.as_deref() == Some(handle))
    }
}

/// What a `failed` status says of a file that no phone shows.
pub(super) const DISGUISED: &str = "Downloading media from weblink failed or the media file could not be processed.";

/// A page of HTML, a WebM film or Ogg with Vorbis under the type of something else, as integrators met them: documents
/// alone may be anything.
fn is_disguised(kind: &str, bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(128)];
    let text = String::from_utf8_lossy(head).trim_start().to_ascii_lowercase();
    let is_page = text.starts_with("<!doctype html") || text.starts_with("<html");
    let is_webm = head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]);
    let is_vorbis = head.starts_with(b"OggS") && head.windows(7).any(|word| word == b"\x01vorbis");
    kind != "document" && (is_page || is_webm || is_vorbis)
}

/// The first medium given by link in a message that was not fetched yet: its kind, link and filename. `key` is what the
/// value stands below.
fn linked(key: &str, value: &Value) -> Option<(String, String, Option<String>)> {
    match value {
        Value::Object(object) => {
            let link = object.get("link").and_then(Value::as_str);
            let due = !object.contains_key("id") && KINDS.iter().any(|kind| kind.name == key);
            if let Some(link) = link.filter(|_| due) {
                let filename = object.get("filename").and_then(Value::as_str).map(str::to_owned);
                return Some((key.to_owned(), link.to_owned(), filename));
            }
            object.iter().find_map(|(key, value)| linked(key, value))
        }
        Value::Array(list) => list.iter().find_map(|value| linked(key, value)),
        _ => None,
    }
}

/// Writes the id of a fetched medium beside its link, wherever it stands.
fn put_id(value: &mut Value, link: &str, id: &str) {
    match value {
        Value::Object(object) => {
            if object.get("link").is_some_and(|is| is == link) {
                object.insert("id".into(), id.into());
            }
            object.values_mut().for_each(|value| put_id(value, link, id));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| put_id(value, link, id)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Fault;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn world() -> (World, String) {
        let world = World::furnished(1, None, None, NOW);
        let number = world.numbers.keys().next().expect("a furnished world has numbers").clone();
        (world, number)
    }

    fn fault(json: &Value) -> Fault {
        serde_json::from_value(json.clone()).expect("a fault")
    }

    #[test]
    fn a_lie_in_the_webhook_stays_the_same() {
        let (mut world, number) = world();
        world.faults.add([fault(&json!({ "kind": "media_wrong_hash", "count": 1 }))]);
        let id = world.receive_media(&number, "image/jpeg", None, Bytes::from_static(b"picture"), NOW);
        let told = world.media_object(&id, &number);
        assert_ne!(told["sha256"], STANDARD.encode(Sha256::digest(b"picture")));
        assert_eq!(told["mime_type"], "image/jpeg");
        world.faults.add([fault(&json!({ "kind": "media_wrong_type" }))]);
        world.lie_about(&id, &number);
        assert_eq!(world.media_object(&id, &number), told);
    }

    #[test]
    fn kinds_have_their_types_and_sizes() {
        assert_eq!(unfit("image", "image/jpeg; q=1", b"x"), None);
        assert_eq!(unfit("document", "application/zip", b"x"), None);
        let details = unfit("image", "image/webp", b"x").and_then(|error| error.details);
        assert_eq!(
            details.as_deref(),
            Some("Unsupported Image mime type image/webp. Please use one of image/jpeg, image/png.")
        );
        assert!(unfit("image", "image/png", &vec![0; (5 << 20) + 1]).is_some());
        assert!(unfit("video", "video/mp4", b"").is_some());
        let mut sticker = vec![0; STATIC_STICKER + 1];
        assert!(unfit("sticker", "image/webp", &sticker).is_some());
        sticker[12..16].copy_from_slice(b"VP8X");
        sticker[20] = 2;
        assert_eq!(unfit("sticker", "image/webp", &sticker), None);
    }

    #[test]
    fn a_disguise_is_seen_through() {
        let webm = [0x1a, 0x45, 0xdf, 0xa3, 0, 0];
        let vorbis = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis";
        assert!(is_disguised("image", b"<!DOCTYPE html><html>") && is_disguised("video", &webm));
        assert!(is_disguised("audio", vorbis) && !is_disguised("document", b"<html>"));
        assert!(!is_disguised("audio", b"OggS\0\x02OpusHead") && !is_disguised("image", b""));
    }

    #[test]
    fn links_are_found_at_any_depth() {
        let mut content = json!({ "name": "promo", "components": [
            { "type": "header", "parameters": [{ "type": "image", "image": { "link": "https://a.example/1.png" } }] },
        ]});
        let found = linked("template", &content);
        assert_eq!(found, Some(("image".into(), "https://a.example/1.png".into(), None)));
        put_id(&mut content, "https://a.example/1.png", "77");
        assert_eq!(content["components"][0]["parameters"][0]["image"]["id"], "77");
        assert_eq!(linked("text", &json!({ "body": "https://a.example" })), None);
    }

    #[test]
    fn urls_are_signed_and_end() {
        let (mut world, number) = world();
        let id = world.receive_media(&number, "image/jpeg", None, Bytes::from_static(b"picture"), NOW);
        let media = &world.media[&id];
        let hash = media.signature(300);
        assert!(media.url("http://x", "getMedia", NOW).ends_with(&format!("&ext=300&hash={hash}")));
        assert!(media.opens("300", &hash, NOW + SignedDuration::from_secs(299)));
        assert!(!media.opens("300", &hash, NOW + SignedDuration::from_secs(300)));
        assert!(!media.opens("301", &hash, NOW));
    }
}
