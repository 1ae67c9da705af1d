//! Memory for webhooks' bodies: counted as it is taken, so that a byte that came costs a byte and not what may follow. One
//! peer has a share of it, and most bodies need none.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::shares::Shares;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::serve::{Client, Peer, Whose};

/// The beginning of a body costs nothing: connections are counted already, and few webhooks are longer.
const FREE: usize = 4 << 10;

/// Small bodies have their own share, so that large ones cannot crowd them out.
const SMALL: usize = 64 << 10;
const FOR_SMALL: usize = 64 << 20;
const FOR_LARGE: usize = 64 << 20;

/// One peer has at most this part of either.
const PEERS_PART: usize = 4;

/// So long a body waits for others to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// And looks so often whether one of them is slow by now.
const LOOK: Duration = Duration::from_millis(100);

/// The memory that bodies may take at once.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    small: Arc<Tier>,
    large: Arc<Tier>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { small: Arc::new(Tier::new(FOR_SMALL)), large: Arc::new(Tier::new(FOR_LARGE)) }
    }
}

/// Memory for bodies of one size, and each peer's share of it.
#[derive(Debug)]
struct Tier {
    all: Arc<Pool>,
    each: Shares<Peer, Pool>,
}

/// Bytes to take, in turn.
#[derive(Debug)]
struct Pool {
    bytes: Semaphore,
    /// Of those who wait, the first makes room.
    first: Mutex<()>,
}

/// Bytes of a pool, until this is dropped.
#[derive(Debug)]
struct Taken {
    pool: Arc<Pool>,
    bytes: usize,
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
    taken: Vec<Taken>,
}

impl Budget {
    /// A body of this client, with nothing in it yet.
    pub(crate) fn body(&self, client: &Client) -> Growing {
        let held = Held { client: client.clone(), taken: Vec::new() };
        Growing { budget: self.clone(), bytes: BytesMut::new(), taken: FREE, held }
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
            let wanted = size.next_power_of_two();
            self.take(wanted).await?;
            self.bytes.reserve(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn take(&mut self, wanted: usize) -> Result<(), Full> {
        let small = wanted.min(SMALL).saturating_sub(self.taken);
        let large = wanted.saturating_sub(self.taken.max(SMALL));
        for (tier, bytes) in [(&self.budget.small, small), (&self.budget.large, large)] {
            if bytes > 0 {
                tier.take(bytes, &mut self.held).await?;
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
        self.taken.clear();
        self.client.holds(0);
    }
}

impl Tier {
    fn new(bytes: usize) -> Self {
        Self { all: Arc::new(Pool::new(bytes)), each: Shares::made(bytes / PEERS_PART, Pool::new) }
    }

    async fn take(&self, bytes: usize, held: &mut Held) -> Result<(), Full> {
        let until = Instant::now() + PATIENCE;
        let client = held.client.clone();
        let own = self.each.of(client.peer());
        held.taken.push(own.take(bytes, until, || client.make_room(bytes, Whose::Own)).await?);
        held.taken.push(self.all.take(bytes, until, || client.make_room(bytes, Whose::Anyone)).await?);
        Ok(())
    }
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self { bytes: Semaphore::new(bytes), first: Mutex::new(()) }
    }

    async fn take(self: &Arc<Self>, bytes: usize, until: Instant, make_room: impl Fn()) -> Result<Taken, Full> {
        let count = u32::try_from(bytes).map_err(|_| Full)?;
        let taken = || Taken { pool: self.clone(), bytes };
        if let Ok(permit) = self.bytes.try_acquire_many(count) {
            permit.forget();
            return Ok(taken());
        }
        let _first = timeout_at(until, self.first.lock()).await.map_err(|_| Full)?;
        let mut turn = std::pin::pin!(self.bytes.acquire_many(count));
        while Instant::now() < until {
            // A body is slow only after a while, so room is made again and again.
            make_room();
            if let Ok(permit) = tokio::time::timeout(LOOK, &mut turn).await {
                permit.map_err(|_| Full)?.forget();
                return Ok(taken());
            }
        }
        Err(Full)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.pool.bytes.add_permits(self.bytes);
    }
}
