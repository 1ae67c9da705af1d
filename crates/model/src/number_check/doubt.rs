//! Doubts in a number: what Meta said of it beside sending, and what failed for its account's sake. A look confirms them
//! or ends them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Claimed, Seen, told};
use crate::database::{Database, Operator, Result};
use crate::event::{self, Kind, New};
use crate::link::Link;
use crate::outbox::{Pause, Rest};
use crate::scope::Scope;
use crate::trouble::{Trouble, Word};

/// The problem of a number that Meta refused something beside sending, until it was looked at.
const ASIDE: Word = Word::RefusedAside;

/// The problem of one that a look found to be as it was said.
const CONFIRMED: Word = Word::MetaRefuses;

/// Problems that are over where a person says so; what is still true, the next look tells again.
pub(crate) const OF_RESTS: [&str; 3] = [ASIDE.word(), CONFIRMED.word(), Word::SendsFail.word()];

/// What fails for the account's sake is tried again in bulk no sooner than this, whatever Meta shows: it takes messages
/// that it will fail, and shows nothing of that.
const FAILS_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Notes that Meta refused something beside sending, for `reason`, by a token that is still in force: it is told, and the
/// number is looked at within a minute. Nothing rests until then.
pub async fn any_organization_doubt(database: &Database, now: Timestamp, tried: &Link, reason: &Trouble) -> Result<()> {
    let (organization_id, scope) = (tried.organization_id, Scope::new(tried.organization_id));
    let tx = database.operator().await?;
    let line = event::line_of(&tx, &scope).await?;
    let problem = reason.as_problem(ASIDE);
    let meant = tx
        .query_opt(
            "UPDATE wazapp.number n SET check_at = 'epoch', updated_at = $5, problem = coalesce(n.problem, $4::text::json)
             FROM wazapp.number before
             WHERE n.organization_id = $1 AND n.id = $2 AND n.status = 'connected' AND before.organization_id = $1
               AND before.id = $2 AND substring(n.token FROM 5 FOR 24) IS NOT DISTINCT FROM $3::bytea
             RETURNING before.problem IS NULL",
            &[&organization_id, &tried.number_id, &tried.token_mark().as_deref(), &problem.json(), &now],
        )
        .await?;
    if meant.is_some_and(|row| row.get(0)) {
        let data = told(tried, &Map::from_iter([("problem".to_owned(), json!(problem))]), Some(&problem));
        line.record(New::of(Kind::NumberUpdated, now, None, &data)).await?;
    }
    tx.commit_in_job().await
}

/// What a doubt says of a number that was looked at.
pub(super) struct Judged {
    /// The problem that stays.
    pub(super) problem: Option<Trouble>,
    /// The rest that begins.
    pub(super) rest: Option<Rest>,
}

/// Judges the doubt in a number, `stored` as its problem, by what a look brought. A number that is not shown, or that
/// Meta does not let send, is as it was said; of any other nothing was true.
pub(super) fn judge(claimed: &Claimed, stored: Option<&Trouble>, seen: &Seen, now: Timestamp) -> Judged {
    let doubt = stored.filter(|problem| problem.code == ASIDE || problem.code == CONFIRMED);
    let Some(doubt) = doubt.filter(|_| confirms(seen)) else { return Judged { problem: None, rest: None } };
    let reason = doubt.as_reason();
    let first = doubt.code == ASIDE;
    let problem = Some(reason.as_problem(CONFIRMED));
    let pause = Pause::Number { until: None, reason: reason.into() };
    Judged { problem, rest: first.then(|| Rest::of(&claimed.link, &pause, now)).flatten() }
}

fn confirms(seen: &Seen) -> bool {
    match seen {
        Seen::Hidden(_) => true,
        Seen::Number(shown, ..) => can_send(shown.health.as_ref()) == Some("BLOCKED"),
        Seen::NoEntry(_) | Seen::Nothing { .. } => false,
    }
}

/// Meta's word for whether messages can be sent.
pub(super) fn can_send(health: Option<&Value>) -> Option<&str> {
    health?.get("can_send_message")?.as_str()
}

/// What lets bulk messages of a number rest, if anything still does after a good look.
pub(super) async fn bulk_rest(tx: &Operator, claimed: &Claimed, able: bool, now: Timestamp) -> Result<Option<Trouble>> {
    let (organization_id, number_id) = (claimed.link.organization_id, claimed.link.number_id);
    if able {
        tx.query(
            "UPDATE wazapp.number_pace SET bulk_paused_until = NULL, bulk_pause_reason = NULL, bulk_paused_at = NULL
             WHERE organization_id = $1 AND number_id = $2 AND bulk_paused_at <= $3",
            &[&organization_id, &number_id, &(now - FAILS_FOR)],
        )
        .await?;
    }
    let row = tx
        .query_opt(
            "SELECT bulk_pause_reason FROM wazapp.number_pace
             WHERE organization_id = $1 AND number_id = $2 AND bulk_paused_until > $3",
            &[&organization_id, &number_id, &now],
        )
        .await?;
    let read = |row| Trouble::read(row, "bulk_pause_reason", "number_pace.bulk_pause_reason");
    row.as_ref().map_or(Ok(None), read)
}
