//! What a load of requests came to.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;

/// The requests of one load.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// One for each answer 200, in µs.
    pub(crate) micros: Vec<u32>,
    /// The message each of them acknowledged, repeated ones repeatedly.
    pub(crate) acked: Vec<u64>,
    /// Other answers, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Connections that ended without an answer.
    pub(crate) broken: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

impl Tally {
    pub(crate) fn answered(&mut self, n: u64, status: u16, latency: Duration) {
        if status == 200 {
            self.acked.push(n);
            self.micros.push(latency.as_micros().try_into().unwrap_or(u32::MAX));
        } else {
            *self.refused.entry(status).or_default() += 1;
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.acked.extend(other.acked);
        self.broken += other.broken;
        self.elapsed = self.elapsed.max(other.elapsed);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
    }

    pub(crate) fn acked_per_second(&self) -> f64 {
        self.acked.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The messages that were acknowledged, each once.
    pub(crate) fn distinct(&self) -> HashSet<u64> {
        self.acked.iter().copied().collect()
    }
}

/// How latencies are spread, in ms.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) count: usize,
}

impl Spread {
    pub(crate) fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |share: f64| {
            let rank = (share * micros.len() as f64).ceil() as usize;
            micros.get(rank.saturating_sub(1)).map_or(f64::NAN, |&value| f64::from(value) / 1000.0)
        };
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0), count: micros.len() }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.2} · p99 {:.2} · max {:.1} ms", self.p50, self.p99, self.max)
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_values_that_occurred() {
        let spread = Spread::of((1..=100).rev().map(|ms| ms * 1000).collect());
        assert_eq!((spread.p50, spread.p99, spread.max, spread.count), (50.0, 99.0, 100.0, 100));
        assert!(Spread::of(Vec::new()).p99.is_nan());
        assert_eq!(Spread::of(vec![1500]).p99, 1.5);
    }

    #[test]
    fn a_message_acknowledged_twice_is_one() {
        let mut tally = Tally { elapsed: Duration::from_secs(2), ..Tally::default() };
        for n in [1, 2, 2] {
            tally.answered(n, 200, Duration::from_millis(1));
        }
        tally.answered(3, 503, Duration::from_millis(1));
        assert_eq!(tally.distinct(), HashSet::from([1, 2]));
        assert_eq!(tally.acked_per_second(), 1.5);
        assert_eq!(tally.refused, BTreeMap::from([(503, 1)]));
    }
}
