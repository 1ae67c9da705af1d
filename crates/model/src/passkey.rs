//! Passkeys: public keys of people's authenticators, and the questions that browsers are asked about them.
//!
//! What a credential and a question hold is the web crate's to read; here they are JSON.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Operator, RawJson, Result};
use crate::second_factor::settle;
use crate::secret::Shown;

/// A browser answers within this.
pub const CEREMONY_HOLDS: SignedDuration = SignedDuration::from_mins(5);

/// A person has so many at most.
pub const MOST: i64 = 20;

/// A passkey as its person sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Passkey {
    /// UUIDv7.
    pub id: Uuid,
    /// What its person calls it.
    pub name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When somebody last signed in by it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

impl Passkey {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            name: row.get("name"),
            created_at: row.get("created_at"),
            last_used_at: row.get("last_used_at"),
        }
    }
}

/// A person's passkeys, oldest first.
pub async fn list(tx: &Operator, user_id: Uuid) -> Result<Vec<Passkey>> {
    let rows = tx.query("SELECT * FROM wazapp.passkey WHERE user_id = $1 ORDER BY id", &[&user_id]).await?;
    Ok(rows.iter().map(Passkey::read).collect())
}

/// The ids of a person's credentials: an authenticator that has one makes no second.
pub async fn credential_ids(tx: &Operator, user_id: Uuid) -> Result<Vec<Vec<u8>>> {
    let rows = tx.query("SELECT credential_id FROM wazapp.passkey WHERE user_id = $1", &[&user_id]).await?;
    Ok(rows.iter().map(|row| row.get("credential_id")).collect())
}

/// Keeps a new one; from now on signing in with a password asks for a second factor. `None`: it is kept already, for whomever,
/// or its person has as many as they may.
pub async fn add(
    tx: &Operator,
    now: Timestamp,
    user_id: Uuid,
    credential_id: &[u8],
    credential: &str,
    name: &str,
) -> Result<Option<Passkey>> {
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.passkey (user_id, id, credential_id, credential, name, created_at)
             SELECT $1, $2, $3, $4, $5, $6
             WHERE (SELECT count(*) FROM wazapp.passkey p WHERE p.user_id = $1) < $7
             ON CONFLICT (credential_id) DO NOTHING RETURNING *",
            &[&user_id, &Uuid::now_v7(), &credential_id, &RawJson(credential), &name, &now, &MOST],
        )
        .await?;
    if row.is_some() {
        settle(tx, now, user_id).await?;
    }
    Ok(row.as_ref().map(Passkey::read))
}

/// Calls one by another name. False: they have none of this id.
pub async fn rename(tx: &Operator, user_id: Uuid, id: Uuid, name: &str) -> Result<bool> {
    let sql = "UPDATE wazapp.passkey SET name = $3 WHERE user_id = $1 AND id = $2 RETURNING id";
    Ok(tx.query_opt(sql, &[&user_id, &id, &name]).await?.is_some())
}

/// Forgets one. `None`: they have none of this id.
pub async fn remove(tx: &Operator, now: Timestamp, user_id: Uuid, id: Uuid) -> Result<Option<Passkey>> {
    let sql = "DELETE FROM wazapp.passkey WHERE user_id = $1 AND id = $2 RETURNING *";
    let removed = tx.query_opt(sql, &[&user_id, &id]).await?;
    settle(tx, now, user_id).await?;
    Ok(removed.as_ref().map(Passkey::read))
}

/// A credential that a browser shows, held until the end of the transaction so that its counter only goes up.
pub async fn shown(tx: &Operator, user_id: Uuid, credential_id: &[u8]) -> Result<Option<(Uuid, String)>> {
    let row = tx
        .query_opt(
            "SELECT id, credential::text AS credential FROM wazapp.passkey
             WHERE user_id = $1 AND credential_id = $2 FOR NO KEY UPDATE",
            &[&user_id, &credential_id],
        )
        .await?;
    Ok(row.map(|row| (row.get("id"), row.get("credential"))))
}

/// Notes that somebody signed in by it, with its counter and flags as they are since.
pub async fn used(tx: &Operator, now: Timestamp, user_id: Uuid, id: Uuid, credential: &str) -> Result<()> {
    tx.query(
        "UPDATE wazapp.passkey SET credential = $3, last_used_at = $4 WHERE user_id = $1 AND id = $2",
        &[&user_id, &id, &RawJson(credential), &now],
    )
    .await?;
    Ok(())
}

/// What a browser is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make a passkey.
    Register,
    /// To show one.
    SignIn,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::SignIn => "sign_in",
        }
    }
}

/// Keeps what a browser is asked, until it answers. The text names the question, and is shown to that browser alone.
pub async fn ask(
    tx: &Operator,
    now: Timestamp,
    purpose: Purpose,
    user_id: Option<Uuid>,
    state: &str,
) -> Result<SecretString> {
    let shown = Shown::new("", user_id.unwrap_or_default());
    tx.query(
        "INSERT INTO wazapp.passkey_ceremony (hash, purpose, user_id, state, expires_at) VALUES ($1, $2, $3, $4, $5)",
        &[&shown.hash(), &purpose.word(), &user_id, &RawJson(state), &(now + CEREMONY_HOLDS)],
    )
    .await?;
    Ok(shown.text())
}

/// What a browser was asked; asked of one person, or of whoever it is. No question is answered twice.
pub async fn answered(
    tx: &Operator,
    now: Timestamp,
    purpose: Purpose,
    user_id: Option<Uuid>,
    question: &SecretString,
) -> Result<Option<String>> {
    let Some(shown) = Shown::read("", question) else { return Ok(None) };
    let row = tx
        .query_opt(
            "DELETE FROM wazapp.passkey_ceremony
             WHERE hash = $1 AND purpose = $2 AND user_id IS NOT DISTINCT FROM $3 AND expires_at > $4
             RETURNING state::text AS state",
            &[&shown.hash(), &purpose.word(), &user_id, &now],
        )
        .await?;
    Ok(row.map(|row| row.get("state")))
}

/// Lets go of questions that nobody answered in time.
pub async fn any_person_let_go(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.passkey_ceremony WHERE expires_at < $1", &[&now]).await?;
    Ok(())
}
