//! One open transaction, inside an organization or across them.

use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::{Object, Pool};
use postgres_types::ToSql;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Row;

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
    pub(super) failed: AtomicBool,
    /// Of the logs of the organizations in whose lines it stands first.
    pub(crate) ends: Ends,
    /// What it takes of its organization's share, until its connection is free again.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

impl Tx {
    pub(super) fn new(object: Object, manner: Manner) -> Self {
        let (failed, ends) = (AtomicBool::new(false), Ends::default());
        Self { object: Some(object), manner, failed, ends, place: None }
    }

    pub(super) async fn begin(pool: &Pool, begin: &[&str], manner: Manner) -> Result<Self> {
        // The guard stands before BEGIN is sent: this future may be dropped at the await below.
        let tx = Self::new(pool.get().await?, manner);
        match start(tx.client(), tx.engine(), begin).await {
            Ok(()) => Ok(tx),
            // A connection that died while it was idle: one fresh try, before anything was done.
            Err(error) if error.is_closed() => {
                let manner = tx.manner.clone();
                drop(tx.detach());
                let tx = Self::new(pool.get().await?, manner);
                start(tx.client(), tx.engine(), begin).await?;
                Ok(tx)
            }
            Err(error) => Err(error.into()),
        }
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
        self.watched(query(self.client(), self.manner.prepares, sql, params).await)
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
        self.watched(planned_anew(self.client(), sql, params).await)
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
        let done = self.client().batch_execute(sql).await;
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        Ok(done?)
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
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
    begin: &[&str],
) -> Result<(), tokio_postgres::Error> {
    match engine {
        Engine::PostgreSql => client.batch_execute(&begin.join("; ")).await,
        Engine::Citus => {
            let begun = in_order(begin.iter().map(|one| client.batch_execute(one))).await;
            begun.into_iter().collect()
        }
    }
}

/// The setting, the statement and the setting as it was travel together.
async fn planned_anew(client: &deadpool_postgres::ClientWrapper, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await?;
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_sql()).collect();
    let (anew, rows, kept) = futures::join!(
        client.batch_execute(PLANNED_ANEW),
        client.query(&statement, &params),
        client.batch_execute(PLANS_KEPT),
    );
    anew?;
    let rows = rows?;
    kept?;
    Ok(rows)
}

async fn query(
    client: &deadpool_postgres::ClientWrapper,
    prepares: bool,
    sql: &str,
    params: &[&dyn Param],
) -> Result<Vec<Row>> {
    if prepares {
        let statement = client.prepare_cached(sql).await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_sql()).collect();
        return Ok(client.query(&statement, &params).await?);
    }
    let params: Vec<_> = params.iter().map(|param| (param.as_sql(), param.sql_type())).collect();
    Ok(client.query_typed(sql, &params).await?)
}
