//! Fetches what messages carry: claims media organization by organization, asks Meta where they are, and streams them
//! into the store. Makes thumbnails, and lets go of what is past its retention.
//!
//! A claim is committed before the call and has a lease, so a crash in between leaves a medium that is fetched again;
//! nothing is lost by fetching twice, because bytes are named by their hash.

mod decoder;
mod fetch;
mod fetches;
mod not_here;
mod picture;
mod pictures;
mod tending;
mod tidy;

use std::sync::Arc;

use model::Database;
use model::outbox::Wake;
use model::store::Store;
use tokio_util::sync::CancellationToken;

use crate::to_meta::ToMeta;

pub use decoder::{COMMAND as DECODER_COMMAND, Decoder, DecoderError, Shrunk, decode_here};
pub use tidy::{LetGo, Tidied, let_go, sweep, tidy};

/// Fetches at once, over all organizations; and of one organization, so that one whose media hang leaves room.
const FETCHES: usize = 32;
const FETCHES_OF_AN_ORGANIZATION: usize = 4;

/// What fetching takes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls to Meta.
    pub to_meta: ToMeta,
    /// Where bytes are kept.
    pub store: Store,
    /// The longest file that is fetched, in bytes.
    pub max_bytes: u64,
    /// Where pictures are decoded.
    pub decoder: Decoder,
    /// Rings when there is something to fetch, or a picture, in this process.
    pub wake: Arc<Wake>,
}

/// Fetches until the token is cancelled; what is being fetched then is left to the next.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    tokio::join!(
        fetches::run(database.clone(), settings.clone(), stop.clone()),
        pictures::run(database.clone(), settings.clone(), stop.clone()),
        tending::run(database, settings, stop),
    );
}
