//! Beginning an attempt.

use jiff::Timestamp;
use secrecy::SecretString;
use tokio_postgres::Row;
use uuid::Uuid;

use super::job::{Job, LEASE, Learned};
use super::{Connection, How, Wishes, connection_columns, step};
use crate::database::{Operator, Result, Tenant, Tx};
use crate::quota::{self, Quota};
use crate::scope::Scope;
use crate::secret::sealed::{CONNECTION_CODE, CONNECTION_PIN, CONNECTION_TOKEN, Column};
use crate::secret::{Keyring, Sealer};

/// An attempt to be made.
#[derive(Debug)]
pub struct New<'a> {
    /// What it is for.
    pub how: How,
    /// Meta's id of the number, if it is known.
    pub phone_number_id: Option<&'a str>,
    /// Meta's id of its account, if it is known.
    pub waba_id: Option<&'a str>,
    /// The App; `None`: the default one.
    pub app_id: Option<&'a str>,
    /// The number, if it is one of the organization's.
    pub number_id: Option<Uuid>,
    /// How Meta's window said that a sign-up ended.
    pub session_event: Option<&'a str>,
    /// What else is asked for.
    pub wishes: Wishes,
    /// The token.
    pub token: Option<&'a SecretString>,
    /// The code of a sign-up.
    pub code: Option<&'a SecretString>,
    /// The PIN that the number is registered with.
    pub pin: Option<&'a SecretString>,
}

impl New<'_> {
    /// One that asks for nothing yet.
    pub fn of(how: How) -> Self {
        Self {
            how,
            phone_number_id: None,
            waba_id: None,
            app_id: None,
            number_id: None,
            session_event: None,
            wishes: Wishes::default(),
            token: None,
            code: None,
            pin: None,
        }
    }
}

/// Begins an attempt; a worker takes it. A sign-up without a code waits for it.
pub async fn begin(tx: &Tenant, keyring: &Keyring, now: Timestamp, new: &New<'_>) -> Result<Connection> {
    // Leaving is always possible.
    if new.how != How::Disconnection {
        quota::count(tx, now, Quota::ConnectionsADay).await?;
    }
    let row = insert(
        tx,
        concat!(insert_connection!(), " RETURNING ", connection_columns!()),
        (tx.scope(), &keyring.request_sealer(), now, None),
        new,
    )
    .await?;
    Connection::read(&row)
}

/// Begins an attempt that its beginner goes on with: nobody else takes it while the lease holds.
pub async fn any_organization_begin(
    tx: &Operator,
    scope: &Scope,
    keyring: &Keyring,
    now: Timestamp,
    new: &New<'_>,
) -> Result<Job> {
    let (held, sealer) = (Some(now + LEASE), keyring.sealer(tx).await?);
    let row = insert(tx, concat!(insert_connection!(), " RETURNING *"), (scope, &sealer, now, held), new).await?;
    Job::read(&row)
}

macro_rules! insert_connection {
    () => {
        "INSERT INTO wazapp.connection (organization_id, id, how, state, phone_number_id, waba_id, app_id, number_id,
           session_event, awaits_session, wishes, steps, learned, token, code, pin, due_at, lease_until, created_at, updated_at)
         VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10::text::json, $11::text::json, $12::text::json,
           $13, $14, $15, $16, $17, $18, $18)"
    };
}
use insert_connection;

async fn insert(
    tx: &Tx,
    sql: &str,
    (scope, sealer, now, lease): (&Scope, &Sealer, Timestamp, Option<Timestamp>),
    new: &New<'_>,
) -> Result<Row> {
    let (organization, id) = (scope.organization_id(), Uuid::now_v7());
    let row = id.to_string();
    let seal = |column: &Column, secret: Option<&SecretString>| {
        secret.map(|secret| sealer.seal(column.place(organization, &row), secret))
    };
    let (token, code, pin) =
        (seal(&CONNECTION_TOKEN, new.token), seal(&CONNECTION_CODE, new.code), seal(&CONNECTION_PIN, new.pin));
    let signup = new.how == How::Signup;
    let due_at = (!signup || new.code.is_some()).then_some(now);
    let row = tx
        .query_opt(
            sql,
            &[
                &organization,
                &id,
                &new.how.word(),
                &new.phone_number_id,
                &new.waba_id,
                &new.app_id,
                &new.number_id,
                &new.session_event,
                &(signup && new.session_event.is_none()),
                &json(&new.wishes),
                &json(&step::plan(new.how, new.wishes)),
                &json(&Learned::default()),
                &token.as_deref(),
                &code.as_deref(),
                &pin.as_deref(),
                &due_at,
                &lease,
                &now,
            ],
        )
        .await?;
    Ok(row.expect("INSERT … RETURNING answers a row"))
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own shapes are JSON")
}
