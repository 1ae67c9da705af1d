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
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::{Act, KeyScope};
use crate::audit::Deed;
use crate::database::{Database, DatabaseError, Result, Tenant};
use crate::scope::Scope;
use crate::secret;
use crate::sight::{self, Limits, Sees};

const PREFIX: &str = "wz_";
const RANDOM: usize = 24;

/// So many keys are remembered as met.
const MET: usize = 10_000;

/// A key as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ApiKey {
    /// UUIDv7.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Its last four characters.
    pub hint: String,
    /// What it is for.
    pub scopes: Vec<KeyScope>,
    /// The numbers it is limited to; null: all.
    pub number_ids: Option<Vec<Uuid>>,
    /// The user who made it; null: it was made at the server itself.
    pub created_by_id: Option<Uuid>,
    /// What they are called, as long as they work here.
    #[serde(skip)]
    pub creator: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is refused by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id"),
            name: row.get("name"),
            hint: row.get("hint"),
            scopes: scopes(row)?,
            number_ids: row.get("number_ids"),
            created_by_id: row.get("created_by"),
            creator: row.get("creator"),
            created_at: row.get("created_at"),
            expires_at: row.get("expires_at"),
            last_used_at: row.get("last_used_at"),
            revoked_at: row.get("revoked_at"),
        })
    }

    /// Whether it opens anything at this time.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

impl ApiKey {
    /// That it was made, as the audit tells it.
    pub fn made(&self) -> Deed {
        Deed::new(Act::ManageKeys, "create", self.id, self.name.as_str()).changed(None, Some(self.told()))
    }

    /// That it was revoked.
    pub fn revoked(&self) -> Deed {
        Deed::new(Act::ManageKeys, "revoke", self.id, self.name.as_str()).changed(Some(self.told()), None)
    }

    fn told(&self) -> Value {
        json!({ "scopes": self.scopes, "number_ids": self.number_ids, "expires_at": self.expires_at })
    }
}

fn scopes(row: &Row) -> Result<Vec<KeyScope>> {
    let words: Vec<&str> = row.get("scopes");
    let read = |word: &str| {
        let unknown = || DatabaseError::UnknownWord { column: "api_key.scopes", word: word.to_owned() };
        KeyScope::of(word).ok_or_else(unknown)
    };
    words.into_iter().map(read).collect()
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it is for.
    pub scopes: &'a [KeyScope],
    /// The numbers it is limited to; `None`: all.
    pub number_ids: Option<&'a [Uuid]>,
    /// From when on it is refused by itself.
    pub expires_at: Option<Timestamp>,
    /// The user who makes it.
    pub created_by: Option<Uuid>,
}

impl<'a> NewKey<'a> {
    /// One that is for everything, of all numbers, without an end.
    pub fn whole(name: &'a str) -> Self {
        Self { name, scopes: &KeyScope::ALL, number_ids: None, expires_at: None, created_by: None }
    }
}

/// Makes a key. The text is returned here and never again.
pub async fn create(tx: &Tenant, now: Timestamp, new: &NewKey<'_>) -> Result<(ApiKey, SecretString)> {
    let mut random = [0; RANDOM];
    secret::random(&mut random).expect("the operating system gives random bytes");
    let organization_id = tx.organization_id();
    let text =
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&[organization_id.as_bytes().as_slice(), &random].concat()));
    let id = Uuid::now_v7();
    let mut words: Vec<&str> = new.scopes.iter().map(|scope| scope.word()).collect();
    words.sort_unstable();
    words.dedup();
    tx.query(
        "INSERT INTO wazapp.api_key (organization_id, id, name, hint, hash, scopes, expires_at, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &organization_id,
            &id,
            &new.name,
            &&text[text.len() - 4..],
            &hash(&text),
            &words,
            &new.expires_at,
            &new.created_by,
            &now,
        ],
    )
    .await?;
    let number_ids = new.number_ids.map(<[Uuid]>::to_vec);
    sight::set(tx, id, &Limits { sees: Sees::All, number_ids }).await?;
    let made = get(tx, id).await?.expect("it was written in this transaction");
    Ok((made, SecretString::from(text)))
}

const KEYS: &str = "SELECT k.*, s.number_ids, u.name AS creator FROM wazapp.api_key k
     LEFT JOIN wazapp.membership m ON m.organization_id = k.organization_id AND m.user_id = k.created_by
     LEFT JOIN wazapp.\"user\" u ON u.id = m.user_id
     LEFT JOIN wazapp.sight s ON s.organization_id = k.organization_id AND s.viewer_id = k.id
     WHERE k.organization_id = $1 AND ($2::uuid IS NULL OR k.id = $2) ORDER BY k.id";

/// An organization's keys, oldest first.
pub async fn list(tx: &Tenant) -> Result<Vec<ApiKey>> {
    tx.query(KEYS, &[&tx.organization_id(), &None::<Uuid>]).await?.iter().map(ApiKey::read).collect()
}

/// One of them.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<ApiKey>> {
    tx.query(KEYS, &[&tx.organization_id(), &Some(id)]).await?.first().map(ApiKey::read).transpose()
}

/// Refuses a key from now on. `None`: there is no such key in force.
pub async fn revoke(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<ApiKey>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.api_key SET revoked_at = $3
             WHERE organization_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id",
            &[&tx.organization_id(), &id, &now],
        )
        .await?;
    if row.is_none() { Ok(None) } else { get(tx, id).await }
}

/// What a key in force opens.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Whose rows.
    pub scope: Scope,
    /// The key.
    pub key_id: Uuid,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub scopes: Vec<KeyScope>,
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
            "SELECT k.id, k.name, k.scopes, s.viewer_id,
                    k.last_used_at IS NULL OR k.last_used_at < $3::timestamptz - interval '1 minute' AS stale
             FROM wazapp.api_key k JOIN wazapp.organization o ON o.id = k.organization_id AND o.suspended_at IS NULL
             LEFT JOIN wazapp.sight s ON s.organization_id = k.organization_id AND s.viewer_id = k.id
             WHERE k.organization_id = $1 AND k.hash = $2 AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > $3)",
            &[&organization_id, &hash, &now],
        )
        .await?;
    let Some(row) = row else {
        database.met().forget(&hash);
        return Ok(None);
    };
    let key_id: Uuid = row.get("id");
    let scope = claimed.seen_by(row.get("viewer_id"));
    let opened = Opened { scope, key_id, name: row.get("name"), scopes: scopes(&row)? };
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
    Ok(Some(opened))
}

/// Those of an organization's keys that are in force, with what they open now.
pub async fn in_force(tx: &Tenant, now: Timestamp, ids: &[Uuid]) -> Result<Vec<(Uuid, Scope)>> {
    let rows = tx
        .query(
            "SELECT k.id, s.viewer_id FROM wazapp.api_key k
             LEFT JOIN wazapp.sight s ON s.organization_id = k.organization_id AND s.viewer_id = k.id
             WHERE k.organization_id = $1 AND k.id = ANY ($2) AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > $3)",
            &[&tx.organization_id(), &ids.to_vec(), &now],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("id"), tx.scope().seen_by(row.get("viewer_id")))).collect())
}

/// Hashes of keys that were in force when they were last seen here. Such a key is looked up in its organization's own
/// share; it opens nothing by itself.
#[derive(Debug, Default)]
pub(crate) struct Met(Mutex<HashSet<Vec<u8>>>);

impl Met {
    pub(crate) fn knows(&self, hash: &[u8]) -> bool {
        self.hashes().contains(hash)
    }

    pub(crate) fn remember(&self, hash: Vec<u8>) {
        let mut hashes = self.hashes();
        if hashes.len() >= MET {
            hashes.clear();
        }
        hashes.insert(hash);
    }

    pub(crate) fn forget(&self, hash: &[u8]) {
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
