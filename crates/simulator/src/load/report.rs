//! A run in figures.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Reason, Try};

/// What Meta asks of a receiver: half of all answers within 250 ms, less than 1 % above 1 s.
const MEDIAN_MS: f64 = 250.0;
const SLOW_US: u32 = 1_000_000;
const SLOW_SHARE: f64 = 0.01;

/// A run in figures. Latencies count from when a request was due, whether or not the generator could write it then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What the run was made from.
    pub seed: u64,
    /// Different bodies sent.
    pub bodies: u64,
    /// The messages in them.
    pub messages: u64,
    /// Requests: first ones, duplicates and retries.
    pub posts: u64,
    /// Requests made without need.
    pub duplicates: u64,
    /// Requests made because no earlier one was answered 200.
    pub retries: u64,
    /// Bodies answered 200 at least once.
    pub accepted: u64,
    /// Bodies never answered 200.
    pub given_up: u64,
    /// Requests answered otherwise, by status or by what went wrong.
    pub refused: BTreeMap<String, u64>,
    /// From the first body to the last answer.
    pub elapsed_s: f64,
    /// Requests a second asked for; null: as fast as answered.
    pub asked_rate: Option<f64>,
    /// Requests a second reached, retries left out.
    pub rate: f64,
    /// How long a 200 took.
    pub ack: Spread,
    /// How long the generator itself took until it wrote a due request. Large figures: too few connections, or no CPU.
    pub late: Spread,
    /// The share of requests that had no answer within a second.
    pub over_1s: f64,
    /// Whether that and the median are as Meta demands.
    pub meets_meta: bool,
    /// CPU time of the generator's own threads; null where the system does not tell.
    pub cpu_s: Option<f64>,
    /// Its share of all cores over the run.
    pub cpu_share: Option<f64>,
    /// For each request.
    pub cpu_us_per_post: Option<f64>,
}

/// How some times are spread, in milliseconds. All 0: there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half are at most so long.
    pub p50_ms: f64,
    /// 99 of 100 are.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Spread {
    fn of(times: impl Iterator<Item = u32>) -> Self {
        let mut times: Vec<u32> = times.collect();
        times.sort_unstable();
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Self { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

impl Ledger {
    /// The run in figures.
    pub fn report(&self) -> Report {
        let tries = || self.sent.iter().flat_map(|sent| &sent.tries);
        let count = |wanted: fn(&Try) -> bool| tries().filter(|tried| wanted(tried)).count() as u64;
        let mut refused = BTreeMap::new();
        for tried in tries().filter(|tried| !tried.accepted()) {
            *refused.entry(tried.answer.to_string()).or_default() += 1;
        }
        let (posts, bodies) = (count(|_| true), self.sent.len() as u64);
        let retries = count(|tried| tried.reason == Reason::Retry);
        let accepted = self.sent.iter().filter(|sent| sent.accepted()).count() as u64;
        let ack = Spread::of(tries().filter(|tried| tried.accepted()).map(|tried| tried.latency_us));
        let slow = count(|tried| !tried.answer.is_status() || tried.latency_us > SLOW_US);
        let over_1s = share(slow as f64, posts as f64);
        let planned = tries().filter(|tried| tried.reason != Reason::Retry);
        let took_us = planned.map(|tried| tried.due_us + u64::from(tried.latency_us)).max().unwrap_or(0);
        let elapsed_s = self.head.elapsed_us as f64 / 1e6;
        let cpu_s = self.head.cpu_us.map(|micros| micros as f64 / 1e6);
        Report {
            seed: self.head.seed,
            bodies,
            messages: self.sent.iter().map(|sent| sent.messages.len() as u64).sum(),
            posts,
            duplicates: count(|tried| tried.reason == Reason::Duplicate),
            retries,
            accepted,
            given_up: bodies - accepted,
            refused,
            elapsed_s,
            asked_rate: self.head.rate,
            rate: share((posts - retries) as f64, took_us as f64 / 1e6),
            ack,
            late: Spread::of(tries().map(|tried| tried.late_us)),
            over_1s,
            meets_meta: ack.p50_ms <= MEDIAN_MS && over_1s < SLOW_SHARE,
            cpu_s,
            cpu_share: cpu_s.map(|cpu| share(cpu, elapsed_s * self.head.cores as f64)),
            cpu_us_per_post: cpu_s.map(|cpu| share(cpu * 1e6, posts as f64)),
        }
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bodies, messages, posts, duplicates, retries, accepted, given_up, .. } = self;
        writeln!(
            f,
            "{bodies} bodies with {messages} messages, seed {}: {accepted} accepted, {given_up} never",
            self.seed
        )?;
        writeln!(f, "{posts} requests in {:.1} s, {duplicates} of them duplicates, {retries} retries", self.elapsed_s)?;
        let asked = self.asked_rate.map_or("as fast as answered".to_owned(), |rate| format!("{rate:.0} asked"));
        writeln!(f, "{:.0} requests/s ({asked})", self.rate)?;
        for (answer, count) in &self.refused {
            writeln!(f, "not accepted: {count} × {answer}")?;
        }
        let verdict = if self.meets_meta { "as Meta demands" } else { "not as Meta demands (250 ms, below 1 %)" };
        writeln!(f, "answered after {}; {:.2} % not within 1 s: {verdict}", self.ack, self.over_1s * 100.0)?;
        write!(f, "the generator itself: {} late", self.late)?;
        if let (Some(cpu), Some(share), Some(each)) = (self.cpu_s, self.cpu_share, self.cpu_us_per_post) {
            write!(f, ", {cpu:.2} s of CPU, {:.1} % of all cores, {each:.0} µs a request", share * 100.0)?;
        }
        Ok(())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} p99 {:.2} max {:.2} ms", self.p50_ms, self.p99_ms, self.max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::{message, of};
    use super::super::ledger::{Answer, Fault};
    use super::*;

    #[test]
    fn a_run_in_figures() {
        let answers = (0..100).map(|n| match n {
            0 => Answer::Status(503),
            1 => Answer::Error(Fault::Timeout),
            _ => Answer::Status(200),
        });
        let mut ledger = of(answers.map(|answer| (message("1", "573", "wamid.A", "x"), answer)));
        ledger.sent[9].tries[0].latency_us = 1_200_000;
        let first = ledger.sent[0].tries[0];
        ledger.sent[0].tries.push(Try { reason: Reason::Retry, answer: Answer::Status(200), ..first });
        ledger.sent[5].tries.push(Try { reason: Reason::Duplicate, answer: Answer::Status(200), ..first });
        let report = ledger.report();

        assert_eq!((report.bodies, report.messages, report.posts), (100, 100, 102));
        assert_eq!((report.duplicates, report.retries, report.accepted, report.given_up), (1, 1, 99, 1));
        assert_eq!(report.refused, [("503".to_owned(), 1), ("timeout".to_owned(), 1)].into());
        assert_eq!(report.ack, Spread { p50_ms: 2.5, p99_ms: 2.5, max_ms: 1200.0 });
        assert!((report.over_1s - 2.0 / 102.0).abs() < 1e-9);
        assert!(!report.meets_meta);
        assert_eq!(report.cpu_s, Some(0.02));
        assert_eq!(report.cpu_share, Some(0.01));
        assert!(report.to_string().contains("1 × 503"));
    }

    #[test]
    fn nothing_sent_is_no_trouble() {
        let report = of([]).report();
        assert_eq!((report.bodies, report.rate, report.ack), (0, 0.0, Spread::default()));
    }
}
