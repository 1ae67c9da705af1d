//! API keys: shown once, kept as a hash.
//!
//! A key is `wz_` and base64url of the organization's id and 24 random bytes. It names its organization itself, so
//! checking it needs no look-up across organizations: the row is searched inside that organization or not at all.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Operator, Result, Tenant};
use crate::scope::Scope;
use crate::secret;

const PREFIX: &str = "wz_";
const RANDOM: usize = 24;

/// So many keys are remembered as met.
const MET: usize = 10_000;

/// A key as its organization sees it.
#[derive(Clone, Debug, Serialize)]
pub struct ApiKey {
    /// UUIDv7.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Its last four characters.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            name: row.get("name"),
            hint: row.get("hint"),
            created_at: row.get("created_at"),
            last_used_at: row.get("last_used_at"),
            revoked_at: row.get("revoked_at"),
        }
    }
}

/// Makes a key. The text is returned here and never again.
pub async fn create(tx: &Operator, scope: &Scope, name: &str) -> Result<(ApiKey, SecretString)> {
    let mut random = [0; RANDOM];
    secret::random(&mut random).expect("the operating system gives random bytes");
    let text = format!(
        "{PREFIX}{}",
        BASE64URL_NOPAD.encode(&[scope.organization_id().as_bytes().as_slice(), &random].concat())
    );
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.api_key (organization_id, id, name, hint, hash) VALUES ($1, $2, $3, $4, $5) RETURNING *",
            &[&scope.organization_id(), &Uuid::now_v7(), &name, &&text[text.len() - 4..], &hash(&text)],
        )
        .await?
        .expect("INSERT … RETURNING answers a row");
    Ok((ApiKey::read(&row), SecretString::from(text)))
}

/// An organization's keys, oldest first.
pub async fn list(tx: &Operator, scope: &Scope) -> Result<Vec<ApiKey>> {
    let rows = tx
        .query("SELECT * FROM wazapp.api_key WHERE organization_id = $1 ORDER BY id", &[&scope.organization_id()])
        .await?;
    Ok(rows.iter().map(ApiKey::read).collect())
}

/// Refuses a key from now on. False: there is no such key in force.
pub async fn revoke(tx: &Operator, now: Timestamp, scope: &Scope, id: Uuid) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.api_key SET revoked_at = $3
             WHERE organization_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id",
            &[&scope.organization_id(), &id, &now],
        )
        .await?;
    Ok(row.is_some())
}

/// What a key in force opens.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// Whose rows.
    pub scope: Scope,
    /// The key.
    pub key_id: Uuid,
}

/// Who a presented key stands for: the only way from a request to a [`Scope`].
pub async fn authenticate(database: &Database, now: Timestamp, presented: &SecretString) -> Result<Option<Opened>> {
    let Some(organization_id) = organization_of(presented.expose_secret()) else {
        return Ok(None);
    };
    let claimed = Scope::new(organization_id);
    let hash = hash(presented.expose_secret());
    let tx = if database.met().knows(&hash) {
        database.tenant(&claimed).await?
    } else {
        database.stranger(&claimed).await?
    };
    let row = tx
        .query_opt(
            "SELECT id, last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute' AS stale
             FROM wazapp.api_key WHERE organization_id = $1 AND hash = $2 AND revoked_at IS NULL",
            &[&organization_id, &hash, &now],
        )
        .await?;
    let Some(row) = row else {
        database.met().forget(&hash);
        return Ok(None);
    };
    let key_id: Uuid = row.get("id");
    if row.get("stale") {
        tx.query(
            "UPDATE wazapp.api_key SET last_used_at = $3 WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &key_id, &now],
        )
        .await?;
        // The key is in force whether or not this is kept.
        if let Err(error) = tx.commit().await {
            tracing::debug!(%error, "the use of a key was not noted");
        }
    }
    database.met().remember(hash);
    Ok(Some(Opened { scope: claimed, key_id }))
}

/// Those of an organization's keys that are in force.
pub async fn in_force(tx: &Tenant, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = tx
        .query(
            "SELECT id FROM wazapp.api_key WHERE organization_id = $1 AND id = ANY ($2) AND revoked_at IS NULL",
            &[&tx.organization_id(), &ids.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Hashes of keys that were in force when they were last seen here. Such a key is looked up in its organization's own
/// share; it opens nothing by itself.
#[derive(Debug, Default)]
pub(crate) struct Met(Mutex<HashSet<Vec<u8>>>);

impl Met {
    fn knows(&self, hash: &[u8]) -> bool {
        self.hashes().contains(hash)
    }

    fn remember(&self, hash: Vec<u8>) {
        let mut hashes = self.hashes();
        if hashes.len() >= MET {
            hashes.clear();
        }
        hashes.insert(hash);
    }

    fn forget(&self, hash: &[u8]) {
        self.hashes().remove(hash);
    }

    fn hashes(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn organization_of(text: &str) -> Option<Uuid> {
    let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    let (id, random) = bytes.split_at_checked(16)?;
    (random.len() == RANDOM).then(|| Uuid::from_slice(id).ok())?
}

/// The key is 192 random bits, so a plain hash is as good as a slow one.
fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_shape_names_an_organization() {
        let id = Uuid::now_v7();
        let text = format!("wz_{}", BASE64URL_NOPAD.encode(&[id.as_bytes().as_slice(), &[9; RANDOM]].concat()));
        assert_eq!(organization_of(&text), Some(id));
        for bad in
            ["", "wz_", "Bearer", &text[..text.len() - 1], &text[3..], &format!("{text}A"), &text.replace("wz_", "WZ_")]
        {
            assert_eq!(organization_of(bad), None, "{bad}");
        }
    }
}
