//! Secrets at rest: XChaCha20-Poly1305, bound to the place they belong to.
//!
//! Sealed bytes are `key id (4) ‖ nonce (24) ‖ ciphertext and tag`. The place (organization, table, column, row) is
//! authenticated with them, so a row copied elsewhere does not open. Which key seals, the database says (`Sealer`): it
//! changes while servers run ([`rotation`]). A value that is sealed anew keeps its nonce, which is what secrets are told
//! apart by (`mark`).

pub mod holder;
pub mod ring;
pub mod rotation;
pub mod sealed;

use std::sync::{Arc, PoisonError, RwLock};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::database::{DatabaseError, Operator, Result};
use ring::Stage;

const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Tells one secret of a place from the next.
pub(crate) type Nonce = [u8; NONCE];

/// What tells a master key from others, and opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID]);

impl KeyId {
    fn of(key: &[u8; 32]) -> Self {
        let digest = Sha256::digest([b"wazapp key id".as_slice(), key].concat());
        Self(digest[..KEY_ID].try_into().expect("a digest is longer than a key id"))
    }

    /// As people write it, in eight hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(&HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?)
    }

    /// As the database keeps it. `None`: that is no id.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct MasterKey {
    id: KeyId,
    key: Zeroizing<[u8; 32]>,
}

/// Where keys come from, to be read again when one is missing. `None`: it cannot be read now.
type Source = Box<dyn Fn() -> Option<Vec<[u8; 32]>> + Send + Sync>;

/// The master keys that this process has. All of them open; clones share them.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Ring>,
}

struct Ring {
    keys: RwLock<Keys>,
    source: Option<Source>,
}

/// Those that the source lists now, in its order, and behind them those that it listed before: what was read under them may
/// still be at hand.
struct Keys {
    listed: usize,
    all: Vec<MasterKey>,
    /// The one that the database named when this process last asked.
    seals: Option<KeyId>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(••••)")
    }
}

/// Where a secret belongs. `organization` is empty for global tables.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The owning organization's id, or the nil id.
    pub organization: Uuid,
    /// `table.column`.
    pub column: &'a str,
    /// The row's key, as text.
    pub row: &'a str,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.organization.as_bytes().as_slice(), self.column.as_bytes(), b"\0", self.row.as_bytes()].concat()
    }
}

/// The sealed bytes could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "a secret of {column} does not open with this master key: is WAZAPP_MASTER_KEY (or DATA_DIR/master-key) the one it was sealed with?"
)]
pub struct Unopenable {
    column: String,
}

impl Keyring {
    /// These keys, the one that is to seal first.
    pub fn new(keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self::with(keys, None)
    }

    /// The same, from a source that may list others later.
    pub fn reading(
        keys: impl IntoIterator<Item = [u8; 32]>,
        source: impl Fn() -> Option<Vec<[u8; 32]>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(keys, Some(Box::new(source)))
    }

    fn with(keys: impl IntoIterator<Item = [u8; 32]>, source: Option<Source>) -> Self {
        let mut held = Keys { listed: 0, all: Vec::new(), seals: None };
        held.list(keys);
        Self { inner: Arc::new(Ring { keys: RwLock::new(held), source }) }
    }

    /// The keys that the source lists, in its order.
    pub fn listed(&self) -> Vec<KeyId> {
        self.look(|keys| keys.all.iter().take(keys.listed).map(|key| key.id).collect())
    }

    /// All keys that open here.
    pub fn held(&self) -> Vec<KeyId> {
        self.look(|keys| keys.all.iter().map(|key| key.id).collect())
    }

    /// Whether a key is here, or is by now where keys come from.
    pub fn has(&self, id: KeyId) -> bool {
        let here = || self.look(|keys| keys.find(id).is_some());
        here() || (self.read_again() && here())
    }

    /// Looks for what is missing of these where keys come from.
    fn seek(&self, mut ids: impl Iterator<Item = KeyId>) {
        if !ids.all(|id| self.look(|keys| keys.find(id).is_some())) {
            self.read_again();
        }
    }

    /// Reads its source again. False: there is none, or it cannot be read.
    pub fn read_again(&self) -> bool {
        let Some(listed) = self.inner.source.as_ref().and_then(|source| source()) else { return false };
        let listed = listed.into_iter().map(Zeroizing::new);
        self.inner.keys.write().unwrap_or_else(PoisonError::into_inner).list(listed.map(|key| *key));
        true
    }

    fn look<T>(&self, with: impl FnOnce(&Keys) -> T) -> T {
        with(&self.inner.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What seals for a request, whose role does not see which key that is: the one that the database named when this process
    /// last asked. A rotation waits until every server has asked, and then for the transactions that were open: this is
    /// for what is written in the transaction that is open now.
    pub(crate) fn request_sealer(&self) -> Sealer {
        let id = self.look(|keys| keys.seals.unwrap_or_else(|| keys.all.first().expect("a keyring holds a key").id));
        Sealer { keyring: self.clone(), id }
    }

    /// Which key seals, as the database says. One that is not here is not taken up.
    fn take_up(&self, seals: KeyId) {
        if self.has(seals) {
            self.inner.keys.write().unwrap_or_else(PoisonError::into_inner).seals = Some(seals);
        }
    }

    /// What seals for the worker: the key that the database names now. It holds for what is written in the same transaction.
    pub(crate) async fn sealer(&self, tx: &Operator) -> Result<Sealer> {
        let id = ring::seals(tx).await?;
        if self.has(id) {
            return Ok(Sealer { keyring: self.clone(), id });
        }
        Err(DatabaseError::Unfit(ring::lacking(&[id], Stage::Seals)))
    }

    /// Opens what was sealed for the same place, under any of the keys.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> std::result::Result<SecretString, Unopenable> {
        let opened = key_of(sealed).filter(|id| self.has(*id)).and_then(|_| self.try_open(place, sealed));
        opened.ok_or_else(|| Unopenable { column: place.column.into() })
    }

    fn try_open(&self, place: Place<'_>, sealed: &[u8]) -> Option<SecretString> {
        let (id, nonce) = (key_of(sealed)?, mark(sealed)?);
        let cipher = self.look(|keys| keys.find(id).map(cipher))?;
        let payload = Payload { msg: &sealed[KEY_ID + NONCE..], aad: &place.bytes() };
        let opened = cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
        String::from_utf8(opened).ok().map(SecretString::from)
    }

    fn seal(&self, id: KeyId, place: Place<'_>, secret: &SecretString, nonce: Nonce) -> Vec<u8> {
        let cipher = self.look(|keys| keys.find(id).map(cipher)).expect("a key that is here stays");
        let aad = place.bytes();
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.expose_secret().as_bytes(), aad: &aad })
            .expect("a secret is far below the cipher's length limit");
        [id.bytes(), &nonce, &sealed].concat()
    }
}

impl Keys {
    fn list(&mut self, listed: impl IntoIterator<Item = [u8; 32]>) {
        let mut all: Vec<MasterKey> = Vec::new();
        for key in listed {
            let id = KeyId::of(&key);
            if all.iter().all(|known| known.id != id) {
                all.push(MasterKey { id, key: Zeroizing::new(key) });
            }
        }
        self.listed = all.len();
        let before = std::mem::take(&mut self.all).into_iter();
        let still = before.filter(|key| all[..self.listed].iter().all(|known| known.id != key.id));
        let still: Vec<MasterKey> = still.collect();
        all.extend(still);
        self.all = all;
    }

    fn find(&self, id: KeyId) -> Option<&MasterKey> {
        self.all.iter().find(|key| key.id == id)
    }
}

fn cipher(key: &MasterKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.key))
}

/// The key that sealed bytes name.
fn key_of(sealed: &[u8]) -> Option<KeyId> {
    sealed.get(..KEY_ID).and_then(KeyId::read)
}

/// What tells sealed secrets apart, and stays when one is sealed under another key: the nonce. SQL reads it as
/// `substring(sealed FROM 5 FOR 24)`.
pub(crate) fn mark(sealed: &[u8]) -> Option<Nonce> {
    sealed.get(KEY_ID..KEY_ID + NONCE)?.try_into().ok()
}

pub(crate) fn nonce() -> Nonce {
    let mut nonce = [0; NONCE];
    random(&mut nonce).expect("the operating system gives random bytes");
    nonce
}

/// Seals under the key that the database names ([`Keyring::sealer`]).
pub(crate) struct Sealer {
    keyring: Keyring,
    id: KeyId,
}

impl Sealer {
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// Seals a secret for its place.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &SecretString) -> Vec<u8> {
        self.seal_as(place, secret, nonce())
    }

    /// The same with this mark, which no other secret has.
    pub(crate) fn seal_as(&self, place: Place<'_>, secret: &SecretString, nonce: Nonce) -> Vec<u8> {
        self.keyring.seal(self.id, place, secret, nonce)
    }
}

/// A secret that is shown once and kept as a hash: a session, an invitation, a link. It names its owner itself, so that it is
/// looked up among that one's rows or not at all.
#[derive(Clone)]
pub(crate) struct Shown {
    prefix: &'static str,
    owner: Uuid,
    random: Zeroizing<[u8; 32]>,
}

impl Shown {
    /// A new one of this owner's.
    pub(crate) fn new(prefix: &'static str, owner: Uuid) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random(bytes.as_mut_slice()).expect("the operating system gives random bytes");
        Self { prefix, owner, random: bytes }
    }

    /// Reads what was shown; `None`: it is of another shape.
    pub(crate) fn read(prefix: &'static str, text: &SecretString) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.expose_secret().strip_prefix(prefix)?.as_bytes()).ok()?);
        let (owner, random) = bytes.split_at_checked(16)?;
        Some(Self { prefix, owner: Uuid::from_slice(owner).ok()?, random: Zeroizing::new(random.try_into().ok()?) })
    }

    /// Whose it is, as it says itself.
    pub(crate) fn owner(&self) -> Uuid {
        self.owner
    }

    /// As it is shown.
    pub(crate) fn text(&self) -> SecretString {
        let bytes = Zeroizing::new([self.owner.as_bytes().as_slice(), self.random.as_slice()].concat());
        format!("{}{}", self.prefix, BASE64URL_NOPAD.encode(&bytes)).into()
    }

    /// As it is kept: 256 random bits need no slow hash.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest([self.owner.as_bytes().as_slice(), self.random.as_slice()].concat()).to_vec()
    }
}

/// Fills a buffer with random bytes of the operating system.
#[expect(clippy::disallowed_methods, reason = "the one place where random bytes come from")]
pub fn random(buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(buffer)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn id(byte: u8) -> KeyId {
        KeyId::of(&[byte; 32])
    }

    fn seal(ring: &Keyring, place: Place<'_>, secret: &str) -> Vec<u8> {
        ring.seal(ring.listed()[0], place, &SecretString::from(secret), nonce())
    }

    #[test]
    fn opens_only_where_it_was_sealed() {
        let ring = Keyring::new([[7; 32]]);
        let here = Place { organization: Uuid::now_v7(), column: "number.token", row: "1" };
        let sealed = seal(&ring, here, "EAAtoken");
        assert!(!sealed.windows(8).any(|window| window == b"EAAtoken"));
        assert_eq!(ring.open(here, &sealed).unwrap().expose_secret(), "EAAtoken");
        assert!(ring.open(Place { organization: Uuid::now_v7(), ..here }, &sealed).is_err());
        assert!(ring.open(Place { row: "2", ..here }, &sealed).is_err());
        assert!(ring.open(Place { column: "app.secret", ..here }, &sealed).is_err());
        assert!(Keyring::new([[8; 32]]).open(here, &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(ring.open(here, &sealed[..cut]).is_err());
        }
    }

    #[test]
    fn an_old_key_still_opens() {
        let place = Place { organization: Uuid::nil(), column: "app_secret.sealed", row: "1" };
        let sealed = seal(&Keyring::new([[1; 32]]), place, "s");
        assert!(Keyring::new([[2; 32], [1; 32]]).open(place, &sealed).is_ok());
    }

    /// What is not here is looked for where keys come from; what goes from there still opens what was read before.
    #[test]
    fn a_key_that_comes_later_opens_at_once_and_one_that_went_still_does() {
        let place = Place { organization: Uuid::nil(), column: "app_secret.sealed", row: "1" };
        let lists = Arc::new(Mutex::new(vec![[1; 32]]));
        let source = lists.clone();
        let ring = Keyring::reading([[1; 32]], move || Some(source.lock().unwrap().clone()));
        let (old, new) = (seal(&ring, place, "s"), seal(&Keyring::new([[2; 32]]), place, "s"));
        assert!(ring.open(place, &new).is_err());
        *lists.lock().unwrap() = vec![[2; 32], [1; 32]];
        assert!(ring.open(place, &new).is_ok() && ring.open(place, &old).is_ok());
        assert_eq!(ring.listed(), [id(2), id(1)]);
        *lists.lock().unwrap() = vec![[2; 32]];
        assert!(ring.read_again() && ring.open(place, &old).is_ok());
        assert_eq!((ring.listed(), ring.held()), (vec![id(2)], vec![id(2), id(1)]));
    }

    #[test]
    fn what_is_shown_is_read_again_by_its_own_shape_alone() {
        let shown = Shown::new("wi_", Uuid::now_v7());
        let text = shown.text();
        let again = Shown::read("wi_", &text).unwrap();
        assert_eq!((again.owner(), again.hash()), (shown.owner(), shown.hash()));
        let plain = text.expose_secret();
        for bad in
            ["", "wi_", &plain[3..], &plain[..plain.len() - 1], &format!("{plain}A"), &plain.replace("wi_", "wx_")]
        {
            assert!(Shown::read("wi_", &SecretString::from(bad.to_owned())).is_none(), "{bad}");
        }
    }

    #[test]
    fn never_prints() {
        assert_eq!(format!("{:?}", Keyring::new([[1; 32]])), "Keyring(••••)");
    }
}
