//! Live updates: whoever follows an organization's event log is told of each event as it is committed, on whatever node.
//!
//! The log is the truth. An organization that somebody follows has one *tail* on this node, which reads what is new once for
//! all its readers and holds the newest of it in a ring; a *reader* takes from the ring, and reads the log itself where it
//! is behind it. So a reader costs no more memory when it is slow, and what wakes a tail may be lost. Who is limited to see a
//! part takes nothing from the ring but that there is news: what of it they may see, the database says.

mod filter;
mod frame;
mod reader;
mod tail;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::database::Result;
use model::event::{self, LogBegins};
use model::{Clock, Database, Scope};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::key::Who;

pub(crate) use filter::Filter;
pub(crate) use reader::Reader;
use tail::Tail;

/// Events of the log that are read at once.
const PAGE: i64 = 100;

/// Whose logs are followed here.
#[derive(Clone, Debug)]
pub struct Live {
    clock: Clock,
    tails: Arc<Mutex<HashMap<Uuid, Arc<Tail>>>>,
}

/// By what somebody follows a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Right {
    /// An API key, with the limits that held when it began to follow.
    Key {
        /// It.
        id: Uuid,
        /// See [`Scope::viewer_id`].
        scope: Scope,
    },
    /// A session, with the same.
    Session {
        /// Whose.
        user_id: Uuid,
        /// It.
        id: Uuid,
        /// See [`Scope::viewer_id`].
        scope: Scope,
    },
}

impl Right {
    pub(crate) fn of(who: &Who, scope: Scope) -> Self {
        match who {
            Who::Key { id, .. } => Self::Key { id: *id, scope },
            Who::Person { user, session_id, .. } => Self::Session { user_id: user.id, id: *session_id, scope },
        }
    }
}

/// Who follows a log, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Follows {
    /// Whose log.
    pub(crate) scope: Scope,
    /// By what right; once it is no more, no more is told.
    pub(crate) right: Right,
    /// Cancelled when the server stops.
    pub(crate) stopping: CancellationToken,
}

impl Live {
    /// Nobody follows yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, tails: Arc::default() }
    }

    /// Follows a log behind the event of this number, or from now on: what passes the filter, on this place for a stream.
    /// Nothing that has gone is skipped in silence.
    pub(crate) async fn follow(
        &self,
        database: &Database,
        follows: Follows,
        after: Option<i64>,
        how: (Filter, OwnedSemaphorePermit),
    ) -> Result<Result<Reader, LogBegins>> {
        let tx = database.tenant(&follows.scope).await?;
        let log = event::begins(&tx).await?;
        tx.close();
        let after = after.unwrap_or(log.newest);
        if let Err(begins) = log.unless_reached(after) {
            return Ok(Err(begins));
        }
        let tail = self.tail(database, &follows, log.newest);
        Ok(Ok(Reader::new(tail, database.clone(), follows, after, how)))
    }

    /// The tail of a log; one that begins now has told everything up to `last`.
    fn tail(&self, database: &Database, follows: &Follows, last: i64) -> Arc<Tail> {
        let id = follows.scope.organization_id();
        let mut tails = self.tails();
        if let Some(tail) = tails.get(&id) {
            return tail.clone();
        }
        let tail = Arc::new(Tail::new(last));
        tails.insert(id, tail.clone());
        drop(tails);
        let followed = Followed { live: self.clone(), id, tail: tail.clone() };
        // It reads for all who follow; who is limited reads the log again, as themselves.
        let (database, scope, stopping) = (database.clone(), follows.scope.whole(), follows.stopping.clone());
        let clock = self.clock.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = followed.tail.follow(&database, &clock, &scope, || followed.is_forgotten()) => {}
                () = stopping.cancelled() => {}
            }
        });
        tail
    }

    fn tails(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Tail>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tail that is read on. However that ends, nobody waits at it for what never comes.
struct Followed {
    live: Live,
    id: Uuid,
    tail: Arc<Tail>,
}

impl Followed {
    /// Forgets the tail if nobody reads it any more.
    fn is_forgotten(&self) -> bool {
        let mut tails = self.live.tails();
        // The map's and this one; one more is a reader's.
        let unread = Arc::strong_count(&self.tail) <= 2;
        if unread {
            tails.remove(&self.id);
        }
        unread
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let mut tails = self.live.tails();
        if tails.get(&self.id).is_some_and(|tail| Arc::ptr_eq(tail, &self.tail)) {
            tails.remove(&self.id);
        }
        self.tail.end();
    }
}
