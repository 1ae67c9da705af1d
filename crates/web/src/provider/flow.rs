//! A flow under way: what a browser takes along to the provider, and is asked for when it comes back.
//!
//! It lives in the browser that began it, sealed, so that any node takes the answer and no other browser can give it.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use model::database::{Operator, Result};
use model::provider_account::{self, FLOW_HOLDS};
use model::secret::{Keyring, random};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::pages::OwnPath;

/// A flow under way.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flow {
    /// By which it is taken once.
    pub(crate) id: Uuid,
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    /// Until when.
    pub(crate) until: Timestamp,
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flow({})", self.id)
    }
}

/// 256 random bits, as text.
fn word() -> String {
    let mut bytes = [0; 32];
    random(&mut bytes).expect("the operating system has random bytes");
    BASE64URL_NOPAD.encode(&bytes)
}

impl Flow {
    /// One that leads here in the end.
    pub(crate) fn begin(now: Timestamp, next: &OwnPath) -> Self {
        let next = next.to_string();
        Self { id: Uuid::now_v7(), state: word(), nonce: word(), verifier: word(), next, until: now + FLOW_HOLDS }
    }

    /// As its browser keeps it.
    pub(crate) async fn seal(&self, tx: &Operator, keyring: &Keyring) -> Result<String> {
        let text = serde_json::to_string(self).expect("a flow is plain JSON");
        provider_account::seal_flow(tx, keyring, &SecretString::from(text)).await
    }

    /// The one that a browser keeps, if it still holds and the answer that came is its.
    pub(crate) fn open(keyring: &Keyring, kept: &str, now: Timestamp, state: &str) -> Option<Self> {
        let text = provider_account::open_flow(keyring, kept)?;
        let flow: Self = serde_json::from_str(text.expose_secret()).ok()?;
        // Hashes are compared: how far they agree says nothing of the state.
        let is_its = Sha256::digest(&flow.state) == Sha256::digest(state);
        (is_its && now < flow.until).then_some(flow)
    }

    /// Where it leads.
    pub(crate) fn next(&self) -> OwnPath {
        OwnPath::read(&self.next).unwrap_or_else(OwnPath::inbox)
    }

    /// Comes back with the answer.
    pub(super) fn state(&self) -> String {
        self.state.clone()
    }

    /// Comes back within the ID token.
    pub(super) fn nonce(&self) -> String {
        self.nonce.clone()
    }

    /// Shown to the provider alone, with the code.
    pub(super) fn verifier(&self) -> String {
        self.verifier.clone()
    }
}
