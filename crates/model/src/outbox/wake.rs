//! Hints between who queues and who sends, inside one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

/// Tells this process's worker that something was queued, and those who wait for a message that it was looked after.
/// Hints only: polling is the truth.
#[derive(Debug, Default)]
pub struct Wake {
    queued: Notify,
    watched: Mutex<HashMap<Uuid, Arc<Notify>>>,
}

impl Wake {
    /// Something was committed.
    pub fn queued(&self) {
        self.queued.notify_one();
    }

    /// Waits for [`Wake::queued`].
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
    async fn who_watches_hears_of_its_message_even_before_it_waits() {
        let wake = Arc::new(Wake::default());
        let (one, other) = (wake.watch(Uuid::from_u128(1)), wake.watch(Uuid::from_u128(2)));
        wake.settled([Uuid::from_u128(1), Uuid::from_u128(3)]);
        one.heard().await;
        drop((one, other));
        assert!(wake.watched().is_empty(), "nobody is kept");
    }
}
