//! Statements that travel together.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::task::Poll;

use futures::future::maybe_done;
use jiff::Timestamp;
use postgres_types::ToSql;

use super::commit::{self, CommitError};
use super::{DatabaseError, Engine, Operator, Param, Statement};

/// Statements that travel together: one round trip for a whole batch, in the order they were pushed.
pub struct Pipeline<'a> {
    now: Timestamp,
    steps: Vec<Step<'a>>,
}

/// One statement, as it is given or as its rows make it.
enum Step<'a> {
    Fixed(&'static str, Vec<Box<dyn Param + 'a>>),
    OfRows(Statement<'a>),
}

impl Step<'_> {
    fn text(&self, engine: Engine) -> Cow<'static, str> {
        match self {
            Self::Fixed(sql, _) => Cow::Borrowed(*sql),
            Self::OfRows(statement) => Cow::Owned(statement.text(engine)),
        }
    }

    fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let (Self::Fixed(_, params) | Self::OfRows(Statement { params, .. })) = self;
        params.iter().map(|param| param.as_sql()).collect()
    }
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
        self.steps.push(Step::Fixed(sql, params));
    }

    pub(crate) fn add(&mut self, statement: Statement<'a>) {
        self.steps.push(Step::OfRows(statement));
    }
}

impl Operator {
    /// Runs the statements and commits, in one round trip. What they did is durable when this returns; if one fails,
    /// none of them happened. A lost answer leaves it in doubt: to jobs, what is there tells at their next round.
    pub async fn finish(mut self, pipeline: Pipeline<'_>) -> Result<(), CommitError> {
        self.tx.not_failed()?;
        self.tx.begun().await?;
        let client = self.tx.client();
        // All are prepared before the first is sent, or a first use would let later ones overtake.
        let mut statements = Vec::with_capacity(pipeline.steps.len());
        for step in &pipeline.steps {
            let sql = step.text(self.tx.engine());
            statements.push(client.prepare_cached(&sql).await.map_err(DatabaseError::from)?);
        }
        let params: Vec<_> = pipeline.steps.iter().map(Step::params).collect();
        let queries =
            statements.iter().zip(&params).map(|(statement, params)| client.execute(statement, params.as_slice()));
        let (outcomes, committed) = futures::join!(in_order(queries), client.batch_execute("COMMIT"));
        let failure = outcomes.into_iter().find_map(std::result::Result::err);
        // PostgreSQL answers the COMMIT behind a failed statement with success, after rolling back.
        match commit::flight(failure, committed) {
            Err(CommitError::NotDone(error)) => self.tx.watched(Err(error))?,
            outcome => outcome?,
        }
        self.tx.committed();
        Ok(())
    }
}

/// Runs futures side by side. A query is sent when its future is first polled, so all are sent in this order, before
/// whatever is joined behind them.
pub(super) async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let pending = running.iter_mut().fold(0, |sum, one| sum + u32::from(one.as_mut().poll(context).is_pending()));
        if pending == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.iter_mut().filter_map(|one| one.as_mut().take_output()).collect()
}
