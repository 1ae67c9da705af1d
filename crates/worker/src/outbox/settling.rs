//! Writes what was heard, many answers in a transaction: each organization's line is waited for once.

use std::time::Duration;

use metrics::counter;
use model::Database;
use model::outbox::{self, Settled};
use tokio::sync::mpsc::Receiver;

use super::Settings;
use crate::advice::advised_text;

/// The most answers in one transaction.
const BATCH: usize = 100;

/// The pause after a failure grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Writes until nobody is left who could hear something.
pub(super) async fn run(database: Database, settings: Settings, mut heard: Receiver<Settled>) {
    let mut batch = Vec::with_capacity(BATCH);
    while heard.recv_many(&mut batch, BATCH).await > 0 {
        settle(&database, &settings, &batch).await;
        settings.wake.settled(batch.iter().map(|one| one.message_id));
        batch.clear();
        // Messages may wait for those that were just settled.
        settings.wake.queued();
    }
}

/// What Meta answered is not asked twice, so it is written however long the database is away.
async fn settle(database: &Database, settings: &Settings, batch: &[Settled]) {
    let mut pause = Duration::from_millis(1);
    loop {
        let error = match outbox::any_organization_settle(database, settings.clock.now(), batch, advised_text).await {
            Ok(_) => return,
            Err(error) => error,
        };
        if error.blames_data() && batch.len() == 1 {
            // Its lease ends, and its status will tell.
            counter!("wazapp_settle_failures_total").increment(1);
            tracing::warn!(%error, message = %batch[0].message_id, "an answer of Meta could not be written");
            return;
        }
        if error.blames_data() {
            for one in batch {
                Box::pin(settle(database, settings, std::slice::from_ref(one))).await;
            }
            return;
        }
        if !error.is_transient() && pause < Duration::from_millis(100) {
            tracing::warn!(%error, "answers of Meta wait: the database is away");
            pause = Duration::from_millis(100);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
