//! The figures against the targets.

use std::fmt::Write;

use serde::Serialize;

use crate::distance::Distance;
use crate::endpoints::Endpoints;
use crate::exact::Exactness;
use crate::limit::Limit;
use crate::live::Live;
use crate::machine::{Disturbance, Machine};
use crate::open::{Open, RATES, Try};
use crate::read::Read;
use crate::saturation::Saturation;
use crate::sends::Sends;
use crate::stage::{Bench, Phase};
use crate::start::Start;

/// Everything that was measured; parts that were not asked for are absent.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    machine: Machine,
    quick: bool,
    seed: u64,
    conversations: u64,
    pub(crate) seconds: f64,
    pub(crate) disturbance: Option<Disturbance>,
    warm_up: Option<Phase>,
    pub(crate) limit: Option<Limit>,
    pub(crate) saturation: Option<Saturation>,
    pub(crate) open: Option<Open>,
    pub(crate) sends: Option<Sends>,
    pub(crate) live: Option<Live>,
    pub(crate) endpoints: Option<Endpoints>,
    pub(crate) read: Option<Read>,
    pub(crate) distance: Option<Distance>,
    pub(crate) start: Option<Start>,
    pub(crate) exact: Vec<Exactness>,
}

impl Results {
    pub(crate) fn new(bench: &Bench<'_>) -> Self {
        Self {
            machine: bench.machine.clone(),
            quick: bench.options.quick,
            seed: bench.options.seed,
            conversations: bench.shape.conversations(),
            seconds: 0.0,
            disturbance: None,
            warm_up: bench.warm_up.clone(),
            limit: None,
            saturation: None,
            open: None,
            sends: None,
            live: None,
            endpoints: None,
            read: None,
            distance: None,
            start: None,
            exact: Vec::new(),
        }
    }

    /// Whether no message was lost, doubled or misplaced.
    pub(crate) fn is_exact(&self) -> bool {
        let told = self.live.iter().flat_map(|live| &live.tries).all(|one| one.wrongs.is_empty());
        let sent = self.sends.iter().all(|sends| sends.wrongs.is_empty());
        told && sent && self.exact.iter().all(|one| one.wrongs().is_empty())
    }
}

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// How much of the room is used: above 1, the goal is missed. Not a number counts as missed.
    fn strain(self, value: f64) -> f64 {
        let strain = match self {
            Self::AtLeast(goal) => goal / value,
            Self::AtMost(goal) => value / goal,
        };
        if strain.is_nan() { f64::INFINITY } else { strain }
    }
}

/// A line of the table.
struct Line {
    target: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    goal: Goal,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { target, what, value, unit, goal } = self;
        let goal_text = match goal {
            Goal::AtLeast(goal) => format!("≥ {goal}{unit}"),
            Goal::AtMost(goal) => format!("≤ {goal}{unit}"),
        };
        let verdict = if goal.strain(*value) <= 1.0 { "met" } else { "MISSED" };
        let value = match value.abs() {
            large if large >= 100.0 => format!("{value:.0}{unit}"),
            medium if medium >= 10.0 => format!("{value:.1}{unit}"),
            _ => format!("{value:.3}{unit}"),
        };
        write!(f, "{target:<3} {what:<76} {value:>11} {goal_text:>10}  {verdict}")
    }
}

/// T4: what a try is measured by, the value and the most it may be, in ms.
fn at_rate(one: &Try) -> Vec<(&'static str, f64, f64)> {
    match one.rate {
        1000 => vec![
            ("acknowledged p50", one.ack.p50, 1.5),
            ("acknowledged p99", one.ack.p99, 5.0),
            ("visible p99", one.visible.p99, 25.0),
        ],
        _ => vec![("acknowledged p99", one.ack.p99, 25.0)],
    }
}

/// How far the worst value of a try is from its goal.
fn strain(one: &Try) -> f64 {
    at_rate(one).into_iter().map(|(_, value, goal)| Goal::AtMost(goal).strain(value)).fold(0.0, f64::max)
}

fn lines(results: &Results) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |target, what: String, value, unit, goal| lines.push(Line { target, what, value, unit, goal });
    if let (Some(saturation), Some(limit)) = (&results.saturation, &results.limit) {
        for phase in &saturation.spread {
            let ratio = phase.visible_per_s / limit.two_connections;
            let what = format!(
                "visible at {} connections ({:.0}/s) to the limit of 2 connections ({:.0}/s)",
                phase.connections, phase.visible_per_s, limit.two_connections
            );
            line("T2", what, ratio, "", Goal::AtLeast(0.5));
        }
    }
    if let Some(saturation) = &results.saturation {
        let what = "CPU per message at saturation, server + PostgreSQL, the worse of 64 and 256";
        line("T3", what.into(), saturation.cpu(), " ms", Goal::AtMost(0.2));
    }
    if let Some(open) = &results.open {
        for best in RATES.into_iter().filter_map(|rate| open.best(rate, strain)) {
            for (what, value, goal) in at_rate(best) {
                line("T4", format!("{what} at {}/s, of the best try", best.rate), value, " ms", Goal::AtMost(goal));
            }
        }
    }
    if let Some(sends) = &results.sends {
        line("", "one that sends alone: API p50".into(), sends.alone.p50, " ms", Goal::AtMost(3.0));
        for one in &sends.steady {
            let what = format!("CPU per message sent at {}/s, its statuses included", one.rate);
            line("", what, one.cpu.durable(), " ms", Goal::AtMost(if one.rate < 500 { 2.0 } else { 1.0 }));
        }
        let burst = &sends.burst;
        let what = format!("{} clients of one organization, queued a second", burst.clients);
        line("", what, burst.per_s, "/s", Goal::AtLeast(2000.0));
        line("", "API p50 of them".into(), burst.api.p50, " ms", Goal::AtMost(15.0));
        let what =
            format!("a full queue of {} on {} numbers leaves, a second", sends.queue.messages, sends.queue.numbers);
        line("", what, sends.queue.per_s, "/s", Goal::AtLeast(4000.0));
    }
    for one in results.live.iter().flat_map(|live| &live.tries) {
        let what =
            format!("{} streams of {} organizations at 500/s: webhook to reader p99", one.streams, one.organizations);
        line("", what, one.told.p99, " ms", Goal::AtMost(250.0));
        line("", "memory of one of them".into(), one.stream_kb, " KB", Goal::AtMost(64.0));
    }
    if let Some(endpoints) = &results.endpoints {
        let what = "1,000 endpoints, 100 of them dead, at 500/s: webhook to call of the others p99";
        line("", what.into(), endpoints.called.p99, " ms", Goal::AtMost(1000.0));
    }
    for one in results.read.iter().flat_map(|read| &read.readings) {
        line("T6", format!("{}, through the API p99", one.what), one.much.p99, " ms", Goal::AtMost(5.0));
        line(
            "T6",
            "where there is much to where there is little, p50".into(),
            one.much.p50 / one.little.p50,
            "",
            Goal::AtMost(2.0),
        );
    }
    if let Some(distance) = &results.distance {
        let Distance { round_trip_ms, wazapp, per_message, per_message_least } = distance;
        let what = format!(
            "database {round_trip_ms:.0} ms away: visible {:.0}/s to {per_message:.0}/s (least {per_message_least:.0}/s)",
            wazapp.visible_per_s
        );
        line("T5", what, wazapp.visible_per_s / per_message, "", Goal::AtLeast(40.0));
    }
    if let Some(saturation) = &results.saturation {
        let what = "all on one conversation to spread out, visible, the worse of 64 and 256";
        line("T7", what.into(), saturation.one_to_spread(), "", Goal::AtLeast(1.0));
    }
    if let Some(start) = &results.start {
        line("T8", "memory, idle".into(), start.idle_mb, " MB", Goal::AtMost(30.0));
        line("T8", "start to ready, median of 5".into(), start.ready_median_ms, " ms", Goal::AtMost(50.0));
        line("T8", "size of the binary".into(), start.binary_mb, " MB", Goal::AtMost(20.0));
    }
    if let Some(open) = &results.open {
        line("T8", "memory under 3300/s, the most seen".into(), open.resident_mb(3300), " MB", Goal::AtMost(64.0));
    }
    lines
}

/// The result, for people.
pub(crate) fn table(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let mut put = |line: &dyn std::fmt::Display| writeln!(text, "{line}").expect("memory takes every write");
    put(&"");
    put(&results.machine);
    put(&format!(
        "{} conversations, seed {}, {:.0} s{}",
        results.conversations,
        results.seed,
        results.seconds,
        if results.quick { ", quick: for a look, not for the record" } else { "" }
    ));
    if let Some(disturbance) = &results.disturbance {
        put(disturbance);
    }
    put(&"");
    if let Some(phase) = &results.warm_up {
        put(phase);
    }
    if let Some(Limit { one_connection, two_connections, .. }) = &results.limit {
        put(&format!("limit of PostgreSQL: {one_connection:.0} rows/s on one connection, {two_connections:.0} on two"));
    }
    if let Some(saturation) = &results.saturation {
        saturation.spread.iter().chain(&saturation.one).for_each(|phase| put(phase));
    }
    if let Some(open) = &results.open {
        open.tries.iter().for_each(|one| put(one));
    }
    if let Some(sends) = &results.sends {
        put(sends);
    }
    results.live.iter().flat_map(|live| &live.tries).for_each(|one| put(one));
    if let Some(endpoints) = &results.endpoints {
        put(endpoints);
    }
    if let Some(distance) = &results.distance {
        put(&distance.wazapp);
    }
    put(&"visible is the time until the row can be read, to 1.2 ms in p50 and p99, to 10 ms in rates");
    put(&"");
    lines(results).iter().for_each(|line| put(line));
    for one in results.live.iter().flat_map(|live| &live.tries).filter(|one| !one.wrongs.is_empty()) {
        put(&format!("MISSED: {}", one.wrongs.join("; ")));
    }
    for wrong in results.sends.iter().flat_map(|sends| &sends.wrongs) {
        put(&format!("MISSED: {wrong}"));
    }
    for exactness in &results.exact {
        let wrongs = exactness.wrongs();
        let verdict = if wrongs.is_empty() { "met".to_owned() } else { format!("MISSED: {}", wrongs.join("; ")) };
        let what = format!("{}: {} messages, each once and in its place", exactness.scenario, exactness.messages);
        put(&format!("T9  {what:<99}  {verdict}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_know_their_direction() {
        assert!(Goal::AtLeast(40.0).strain(41.0) < 1.0);
        assert!(Goal::AtLeast(40.0).strain(39.0) > 1.0);
        assert!(Goal::AtMost(5.0).strain(4.0) < 1.0);
        assert!(Goal::AtMost(5.0).strain(f64::NAN) > 1.0);
    }
}
