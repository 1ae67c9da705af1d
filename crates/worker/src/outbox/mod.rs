//! Sends what waits in the outbox: claims messages number by number, calls Meta, and settles each with what it heard.
//!
//! A claim is committed before the call, so a crash in between leaves a message whose lease ends: its fate is unknown,
//! and the status that Meta's webhook brings settles it. Nothing here sends a message again that may have been sent,
//! unless whoever queued it asked for that.

mod call;
mod claims;
mod media;
mod receipts;
mod settling;
mod tending;

use std::sync::Arc;
use std::time::Duration;

use model::Database;
use model::outbox::Wake;
use model::store::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::rounds;
use crate::to_meta::ToMeta;

/// Calls at once, over all numbers; and of one number, so that one that hangs leaves room for the others.
const CALLS: usize = 512;
const CALLS_OF_A_NUMBER: usize = 64;

/// And never more of a number than this part of the calls that are free.
const SHARE: usize = 7;

/// At the end, calls under way get this long; what is not settled then, a status will settle.
const LAST_CALLS: Duration = Duration::from_secs(20);
const LAST_SETTLING: Duration = Duration::from_secs(5);

/// What sending takes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls to Meta.
    pub to_meta: ToMeta,
    /// Holds what messages show.
    pub store: Store,
    /// Rings when something is queued in this process.
    pub wake: Arc<Wake>,
    /// Rings when somebody is read in this process.
    pub receipt_wake: Arc<Wake>,
}

/// Sends until the token is cancelled; calls under way are finished first.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let (hear, heard) = mpsc::channel(CALLS);
    let settler = tokio::spawn(settling::run(database.clone(), settings.clone(), heard));
    let tending = tokio::spawn(tending::run(database.clone(), settings.clone(), stop.clone()));
    let receipts = tokio::spawn(receipts::run(database.clone(), settings.clone(), stop.clone()));
    let calls = claims::run(database, settings, hear, &stop).await;
    if tokio::time::timeout(LAST_CALLS, rounds::finish(calls)).await.is_err() {
        tracing::warn!("calls to Meta were given up at the end: statuses will tell what became of them");
    }
    // The calls' ends of the channel are gone, so the settler ends when it has written everything.
    if tokio::time::timeout(LAST_SETTLING, settler).await.is_err() {
        tracing::warn!("answers of Meta could not be written at the end: statuses will tell them again");
    }
    let _ = tokio::join!(tending, receipts);
}
