//! A line of the table.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Explanation, WhoseMove};

/// What to do, before the time is worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The message waits.
    Retry(Growth),
    /// Its recipient waits.
    RestPair(Growth),
    /// Its number waits.
    RestNumber(Growth),
    /// Its account waits.
    RestAccount(Growth),
    /// Its number waits for a person.
    HoldNumber,
    /// Its account waits for a person.
    HoldAccount,
    /// It has failed, and can be mended.
    Ask,
    /// It has failed.
    GiveUp,
    /// It may have been sent.
    Settle,
}

/// Waits that grow: `first` seconds, each time `factor` times as long, never longer than `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    first: u64,
    factor: u64,
    most: u64,
}

impl Growth {
    pub(super) const fn doubling(first: u64, most: u64) -> Self {
        Self { first, factor: 2, most }
    }

    /// Meta's own 4^X seconds, X from 0.
    pub(super) const fn fourfold(most: u64) -> Self {
        Self { first: 1, factor: 4, most }
    }

    pub(super) const fn always(seconds: u64) -> Self {
        Self { first: seconds, factor: 1, most: seconds }
    }

    pub(super) fn at(self, attempt: u32) -> Duration {
        Duration::from_secs(self.first.saturating_mul(self.factor.saturating_pow(attempt)).min(self.most))
    }
}

/// A code, or several that are the same to everybody.
#[derive(Debug)]
pub(super) struct Row {
    first: i64,
    last: i64,
    pub(super) rule: Rule,
    pub(super) explanation: Explanation,
}

impl Row {
    pub(super) fn covers(&self, code: i64) -> bool {
        self.codes().contains(&code)
    }

    pub(super) fn codes(&self) -> RangeInclusive<i64> {
        self.first..=self.last
    }
}

pub(super) const fn row(code: i64, rule: Rule, whose_move: WhoseMove, en: &'static str, es: &'static str) -> Row {
    rows(code, code, rule, whose_move, en, es)
}

pub(super) const fn rows(
    first: i64,
    last: i64,
    rule: Rule,
    whose_move: WhoseMove,
    en: &'static str,
    es: &'static str,
) -> Row {
    Row { first, last, rule, explanation: Explanation { en, es, whose_move } }
}
