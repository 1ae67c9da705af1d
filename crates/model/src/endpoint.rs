//! Where an organization's programs hear of what happens.
//!
//! An endpoint follows a log by a cursor of its own: events, or, in Meta's format, the bodies that Meta sent ([`crate::relay`]).
//! What it is to hear becomes a [`crate::delivery`] when the worker comes by; where things happen nothing is written for it.

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
use crate::database::{DatabaseError, Operator, RawJson, Result, Tenant, stored_json};
use crate::event::{self, Kind};
use crate::scope::Scope;
use crate::secret::sealed::{ENDPOINT_HEADERS, ENDPOINT_SECRET};
use crate::secret::{self, Keyring};
use crate::sight;
use crate::trouble::Trouble;

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

/// Makes an endpoint, which hears what happens from now on. Its secret is returned here and never again.
pub async fn create(
    tx: &Tenant,
    now: Timestamp,
    keyring: &Keyring,
    format: Format,
    wanted: &Wanted,
    headers: &Headers,
) -> Result<Result<(Endpoint, SecretString), Unfit>> {
    // What comes behind its cursor is all of it: nobody writes into the log meanwhile.
    event::line(tx).await?;
    if list(tx).await?.len() >= MOST {
        return Ok(Err(Unfit::TooMany));
    }
    if let Some(unfit) = unfit(tx, format, wanted).await? {
        return Ok(Err(unfit));
    }
    let (organization_id, id, secret) = (tx.organization_id(), Uuid::now_v7(), new_secret());
    let (sealer, row) = (keyring.request_sealer(), id.to_string());
    let sealed = sealer.seal(ENDPOINT_SECRET.place(organization_id, &row), &secret);
    let more =
        (!headers.is_empty()).then(|| sealer.seal(ENDPOINT_HEADERS.place(organization_id, &row), &written(headers)));
    if format == Format::Meta {
        tx.query(
            "UPDATE wazapp.organization_sequence SET relays = true WHERE organization_id = $1",
            &[&organization_id],
        )
        .await?;
    }
    tx.query(
        "INSERT INTO wazapp.endpoint (organization_id, id, url, format, kinds, number_ids, description, rate, concurrency,
           in_order, quiet_ms, most_ms, header_names, headers, secret, state, state_at, cursor, next_at, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'on', $16::timestamptz,
           CASE WHEN $4 = 'meta' THEN s.relayed ELSE s.last END, $16::timestamptz, $16::timestamptz
         FROM wazapp.organization_sequence s WHERE s.organization_id = $1",
        &[
            &organization_id,
            &id,
            &wanted.url,
            &format.word(),
            &wanted.kinds,
            &wanted.number_ids,
            &wanted.description,
            &wanted.rate,
            &wanted.concurrency,
            &wanted.in_order,
            &wanted.gather.map(|gather| gather.quiet_ms),
            &wanted.gather.map(|gather| gather.most_ms),
            &headers.keys().cloned().collect::<Vec<String>>(),
            &more,
            &sealed,
            &now,
        ],
    )
    .await?;
    let made = get(tx, id).await?.expect("it was written in this transaction");
    Ok(Ok((made, secret)))
}

async fn unfit(tx: &Tenant, format: Format, wanted: &Wanted) -> Result<Option<Unfit>> {
    if let Err(mistake) = wanted.check(format) {
        return Ok(Some(Unfit::Wrong(mistake)));
    }
    let numbers = wanted.number_ids.as_deref().unwrap_or_default();
    let foreign = sight::foreign_numbers(tx, numbers).await?;
    Ok(foreign.first().copied().map(Unfit::NoNumber))
}

/// What becomes of what an endpoint did not hear while it was off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resume {
    /// It is told now.
    #[default]
    Gap,
    /// It is told what happens from now on.
    Now,
}

/// Whether it is to be called, and what becomes of its gap.
pub type Turn = Option<(State, Resume)>;

/// Changes an endpoint from what it is once it is its turn, so that two who change it at once undo nothing of each other's;
/// what it is told with, where `headers` are given. The answer is the endpoint before and after; `None`: there is none.
pub async fn change(
    tx: &Tenant,
    now: Timestamp,
    keyring: &Keyring,
    id: Uuid,
    edit: impl FnOnce(Wanted) -> Wanted,
    headers: Option<&Headers>,
    turn: Turn,
) -> Result<Option<Result<(Endpoint, Endpoint), Unfit>>> {
    let line = event::line(tx).await?;
    let Some(before) = get(tx, id).await? else { return Ok(None) };
    let wanted = edit(Wanted::from(&before));
    if let Some(unfit) = unfit(tx, before.format, &wanted).await? {
        return Ok(Some(Err(unfit)));
    }
    let organization_id = tx.organization_id();
    // Another URL begins anew: how the one before did says nothing of it.
    tx.query(
        "UPDATE wazapp.endpoint SET url = $3, kinds = $4, number_ids = $5, description = $6, rate = $7, concurrency = $8,
           in_order = $9, quiet_ms = $10, most_ms = $11, revision = revision + (url <> $3)::int,
           failures = CASE WHEN url = $3 THEN failures ELSE 0 END, failing_since = CASE WHEN url = $3 OR state <> 'on' THEN failing_since END,
           rests_until = NULL, due_at = $12
         WHERE organization_id = $1 AND id = $2",
        &[
            &organization_id,
            &id,
            &wanted.url,
            &wanted.kinds,
            &wanted.number_ids,
            &wanted.description,
            &wanted.rate,
            &wanted.concurrency,
            &wanted.in_order,
            &wanted.gather.map(|gather| gather.quiet_ms),
            &wanted.gather.map(|gather| gather.most_ms),
            &now,
        ],
    )
    .await?;
    if let Some(headers) = headers {
        let place = id.to_string();
        let place = ENDPOINT_HEADERS.place(organization_id, &place);
        let sealed = (!headers.is_empty()).then(|| keyring.request_sealer().seal(place, &written(headers)));
        tx.query(
            "UPDATE wazapp.endpoint SET header_names = $3, headers = $4 WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &id, &headers.keys().cloned().collect::<Vec<String>>(), &sealed],
        )
        .await?;
    }
    let turned = match turn {
        Some((State::On, resume)) => turn_on(tx, now, &before, resume).await?,
        Some((state, _)) => turn_off(tx, now, id, state).await?,
        None => false,
    };
    let after = get(tx, id).await?.expect("it was there in this transaction");
    if turned {
        line.record(after.turned(now)).await?;
    }
    Ok(Some(Ok((before, after))))
}

/// Since when it is not called stays as it was: its gap begins there.
async fn turn_off(tx: &Tenant, now: Timestamp, id: Uuid, state: State) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.endpoint SET state = $3, trouble = NULL, state_at = CASE WHEN state = 'on' THEN $4 ELSE state_at END
             WHERE organization_id = $1 AND id = $2 AND state <> $3 RETURNING id",
            &[&tx.organization_id(), &id, &state.word(), &now],
        )
        .await?;
    Ok(row.is_some())
}

/// It goes on where it stood; what waits is due at once. Or what waits is skipped, and it goes on from now.
async fn turn_on(tx: &Tenant, now: Timestamp, before: &Endpoint, resume: Resume) -> Result<bool> {
    if before.state == State::On {
        return Ok(false);
    }
    let organization_id = tx.organization_id();
    match resume {
        Resume::Gap => {
            tx.query(
                "UPDATE wazapp.delivery SET state = 'waiting', step = 0, due_at = $3, ended_at = NULL,
                   batch_id = CASE WHEN state = 'waiting' THEN batch_id END
                 WHERE organization_id = $1 AND endpoint_id = $2
                   AND (state = 'waiting' OR state = 'failed' AND ended_at >= $4)",
                &[&organization_id, &before.id, &now, &before.failing_since.unwrap_or(before.state_at)],
            )
            .await?;
        }
        Resume::Now => {
            tx.query(
                "UPDATE wazapp.delivery SET state = 'skipped', ended_at = $3
                 WHERE organization_id = $1 AND endpoint_id = $2
                   AND (state = 'waiting' OR state = 'calling' AND due_at <= $3)",
                &[&organization_id, &before.id, &now],
            )
            .await?;
            tx.query(
                "UPDATE wazapp.endpoint e SET cursor = CASE WHEN e.format = 'meta' THEN s.relayed ELSE s.last END
                 FROM wazapp.organization_sequence s
                 WHERE e.organization_id = $1 AND e.id = $2 AND s.organization_id = $1",
                &[&organization_id, &before.id],
            )
            .await?;
        }
    }
    tx.query(
        "UPDATE wazapp.endpoint SET state = 'on', state_at = $3, trouble = NULL, failing_since = NULL, failures = 0,
           spread_at = NULL, rests_until = NULL, due_at = $3 WHERE organization_id = $1 AND id = $2",
        &[&organization_id, &before.id, &now],
    )
    .await?;
    Ok(true)
}

/// Ends an endpoint, and all that waits for it. `None`: there is none.
pub async fn delete(tx: &Tenant, id: Uuid) -> Result<Option<Endpoint>> {
    event::line(tx).await?;
    let Some(before) = get(tx, id).await? else { return Ok(None) };
    let organization_id = tx.organization_id();
    tx.query("DELETE FROM wazapp.endpoint WHERE organization_id = $1 AND id = $2", &[&organization_id, &id]).await?;
    tx.query(
        "UPDATE wazapp.organization_sequence SET relays = false WHERE organization_id = $1 AND relays
         AND NOT EXISTS (SELECT FROM wazapp.endpoint e WHERE e.organization_id = $1 AND e.format = 'meta')",
        &[&organization_id],
    )
    .await?;
    Ok(Some(before))
}

/// Makes another secret; the one before signs too for [`OVERLAP`]. `None`: there is no such endpoint.
pub async fn any_organization_rotate(
    tx: &Operator,
    now: Timestamp,
    keyring: &Keyring,
    scope: &Scope,
    id: Uuid,
) -> Result<Option<(Endpoint, SecretString)>> {
    let (organization_id, row, secret) = (scope.organization_id(), id.to_string(), new_secret());
    let sealed = keyring.sealer(tx).await?.seal(ENDPOINT_SECRET.place(organization_id, &row), &secret);
    let row = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.endpoint SET former_secret = secret, former_until = $3, secret = $4
                 WHERE organization_id = $1 AND id = $2 RETURNING ",
                columns!()
            ),
            &[&organization_id, &id, &(now + OVERLAP), &sealed],
        )
        .await?;
    row.as_ref().map(|row| Ok((Endpoint::read(row)?, secret))).transpose()
}

/// Turns an endpoint off for what one of its URLs answered, and tells the organization, once. False: it was off already, or has
/// another URL by now. In a transaction that has touched nothing yet: it takes the organization's line.
pub async fn any_organization_turn_off(
    tx: &Operator,
    now: Timestamp,
    scope: &Scope,
    (id, revision): (Uuid, i32),
    (state, why): (State, &Trouble),
) -> Result<bool> {
    let line = event::line_of(tx, scope).await?;
    let trouble = serde_json::to_string(why).expect("a trouble is JSON");
    let row = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.endpoint SET state = $3, state_at = $4, trouble = $5
                 WHERE organization_id = $1 AND id = $2 AND revision = $6 AND state = 'on' RETURNING ",
                columns!()
            ),
            &[&scope.organization_id(), &id, &state.word(), &now, &Some(RawJson(&trouble)), &revision],
        )
        .await?;
    let Some(endpoint) = row.as_ref().map(Endpoint::read).transpose()? else { return Ok(false) };
    line.record(endpoint.turned(now)).await?;
    Ok(true)
}
