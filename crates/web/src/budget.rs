//! Memory for webhooks' bodies: counted as it is taken, so that a byte that came costs a byte and not what may follow. One
//! peer has a share of it, and most bodies need none.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::shares::Shares;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::serve::{Client, Peer, Size, Whose};

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
    tiers: Arc<[Tier; 2]>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { tiers: Arc::new([Tier::new(Size::Small, FOR_SMALL), Tier::new(Size::Large, FOR_LARGE)]) }
    }
}

/// Memory for bodies of one size, and each peer's share of it.
#[derive(Debug)]
struct Tier {
    size: Size,
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
    announced: Option<usize>,
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
    /// A body of this client, with nothing in it yet; perhaps it was said how long it is.
    pub(crate) fn body(&self, client: &Client, announced: Option<usize>) -> Growing {
        let held = Held { client: client.clone(), taken: Vec::new() };
        Growing { budget: self.clone(), announced, bytes: BytesMut::new(), taken: FREE, held }
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
            // Large ones take the rest at once: several that hold a part each would wait for each other.
            let whole = self.announced.filter(|whole| size > SMALL && *whole >= size);
            let wanted = whole.unwrap_or_else(|| size.next_power_of_two());
            self.take(wanted).await?;
            self.bytes.reserve(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn take(&mut self, wanted: usize) -> Result<(), Full> {
        let of = |bytes: usize| [bytes.min(SMALL).saturating_sub(FREE), bytes.saturating_sub(SMALL)];
        for ((tier, whole), taken) in self.budget.tiers.iter().zip(of(wanted)).zip(of(self.taken)) {
            if whole > taken {
                tier.take(whole - taken, &mut self.held).await?;
                self.held.client.holds(tier.size, whole);
            }
        }
        self.taken = wanted;
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
        self.client.holds(Size::Small, 0);
        self.client.holds(Size::Large, 0);
    }
}

impl Tier {
    fn new(size: Size, bytes: usize) -> Self {
        Self { size, all: Arc::new(Pool::new(bytes)), each: Shares::made(bytes / PEERS_PART, Pool::new) }
    }

    async fn take(&self, bytes: usize, held: &mut Held) -> Result<(), Full> {
        let until = Instant::now() + PATIENCE;
        let client = held.client.clone();
        let own = self.each.of(client.peer());
        for (pool, whose) in [(&own, Whose::Own), (&self.all, Whose::Anyone)] {
            let taken = match pool.try_take(bytes) {
                Some(taken) => taken,
                None => {
                    client.waits_for_us(pool.wait(bytes, until, || client.make_room(bytes, self.size, whose))).await?
                }
            };
            held.taken.push(taken);
        }
        Ok(())
    }
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self { bytes: Semaphore::new(bytes), first: Mutex::new(()) }
    }

    fn try_take(self: &Arc<Self>, bytes: usize) -> Option<Taken> {
        self.bytes.try_acquire_many(u32::try_from(bytes).ok()?).ok()?.forget();
        Some(Taken { pool: self.clone(), bytes })
    }

    async fn wait(self: &Arc<Self>, bytes: usize, until: Instant, make_room: impl Fn()) -> Result<Taken, Full> {
        let count = u32::try_from(bytes).map_err(|_| Full)?;
        let _first = timeout_at(until, self.first.lock()).await.map_err(|_| Full)?;
        let mut turn = std::pin::pin!(self.bytes.acquire_many(count));
        while Instant::now() < until {
            // A body is slow only after a while, so room is made again and again.
            make_room();
            if let Ok(permit) = tokio::time::timeout(LOOK, &mut turn).await {
                permit.map_err(|_| Full)?.forget();
                return Ok(Taken { pool: self.clone(), bytes });
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
