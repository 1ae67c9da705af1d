//! The end of one organization's log, read once for all who follow it on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use model::database::{Result, Tenant};
use model::event;
use model::{Clock, Database, Scope, api_key, session};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::filter::About;
use super::{PAGE, Right, frame};

/// So many events are held for readers.
const HELD: usize = 1024;

/// A longer one is read again by whoever wants it.
const LONGEST: usize = 16 << 10;

/// Where no bell rang, the log is looked at this often, and whether rights still hold.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// What comes within this time is read together.
const TOGETHER: Duration = Duration::from_millis(10);

/// An event as all its readers get it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) sequence: i64,
    pub(super) about: About,
    /// `None`: too long to be held.
    pub(super) frame: Option<Bytes>,
}

#[derive(Debug)]
pub(super) struct Tail {
    end: Mutex<End>,
    /// Cancelled when it is read no further.
    over: CancellationToken,
    /// Cancelled with it, and for a right that ends.
    rights: Mutex<HashMap<Right, CancellationToken>>,
}

#[derive(Debug)]
struct End {
    /// Everything up to this event is told.
    sequence: i64,
    ring: broadcast::Sender<Arc<Told>>,
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tail {
    pub(super) fn new(sequence: i64) -> Self {
        let end = Mutex::new(End { sequence, ring: broadcast::channel(HELD).0 });
        Self { end, over: CancellationToken::new(), rights: Mutex::default() }
    }

    /// What comes behind the event whose number is answered.
    pub(super) fn subscribe(&self) -> (i64, broadcast::Receiver<Arc<Told>>) {
        let end = locked(&self.end);
        (end.sequence, end.ring.subscribe())
    }

    /// Cancelled once the right is no more, or this is read no further.
    pub(super) fn over_for(&self, right: Right) -> CancellationToken {
        locked(&self.rights).entry(right).or_insert_with(|| self.over.child_token()).clone()
    }

    /// It is read no further: its readers end.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// Reads on until nobody reads here, or what is stored cannot be read. While the database is away its readers wait.
    pub(super) async fn follow(
        &self,
        database: &Database,
        clock: &Clock,
        scope: &Scope,
        is_forgotten: impl Fn() -> bool,
    ) {
        let mut bell = database.bell().follow(scope);
        let mut look = Instant::now();
        while !is_forgotten() {
            let now = Instant::now();
            let is_due = now >= look;
            if is_due {
                look = now + LOOKED_AT;
            }
            match self.read_on(database, scope, is_due.then(|| clock.now())).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(organization = %scope.organization_id(), "live streams: {}", error.reason());
                    if error.is_lasting() {
                        return;
                    }
                    tokio::time::sleep_until(look).await;
                }
            }
            tokio::time::sleep(TOGETHER).await;
            let _ = tokio::time::timeout_at(look, bell.rung()).await;
        }
    }

    /// Tells what is new, to those who have a right to it; whether they still do is asked too, if a time is given. True:
    /// there may be more.
    async fn read_on(&self, database: &Database, scope: &Scope, asked: Option<Timestamp>) -> Result<bool> {
        if let Some(now) = asked {
            self.look_at_sessions(database, scope, now).await?;
        }
        let after = locked(&self.end).sequence;
        let tx = database.tenant(scope).await?;
        if let Some(now) = asked {
            self.look_at_keys(&tx, now).await?;
        }
        let read = event::list(&tx, after, PAGE).await?;
        tx.close();
        let events = match read {
            Ok(events) => events,
            // All that is new went already: readers that wait for it are told when they come again.
            Err(begins) => {
                locked(&self.end).sequence = begins.on_from(after);
                return Ok(true);
            }
        };
        for event in &events {
            let frame = Some(frame::event(event)).filter(|frame| frame.len() <= LONGEST);
            let told = Told { sequence: event.sequence, about: About::of(event), frame };
            let mut end = locked(&self.end);
            end.sequence = event.sequence;
            // Whoever left needs it no more.
            let _ = end.ring.send(Arc::new(told));
        }
        Ok(i64::try_from(events.len()).is_ok_and(|count| count == PAGE))
    }

    async fn look_at_keys(&self, tx: &Tenant, now: Timestamp) -> Result<()> {
        let key = |right: &Right| match *right {
            Right::Key { id, scope } => Some((id, scope)),
            Right::Session { .. } => None,
        };
        let keys: Vec<(Uuid, Scope)> = locked(&self.rights).keys().filter_map(key).collect();
        let ids: Vec<Uuid> = keys.iter().map(|(id, _)| *id).collect();
        let in_force = api_key::in_force(tx, now, &ids).await?;
        for (id, scope) in keys.into_iter().filter(|key| !in_force.contains(key)) {
            self.end_right(&Right::Key { id, scope });
        }
        Ok(())
    }

    async fn look_at_sessions(&self, database: &Database, scope: &Scope, now: Timestamp) -> Result<()> {
        let session = |right: &Right| match *right {
            Right::Session { user_id, id, scope } => Some((user_id, id, scope)),
            Right::Key { .. } => None,
        };
        let sessions: Vec<(Uuid, Uuid, Scope)> = locked(&self.rights).keys().filter_map(session).collect();
        if sessions.is_empty() {
            return Ok(());
        }
        let asked: Vec<(Uuid, Uuid)> = sessions.iter().map(|&(user_id, id, _)| (user_id, id)).collect();
        let tx = database.operator_for(scope).await?;
        let in_force = session::in_force(&tx, now, scope, &asked).await?;
        tx.close();
        for (user_id, id, scope) in sessions.into_iter().filter(|&(_, id, scope)| !in_force.contains(&(id, scope))) {
            self.end_right(&Right::Session { user_id, id, scope });
        }
        Ok(())
    }

    fn end_right(&self, right: &Right) {
        if let Some(over) = locked(&self.rights).remove(right) {
            over.cancel();
        }
    }
}
