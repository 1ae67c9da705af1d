//! Applies again what was kept: raw bodies of a time range, or quarantined inputs. Both are safe to repeat.

use jiff::Timestamp;
use model::Clock;
use model::database::{Database, Result};
use model::inbound;
use model::quarantine::{self, Filter, Quarantined};
use uuid::Uuid;

use super::{Input, Outcome, apply, apply_batch, keep_aside};

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
        let inputs: Vec<Input> = bodies.iter().map(|body| Input { is_fresh: false, ..Input::from(body) }).collect();
        total += match apply_batch(database, clock.now(), &inputs).await {
            Err(error) if error.blames_data() => one_by_one(database, clock, &inputs).await?,
            applied => applied?,
        };
        progress(read);
    }
}

/// Applies bodies of which the database refuses one: that is kept aside, as it is when it comes.
async fn one_by_one(database: &Database, clock: &Clock, inputs: &[Input]) -> Result<Outcome> {
    let mut total = Outcome::default();
    for input in inputs {
        match apply_batch(database, clock.now(), std::slice::from_ref(input)).await {
            Err(error) if error.blames_data() => {
                total += keep_aside(database, clock.now(), input, &error, |_| ()).await?;
            }
            applied => total += applied?,
        }
    }
    Ok(total)
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
        tx.close();
        let Some(last) = kept.last() else { return Ok(total) };
        after = Some((last.received_at, last.id));
        read += kept.len() as u64;
        total += match again(database, clock, &kept).await {
            Err(error) if error.blames_data() => each_again(database, clock, &kept).await?,
            applied => applied?,
        };
        progress(read);
    }
}

async fn again(database: &Database, clock: &Clock, kept: &[Quarantined]) -> Result<Outcome> {
    let ids: Vec<Uuid> = kept.iter().map(|row| row.id).collect();
    let input = |row: &Quarantined| Input {
        body: row.body.clone(),
        app_id: row.app_id.clone(),
        received_at: row.received_at,
        is_fresh: row.was_whole(),
    };
    let inputs: Vec<Input> = kept.iter().map(input).collect();
    let tx = database.operator().await?;
    // Marked first: what turns out to be still impossible is kept again, which takes the mark back.
    quarantine::mark_replayed(&tx, clock.now(), &ids).await?;
    apply(tx, clock.now(), &inputs, |_| ()).await
}

/// What the database still refuses stays as it is.
async fn each_again(database: &Database, clock: &Clock, kept: &[Quarantined]) -> Result<Outcome> {
    let mut total = Outcome::default();
    for row in kept {
        total += match again(database, clock, std::slice::from_ref(row)).await {
            Err(error) if error.blames_data() => {
                tracing::warn!(%error, id = %row.id, "quarantined input could still not be applied");
                Outcome { quarantined: 1, ..Outcome::default() }
            }
            applied => applied?,
        };
    }
    Ok(total)
}
