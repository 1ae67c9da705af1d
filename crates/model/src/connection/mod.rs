//! How a number comes to an organization, and leaves it: one attempt, step by step.
//!
//! Calls to Meta fail half-way, so an attempt is a row: what is asked for, sealed secrets, and the steps with what came
//! of each. A worker takes it with [`any_organization_take`], makes the calls, and writes each step as it ends
//! ([`Job::any_organization_save`]). What failed is resumed from where it stopped ([`retry`]).

mod begin;
mod job;
mod kept;
mod proof;
mod resume;
mod step;
mod sweep;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

pub use begin::{New, any_organization_begin, begin};
pub use job::{AT_ONCE_EACH, Job, LEASE, Learned, any_organization_take};
pub use proof::Unproved;
pub use resume::{Half, NotNow, Resume, join, retry};
pub use step::{State, Step, What};
pub use sweep::any_organization_sweep;

use crate::act::Act;
use crate::audit::Deed;
use crate::database::{DatabaseError, Result, Tenant, stored_json};
use crate::page::{Cursor, Page};
use crate::trouble::Trouble;

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Connects a number whose ids and token are known.
    Token,
    /// Connects a number that comes through Meta's Embedded Signup.
    Signup,
    /// Gives a connected number another token.
    Rotation,
    /// Disconnects a number.
    Disconnection,
}

impl How {
    /// As it is written in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Signup => "signup",
            Self::Rotation => "rotation",
            Self::Disconnection => "disconnection",
        }
    }

    fn of(word: &str) -> Result<Self> {
        Ok(match word {
            "token" => Self::Token,
            "signup" => Self::Signup,
            "rotation" => Self::Rotation,
            "disconnection" => Self::Disconnection,
            other => return Err(DatabaseError::UnknownWord { column: "connection.how", word: other.to_owned() }),
        })
    }
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Under way, or waiting for the other half of a sign-up.
    Running,
    /// Stopped at the step that failed; it can be resumed.
    Failed,
    /// At its end.
    Done,
}

impl Progress {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    fn of(word: &str) -> Result<Self> {
        Ok(match word {
            "running" => Self::Running,
            "failed" => Self::Failed,
            "done" => Self::Done,
            other => return Err(DatabaseError::UnknownWord { column: "connection.state", word: other.to_owned() }),
        })
    }
}

/// What is asked for beside the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Set the App's webhook subscription, where it lacks something.
    pub set_webhook: bool,
    /// Have the webhooks of this account come here, whatever the App's own callback is.
    pub override_callback: bool,
    /// Give the new token to every connected number of the account.
    pub account: bool,
    /// Take the number off the Cloud API.
    pub deregister: bool,
    /// Leave the App subscribed to the account.
    pub keep_subscription: bool,
}

/// An attempt to connect a number, to give it another token, or to disconnect it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Connection {
    /// UUIDv7.
    pub id: Uuid,
    /// What it is for.
    pub how: How,
    /// How far it is.
    pub state: Progress,
    /// Meta's id of the number, once it is known.
    pub phone_number_id: Option<String>,
    /// Meta's id of its account, once it is known.
    pub waba_id: Option<String>,
    /// The App; null: the server's own.
    pub app_id: Option<String>,
    /// The number, once it is connected.
    pub number_id: Option<Uuid>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What it waits for: `code` or `session` of a sign-up; null: nothing.
    pub awaits: Option<String>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When something last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it came to its end, or stopped.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// What [`Connection::read`] reads: the web role may read no secret, sealed or not.
macro_rules! connection_columns {
    () => {
        "id, how, state, phone_number_id, waba_id, app_id, number_id, steps, session_event, awaits_session, due_at, \
         created_at, updated_at, ended_at"
    };
}
use connection_columns;

impl Connection {
    fn read(row: &Row) -> Result<Self> {
        let how = How::of(row.get("how"))?;
        let state = Progress::of(row.get("state"))?;
        let running = state == Progress::Running;
        let awaits_code = running && row.get::<_, Option<Timestamp>>("due_at").is_none();
        let awaits_session = running && row.get("awaits_session");
        let awaits = if awaits_code { Some("code") } else { awaits_session.then_some("session") };
        Ok(Self {
            id: row.get("id"),
            how,
            state,
            phone_number_id: row.get("phone_number_id"),
            waba_id: row.get("waba_id"),
            app_id: row.get("app_id"),
            number_id: row.get("number_id"),
            steps: steps(row)?,
            awaits: awaits.map(str::to_owned),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
            ended_at: row.get("ended_at"),
        })
    }

    /// That it was begun, as the audit tells it.
    pub fn begun(&self) -> Deed {
        self.deed(self.how.word())
    }

    /// That something was done to it; without what is secret in it.
    pub fn deed(&self, what: &'static str) -> Deed {
        let said = json!({ "how": self.how, "phone_number_id": self.phone_number_id, "waba_id": self.waba_id,
            "app_id": self.app_id, "number_id": self.number_id });
        let named = self.phone_number_id.clone().unwrap_or_default();
        Deed::new(Act::ManageNumbers, what, self.id, named).changed(None, Some(said))
    }

    /// The step that failed.
    pub fn failed(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.state == State::Failed)
    }

    /// What Meta had against it without stopping it.
    pub fn warnings(&self) -> Vec<Trouble> {
        self.steps.iter().filter_map(|step| step.warning.clone()).collect()
    }
}

/// The steps, as they are stored.
fn steps(row: &Row) -> Result<Vec<Step>> {
    stored_json(row, "steps", "connection.steps")
}

/// An organization's attempts, newest first.
pub async fn list(tx: &Tenant, before: Option<Cursor>, limit: i64) -> Result<Page<Connection>> {
    let before = before.unwrap_or(Cursor::at(Timestamp::MAX, Uuid::max()));
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                connection_columns!(),
                " FROM wazapp.connection WHERE organization_id = $1 AND (created_at, id) < ($2, $3)
                 ORDER BY created_at DESC, id DESC LIMIT $4"
            ),
            &[&tx.organization_id(), &before.timestamp(), &before.tie, &(limit + 1)],
        )
        .await?;
    let rows = rows.iter().map(Connection::read).collect::<Result<_>>()?;
    Ok(Page::new(rows, limit, |row: &Connection| Cursor::at(row.created_at, row.id)))
}

/// One attempt.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Connection>> {
    let row = tx
        .query_opt(
            concat!("SELECT ", connection_columns!(), " FROM wazapp.connection WHERE organization_id = $1 AND id = $2"),
            &[&tx.organization_id(), &id],
        )
        .await?;
    row.as_ref().map(Connection::read).transpose()
}
