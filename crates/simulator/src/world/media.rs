//! Media and resumable uploads.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// A file that Meta holds.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) id: String,
    /// The WABA whose numbers may use it.
    pub(crate) waba_id: String,
    pub(crate) mime_type: String,
    pub(crate) filename: Option<String>,
    pub(crate) bytes: Bytes,
    /// 30 days for uploads, 7 for what customers sent (§8.3).
    pub(crate) expires_at: Timestamp,
    /// Whether a customer sent it.
    pub(crate) inbound: bool,
    /// Signs its download URLs.
    pub(crate) url_key: String,
}

impl Media {
    /// SHA-256 of the bytes: hex in look-ups, base64 in webhooks (§4.2).
    pub(crate) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// How long it is kept.
    pub(crate) fn life(inbound: bool) -> SignedDuration {
        SignedDuration::from_hours(24 * if inbound { 7 } else { 30 })
    }
}

/// A resumable upload (§8.4).
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) app_id: String,
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    pub(crate) length: usize,
    pub(crate) bytes: Vec<u8>,
    /// The handle, once it is whole.
    pub(crate) handle: Option<String>,
}

impl super::World {
    /// A medium given by link came.
    pub(crate) fn fetched(&mut self, wamid: &str, _mime: Option<&str>, _bytes: Bytes, now: Timestamp) {
        self.goes_out(wamid, now);
    }
}
