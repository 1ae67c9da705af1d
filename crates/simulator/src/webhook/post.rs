//! One HTTP call to a callback.

use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::time::Instant;

use crate::error::GraphError;

/// An endpoint that has not answered then has failed; Meta does not say how long it waits (§2.3).
const PATIENCE: Duration = Duration::from_secs(20);

/// `sha256=` and the lowercase hex of HMAC-SHA256 over the body (§2.2).
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac_hex(secret, body))
}

/// Lowercase hex of HMAC-SHA256.
pub(crate) fn hmac_hex(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// Posts a body; answers the status, or why there is none, and how many milliseconds it took.
pub(crate) async fn send(client: &reqwest::Client, url: &str, secret: &str, body: Bytes) -> (Result<u16, String>, f64) {
    let begun = Instant::now();
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", "facebookexternalua")
        .header("x-hub-signature-256", signature(secret, &body))
        .timeout(PATIENCE)
        .body(body);
    let answer = match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            // Read to the end, so that the connection serves again.
            let _ = answer.bytes().await;
            Ok(status)
        }
        Err(error) => Err(reason(&error)),
    };
    (answer, begun.elapsed().as_secs_f64() * 1000.0)
}

fn reason(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

/// Meta's check of a callback before it takes it (§2.1).
pub(crate) async fn handshake(
    client: &reqwest::Client,
    url: &str,
    verify_token: &str,
    challenge: &str,
) -> Result<(), GraphError> {
    let refused = |why: String| {
        GraphError::of(2200).message(format!("(#2200) Callback verification failed with the following errors: {why}"))
    };
    let mut asked = reqwest::Url::parse(url).map_err(|error| refused(format!("the URL can't be read: {error}")))?;
    asked
        .query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", challenge)
        .append_pair("hub.verify_token", verify_token);
    let answer = client.get(asked).timeout(PATIENCE).send().await.map_err(|error| refused(reason(&error)))?;
    let status = answer.status().as_u16();
    let text = answer.text().await.map_err(|error| refused(reason(&error)))?;
    if status != 200 {
        return Err(refused(format!("HTTP Status Code = {status}; HTTP Message = {}", short(&text))));
    }
    if text != challenge {
        return Err(refused(format!("the answer is not the challenge but: {}", short(&text))));
    }
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of §2.2.
    #[test]
    fn signatures_and_proofs() {
        let body = br#"{"object":"whatsapp_business_account","entry":[]}"#;
        assert_eq!(
            signature("test_app_secret", body),
            "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"
        );
        assert_eq!(
            hmac_hex("test_app_secret", b"EAAtesttoken"),
            "2f6c99f265a9e1644d725e8f9c96e439fcbf40a73357d1d98ba8b98fbfe445e4"
        );
    }
}
