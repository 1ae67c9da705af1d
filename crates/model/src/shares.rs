//! A part of something scarce for each organization, so that one that wants all of it waits for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Shares nobody uses are forgotten once there are so many.
const FORGOTTEN_FROM: usize = 1024;

/// Each organization's share, all of the same size. Who waits for a part of one has it in turn.
#[derive(Debug)]
pub struct Shares {
    size: usize,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    of: HashMap<Uuid, Arc<Semaphore>>,
    forget_at: usize,
}

impl Shares {
    /// Shares of this size.
    pub fn new(size: usize) -> Self {
        Self { size, known: Mutex::new(Known { of: HashMap::new(), forget_at: FORGOTTEN_FROM }) }
    }

    /// One of an organization's parts, if it has one left.
    pub fn try_take(&self, organization_id: Uuid) -> Option<OwnedSemaphorePermit> {
        self.of(organization_id).try_acquire_owned().ok()
    }

    /// One of an organization's parts, in its turn.
    pub async fn take(&self, organization_id: Uuid) -> OwnedSemaphorePermit {
        self.of(organization_id).acquire_owned().await.expect("the semaphore is never closed")
    }

    fn of(&self, organization_id: Uuid) -> Arc<Semaphore> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.len() >= known.forget_at {
            known.of.retain(|_, share| Arc::strong_count(share) > 1);
            known.forget_at = FORGOTTEN_FROM.max(known.of.len() * 2);
        }
        known.of.entry(organization_id).or_insert_with(|| Arc::new(Semaphore::new(self.size))).clone()
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
