//! Going on with an attempt: the other half of a sign-up, and what failed.

use jiff::Timestamp;
use secrecy::SecretString;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::begin::json;
use super::{Connection, How, Step, What, Wishes, connection_columns, step};
use crate::database::{Result, Tenant};
use crate::secret::Keyring;
use crate::secret::sealed::{CONNECTION_CODE, CONNECTION_PIN, CONNECTION_TOKEN};

/// A half of a sign-up: they come in either order.
#[derive(Clone, Copy, Debug)]
pub enum Half<'a> {
    /// What is exchanged for a token.
    Code(&'a SecretString),
    /// What the browser heard from Meta's window.
    Session {
        /// How it ended, such as `FINISH`.
        event: &'a str,
        /// The account.
        waba_id: &'a str,
        /// The number, unless Meta did not say.
        phone_number_id: Option<&'a str>,
    },
}

/// Why an attempt does not take something now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// It does not wait for that.
    NotAwaited,
    /// It has not failed.
    NotFailed,
    /// Its token was forgotten, so that it needs one.
    NeedsToken,
    /// Its code was used or is too old, so that it needs another, or a token.
    NeedsCode,
    /// It has its number, and gets no other.
    HasItsNumber,
}

/// Adds a half of a sign-up. `None`: there is no such attempt.
pub async fn join(
    tx: &Tenant,
    keyring: &Keyring,
    now: Timestamp,
    id: Uuid,
    half: Half<'_>,
) -> Result<Option<Result<Connection, NotNow>>> {
    let organization = tx.organization_id();
    let row = match half {
        Half::Code(code) => {
            let sealed = keyring.request_sealer().seal(CONNECTION_CODE.place(organization, &id.to_string()), code);
            tx.query_opt(
                concat!(
                    "UPDATE wazapp.connection SET code = $3, due_at = $4, updated_at = $4
                     WHERE organization_id = $1 AND id = $2 AND state = 'running' AND due_at IS NULL
                     RETURNING ",
                    connection_columns!()
                ),
                &[&organization, &id, &sealed, &now],
            )
            .await?
        }
        Half::Session { event, waba_id, phone_number_id } => {
            tx.query_opt(
                concat!(
                    "UPDATE wazapp.connection SET session_event = $3, waba_id = $4, phone_number_id = $5,
                       awaits_session = false, updated_at = $6,
                       due_at = CASE WHEN due_at IS NOT NULL THEN least(due_at, $6) END
                     WHERE organization_id = $1 AND id = $2 AND state = 'running' AND awaits_session
                     RETURNING ",
                    connection_columns!()
                ),
                &[&organization, &id, &event, &waba_id, &phone_number_id, &now],
            )
            .await?
        }
    };
    Ok(match row {
        Some(row) => Some(Ok(Connection::read(&row)?)),
        None => super::get(tx, id).await?.map(|_| Err(NotNow::NotAwaited)),
    })
}

/// What a resumed attempt gets.
#[derive(Debug, Default)]
pub struct Resume<'a> {
    /// Another token: it proves itself from the beginning.
    pub token: Option<&'a SecretString>,
    /// Another code of the same sign-up.
    pub code: Option<&'a SecretString>,
    /// The PIN to register with.
    pub pin: Option<&'a SecretString>,
    /// Which number of the account, where Meta did not say. Refused once the attempt has its number.
    pub phone_number_id: Option<&'a str>,
    /// Which account, where it was named wrong or not at all. Refused likewise.
    pub waba_id: Option<&'a str>,
    /// Have the webhooks of the number come here, whatever else was set.
    pub override_callback: bool,
    /// Set the App's webhook subscription.
    pub set_webhook: bool,
}

/// Resumes an attempt where it failed. `None`: there is no such one.
pub async fn retry(
    tx: &Tenant,
    keyring: &Keyring,
    now: Timestamp,
    id: Uuid,
    with: &Resume<'_>,
) -> Result<Option<Result<Connection, NotNow>>> {
    let organization = tx.organization_id();
    let row = tx
        .query_opt(
            "SELECT how, state, phone_number_id, waba_id, number_id, steps, wishes, has_token FROM wazapp.connection
             WHERE organization_id = $1 AND id = $2 FOR UPDATE",
            &[&organization, &id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.get::<_, &str>("state") != "failed" {
        return Ok(Some(Err(NotNow::NotFailed)));
    }
    let differs = |name, given: Option<&str>| given.is_some_and(|id| Some(id) != row.get(name));
    let another = differs("phone_number_id", with.phone_number_id) || differs("waba_id", with.waba_id);
    if another && row.get::<_, Option<Uuid>>("number_id").is_some() {
        return Ok(Some(Err(NotNow::HasItsNumber)));
    }
    let (mut steps, Json(mut wishes)) = (super::steps(&row)?, row.get::<_, Json<Wishes>>("wishes"));
    if let Some(lacking) = lacking(How::of(row.get("how"))?, &steps, row.get("has_token"), with) {
        return Ok(Some(Err(lacking)));
    }
    step::resume(&mut steps, with.token.is_some());
    wishes.set_webhook |= with.set_webhook;
    wishes.override_callback |= with.override_callback;
    // Later it would name another number than the one that proves itself.
    let hears_session = !steps.iter().any(|step| step.name == What::Session && step.is_over());
    write_secrets(tx, keyring, id, with).await?;
    let row = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.connection SET state = 'running', steps = $3::text::json, wishes = $4::text::json,
                   phone_number_id = coalesce($5, phone_number_id), waba_id = coalesce($8, waba_id),
                   awaits_session = awaits_session AND $7, attempts = 0,
                   -- Whoever still worked on it proved other ids, or another token.
                   fence = fence + 1, due_at = $6, lease_until = NULL, updated_at = $6, ended_at = NULL
                 WHERE organization_id = $1 AND id = $2 RETURNING ",
                connection_columns!()
            ),
            &[
                &organization,
                &id,
                &json(&steps),
                &json(&wishes),
                &with.phone_number_id,
                &now,
                &hears_session,
                &with.waba_id,
            ],
        )
        .await?;
    Ok(row.as_ref().map(Connection::read).transpose()?.map(Ok))
}

/// One by one: the web role writes sealed secrets, and reads none.
async fn write_secrets(tx: &Tenant, keyring: &Keyring, id: Uuid, with: &Resume<'_>) -> Result<()> {
    let (organization, text) = (tx.organization_id(), id.to_string());
    let sealer = keyring.request_sealer();
    for (sql, column, secret) in [
        (
            "UPDATE wazapp.connection SET token = $3 WHERE organization_id = $1 AND id = $2",
            CONNECTION_TOKEN,
            with.token,
        ),
        ("UPDATE wazapp.connection SET code = $3 WHERE organization_id = $1 AND id = $2", CONNECTION_CODE, with.code),
        ("UPDATE wazapp.connection SET pin = $3 WHERE organization_id = $1 AND id = $2", CONNECTION_PIN, with.pin),
    ] {
        if let Some(secret) = secret {
            let sealed = sealer.seal(column.place(organization, &text), secret);
            tx.query(sql, &[&organization, &id, &sealed]).await?;
        }
    }
    Ok(())
}

/// What it cannot go on without.
fn lacking(how: How, steps: &[Step], has_token: bool, with: &Resume<'_>) -> Option<NotNow> {
    let has_token = has_token || with.token.is_some();
    let exchanged = steps.iter().any(|step| step.name == What::Exchange && step.is_over());
    match how {
        How::Signup if !exchanged => (with.code.is_none() && with.token.is_none()).then_some(NotNow::NeedsCode),
        How::Disconnection => None,
        _ => (!has_token).then_some(NotNow::NeedsToken),
    }
}
