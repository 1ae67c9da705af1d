//! What lets a send to several people go: made for exactly one content and one key, for ten minutes.
//!
//! Nothing is kept of it, on no node: the key itself signs, so that nobody else's opens it. What it is used for a second time is
//! the same send, by the same idempotency keys, and sends nothing again.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use model::secret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use super::api::Wrong;

const VALID_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What it begins with, for people who find one.
const PREFIX: &str = "wzc_";

const NONCE: usize = 16;
const TIME: usize = 8;

/// Tells this use of a key from any other.
const PURPOSE: &[u8] = b"wazapp mcp confirmation 1";

/// A confirmation, and what it was made for.
#[derive(Debug)]
pub(super) struct Confirmation {
    nonce: [u8; NONCE],
    /// Until when it holds.
    pub(super) until: Timestamp,
}

impl Confirmation {
    /// A new one.
    pub(super) fn new(now: Timestamp) -> Result<Self, Wrong> {
        let mut nonce = [0; NONCE];
        secret::random(&mut nonce).map_err(|_| Wrong::here("The system gives no random bytes. Nothing was sent."))?;
        // Whole seconds are what its text keeps.
        let until = Timestamp::from_second((now + VALID_FOR).as_second()).unwrap_or(now);
        Ok(Self { nonce, until })
    }

    /// As it is handed out for this content.
    pub(super) fn text(&self, key: &SecretString, content: &Value) -> String {
        let signature = self.signer(key, content).finalize().into_bytes();
        let bytes = [self.nonce.as_slice(), &self.until.as_second().to_be_bytes(), &signature].concat();
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads one that must have been made for this content, with this key.
    pub(super) fn read(text: &str, key: &SecretString, content: &Value, now: Timestamp) -> Result<Self, Wrong> {
        let (read, signature) = Self::parts(text).ok_or_else(not_this)?;
        read.signer(key, content).verify_slice(&signature).map_err(|_| not_this())?;
        if read.until <= now {
            return Err(Wrong::here(
                "This confirmation is older than ten minutes. Nothing was sent. Call again without `confirmation`, show the \
                 person you work for what would be sent, and go on with the new one.",
            ));
        }
        Ok(read)
    }

    fn parts(text: &str) -> Option<(Self, Vec<u8>)> {
        let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE>()?;
        let (until, signature) = rest.split_first_chunk::<TIME>()?;
        let until = Timestamp::from_second(i64::from_be_bytes(*until)).ok()?;
        Some((Self { nonce: *nonce, until }, signature.to_vec()))
    }

    fn signer(&self, key: &SecretString, content: &Value) -> Hmac<Sha256> {
        let mut signer = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).expect("any length will do");
        signer.update(PURPOSE);
        signer.update(&self.nonce);
        signer.update(&self.until.as_second().to_be_bytes());
        signer.update(whatsapp::json_hash(&[&json!("mcp"), content]).as_bytes());
        signer
    }

    /// The idempotency key of the send to one of the recipients.
    pub(super) fn idempotency_key(&self, nth: usize) -> String {
        format!("mcp-{}-{nth}", HEXLOWER.encode(&self.nonce))
    }
}

fn not_this() -> Wrong {
    Wrong::here(
        "This confirmation was not made for exactly this: other recipients, other words, another number or another key. \
         Nothing was sent. Call again without `confirmation`, show the person you work for what would be sent, and go on \
         with the new one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn it_opens_one_content_for_one_key_and_a_while() {
        let now: Timestamp = "2026-11-24T12:00:00.5Z".parse().unwrap();
        let content = json!({ "to": ["1", "2"], "text": "Hola" });
        let made = Confirmation::new(now).unwrap();
        let text = made.text(&key("wz_a"), &content);
        let read = Confirmation::read(&text, &key("wz_a"), &content, now).unwrap();
        assert_eq!(read.idempotency_key(1), made.idempotency_key(1));

        let refused = |text: &str, key: &SecretString, content: &Value, now| {
            Confirmation::read(text, key, content, now).unwrap_err().words()
        };
        assert!(refused(&text, &key("wz_b"), &content, now).contains("not made for exactly this"));
        let more = json!({ "to": ["1", "2", "3"], "text": "Hola" });
        assert!(refused(&text, &key("wz_a"), &more, now).contains("not made for exactly this"));
        let later = now + SignedDuration::from_mins(10);
        assert!(refused(&text, &key("wz_a"), &content, later).contains("older than ten minutes"));
    }

    #[test]
    fn no_bit_of_it_can_be_changed() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let content = json!({ "text": "Hola" });
        let text = Confirmation::new(now).unwrap().text(&key("wz_a"), &content);
        let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX).unwrap().as_bytes()).unwrap();
        for place in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[place] ^= 1;
            let altered = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&altered));
            assert!(Confirmation::read(&altered, &key("wz_a"), &content, now).is_err(), "byte {place}");
        }
        for garbled in ["", "wzc_", "wzc_AAAA", "x", &text[..text.len() - 2], &format!("{text}AA")] {
            assert!(Confirmation::read(garbled, &key("wz_a"), &content, now).is_err(), "{garbled}");
        }
    }
}
