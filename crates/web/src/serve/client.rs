//! Who made a request, for handlers.

use std::sync::Arc;

use super::link::Stage;
use super::peers::{Peer, Place};

/// The client of a request; an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    peer: Peer,
    place: Arc<Place>,
}

impl Client {
    pub(super) fn new(peer: Peer, place: Arc<Place>) -> Self {
        Self { peer, place }
    }

    /// Where it is; behind a trusted proxy, where the proxy says.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// It showed a key in force, or signed a body: among a peer's connections, this one gives way last.
    pub(crate) fn prove(&self) {
        self.place.link().prove();
    }

    /// It waits for what it did. Whoever needs its place may have it meanwhile.
    pub(crate) async fn delay(&self, delay: std::time::Duration) {
        self.place.link().enter(Stage::Delayed);
        tokio::time::sleep(delay).await;
        self.place.link().enter(Stage::Working);
    }

    /// It waits for something of ours, which is no slowness of its own.
    pub(crate) async fn waits_for_us<T>(&self, ours: impl Future<Output = T>) -> T {
        let link = self.place.link();
        let stage = link.stage();
        link.enter(Stage::Working);
        let done = ours.await;
        link.enter(stage);
        done
    }

    /// So many bytes of its body are held, of the memory for this size.
    pub(crate) fn holds(&self, size: Size, bytes: usize) {
        self.place.link().hold(size, bytes);
    }

    /// Ends slow bodies of other connections until so many bytes of the memory for this size come free.
    pub(crate) fn make_room(&self, bytes: usize, size: Size, whose: Whose) {
        let only = (whose == Whose::Own).then_some(self.peer);
        self.place.peers().make_room((bytes, size), self.place.link(), only);
    }
}

/// Small bodies, and the beginnings of large ones, have memory of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Large,
}

/// Which connections give way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the same peer.
    Own,
    /// Anyone's; first theirs who hold most.
    Anyone,
}
