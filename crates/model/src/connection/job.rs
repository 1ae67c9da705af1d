//! An attempt as whoever works on it holds it.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::begin::json;
use super::kept::Kept;
use super::proof::Answered;
use super::{Connection, Progress, State, Step, What, Wishes};
use crate::database::{CANDIDATES, Operator, Result};
use crate::scope::Scope;
use crate::secret::sealed::{CONNECTION_CODE, CONNECTION_PIN, CONNECTION_TOKEN, Column};
use crate::secret::{Keyring, Unopenable};
use crate::trouble::{Trouble, Words};

/// How long a taken attempt is its taker's, from step to step. Longer than the calls of any step.
pub const LEASE: SignedDuration = SignedDuration::from_secs(180);

/// Attempts of one organization that are worked on at once: others have their turn beside them.
pub const AT_ONCE_EACH: i64 = 4;

/// What Meta said of a token and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// The App that the token belongs to.
    pub token_app_id: Option<String>,
    /// When the token ends; `None`: never, or not known.
    pub token_expires_at: Option<Timestamp>,
    /// When Meta said that it is good.
    pub token_checked_at: Option<Timestamp>,
    /// Which ids, and to which token: [`Job::proof`] is made of it.
    pub(super) answered: Option<Answered>,
    /// Digits.
    pub display_phone_number: Option<String>,
    /// The approved name.
    pub verified_name: Option<String>,
    /// What Meta decided of the name.
    pub name_status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality_rating: Option<String>,
    /// Such as `TIER_2K`.
    pub messaging_limit: Option<String>,
    /// `STANDARD` or `HIGH`.
    pub throughput: Option<String>,
    /// `CLOUD_API`, …
    pub platform_type: Option<String>,
    /// Meta's word for how the number stands: `CONNECTED`, `PENDING`, …
    pub meta_status: Option<String>,
    /// Whether the WhatsApp Business app shares the number.
    pub is_on_biz_app: Option<bool>,
    /// Meta's id of the same number before it moved, where that one is dead and the organization's.
    pub former: Option<String>,
    /// Where Meta sends its webhooks, as `webhook_configuration`.
    pub webhooks: Option<serde_json::Value>,
}

/// An attempt under way. `Debug` shows no secret, not even sealed.
#[derive(Clone)]
pub struct Job {
    /// The attempt.
    pub connection: Connection,
    /// Its organization.
    pub scope: Scope,
    /// How Meta's window said that the sign-up ended.
    pub session_event: Option<String>,
    /// Whether that may still come.
    pub awaits_session: bool,
    /// What is asked for beside the connection.
    pub wishes: Wishes,
    /// What Meta said so far.
    pub learned: Learned,
    /// How often the step at hand was tried and brought no answer.
    pub attempts: u32,
    fence: i64,
    token: Kept,
    code: Kept,
    pin: Kept,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({})", self.connection.id)
    }
}

impl Job {
    pub(super) fn read(row: &Row) -> Result<Self> {
        let (wishes, learned): (Json<Wishes>, Json<Learned>) = (row.get("wishes"), row.get("learned"));
        Ok(Self {
            connection: Connection::read(row)?,
            scope: Scope::new(row.get("organization_id")),
            session_event: row.get("session_event"),
            awaits_session: row.get("awaits_session"),
            wishes: wishes.0,
            learned: learned.0,
            attempts: u32::try_from(row.get::<_, i32>("attempts")).unwrap_or(0),
            fence: row.get("fence"),
            token: Kept::Stands(row.get("token")),
            code: Kept::Stands(row.get("code")),
            pin: Kept::Stands(row.get("pin")),
        })
    }

    /// The token, opened for a call.
    pub fn token(&self, keyring: &Keyring) -> Result<Option<SecretString>, Unopenable> {
        self.open(keyring, &CONNECTION_TOKEN, &self.token)
    }

    /// What the token is told from others by.
    pub(super) fn token_mark(&self) -> Option<String> {
        Some(HEXLOWER.encode(&self.token.mark()?))
    }

    /// The code of the sign-up.
    pub fn code(&self, keyring: &Keyring) -> Result<Option<SecretString>, Unopenable> {
        self.open(keyring, &CONNECTION_CODE, &self.code)
    }

    /// The PIN to register with.
    pub fn pin(&self, keyring: &Keyring) -> Result<Option<SecretString>, Unopenable> {
        self.open(keyring, &CONNECTION_PIN, &self.pin)
    }

    fn open(&self, keyring: &Keyring, column: &Column, kept: &Kept) -> Result<Option<SecretString>, Unopenable> {
        kept.open(keyring, column, (self.scope.organization_id(), &self.connection.id.to_string()))
    }

    /// Keeps a token for the steps to come.
    pub fn keep_token(&mut self, keyring: &Keyring, token: &SecretString) {
        self.token = Kept::fresh(keyring, token);
    }

    /// The code is good once.
    pub fn forget_code(&mut self) {
        self.code = Kept::Forgotten;
    }

    /// A PIN that was refused is not tried again.
    pub fn forget_pin(&mut self) {
        self.pin = Kept::Forgotten;
    }

    /// The step to do now. `None`: all is done, or it has failed.
    pub fn next(&self) -> Option<What> {
        let first = self.connection.steps.iter().find(|step| !step.is_over())?;
        (first.state != State::Failed).then_some(first.name)
    }

    /// Whether a step came to its end, good or bad.
    pub fn is_past(&self, what: What) -> bool {
        let step = self.connection.steps.iter().find(|step| step.name == what);
        step.is_some_and(|step| step.is_over() || step.state == State::Failed)
    }

    /// A step is under way.
    pub fn starts(&mut self, what: What, now: Timestamp) {
        self.mark(what, State::Running, now);
    }

    /// A step is done, or there was no need of it.
    pub fn did(&mut self, what: What, state: State, detail: Words, warning: Option<Trouble>, now: Timestamp) {
        self.attempts = 0;
        let step = self.mark(what, state, now);
        (step.detail, step.error, step.warning) = (Some(detail), None, warning);
    }

    /// A step failed, and the attempt with it.
    pub fn failed(&mut self, what: What, why: Trouble, now: Timestamp) {
        self.attempts = 0;
        let step = self.mark(what, State::Failed, now);
        (step.detail, step.error) = (None, Some(why));
        self.connection.state = Progress::Failed;
        self.connection.ended_at = Some(now);
    }

    /// A step is tried again later.
    pub fn again(&mut self, what: What, why: Option<Trouble>, now: Timestamp) {
        self.mark(what, State::Running, now).error = why;
    }

    /// Everything is done; the secrets are forgotten.
    pub fn ends(&mut self, now: Timestamp) {
        (self.token, self.code, self.pin) = (Kept::Forgotten, Kept::Forgotten, Kept::Forgotten);
        self.connection.state = Progress::Done;
        self.connection.ended_at = Some(now);
    }

    fn mark(&mut self, what: What, state: State, now: Timestamp) -> &mut Step {
        self.connection.updated_at = now;
        let step = self.connection.steps.iter_mut().find(|step| step.name == what);
        let step = step.expect("a step is one of its plan");
        // No finer than the columns beside it.
        (step.state, step.at) = (state, Timestamp::from_microsecond(now.as_microsecond()).ok());
        step
    }

    /// Writes how far it is. `hold`: it stays ours; otherwise whoever looks at `due_at` goes on. False: it was taken by
    /// somebody else, after our lease had ended.
    pub async fn any_organization_save(&self, tx: &Operator, hold: bool, due_at: Timestamp) -> Result<bool> {
        let connection = &self.connection;
        let now = connection.updated_at;
        let (row, of) = (connection.id.to_string(), self.scope.organization_id());
        let (new_token, token) = self.token.written(tx, &CONNECTION_TOKEN, (of, &row)).await?;
        let (new_code, code) = self.code.written(tx, &CONNECTION_CODE, (of, &row)).await?;
        let (new_pin, pin) = self.pin.written(tx, &CONNECTION_PIN, (of, &row)).await?;
        let row = tx
            .query_opt(
                "UPDATE wazapp.connection SET state = $4, phone_number_id = coalesce($5, phone_number_id),
                   waba_id = coalesce($6, waba_id), number_id = $7, awaits_session = awaits_session AND $8,
                   steps = $9::text::json, learned = $10::text::json,
                   token = CASE WHEN $19 THEN $11 ELSE token END, code = CASE WHEN $20 THEN $12 ELSE code END,
                   pin = CASE WHEN $21 THEN $13 ELSE pin END, attempts = $14,
                   due_at = $15, lease_until = $16, updated_at = $17, ended_at = $18
                 WHERE organization_id = $1 AND id = $2 AND fence = $3 RETURNING id",
                &[
                    &self.scope.organization_id(),
                    &connection.id,
                    &self.fence,
                    &connection.state.word(),
                    &connection.phone_number_id,
                    &connection.waba_id,
                    &connection.number_id,
                    &self.awaits_session,
                    &json(&connection.steps),
                    &json(&self.learned),
                    &token.as_deref(),
                    &code.as_deref(),
                    &pin.as_deref(),
                    &i32::try_from(self.attempts).unwrap_or(i32::MAX),
                    &due_at,
                    &hold.then_some(now + LEASE),
                    &now,
                    &connection.ended_at,
                    &new_token,
                    &new_code,
                    &new_pin,
                ],
            )
            .await?;
        Ok(row.is_some())
    }

    /// The attempt as it is written now. `None`: somebody else took it.
    pub async fn any_organization_reread(&self, tx: &Operator) -> Result<Option<Self>> {
        let row = tx
            .query_opt(
                "SELECT * FROM wazapp.connection WHERE organization_id = $1 AND id = $2 AND fence = $3",
                &[&self.scope.organization_id(), &self.connection.id, &self.fence],
            )
            .await?;
        row.as_ref().map(Self::read).transpose()
    }

    /// Looks whether the session came meanwhile, and takes none from here on, unless it is still waited for.
    pub async fn any_organization_hear_session(&mut self, tx: &Operator, still_waiting: bool) -> Result<()> {
        let row = tx
            .query_opt(
                "UPDATE wazapp.connection SET awaits_session = awaits_session AND $3
                 WHERE organization_id = $1 AND id = $2
                 RETURNING session_event, awaits_session, waba_id, phone_number_id",
                &[&self.scope.organization_id(), &self.connection.id, &still_waiting],
            )
            .await?;
        if let Some(row) = row {
            self.session_event = row.get("session_event");
            self.awaits_session = row.get("awaits_session");
            self.connection.waba_id = row.get("waba_id");
            self.connection.phone_number_id = row.get("phone_number_id");
        }
        Ok(())
    }
}

/// Takes the attempt that has waited longest, of an organization that has not [`AT_ONCE_EACH`] under way. `None`: there is
/// none.
pub async fn any_organization_take(tx: &Operator, now: Timestamp) -> Result<Option<Job>> {
    let due = tx
        .query(
            "SELECT organization_id, id FROM wazapp.connection
             WHERE state = 'running' AND due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
               AND organization_id NOT IN (SELECT organization_id FROM wazapp.connection
                 WHERE state = 'running' AND lease_until > $1 GROUP BY organization_id HAVING count(*) >= $2)
             ORDER BY due_at LIMIT $3",
            &[&now, &AT_ONCE_EACH, &CANDIDATES],
        )
        .await?;
    for one in due {
        let (organization_id, id): (Uuid, Uuid) = (one.get("organization_id"), one.get("id"));
        let row = tx
            .query_opt(
                "WITH next AS (
                   SELECT id FROM wazapp.connection
                   WHERE organization_id = $1 AND id = $2 AND state = 'running' AND due_at <= $3
                     AND (lease_until IS NULL OR lease_until <= $3) FOR UPDATE SKIP LOCKED)
                 UPDATE wazapp.connection c SET fence = c.fence + 1, lease_until = $4
                 FROM next WHERE c.organization_id = $1 AND c.id = next.id RETURNING c.*",
                &[&organization_id, &id, &now, &(now + LEASE)],
            )
            .await?;
        if let Some(row) = row {
            return Job::read(&row).map(Some);
        }
    }
    Ok(None)
}
