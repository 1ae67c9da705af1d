//! What an organization's programs send at once is queued at once.
//!
//! One after the other, each would wait for the organization's line and the flush of the one before. So the first one is
//! written alone, at once; what comes while it is written is written together behind it, and so on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::event;
use model::outbox::{self, Content, Idempotency, Options, Refusal, To, Wish};
use model::{DatabaseError, Scope};
use tokio::sync::oneshot;

use super::{Queued, finish};
use crate::State;

/// So many are written together at most.
const MOST: usize = 256;

/// What is to be queued.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) to: To,
    pub(crate) content: Content,
    pub(crate) options: Options,
    pub(crate) idempotency: Option<Idempotency>,
}

impl Order {
    pub(crate) fn wish(&self) -> Wish<'_> {
        let Self { to, content, options, idempotency } = self;
        Wish { to, content, options, idempotency: idempotency.as_ref() }
    }
}

/// What became of it. An error means that it was not queued.
type Answer = Result<Result<Queued, Refusal>, DatabaseError>;

/// An order, and who waits for it.
struct Waiting {
    order: Order,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    /// Whoever is gone knows that they do not know.
    fn hears(self, said: Answer) {
        let _ = self.answer.send(said);
    }
}

/// Who waits, by what they may see. Where anybody does, a task writes.
#[derive(Clone, Default)]
pub struct Gathering(Arc<Mutex<HashMap<Scope, Vec<Waiting>>>>);

impl std::fmt::Debug for Gathering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gathering({} organizations)", self.waiting().len())
    }
}

impl Gathering {
    /// Queues a message together with what else comes now, and tells the sender of this process. Whoever stops waiting before
    /// it is written takes it back by that.
    pub(crate) async fn queue(&self, state: &State, scope: &Scope, order: Order) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.joins(*scope, Waiting { order, answer }) {
            tokio::spawn(Writer { state: state.clone(), scope: *scope, over: false }.run());
        }
        // Nothing was committed: a writer answers in the same breath.
        answered.await.unwrap_or_else(|_| Err(DatabaseError::RolledBack))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Scope, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody writes for them yet.
    fn joins(&self, scope: Scope, one: Waiting) -> bool {
        match self.waiting().entry(scope) {
            Entry::Occupied(mut others) => {
                others.get_mut().push(one);
                false
            }
            Entry::Vacant(place) => {
                place.insert(vec![one]);
                true
            }
        }
    }

    /// Who is next; none: nobody waits, and nobody writes any more.
    fn next(&self, scope: &Scope) -> Option<Vec<Waiting>> {
        let mut waiting = self.waiting();
        let all = waiting.get_mut(scope)?;
        if all.is_empty() {
            waiting.remove(scope);
            return None;
        }
        let most = all.len().min(MOST);
        Some(all.drain(..most).collect())
    }
}

/// Writes for those of one scope until nobody waits.
struct Writer {
    state: State,
    scope: Scope,
    /// Nobody waits any more.
    over: bool,
}

impl Writer {
    async fn run(mut self) {
        while let Some(all) = self.state.gathering.next(&self.scope) {
            self.write(all).await;
        }
        self.over = true;
    }

    /// Together, or one by one where one of them may be why nothing could be written.
    async fn write(&self, mut all: Vec<Waiting>) {
        let error = match self.queue(&mut all).await {
            Ok(answers) => return all.into_iter().zip(answers).for_each(|(one, said)| one.hears(Ok(said))),
            Err(error) => error,
        };
        if all.len() > 1 && (error.is_lasting() || error.is_transient()) {
            for one in all {
                Box::pin(self.write(vec![one])).await;
            }
            return;
        }
        // One hears the error itself, the others of it.
        let reason = error.reason();
        if let Some(one) = all.pop() {
            one.hears(Err(error));
        }
        for one in all {
            one.hears(Err(DatabaseError::Unreachable(reason.to_owned())));
        }
    }

    /// In one transaction. An error means that none was queued.
    async fn queue(&self, all: &mut Vec<Waiting>) -> Result<Vec<Result<Queued, Refusal>>, DatabaseError> {
        let tx = self.state.database.tenant(&self.scope).await?;
        let line = event::line(&tx).await?;
        // Whoever hung up until now sees to it, in this line, that nothing is sent later.
        all.retain(|one| !one.answer.is_closed());
        let wishes: Vec<Wish<'_>> = all.iter().map(|one| one.order.wish()).collect();
        let (answers, due) = outbox::enqueue_all(&line, self.state.clock.now(), &wishes).await?;
        let queued = answers.iter().filter_map(|answer| answer.as_ref().ok().cloned()).collect();
        let mut queued = finish(&self.state, tx, queued, due).await?.into_iter();
        Ok(answers.into_iter().map(|answer| answer.map(|_| queued.next().expect("one for each"))).collect())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After a panic, those who wait are told, and the next one finds nobody who writes.
        if !self.over {
            self.state.gathering.waiting().remove(&self.scope);
        }
    }
}
