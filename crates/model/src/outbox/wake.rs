//! Hints between who queues and who sends, inside one process.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use super::Turn;

/// Tells this process's worker that something was queued, and those who wait for a message that it was looked after.
/// Hints only: polling is the truth.
#[derive(Debug, Default)]
pub struct Wake {
    queued: Notify,
    due: Mutex<Due>,
    /// Whether something that is due waits for room.
    crowded: AtomicBool,
    watched: Mutex<HashMap<Uuid, Arc<Notify>>>,
}

/// What may have something to send now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// These numbers.
    pub turns: HashSet<Turn>,
    /// And perhaps others.
    pub others: bool,
}

impl Wake {
    /// Something was committed.
    pub fn queued(&self) {
        self.due_now().others = true;
        self.queued.notify_one();
    }

    /// Something was committed that these numbers may send now.
    pub fn due(&self, turns: impl IntoIterator<Item = Turn>) {
        let mut due = self.due_now();
        let before = due.turns.len();
        due.turns.extend(turns);
        if due.turns.len() > before {
            self.queued.notify_one();
        }
    }

    /// Both.
    pub fn tell(&self, due: Due) {
        self.due(due.turns);
        if due.others {
            self.queued();
        }
    }

    /// What was told since the last time.
    pub fn take_due(&self) -> Due {
        std::mem::take(&mut *self.due_now())
    }

    /// Something that is due finds no room: whoever makes some tells of it.
    pub fn wants_room(&self) {
        self.crowded.store(true, Ordering::Release);
    }

    /// There is room again.
    pub fn has_room(&self) {
        if self.crowded.swap(false, Ordering::AcqRel) {
            self.queued();
        }
    }

    fn due_now(&self) -> std::sync::MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for [`Wake::queued`] or [`Wake::due`].
    pub async fn wait(&self) {
        self.queued.notified().await;
    }

    /// Watches one message; whoever watches looks once after this, for what was missed.
    pub fn watch(self: &Arc<Self>, message_id: Uuid) -> Watch {
        let notify = Arc::new(Notify::new());
        self.watched().insert(message_id, notify.clone());
        Watch { message_id, notify, wake: self.clone() }
    }

    /// Something was heard of these messages, and committed.
    pub fn settled(&self, messages: impl IntoIterator<Item = Uuid>) {
        let watched = self.watched();
        if watched.is_empty() {
            return;
        }
        for notify in messages.into_iter().filter_map(|id| watched.get(&id)) {
            notify.notify_one();
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<Notify>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for a message, until this is dropped.
#[derive(Debug)]
pub struct Watch {
    message_id: Uuid,
    notify: Arc<Notify>,
    wake: Arc<Wake>,
}

impl Watch {
    /// Waits until something was heard of the message since the last time.
    pub async fn heard(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake.watched().remove(&self.message_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_hears_which_numbers_are_due_and_whether_others_may_be() {
        let wake = Wake::default();
        let turn = Turn { organization_id: Uuid::from_u128(1), number_id: Uuid::from_u128(2), bulk: false };
        wake.due([turn, turn]);
        wake.wait().await;
        assert_eq!(wake.take_due(), Due { turns: [turn].into(), others: false });
        wake.has_room();
        assert_eq!(wake.take_due(), Due::default(), "nobody wanted any");
        wake.wants_room();
        wake.has_room();
        wake.wait().await;
        assert!(wake.take_due().others);
    }

    #[tokio::test]
    async fn who_watches_hears_of_its_message_even_before_it_waits() {
        let wake = Arc::new(Wake::default());
        let (one, other) = (wake.watch(Uuid::from_u128(1)), wake.watch(Uuid::from_u128(2)));
        wake.settled([Uuid::from_u128(1), Uuid::from_u128(3)]);
        one.heard().await;
        drop((one, other));
        assert!(wake.watched().is_empty(), "nobody is kept");
    }
}
