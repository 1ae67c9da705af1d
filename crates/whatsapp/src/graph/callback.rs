//! A webhook's callback, called as Meta calls it before it believes in it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Graph, failure};

/// Meta does not say how long it waits; what takes longer than this is of no use to it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A challenge is a few digits.
const LONGEST_ANSWER: usize = 4 << 10;

/// Why a callback did not prove itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFailure {
    /// The URL is none.
    #[error("it is no URL")]
    NoUrl,
    /// Nobody answered in time.
    #[error("it does not answer: {0}")]
    NoAnswer(String),
    /// It answered with another status than 200.
    #[error("it answers with status {0}")]
    Status(u16),
    /// It answered something else than the challenge.
    #[error("it answers something else than the challenge")]
    AnotherAnswer,
}

impl Graph {
    /// Sends `hub.challenge` to a callback, which proves itself by answering it. See Meta's page "Create a webhook
    /// endpoint", verification requests.
    pub async fn shake_hands(
        &self,
        callback_url: &str,
        verify_token: &SecretString,
        challenge: &str,
    ) -> Result<(), HandshakeFailure> {
        let mut url = reqwest::Url::parse(callback_url).map_err(|_| HandshakeFailure::NoUrl)?;
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", challenge)
            .append_pair("hub.verify_token", verify_token.expose_secret());
        let no_answer = |error| HandshakeFailure::NoAnswer(failure::words(error));
        let mut answer = self.client.get(url).timeout(PATIENCE).send().await.map_err(no_answer)?;
        if answer.status() != 200 {
            return Err(HandshakeFailure::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(no_answer)? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST_ANSWER {
                return Err(HandshakeFailure::AnotherAnswer);
            }
        }
        if body == challenge.as_bytes() { Ok(()) } else { Err(HandshakeFailure::AnotherAnswer) }
    }
}
