//! Connections and transactions.
//!
//! Nothing outside this crate sees a bare connection. A transaction is opened as one of two roles, [`Tenant`] or
//! [`Operator`]; the role and the organization travel in the same round trip as BEGIN and end with the transaction.

mod commit;

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::maybe_done;
use jiff::Timestamp;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use std::sync::atomic::{AtomicBool, Ordering};

use postgres_types::{ToSql, Type};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls, Row};

use crate::api_key::Met;
use crate::event::Ends;
use crate::quota::{Exceeded, Limits};
use crate::scope::Scope;
use crate::shares::Shares;
use crate::tls;

pub use commit::CommitError;

/// How long a request waits for a connection before it is told that the database is busy.
const POOL_WAIT: Duration = Duration::from_secs(5);

/// The worker's statements are index look-ups by key. Without statistics the planner guesses otherwise, so its sessions
/// rule other plans out.
const WORKER_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan;";

/// What a request may ask of the database: a statement, a lock, and a pause between statements end after this.
const REQUEST_LIMITS: &str = "SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '5s'; \
                              SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// One organization's requests have at most this part of the pool; keys not met before have this part of it together.
const ORGANIZATIONS_PART: usize = 2;
const STRANGERS_PART: usize = 4;

const BEGIN_OPERATOR: &str = "BEGIN; SET LOCAL ROLE wazapp_worker";

/// Requests' statements carry optional filters, which only a plan made for the values at hand can leave out.
const WEB_SETTINGS: &str = "SET plan_cache_mode = force_custom_plan;";

/// Something the database, or the way to it, did not do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be had.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// A statement failed.
    #[error("the database refused a statement: {}", describe(.0))]
    Refused(#[from] tokio_postgres::Error),
    /// COMMIT answered, but the transaction had failed before it.
    #[error("the transaction was rolled back")]
    RolledBack,
    /// The organization may take no more of what was asked for. Nothing was written.
    #[error("the organization's quota of {} is used up", .0.quota.name())]
    OverQuota(Exceeded),
    /// A stored word is none that this version knows.
    #[error(
        "{column} holds the word `{word}`, which this version of wazapp does not know: run the version that wrote it"
    )]
    UnknownWord {
        /// Table and column.
        column: &'static str,
        /// What stands there.
        word: String,
    },
    /// The database is not as wazapp needs it; the text says what to do.
    #[error("{0}")]
    Unfit(String),
}

impl DatabaseError {
    /// The data or the statement was refused, as opposed to the database being away: trying a part of the batch may help.
    pub fn blames_data(&self) -> bool {
        match self {
            Self::Refused(error) => match error.code() {
                // 22 data, 23 integrity, 42 syntax or name, 54 program limit, XX internal.
                Some(code) => matches!(&code.code()[..2], "21" | "22" | "23" | "42" | "44" | "54" | "XX"),
                // It never reached the server: the driver could not write a parameter, or read an answer.
                None => error.source().is_some_and(|cause| !cause.is::<std::io::Error>()),
            },
            _ => false,
        }
    }

    /// A lock was not had in the time that the transaction had for it.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// A deadlock or a serialization failure: the same transaction, again, will do.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code().is_some_and(|code| code.code().starts_with("40")))
    }
}

/// The server's message without the row's content: `detail` may quote a message text, so it is left out.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Unreachable(describe(&error)),
            PoolError::Timeout(_) => all_busy(),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// The result of everything in this crate that talks to the database.
pub type Result<T, E = DatabaseError> = std::result::Result<T, E>;

/// How to reach PostgreSQL.
#[derive(Clone)]
pub struct Access {
    /// For short transactions; may lead to a transaction pooler.
    pub pooled: Config,
    /// A direct or session connection: migrations, and the long-lived connections of the worker.
    pub direct: Config,
    /// What the URL's `sslmode` asked for.
    pub tls: tls::Mode,
    /// A login for requests alone, which cannot become the worker's role.
    pub web: Option<(Config, tls::Mode)>,
    /// Whether `pooled` is a transaction pooler: prepared statements are not kept then.
    pub transaction_pooler: bool,
    /// Whether the roles themselves may log in, as they do on a private PostgreSQL.
    pub roles_log_in: bool,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access(••••)")
    }
}

impl Access {
    /// A private PostgreSQL behind a Unix socket.
    pub fn socket(directory: &std::path::Path, database: &str) -> Self {
        let mut config = Config::new();
        config.host_path(directory).dbname(database).user("postgres").application_name("wazapp");
        Self {
            pooled: config.clone(),
            direct: config,
            tls: tls::Mode::Off,
            web: None,
            transaction_pooler: false,
            roles_log_in: true,
        }
    }

    /// A PostgreSQL someone else runs. `direct` is another way to it when `url` leads to a transaction pooler.
    pub fn external(url: &str, direct: Option<&str>) -> Result<Self> {
        let (pooled, tls) = tls::parse_url(url)?;
        let direct_config = match direct {
            Some(direct) => tls::parse_url(direct)?.0,
            None => pooled.clone(),
        };
        Ok(Self {
            pooled,
            direct: direct_config,
            tls,
            web: None,
            transaction_pooler: direct.is_some_and(|direct| direct != url),
            roles_log_in: false,
        })
    }

    /// With another login for requests: nothing that is sent on their connections reaches more than one organization.
    pub fn with_web_login(self, url: &str) -> Result<Self> {
        Ok(Self { web: Some(tls::parse_url(url)?), ..self })
    }

    /// Whether requests log in as somebody who cannot become the worker's role.
    pub fn has_two_logins(&self) -> bool {
        self.roles_log_in || self.web.is_some()
    }
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Web,
    Worker,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Web => "wazapp_web",
            Self::Worker => "wazapp_worker",
        }
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

fn all_busy() -> DatabaseError {
    DatabaseError::Unreachable("all connections are busy".into())
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

fn pool(access: &Access, (config, tls): (&Config, tls::Mode), role: Role, size: usize) -> Result<Pool> {
    let mut config = config.clone();
    config
        .keepalives_idle(Duration::from_secs(15))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(5));
    if access.roles_log_in {
        config.user(role.name());
    }
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match tls.connector()? {
        None => Manager::from_config(config, NoTls, manager_config),
        Some(connector) => Manager::from_config(config, connector, manager_config),
    };
    let mut builder = Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(POOL_WAIT))
        .create_timeout(Some(POOL_WAIT))
        .runtime(deadpool_postgres::Runtime::Tokio1);
    let settings = match role {
        Role::Worker => Some(WORKER_SETTINGS),
        // A transaction pooler would hand the setting to somebody else.
        Role::Web => (!access.transaction_pooler).then_some(WEB_SETTINGS),
    };
    if let Some(settings) = settings {
        builder = builder.post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move { client.batch_execute(settings).await.map_err(HookError::Backend) })
        }));
    }
    if role == Role::Worker {
        // A cached plan made while a table was small stays bad when it is large, and statistics come a minute late.
        // So plans are made anew: every time while a connection is young, then more and more rarely.
        builder = builder.pre_recycle(Hook::async_fn(|client, metrics| {
            let used = metrics.recycle_count;
            Box::pin(async move {
                if used < 32 || (used < 256 && used % 8 == 0) || used.is_power_of_two() {
                    client.batch_execute("DISCARD PLANS").await.map_err(HookError::Backend)?;
                }
                Ok(())
            })
        }));
    }
    builder.build().map_err(|error| DatabaseError::Unreachable(error.to_string()))
}

/// One open transaction. Dropped before its end, in whatever state, it is rolled back before the connection serves
/// anyone else: a cancelled request must not leave its organization behind.
pub struct Tx {
    object: Option<Object>,
    prepares: bool,
    failed: AtomicBool,
    /// Of the logs of the organizations in whose lines it stands first.
    pub(crate) ends: Ends,
    /// What it takes of its organization's share, until its connection is free again.
    place: Option<OwnedSemaphorePermit>,
}

impl Tx {
    fn new(object: Object, prepares: bool) -> Self {
        Self { object: Some(object), prepares, failed: AtomicBool::new(false), ends: Ends::default(), place: None }
    }

    async fn begin(pool: &Pool, begin: &str, prepares: bool) -> Result<Self> {
        // The guard stands before BEGIN is sent: this future may be dropped at the await below.
        let tx = Self::new(pool.get().await?, prepares);
        match tx.client().batch_execute(begin).await {
            Ok(()) => Ok(tx),
            // A connection that died while it was idle: one fresh try, before anything was done.
            Err(error) if error.is_closed() => {
                drop(tx.detach());
                let tx = Self::new(pool.get().await?, prepares);
                tx.client().batch_execute(begin).await?;
                Ok(tx)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn client(&self) -> &deadpool_postgres::ClientWrapper {
        self.object.as_ref().expect("a transaction holds its connection until its end")
    }

    fn detach(mut self) -> Option<deadpool_postgres::ClientWrapper> {
        self.object.take().map(Object::take)
    }

    pub(crate) async fn query(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
        let rows = query(self.client(), self.prepares, sql, params).await;
        if rows.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        rows
    }

    pub(crate) async fn query_opt(&self, sql: &str, params: &[&dyn Param]) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Several statements without parameters.
    pub(crate) async fn execute_script(&self, sql: &str) -> Result<()> {
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
    tx: Tx,
    scope: Scope,
    limits: Limits,
}

impl Tenant {
    /// Whose rows these are.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) fn organization_id(&self) -> uuid::Uuid {
        self.scope.organization_id()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
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
    tx: Tx,
    limits: Limits,
}

impl Operator {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }
}

impl std::ops::Deref for Operator {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

/// Statements that travel together: one round trip for a whole batch, in the order they were pushed.
pub struct Pipeline<'a> {
    now: Timestamp,
    steps: Vec<(&'static str, Vec<Box<dyn Param + 'a>>)>,
}

impl std::fmt::Debug for Pipeline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pipeline({} statements)", self.steps.len())
    }
}

/// The parameters of one statement of a [`Pipeline`].
macro_rules! params {
    ($($param:expr),* $(,)?) => { vec![$(Box::new($param) as Box<dyn crate::database::Param + '_>),*] };
}
pub(crate) use params;

impl<'a> Pipeline<'a> {
    /// Nothing to do yet. What is written is written at this time.
    pub fn at(now: Timestamp) -> Self {
        Self { now, steps: Vec::new() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn push(&mut self, sql: &'static str, params: Vec<Box<dyn Param + 'a>>) {
        self.steps.push((sql, params));
    }
}

impl Operator {
    /// Runs the statements and commits, in one round trip. What they did is durable when this returns; if one fails,
    /// none of them happened. A lost answer leaves it in doubt: to jobs, what is there tells at their next round.
    pub async fn finish(mut self, pipeline: Pipeline<'_>) -> Result<(), CommitError> {
        let client = self.tx.client();
        // All are prepared before the first is sent, or a first use would let later ones overtake.
        let mut statements = Vec::with_capacity(pipeline.steps.len());
        for (sql, _) in &pipeline.steps {
            statements.push(client.prepare_cached(sql).await.map_err(DatabaseError::from)?);
        }
        let params: Vec<Vec<&(dyn ToSql + Sync)>> =
            pipeline.steps.iter().map(|(_, params)| params.iter().map(|param| param.as_sql()).collect()).collect();
        let queries =
            statements.iter().zip(&params).map(|(statement, params)| client.execute(statement, params.as_slice()));
        let (outcomes, committed) = futures::join!(in_order(queries), client.batch_execute("COMMIT"));
        let failure = outcomes.into_iter().find_map(std::result::Result::err);
        // PostgreSQL answers the COMMIT behind a failed statement with success, after rolling back.
        commit::flight(failure, committed)?;
        self.tx.object = None;
        Ok(())
    }
}

/// A connection that its holder keeps: the inbound writer's.
pub struct Connection {
    object: Object,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Runs one statement in a transaction of its own, as the worker, in one round trip. Several may be under way at
    /// once: they run in the order in which they were first polled.
    pub(crate) async fn run(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
        let client: &tokio_postgres::Client = &self.object;
        let statement = self.object.prepare_cached(sql).await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_sql()).collect();
        let (begun, rows, committed) = futures::join!(
            client.batch_execute(BEGIN_OPERATOR),
            client.query(&statement, &params),
            client.batch_execute("COMMIT"),
        );
        begun?;
        let rows = rows?;
        committed?;
        Ok(rows)
    }

    /// The time of one empty round trip.
    pub async fn round_trip(&self) -> Result<Duration> {
        let started = std::time::Instant::now();
        self.object.batch_execute("").await?;
        Ok(started.elapsed())
    }

    /// Ends the connection instead of giving it back.
    pub fn discard(self) {
        drop(Object::take(self.object));
    }
}

/// Runs futures side by side. A query is sent when its future is first polled, so all are sent in this order, before
/// whatever is joined behind them.
async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let pending = running.iter_mut().fold(0, |sum, one| sum + u32::from(one.as_mut().poll(context).is_pending()));
        if pending == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.iter_mut().filter_map(|one| one.as_mut().take_output()).collect()
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

/// A parameter that names its own type: through a transaction pooler statements are not prepared, so nobody else
/// would say what it is.
pub trait Param: ToSql + Sync + Send {
    /// PostgreSQL's type for it.
    fn sql_type(&self) -> Type;
    /// Itself, as the driver wants it.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

macro_rules! params {
    ($($rust:ty => $one:ident, $many:ident;)+) => {$(
        impl Param for $rust {
            fn sql_type(&self) -> Type { Type::$one }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Option<$rust> {
            fn sql_type(&self) -> Type { Type::$one }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Vec<$rust> {
            fn sql_type(&self) -> Type { Type::$many }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Vec<Option<$rust>> {
            fn sql_type(&self) -> Type { Type::$many }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
    )+};
}

params! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    uuid::Uuid => UUID, UUID_ARRAY;
    jiff::Timestamp => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    jiff::civil::Date => DATE, DATE_ARRAY;
}

impl Param for Vec<u8> {
    fn sql_type(&self) -> Type {
        Type::BYTEA
    }
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

impl Param for Vec<Vec<u8>> {
    fn sql_type(&self) -> Type {
        Type::BYTEA_ARRAY
    }
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}
