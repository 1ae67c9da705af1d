//! An account at an authority that was made elsewhere, bound to ours (RFC 8555, section 7.3.4).

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use instant_acme::ExternalAccountKey;
use secrecy::{ExposeSecret, SecretString};

/// By what such an authority knows whose a new account is.
#[derive(Clone, Debug)]
pub struct Binding {
    /// By which it knows the key.
    pub key_id: String,
    /// In base64url; see [`Binding::key`].
    pub key: SecretString,
}

impl Binding {
    /// The key as the authority shows it; an error says what to write.
    pub fn key(text: &str) -> Result<SecretString, String> {
        match decoded(text) {
            Some(key) if !key.is_empty() => Ok(text.trim().into()),
            _ => Err("is no key in base64url: write the HMAC key as the authority shows it".to_owned()),
        }
    }

    pub(super) fn external_key(&self) -> ExternalAccountKey {
        let key = decoded(self.key.expose_secret()).unwrap_or_default();
        ExternalAccountKey::new(self.key_id.clone(), &key)
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    BASE64URL_NOPAD.decode(text).or_else(|_| BASE64URL.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64url() {
        for text in ["zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV", "_-8", "_-8=", " _-8\n"] {
            assert!(Binding::key(text).is_ok(), "{text}");
        }
        for text in ["", "a+b/", "hunter2!"] {
            let words = Binding::key(text).expect_err("no key");
            assert!(!words.contains("hunter2"), "{words}");
        }
    }
}
