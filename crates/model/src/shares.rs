//! A part of something scarce for each organization, or each of any other kind, so that one that wants all of it waits
//! for itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Shares nobody uses are forgotten once there are so many.
const FORGOTTEN_FROM: usize = 1024;

/// Each one's share, all of the same size. Who waits for a part of one has it in turn.
#[derive(Debug)]
pub struct Shares<K = Uuid, S = Semaphore> {
    size: usize,
    make: fn(usize) -> S,
    known: Mutex<Known<K, S>>,
}

#[derive(Debug)]
struct Known<K, S> {
    of: HashMap<K, Arc<S>>,
    forget_at: usize,
}

impl<K: Eq + Hash> Shares<K> {
    /// Shares of this size.
    pub fn new(size: usize) -> Self {
        Self::made(size, Semaphore::new)
    }

    /// One of somebody's parts, if there is one left.
    pub fn try_take(&self, who: K) -> Option<OwnedSemaphorePermit> {
        self.of(who).try_acquire_owned().ok()
    }

    /// One of somebody's parts, in its turn.
    pub async fn take(&self, who: K) -> OwnedSemaphorePermit {
        self.of(who).acquire_owned().await.expect("the semaphore is never closed")
    }
}

impl<K: Eq + Hash, S> Shares<K, S> {
    /// Shares that are made like this, of a size.
    pub fn made(size: usize, make: fn(usize) -> S) -> Self {
        Self { size, make, known: Mutex::new(Known { of: HashMap::new(), forget_at: FORGOTTEN_FROM }) }
    }

    /// Somebody's share. It is remembered for as long as it is held, and some time after.
    pub fn of(&self, who: K) -> Arc<S> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.len() >= known.forget_at {
            known.of.retain(|_, share| Arc::strong_count(share) > 1);
            known.forget_at = FORGOTTEN_FROM.max(known.of.len() * 2);
        }
        known.of.entry(who).or_insert_with(|| Arc::new((self.make)(self.size))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_share_of_its_own_and_those_not_used_are_forgotten() {
        let shares = Shares::new(1);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let taken = shares.try_take(one);
        assert!(taken.is_some() && shares.try_take(one).is_none() && shares.try_take(other).is_some());
        for nth in 0..5000 {
            shares.try_take(Uuid::from_u128(nth + 10));
        }
        assert!(shares.known.lock().unwrap().of.len() <= FORGOTTEN_FROM);
        assert!(shares.try_take(one).is_none(), "what is in use stays");
        drop(taken);
        assert!(shares.try_take(one).is_some());
    }
}
