//! Where an organization's programs hear of what happens.
//!
//! An endpoint follows a log by a cursor of its own: events, or, in Meta's format, the bodies that Meta sent ([`crate::relay`]).
//! What it is to hear becomes a [`crate::delivery`] when the worker comes by; where things happen nothing is written for it.

mod change;
mod check;

use std::collections::BTreeMap;

use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::Act;
use crate::audit::Deed;
use crate::database::{DatabaseError, Result, Tenant, stored_json};
use crate::event::{self, Kind};
use crate::secret;
use crate::trouble::Trouble;

pub use change::{Resume, Turn, any_organization_rotate, any_organization_turn_off, change, create, delete};
pub use check::{Mistake, check_headers};

/// So many endpoints an organization may have.
pub const MOST: usize = 100;

/// For so long the secret before signs too, when another one is made.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// How many calls to an endpoint are under way at once, unless it says otherwise.
pub const CONCURRENCY: i16 = 8;

const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;

/// In what form an endpoint hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The event as JSON, signed as Standard Webhooks has it.
    Wazapp,
    /// Meta's own bodies, signed as Meta signs them.
    Meta,
}

impl Format {
    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wazapp => "wazapp",
            Self::Meta => "meta",
        }
    }

    /// Reads what people type.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Wazapp, Self::Meta].into_iter().find(|format| format.word() == word)
    }

    pub(crate) fn read(word: &str) -> Result<Self> {
        Self::of(word).ok_or_else(|| DatabaseError::UnknownWord { column: "endpoint.format", word: word.to_owned() })
    }

    /// Whether an endpoint of this format can ask for a kind.
    pub fn has_kind(self, word: &str) -> bool {
        match self {
            Self::Wazapp => Kind::may_be(word),
            Self::Meta => {
                let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
                !word.is_empty() && word.len() <= 100 && word.bytes().all(plain)
            }
        }
    }

    /// What an endpoint asks for that does not say: what most want, and of Meta's format what a callback of Meta's gets.
    pub fn usual_kinds(self) -> Option<Vec<String>> {
        match self {
            Self::Wazapp => Some(vec![Kind::MessageReceived.word().into_owned()]),
            Self::Meta => None,
        }
    }
}

/// Whether an endpoint is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EndpointState)]
pub enum State {
    /// It is called.
    On,
    /// It is not called; what happens meanwhile is its gap.
    Off,
    /// It answered 410: it does not want to be called any more.
    Gone,
}

impl State {
    const ALL: [Self; 3] = [Self::On, Self::Off, Self::Gone];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Gone => "gone",
        }
    }

    fn read(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|state| state.word() == word);
        known.ok_or_else(|| DatabaseError::UnknownWord { column: "endpoint.state", word: word.to_owned() })
    }
}

/// Events of a conversation that come together are told in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gathering {
    /// Once the conversation was quiet for so many milliseconds.
    #[schema(minimum = 100, maximum = 60_000)]
    pub quiet_ms: i32,
    /// So many milliseconds after the first at the latest.
    #[schema(minimum = 100, maximum = 600_000)]
    pub most_ms: i32,
}

/// An endpoint, as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Endpoint {
    /// UUIDv7.
    pub id: Uuid,
    /// What is called.
    pub url: String,
    /// In what form it hears.
    pub format: Format,
    /// Types of events, or Meta's fields; null: all.
    pub kinds: Option<Vec<String>>,
    /// Only of these numbers; null: of all, and of what is of no number.
    pub number_ids: Option<Vec<Uuid>>,
    /// What people call it.
    pub description: String,
    /// Calls a second; null: as many as there are.
    pub rate: Option<i32>,
    /// Calls under way at once.
    pub concurrency: i16,
    /// Whether of each conversation one is told at a time, in order.
    pub in_order: bool,
    /// Whether events of a conversation are told together; null: each by itself.
    pub gather: Option<Gathering>,
    /// The names of further headers. What they say is never shown.
    pub header_names: Vec<String>,
    /// Whether it is called.
    pub state: State,
    /// Why it is not, where nobody here turned it off.
    #[schema(value_type = Option<Object>)]
    pub trouble: Option<Trouble>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub state_at: Timestamp,
    /// Since when every call failed; null: the last one went well, or there was none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// How many calls failed in a row.
    pub failures: i32,
    /// When it last took something.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
    /// How far it has come in the event log; in Meta's format in what Meta sent.
    pub cursor: i64,
    /// Until when the secret before signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub former_secret_until: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Endpoint {
    fn read(row: &Row) -> Result<Self> {
        let quiet: Option<i32> = row.get("quiet_ms");
        Ok(Self {
            id: row.get("id"),
            url: row.get("url"),
            format: Format::read(row.get("format"))?,
            kinds: row.get("kinds"),
            number_ids: row.get("number_ids"),
            description: row.get("description"),
            rate: row.get("rate"),
            concurrency: row.get("concurrency"),
            in_order: row.get("in_order"),
            gather: quiet.zip(row.get("most_ms")).map(|(quiet_ms, most_ms)| Gathering { quiet_ms, most_ms }),
            header_names: row.get("header_names"),
            state: State::read(row.get("state"))?,
            trouble: stored_json(row, "trouble", "endpoint.trouble")?,
            state_at: row.get("state_at"),
            failing_since: row.get("failing_since"),
            failures: row.get("failures"),
            last_success_at: row.get("last_success_at"),
            cursor: row.get("cursor"),
            former_secret_until: row.get("former_until"),
            created_at: row.get("created_at"),
        })
    }

    /// That it was made, as the audit tells it.
    pub fn made(&self) -> Deed {
        self.deed("create").changed(None, Some(self.told()))
    }

    /// That it is another one than before.
    pub fn changed(&self, before: &Self) -> Deed {
        self.deed("change").changed(Some(before.told()), Some(self.told()))
    }

    /// That it has another secret.
    pub fn rotated(&self) -> Deed {
        self.deed("rotate")
    }

    /// That it ended.
    pub fn ended(&self) -> Deed {
        self.deed("delete").changed(Some(self.told()), None)
    }

    /// That something is told to it once more.
    pub fn told_again(&self, what: Value) -> Deed {
        self.deed("replay").changed(None, Some(what))
    }

    fn deed(&self, what: &'static str) -> Deed {
        Deed::new(Act::ManageEndpoints, what, self.id, self.host())
    }

    /// That it was turned on or off, for everybody who reads the log: its URL is for those who manage it.
    fn turned(&self, now: Timestamp) -> event::New {
        let told = json!({
            "id": self.id, "host": self.host(), "description": self.description, "format": self.format, "state": self.state,
            "trouble": self.trouble,
        });
        event::New::of(Kind::EndpointUpdated, now, None, &told)
    }

    /// Whom it calls. What stands behind the host may be a secret of theirs.
    pub fn host(&self) -> String {
        let behind = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        behind.split(['/', '?']).next().unwrap_or_default().to_owned()
    }

    fn told(&self) -> Value {
        json!({
            "host": self.host(), "format": self.format, "kinds": self.kinds, "number_ids": self.number_ids,
            "header_names": self.header_names, "state": self.state, "rate": self.rate, "concurrency": self.concurrency,
            "in_order": self.in_order, "gather": self.gather, "description": self.description,
        })
    }
}

/// What people say of an endpoint.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is called; it was checked.
    pub url: String,
    /// Types of events, or Meta's fields; `None`: all.
    pub kinds: Option<Vec<String>>,
    /// Only of these numbers.
    pub number_ids: Option<Vec<Uuid>>,
    /// What people call it.
    pub description: String,
    /// Calls a second.
    pub rate: Option<i32>,
    /// Calls under way at once.
    pub concurrency: i16,
    /// Whether of each conversation one is told at a time, in order.
    pub in_order: bool,
    /// Whether events of a conversation are told together.
    pub gather: Option<Gathering>,
}

impl From<&Endpoint> for Wanted {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            url: endpoint.url.clone(),
            kinds: endpoint.kinds.clone(),
            number_ids: endpoint.number_ids.clone(),
            description: endpoint.description.clone(),
            rate: endpoint.rate,
            concurrency: endpoint.concurrency,
            in_order: endpoint.in_order,
            gather: endpoint.gather,
        }
    }
}

/// Further headers of a call, by name.
pub type Headers = BTreeMap<String, SecretString>;

/// Headers as they are sealed.
pub(crate) fn written(headers: &Headers) -> SecretString {
    let shown: BTreeMap<&str, &str> =
        headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    SecretString::from(serde_json::to_string(&shown).expect("texts are JSON"))
}

/// Reads what [`written`] wrote.
pub(crate) fn read_headers(opened: &SecretString) -> Headers {
    let read: BTreeMap<String, String> = serde_json::from_str(opened.expose_secret()).unwrap_or_default();
    read.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect()
}

/// A secret as it is shown, once. What it signs with in format `wazapp` is what stands behind `whsec_`, as bytes.
pub fn new_secret() -> SecretString {
    let mut random = [0; SECRET_BYTES];
    secret::random(&mut random).expect("the operating system gives random bytes");
    SecretString::from(format!("{SECRET_PREFIX}{}", BASE64.encode(&random)))
}

/// The bytes behind `whsec_`, by which Standard Webhooks signs.
pub fn signing_key(secret: &SecretString) -> Vec<u8> {
    let text = secret.expose_secret();
    BASE64.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text).as_bytes()).unwrap_or_default()
}

/// Why there is no such endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It may not be so.
    Wrong(Mistake),
    /// The organization has as many as it may have.
    TooMany,
    /// It has no such number.
    NoNumber(Uuid),
}

macro_rules! columns {
    () => {
        "id, url, format, kinds, number_ids, description, rate, concurrency, in_order, quiet_ms, most_ms, header_names,
         former_until, state, trouble, state_at, cursor, failing_since, failures, last_success_at, created_at"
    };
}

use columns;

/// An organization's endpoints, oldest first.
pub async fn list(tx: &Tenant) -> Result<Vec<Endpoint>> {
    let rows = tx
        .query(
            concat!("SELECT ", columns!(), " FROM wazapp.endpoint WHERE organization_id = $1 ORDER BY id"),
            &[&tx.organization_id()],
        )
        .await?;
    rows.iter().map(Endpoint::read).collect()
}

/// Those that are not called any more, though nobody here turned them off.
pub async fn lost(tx: &Tenant) -> Result<Vec<Endpoint>> {
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                columns!(),
                " FROM wazapp.endpoint WHERE organization_id = $1 AND state <> 'on' AND trouble IS NOT NULL ORDER BY id"
            ),
            &[&tx.organization_id()],
        )
        .await?;
    rows.iter().map(Endpoint::read).collect()
}

/// One of them.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Endpoint>> {
    let row = tx
        .query_opt(
            concat!("SELECT ", columns!(), " FROM wazapp.endpoint WHERE organization_id = $1 AND id = $2"),
            &[&tx.organization_id(), &id],
        )
        .await?;
    row.as_ref().map(Endpoint::read).transpose()
}
