//! Rung when an organization's log grew, so that who follows it looks. A hint alone: the log is the truth, and who misses a
//! ring finds what is there when it looks by itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::scope::Scope;

/// Rings for this process; [`super::relay`] carries it to others.
#[derive(Debug, Default)]
pub struct Bell {
    following: Mutex<HashMap<Uuid, watch::Sender<()>>>,
    /// Whose logs grew here since others were told; `None`: nobody tells them.
    untold: Gathered,
    /// Whose logs grew anywhere since the one who looks after all of them asked; `None`: nobody does.
    unseen: Gathered,
}

/// Organizations, gathered for one who asks for them; `None`: nobody asks.
#[derive(Debug, Default)]
struct Gathered {
    ids: Mutex<Option<BTreeSet<Uuid>>>,
    came: Notify,
}

impl Gathered {
    fn add(&self, organizations: &[Uuid]) {
        if let Some(ids) = locked(&self.ids).as_mut() {
            ids.extend(organizations);
            self.came.notify_one();
        }
    }

    fn take(&self) -> Vec<Uuid> {
        std::mem::take(locked(&self.ids).get_or_insert_default()).into_iter().collect()
    }

    /// Waits until there are some.
    async fn some(&self) {
        while locked(&self.ids).get_or_insert_default().is_empty() {
            self.came.notified().await;
        }
    }
}

/// Hears of one organization.
#[derive(Debug)]
pub struct Follower(watch::Receiver<()>);

impl Follower {
    /// Waits until its log grew, since this was last asked.
    pub async fn rung(&mut self) {
        // A bell that is gone rings no more.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bell {
    /// Hears of an organization from now on.
    pub fn follow(&self, scope: &Scope) -> Follower {
        let mut following = locked(&self.following);
        following.retain(|_, sender| sender.receiver_count() > 0);
        let sender = following.entry(scope.organization_id()).or_insert_with(|| watch::channel(()).0);
        Follower(sender.subscribe())
    }

    /// These logs grew, by a transaction of this process.
    pub(crate) fn grew(&self, organizations: &[Uuid]) {
        if organizations.is_empty() {
            return;
        }
        self.ring(organizations);
        self.untold.add(organizations);
    }

    /// These logs grew, somewhere.
    pub(super) fn ring(&self, organizations: &[Uuid]) {
        self.unseen.add(organizations);
        let following = locked(&self.following);
        for sender in organizations.iter().filter_map(|id| following.get(id)) {
            sender.send_replace(());
        }
    }

    /// Something may have been missed.
    pub(super) fn ring_all(&self) {
        locked(&self.following).values().for_each(|sender| sender.send_replace(()));
    }

    /// Whose logs grew here since this was last asked; waits until there is one.
    pub(super) async fn untold(&self) -> Vec<Uuid> {
        self.untold.some().await;
        self.untold.take()
    }

    /// Whose logs grew, anywhere, since this was last asked. For one who looks after all of them.
    pub fn unseen(&self) -> Vec<Uuid> {
        self.unseen.take()
    }

    /// Waits until there are some.
    pub async fn some_unseen(&self) {
        self.unseen.some().await;
    }
}

/// A bell that databases share with all their copies.
pub(crate) type Shared = Arc<Bell>;

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_follows_hears_of_its_own_and_once_for_many() {
        let bell = Bell::default();
        let [one, other] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let mut follower = bell.follow(&Scope::new(one));
        bell.grew(&[other]);
        assert!(follower.rung().now_or_never().is_none());
        bell.grew(&[one]);
        bell.grew(&[one, other]);
        assert!(follower.rung().now_or_never().is_some());
        assert!(follower.rung().now_or_never().is_none());
        bell.ring_all();
        assert!(follower.rung().now_or_never().is_some());
    }

    #[tokio::test]
    async fn others_are_told_of_each_once() {
        let bell = Bell::default();
        let [one, other] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        bell.grew(&[one]);
        assert!(bell.untold().now_or_never().is_none(), "nobody told others yet");
        bell.grew(&[one, other]);
        bell.grew(&[one]);
        assert_eq!(bell.untold().await, [one, other]);
        assert!(bell.untold().now_or_never().is_none());
    }
}
