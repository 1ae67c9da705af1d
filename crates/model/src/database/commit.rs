//! The end of a transaction, and how to know of it when the answer is lost.
//!
//! An error before COMMIT means that nothing happened. COMMIT itself is the point of no return: the connection may break
//! when PostgreSQL has carried it out and not said so. Then PostgreSQL is asked again, on another connection, what became
//! of the transaction; what stays unknown is its own case of [`CommitError`], which no `?` turns into "nothing happened".

use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use postgres_types::Type;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::error::Severity;

use super::{DatabaseError, Operator, Result, Tenant, Tx};

/// How long PostgreSQL is asked what became of a transaction.
const PATIENCE: Duration = Duration::from_secs(8);

/// The first pause between two questions; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why a transaction is not known to be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// It was rolled back. Nothing of it happened.
    #[error("nothing was changed: {0}")]
    NotDone(DatabaseError),
    /// The connection broke at COMMIT, and what became of it could not be found out.
    #[error(
        "the database went away at the last moment, so this may have been done or not: look before you repeat it ({0})"
    )]
    InDoubt(DatabaseError),
}

/// A statement that fails before COMMIT takes the whole transaction with it.
impl From<DatabaseError> for CommitError {
    fn from(error: DatabaseError) -> Self {
        Self::NotDone(error)
    }
}

impl CommitError {
    /// For jobs, whose every round begins with what is there: to them, a lost answer is one more failed round. Not for
    /// what answers somebody.
    pub fn in_job(self) -> DatabaseError {
        match self {
            Self::NotDone(error) | Self::InDoubt(error) => error,
        }
    }

    /// See [`DatabaseError::blames_data`].
    pub fn blames_data(&self) -> bool {
        matches!(self, Self::NotDone(error) if error.blames_data())
    }
}

/// Whether PostgreSQL itself refused, and went on. What ends a session may come when the transaction is already durable.
fn is_answer(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
}

/// What an error in the place of COMMIT's answer means.
fn unanswered(error: tokio_postgres::Error) -> CommitError {
    let wrap = if is_answer(&error) { CommitError::NotDone } else { CommitError::InDoubt };
    wrap(DatabaseError::Refused(error))
}

/// What became of statements and a COMMIT that travelled together: a statement that PostgreSQL refused took all with it,
/// whatever came of the rest.
pub(super) fn flight(
    failure: Option<tokio_postgres::Error>,
    committed: Result<(), tokio_postgres::Error>,
) -> Result<(), CommitError> {
    match (failure, committed) {
        (None, Ok(())) => Ok(()),
        (Some(error), Err(_)) if is_answer(&error) => Err(CommitError::NotDone(error.into())),
        (Some(error), Ok(())) => Err(CommitError::NotDone(error.into())),
        (_, Err(error)) => Err(unanswered(error)),
    }
}

/// By what PostgreSQL knows a transaction after its end.
#[derive(Debug)]
pub(super) struct Trace {
    xid: String,
    server: String,
}

/// Names a run of PostgreSQL. One that crashed may give the number of a lost transaction to another one; its statistics
/// begin anew then, and those of a standby that took over are others.
macro_rules! server {
    () => {
        "concat(pg_postmaster_start_time(), ' ', pg_stat_get_bgwriter_stat_reset_time())"
    };
}

/// What a statement that writes, or locks a row, may answer beside: then nobody asks for it before COMMIT. See
/// [`Tx::traced`].
macro_rules! trace {
    () => {
        concat!("pg_current_xact_id()::text AS xid, ", crate::database::server!(), " AS server")
    };
}
pub(crate) use {server, trace};

enum Ended {
    Committed,
    RolledBack,
    /// PostgreSQL has not heard yet that its connection broke, or is still at it.
    NotYet,
    /// It is not the PostgreSQL that it was.
    Forgotten,
}

impl Trace {
    /// `None`: the transaction wrote nothing.
    async fn of(tx: &Tx) -> Result<Option<Self>> {
        let sql = concat!("SELECT pg_current_xact_id_if_assigned()::text AS xid, ", server!(), " AS server");
        let row = tx.query_opt(sql, &[]).await?.expect("a SELECT without FROM answers a row");
        let xid: Option<String> = row.get("xid");
        Ok(xid.map(|xid| Self { xid, server: row.get("server") }))
    }

    /// Asks until it is known, or until patience ends. `None`: nobody can tell.
    async fn look(&self, pool: &Pool) -> Option<Ended> {
        let until = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < until {
            match tokio::time::timeout_at(until, self.ask(pool)).await {
                Ok(Ok(Ended::NotYet) | Err(_)) => {}
                Ok(Ok(Ended::Forgotten)) | Err(_) => return None,
                Ok(Ok(ended)) => return Some(ended),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        None
    }

    async fn ask(&self, pool: &Pool) -> Result<Ended> {
        let client = pool.get().await?;
        let sql = concat!(
            "SELECT CASE WHEN ",
            server!(),
            " = $2 THEN coalesce(pg_xact_status($1::text::xid8), 'too old') ELSE 'another server' END"
        );
        let rows = client.query_typed(sql, &[(&self.xid, Type::TEXT), (&self.server, Type::TEXT)]).await?;
        Ok(match rows.first().map(|row| row.get::<_, &str>(0)) {
            Some("committed") => Ended::Committed,
            Some("aborted") => Ended::RolledBack,
            Some("in progress") => Ended::NotYet,
            _ => Ended::Forgotten,
        })
    }
}

impl Tx {
    /// Ends the transaction; what it did is durable when this returns. Where the answer is lost, PostgreSQL is asked for
    /// some seconds what became of it.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        self.not_failed()?;
        if self.is_untouched() {
            return Ok(());
        }
        let trace = match self.trace.take() {
            Some(trace) => Some(trace),
            None => Trace::of(&self).await?,
        };
        let cause = match self.try_commit().await {
            Err(CommitError::InDoubt(cause)) => cause,
            certain => return certain,
        };
        let pool = self.object.as_ref().and_then(Object::pool);
        drop(self.detach());
        // What wrote nothing has nothing to lose.
        let Some(trace) = trace else { return Ok(()) };
        let Some(pool) = pool else { return Err(CommitError::InDoubt(cause)) };
        match trace.look(&pool).await {
            Some(Ended::Committed) => Ok(()),
            Some(_) => Err(CommitError::NotDone(cause)),
            None => Err(CommitError::InDoubt(cause)),
        }
    }

    /// Reads what [`trace!`] answered.
    pub(crate) fn traced(&self, row: &Row) {
        _ = self.trace.set(Trace { xid: row.get("xid"), server: row.get("server") });
    }

    /// PostgreSQL answers the COMMIT of a failed transaction with success, after rolling it back.
    pub(super) fn not_failed(&self) -> Result<(), CommitError> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(CommitError::NotDone(DatabaseError::RolledBack));
        }
        Ok(())
    }

    async fn try_commit(&mut self) -> Result<(), CommitError> {
        if self.is_untouched() {
            return Ok(());
        }
        self.client().batch_execute("COMMIT").await.map_err(unanswered)?;
        self.committed();
        Ok(())
    }
}

impl Tenant {
    /// See [`Tx::commit`].
    pub async fn commit(self) -> Result<(), CommitError> {
        self.tx.commit().await
    }

    /// Ends a transaction that only read. It is rolled back, so nothing of it can be in doubt.
    pub fn close(self) {}
}

impl Operator {
    /// See [`Tx::commit`].
    pub async fn commit(self) -> Result<(), CommitError> {
        self.tx.commit().await
    }

    /// The same for jobs, whose every round begins with what is there: what became of a lost COMMIT is not asked for, which
    /// saves a round trip. Not for what answers somebody.
    pub async fn commit_in_job(mut self) -> Result<()> {
        self.tx.not_failed().map_err(CommitError::in_job)?;
        self.tx.try_commit().await.map_err(CommitError::in_job)
    }

    /// Ends a transaction that only read. It is rolled back, so nothing of it can be in doubt.
    pub fn close(self) {}
}
