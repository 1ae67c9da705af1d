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
const NOTED: SignedDuration = SignedDuration::from_mins(1);

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
    /// What it told, with the fence of each.
    pub deliveries: Vec<(Uuid, i32)>,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: std::time::Duration,
    /// The answer's status; `None`: there was none.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// How the answer begins.
    pub answer: Vec<u8>,
    /// How much later it wants to be called.
    pub retry_after: Option<SignedDuration>,
    /// There was nothing to tell any more, so nothing was called.
    pub past: bool,
}

impl Heard {
    /// When it is tried again; `None`: never.
    fn again(&self, now: Timestamp, verdict: Verdict, tries: i32) -> Option<Timestamp> {
        let pause = verdict.pause(tries)?;
        let asked = self.retry_after.unwrap_or_default().clamp(SignedDuration::ZERO, LATEST);
        Some(now + pause.max(asked) + by_chance(pause))
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
        return skip(tx, now, heard).await;
    }
    let verdict = verdict(heard.status);
    if verdict == Verdict::Gone {
        return gone(tx, now, heard).await;
    }
    attempted(tx, heard).await?;
    let settled = heard.deliveries.iter().map(|(id, tries)| {
        let again = if verdict == Verdict::Taken { None } else { heard.again(now, verdict, *tries) };
        let state = match (verdict, again) {
            (Verdict::Taken, _) => "delivered",
            (_, Some(_)) => "waiting",
            (_, None) => "failed",
        };
        (*id, *tries, state, again)
    });
    let settled: Vec<(Uuid, i32, &str, Option<Timestamp>)> = settled.collect();
    let rows = Rows::of(&settled)
        .key("organization_id", |_| heard.scope.organization_id())
        .key("id", |row| row.0)
        .key("tries", |row| row.1)
        .column("state", |row| row.2)
        .news("due_at", |row| row.3)
        .column("ended_at", |row| row.3.is_none().then_some(now));
    tx.run(&rows.update("wazapp.delivery", "AND t.state = 'calling'")).await?;
    if verdict == Verdict::Taken { well(tx, now, heard).await } else { badly(tx, now, heard, &settled).await }
}

/// What has gone past its retention is told no more, and the endpoint is not to blame.
async fn skip(tx: &Operator, now: Timestamp, heard: &Heard) -> Result<Option<Trouble>> {
    let rows = Rows::of(&heard.deliveries)
        .key("organization_id", |_| heard.scope.organization_id())
        .key("id", |row| row.0)
        .key("tries", |row| row.1)
        .all("state", "skipped")
        .all("ended_at", now);
    tx.run(&rows.update("wazapp.delivery", "AND t.state = 'calling'")).await?;
    Ok(None)
}

async fn attempted(tx: &Operator, heard: &Heard) -> Result<()> {
    let took = i32::try_from(heard.took.as_millis()).unwrap_or(i32::MAX);
    let status = heard.status.map(|status| i16::try_from(status).unwrap_or(i16::MAX));
    let answer = heard.shown();
    let rows = Rows::of(&heard.deliveries)
        .all("organization_id", heard.scope.organization_id())
        .column("delivery_id", |row| row.0)
        .column("number", |row| row.1)
        .all("at", heard.at)
        .all("took_ms", took)
        .all("status", status)
        .all("error", heard.error.clone())
        .all("answer", answer);
    tx.run(&rows.insert("wazapp.delivery_attempt", "ON CONFLICT DO NOTHING")).await?;
    Ok(())
}

/// An endpoint that took something fails no more. What is as it was is not written again.
async fn well(tx: &Operator, now: Timestamp, heard: &Heard) -> Result<Option<Trouble>> {
    tx.query(
        "UPDATE wazapp.endpoint SET failing_since = NULL, failures = 0, last_success_at = $3
         WHERE organization_id = $1 AND id = $2
           AND (failures > 0 OR last_success_at IS NULL OR last_success_at < $4)",
        &[&heard.scope.organization_id(), &heard.endpoint_id, &now, &(now - NOTED)],
    )
    .await?;
    Ok(None)
}

async fn badly(
    tx: &Operator,
    now: Timestamp,
    heard: &Heard,
    settled: &[(Uuid, i32, &str, Option<Timestamp>)],
) -> Result<Option<Trouble>> {
    let due = settled.iter().filter_map(|row| row.3).min();
    let row = tx
        .query_opt(
            "UPDATE wazapp.endpoint SET failing_since = coalesce(failing_since, $3), failures = failures + 1,
               due_at = least(due_at, $4) WHERE organization_id = $1 AND id = $2 RETURNING failing_since",
            &[&heard.scope.organization_id(), &heard.endpoint_id, &heard.at, &due],
        )
        .await?;
    let since: Option<Timestamp> = row.and_then(|row| row.get("failing_since"));
    let since = since.filter(|since| now.duration_since(*since) >= GIVE_UP_AFTER);
    Ok(since.map(|since| Trouble::endpoint_failing(since, heard.status, heard.error.as_deref())))
}

/// The endpoint wants to hear nothing any more: neither what was told, nor what waits.
async fn gone(tx: &Operator, now: Timestamp, heard: &Heard) -> Result<Option<Trouble>> {
    let (scope, why) = (&heard.scope, Trouble::endpoint_gone());
    endpoint::any_organization_turn_off(tx, now, scope, heard.endpoint_id, (State::Gone, &why)).await?;
    attempted(tx, heard).await?;
    tx.query(
        "UPDATE wazapp.delivery SET state = 'failed', ended_at = $3
         WHERE organization_id = $1 AND endpoint_id = $2 AND state IN ('waiting', 'calling')",
        &[&scope.organization_id(), &heard.endpoint_id, &now],
    )
    .await?;
    Ok(None)
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
