//! The signature of a webhook delivery: HMAC-SHA256 (RFC 2104) of the raw body, keyed
//! with the app secret. See Meta's "Graph API webhooks: validating payloads".

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that carries the signature, in lower case as HTTP libraries hand it out.
pub const HEADER: &str = "x-hub-signature-256";

const PREFIX: &str = "sha256=";

/// The header value Meta would send for this body.
pub fn sign(secret: &str, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex(secret, body))
}

/// HMAC-SHA256 in lower-case hex: the signature's digits, and what proves a token (`appsecret_proof`).
pub(crate) fn hex(secret: &str, message: &[u8]) -> String {
    HEXLOWER.encode(&mac(secret, message).finalize().into_bytes())
}

/// Whether one of the secrets signed these exact bytes, compared in constant time.
///
/// `header` is the raw header value, `None` when absent; only `sha256=` and 64 lower-case
/// hex digits can pass. An empty secret never matches: anyone could have signed with it.
pub fn verify<'a>(secrets: impl IntoIterator<Item = &'a str>, header: Option<&[u8]>, body: &[u8]) -> bool {
    let Some(claimed) = header.and_then(claimed_digest) else {
        return false;
    };
    secrets
        .into_iter()
        .filter(|secret| !secret.is_empty())
        .any(|secret| mac(secret, body).verify_slice(&claimed).is_ok())
}

/// Whether a header's value can be anybody's signature at all.
pub fn is_well_formed(header: &[u8]) -> bool {
    claimed_digest(header).is_some()
}

fn claimed_digest(header: &[u8]) -> Option<[u8; 32]> {
    let hex = header.strip_prefix(PREFIX.as_bytes())?;
    let digest = HEXLOWER.decode(hex).ok()?;
    digest.try_into().ok()
}

fn mac(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    mac
}
