//! Looking at numbers: when each is looked at next, and what was seen.
//!
//! A claim moves `check_at` on, past what a look takes, and is settled only if `check_at` still is what the claim made
//! it: a webhook or a refused send that asks for another look meanwhile makes this one's answer old.

mod doubt;
mod examine;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

pub(crate) use doubt::OF_RESTS;
pub use doubt::any_organization_doubt;
pub use examine::{Examined, any_organization_examine};

use crate::database::{CANDIDATES, CommitError, Database, Operator, Pipeline, Result, params};
use crate::event::{self, Events, Kind, New};
use crate::link::{Link, link_columns};
use crate::outbox::{self, Pause, Rest, Well};
use crate::scope::Scope;
use crate::trouble::Trouble;

/// How long a look that brought nothing waits for the next.
pub const RETRY: SignedDuration = SignedDuration::from_mins(10);

/// Looks at one account's numbers are this far apart. Meta lets an App make 200 calls an hour to an account that has no
/// registered number, and 5,000 else: <https://developers.facebook.com/docs/graph-api/overview/rate-limiting>
const APART: SignedDuration = SignedDuration::from_mins(1);

/// A number is looked at once a day, give or take: so they spread.
const SHORTEST: SignedDuration = SignedDuration::from_hours(22);
const SPREAD_MINUTES: u64 = 4 * 60;

/// Before its end a token is spoken of at these distances, and at the end.
const TOLD_DAYS: [i64; 5] = [14, 7, 3, 1, 0];

/// A number that rests is looked at this often.
const RESTING: SignedDuration = SignedDuration::from_hours(1);

/// A number to look at now. It is the claimer's until [`RETRY`] is over.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The way to it.
    pub link: Link,
    /// The account that a webhook of Meta's named for it, where that is not the one of its claim.
    pub other_account: Option<String>,
    /// When the claim lets others have it.
    fence: Timestamp,
}

/// Claims the number that has been due longest, of an account at which nobody looked just now.
pub async fn any_organization_claim(tx: &Operator, now: Timestamp) -> Result<Option<Claimed>> {
    let fence = now + RETRY;
    let due = tx
        .query(
            "SELECT d.organization_id, d.id FROM wazapp.number d
             WHERE d.status = 'connected' AND d.check_at <= $1
               AND NOT EXISTS (SELECT FROM wazapp.number o WHERE o.waba_id = d.waba_id AND o.check_begun_at > $2)
             ORDER BY d.check_at LIMIT $3",
            &[&now, &(now - APART), &CANDIDATES],
        )
        .await?;
    for one in due {
        let (organization_id, id): (Uuid, Uuid) = (one.get("organization_id"), one.get("id"));
        let row = tx
            .query_opt(
                concat!(
                    "WITH due AS (
                       SELECT id FROM wazapp.number
                       WHERE organization_id = $1 AND id = $2 AND status = 'connected' AND check_at <= $3
                       FOR NO KEY UPDATE SKIP LOCKED)
                     UPDATE wazapp.number n SET check_at = $4, check_begun_at = $3
                     FROM due WHERE n.organization_id = $1 AND n.id = due.id RETURNING ",
                    link_columns!()
                ),
                &[&organization_id, &id, &now, &fence],
            )
            .await?;
        let Some(row) = row else { continue };
        let claim = tx
            .query_opt(
                "SELECT other_account FROM wazapp.number_claim WHERE organization_id = $1 AND number_id = $2",
                &[&organization_id, &id],
            )
            .await?;
        let other_account = claim.and_then(|claim| claim.get("other_account"));
        return Ok(Some(Claimed { link: Link::read(&row), other_account, fence }));
    }
    Ok(None)
}

/// What Meta shows of a number; what is `None` was not shown, and stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Digits.
    pub display_phone_number: Option<String>,
    /// The approved name.
    pub verified_name: Option<String>,
    /// Meta's decision on it.
    pub name_status: Option<String>,
    /// The business's username.
    pub username: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality_rating: Option<String>,
    /// Such as `TIER_2K`.
    pub messaging_limit: Option<String>,
    /// `STANDARD` or `HIGH`.
    pub throughput: Option<String>,
    /// `CLOUD_API`, …
    pub platform_type: Option<String>,
    /// `CONNECTED`, …
    pub meta_status: Option<String>,
    /// Whether it is also in the WhatsApp Business app.
    pub is_on_biz_app: Option<bool>,
    /// Meta's `health_status`.
    pub health: Option<Value>,
    /// Meta's `webhook_configuration`.
    pub webhooks: Option<Value>,
}

impl Shown {
    /// What it says of a number that may rest.
    fn well(&self) -> Well {
        Well {
            able: doubt::can_send(self.health.as_ref()) == Some("AVAILABLE"),
            named: self.name_status.as_deref().is_some_and(|status| APPROVED.contains(&status)),
        }
    }
}

/// Meta's words for a name that may be shown.
const APPROVED: [&str; 2] = ["APPROVED", "AVAILABLE_WITHOUT_REVIEW"];

/// What Meta says of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The App it belongs to.
    pub app_id: Option<String>,
    /// When it ends; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// What a look brought.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The number; its token, where an App could ask; and what is wrong all the same.
    Number(Box<Shown>, Option<Token>, Option<Box<Trouble>>),
    /// The token opens nothing: nothing is sent until somebody mends that.
    NoEntry(Box<Trouble>),
    /// Meta does not show the number, for a reason that somebody must mend.
    Hidden(Box<Trouble>),
    /// Nothing that says anything of the number.
    Nothing {
        /// How long the next look waits.
        wait: SignedDuration,
    },
}

/// Settles a look in one transaction, with an event where something changed. False: it was old by then.
pub async fn any_organization_settle(
    database: &Database,
    now: Timestamp,
    claimed: &Claimed,
    seen: &Seen,
) -> Result<bool> {
    let (organization_id, number_id) = (claimed.link.organization_id, claimed.link.number_id);
    let tx = database.operator().await?;
    let line = event::line_of(&tx, &Scope::new(organization_id)).await?;
    let stored = tx
        .query_opt(
            "SELECT display_phone_number, verified_name, name_status, username, quality_rating, messaging_limit,
                    throughput, platform_type, meta_status, is_on_biz_app, health::text AS health,
                    webhooks::text AS webhooks,
                    problem, token_app_id, token_expires_at
             FROM wazapp.number WHERE organization_id = $1 AND id = $2 AND status = 'connected' AND check_at = $3
             FOR NO KEY UPDATE",
            &[&organization_id, &number_id, &claimed.fence],
        )
        .await?;
    let Some(stored) = stored else { return Ok(false) };
    if let Seen::Nothing { wait } = seen {
        tx.query(
            "UPDATE wazapp.number SET check_at = $3 WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &number_id, &(now + *wait)],
        )
        .await?;
        tx.commit_in_job().await?;
        return Ok(true);
    }
    let known = Known::read(&stored)?;
    let mut next = known.after(now, seen);
    let rest = weigh(&tx, claimed, (&known, &mut next), seen, now).await?;
    let changed = next.differs_from(&known);
    let told = told(&claimed.link, &changed, next.problem.as_ref());
    let mut events = Events::default();
    if !changed.is_empty() {
        line.note(&mut events, New::of(Kind::NumberUpdated, now, None, &told));
    }
    let mut pipeline = Pipeline::at(now);
    next.write(&mut pipeline, now, claimed, seen);
    event::any_organization_record(&mut pipeline, &events);
    if let Some(rest) = &rest {
        rest.begin(&mut pipeline);
    }
    tx.finish(pipeline).await.map_err(CommitError::in_job)?;
    Ok(true)
}

/// What a look means for what rests, and for the doubts in the number: notes it in what is known after it, and answers the
/// rest that begins.
async fn weigh(
    tx: &Operator,
    claimed: &Claimed,
    (known, next): (&Known, &mut Known),
    seen: &Seen,
    now: Timestamp,
) -> Result<Option<Rest>> {
    if let Seen::NoEntry(problem) = seen {
        return Ok(Rest::of(&claimed.link, &Pause::Number { until: None, reason: problem.as_reason().into() }, now));
    }
    let judged = doubt::judge(claimed, known.problem.as_ref(), seen, now);
    if let Seen::Number(shown, ..) = seen {
        let (well, scope) = (shown.well(), Scope::new(claimed.link.organization_id));
        next.goes_on = outbox::let_go_seen(tx, &scope, claimed.link.number_id, well, now).await?;
        let fails = doubt::bulk_rest(tx, claimed, well.able || shown.health.is_none(), now).await?;
        let rests = outbox::rests(tx, &scope, claimed.link.number_id).await?;
        next.rests = rests || fails.is_some() || judged.rest.is_some();
        next.problem = judged.problem.or(fails).or(next.problem.take());
    }
    Ok(judged.rest)
}

/// The data of the event: what is other than before, with the new values.
fn told(link: &Link, changed: &Map<String, Value>, problem: Option<&Trouble>) -> Value {
    json!({
        "field": "check", "name": "check", "waba_id": link.waba_id, "number_id": link.number_id,
        "phone_number_id": link.phone_number_id, "data": changed, "problem": problem,
    })
}

/// Facts that are no words.
const JSON: [&str; 2] = ["health", "webhooks"];

/// A number's facts, by name.
#[derive(Clone)]
struct Known {
    facts: Map<String, Value>,
    token_app_id: Option<String>,
    token_expires_at: Option<Timestamp>,
    problem: Option<Trouble>,
    /// Whether something of it rests until a look or a person ends that.
    rests: bool,
    /// Whether a rest of its sending ended.
    goes_on: bool,
}

impl Known {
    fn read(row: &Row) -> Result<Self> {
        let json = |name| row.get::<_, Option<&str>>(name).and_then(|text| serde_json::from_str(text).ok());
        let mut facts = Map::new();
        for name in [
            "display_phone_number",
            "verified_name",
            "name_status",
            "username",
            "quality_rating",
            "messaging_limit",
            "throughput",
            "platform_type",
            "meta_status",
        ] {
            facts.insert(name.into(), json!(row.get::<_, Option<&str>>(name)));
        }
        facts.insert("is_on_biz_app".into(), json!(row.get::<_, Option<bool>>("is_on_biz_app")));
        for name in JSON {
            facts.insert(name.into(), json(name).unwrap_or_default());
        }
        Ok(Self {
            facts,
            token_app_id: row.get("token_app_id"),
            token_expires_at: row.get("token_expires_at"),
            problem: Trouble::read(row, "problem", "number.problem")?,
            rests: false,
            goes_on: false,
        })
    }

    /// What is known after a look.
    fn after(&self, now: Timestamp, seen: &Seen) -> Self {
        let mut next = self.clone();
        match seen {
            Seen::Number(shown, token, problem) => {
                for (name, value) in shown.facts().into_iter().filter(|(_, value)| !value.is_null()) {
                    next.facts.insert(name.into(), value);
                }
                match token {
                    Some(token) => {
                        next.token_app_id = token.app_id.clone().or(next.token_app_id);
                        next.token_expires_at = token.expires_at;
                    }
                    // What opens the number has not ended: that was said of another token.
                    None => next.token_expires_at = next.token_expires_at.filter(|end| *end > now),
                }
                let end = next.token_expires_at;
                let ends = || end.and_then(|end| Some(Trouble::token_ends(end, told_days(end, now)?)));
                next.problem = problem.as_deref().cloned().or_else(ends);
            }
            Seen::NoEntry(problem) | Seen::Hidden(problem) => next.problem = Some(Trouble::clone(problem)),
            Seen::Nothing { .. } => {}
        }
        next
    }

    fn differs_from(&self, before: &Self) -> Map<String, Value> {
        let mut changed = self.facts.clone();
        changed.retain(|name, value| before.facts.get(name) != Some(value));
        if self.token_expires_at != before.token_expires_at {
            changed.insert("token_expires_at".into(), json!(self.token_expires_at));
        }
        if self.goes_on {
            changed.insert("send_paused".into(), Value::Null);
        }
        let same = match (&self.problem, &before.problem) {
            (Some(now), Some(before)) => now.is_like(before),
            (now, before) => now == before,
        };
        if !same {
            changed.insert("problem".into(), json!(self.problem));
        }
        changed
    }

    fn next_look(&self, number_id: Uuid, now: Timestamp) -> Timestamp {
        let next = next_look(number_id, self.token_expires_at, now);
        if self.rests { next.min(now + RESTING) } else { next }
    }

    fn write<'a>(&'a self, pipeline: &mut Pipeline<'a>, now: Timestamp, claimed: &Claimed, seen: &Seen) {
        let (organization_id, number_id) = (claimed.link.organization_id, claimed.link.number_id);
        let word = |name: &str| self.facts[name].as_str();
        let json = |value: Option<&Value>| value.filter(|value| !value.is_null()).map(Value::to_string);
        let good = matches!(seen, Seen::Number(..));
        pipeline.push(
            "UPDATE wazapp.number SET display_phone_number = $3, verified_name = $4, name_status = $5, username = $6,
               quality_rating = $7, messaging_limit = $8, throughput = $9, platform_type = $10, meta_status = $11,
               is_on_biz_app = $12, health = $13::text::json, problem = $14::text::json, token_app_id = $15,
               token_expires_at = $16, checked_at = $17, check_at = $18, updated_at = $17,
               token_checked_at = CASE WHEN $19::boolean THEN $17 ELSE token_checked_at END, webhooks = $20::text::json
             WHERE organization_id = $1 AND id = $2",
            params![
                organization_id,
                number_id,
                word("display_phone_number"),
                word("verified_name"),
                word("name_status"),
                word("username"),
                word("quality_rating"),
                word("messaging_limit"),
                word("throughput"),
                word("platform_type"),
                word("meta_status"),
                self.facts["is_on_biz_app"].as_bool(),
                json(self.facts.get("health")),
                self.problem.as_ref().map(Trouble::json),
                self.token_app_id.as_deref(),
                self.token_expires_at,
                now,
                self.next_look(number_id, now),
                good,
                json(self.facts.get("webhooks")),
            ],
        );
    }
}

impl Shown {
    fn facts(&self) -> [(&'static str, Value); 12] {
        [
            ("display_phone_number", json!(self.display_phone_number)),
            ("verified_name", json!(self.verified_name)),
            ("name_status", json!(self.name_status)),
            ("username", json!(self.username)),
            ("quality_rating", json!(self.quality_rating)),
            ("messaging_limit", json!(self.messaging_limit)),
            ("throughput", json!(self.throughput)),
            ("platform_type", json!(self.platform_type)),
            ("meta_status", json!(self.meta_status)),
            ("is_on_biz_app", json!(self.is_on_biz_app)),
            ("health", json!(self.health)),
            ("webhooks", json!(self.webhooks)),
        ]
    }
}

/// Which of the distances before a token's end has been reached; `None`: the end is far.
fn told_days(end: Timestamp, now: Timestamp) -> Option<i64> {
    let left = end.duration_since(now);
    TOLD_DAYS.into_iter().rev().find(|days| left <= SignedDuration::from_hours(24 * days))
}

/// When a number is looked at next: in a day or so, or when there is something new to say of its token.
fn next_look(number_id: Uuid, token_end: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let minutes = i64::try_from(number_id.as_u64_pair().1 % SPREAD_MINUTES).unwrap_or(0);
    let usual = now + SHORTEST + SignedDuration::from_mins(minutes);
    let moments =
        TOLD_DAYS.iter().filter_map(|days| token_end?.checked_sub(SignedDuration::from_hours(24 * days)).ok());
    moments.filter(|moment| *moment > now).fold(usual, Timestamp::min)
}

/// A number about which Meta told news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Again {
    /// The owner.
    pub organization_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Whether the others of its account are meant too.
    pub whole_account: bool,
}

/// Asks for another look at these.
pub fn any_organization_look_again(pipeline: &mut Pipeline<'_>, numbers: &BTreeSet<Again>) {
    for again in numbers {
        look_soon(pipeline, again.organization_id, again.number_id, again.whole_account);
    }
}

/// Asks for another look at a number, or at all of the organization's numbers in its account; their rows are ours then.
pub(crate) fn look_soon(pipeline: &mut Pipeline<'_>, organization_id: Uuid, number_id: Uuid, whole_account: bool) {
    pipeline.push(
        "WITH meant AS (
           SELECT n.id FROM wazapp.number n
           JOIN wazapp.number named ON named.organization_id = n.organization_id AND named.id = $2
           WHERE n.organization_id = $1 AND (n.id = named.id OR $3::boolean AND n.waba_id = named.waba_id)
           ORDER BY n.id FOR NO KEY UPDATE OF n)
         UPDATE wazapp.number n SET check_at = 'epoch' FROM meant
         WHERE n.organization_id = $1 AND n.id = meant.id AND n.check_at > 'epoch'",
        params![organization_id, number_id, whole_account],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_end_is_told_at_its_distances() {
        let end = at("2026-12-31T12:00:00Z");
        for (now, days) in [
            ("2026-12-17T11:59:59Z", None),
            ("2026-12-17T12:00:00Z", Some(14)),
            ("2026-12-24T11:59:59Z", Some(14)),
            ("2026-12-24T12:00:00Z", Some(7)),
            ("2026-12-28T12:00:00Z", Some(3)),
            ("2026-12-30T12:00:00Z", Some(1)),
            ("2026-12-31T12:00:00Z", Some(0)),
            ("2027-02-01T00:00:00Z", Some(0)),
        ] {
            assert_eq!(told_days(end, at(now)), days, "{now}");
        }
    }

    #[test]
    fn the_next_look_is_in_a_day_or_when_there_is_something_to_say() {
        let (id, now) = (Uuid::now_v7(), at("2026-11-24T12:00:00Z"));
        let usual = next_look(id, None, now);
        assert!(usual >= now + SHORTEST && usual < now + SignedDuration::from_hours(26), "{usual}");
        assert_eq!(next_look(id, Some(at("2027-11-24T12:00:00Z")), now), usual);
        assert_eq!(next_look(id, Some(at("2026-11-25T13:00:00Z")), now), at("2026-11-24T13:00:00Z"));
        assert_eq!(next_look(id, Some(at("2026-11-24T12:00:05Z")), now), at("2026-11-24T12:00:05Z"));
        assert_eq!(next_look(id, Some(at("2026-11-01T12:00:00Z")), now), usual, "over is over");
    }
}
