//! A secret of an attempt, as whoever works on the attempt holds it.

use secrecy::SecretString;
use uuid::Uuid;

use crate::database::{Operator, Result};
use crate::secret::sealed::Column;
use crate::secret::{self, Keyring, Nonce, Unopenable};

/// What did not change is not written back: it may have been sealed under another key meanwhile.
#[derive(Clone)]
pub(super) enum Kept {
    /// As it was read.
    Stands(Option<Vec<u8>>),
    /// It takes the place of what stands there, and is sealed when it is written.
    Fresh { secret: SecretString, nonce: Nonce, keyring: Keyring },
    /// It goes.
    Forgotten,
}

impl Kept {
    pub(super) fn fresh(keyring: &Keyring, secret: &SecretString) -> Self {
        Self::Fresh { secret: secret.clone(), nonce: secret::nonce(), keyring: keyring.clone() }
    }

    /// Opened for a call.
    pub(super) fn open(
        &self,
        keyring: &Keyring,
        column: &Column,
        (organization, row): (Uuid, &str),
    ) -> std::result::Result<Option<SecretString>, Unopenable> {
        match self {
            Self::Stands(sealed) => {
                sealed.as_deref().map(|sealed| keyring.open(column.place(organization, row), sealed)).transpose()
            }
            Self::Fresh { secret, .. } => Ok(Some(secret.clone())),
            Self::Forgotten => Ok(None),
        }
    }

    /// Tells it from the secrets that stood or will stand in its place.
    pub(super) fn mark(&self) -> Option<Nonce> {
        match self {
            Self::Stands(sealed) => sealed.as_deref().and_then(secret::mark),
            Self::Fresh { nonce, .. } => Some(*nonce),
            Self::Forgotten => None,
        }
    }

    /// Whether it is to be written, and what.
    pub(super) async fn written(
        &self,
        tx: &Operator,
        column: &Column,
        (organization, row): (Uuid, &str),
    ) -> Result<(bool, Option<Vec<u8>>)> {
        Ok(match self {
            Self::Stands(_) => (false, None),
            Self::Fresh { secret, nonce, keyring } => {
                let sealer = keyring.sealer(tx).await?;
                (true, Some(sealer.seal_as(column.place(organization, row), secret, *nonce)))
            }
            Self::Forgotten => (true, None),
        })
    }
}
