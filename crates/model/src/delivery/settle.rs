//! What came of a call.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::schedule::{Verdict, verdict};
use crate::database::{Operator, Result, Rows};
use crate::endpoint::{self, State};
use crate::scope::Scope;
use crate::secret;
use crate::trouble::Trouble;

/// An endpoint that took nothing for so long is turned off.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(72);

/// An endpoint may ask to be called so much later, and no later than this.
const LATEST: SignedDuration = SignedDuration::from_hours(24);

/// When something was last taken is noted this often.
pub(super) const NOTED: SignedDuration = SignedDuration::from_mins(1);

/// How long what has ended is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// So much of an answer is kept.
const ANSWER: usize = 2 << 10;

/// What was heard of a call.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The owner.
    pub scope: Scope,
    /// The endpoint.
    pub endpoint_id: Uuid,
    /// Which of its URLs was called.
    pub revision: i32,
    /// What it told.
    pub deliveries: Vec<Told>,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: std::time::Duration,
    /// The answer's status; `None`: there was none.
    pub status: Option<u16>,
    /// Why there was none, or not the whole of it.
    pub error: Option<String>,
    /// How the answer begins.
    pub answer: Vec<u8>,
    /// How much later it wants to be called.
    pub retry_after: Option<SignedDuration>,
    /// There was nothing to tell, or not any more, so nothing was called.
    pub past: bool,
    /// Whether its endpoint was well when it was claimed: then nothing of it is to be written if it still is.
    pub was_well: bool,
}

/// A delivery that a call told.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The delivery.
    pub id: Uuid,
    /// The fence.
    pub tries: i32,
    /// Its place in the schedule.
    pub step: i32,
}

impl Heard {
    /// Whether it was taken, so that it can be settled with others.
    pub fn is_taken(&self) -> bool {
        !self.past && verdict(self.status) == Verdict::Taken
    }

    /// When a delivery is told again; `None`: never.
    fn again(&self, now: Timestamp, verdict: Verdict, step: i32) -> Option<Timestamp> {
        let pause = verdict.pause(step)?;
        Some(now + pause.max(self.asked()) + by_chance(pause))
    }

    /// For how long it asked not to be called.
    fn asked(&self) -> SignedDuration {
        self.retry_after.unwrap_or_default().clamp(SignedDuration::ZERO, LATEST)
    }

    fn shown(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.answer[..self.answer.len().min(ANSWER)]);
        let text = text.trim_end_matches('\u{fffd}').replace('\0', "");
        (!text.is_empty()).then_some(text)
    }
}

/// Up to an eighth of a pause.
fn by_chance(pause: SignedDuration) -> SignedDuration {
    let mut random = [0; 2];
    secret::random(&mut random).expect("the operating system gives random bytes");
    pause / 8 * i32::from(u16::from_le_bytes(random)) / i32::from(u16::MAX)
}

/// Writes down what came of a call, of each delivery unless another try has begun. Answers why the endpoint is to be turned
/// off ([`endpoint::any_organization_turn_off`]), where it is.
pub async fn any_organization_settle(tx: &Operator, now: Timestamp, heard: &Heard) -> Result<Option<Trouble>> {
    if heard.past {
        // What cannot be told is told no more, and the endpoint is not to blame.
        end(tx, heard, &heard.deliveries.iter().map(|told| (told, "skipped", None)).collect::<Vec<_>>(), now).await?;
        return Ok(None);
    }
    let mut verdict = verdict(heard.status);
    if verdict == Verdict::Gone {
        // It wants to hear nothing any more: what waits goes on waiting, should people turn it on again.
        let turned = (State::Gone, &Trouble::endpoint_gone());
        endpoint::any_organization_turn_off(tx, now, &heard.scope, (heard.endpoint_id, heard.revision), turned).await?;
        verdict = Verdict::Again;
    }
    attempted(tx, &[heard]).await?;
    if verdict == Verdict::Taken {
        return taken(tx, now, &[heard]).await.map(|()| None);
    }
    let settled: Vec<(&Told, &str, Option<Timestamp>)> = heard
        .deliveries
        .iter()
        .map(|told| match heard.again(now, verdict, told.step) {
            Some(again) => (told, "waiting", Some(again)),
            None => (told, "failed", None),
        })
        .collect();
    end(tx, heard, &settled, now).await?;
    badly(tx, now, heard, settled.iter().filter_map(|row| row.2).min()).await
}

/// Writes down several calls of which each was taken ([`Heard::is_taken`]).
pub async fn any_organization_settle_taken(tx: &Operator, now: Timestamp, heard: &[&Heard]) -> Result<()> {
    attempted(tx, heard).await?;
    taken(tx, now, heard).await
}

async fn taken(tx: &Operator, now: Timestamp, heard: &[&Heard]) -> Result<()> {
    let told: Vec<(&Heard, &Told)> = each(heard);
    let rows = Rows::of(&told)
        .key("organization_id", |row| row.0.scope.organization_id())
        .key("id", |row| row.1.id)
        .key("tries", |row| row.1.tries)
        .all("state", "delivered")
        .all("ended_at", now);
    tx.run(&rows.update("wazapp.delivery", "AND t.state = 'calling'")).await?;
    // One after the other in one order: of two who settle at once, none waits for one that waits for it.
    let mut unwell: Vec<_> = heard.iter().filter(|heard| !heard.was_well).collect();
    unwell.sort_unstable_by_key(|heard| (heard.scope.organization_id(), heard.endpoint_id, heard.revision));
    unwell.dedup_by_key(|heard| (heard.scope.organization_id(), heard.endpoint_id, heard.revision));
    for heard in unwell {
        well(tx, now, heard).await?;
    }
    Ok(())
}

/// What each call told.
fn each<'a>(heard: &[&'a Heard]) -> Vec<(&'a Heard, &'a Told)> {
    heard.iter().flat_map(|heard| heard.deliveries.iter().map(|told| (*heard, told))).collect()
}

/// Writes how deliveries are now: when they are told again, or that they have ended.
async fn end(tx: &Operator, heard: &Heard, settled: &[(&Told, &str, Option<Timestamp>)], now: Timestamp) -> Result<()> {
    let rows = Rows::of(settled)
        .key("organization_id", |_| heard.scope.organization_id())
        .key("id", |row| row.0.id)
        .key("tries", |row| row.0.tries)
        .column("state", |row| row.1)
        .news("due_at", |row| row.2)
        .column("ended_at", |row| row.2.is_none().then_some(now));
    tx.run(&rows.update("wazapp.delivery", "AND t.state = 'calling'")).await?;
    Ok(())
}

async fn attempted(tx: &Operator, heard: &[&Heard]) -> Result<()> {
    let told: Vec<(&Heard, &Told)> = each(heard);
    let rows = Rows::of(&told)
        .column("organization_id", |row| row.0.scope.organization_id())
        .column("delivery_id", |row| row.1.id)
        .column("number", |row| row.1.tries)
        .column("at", |row| row.0.at)
        .column("took_ms", |row| i32::try_from(row.0.took.as_millis()).unwrap_or(i32::MAX))
        .column("status", |row| row.0.status.map(|status| i16::try_from(status).unwrap_or(i16::MAX)))
        .column("error", |row| row.0.error.clone())
        .column("answer", |row| row.0.shown());
    tx.run(&rows.insert("wazapp.delivery_attempt", "ON CONFLICT DO NOTHING")).await?;
    Ok(())
}

/// An endpoint that took something fails no more, unless it has another URL by now. What is as it was is not written again.
async fn well(tx: &Operator, now: Timestamp, heard: &Heard) -> Result<()> {
    tx.query(
        "UPDATE wazapp.endpoint SET failing_since = NULL, failures = 0, rests_until = NULL, last_success_at = $3
         WHERE organization_id = $1 AND id = $2 AND revision = $5
           AND (failures > 0 OR rests_until <= $3 OR last_success_at IS NULL OR last_success_at < $4)",
        &[&heard.scope.organization_id(), &heard.endpoint_id, &now, &(now - NOTED), &heard.revision],
    )
    .await?;
    Ok(())
}

/// An endpoint that took nothing counts it, unless it has another URL by now; and rests for as long as it asked.
async fn badly(tx: &Operator, now: Timestamp, heard: &Heard, due: Option<Timestamp>) -> Result<Option<Trouble>> {
    let asked = heard.asked();
    let row = tx
        .query_opt(
            "UPDATE wazapp.endpoint SET due_at = least(due_at, $4), failing_since = coalesce(failing_since, $3),
               failures = failures + 1, rests_until = greatest(rests_until, $5)
             WHERE organization_id = $1 AND id = $2 AND revision = $6 RETURNING failing_since",
            &[
                &heard.scope.organization_id(),
                &heard.endpoint_id,
                &heard.at,
                &due,
                &(asked > SignedDuration::ZERO).then(|| now + asked),
                &heard.revision,
            ],
        )
        .await?;
    let since: Option<Timestamp> = row.and_then(|row| row.get("failing_since"));
    let since = since.filter(|since| now.duration_since(*since) >= GIVE_UP_AFTER);
    Ok(since.map(|since| Trouble::endpoint_failing(since, heard.status, heard.error.as_deref())))
}

/// Lets go of deliveries that ended long ago; answers how much it was.
pub async fn any_organization_let_go(tx: &Operator, now: Timestamp, most: i64) -> Result<i64> {
    let rows = tx
        .query(
            "DELETE FROM wazapp.delivery WHERE (organization_id, id) IN (
               SELECT organization_id, id FROM wazapp.delivery WHERE ended_at < $1 LIMIT $2) RETURNING 1",
            &[&(now - KEPT), &most],
        )
        .await?;
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}
