//! One connection, or one stream of a connection that has several: what it waits for, and since when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Size;

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// The client's: no request is under way.
    Idle,
    /// The client's: its request is not here whole.
    Receiving,
    /// Ours.
    Working,
    /// Ours, unless it does not read what we write.
    Sending,
    /// The client's: it must wait, because of what it did.
    Delayed,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Idle, Self::Receiving, Self::Working, Self::Sending, Self::Delayed];
}

/// Shared by a connection's task and by who looks for one to give way.
#[derive(Debug)]
pub(super) struct Link {
    began: Instant,
    stage: AtomicU8,
    /// Milliseconds after `began`.
    since: AtomicU64,
    unread: AtomicBool,
    held: [AtomicUsize; 2],
    proven: AtomicBool,
    cut: CancellationToken,
    /// Of which this is a stream.
    connection: Option<Arc<Link>>,
}

impl Link {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            connection: None,
            began,
            stage: AtomicU8::new(Stage::Idle as u8),
            since: AtomicU64::new(0),
            unread: AtomicBool::new(false),
            held: Default::default(),
            proven: AtomicBool::new(false),
            cut: CancellationToken::new(),
        }
    }

    /// A stream of this connection: what it proves, the connection has proven.
    pub(super) fn stream_of(connection: &Arc<Link>, began: Instant) -> Self {
        let proven = AtomicBool::new(connection.is_proven());
        // There is one because a request is here: it is our move until its body says otherwise.
        let stage = AtomicU8::new(Stage::Working as u8);
        Self { stage, proven, connection: Some(connection.clone()), ..Self::new(began) }
    }

    /// Enters a stage.
    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.touch();
    }

    #[cfg(test)]
    pub(super) fn receives_since_it_began(&self) {
        self.stage.store(Stage::Receiving as u8, Ordering::Relaxed);
    }

    pub(super) fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    fn touch(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The client does not read what we write, or reads again.
    pub(super) fn unread(&self, unread: bool) {
        if self.unread.swap(unread, Ordering::Relaxed) != unread {
            self.touch();
        }
    }

    /// For how long the client has kept us waiting; `None`: it does not.
    pub(super) fn waits(&self) -> Option<Duration> {
        let waits = match self.stage() {
            Stage::Idle | Stage::Receiving | Stage::Delayed => true,
            Stage::Sending => self.unread.load(Ordering::Relaxed),
            Stage::Working => false,
        };
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        waits.then(|| self.began.elapsed().saturating_sub(since))
    }

    /// The client has read nothing of an answer for so long.
    pub(super) async fn is_not_read(&self, patience: Duration) {
        loop {
            tokio::time::sleep(patience / 4).await;
            if self.stage() == Stage::Sending && self.waits().is_some_and(|waits| waits >= patience) {
                return;
            }
        }
    }

    /// Its client showed a key in force, or signed a body.
    pub(super) fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
        if let Some(connection) = &self.connection {
            connection.prove();
        }
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Bytes of a body that are held for it, of the memory for this size.
    pub(super) fn held(&self, size: Size) -> usize {
        self.held[size as usize].load(Ordering::Relaxed)
    }

    pub(super) fn hold(&self, size: Size, bytes: usize) {
        self.held[size as usize].store(bytes, Ordering::Relaxed);
    }

    /// Ends the connection: others need its place.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    pub(super) async fn is_cut(&self) {
        self.cut.cancelled().await;
    }
}
