//! Secrets at rest: XChaCha20-Poly1305, bound to the place they belong to.
//!
//! Sealed bytes are `key id (4) ‖ nonce (24) ‖ ciphertext and tag`. The place (organization, table, column, row) is
//! authenticated with them, so a row copied elsewhere does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::database::{Database, DatabaseError, Operator};

const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// The key that seals; several may open.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<([u8; KEY_ID], Zeroizing<[u8; 32]>)>,
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

/// Notes the key that seals this database's secrets; refuses another one than it was begun with.
pub async fn check(database: &Database, keyring: &Keyring) -> Result<(), DatabaseError> {
    let tx = database.operator().await?;
    let ids: Vec<Vec<u8>> = keyring.keys.iter().map(|(id, _)| id.to_vec()).collect();
    let rows = tx.query("SELECT key_id FROM wazapp.sealing_key", &[]).await?;
    if rows.is_empty() {
        tx.query("INSERT INTO wazapp.sealing_key (key_id) VALUES ($1) ON CONFLICT DO NOTHING", &[&ids[0]]).await?;
    } else if !rows.iter().any(|row| ids.contains(&row.get(0))) {
        return Err(DatabaseError::Unfit(
            "this database's secrets are sealed with another master key: set WAZAPP_MASTER_KEY to that one, or put back its DATA_DIR/master-key".into(),
        ));
    }
    tx.commit_in_job().await
}

/// Whether this database's secrets were sealed with one of these keys; `None`: it has none yet.
pub async fn opens(tx: &Operator, keyring: &Keyring) -> Result<Option<bool>, DatabaseError> {
    let rows = tx.query("SELECT key_id FROM wazapp.sealing_key", &[]).await?;
    let known = rows.iter().any(|row| keyring.keys.iter().any(|(id, _)| id.as_slice() == row.get::<_, &[u8]>(0)));
    Ok((!rows.is_empty()).then_some(known))
}

impl Keyring {
    /// The first key seals; all of them open.
    pub fn new(keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let keys = keys
            .into_iter()
            .map(|key| {
                let digest = Sha256::digest([b"wazapp key id".as_slice(), &key].concat());
                let id = digest[..KEY_ID].try_into().expect("a digest is longer than a key id");
                (id, Zeroizing::new(key))
            })
            .collect();
        Self { keys }
    }

    /// Seals a secret for its place.
    pub fn seal(&self, place: Place<'_>, secret: &SecretString) -> Vec<u8> {
        let (id, key) = self.keys.first().expect("a keyring holds a key");
        let mut nonce = [0; NONCE];
        random(&mut nonce).expect("the operating system gives random bytes");
        let aad = place.bytes();
        let sealed = XChaCha20Poly1305::new(&Key::from(**key))
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.expose_secret().as_bytes(), aad: &aad })
            .expect("a secret is far below the cipher's length limit");
        [id.as_slice(), &nonce, &sealed].concat()
    }

    /// Opens what [`Keyring::seal`] made for the same place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretString, Unopenable> {
        self.try_open(place, sealed).ok_or_else(|| Unopenable { column: place.column.into() })
    }

    fn try_open(&self, place: Place<'_>, sealed: &[u8]) -> Option<SecretString> {
        let (id, rest) = sealed.split_at_checked(KEY_ID)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE)?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let opened = XChaCha20Poly1305::new(&Key::from(**key))
            .decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: &place.bytes() })
            .ok()?;
        String::from_utf8(opened).ok().map(SecretString::from)
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
    use super::*;

    #[test]
    fn opens_only_where_it_was_sealed() {
        let ring = Keyring::new([[7; 32]]);
        let here = Place { organization: Uuid::now_v7(), column: "number.token", row: "1" };
        let sealed = ring.seal(here, &SecretString::from("EAAtoken"));
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
        let sealed = Keyring::new([[1; 32]]).seal(place, &SecretString::from("s"));
        assert!(Keyring::new([[2; 32], [1; 32]]).open(place, &sealed).is_ok());
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
