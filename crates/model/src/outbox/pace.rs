//! Who must wait, because Meta said so, and how each goes on.
//!
//! Whoever makes a number rest or go on takes its rows in this order: the organization's line, where it is taken at all,
//! then `number`, then `number_pace`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::PAIR_AHEAD;
use super::settle::{Outcome, Settled};
use crate::database::{Operator, Pipeline, Result, params};
use crate::link::Link;
use crate::number_check;
use crate::scope::Scope;
use crate::trouble::{Code, Trouble};

/// Who must wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The recipient of this message.
    Pair {
        /// Until then.
        until: Timestamp,
    },
    /// Everything from this number.
    Number {
        /// Until then; `None`: until a person connects the number again.
        until: Option<Timestamp>,
        /// What people are told.
        reason: Box<Trouble>,
    },
    /// Everything from all of the organization's numbers in the same account.
    Account {
        /// Until then; `None`: until a person connects the numbers again.
        until: Option<Timestamp>,
        /// What people are told.
        reason: Box<Trouble>,
    },
}

impl Pause {
    /// Why it does not end by itself; `None`: it does.
    pub fn endless(&self) -> Option<&Trouble> {
        match self {
            Self::Number { until: None, reason } | Self::Account { until: None, reason } => Some(reason),
            _ => None,
        }
    }

    /// When it ends by itself.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Pair { until } => Some(*until),
            Self::Number { until, .. } | Self::Account { until, .. } => *until,
        }
    }
}

/// A rest of a number, or of its whole account.
#[derive(Debug)]
pub(crate) struct Rest {
    organization_id: Uuid,
    number_id: Uuid,
    whole_account: bool,
    /// The token that brought it, as [`Link`] marks it.
    token_mark: Option<Vec<u8>>,
    until: Option<Timestamp>,
    reason: Box<Trouble>,
    refusals: i32,
    /// When it was heard.
    at: Timestamp,
}

/// A look that finds a number well ends its first rest; after more refusals in a row, not one that is younger than this.
const BELIEVED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// When a number that rests without an end is tried with one message: after a quarter of an hour, and then, refused again
/// and again, twice as long each time. `$1` the time, `$2` the refusals.
macro_rules! next_probe {
    ($now:literal, $refusals:literal) => {
        concat!(
            $now,
            " + least(interval '6 hours', interval '15 minutes' * power(2, least(greatest(",
            $refusals,
            ", 1), 6) - 1))"
        )
    };
}
pub(super) use next_probe;

impl Rest {
    /// What a call by this way heard. `None`: only a recipient waits.
    pub(crate) fn of(tried: &Link, pause: &Pause, at: Timestamp) -> Option<Self> {
        Self::new((tried.organization_id, tried.number_id), tried.token_mark(), pause, (1, at))
    }

    fn of_settled(one: &Settled, at: Timestamp) -> Option<Self> {
        let refusals = stored(one.refused.number.saturating_add(1));
        Self::new((one.organization_id, one.number_id), one.token_mark.clone(), one.pause.as_ref()?, (refusals, at))
    }

    fn new(
        (organization_id, number_id): (Uuid, Uuid),
        token_mark: Option<Vec<u8>>,
        pause: &Pause,
        (refusals, at): (i32, Timestamp),
    ) -> Option<Self> {
        let (whole_account, until, reason) = match pause {
            Pause::Number { until, reason } => (false, *until, reason.clone()),
            Pause::Account { until, reason } => (true, *until, reason.clone()),
            Pause::Pair { .. } => return None,
        };
        Some(Self { organization_id, number_id, whole_account, token_mark, until, reason, refusals, at })
    }

    /// Takes in another of the same, so that the longest is left.
    fn join(&mut self, other: Self) {
        self.refusals = self.refusals.max(other.refusals);
        if self.end() < other.end() {
            (self.until, self.reason) = (other.until, other.reason);
        }
    }

    fn end(&self) -> Timestamp {
        self.until.unwrap_or(Timestamp::MAX)
    }

    /// One that has no end is looked at soon: what people must mend is told then, or the number goes on.
    fn look_soon(&self, pipeline: &mut Pipeline<'_>) {
        if self.until.is_none() {
            number_check::look_soon(pipeline, self.organization_id, self.number_id, self.whole_account);
        }
    }

    /// Begins the rest. The reason is that of the one that ends last; what only a person ends is not begun for a token that
    /// is replaced already.
    pub(crate) fn begin<'a>(&'a self, pipeline: &mut Pipeline<'a>) {
        pipeline.push(
            concat!(
                "UPDATE wazapp.number_pace p SET
               paused_at = CASE WHEN $3 IS NULL THEN $8 ELSE p.paused_at END,
               probe_at = CASE WHEN $3 IS NOT NULL THEN p.probe_at
                 WHEN NOT $4::text::json ->> 'code' = ANY ($9::text[]) THEN ",
                next_probe!("$8::timestamptz", "greatest(p.refusals, $6)"),
                " END,
               pause_reason = CASE WHEN p.paused_until >= k.until THEN p.pause_reason ELSE $4::text::json END,
               paused_until = greatest(p.paused_until, k.until), refusals = greatest(p.refusals, $6), held_until = NULL
             FROM wazapp.number n, wazapp.number refused, (SELECT coalesce($3::timestamptz, 'infinity')) AS k (until)
             WHERE p.organization_id = $1 AND n.organization_id = $1 AND n.id = p.number_id
               AND refused.organization_id = $1 AND refused.id = $2
               AND (n.id = refused.id OR $5::bool AND n.waba_id = refused.waba_id)
               AND ($3 IS NOT NULL OR substring(refused.token FROM 5 FOR 24) IS NOT DISTINCT FROM $7::bytea)"
            ),
            params![
                self.organization_id,
                self.number_id,
                self.until,
                self.reason.json(),
                self.whole_account,
                self.refusals,
                self.token_mark.as_deref(),
                self.at,
                Code::OF_TOKEN.to_vec(),
            ],
        );
    }
}

/// Lets a number go on that rests until a person mends something; with `codes`, only one that rests for one of these.
/// Answers whether it did rest.
pub async fn let_go(tx: &Operator, scope: &Scope, number_id: Uuid, codes: Option<&[&str]>) -> Result<bool> {
    let rested = tx
        .query_opt(
            "UPDATE wazapp.number_pace SET paused_until = NULL, pause_reason = NULL, paused_at = NULL, probe_at = NULL
             WHERE organization_id = $1 AND number_id = $2 AND paused_until = 'infinity'
               AND (NOT $3::bool OR pause_reason ->> 'code' = ANY ($4::text[])) RETURNING number_id",
            &[&scope.organization_id(), &number_id, &codes.is_some(), &codes.unwrap_or_default().to_vec()],
        )
        .await?;
    Ok(rested.is_some())
}

/// What a good look showed of a number that may rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Well {
    /// Meta lets it send.
    pub(crate) able: bool,
    /// Its name is approved.
    pub(crate) named: bool,
}

/// Lets a number go on that rests without an end, where a look found nothing of its reason. Answers whether it did.
pub(crate) async fn let_go_seen(
    tx: &Operator,
    scope: &Scope,
    number_id: Uuid,
    well: Well,
    now: Timestamp,
) -> Result<bool> {
    let of_token = let_go(tx, scope, number_id, Some(&Code::OF_TOKEN)).await?;
    let ended = tx
        .query_opt(
            "UPDATE wazapp.number_pace SET paused_until = NULL, pause_reason = NULL, paused_at = NULL, probe_at = NULL
             WHERE organization_id = $1 AND number_id = $2 AND paused_until = 'infinity'
               AND ($3 OR $4 AND pause_reason ->> 'code' = '131037')
               AND (refusals <= 1 OR paused_at IS NULL OR paused_at <= $5) RETURNING number_id",
            &[&scope.organization_id(), &number_id, &well.able, &well.named, &(now - BELIEVED_AFTER)],
        )
        .await?;
    Ok(of_token || ended.is_some())
}

/// Whether a number rests without an end.
pub(crate) async fn rests(tx: &Operator, scope: &Scope, number_id: Uuid) -> Result<bool> {
    let row = tx
        .query_opt(
            "SELECT 1 FROM wazapp.number_pace WHERE organization_id = $1 AND number_id = $2 AND paused_until = 'infinity'",
            &[&scope.organization_id(), &number_id],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends every rest of a number, with the token that is there: a person says that it may go on.
pub(crate) async fn resume(tx: &Operator, scope: &Scope, number_id: Uuid) -> Result<bool> {
    let rested = tx
        .query_opt(
            "UPDATE wazapp.number_pace SET paused_until = NULL, pause_reason = NULL, paused_at = NULL, probe_at = NULL,
               held_until = NULL, bulk_paused_until = NULL, bulk_pause_reason = NULL, bulk_paused_at = NULL
             WHERE organization_id = $1 AND number_id = $2
               AND (paused_until IS NOT NULL OR bulk_paused_until IS NOT NULL) RETURNING number_id",
            &[&scope.organization_id(), &number_id],
        )
        .await?;
    Ok(rested.is_some())
}

/// A number that is connected, or connected again, begins without rest and without a past.
pub(crate) async fn begin_anew(tx: &Operator, scope: &Scope, number_id: Uuid) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.number_pace (organization_id, number_id) VALUES ($1, $2)
         ON CONFLICT (organization_id, number_id) DO UPDATE SET
           paused_until = NULL, pause_reason = NULL, refusals = 0, held_until = NULL, paused_at = NULL, probe_at = NULL,
           bulk_paused_until = NULL, bulk_pause_reason = NULL, bulk_paused_at = NULL",
        &[&scope.organization_id(), &number_id],
    )
    .await?;
    Ok(())
}

/// A recipient as one number knows them.
type Pair<'a> = (Uuid, Uuid, &'a str);

/// A number, or its whole account, and the token that brought the rest.
type Resting<'a> = (Uuid, Uuid, bool, Option<&'a [u8]>);

/// What a batch of answers says of paces.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    /// The longest rest of each number or account, by the token that brought it.
    rests: BTreeMap<Resting<'a>, Rest>,
    /// Recipients that must wait until then, and how often they were refused in a row.
    pairs: BTreeMap<Pair<'a>, (Timestamp, i32)>,
    /// Numbers and recipients that were refused so often before, and now were not; and whether a number's message was taken.
    eased: BTreeMap<(Uuid, Uuid, i32), bool>,
    eased_pairs: BTreeSet<(Pair<'a>, i32)>,
}

impl<'a> Heard<'a> {
    pub(super) fn of(settled: &'a [Settled], now: Timestamp) -> Self {
        let mut heard = Self {
            rests: BTreeMap::new(),
            pairs: BTreeMap::new(),
            eased: BTreeMap::new(),
            eased_pairs: BTreeSet::new(),
        };
        for one in settled {
            heard.ease(one);
            heard.pause(one, now);
        }
        heard
    }

    /// An answer that makes nobody wait: what was refused before begins again, the number step by step.
    fn ease(&mut self, one: &'a Settled) {
        let of_pair = matches!(one.pause, Some(Pause::Pair { .. }));
        let judged = matches!(one.outcome, Outcome::Accepted { .. } | Outcome::Failed { .. });
        if one.refused.number > 0 && (judged || of_pair) {
            let taken = matches!(one.outcome, Outcome::Accepted { .. });
            let eased = (one.organization_id, one.number_id, stored(one.refused.number));
            *self.eased.entry(eased).or_default() |= taken;
        }
        if one.refused.pair > 0 && judged {
            self.eased_pairs.insert((pair(one), stored(one.refused.pair)));
        }
    }

    fn pause(&mut self, one: &'a Settled, now: Timestamp) {
        if let Some(Pause::Pair { until }) = one.pause {
            let refusals = stored(one.refused.pair.saturating_add(1));
            let longest = self.pairs.entry(pair(one)).or_insert((until, 0));
            *longest = (until.max(longest.0), refusals.max(longest.1));
        }
        let Some(rest) = Rest::of_settled(one, now) else { return };
        let key = (one.organization_id, one.number_id, rest.whole_account, one.token_mark.as_deref());
        match self.rests.entry(key) {
            Entry::Occupied(mut same) => same.get_mut().join(rest),
            Entry::Vacant(first) => _ = first.insert(rest),
        }
    }

    pub(super) fn write<'b>(&'b self, pipeline: &mut Pipeline<'b>) {
        for rest in self.rests.values() {
            rest.look_soon(pipeline);
        }
        // An answer to an older claim than the last refusal says nothing. A message that was taken while its number rests
        // was the one that tried it.
        for ((organization_id, number_id, refusals), taken) in &self.eased {
            pipeline.push(
                "UPDATE wazapp.number_pace SET refusals = refusals - 1, held_until = NULL,
                   paused_until = CASE WHEN $4 AND probe_at IS NOT NULL THEN NULL ELSE paused_until END,
                   pause_reason = CASE WHEN $4 AND probe_at IS NOT NULL THEN NULL ELSE pause_reason END,
                   paused_at = CASE WHEN $4 AND probe_at IS NOT NULL THEN NULL ELSE paused_at END,
                   probe_at = CASE WHEN $4 THEN NULL ELSE probe_at END
                 WHERE organization_id = $1 AND number_id = $2 AND refusals = $3",
                params![*organization_id, *number_id, *refusals, *taken],
            );
        }
        for ((organization_id, number_id, recipient), refusals) in &self.eased_pairs {
            pipeline.push(
                "UPDATE wazapp.pair_pace SET refusals = 0
                 WHERE organization_id = $1 AND number_id = $2 AND recipient = $3 AND refusals = $4",
                params![*organization_id, *number_id, *recipient, *refusals],
            );
        }
        for rest in self.rests.values() {
            rest.begin(pipeline);
        }
        for ((organization_id, number_id, recipient), (until, refusals)) in &self.pairs {
            // So far ahead that nothing fits before then; the burst is spent.
            pipeline.push(
                "UPDATE wazapp.pair_pace SET next_at = greatest(next_at, $4), refusals = greatest(refusals, $5)
                 WHERE organization_id = $1 AND number_id = $2 AND recipient = $3",
                params![*organization_id, *number_id, *recipient, *until + PAIR_AHEAD, *refusals],
            );
        }
    }
}

fn pair(one: &Settled) -> Pair<'_> {
    (one.organization_id, one.number_id, &one.recipient)
}

/// A count as its column holds it.
fn stored(refusals: u32) -> i32 {
    i32::try_from(refusals).unwrap_or(i32::MAX)
}
