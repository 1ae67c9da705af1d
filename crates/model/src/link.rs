//! A number's way to Meta: its ids, and the token that opens them, sealed until a call is made.

use secrecy::SecretString;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::apps::Apps;
use crate::database::{self, Operator};
use crate::scope::Scope;
use crate::secret::{self, Keyring, Place, Unopenable, sealed};

/// What a call to Meta for one number takes. `Debug` shows no token, not even sealed.
#[derive(Clone)]
pub struct Link {
    /// The owner.
    pub organization_id: Uuid,
    /// Our id.
    pub number_id: Uuid,
    /// Meta's id.
    pub phone_number_id: String,
    /// Meta's id of its account.
    pub waba_id: String,
    /// The App its webhooks come through; `None`: the default App.
    pub app_id: Option<String>,
    /// The App that its token belongs to, where Meta was asked.
    pub token_app_id: Option<String>,
    /// Whether a phone has it too, with the WhatsApp Business app.
    pub shared: bool,
    token: Option<Vec<u8>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.phone_number_id)
    }
}

/// Why a number's token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// It was forgotten when the number was disconnected, or never known.
    #[error("the number has no token")]
    None,
    /// It was sealed with another master key.
    #[error(transparent)]
    Unopenable(#[from] Unopenable),
}

/// Which connected number to reach Meta through.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// The one with our id.
    Id(Uuid),
    /// The one with Meta's id.
    PhoneNumberId(&'a str),
    /// Any of an account, the one connected first.
    Waba(&'a str),
    /// Any of the organization, the one connected first.
    Any,
}

/// The columns that [`Link::read`] reads, of `wazapp.number` as `n`.
macro_rules! link_columns {
    () => {
        "n.organization_id, n.id AS number_id, n.phone_number_id, n.waba_id, n.app_id, n.token_app_id, n.token,
         n.history IS NOT NULL OR n.is_on_biz_app IS TRUE AS shared"
    };
}
pub(crate) use link_columns;

/// Whether whoever is named in `$viewer`, if anybody, is limited to numbers among which `wazapp.number` as `n` is not: asked of
/// what is looked up as the worker.
macro_rules! within_limits {
    ($viewer:literal) => {
        concat!(
            " AND (",
            $viewer,
            "::uuid IS NULL OR EXISTS (
               SELECT FROM wazapp.sight s WHERE s.organization_id = $1 AND s.viewer_id = ",
            $viewer,
            " AND (s.number_ids IS NULL OR n.id = ANY (s.number_ids))))"
        )
    };
}

impl Link {
    pub(crate) fn read(row: &Row) -> Self {
        Self {
            organization_id: row.get("organization_id"),
            number_id: row.get("number_id"),
            phone_number_id: row.get("phone_number_id"),
            waba_id: row.get("waba_id"),
            app_id: row.get("app_id"),
            token_app_id: row.get("token_app_id"),
            shared: row.get("shared"),
            token: row.get("token"),
        }
    }

    /// Tells this token from the one that a later connection brings, and nothing else of it. Another master key changes nothing.
    pub fn token_mark(&self) -> Option<Vec<u8>> {
        self.token.as_deref().and_then(secret::mark).map(|mark| mark.to_vec())
    }

    /// The token, where there is one.
    pub fn token(&self, keyring: &Keyring) -> Option<Result<SecretString, Unopenable>> {
        let sealed = self.token.as_deref()?;
        Some(keyring.open(token_place(self.organization_id, &self.number_id.to_string()), sealed))
    }

    /// The App that may be asked about its token: the one it belongs to, or, as long as that is not known, the one its
    /// webhooks come through.
    pub fn token_app<'a>(&'a self, apps: &'a Apps) -> Option<&'a str> {
        self.token_app_id.as_deref().or(self.app_id.as_deref()).or_else(|| apps.default_id())
    }

    /// Opens the token for a call, with the secret that proves that it is in good hands, where its App is known here.
    pub fn open(&self, keyring: &Keyring, apps: &Apps) -> Result<(SecretString, Option<SecretString>), NoToken> {
        let token = self.token(keyring).ok_or(NoToken::None)??;
        let secret = self.token_app_id.as_deref().and_then(|app| apps.secret(app));
        Ok((token, secret))
    }
}

/// Where the token of a number belongs.
pub(crate) fn token_place(organization: Uuid, number_id: &str) -> Place<'_> {
    sealed::NUMBER_TOKEN.place(organization, number_id)
}

/// The way to Meta through one of an organization's connected numbers. `None`: there is no such one.
pub async fn find(tx: &Operator, scope: &Scope, by: By<'_>) -> database::Result<Option<Link>> {
    let (id, phone_number_id, waba_id) = match by {
        By::Id(id) => (Some(id), None, None),
        By::PhoneNumberId(id) => (None, Some(id), None),
        By::Waba(id) => (None, None, Some(id)),
        By::Any => (None, None, None),
    };
    let row = tx
        .query_opt(
            concat!(
                "SELECT ",
                link_columns!(),
                " FROM wazapp.number n WHERE n.organization_id = $1 AND n.status = 'connected'
                   AND ($2::uuid IS NULL OR n.id = $2) AND ($3::text IS NULL OR n.phone_number_id = $3)
                   AND ($4::text IS NULL OR n.waba_id = $4)",
                within_limits!("$5"),
                " ORDER BY n.id LIMIT 1"
            ),
            &[&scope.organization_id(), &id, &phone_number_id, &waba_id, &scope.viewer_id()],
        )
        .await?;
    Ok(row.as_ref().map(Link::read))
}

/// One way to Meta for each of an organization's accounts, through the number of it that was connected first.
pub async fn accounts(tx: &Operator, scope: &Scope) -> database::Result<Vec<Link>> {
    let rows = tx
        .query(
            concat!(
                "SELECT DISTINCT ON (n.waba_id) ",
                link_columns!(),
                " FROM wazapp.number n WHERE n.organization_id = $1 AND n.status = 'connected'",
                within_limits!("$2"),
                " ORDER BY n.waba_id, n.id"
            ),
            &[&scope.organization_id(), &scope.viewer_id()],
        )
        .await?;
    Ok(rows.iter().map(Link::read).collect())
}

/// A connected number, by the names that Meta has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnNumber {
    /// Meta's id.
    pub phone_number_id: String,
    /// Meta's id of its account.
    pub waba_id: String,
    /// As Meta writes it, where that is known.
    pub display_phone_number: Option<String>,
}

/// The organization's connected numbers, as far as whoever asks is not limited to others.
pub async fn own_numbers(tx: &Operator, scope: &Scope) -> database::Result<Vec<OwnNumber>> {
    let rows = tx
        .query(
            concat!(
                "SELECT n.phone_number_id, n.waba_id, n.display_phone_number FROM wazapp.number n
                 WHERE n.organization_id = $1 AND n.status = 'connected'",
                within_limits!("$2")
            ),
            &[&scope.organization_id(), &scope.viewer_id()],
        )
        .await?;
    let read = |row: &Row| OwnNumber {
        phone_number_id: row.get("phone_number_id"),
        waba_id: row.get("waba_id"),
        display_phone_number: row.get("display_phone_number"),
    };
    Ok(rows.iter().map(read).collect())
}

/// Whether an organization beside this one has a connected number in an account: what is the whole account's is then
/// nobody's alone.
pub async fn any_organization_shares(tx: &Operator, scope: &Scope, waba_id: &str) -> database::Result<bool> {
    let row = tx
        .query_opt(
            "SELECT 1 FROM wazapp.number_claim WHERE waba_id = $2 AND organization_id <> $1 LIMIT 1",
            &[&scope.organization_id(), &waba_id],
        )
        .await?;
    Ok(row.is_some())
}
