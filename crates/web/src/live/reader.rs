//! One who follows a log.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use metrics::gauge;
use model::database::Result;
use model::{Database, Scope, event};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::filter::About;
use super::tail::{Tail, Told};
use super::{Filter, Follows, PAGE, frame};

/// What is there is handed over in pieces of about this size.
const PIECE: usize = 32 << 10;

/// A stream that tells nothing for so long tells that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Hands over a log as frames, from one event on.
#[derive(Debug)]
pub(crate) struct Reader {
    tail: Arc<Tail>,
    ring: Receiver<Arc<Told>>,
    /// What the ring tells begins behind this event.
    ring_after: i64,
    /// Everything up to this event was handed over, or is not wanted.
    position: i64,
    filter: Filter,
    database: Database,
    scope: Scope,
    /// Sees a part: what is told is a sign that there is news, which the log is asked for.
    is_limited: bool,
    over: CancellationToken,
    heartbeat_at: Instant,
    /// What was there when it began is told.
    caught_up: bool,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Reader {
    pub(super) fn new(
        tail: Arc<Tail>,
        database: Database,
        follows: Follows,
        position: i64,
        (filter, place): (Filter, OwnedSemaphorePermit),
    ) -> Self {
        let (ring_after, ring) = tail.subscribe();
        let over = tail.over_for(follows.right);
        let heartbeat_at = Instant::now() + HEARTBEAT;
        Self {
            tail,
            ring,
            ring_after,
            position,
            filter,
            database,
            scope: follows.scope,
            is_limited: follows.scope.viewer_id().is_some(),
            over,
            heartbeat_at,
            caught_up: false,
            _place: place,
            _counted: Counted::new(),
        }
    }

    /// Frames, until the right to them ends, the server stops, or the log cannot be read: who comes again goes on from the last
    /// number it has. While nobody takes them, none are made.
    pub(crate) fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        futures::stream::unfold(self, async |mut reader| {
            let frames = reader.next().await?;
            Some((Ok(frames), reader))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        let over = self.over.clone();
        let heartbeat = tokio::time::sleep_until(self.heartbeat_at);
        let frames = tokio::select! {
            biased;
            () = over.cancelled() => return None,
            frames = self.read() => frames,
            () = heartbeat => Some(Bytes::new()),
        }?;
        self.heartbeat_at = Instant::now() + HEARTBEAT;
        Some(if frames.is_empty() { frame::heartbeat(self.position) } else { frames })
    }

    /// The next frames that are wanted; none at all once what was there is told. Dropped while it waits, it has lost nothing.
    async fn read(&mut self) -> Option<Bytes> {
        let mut piece = BytesMut::new();
        while piece.is_empty() {
            if self.position < self.ring_after {
                match self.catch_up(&mut piece).await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        tracing::debug!(%error, "a live stream ends: its log could not be read");
                        return None;
                    }
                }
            } else if self.caught_up {
                self.take(&mut piece).await?;
            } else {
                self.caught_up = true;
                break;
            }
        }
        Some(piece.freeze())
    }

    /// Reads the log itself, up to where the ring goes on. False: what comes next has gone.
    async fn catch_up(&mut self, piece: &mut BytesMut) -> Result<bool> {
        let tx = self.database.tenant(&self.scope).await?;
        let limit = PAGE.min(self.ring_after - self.position);
        let read = event::list(&tx, self.position, limit).await?;
        tx.close();
        let Ok(events) = read else { return Ok(false) };
        for event in &events {
            if self.filter.passes(&About::of(event)) {
                piece.extend_from_slice(&frame::event(event));
            }
        }
        let last = events.last().map_or(0, |event| event.sequence);
        // Numbers have no gap, but for what is not shown to whoever is limited.
        let is_all = i64::try_from(events.len()).is_ok_and(|count| count < limit);
        self.position = if is_all { last.max(self.ring_after) } else { last };
        Ok(true)
    }

    /// Takes what the ring has, waiting for the first of it.
    async fn take(&mut self, piece: &mut BytesMut) -> Option<()> {
        let mut next = self.ring.recv().await;
        loop {
            match next {
                Ok(told) if self.is_limited => self.ring_after = self.ring_after.max(told.sequence),
                Ok(told) => self.hand_over(&told, piece),
                // Too slow for the ring: the log has what it lost.
                Err(RecvError::Lagged(_)) => (self.ring_after, self.ring) = self.tail.subscribe(),
                Err(RecvError::Closed) => return None,
            }
            if piece.len() >= PIECE || self.position < self.ring_after && !self.is_limited {
                return Some(());
            }
            next = match self.ring.try_recv() {
                Ok(told) => Ok(told),
                Err(TryRecvError::Empty) => return Some(()),
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Closed) => Err(RecvError::Closed),
            };
        }
    }

    fn hand_over(&mut self, told: &Told, piece: &mut BytesMut) {
        if told.sequence <= self.position {
            return;
        }
        // Numbers have no gap: what is between was not told here.
        if told.sequence > self.position + 1 {
            self.ring_after = told.sequence;
            return;
        }
        match &told.frame {
            _ if !self.filter.passes(&told.about) => {}
            Some(frame) => piece.extend_from_slice(frame),
            // Too long for the ring: it is read from the log.
            None => {
                self.ring_after = told.sequence;
                return;
            }
        }
        self.position = told.sequence;
    }
}

/// A stream that is open.
#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        gauge!("wazapp_live_streams").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!("wazapp_live_streams").decrement(1);
    }
}
