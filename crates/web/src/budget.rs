//! Memory for webhooks' bodies: counted as it is taken, so that a byte that came costs a byte and not what may follow.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::serve::Client;

/// Small bodies have their own share, so that large ones cannot crowd them out.
const SMALL: usize = 64 << 10;
const FOR_SMALL: usize = 64 << 20;
const FOR_LARGE: usize = 64 << 20;

/// A body's first piece of memory; each next one doubles it.
const LEAST: usize = 1 << 10;

/// So long a body waits for others to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// And looks so often whether one of them is slow by now.
const LOOK: Duration = Duration::from_millis(200);

/// The memory that bodies may take at once.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { small: Arc::new(Semaphore::new(FOR_SMALL)), large: Arc::new(Semaphore::new(FOR_LARGE)) }
    }
}

/// No memory came free in time.
#[derive(Debug)]
pub(crate) struct Full;

/// A body that grows within the budget.
#[derive(Debug)]
pub(crate) struct Growing {
    budget: Budget,
    bytes: BytesMut,
    taken: usize,
    held: Held,
}

/// What a body takes of the budget, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Held {
    client: Client,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// A body of this client, with nothing in it yet.
    pub(crate) fn body(&self, client: &Client) -> Growing {
        let held = Held { client: client.clone(), permits: Vec::new() };
        Growing { budget: self.clone(), bytes: BytesMut::new(), taken: 0, held }
    }
}

impl Growing {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece, if there is memory for it, or comes free soon.
    pub(crate) async fn push(&mut self, piece: &[u8]) -> Result<(), Full> {
        let size = self.bytes.len() + piece.len();
        if size > self.taken {
            let wanted = size.next_power_of_two().max(LEAST);
            self.take(wanted).await?;
            self.bytes.reserve(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn take(&mut self, wanted: usize) -> Result<(), Full> {
        let small = wanted.min(SMALL).saturating_sub(self.taken);
        let large = wanted.saturating_sub(self.taken.max(SMALL));
        for (budget, bytes) in [(&self.budget.small, small), (&self.budget.large, large)] {
            if bytes > 0 {
                self.held.permits.push(acquire(budget, bytes, &self.held.client).await?);
            }
        }
        self.taken = wanted;
        self.held.client.holds(wanted);
        Ok(())
    }

    /// The whole body.
    pub(crate) fn end(self) -> (Bytes, Held) {
        (self.bytes.freeze(), self.held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.permits.clear();
        self.client.holds(0);
    }
}

async fn acquire(budget: &Arc<Semaphore>, bytes: usize, client: &Client) -> Result<OwnedSemaphorePermit, Full> {
    let count = u32::try_from(bytes).map_err(|_| Full)?;
    if let Ok(permit) = budget.clone().try_acquire_many_owned(count) {
        return Ok(permit);
    }
    let until = Instant::now() + PATIENCE;
    let mut turn = std::pin::pin!(budget.clone().acquire_many_owned(count));
    while Instant::now() < until {
        // A body is slow only after a while, so room is made again and again.
        client.make_room(bytes);
        if let Ok(permit) = tokio::time::timeout(LOOK, &mut turn).await {
            return permit.map_err(|_| Full);
        }
    }
    Err(Full)
}
