//! What is left to chance, from one seed, and ids of the shapes that Meta's have.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Chance that repeats itself for a seed.
#[derive(Debug)]
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    /// The same seed, the same chance.
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A chance of its own for what has a name: the same however much was left to chance before.
    pub(crate) fn named(seed: u64, name: &[&str]) -> Self {
        let hash = Sha256::digest(format!("{seed}/{}", name.join("/")));
        Self::new(hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// True in this share of calls; 1.0 and more: always.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.0.f64() < share
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end.max(1))
    }

    /// A number of milliseconds between these.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to.max(from))
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.0.u8(..)).take(count).collect()
    }

    /// A decimal id, as of numbers, accounts, media and templates (§1).
    pub(crate) fn id(&mut self) -> String {
        self.0.u64(100_000_000_000_000..1_000_000_000_000_000).to_string()
    }

    /// `wamid.` + base64, with the other side's digits inside, as in Meta's (§1).
    pub(crate) fn wamid(&mut self, digits: &str) -> String {
        let mut inside = vec![0x1d, 0x04, digits.len() as u8];
        inside.extend_from_slice(digits.as_bytes());
        inside.extend_from_slice(&[0x15, 0x02, 0x00, 0x11, 0x18, 0x12]);
        inside.extend(self.hex(9).to_ascii_uppercase().bytes());
        inside.push(0);
        format!("wamid.{}", STANDARD.encode(inside))
    }

    /// An access token, as Meta's look.
    pub(crate) fn token(&mut self) -> String {
        format!("EAA{}", self.alphanumeric(160))
    }

    /// A user's id for one business portfolio, `CC.` and digits (§6).
    pub(crate) fn user_id(&mut self, country: &str) -> String {
        format!("{country}.{}", self.0.u64(1_000_000_000_000_000_000..10_000_000_000_000_000_000))
    }

    /// Letters and digits.
    pub(crate) fn alphanumeric(&mut self, count: usize) -> String {
        std::iter::repeat_with(|| self.0.alphanumeric()).take(count).collect()
    }

    /// Lowercase hex of this many random bytes.
    pub(crate) fn hex(&mut self, bytes: usize) -> String {
        data_encoding::HEXLOWER.encode(&self.bytes(bytes))
    }

    /// An opaque word for URLs.
    pub(crate) fn opaque(&mut self, bytes: usize) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(bytes))
    }
}
