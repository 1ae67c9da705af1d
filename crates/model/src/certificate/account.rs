//! Who the server is at an authority: what the authority's protocol proves it by, in words of that protocol's client.

use jiff::Timestamp;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Wanted, made_of};
use crate::database::{DatabaseError, Operator, Result};
use crate::secret::Keyring;
use crate::secret::sealed::ACME_ACCOUNT;

/// An account at an authority.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whom the authority writes to.
    pub email: Option<String>,
    /// Its URL and key.
    pub credentials: SecretString,
}

/// The account for a certificate that is wanted.
pub async fn find(tx: &Operator, keyring: &Keyring, wanted: &Wanted) -> Result<Option<Account>> {
    let id = made_of(&wanted.directory);
    let row = tx.query_opt("SELECT email, credentials FROM wazapp.acme_account WHERE id = $1", &[&id]).await?;
    let Some(row) = row else { return Ok(None) };
    let credentials = keyring.open(ACME_ACCOUNT.place(Uuid::nil(), &id.to_string()), row.get("credentials"));
    let credentials = credentials.map_err(|error| DatabaseError::Unfit(error.to_string()))?;
    Ok(Some(Account { email: row.get("email"), credentials }))
}

/// Keeps one, in the place of the one before.
pub async fn keep(tx: &Operator, keyring: &Keyring, wanted: &Wanted, account: &Account, now: Timestamp) -> Result<()> {
    let id = made_of(&wanted.directory);
    let row = id.to_string();
    let sealed = keyring.sealer(tx).await?.seal(ACME_ACCOUNT.place(Uuid::nil(), &row), &account.credentials);
    tx.query(
        "INSERT INTO wazapp.acme_account (id, directory, email, credentials, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET email = excluded.email, credentials = excluded.credentials",
        &[&id, &wanted.directory, &account.email, &sealed, &now],
    )
    .await?;
    Ok(())
}
