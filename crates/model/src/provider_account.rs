//! Who somebody at an identity provider is here: known by issuer and subject, which a provider gives to nobody else, and
//! never by an e-mail address alone.
//!
//! What the provider is asked is the web crate's; nothing of its tokens comes here.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Operator, Result};
use crate::secret::{Keyring, Place};
use crate::user::{COLUMNS, User};

/// A browser comes back from the provider within this.
pub const FLOW_HOLDS: SignedDuration = SignedDuration::from_mins(10);

/// By which somebody at a provider is known.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Which provider.
    pub issuer: &'a str,
    /// Who they are there.
    pub subject: &'a str,
}

/// An account's other one, at a provider.
#[derive(Clone, Debug)]
pub struct ProviderAccount {
    /// Which provider.
    pub issuer: String,
    /// As the provider said it when they were linked.
    pub email: String,
    /// When somebody last signed in by it.
    pub last_used_at: Timestamp,
}

impl ProviderAccount {
    fn read(row: &Row) -> Self {
        Self { issuer: row.get("issuer"), email: row.get("email"), last_used_at: row.get("last_used_at") }
    }
}

/// Whose account it is, noting that they sign in by it.
pub async fn use_by(tx: &Operator, now: Timestamp, who: Subject<'_>) -> Result<Option<User>> {
    let sql = format!(
        "WITH used AS (UPDATE wazapp.provider_account SET last_used_at = $3 WHERE issuer = $1 AND subject = $2
                       RETURNING user_id)
         SELECT {COLUMNS} FROM used JOIN wazapp.\"user\" u ON u.id = used.user_id"
    );
    let row = tx.query_opt(&sql, &[&who.issuer, &who.subject, &now]).await?;
    row.as_ref().map(User::read).transpose()
}

/// The one that an account is linked to.
pub async fn get(tx: &Operator, user_id: Uuid) -> Result<Option<ProviderAccount>> {
    let row = tx.query_opt("SELECT * FROM wazapp.provider_account WHERE user_id = $1", &[&user_id]).await?;
    Ok(row.as_ref().map(ProviderAccount::read))
}

/// Links them. False: the account is linked to somebody there, or they to an account here.
pub async fn link(tx: &Operator, now: Timestamp, user_id: Uuid, who: Subject<'_>, email: &str) -> Result<bool> {
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.provider_account (user_id, issuer, subject, email, created_at, last_used_at)
             VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING RETURNING user_id",
            &[&user_id, &who.issuer, &who.subject, &email, &now],
        )
        .await?;
    Ok(row.is_some())
}

/// Unlinks an account. `None`: it was linked to nobody.
pub async fn unlink(tx: &Operator, user_id: Uuid) -> Result<Option<ProviderAccount>> {
    let sql = "DELETE FROM wazapp.provider_account WHERE user_id = $1 RETURNING *";
    Ok(tx.query_opt(sql, &[&user_id]).await?.as_ref().map(ProviderAccount::read))
}

/// What a browser keeps of a flow under way: sealed, so that nobody makes one up, and nobody reads what it checks.
pub async fn seal_flow(tx: &Operator, keyring: &Keyring, flow: &SecretString) -> Result<String> {
    Ok(BASE64URL_NOPAD.encode(&keyring.sealer(tx).await?.seal(FLOW, flow)))
}

/// The flow that a browser keeps.
pub fn open_flow(keyring: &Keyring, sealed: &str) -> Option<SecretString> {
    keyring.open(FLOW, &BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?).ok()
}

const FLOW: Place<'static> = Place { organization: Uuid::nil(), column: "cookie.flow", row: "" };

/// Takes the answer to a flow. False: it was taken before.
pub async fn take_answer(tx: &Operator, flow_id: Uuid, expires_at: Timestamp) -> Result<bool> {
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.provider_answer (flow_id, expires_at) VALUES ($1, $2)
             ON CONFLICT (flow_id) DO NOTHING RETURNING flow_id",
            &[&flow_id, &expires_at],
        )
        .await?;
    Ok(row.is_some())
}

/// Lets go of flows whose cookies hold no more.
pub async fn any_person_let_go(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.provider_answer WHERE expires_at < $1", &[&now]).await?;
    Ok(())
}
