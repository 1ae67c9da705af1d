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
    untold: Mutex<Option<BTreeSet<Uuid>>>,
    grew: Notify,
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
        if let Some(untold) = locked(&self.untold).as_mut() {
            untold.extend(organizations);
            self.grew.notify_one();
        }
    }

    /// These logs grew, somewhere.
    pub(super) fn ring(&self, organizations: &[Uuid]) {
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
        loop {
            let taken = std::mem::take(locked(&self.untold).get_or_insert_default());
            if !taken.is_empty() {
                return taken.into_iter().collect();
            }
            self.grew.notified().await;
        }
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
