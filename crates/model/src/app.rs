//! Meta Apps beside the default one, which comes from the configuration.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use crate::database::{Operator, Result};
use crate::scope::Scope;
use crate::secret::{Keyring, Place};

/// A Meta App as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct App {
    /// Meta's id, the last part of its webhook path.
    pub id: String,
    /// What operators call it.
    pub name: String,
    /// Whose it is, by the organization's short name; null: the server's.
    pub organization: Option<String>,
    /// How many secrets are accepted now; several while rotating.
    pub secrets: i64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What checking an App's webhooks takes.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Meta's id.
    pub id: String,
    /// All secrets in force, newest first.
    pub secrets: Vec<SecretString>,
    /// Answers Meta's handshake.
    pub verify_token: Option<SecretString>,
    /// The organization whose it is; `None`: the server's.
    pub organization_id: Option<Uuid>,
}

fn secret_place(row: &str) -> Place<'_> {
    Place { organization: Uuid::nil(), column: "app_secret.sealed", row }
}

fn token_place(id: &str) -> Place<'_> {
    Place { organization: Uuid::nil(), column: "app.verify_token", row: id }
}

/// Adds an App with its first secret; it is the server's until it is given away ([`give_to`]). False: there is one with
/// this id.
pub async fn add(
    tx: &Operator,
    keyring: &Keyring,
    id: &str,
    name: &str,
    secret: &SecretString,
    verify_token: Option<&SecretString>,
) -> Result<bool> {
    let token = verify_token.map(|token| keyring.seal(token_place(id), token));
    let made = tx
        .query_opt(
            "INSERT INTO wazapp.app (id, name, verify_token) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id",
            &[&id, &name, &token.as_deref()],
        )
        .await?
        .is_some();
    if made {
        add_secret(tx, keyring, id, secret).await?;
    }
    Ok(made)
}

/// Makes an App one organization's: it alone may name it, and connect numbers through it.
pub async fn give_to(tx: &Operator, id: &str, owner: &Scope) -> Result<()> {
    tx.query("UPDATE wazapp.app SET organization_id = $2 WHERE id = $1", &[&id, &owner.organization_id()]).await?;
    Ok(())
}

async fn add_secret(tx: &Operator, keyring: &Keyring, id: &str, secret: &SecretString) -> Result<()> {
    let row = Uuid::now_v7();
    let sealed = keyring.seal(secret_place(&row.to_string()), secret);
    tx.query("INSERT INTO wazapp.app_secret (app_id, id, sealed) VALUES ($1, $2, $3)", &[&id, &row, &sealed]).await?;
    Ok(())
}

/// Adds a secret beside those in force, or, with `drop_old`, in their place. False: no such App.
pub async fn rotate(tx: &Operator, keyring: &Keyring, id: &str, secret: &SecretString, drop_old: bool) -> Result<bool> {
    let known = tx.query_opt("SELECT id FROM wazapp.app WHERE id = $1 FOR NO KEY UPDATE", &[&id]).await?.is_some();
    if !known {
        return Ok(false);
    }
    if drop_old {
        tx.query("DELETE FROM wazapp.app_secret WHERE app_id = $1", &[&id]).await?;
    }
    add_secret(tx, keyring, id, secret).await?;
    Ok(true)
}

/// All Apps but the default one.
pub async fn list(tx: &Operator) -> Result<Vec<App>> {
    let rows = tx
        .query(
            "SELECT a.id, a.name, a.created_at, o.slug AS organization,
                    (SELECT count(*) FROM wazapp.app_secret s WHERE s.app_id = a.id) AS secrets
             FROM wazapp.app a LEFT JOIN wazapp.organization o ON o.id = a.organization_id ORDER BY a.created_at, a.id",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| App {
            id: row.get("id"),
            name: row.get("name"),
            organization: row.get("organization"),
            secrets: row.get("secrets"),
            created_at: row.get("created_at"),
        })
        .collect())
}

/// What checking webhooks takes, for every App, the oldest first. An App whose secrets do not open is left out, and named.
pub async fn credentials(tx: &Operator, keyring: &Keyring) -> Result<(Vec<Credentials>, Vec<String>)> {
    let rows = tx
        .query(
            "SELECT a.id, a.verify_token, a.organization_id, s.id AS secret_id, s.sealed
             FROM wazapp.app a LEFT JOIN wazapp.app_secret s ON s.app_id = a.id ORDER BY a.created_at, a.id, s.id DESC",
            &[],
        )
        .await?;
    let mut all: Vec<Credentials> = Vec::new();
    let mut unopenable = Vec::new();
    for row in &rows {
        let id: String = row.get("id");
        if all.last().is_none_or(|last| last.id != id) {
            let token: Option<Vec<u8>> = row.get("verify_token");
            let verify_token = token.and_then(|sealed| keyring.open(token_place(&id), &sealed).ok());
            let organization_id = row.get("organization_id");
            all.push(Credentials { id: id.clone(), secrets: Vec::new(), verify_token, organization_id });
        }
        let (Some(secret_id), Some(sealed)) =
            (row.get::<_, Option<Uuid>>("secret_id"), row.get::<_, Option<Vec<u8>>>("sealed"))
        else {
            continue;
        };
        match keyring.open(secret_place(&secret_id.to_string()), &sealed) {
            Ok(secret) => all.last_mut().expect("pushed above").secrets.push(secret),
            Err(_) => unopenable.push(id),
        }
    }
    Ok((all, unopenable))
}
