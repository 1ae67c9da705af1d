//! The line of an organization: whoever writes what its log tells of stands first in it, until their transaction ends.
//!
//! It gives the log its order without gaps, and keeps transactions from waiting crosswise. A [`Line`], or [`Lines`] of
//! several, is had by waiting for it alone, so what needs it asks for one.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::Row;
use uuid::Uuid;

use super::New;
use crate::database::{Engine, Operator, Param, Result, Tenant, Tx, column, trace};
use crate::scope::Scope;

/// A transaction that stands first in one organization's line. It records what the log tells:
///
/// ```
/// # use model::database::{Result, Tenant};
/// # use model::event::{self, New};
/// async fn tell(tx: &Tenant, event: New) -> Result<()> {
///     event::line(tx).await?.record(event).await
/// }
/// ```
///
/// Who has not waited for it records nothing, and makes none:
///
/// ```compile_fail
/// # use model::database::{Result, Tenant};
/// # use model::event::{self, New};
/// async fn tell(tx: &Tenant, event: New) -> Result<()> {
///     tx.record(event).await
/// }
/// ```
///
/// ```compile_fail
/// # use model::Scope;
/// # use model::database::Operator;
/// # use model::event::Line;
/// fn first(tx: &Operator, scope: &Scope) -> Line<'_> {
///     Line { tx, organization_id: scope.organization_id() }
/// }
/// ```
///
/// It ends with its transaction:
///
/// ```compile_fail
/// # use model::database::{CommitError, Tenant};
/// # use model::event::{self, New};
/// async fn late(tx: Tenant, event: New) -> Result<(), CommitError> {
///     let line = event::line(&tx).await?;
///     tx.commit().await?;
///     Ok(line.record(event).await?)
/// }
/// ```
///
/// What changes what the log tells of asks for it:
///
/// ```compile_fail
/// # use jiff::Timestamp;
/// # use model::database::{Operator, Result};
/// # use model::number;
/// async fn let_go(tx: &Operator, now: Timestamp) -> Result<()> {
///     number::disconnect(tx, "106", now).await.map(|_| ())
/// }
/// ```
pub struct Line<'t, T = Operator> {
    tx: &'t T,
    organization_id: Uuid,
}

/// A transaction that stands first in the lines of several organizations.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'t> {
    tx: &'t Operator,
}

/// Events that their lines have numbered, to be recorded by [`super::any_organization_record`] in the same transaction.
#[derive(Debug, Default)]
#[must_use = "a number that is not recorded is a gap in the log"]
pub struct Events(Vec<Numbered>);

/// An event at its place.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) organization_id: Uuid,
    pub(super) sequence: i64,
    pub(super) event: New,
}

impl Events {
    pub(super) fn rows(&self) -> &[Numbered] {
        &self.0
    }
}

/// Waits until this organization's turn has come. Before any row of it is touched, so that nobody waits crosswise.
pub async fn line(tx: &Tenant) -> Result<Line<'_, Tenant>> {
    wait_traced(tx, tx.organization_id()).await?;
    Ok(Line { tx, organization_id: tx.organization_id() })
}

/// The same for what an operator or a worker changes in one organization.
pub async fn line_of<'t>(tx: &'t Operator, scope: &Scope) -> Result<Line<'t>> {
    wait_traced(tx, scope.organization_id()).await?;
    Ok(Line { tx, organization_id: scope.organization_id() })
}

/// The same for several organizations, which are waited for in one order. A transaction takes all of its lines at once.
pub async fn any_organization_lines<'t>(tx: &'t Operator, scopes: &[&Scope]) -> Result<Lines<'t>> {
    wait(tx, &column(scopes, |scope| scope.organization_id()), HEAD).await?;
    Ok(Lines { tx })
}

impl<T> Clone for Line<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Line<'_, T> {}

impl<T> std::fmt::Debug for Line<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({})", self.organization_id)
    }
}

impl<T> Deref for Line<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.tx
    }
}

impl Deref for Lines<'_> {
    type Target = Operator;
    fn deref(&self) -> &Operator {
        self.tx
    }
}

impl<T: Deref<Target = Tx>> Line<'_, T> {
    /// Whose line it is.
    pub fn organization_id(&self) -> Uuid {
        self.organization_id
    }

    /// Records an event at once. Of an organization that is gone nothing is told.
    pub async fn record(&self, event: New) -> Result<()> {
        let tx: &Tx = self.tx;
        let Some(sequence) = tx.ends.next(self.organization_id) else { return Ok(()) };
        tx.query(
            "WITH moved AS (UPDATE wazapp.organization_sequence SET last = $2 WHERE organization_id = $1)
             INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, subject_id, data, fingerprint)
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, $8)",
            &[
                &self.organization_id,
                &sequence,
                &Uuid::now_v7(),
                &event.kind.word().into_owned(),
                &event.at,
                &event.subject_id,
                &event.data,
                &event.fingerprint.as_deref(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Numbers an event that is recorded with what follows.
    pub fn note(&self, events: &mut Events, event: New) {
        number(self.tx, events, self.organization_id, event);
    }
}

impl<'t> Lines<'t> {
    /// One of them.
    pub fn of(&self, organization_id: Uuid) -> Line<'t> {
        assert!(self.ends.holds(organization_id), "the line of {organization_id} was not taken");
        Line { tx: self.tx, organization_id }
    }

    /// Whether an endpoint of the organization asks for Meta's own bodies.
    pub fn relays(&self, organization_id: Uuid) -> bool {
        self.ends.held().get(&organization_id).is_some_and(|end| end.relayed.is_some())
    }

    /// The number of the next body of Meta's that is kept for endpoints of the organization; `None`: none asks for them.
    pub(crate) fn next_relayed(&self, organization_id: Uuid) -> Option<i64> {
        let mut held = self.ends.held();
        let end = held.get_mut(&organization_id)?;
        end.relayed = end.relayed.map(|last| last + 1);
        end.grew |= end.relayed.is_some();
        end.relayed
    }

    /// Numbers an event of one of them that is recorded with what follows.
    pub fn note(&self, events: &mut Events, organization_id: Uuid, event: New) {
        number(self.tx, events, organization_id, event);
    }
}

fn number(tx: &Tx, events: &mut Events, organization_id: Uuid, event: New) {
    if let Some(sequence) = tx.ends.next(organization_id) {
        events.0.push(Numbered { organization_id, sequence, event });
    }
}

/// The ends of the logs whose lines a transaction holds.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<HashMap<Uuid, End>>);

#[derive(Debug, Default)]
struct End {
    /// The last number; `None`: the organization is gone.
    last: Option<i64>,
    /// The last number of Meta's bodies; `None`: nobody asks for them.
    relayed: Option<i64>,
    grew: bool,
}

impl Ends {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, End>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self, organization_id: Uuid) -> bool {
        self.held().contains_key(&organization_id)
    }

    /// The number of the next event. The only place where one is made.
    fn next(&self, organization_id: Uuid) -> Option<i64> {
        let mut held = self.held();
        let end = held.get_mut(&organization_id).expect("who has a line has taken it");
        end.last = end.last.map(|last| last + 1);
        end.grew |= end.last.is_some();
        end.last
    }

    /// Whose logs the transaction has made longer.
    pub(crate) fn grew(&self) -> Vec<Uuid> {
        self.held().iter().filter(|(_, end)| end.grew).map(|(organization_id, _)| *organization_id).collect()
    }
}

/// Takes a place in the lines of the organizations that `$organizations` selects. PostgreSQL serves those who wait for a
/// row in no order once it has changed: somebody who changes it over and over would hold up the others for long. An
/// advisory lock is served in turn. Organizations share so many of them that two batches of thirty organizations each seldom
/// have one in common (of a thousand they nearly always had), and that not even the largest fills the server's table of locks; they
/// are taken in order.
macro_rules! queue {
    ($($organizations:expr),+) => {
        concat!(
            "SELECT pg_advisory_xact_lock(7823457, line) FROM (
               SELECT DISTINCT uuid_hash(organization_id) & 16383 AS line FROM ",
            $($organizations,)+
            " ORDER BY line OFFSET 0) lines"
        )
    };
}
pub(crate) use queue;

/// Locks the rows of the lines that `$rest` selects from `s`, in order of the organizations' ids, and reads `$columns` with
/// them.
macro_rules! head {
    ($columns:expr, $($rest:expr),+) => {
        concat!(
            "SELECT s.organization_id, s.last, s.relays, s.relayed",
            $columns,
            " FROM wazapp.organization_sequence s ",
            $($rest,)+
            " ORDER BY s.organization_id FOR NO KEY UPDATE OF s"
        )
    };
}
pub(crate) use head;

/// Citus locks rows of several shards only by changing them.
const HEAD_ON_CITUS: &str = "
    UPDATE wazapp.organization_sequence s SET last = s.last WHERE s.organization_id = ANY ($1)
    RETURNING s.organization_id, s.last, s.relays, s.relayed";

/// The same, and by what PostgreSQL knows the transaction.
const HEAD: &str = head!("", "WHERE s.organization_id = ANY ($1)");
const HEAD_TRACED: &str = head!(concat!(", ", trace!()), "WHERE s.organization_id = ANY ($1)");

async fn wait(tx: &Tx, organizations: &[Uuid], head: &str) -> Result<Vec<Row>> {
    let wanted: HashSet<Uuid> = organizations.iter().copied().filter(|id| !tx.ends.holds(*id)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<Uuid> = wanted.into_iter().collect();
    let head = match tx.engine() {
        Engine::PostgreSql => head,
        Engine::Citus => HEAD_ON_CITUS,
    };
    let rows = take(tx, queue!("unnest($1::uuid[]) AS k (organization_id)"), head, &[&wanted]).await?;
    let mut held = tx.ends.held();
    for organization_id in wanted {
        held.entry(organization_id).or_default();
    }
    Ok(rows)
}

/// The same for one, for whoever asks what became of it if the answer to COMMIT is lost.
async fn wait_traced(tx: &Tx, organization_id: Uuid) -> Result<()> {
    let rows = wait(tx, &[organization_id], HEAD_TRACED).await?;
    if tx.engine() == Engine::PostgreSql {
        rows.iter().for_each(|row| tx.traced(row));
    }
    Ok(())
}

/// Takes the lines that a [`queue`] and a [`head`] select alike, and answers the rows of the latter.
pub(crate) async fn any_organization_take<'t>(
    tx: &'t Operator,
    queue: &str,
    head: &str,
    params: &[&dyn Param],
) -> Result<(Vec<Row>, Lines<'t>)> {
    Ok((take(tx, queue, head, params).await?, Lines { tx }))
}

async fn take(tx: &Tx, queue: &str, head: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
    debug_assert!(tx.ends.held().is_empty(), "a transaction takes its lines at once, or others wait crosswise");
    let [_, rows] = tx.queries([(queue, params), (head, params)]).await?;
    tx.ends.held().extend(rows.iter().map(|row| {
        let relayed = row.get::<_, bool>("relays").then(|| row.get("relayed"));
        let end = End { last: Some(row.get("last")), relayed, grew: false };
        (row.get("organization_id"), end)
    }));
    Ok(rows)
}
