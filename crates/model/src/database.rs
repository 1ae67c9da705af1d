//! Connections and transactions.
//!
//! Nothing outside this crate sees a bare connection. A transaction is opened as one of two roles, [`Tenant`] or
//! [`Operator`]; the role and the organization travel in the same round trip as BEGIN and end with the transaction.

mod access;
mod commit;
mod connection;
mod engine;
mod error;
mod parameter;
mod pipeline;
mod pool;
mod rows;
mod stored;
mod transaction;

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::activity::Activity;
use crate::api_key::Met;
use crate::event::{Bell, SharedBell};
use crate::quota::Limits;
use crate::retention::Retention;
use crate::scope::Scope;
use crate::shares::Shares;
use crate::tls;

pub use access::Access;
pub use commit::CommitError;
pub(crate) use commit::{server, trace};
pub use connection::Connection;
pub use engine::Engine;
pub use error::{DatabaseError, Result};
pub use parameter::{Param, RawJson};
pub use pipeline::Pipeline;
pub(crate) use pipeline::params;
pub(crate) use rows::{Rows, Statement, column};
pub(crate) use stored::stored_json;
pub use transaction::{Operator, Tenant, Tx};

use engine::Recognized;
use error::all_busy;
use pool::{POOL_WAIT, Role, pool};
use transaction::Manner;

/// What a request may ask of the database: a statement, a lock, and a pause between statements end after this.
const REQUEST_LIMITS: [&str; 3] = [
    "SET LOCAL statement_timeout = '10s'",
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL idle_in_transaction_session_timeout = '10s'",
];

/// One organization's requests have at most this part of the pool; keys not met before have this part of it together.
const ORGANIZATIONS_PART: usize = 2;
const STRANGERS_PART: usize = 4;

/// Of the worker's connections, so many serve people who sign in or change what is theirs.
const PEOPLE: usize = 8;

/// Work is claimed in two steps: some that is due, in whatever organization, then the first of it that nobody else takes
/// at the same moment, by its organization. So many are looked at.
pub(crate) const CANDIDATES: i64 = 16;

const BEGIN_WEB: [&str; 2] = ["BEGIN", "SET LOCAL ROLE wazapp_web"];

const BEGIN_OPERATOR: [&str; 2] = ["BEGIN", "SET LOCAL ROLE wazapp_worker"];

/// PostgreSQL, as the two roles of wazapp see it.
#[derive(Clone)]
pub struct Database {
    web: Pool,
    worker: Pool,
    shares: Arc<Shares>,
    strangers: Arc<Semaphore>,
    people: Arc<Semaphore>,
    met: Arc<Met>,
    bell: SharedBell,
    activity: Activity,
    web_prepares: bool,
    access: Access,
    limits: Limits,
    recognized: Recognized,
    retention: Retention,
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
        let recognized = Recognized::said(access.engine);
        let web = pool(&access, (login, tls), Role::Web, size, &recognized)?;
        let worker = pool(&access, (&access.direct, access.tls), Role::Worker, 64, &recognized)?;
        let web_prepares = !access.transaction_pooler;
        let shares = Arc::new(Shares::new(size.div_ceil(ORGANIZATIONS_PART)));
        let strangers = Arc::new(Semaphore::new(size.div_ceil(STRANGERS_PART)));
        let people = Arc::new(Semaphore::new(PEOPLE));
        let (met, bell) = (Arc::default(), SharedBell::default());
        let (limits, retention) = (Limits::default(), Retention::default());
        Ok(Self {
            web,
            worker,
            shares,
            strangers,
            people,
            met,
            bell,
            activity: Activity::default(),
            web_prepares,
            access,
            limits,
            retention,
            recognized,
        })
    }

    /// With these limits where none is set for an organization.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Keeping things for so long where nothing is set for an organization.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
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
        let whose = format!("SET LOCAL app.organization_id = '{}'", scope.organization_id());
        let viewer = scope.viewer_id().map(|id| format!("SET LOCAL app.viewer_id = '{id}'"));
        let settings = [Some(whose.as_str()), viewer.as_deref()].into_iter().flatten();
        let begin: Vec<&str> = BEGIN_WEB.into_iter().chain(settings).chain(REQUEST_LIMITS).collect();
        let mut tx = Tx::begin(&self.web, &begin, self.manner(self.web_prepares)).await?;
        tx.place = Some(place);
        Ok(Tenant { tx, scope: *scope, limits: self.limits, retention: self.retention })
    }

    /// A transaction of one person, before it is known where they are at work. Who is not known yet has a place among
    /// strangers.
    pub(crate) async fn person(&self, user_id: Uuid, is_known: bool) -> Result<Tx> {
        self.activity.note();
        let place = async {
            if is_known {
                return self.shares.take(user_id).await;
            }
            self.strangers.clone().acquire_owned().await.expect("the semaphore is never closed")
        };
        let place = tokio::time::timeout(POOL_WAIT, place).await.map_err(|_| all_busy())?;
        let whose = format!("SET LOCAL app.user_id = '{user_id}'");
        let begin: Vec<&str> = BEGIN_WEB.into_iter().chain([whose.as_str()]).chain(REQUEST_LIMITS).collect();
        let mut tx = Tx::begin(&self.web, &begin, self.manner(self.web_prepares)).await?;
        tx.place = Some(place);
        Ok(tx)
    }

    /// A transaction for signing in and for what people change about themselves: these have a few connections together.
    pub async fn people(&self) -> Result<Operator> {
        self.activity.note();
        let turn = tokio::time::timeout(POOL_WAIT, self.people.clone().acquire_owned());
        let place = turn.await.map_err(|_| all_busy())?.expect("the semaphore is never closed");
        let begin: Vec<&str> = BEGIN_OPERATOR.into_iter().chain(REQUEST_LIMITS).collect();
        let mut tx = Tx::begin(&self.worker, &begin, self.manner(true)).await?;
        tx.place = Some(place);
        Ok(Operator { tx, limits: self.limits, retention: self.retention })
    }

    /// A transaction across organizations that a request of this one needs: it counts in its share.
    pub async fn operator_for(&self, scope: &Scope) -> Result<Operator> {
        let place = self.place(scope).await?;
        let begin: Vec<&str> = BEGIN_OPERATOR.into_iter().chain(REQUEST_LIMITS).collect();
        let mut tx = Tx::begin(&self.worker, &begin, self.manner(true)).await?;
        tx.place = Some(place);
        Ok(Operator { tx, limits: self.limits, retention: self.retention })
    }

    pub(crate) fn met(&self) -> &Met {
        &self.met
    }

    fn manner(&self, prepares: bool) -> Manner {
        Manner { prepares, recognized: self.recognized.clone(), bell: self.bell.clone() }
    }

    /// Whether anybody uses it.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Rung when a log grew.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    async fn place(&self, scope: &Scope) -> Result<OwnedSemaphorePermit> {
        self.activity.note();
        let turn = self.shares.take(scope.organization_id());
        tokio::time::timeout(POOL_WAIT, turn).await.map_err(|_| all_busy())
    }

    /// A transaction across organizations: batches and operators' commands.
    pub async fn operator(&self) -> Result<Operator> {
        let tx = Tx::begin(&self.worker, &BEGIN_OPERATOR, self.manner(true)).await?;
        Ok(Operator { tx, limits: self.limits, retention: self.retention })
    }

    /// A transaction across organizations that begins by reading: BEGIN and the statements travel together.
    pub(crate) async fn operator_reading<const N: usize>(
        &self,
        statements: [(&str, &[&dyn Param]); N],
    ) -> Result<(Operator, [Vec<Row>; N])> {
        let tx = Tx::begin(&self.worker, &BEGIN_OPERATOR, self.manner(true)).await?;
        let rows = tx.queries(statements).await?;
        Ok((Operator { tx, limits: self.limits, retention: self.retention }, rows))
    }

    /// A long-lived connection of the worker's.
    pub async fn connection(&self) -> Result<Connection> {
        let object = self.worker.get().await?;
        Ok(Connection { object, engine: self.recognized.engine() })
    }

    /// A connection as the owner of the schema, outside the pools: migrations and partitions.
    pub(crate) async fn owner(&self) -> Result<tokio_postgres::Client> {
        let client = tls::connect(&self.access.direct, &self.access.tls).await?;
        // "Already exists, skipping" is no news.
        client.batch_execute("SET client_min_messages = warning").await?;
        Ok(client)
    }

    /// A connection that hears notifications, past any transaction pooler.
    pub(crate) async fn listener(&self) -> Result<(tokio_postgres::Client, UnboundedReceiver<String>)> {
        tls::connect_hearing(&self.access.direct, &self.access.tls).await
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
