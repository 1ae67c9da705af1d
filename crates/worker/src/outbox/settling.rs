//! Writes what was heard: of each organization many answers in a transaction, of several organizations at once, so that
//! one whose line is long keeps no other waiting.

use std::collections::VecDeque;
use std::time::Duration;

use metrics::counter;
use model::Database;
use model::outbox::{self, Settled, Turn};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::{CALLS, Settings};
use crate::advice::advised_text;
use crate::rounds::{Pause, UnderWay};

/// The most answers in one transaction.
const BATCH: usize = 100;

/// Answers that come so soon after the last of their organization wait for others. One that comes alone waits for nobody.
const LINGER: Duration = Duration::from_millis(20);

/// So many organizations' answers are written at the same time.
const WRITERS: usize = 4;

/// Writes until nobody is left who could hear something.
pub(super) async fn run(database: Database, settings: Settings, mut heard: Receiver<Settled>) {
    let mut waiting: VecDeque<Settled> = VecDeque::new();
    let under_way: UnderWay<Uuid> = UnderWay::default();
    let mut writing = JoinSet::new();
    let mut resting: JoinSet<()> = JoinSet::new();
    let mut open = true;
    while open || !waiting.is_empty() || !writing.is_empty() {
        while writing.len() < WRITERS
            && let Some(batch) = next(&mut waiting, &under_way)
        {
            let (database, settings) = (database.clone(), settings.clone());
            let place = under_way.begin(batch[0].organization_id);
            writing.spawn(async move {
                let until = Instant::now() + LINGER;
                let freed = settle(&database, &settings, &batch).await;
                settings.wake.settled(batch.iter().map(|one| one.message_id));
                settings.wake.due(freed);
                settings.wake.has_room();
                (place, until)
            });
        }
        tokio::select! {
            Some(written) = writing.join_next() => {
                if let Ok((place, until)) = written {
                    resting.spawn(async move {
                        tokio::time::sleep_until(until).await;
                        drop(place);
                    });
                }
            }
            Some(_) = resting.join_next() => {}
            one = heard.recv(), if open && waiting.len() < CALLS => match one {
                Some(one) => waiting.push_back(one),
                None => open = false,
            },
        }
    }
}

/// What waits longest of an organization that nobody is writing for, and what else waits of it.
fn next(waiting: &mut VecDeque<Settled>, under_way: &UnderWay<Uuid>) -> Option<Vec<Settled>> {
    let organization =
        waiting.iter().map(|one| one.organization_id).find(|organization| under_way.of(*organization) == 0)?;
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

/// What Meta answered is not asked twice, so it is written however long the database is away. Answers the numbers of which
/// something waited for that.
async fn settle(database: &Database, settings: &Settings, batch: &[Settled]) -> Vec<Turn> {
    let mut pause = Pause::default();
    loop {
        let error =
            match outbox::any_organization_settle(database, settings.to_meta.clock.now(), batch, advised_text).await {
                Ok(freed) => return freed,
                Err(error) => error,
            };
        if error.blames_data() && batch.len() == 1 {
            // Its lease ends, and its status will tell.
            counter!("wazapp_settle_failures_total").increment(1);
            tracing::warn!(%error, message = %batch[0].message_id, "an answer of Meta could not be written");
            return Vec::new();
        }
        if error.blames_data() {
            let mut freed = Vec::new();
            for one in batch {
                freed.extend(Box::pin(settle(database, settings, std::slice::from_ref(one))).await);
            }
            return freed;
        }
        tokio::time::sleep(pause.after(&error, "answers of Meta wait")).await;
    }
}
