//! Which deliveries are called now.

mod content;
mod spread;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio_postgres::Row;
use uuid::Uuid;

use super::settle::NOTED;
use crate::database::{Operator, Result};
use crate::endpoint::{Format, Gathering, Headers};
use crate::event::Event;
use crate::relay;
use crate::restoration;
use crate::scope::Scope;
use crate::secret::sealed::{ENDPOINT_HEADERS, ENDPOINT_SECRET};
use crate::secret::{Keyring, Unopenable};
use content::calls;
use spread::spread;

/// A claim that nobody settled is made again after this: longer than a call takes.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// A look names at most so many endpoints.
pub const TURNS: usize = 256;

/// So much of a log is looked through at once.
const STRIDE: i64 = 500;

/// Of an endpoint for which so much waits already, no more is made: the rest stays in the log.
const MOST_WAITING: i64 = 2_000;

/// Then its log is looked at again after this.
const FULL: SignedDuration = SignedDuration::from_secs(5);

/// A claim takes at most so many.
const MOST: i64 = 64;

/// Events of one conversation that are told together, at most.
const MOST_GATHERED: i64 = 100;

/// After so many failures in a row one call at a time is made.
const DOUBTED: i32 = 3;

/// So many calls at once to an endpoint that never took anything.
const UNKNOWN: i64 = 2;

/// What nothing else makes due is looked at again after this.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// An endpoint that something is due for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// The owner.
    pub organization_id: Uuid,
    /// The endpoint.
    pub endpoint_id: Uuid,
}

/// The endpoints that are behind their logs, or that something is due for, at most [`TURNS`]; of these organizations, or of all.
/// Those of suspended organizations wait.
pub async fn any_organization_turns(tx: &Operator, now: Timestamp, of: Option<&[Uuid]>) -> Result<Vec<Turn>> {
    if restoration::is_held(tx).await? {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            "SELECT e.organization_id, e.id FROM wazapp.endpoint e
             JOIN wazapp.organization_sequence s ON s.organization_id = e.organization_id
             JOIN wazapp.organization o ON o.id = e.organization_id AND o.suspended_at IS NULL
             WHERE e.state = 'on' AND ($2::uuid[] IS NULL OR e.organization_id = ANY ($2))
               AND (e.due_at <= $1
                 OR e.cursor < CASE WHEN e.format = 'meta' THEN s.relayed ELSE s.last END
                    AND (e.spread_at IS NULL OR e.spread_at <= $1))
             ORDER BY e.due_at NULLS FIRST LIMIT $3",
            &[&now, &of.map(<[Uuid]>::to_vec), &i64::try_from(TURNS).unwrap_or(i64::MAX)],
        )
        .await?;
    Ok(rows.iter().map(|row| Turn { organization_id: row.get(0), endpoint_id: row.get(1) }).collect())
}

/// When the next endpoint is due by its schedule.
pub async fn any_organization_next(tx: &Operator, now: Timestamp) -> Result<Option<Timestamp>> {
    let row = tx
        .query_opt("SELECT min(due_at) FROM wazapp.endpoint WHERE state = 'on' AND due_at > $1", &[&now])
        .await?
        .expect("an aggregate answers a row");
    Ok(row.get(0))
}

/// What a call goes to, and how it is signed.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The owner.
    pub scope: Scope,
    /// The endpoint.
    pub endpoint_id: Uuid,
    /// What is called; it was checked when it was set.
    pub url: String,
    /// Which of its URLs that is.
    pub revision: i32,
    /// It took something of late, and nothing failed since.
    pub is_well: bool,
    /// In what form it hears.
    pub format: Format,
    /// Meta's fields that it asks for; `None`: all.
    pub kinds: Option<Vec<String>>,
    /// Only of these numbers.
    pub number_ids: Option<Vec<Uuid>>,
    headers: Option<Vec<u8>>,
    secret: Vec<u8>,
    former_secret: Option<Vec<u8>>,
}

impl Caller {
    /// What signs: the secret, and the one before while it holds.
    ///
    /// # Errors
    ///
    /// It does not open with this server's keys.
    pub fn secrets(&self, keyring: &Keyring) -> Result<Vec<SecretString>, Unopenable> {
        let row = self.endpoint_id.to_string();
        let place = ENDPOINT_SECRET.place(self.scope.organization_id(), &row);
        let sealed = std::iter::once(&self.secret).chain(&self.former_secret);
        sealed.map(|sealed| keyring.open(place, sealed)).collect()
    }

    /// Further headers.
    ///
    /// # Errors
    ///
    /// They do not open with this server's keys.
    pub fn headers(&self, keyring: &Keyring) -> Result<Headers, Unopenable> {
        let Some(sealed) = &self.headers else { return Ok(BTreeMap::new()) };
        let row = self.endpoint_id.to_string();
        let opened = keyring.open(ENDPOINT_HEADERS.place(self.scope.organization_id(), &row), sealed)?;
        Ok(crate::endpoint::read_headers(&opened))
    }
}

/// A claimed delivery.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub id: Uuid,
    /// Its place in the log; `None`: a test.
    pub sequence: Option<i64>,
    /// The how manieth time it is tried, and the fence.
    pub tries: i32,
    /// The how manieth time since it began, or was begun anew.
    pub step: i32,
    group: Uuid,
}

/// What is told.
#[derive(Clone, Debug)]
pub enum Content {
    /// An event.
    Event(Event),
    /// Events that are told together, oldest first, under an id of their own.
    Together(Uuid, Vec<Event>),
    /// A body of Meta's, and the changes in it.
    Body {
        /// As it was received.
        bytes: Vec<u8>,
        /// Its changes.
        parts: Vec<relay::Part>,
    },
    /// A test.
    Test,
    /// It has gone, past its retention.
    Past,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it settles.
    pub deliveries: Vec<Claimed>,
    /// What it tells.
    pub content: Content,
}

/// What a claim took.
#[derive(Clone, Debug)]
pub struct Served {
    /// Whom it calls.
    pub caller: Caller,
    /// The calls.
    pub calls: Vec<Call>,
    /// Whether the log goes on.
    pub behind: bool,
    /// Whether more is due, and waits for a place or for what is before it.
    pub more: bool,
}

/// An endpoint that is ours until the transaction ends.
struct Endpoint {
    caller: Caller,
    gather: Option<Gathering>,
    patterns: Option<Vec<String>>,
    in_order: bool,
    rate: Option<i32>,
    next_at: Timestamp,
    cursor: i64,
    end: i64,
    waits: bool,
    room: i64,
    /// Nothing is due, nor will be, but what is under way.
    is_empty: bool,
}

impl Endpoint {
    fn read(row: &Row, scope: Scope, now: Timestamp, room: i64) -> Result<Self> {
        let format = Format::read(row.get("format"))?;
        let quiet: Option<i32> = row.get("quiet_ms");
        let gather = quiet.zip(row.get("most_ms")).map(|(quiet_ms, most_ms)| Gathering { quiet_ms, most_ms });
        let gather = gather.filter(|_| format == Format::Wazapp);
        let kinds: Option<Vec<String>> = row.get("kinds");
        let concurrency = match row.get::<_, i32>("failures") {
            DOUBTED.. => 1,
            _ if row.get::<_, Option<Timestamp>>("last_success_at").is_none() => UNKNOWN,
            _ => i64::from(row.get::<_, i16>("concurrency")),
        };
        let spread_at: Option<Timestamp> = row.get("spread_at");
        let former: Option<Timestamp> = row.get("former_until");
        let rests_until: Option<Timestamp> = row.get("rests_until");
        let (under_way, open): (i64, i64) = (row.get("under_way"), row.get("open"));
        Ok(Self {
            gather,
            patterns: kinds.as_ref().map(|kinds| kinds.iter().map(|kind| pattern(kind)).collect()),
            in_order: row.get("in_order"),
            rate: row.get("rate"),
            next_at: row.get("next_at"),
            cursor: row.get("cursor"),
            end: row.get("log_end"),
            waits: spread_at.is_some_and(|at| at > now),
            is_empty: open == under_way,
            room: if rests_until > Some(now) { 0 } else { (concurrency - under_way).clamp(0, room.min(MOST)) },
            caller: Caller {
                scope,
                endpoint_id: row.get("id"),
                url: row.get("url"),
                revision: row.get("revision"),
                is_well: is_well(row, now),
                format,
                kinds,
                number_ids: row.get("number_ids"),
                headers: row.get("headers"),
                secret: row.get("secret"),
                former_secret: former.filter(|until| *until > now).and_then(|_| row.get("former_secret")),
            },
        })
    }

    /// Whether what is new is claimed as it is written: nothing is before it, nor does it wait for anything.
    fn takes_at_once(&self) -> bool {
        self.is_empty && self.gather.is_none() && !self.in_order && self.rate.is_none()
    }
}

fn is_well(row: &Row, now: Timestamp) -> bool {
    let taken: Option<Timestamp> = row.get("last_success_at");
    let rests: Option<Timestamp> = row.get("rests_until");
    row.get::<_, i32>("failures") == 0 && rests.is_none() && taken.is_some_and(|at| now.duration_since(at) < NOTED)
}

/// What is asked for, as LIKE takes it.
fn pattern(kind: &str) -> String {
    kind.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%").replace('*', "%")
}

/// Claims for several endpoints in one transaction. What each takes is sent behind what the others take, so that all of it is one
/// flush and few round trips.
pub async fn any_organization_claims(
    tx: &Operator,
    now: Timestamp,
    turns: &[Turn],
    room: i64,
) -> Result<Vec<(Turn, Served)>> {
    let claims = turns.iter().map(|turn| any_organization_claim(tx, now, *turn, room));
    let served = futures::future::try_join_all(claims).await?;
    Ok(turns.iter().copied().zip(served).filter_map(|(turn, served)| Some((turn, served?))).collect())
}

/// Makes deliveries of what is new for an endpoint, and claims what is due, at most `room`. `None`: another node is at it, or
/// it is off, or its organization is suspended.
async fn any_organization_claim(tx: &Operator, now: Timestamp, turn: Turn, room: i64) -> Result<Option<Served>> {
    let Some(row) = any_organization_lock(tx, now, turn).await? else { return Ok(None) };
    let mut endpoint = Endpoint::read(&row, Scope::new(turn.organization_id), now, room)?;
    let mut spread_at = row.get::<_, Option<Timestamp>>("spread_at");
    let mut claimed = Vec::new();
    if endpoint.cursor < endpoint.end && !endpoint.waits {
        spread_at = (row.get::<_, i64>("open") >= MOST_WAITING).then(|| now + FULL);
        if spread_at.is_none() {
            claimed = spread(tx, now, &mut endpoint).await?;
        }
    }
    if !endpoint.takes_at_once() {
        claimed = take(tx, now, &mut endpoint).await?;
    }
    let more = leave(tx, now, &endpoint, spread_at).await?;
    let behind = endpoint.cursor < endpoint.end && spread_at.is_none();
    let calls = calls(tx, &endpoint, claimed).await?;
    Ok(Some(Served { caller: endpoint.caller, calls, behind, more }))
}

async fn any_organization_lock(tx: &Operator, now: Timestamp, turn: Turn) -> Result<Option<Row>> {
    tx.query_opt(
        "SELECT e.*, CASE WHEN e.format = 'meta' THEN s.relayed ELSE s.last END AS log_end,
           (SELECT count(*) FROM wazapp.delivery d WHERE d.organization_id = $1 AND d.endpoint_id = $2
              AND d.state = 'calling' AND d.due_at > $3) AS under_way,
           (SELECT count(*) FROM (SELECT FROM wazapp.delivery d WHERE d.organization_id = $1 AND d.endpoint_id = $2
              AND d.state IN ('waiting', 'calling') LIMIT $4) open) AS open
         FROM wazapp.endpoint e JOIN wazapp.organization_sequence s ON s.organization_id = e.organization_id
         JOIN wazapp.organization o ON o.id = e.organization_id AND o.suspended_at IS NULL
         WHERE e.organization_id = $1 AND e.id = $2 AND e.state = 'on' FOR NO KEY UPDATE OF e SKIP LOCKED",
        &[&turn.organization_id, &turn.endpoint_id, &now, &MOST_WAITING],
    )
    .await
}

const TAKE_EACH: &str = "
    UPDATE wazapp.delivery SET state = 'calling', tries = tries + 1, step = step + 1, due_at = $4
    WHERE organization_id = $1 AND id IN (
      SELECT d.id FROM wazapp.delivery d
      WHERE d.organization_id = $1 AND d.endpoint_id = $2 AND d.state IN ('waiting', 'calling') AND d.due_at <= $3
        AND (NOT $6 OR NOT EXISTS (
          SELECT FROM wazapp.delivery o WHERE o.organization_id = $1 AND o.endpoint_id = $2
            AND o.state IN ('waiting', 'calling') AND o.conversation_id IS NOT DISTINCT FROM d.conversation_id
            AND o.sequence < d.sequence))
      ORDER BY d.due_at, d.sequence LIMIT $5)
    RETURNING id, sequence, tries, step, id AS grouped";

/// Of conversations of which nothing is under way: what was told together comes again as it was, and all that waits and was
/// never tried is told together for the first time.
const TAKE_GATHERED: &str = "
    UPDATE wazapp.delivery t SET state = 'calling', tries = t.tries + 1, step = t.step + 1, due_at = $4, batch_id = told.batch_id
    FROM (
      SELECT w.id, coalesce(due.batch_id, ($7::uuid[])[due.place::int]) AS batch_id FROM (
        SELECT d.batch_id, coalesce(d.conversation_id, d.id) AS grouped,
          row_number() OVER (ORDER BY min(d.due_at), coalesce(d.conversation_id, d.id)) AS place
        FROM wazapp.delivery d
        WHERE d.organization_id = $1 AND d.endpoint_id = $2 AND d.state IN ('waiting', 'calling') AND d.due_at <= $3
          AND NOT EXISTS (
            SELECT FROM wazapp.delivery o WHERE o.organization_id = $1 AND o.endpoint_id = $2
              AND o.conversation_id = d.conversation_id AND o.batch_id IS DISTINCT FROM d.batch_id
              AND (o.state = 'calling' AND o.due_at > $3
                OR $8 AND o.state IN ('waiting', 'calling') AND o.batch_id IS NOT NULL AND o.sequence < d.sequence))
        GROUP BY d.batch_id, coalesce(d.conversation_id, d.id) ORDER BY place LIMIT $5) due
      CROSS JOIN LATERAL (
        SELECT w.id FROM wazapp.delivery w
        WHERE w.organization_id = $1 AND w.endpoint_id = $2 AND w.state IN ('waiting', 'calling')
          AND w.batch_id IS NOT DISTINCT FROM due.batch_id
          AND (w.conversation_id = due.grouped OR w.conversation_id IS NULL AND w.id = due.grouped)
        ORDER BY w.sequence LIMIT $6) w) told
    WHERE t.organization_id = $1 AND t.id = told.id
    RETURNING t.id, t.sequence, t.tries, t.step, t.batch_id AS grouped";

/// Claims what is due and there is room for.
async fn take(tx: &Operator, now: Timestamp, endpoint: &mut Endpoint) -> Result<Vec<Claimed>> {
    let room = endpoint.room.min(allowed(endpoint, now));
    if room == 0 {
        return Ok(Vec::new());
    }
    let (organization_id, id) = (endpoint.caller.scope.organization_id(), endpoint.caller.endpoint_id);
    let lease = now + LEASE;
    let rows = match endpoint.gather {
        None => tx.query(TAKE_EACH, &[&organization_id, &id, &now, &lease, &room, &endpoint.in_order]).await?,
        Some(_) => {
            let ids: Vec<Uuid> = (0..room).map(|_| Uuid::now_v7()).collect();
            let (ordered, most) = (endpoint.in_order, MOST_GATHERED);
            tx.query(TAKE_GATHERED, &[&organization_id, &id, &now, &lease, &room, &most, &ids, &ordered]).await?
        }
    };
    let mut claimed: Vec<Claimed> = rows
        .iter()
        .map(|row| Claimed {
            id: row.get("id"),
            sequence: row.get("sequence"),
            tries: row.get("tries"),
            step: row.get("step"),
            group: row.get("grouped"),
        })
        .collect();
    claimed.sort_by_key(|one| (one.sequence, one.id));
    if let Some(rate) = endpoint.rate {
        let groups = claimed.iter().map(|one| one.group).collect::<std::collections::BTreeSet<_>>().len();
        let each = SignedDuration::from_micros(1_000_000 / i64::from(rate.max(1)));
        endpoint.next_at = endpoint.next_at.max(now) + each * i32::try_from(groups).unwrap_or(i32::MAX);
    }
    Ok(claimed)
}

/// How many calls its rate leaves: a second's worth at most ahead.
fn allowed(endpoint: &Endpoint, now: Timestamp) -> i64 {
    let Some(rate) = endpoint.rate else { return i64::MAX };
    let ahead = endpoint.next_at.duration_since(now).max(SignedDuration::ZERO);
    let left = SignedDuration::from_secs(1) - ahead;
    let room = i64::try_from(left.as_micros() * i128::from(rate) / 1_000_000).unwrap_or(0);
    room.max(0)
}

/// Writes down how far it came, and when it is due again: where it was due a little earlier anyway, that stays, and no index is
/// written. True: something is due already.
async fn leave(tx: &Operator, now: Timestamp, endpoint: &Endpoint, spread_at: Option<Timestamp>) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.endpoint e SET cursor = $4, spread_at = $5, next_at = $6,
               due_at = CASE WHEN e.due_at > $3 AND e.due_at <= d.due_at THEN e.due_at
                             WHEN d.due_at IS NOT NULL THEN greatest(d.due_at, $7, e.rests_until) END
             FROM (SELECT min(due_at) AS due_at FROM wazapp.delivery WHERE organization_id = $1 AND endpoint_id = $2
                     AND state IN ('waiting', 'calling')) d
             WHERE e.organization_id = $1 AND e.id = $2
             RETURNING d.due_at <= $3 AS more",
            &[
                &endpoint.caller.scope.organization_id(),
                &endpoint.caller.endpoint_id,
                &now,
                &endpoint.cursor,
                &spread_at,
                &endpoint.next_at,
                &(now + SOON),
            ],
        )
        .await?;
    Ok(row.is_some_and(|row| row.get::<_, Option<bool>>("more") == Some(true)))
}
