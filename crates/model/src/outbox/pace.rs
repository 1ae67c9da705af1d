//! Who must wait, because Meta said so, and how each goes on.
//!
//! Whoever makes a number rest or go on takes its rows in this order: the organization's line, where it is taken at all,
//! then `number`, then `number_pace`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::PAIR_AHEAD;
use super::settle::{Outcome, Settled};
use crate::database::{Operator, Pipeline, Result, params};
use crate::link::Link;
use crate::number_check;
use crate::scope::Scope;

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
        /// JSON: what people are told.
        reason: String,
    },
    /// Everything from all of the organization's numbers in the same account.
    Account {
        /// Until then; `None`: until a person connects the numbers again.
        until: Option<Timestamp>,
        /// JSON: what people are told.
        reason: String,
    },
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
    reason: String,
    refusals: i32,
}

impl Rest {
    /// What a call by this way heard. `None`: only a recipient waits.
    pub(crate) fn of(tried: &Link, pause: &Pause) -> Option<Self> {
        Self::new((tried.organization_id, tried.number_id), tried.token_mark(), pause, 0)
    }

    fn of_settled(one: &Settled) -> Option<Self> {
        let refusals = stored(one.refused.number.saturating_add(1));
        Self::new((one.organization_id, one.number_id), one.token_mark.clone(), one.pause.as_ref()?, refusals)
    }

    fn new(
        (organization_id, number_id): (Uuid, Uuid),
        token_mark: Option<Vec<u8>>,
        pause: &Pause,
        refusals: i32,
    ) -> Option<Self> {
        let (whole_account, until, reason) = match pause {
            Pause::Number { until, reason } => (false, *until, reason.clone()),
            Pause::Account { until, reason } => (true, *until, reason.clone()),
            Pause::Pair { .. } => return None,
        };
        Some(Self { organization_id, number_id, whole_account, token_mark, until, reason, refusals })
    }

    /// The owner and the number.
    pub(crate) fn number(&self) -> (Uuid, Uuid) {
        (self.organization_id, self.number_id)
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

    /// Begins the rest that a call brought. One that has no end is looked at soon: what people must mend is told then, or
    /// the number goes on.
    pub(crate) fn begin_and_look<'a>(&'a self, pipeline: &mut Pipeline<'a>) {
        self.look_soon(pipeline);
        self.begin(pipeline);
    }

    fn look_soon(&self, pipeline: &mut Pipeline<'_>) {
        if self.until.is_none() {
            number_check::look_soon(pipeline, self.organization_id, self.number_id, self.whole_account);
        }
    }

    /// Begins the rest. The reason is that of the one that ends last; what only a person ends is not begun for a token that
    /// is replaced already.
    pub(crate) fn begin<'a>(&'a self, pipeline: &mut Pipeline<'a>) {
        pipeline.push(
            "UPDATE wazapp.number_pace p SET
               pause_reason = CASE WHEN p.paused_until >= k.until THEN p.pause_reason ELSE $4::text::json END,
               paused_until = greatest(p.paused_until, k.until), refusals = greatest(p.refusals, $6), held_until = NULL
             FROM wazapp.number n, wazapp.number refused, (SELECT coalesce($3::timestamptz, 'infinity')) AS k (until)
             WHERE p.organization_id = $1 AND n.organization_id = $1 AND n.id = p.number_id
               AND refused.organization_id = $1 AND refused.id = $2
               AND (n.id = refused.id OR $5::bool AND n.waba_id = refused.waba_id)
               AND ($3 IS NOT NULL OR sha256(refused.token) IS NOT DISTINCT FROM $7::bytea)",
            params![
                self.organization_id,
                self.number_id,
                self.until,
                self.reason.as_str(),
                self.whole_account,
                self.refusals,
                self.token_mark.as_deref(),
            ],
        );
    }
}

/// Lets a number go on that rests until a person mends something; with `codes`, only one that rests for one of these.
pub async fn let_go(tx: &Operator, scope: &Scope, number_id: Uuid, codes: Option<&[&str]>) -> Result<()> {
    tx.query(
        "UPDATE wazapp.number_pace SET paused_until = NULL, pause_reason = NULL
         WHERE organization_id = $1 AND number_id = $2 AND paused_until = 'infinity'
           AND (NOT $3::bool OR pause_reason ->> 'code' = ANY ($4::text[]))",
        &[&scope.organization_id(), &number_id, &codes.is_some(), &codes.unwrap_or_default().to_vec()],
    )
    .await?;
    Ok(())
}

/// A number that is connected, or connected again, begins without rest and without a past.
pub(crate) async fn begin_anew(tx: &Operator, scope: &Scope, number_id: Uuid) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.number_pace (organization_id, number_id) VALUES ($1, $2)
         ON CONFLICT (organization_id, number_id) DO UPDATE SET
           paused_until = NULL, pause_reason = NULL, refusals = 0, held_until = NULL",
        &[&scope.organization_id(), &number_id],
    )
    .await?;
    Ok(())
}

/// A recipient as one number knows them.
type Pair<'a> = (Uuid, Uuid, &'a str);

/// What a batch of answers says of paces.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    /// The longest rest of each number or account, by the token that brought it.
    rests: BTreeMap<(Uuid, Uuid, bool, Option<&'a [u8]>), Rest>,
    /// Recipients that must wait until then, and how often they were refused in a row.
    pairs: BTreeMap<Pair<'a>, (Timestamp, i32)>,
    /// Numbers and recipients that were refused so often before, and now were not.
    eased: BTreeSet<(Uuid, Uuid, i32)>,
    eased_pairs: BTreeSet<(Pair<'a>, i32)>,
}

impl<'a> Heard<'a> {
    pub(super) fn of(settled: &'a [Settled]) -> Self {
        let mut heard = Self {
            rests: BTreeMap::new(),
            pairs: BTreeMap::new(),
            eased: BTreeSet::new(),
            eased_pairs: BTreeSet::new(),
        };
        for one in settled {
            heard.ease(one);
            heard.pause(one);
        }
        heard
    }

    /// An answer that makes nobody wait: what was refused before begins again, the number step by step.
    fn ease(&mut self, one: &'a Settled) {
        let of_pair = matches!(one.pause, Some(Pause::Pair { .. }));
        let judged = matches!(one.outcome, Outcome::Accepted { .. } | Outcome::Failed { .. });
        if one.refused.number > 0 && (judged || of_pair) {
            self.eased.insert((one.organization_id, one.number_id, stored(one.refused.number)));
        }
        if one.refused.pair > 0 && judged {
            self.eased_pairs.insert((pair(one), stored(one.refused.pair)));
        }
    }

    fn pause(&mut self, one: &'a Settled) {
        if let Some(Pause::Pair { until }) = one.pause {
            let refusals = stored(one.refused.pair.saturating_add(1));
            let longest = self.pairs.entry(pair(one)).or_insert((until, 0));
            *longest = (until.max(longest.0), refusals.max(longest.1));
        }
        let Some(rest) = Rest::of_settled(one) else { return };
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
        // An answer to an older claim than the last refusal says nothing.
        for (organization_id, number_id, refusals) in &self.eased {
            pipeline.push(
                "UPDATE wazapp.number_pace SET refusals = refusals - 1, held_until = NULL
                 WHERE organization_id = $1 AND number_id = $2 AND refusals = $3",
                params![*organization_id, *number_id, *refusals],
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
