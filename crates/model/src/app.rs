//! Meta Apps beside the default one, which comes from the configuration.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::Act;
use crate::audit::{self, Actor, Deed};
use crate::database::{CommitError, Operator, Result};
use crate::scope::Scope;
use crate::secret::sealed::{APP_SECRET, APP_VERIFY_TOKEN};
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
    /// How many verify tokens are; the same.
    pub verify_tokens: i64,
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
    /// All that answer Meta's handshake, newest first.
    pub verify_tokens: Vec<SecretString>,
    /// The organization whose it is; `None`: the server's.
    pub organization_id: Option<Uuid>,
    /// Which lanes its bodies have.
    pub nth: usize,
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
    // The first lanes that nobody has: those of an App that was removed are free again.
    let made = tx
        .query_opt(
            "INSERT INTO wazapp.app (id, name, nth)
             SELECT $1, $2, (SELECT min(free) FROM generate_series(0, (SELECT count(*) FROM wazapp.app)) free
                             WHERE free NOT IN (SELECT nth FROM wazapp.app))
             ON CONFLICT DO NOTHING RETURNING id",
            &[&id, &name],
        )
        .await?
        .is_some();
    if made {
        let added = Change { secret: Some(secret), verify_token, drop_old: false };
        write(tx, keyring, id, &added).await?;
    }
    Ok(made)
}

/// What an App gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// A secret.
    pub secret: Option<&'a SecretString>,
    /// A verify token.
    pub verify_token: Option<&'a SecretString>,
    /// Whether those before it count no more: of each kind that it gets.
    pub drop_old: bool,
}

/// Makes an App one organization's: it alone may name it, and connect numbers through it.
pub async fn give_to(tx: &Operator, id: &str, owner: &Scope) -> Result<()> {
    tx.query("UPDATE wazapp.app SET organization_id = $2 WHERE id = $1", &[&id, &owner.organization_id()]).await?;
    Ok(())
}

/// Adds what an App gets beside what is in force, or, with `drop_old`, in its place. False: no such App.
pub async fn rotate(tx: &Operator, keyring: &Keyring, id: &str, change: &Change<'_>) -> Result<bool> {
    if !lock(tx, id).await? {
        return Ok(false);
    }
    if change.drop_old && change.secret.is_some() {
        tx.query("DELETE FROM wazapp.app_secret WHERE app_id = $1", &[&id]).await?;
    }
    if change.drop_old && change.verify_token.is_some() {
        tx.query("DELETE FROM wazapp.app_verify_token WHERE app_id = $1", &[&id]).await?;
    }
    write(tx, keyring, id, change).await?;
    Ok(true)
}

async fn lock(tx: &Operator, id: &str) -> Result<bool> {
    Ok(tx.query_opt("SELECT id FROM wazapp.app WHERE id = $1 FOR NO KEY UPDATE", &[&id]).await?.is_some())
}

async fn write(tx: &Operator, keyring: &Keyring, id: &str, change: &Change<'_>) -> Result<()> {
    let sealer = keyring.sealer(tx).await?;
    if let Some(secret) = change.secret {
        let row = Uuid::now_v7();
        let sealed = sealer.seal(secret_place(&row.to_string()), secret);
        tx.query("INSERT INTO wazapp.app_secret (app_id, id, sealed) VALUES ($1, $2, $3)", &[&id, &row, &sealed])
            .await?;
    }
    if let Some(token) = change.verify_token {
        let sealed = sealer.seal(token_place(id), token);
        tx.query(
            "INSERT INTO wazapp.app_verify_token (app_id, id, sealed) VALUES ($1, $2, $3)",
            &[&id, &Uuid::now_v7(), &sealed],
        )
        .await?;
    }
    Ok(())
}

/// Lets go of all but the newest secret and verify token of an App. `None`: no such App; otherwise how many went.
pub async fn drop_old(tx: &Operator, id: &str) -> Result<Option<u64>> {
    if !lock(tx, id).await? {
        return Ok(None);
    }
    let mut gone = 0;
    for statement in [
        "DELETE FROM wazapp.app_secret WHERE app_id = $1
           AND id <> (SELECT id FROM wazapp.app_secret WHERE app_id = $1 ORDER BY id DESC LIMIT 1) RETURNING id",
        "DELETE FROM wazapp.app_verify_token WHERE app_id = $1
           AND id <> (SELECT id FROM wazapp.app_verify_token WHERE app_id = $1 ORDER BY id DESC LIMIT 1) RETURNING id",
    ] {
        gone += tx.query(statement, &[&id]).await?.len() as u64;
    }
    Ok(Some(gone))
}

/// Who needs an App.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The organization, by its short name.
    pub organization: String,
    /// Meta's id of the number, where it has one already.
    pub phone_number_id: Option<String>,
    /// How the number needs the App.
    pub how: Need,
}

/// What an App is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A connected number's webhooks come through it.
    Webhooks,
    /// A connected number's token is proved with its secret.
    Token,
    /// An attempt to connect a number through it is under way.
    Attempt,
}

/// What became of removing an App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone, with its secrets.
    Removed,
    /// There is no such App.
    Unknown,
    /// These need it; nothing was done.
    Used(Vec<Use>),
}

/// What is done to an App, as the audit tells it: where the organization whose it is reads it, else the server's.
#[derive(Clone, Copy, Debug)]
pub enum AppDeed {
    /// It was added.
    Added,
    /// It has another secret or verify token, or only its newest.
    Rotated(Rotated),
    /// It was removed.
    Removed,
}

/// What is new of an App that is rotated.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rotated {
    /// Whether its secret is.
    pub secret: bool,
    /// Whether its verify token is.
    pub verify_token: bool,
    /// Whether only the newest count now.
    pub dropped_old: bool,
}

impl AppDeed {
    fn of(self, id: &str, name: String) -> Deed {
        match self {
            Self::Added => Deed::new(Act::ManageNumbers, "app_add", id, name),
            Self::Rotated(what) => {
                Deed::new(Act::ManageNumbers, "app_rotate", id, name).changed(None, Some(json!(what)))
            }
            Self::Removed => Deed::new(Act::ManageNumbers, "app_remove", id, name),
        }
    }
}

/// Writes down what is done to an App in this transaction. One that is to be removed is still there.
pub async fn record(tx: &Operator, now: Timestamp, actor: &Actor, id: &str, deed: AppDeed) -> Result<()> {
    let row = tx.query_opt("SELECT name, organization_id FROM wazapp.app WHERE id = $1", &[&id]).await?;
    let Some(row) = row else { return Ok(()) };
    let deed = deed.of(id, row.get("name"));
    match row.get::<_, Option<Uuid>>("organization_id").map(Scope::new) {
        Some(scope) => audit::any_organization_record(tx, &scope, now, actor, &deed).await,
        None => audit::record_of_server(tx, now, actor, &deed).await,
    }
}

/// Removes an App that nobody needs, writes it down, and ends the transaction.
pub async fn any_organization_remove(
    tx: Operator,
    now: Timestamp,
    actor: &Actor,
    id: &str,
) -> std::result::Result<Removal, CommitError> {
    record(&tx, now, actor, id, AppDeed::Removed).await?;
    // First, and looked at behind it: this waits for whoever connects a number through it, and who comes later does not find
    // it.
    if tx.query_opt("DELETE FROM wazapp.app WHERE id = $1 RETURNING id", &[&id]).await?.is_none() {
        tx.close();
        return Ok(Removal::Unknown);
    }
    let uses = any_organization_uses(&tx, id).await?;
    if !uses.is_empty() {
        tx.close();
        return Ok(Removal::Used(uses));
    }
    tx.commit().await?;
    Ok(Removal::Removed)
}

async fn any_organization_uses(tx: &Operator, id: &str) -> Result<Vec<Use>> {
    let mut uses = Vec::new();
    for (how, statement) in [
        (
            Need::Webhooks,
            "SELECT o.slug, c.phone_number_id FROM wazapp.number_claim c
             JOIN wazapp.organization o ON o.id = c.organization_id WHERE c.app_id = $1 ORDER BY o.slug, c.phone_number_id",
        ),
        (
            Need::Token,
            "SELECT o.slug, n.phone_number_id FROM wazapp.number n JOIN wazapp.organization o ON o.id = n.organization_id
             WHERE n.token_app_id = $1 AND n.app_id IS DISTINCT FROM $1 AND n.status = 'connected'
             ORDER BY o.slug, n.phone_number_id",
        ),
        (
            Need::Attempt,
            "SELECT o.slug, c.phone_number_id FROM wazapp.connection c
             JOIN wazapp.organization o ON o.id = c.organization_id
             WHERE c.app_id = $1 AND c.state = 'running' ORDER BY o.slug, c.id",
        ),
    ] {
        let rows = tx.query(statement, &[&id]).await?;
        uses.extend(rows.iter().map(|row| Use {
            organization: row.get("slug"),
            phone_number_id: row.get("phone_number_id"),
            how,
        }));
    }
    Ok(uses)
}

/// All Apps but the default one.
pub async fn list(tx: &Operator) -> Result<Vec<App>> {
    let rows = tx
        .query(
            "SELECT a.id, a.name, a.created_at, o.slug AS organization,
                    (SELECT count(*) FROM wazapp.app_secret s WHERE s.app_id = a.id) AS secrets,
                    (SELECT count(*) FROM wazapp.app_verify_token t WHERE t.app_id = a.id) AS verify_tokens
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
            verify_tokens: row.get("verify_tokens"),
            created_at: row.get("created_at"),
        })
        .collect())
}

fn secret_place(row: &str) -> Place<'_> {
    APP_SECRET.place(Uuid::nil(), row)
}

fn token_place(id: &str) -> Place<'_> {
    APP_VERIFY_TOKEN.place(Uuid::nil(), id)
}

/// What checking webhooks takes, for every App, the oldest first. What does not open is left out, and its App named.
pub async fn credentials(tx: &Operator, keyring: &Keyring) -> Result<(Vec<Credentials>, Vec<String>)> {
    let rows = tx.query("SELECT id, organization_id, nth FROM wazapp.app ORDER BY created_at, id", &[]).await?;
    let secrets = tx.query("SELECT app_id, id, sealed FROM wazapp.app_secret ORDER BY id DESC", &[]).await?;
    let tokens = tx.query("SELECT app_id, sealed FROM wazapp.app_verify_token ORDER BY id DESC", &[]).await?;
    let mut unopenable = Vec::new();
    let mut all = Vec::new();
    for row in &rows {
        let id: String = row.get("id");
        let own = |row: &&Row| row.get::<_, &str>("app_id") == id;
        let mut open = |place: Place<'_>, row: &Row| {
            let opened = keyring.open(place, row.get("sealed")).ok();
            if opened.is_none() && !unopenable.contains(&id) {
                unopenable.push(id.clone());
            }
            opened
        };
        let secrets = secrets.iter().filter(own);
        let secrets =
            secrets.filter_map(|row| open(secret_place(&row.get::<_, Uuid>("id").to_string()), row)).collect();
        let verify_tokens = tokens.iter().filter(own).filter_map(|row| open(token_place(&id), row)).collect();
        let nth = usize::try_from(row.get::<_, i32>("nth")).unwrap_or(0);
        all.push(Credentials {
            id: id.clone(),
            secrets,
            verify_tokens,
            organization_id: row.get("organization_id"),
            nth,
        });
    }
    Ok((all, unopenable))
}
