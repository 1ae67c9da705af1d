//! One open transaction, inside an organization or across them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Poll;

use deadpool_postgres::{Object, Pool};
use postgres_types::ToSql;
use tokio::sync::{MutexGuard, OwnedSemaphorePermit};
use tokio_postgres::Row;

use super::commit::Trace;
use super::engine::Recognized;
use super::pipeline::in_order;
use super::pool::POOL_WAIT;
use super::{Engine, Param, Result, Statement};
use crate::event::{Ends, SharedBell};
use crate::quota::Limits;
use crate::retention::Retention;
use crate::scope::Scope;

const PLANNED_ANEW: &str = "SET LOCAL plan_cache_mode = force_custom_plan";
const PLANS_KEPT: &str = "SET LOCAL plan_cache_mode = force_generic_plan";

/// How transactions of one kind go about it.
#[derive(Clone)]
pub(super) struct Manner {
    /// Whether statements are prepared.
    pub(super) prepares: bool,
    /// What statements are made for.
    pub(super) recognized: Recognized,
    /// Rung for what was recorded.
    pub(super) bell: SharedBell,
}

/// One open transaction. Dropped before its end, in whatever state, it is rolled back before the connection serves
/// anyone else: a cancelled request must not leave its organization behind.
pub struct Tx {
    pub(super) object: Option<Object>,
    manner: Manner,
    /// What begins it, until its first statement takes that along.
    begin: Mutex<Option<Vec<String>>>,
    /// Whose statement is sent next: statements are sent in the order in which they are first polled, also where one has to be
    /// prepared before.
    turn: tokio::sync::Mutex<()>,
    pub(super) failed: AtomicBool,
    /// By what PostgreSQL knows it after its end, where that was asked already.
    pub(super) trace: OnceLock<Trace>,
    /// Of the logs of the organizations in whose lines it stands first.
    pub(crate) ends: Ends,
    /// What it takes of its organization's share, until its connection is free again.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

impl Tx {
    /// BEGIN is not sent yet: it travels with the first statement.
    pub(super) async fn begin(pool: &Pool, begin: &[&str], manner: Manner) -> Result<Self> {
        Ok(Self {
            object: Some(pool.get().await?),
            manner,
            begin: Mutex::new(Some(begin.iter().map(|&one| one.to_owned()).collect())),
            turn: tokio::sync::Mutex::default(),
            failed: AtomicBool::new(false),
            trace: OnceLock::new(),
            ends: Ends::default(),
            place: None,
        })
    }

    /// What begins it, where nothing was sent yet.
    fn take_begin(&self) -> Option<Vec<String>> {
        self.begin.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Nothing was asked of it, and its connection is as it was.
    pub(super) fn is_untouched(&self) -> bool {
        self.begin.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Has what begins it sent, where a statement does not take that along.
    pub(super) async fn begun(&self) -> Result<()> {
        self.watched(first(self.client(), self.engine(), self.take_begin(), async { Ok(()) }).await)
    }

    pub(super) fn client(&self) -> &deadpool_postgres::ClientWrapper {
        self.object.as_ref().expect("a transaction holds its connection until its end")
    }

    pub(crate) fn engine(&self) -> Engine {
        self.manner.recognized.engine()
    }

    /// COMMIT was carried out: the connection is free, and who follows what it recorded is told.
    pub(super) fn committed(&mut self) {
        self.object = None;
        self.manner.bell.grew(&self.ends.grew());
    }

    pub(super) fn detach(mut self) -> Option<deadpool_postgres::ClientWrapper> {
        self.object.take().map(Object::take)
    }

    pub(crate) async fn query(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
        let (client, turn) = (self.client(), self.turn.lock().await);
        // On the heap: futures of several statements side by side, one in the other, would fill a stack.
        let asked = Box::pin(query(client, turn, self.manner.prepares, sql, params));
        self.watched(first(client, self.engine(), self.take_begin(), asked).await)
    }

    /// Statements that travel together. Each has its own snapshot, taken when the one before it is done.
    pub(crate) async fn queries<const N: usize>(
        &self,
        statements: [(&str, &[&dyn Param]); N],
    ) -> Result<[Vec<Row>; N]> {
        let all = in_order(statements.iter().map(|(sql, params)| self.query(sql, params))).await;
        let rows = all.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(rows.try_into().unwrap_or_else(|_| unreachable!("there are as many answers as statements")))
    }

    /// An error ends the transaction; and where the schema grew, all that was prepared is forgotten, on every connection.
    pub(super) fn watched<T>(&self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            self.failed.store(true, Ordering::Relaxed);
            if error.is_of_former_schema()
                && let Some(pool) = self.object.as_ref().and_then(Object::pool)
            {
                pool.manager().statement_caches.clear();
            }
        }
        outcome
    }

    /// The same for a list with filters that may be left out, or whose parameters say which index serves it: planned for these
    /// parameters.
    pub(crate) async fn query_filtered(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
        if !self.manner.prepares || self.engine() == Engine::Citus {
            return self.query(sql, params).await;
        }
        let (client, turn) = (self.client(), self.turn.lock().await);
        let asked = Box::pin(planned_anew(client, turn, sql, params));
        self.watched(first(client, self.engine(), self.take_begin(), asked).await)
    }

    pub(crate) async fn query_opt(&self, sql: &str, params: &[&dyn Param]) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    pub(crate) async fn run(&self, statement: &Statement<'_>) -> Result<Vec<Row>> {
        let params: Vec<&dyn Param> = statement.params.iter().map(|param| &**param as &dyn Param).collect();
        self.query(&statement.text(self.engine()), &params).await
    }

    /// A statement without parameters, which answers nothing: one, for Citus hands on the whole text that a SET came in.
    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        let (client, turn) = (self.client(), self.turn.lock().await);
        let done = async { Ok(sent(turn, client.batch_execute(sql)).await?) };
        let done = first(client, self.engine(), self.take_begin(), done).await;
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        if self.is_untouched() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(Object::take(object));
            return;
        };
        let place = self.place.take();
        runtime.spawn(async move {
            let _place = place;
            let ended = tokio::time::timeout(POOL_WAIT, object.batch_execute("ROLLBACK")).await;
            if !matches!(ended, Ok(Ok(()))) {
                drop(Object::take(object));
            }
        });
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

/// A transaction inside one organization: every statement also runs under its row-level security.
#[derive(Debug)]
pub struct Tenant {
    pub(super) tx: Tx,
    pub(super) scope: Scope,
    pub(super) limits: Limits,
    pub(super) retention: Retention,
}

impl Tenant {
    /// Whose rows these are.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) fn organization_id(&self) -> uuid::Uuid {
        self.scope.organization_id()
    }

    /// Does what has to reach past the limits of whoever asks. That they see what it begins with is asked before, and what it
    /// finds is not shown to them.
    pub(crate) async fn past_limits<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(viewer) = self.scope.viewer_id() else { return work.await };
        self.execute("SET LOCAL app.viewer_id = ''").await?;
        let done = work.await;
        // A transaction that failed does nothing more.
        if !self.failed.load(Ordering::Relaxed) {
            self.execute(&format!("SET LOCAL app.viewer_id = '{viewer}'")).await?;
        }
        done
    }

    /// Does two things that are nothing to one another, side by side. Of who is limited one after the other, since one of them
    /// may reach past the limits meanwhile.
    pub(crate) async fn both<A, B>(
        &self,
        one: impl Future<Output = Result<A>>,
        other: impl Future<Output = Result<B>>,
    ) -> Result<(A, B)> {
        match self.scope.viewer_id() {
            None => futures::try_join!(one, other),
            Some(_) => Ok((one.await?, other.await?)),
        }
    }

    /// From here on it changes nothing.
    pub async fn only_read(&self) -> Result<()> {
        self.execute("SET TRANSACTION READ ONLY").await
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn retention(&self) -> Retention {
        self.retention
    }
}

impl std::ops::Deref for Tenant {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

/// A transaction across organizations. Functions that take it carry `any_organization` in their name, or belong to a
/// global table.
#[derive(Debug)]
pub struct Operator {
    pub(super) tx: Tx,
    pub(super) limits: Limits,
    pub(super) retention: Retention,
}

impl Operator {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn retention(&self) -> Retention {
        self.retention
    }
}

impl std::ops::Deref for Operator {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

/// Begins a transaction with its settings, in one flight. To its other nodes Citus hands on the whole text of the message
/// that a SET came in, so there each is a message of its own.
pub(super) async fn start(
    client: &tokio_postgres::Client,
    engine: Engine,
    begin: &[impl AsRef<str>],
) -> Result<(), tokio_postgres::Error> {
    let begin = begin.iter().map(AsRef::as_ref);
    match engine {
        Engine::PostgreSql => client.batch_execute(&begin.collect::<Vec<_>>().join("; ")).await,
        Engine::Citus => {
            let begun = in_order(begin.map(|one| client.batch_execute(one))).await;
            begun.into_iter().collect()
        }
    }
}

/// What begins a transaction goes before its first statement, and nobody waits for the answer to that alone.
async fn first<T>(
    client: &tokio_postgres::Client,
    engine: Engine,
    begin: Option<Vec<String>>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(begin) = begin else { return work.await };
    let (begun, done) = futures::join!(Box::pin(start(client, engine, &begin)), work);
    begun?;
    done
}

/// Sends a statement, has the next one follow, and waits for the answer.
async fn sent<T>(turn: MutexGuard<'_, ()>, statement: impl Future<Output = T>) -> T {
    let mut statement = pin!(statement);
    // The driver sends when it is polled first.
    let now = poll_fn(|context| Poll::Ready(statement.as_mut().poll(context))).await;
    drop(turn);
    match now {
        Poll::Ready(answer) => answer,
        Poll::Pending => statement.await,
    }
}

/// The setting, the statement and the setting as it was travel together.
async fn planned_anew(
    client: &deadpool_postgres::ClientWrapper,
    turn: MutexGuard<'_, ()>,
    sql: &str,
    params: &[&dyn Param],
) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await?;
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_sql()).collect();
    let together = async {
        futures::join!(
            client.batch_execute(PLANNED_ANEW),
            client.query(&statement, &params),
            client.batch_execute(PLANS_KEPT),
        )
    };
    let (anew, rows, kept) = sent(turn, together).await;
    anew?;
    let rows = rows?;
    kept?;
    Ok(rows)
}

async fn query(
    client: &deadpool_postgres::ClientWrapper,
    turn: MutexGuard<'_, ()>,
    prepares: bool,
    sql: &str,
    params: &[&dyn Param],
) -> Result<Vec<Row>> {
    if prepares {
        let statement = client.prepare_cached(sql).await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_sql()).collect();
        return Ok(sent(turn, client.query(&statement, &params)).await?);
    }
    let params: Vec<_> = params.iter().map(|param| (param.as_sql(), param.sql_type())).collect();
    Ok(sent(turn, client.query_typed(sql, &params)).await?)
}
