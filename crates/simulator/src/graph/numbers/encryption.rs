//! The key that flows are encrypted with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;

/// `GET /{phone-number-id}/whatsapp_business_encryption`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let rows = number_of(call)
        .public_key
        .iter()
        .map(|key| json!({ "business_public_key": key, "business_public_key_signature_status": "VALID" }));
    Ok(Reply::Json(json!({ "data": rows.collect::<Vec<_>>() })))
}

/// `POST /{phone-number-id}/whatsapp_business_encryption`: an RSA key of 2048 bits, as PEM.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let key = call
        .text("business_public_key")
        .ok_or_else(|| GraphError::of(100).message("Missing required parameter: business_public_key"))?;
    if !is_public_key(&key) {
        return Err(GraphError::of(100)
            .message("Business public key is invalid")
            .user("Invalid Public Key", "The provided public key format is invalid"));
    }
    number_of(call).public_key = Some(key);
    Reply::success()
}

/// Whether this is a PEM of `SubjectPublicKeyInfo`: DER's outer sequence, as long as an RSA key of 2048 bits is.
fn is_public_key(pem: &str) -> bool {
    let inside = pem
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
    let base64: String = inside.unwrap_or_default().split_whitespace().collect();
    let der = STANDARD.decode(base64).unwrap_or_default();
    der.starts_with(&[0x30, 0x82]) && (290..=300).contains(&der.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_pem_of_a_key() {
        let mut der = vec![0x30, 0x82, 0x01, 0x22];
        der.resize(294, 7);
        let pem =
            |der: &[u8]| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        assert!(is_public_key(&pem(&der)));
        assert!(!is_public_key(&pem(&der[..40])));
        assert!(!is_public_key("-----BEGIN PUBLIC KEY-----\nno\n-----END PUBLIC KEY-----"));
        assert!(!is_public_key("key"));
    }
}
