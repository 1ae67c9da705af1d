//! Applies again what was kept: raw bodies of a time range, or quarantined inputs. Both are safe to repeat.

use bytes::Bytes;
use jiff::Timestamp;
use model::Clock;
use model::database::{Database, Result};
use model::inbound;
use model::quarantine::{self, Filter};
use uuid::Uuid;

use super::{Input, Outcome, apply, apply_batch};

/// Quarantined inputs in one transaction.
const BATCH: i64 = 100;

/// Reads the raw bodies received in a time range with today's parser. `progress` hears after each batch how many
/// bodies were read.
pub async fn replay_bodies(
    database: &Database,
    clock: &Clock,
    from: Timestamp,
    until: Timestamp,
    mut progress: impl FnMut(u64),
) -> Result<Outcome> {
    let walk = database.operator().await?;
    inbound::open_replay(&walk, from, until).await?;
    let (mut total, mut read) = (Outcome::default(), 0);
    loop {
        let bodies = inbound::next_replayed(&walk).await?;
        if bodies.is_empty() {
            walk.close();
            return Ok(total);
        }
        read += bodies.len() as u64;
        let inputs: Vec<Input> = bodies
            .into_iter()
            .map(|body| Input { body: body.body, app_id: body.app_id, received_at: body.received_at })
            .collect();
        total += apply_batch(database, clock.now(), &inputs).await?;
        progress(read);
    }
}

/// Applies quarantined inputs in the order they were received. What still cannot be applied stays.
pub async fn replay_quarantine(
    database: &Database,
    clock: &Clock,
    filter: &Filter,
    mut progress: impl FnMut(u64),
) -> Result<Outcome> {
    let (mut total, mut after, mut read): (_, Option<(Timestamp, Uuid)>, _) = (Outcome::default(), None, 0);
    loop {
        let tx = database.operator().await?;
        let kept = quarantine::list(&tx, filter, after, BATCH).await?;
        let Some(last) = kept.last() else {
            tx.close();
            return Ok(total);
        };
        after = Some((last.received_at, last.id));
        read += kept.len() as u64;
        let ids: Vec<Uuid> = kept.iter().map(|row| row.id).collect();
        let inputs: Vec<Input> = kept
            .into_iter()
            .map(|row| Input { body: Bytes::from(row.body), app_id: row.app_id, received_at: row.received_at })
            .collect();
        // Marked first: what turns out to be still impossible is kept again, which takes the mark back.
        quarantine::mark_replayed(&tx, clock.now(), &ids).await?;
        total += apply(tx, clock.now(), &inputs, |_| ()).await?;
        progress(read);
    }
}
