//! Connections and transactions.
//!
//! Nothing outside this crate sees a bare connection. A transaction is opened as one of two roles, [`Tenant`] or
//! [`Operator`]; the role and the organization travel in the same round trip as BEGIN and end with the transaction.

mod access;
mod commit;
mod connection;
mod error;
mod parameter;
mod pipeline;
mod pool;
mod stored;
mod transaction;

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;

use crate::api_key::Met;
use crate::quota::Limits;
use crate::scope::Scope;
use crate::shares::Shares;
use crate::tls;

pub use access::Access;
pub use commit::CommitError;
pub use connection::Connection;
pub use error::{DatabaseError, Result};
pub use parameter::Param;
pub use pipeline::Pipeline;
pub(crate) use pipeline::params;
pub(crate) use stored::stored_json;
pub use transaction::{Operator, Tenant, Tx};

use error::all_busy;
use pipeline::in_order;
use pool::{POOL_WAIT, Role, pool};

/// What a request may ask of the database: a statement, a lock, and a pause between statements end after this.
const REQUEST_LIMITS: &str = "SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '5s'; \
                              SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// One organization's requests have at most this part of the pool; keys not met before have this part of it together.
const ORGANIZATIONS_PART: usize = 2;
const STRANGERS_PART: usize = 4;

const BEGIN_OPERATOR: &str = "BEGIN; SET LOCAL ROLE wazapp_worker";

/// PostgreSQL, as the two roles of wazapp see it.
#[derive(Clone)]
pub struct Database {
    web: Pool,
    worker: Pool,
    shares: Arc<Shares>,
    strangers: Arc<Semaphore>,
    met: Arc<Met>,
    web_prepares: bool,
    access: Access,
    limits: Limits,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    /// Opens no connection yet. `size` is the most connections for requests; the worker's are as many as it asks for.
    pub fn new(access: Access, size: usize) -> Result<Self> {
        let (login, tls) = access.web.as_ref().map_or((&access.pooled, access.tls), |(login, tls)| (login, *tls));
        let web = pool(&access, (login, tls), Role::Web, size)?;
        let worker = pool(&access, (&access.direct, access.tls), Role::Worker, 64)?;
        let web_prepares = !access.transaction_pooler;
        let shares = Arc::new(Shares::new(size.div_ceil(ORGANIZATIONS_PART)));
        let strangers = Arc::new(Semaphore::new(size.div_ceil(STRANGERS_PART)));
        let (met, limits) = (Arc::default(), Limits::default());
        Ok(Self { web, worker, shares, strangers, met, web_prepares, access, limits })
    }

    /// With these limits where none is set for an organization.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// A transaction inside one organization, of whose share of the connections it takes one.
    pub async fn tenant(&self, scope: &Scope) -> Result<Tenant> {
        let place = self.place(scope).await?;
        self.tenant_at(scope, place).await
    }

    /// The same for who only says to belong to it: such have a few connections together, and none of an organization's.
    pub(crate) async fn stranger(&self, scope: &Scope) -> Result<Tenant> {
        let turn = tokio::time::timeout(POOL_WAIT, self.strangers.clone().acquire_owned());
        let place = turn.await.map_err(|_| all_busy())?.expect("the semaphore is never closed");
        self.tenant_at(scope, place).await
    }

    async fn tenant_at(&self, scope: &Scope, place: OwnedSemaphorePermit) -> Result<Tenant> {
        let organization_id = scope.organization_id();
        let begin = format!(
            "BEGIN; SET LOCAL ROLE wazapp_web; SET LOCAL app.organization_id = '{organization_id}'; {REQUEST_LIMITS}"
        );
        let mut tx = Tx::begin(&self.web, &begin, self.web_prepares).await?;
        tx.place = Some(place);
        Ok(Tenant { tx, scope: *scope, limits: self.limits })
    }

    /// A transaction across organizations that a request of this one needs: it counts in its share.
    pub async fn operator_for(&self, scope: &Scope) -> Result<Operator> {
        let place = self.place(scope).await?;
        let mut tx = Tx::begin(&self.worker, &format!("{BEGIN_OPERATOR}; {REQUEST_LIMITS}"), true).await?;
        tx.place = Some(place);
        Ok(Operator { tx, limits: self.limits })
    }

    pub(crate) fn met(&self) -> &Met {
        &self.met
    }

    async fn place(&self, scope: &Scope) -> Result<OwnedSemaphorePermit> {
        let turn = self.shares.take(scope.organization_id());
        tokio::time::timeout(POOL_WAIT, turn).await.map_err(|_| all_busy())
    }

    /// A transaction across organizations: batches and operators' commands.
    pub async fn operator(&self) -> Result<Operator> {
        Ok(Operator { tx: Tx::begin(&self.worker, BEGIN_OPERATOR, true).await?, limits: self.limits })
    }

    /// A transaction across organizations that begins by reading: BEGIN and the statements travel together. Each
    /// statement has its own snapshot, taken when the one before it is done.
    pub(crate) async fn operator_reading<const N: usize>(
        &self,
        statements: [(&str, &[&dyn Param]); N],
    ) -> Result<(Operator, [Vec<Row>; N])> {
        // The guard stands before anything is sent: this future may be dropped at any await.
        let tx = Tx::new(self.worker.get().await?, true);
        let mut prepared = Vec::with_capacity(N);
        for (sql, _) in &statements {
            prepared.push(tx.client().prepare_cached(sql).await?);
        }
        let params = statements.map(|(_, params)| params.iter().map(|param| param.as_sql()).collect::<Vec<_>>());
        let queries = prepared.iter().zip(&params).map(|(statement, params)| tx.client().query(statement, params));
        let (begun, rows) = futures::join!(tx.client().batch_execute(BEGIN_OPERATOR), in_order(queries));
        begun?;
        let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
        let rows = rows.try_into().unwrap_or_else(|_| unreachable!("there are as many answers as statements"));
        Ok((Operator { tx, limits: self.limits }, rows))
    }

    /// A long-lived connection of the worker's.
    pub async fn connection(&self) -> Result<Connection> {
        Ok(Connection { object: self.worker.get().await? })
    }

    /// A connection as the owner of the schema, outside the pools: migrations and partitions.
    pub(crate) async fn owner(&self) -> Result<tokio_postgres::Client> {
        let client = tls::connect(&self.access.direct, &self.access.tls).await?;
        // "Already exists, skipping" is no news.
        client.batch_execute("SET client_min_messages = warning").await?;
        Ok(client)
    }

    /// How it is reached.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Connections in use and open, for requests and for the worker.
    pub fn usage(&self) -> Usage {
        let (web, worker) = (self.web.status(), self.worker.status());
        Usage {
            web_in_use: web.size.saturating_sub(web.available),
            web_open: web.size,
            worker_in_use: worker.size.saturating_sub(worker.available),
            worker_open: worker.size,
        }
    }

    /// Closes every connection.
    pub fn close(&self) {
        self.web.close();
        self.worker.close();
    }
}

/// How many connections are in use.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Requests' connections at work.
    pub web_in_use: usize,
    /// Requests' connections open.
    pub web_open: usize,
    /// The worker's connections at work.
    pub worker_in_use: usize,
    /// The worker's connections open.
    pub worker_open: usize,
}
