//! Writes what was heard: of each organization many answers in a transaction, of several organizations at once, so that
//! one whose line is long keeps no other waiting.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use metrics::counter;
use model::Database;
use model::outbox::{self, Settled};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{CALLS, Settings};
use crate::advice::advised_text;

/// The most answers in one transaction.
const BATCH: usize = 100;

/// So many organizations' answers are written at the same time.
const WRITERS: usize = 4;

/// The pause after a failure grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Writes until nobody is left who could hear something.
pub(super) async fn run(database: Database, settings: Settings, mut heard: Receiver<Settled>) {
    let mut waiting: VecDeque<Settled> = VecDeque::new();
    let mut writing: JoinSet<Uuid> = JoinSet::new();
    let mut busy: HashSet<Uuid> = HashSet::new();
    let mut open = true;
    while open || !waiting.is_empty() || !writing.is_empty() {
        while writing.len() < WRITERS
            && let Some(batch) = next(&mut waiting, &busy)
        {
            let (database, settings, organization) = (database.clone(), settings.clone(), batch[0].organization_id);
            busy.insert(organization);
            writing.spawn(async move {
                settle(&database, &settings, &batch).await;
                settings.wake.settled(batch.iter().map(|one| one.message_id));
                organization
            });
        }
        tokio::select! {
            Some(written) = writing.join_next() => {
                busy.remove(&written.expect("writing does not panic"));
                // Messages may wait for those that were just settled.
                settings.wake.queued();
            }
            one = heard.recv(), if open && waiting.len() < CALLS => match one {
                Some(one) => waiting.push_back(one),
                None => open = false,
            },
        }
    }
}

/// What waits longest of an organization that nobody is writing for, and what else waits of it.
fn next(waiting: &mut VecDeque<Settled>, busy: &HashSet<Uuid>) -> Option<Vec<Settled>> {
    let organization =
        waiting.iter().map(|one| one.organization_id).find(|organization| !busy.contains(organization))?;
    let mut batch = Vec::new();
    for one in std::mem::take(waiting) {
        if one.organization_id == organization && batch.len() < BATCH {
            batch.push(one);
        } else {
            waiting.push_back(one);
        }
    }
    Some(batch)
}

/// What Meta answered is not asked twice, so it is written however long the database is away.
async fn settle(database: &Database, settings: &Settings, batch: &[Settled]) {
    let mut pause = Duration::from_millis(1);
    loop {
        let error =
            match outbox::any_organization_settle(database, settings.to_meta.clock.now(), batch, advised_text).await {
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
