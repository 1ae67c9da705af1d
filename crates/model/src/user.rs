//! A person with an account on this server, in any number of organizations.

mod own;
mod password;

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{DatabaseError, Operator, Result};
use crate::secret::Shown;

pub use password::{Busy, LONGEST, Passwords, SHORTEST, Unfit, fit};

/// How long a link to set a password holds.
pub const LINK_HOLDS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long one holds that anybody may have mailed to whoever has the account.
pub const FORGOTTEN_LINK_HOLDS: SignedDuration = SignedDuration::from_hours(2);

/// An account.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct User {
    /// UUIDv7.
    pub id: Uuid,
    /// By which they sign in.
    #[schema(value_type = String)]
    pub email: Email,
    /// What people call them.
    pub name: String,
    /// Whether they run this server.
    pub is_operator: bool,
    /// In which they read.
    pub language: Language,
    /// Their time zone, of the IANA database, such as `America/Mexico_City`.
    pub zone: String,
    /// Whether keys alone do something on pages.
    #[serde(skip)]
    pub shortcuts: bool,
    /// Whether signing in asks for a second factor.
    pub second_factor: bool,
    /// When the account was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The columns of a user that are anybody's to read; `u` is the table.
pub(crate) const COLUMNS: &str =
    "u.id, u.email, u.name, u.is_operator, u.language, u.zone, u.shortcuts, u.second_factor, u.created_at";

impl User {
    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id"),
            email: Email(row.get("email")),
            name: row.get("name"),
            is_operator: row.get("is_operator"),
            language: Language::read(row.get("language"))?,
            zone: row.get("zone"),
            shortcuts: row.get("shortcuts"),
            second_factor: row.get("second_factor"),
            created_at: row.get("created_at"),
        })
    }
}

/// An e-mail address as people type it. Two that differ in case alone are one account's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// What was typed is no e-mail address.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an e-mail address looks like name@example.com")]
pub struct NoEmail;

impl Email {
    /// One that was read before.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// By which it is found.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for Email {
    type Err = NoEmail;

    fn from_str(text: &str) -> Result<Self, NoEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(NoEmail)?;
        let odd =
            |character: char| character.is_whitespace() || character.is_control() || "<>,;\"\\".contains(character);
        let fits = !local.is_empty()
            && text.len() <= 254
            && !text.chars().any(odd)
            && !local.contains('@')
            && domain.split('.').count() >= 2
            && domain.split('.').all(|label| !label.is_empty());
        fits.then(|| Self(text.to_owned())).ok_or(NoEmail)
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A language that the pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Español.
    #[default]
    Es,
    /// English.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Es, Self::En];

    /// As stored, and as HTML's `lang` says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Es => "es",
            Self::En => "en",
        }
    }

    /// Reads what a form or a header says.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }

    pub(crate) fn read(word: &str) -> Result<Self> {
        Self::of(word).ok_or_else(|| DatabaseError::UnknownWord { column: "user.language", word: word.to_owned() })
    }
}

/// Whether a time zone of this name is known.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// By which they sign in.
    pub email: &'a Email,
    /// What people call them.
    pub name: &'a str,
    /// What is kept of their password; `None`: they set one by a link.
    pub password: Option<&'a str>,
    /// Whether they run this server.
    pub is_operator: bool,
    /// Whether the address is theirs by the word of whoever runs the server, or of the identity provider.
    pub vouched: bool,
    /// In which they read.
    pub language: Language,
    /// Their time zone.
    pub zone: &'a str,
}

/// Makes an account. `None`: the address has one.
pub async fn create(tx: &Operator, now: Timestamp, new: &NewUser<'_>) -> Result<Option<User>> {
    let sql = format!(
        "INSERT INTO wazapp.\"user\" AS u
           (id, email, email_key, name, password, is_operator, language, zone, created_at, updated_at, vouched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
         ON CONFLICT (email_key) DO NOTHING RETURNING {COLUMNS}"
    );
    let row = tx
        .query_opt(
            &sql,
            &[
                &Uuid::now_v7(),
                &new.email.as_str(),
                &new.email.key(),
                &new.name,
                &new.password,
                &new.is_operator,
                &new.language.word(),
                &new.zone,
                &now,
                &new.vouched,
            ],
        )
        .await?;
    row.as_ref().map(User::read).transpose()
}

/// Whoever signs in by this address, with what is kept of their password.
pub async fn by_email(tx: &Operator, email: &Email) -> Result<Option<(User, Option<String>)>> {
    let sql = format!("SELECT {COLUMNS}, u.password FROM wazapp.\"user\" u WHERE u.email_key = $1");
    let row = tx.query_opt(&sql, &[&email.key()]).await?;
    row.map(|row| Ok((User::read(&row)?, row.get("password")))).transpose()
}

/// Whether nobody can have planted an account for whoever has its address: the address is vouched for, or there is nothing yet by
/// which anybody could come in.
pub async fn is_its_addresses(tx: &Operator, id: Uuid) -> Result<bool> {
    let sql = "SELECT vouched OR (password IS NULL AND NOT second_factor) AS its FROM wazapp.\"user\" WHERE id = $1";
    Ok(tx.query_opt(sql, &[&id]).await?.is_some_and(|row| row.get("its")))
}

/// One account, with what is kept of its password.
pub async fn get(tx: &Operator, id: Uuid) -> Result<Option<(User, Option<String>)>> {
    let sql = format!("SELECT {COLUMNS}, u.password FROM wazapp.\"user\" u WHERE u.id = $1");
    let row = tx.query_opt(&sql, &[&id]).await?;
    row.map(|row| Ok((User::read(&row)?, row.get("password")))).transpose()
}

/// All accounts, oldest first.
pub async fn list(tx: &Operator) -> Result<Vec<User>> {
    let sql = format!("SELECT {COLUMNS} FROM wazapp.\"user\" u ORDER BY u.id");
    tx.query(&sql, &[]).await?.iter().map(User::read).collect()
}

/// Whether there is any account. Who asks before making the first one holds the turn until the end of the transaction.
pub async fn any(tx: &Operator) -> Result<bool> {
    // Two who set up at once come one after the other.
    tx.query("SELECT pg_advisory_xact_lock(hashtext('wazapp.user'))", &[]).await?;
    are_any(tx).await
}

/// The same, for whoever only looks.
pub async fn are_any(tx: &Operator) -> Result<bool> {
    let row = tx.query_opt("SELECT EXISTS (SELECT FROM wazapp.\"user\") AS any", &[]).await?;
    Ok(row.is_some_and(|row| row.get("any")))
}

/// Keeps another password, or none. Sessions and links are the caller's to end.
pub async fn set_password(tx: &Operator, now: Timestamp, id: Uuid, password: Option<&str>) -> Result<()> {
    tx.query("UPDATE wazapp.\"user\" SET password = $2, updated_at = $3 WHERE id = $1", &[&id, &password, &now])
        .await?;
    Ok(())
}

/// Forgets one-time codes, passkeys and recovery codes: signing in asks for the password alone.
pub async fn forget_second_factor(tx: &Operator, now: Timestamp, id: Uuid) -> Result<()> {
    tx.query("DELETE FROM wazapp.passkey WHERE user_id = $1", &[&id]).await?;
    tx.query("DELETE FROM wazapp.recovery_code WHERE user_id = $1", &[&id]).await?;
    tx.query(
        "UPDATE wazapp.\"user\" SET totp = NULL, totp_step = NULL, second_factor = false, updated_at = $2 WHERE id = $1",
        &[&id, &now],
    )
    .await?;
    Ok(())
}

/// What people change about themselves.
#[derive(Clone, Debug)]
pub struct Profile<'a> {
    /// What people call them.
    pub name: &'a str,
    /// In which they read.
    pub language: Language,
    /// Their time zone.
    pub zone: &'a str,
}

/// Changes what people change about themselves.
pub async fn change(tx: &Operator, now: Timestamp, id: Uuid, profile: &Profile<'_>) -> Result<()> {
    tx.query(
        "UPDATE wazapp.\"user\" SET name = $2, language = $3, zone = $4, updated_at = $5 WHERE id = $1",
        &[&id, &profile.name, &profile.language.word(), &profile.zone, &now],
    )
    .await?;
    Ok(())
}

/// Whether keys alone do something on somebody's pages.
pub async fn set_shortcuts(tx: &Operator, now: Timestamp, id: Uuid, on: bool) -> Result<()> {
    tx.query("UPDATE wazapp.\"user\" SET shortcuts = $2, updated_at = $3 WHERE id = $1", &[&id, &on, &now]).await?;
    Ok(())
}

/// Removes an account with its sessions and memberships. Whether it is an organization's last owner is the caller's to ask.
pub async fn remove(tx: &Operator, id: Uuid) -> Result<()> {
    tx.query("DELETE FROM wazapp.\"user\" WHERE id = $1", &[&id]).await?;
    Ok(())
}

/// A link by which somebody sets a password: shown here and never again. Those before it hold no more.
pub async fn password_link(tx: &Operator, now: Timestamp, id: Uuid) -> Result<SecretString> {
    forget_password_links(tx, id).await?;
    further_password_link(tx, now, id, LINK_HOLDS).await
}

/// The same beside those before it, for so long.
pub(crate) async fn further_password_link(
    tx: &Operator,
    now: Timestamp,
    id: Uuid,
    holds: SignedDuration,
) -> Result<SecretString> {
    let link = Shown::new("", id);
    tx.query(
        "INSERT INTO wazapp.password_link (user_id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        &[&id, &link.hash(), &now, &(now + holds)],
    )
    .await?;
    Ok(link.text())
}

async fn forget_password_links(tx: &Operator, id: Uuid) -> Result<()> {
    tx.query("DELETE FROM wazapp.password_link WHERE user_id = $1", &[&id]).await?;
    Ok(())
}

/// Whose password a link sets; it still holds.
pub async fn by_password_link(tx: &Operator, now: Timestamp, link: &SecretString) -> Result<Option<User>> {
    let Some(link) = Shown::read("", link) else { return Ok(None) };
    let sql = format!(
        "SELECT {COLUMNS} FROM wazapp.password_link l JOIN wazapp.\"user\" u ON u.id = l.user_id
         WHERE l.user_id = $1 AND l.hash = $2 AND l.expires_at > $3"
    );
    let row = tx.query_opt(&sql, &[&link.owner(), &link.hash(), &now]).await?;
    row.as_ref().map(User::read).transpose()
}

/// Uses a link up, and with it all others of its account. False: somebody else did.
pub async fn use_password_link(tx: &Operator, now: Timestamp, link: &SecretString) -> Result<bool> {
    let Some(link) = Shown::read("", link) else { return Ok(false) };
    let row = tx
        .query_opt(
            "DELETE FROM wazapp.password_link WHERE user_id = $1 AND hash = $2 AND expires_at > $3 RETURNING user_id",
            &[&link.owner(), &link.hash(), &now],
        )
        .await?;
    if row.is_none() {
        return Ok(false);
    }
    forget_password_links(tx, link.owner()).await?;
    Ok(true)
}

/// A hash of what was typed as an address, by which tries are counted.
pub(crate) fn fingerprint(text: &str) -> Vec<u8> {
    Sha256::digest(text.trim().to_lowercase()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_address() {
        for good in ["ana@example.com", "  Ana.Pérez+x@correo.ejemplo.mx ", "o'brien@a.co", "用户@例子.公司"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in
            ["", "ana", "ana@", "@example.com", "a@b", "a b@c.d", "a@b@c.d", "a@b..c", "<a@b.c>", "a@b.c\n", "a@.c"]
        {
            let fits = bad.parse::<Email>().is_ok();
            assert!(!fits || bad.trim() != bad, "{bad:?}");
        }
        assert_eq!("Ana@Example.com".parse::<Email>().unwrap().key(), "ana@example.com");
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert!(is_zone("America/Mexico_City") && is_zone("UTC"));
        assert!(!is_zone("America/Nowhere") && !is_zone(""));
    }
}
