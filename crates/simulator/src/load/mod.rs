//! Load: signed webhook traffic for many organizations, numbers and customers, a ledger of all that was sent and of
//! every answer, and the comparison of that ledger with what a server shows through its API.

mod balance;
mod content;
mod cpu;
mod crew;
mod ledger;
mod line;
mod order;
mod report;
mod scan;
mod target;

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::Timestamp;

pub use balance::{Balance, Misfit, Place, compare};
pub use crew::run;
pub use ledger::{Answer, Fault, Kind, Ledger, Message, Reason, Sent, Try};
pub use report::{Report, Spread};
pub use target::Target;

/// What to send. The same plan makes the same bodies, byte for byte, in the same order, whatever the server does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything left to chance comes from.
    pub seed: u64,
    /// The numbers that are written to, equally often.
    pub targets: Vec<Target>,
    /// How many people write to each number. Every second one of them writes to all numbers.
    pub customers_per_number: u32,
    /// How many bodies, not counting duplicates and retries; `None`: until `duration` is over.
    pub bodies: Option<u64>,
    /// When to stop sending new ones.
    pub duration: Option<Duration>,
    /// Bodies a second, duplicates among them and retries on top; `None`: as fast as answered.
    pub rate: Option<f64>,
    /// The most requests at a time. With a rate, enough for the longest stall of the server at that rate, else what is
    /// due waits for a connection.
    pub connections: usize,
    /// The share of bodies sent once more, 0 to 1, though they may have been answered.
    pub duplicates: f64,
    /// So many bodies at a time are sent in a mixed order; 0 and 1: none.
    pub shuffle: usize,
    /// Meta's time of the first message. Part of what the ids are made from, as is the seed.
    pub start: Timestamp,
    /// The share of bodies, 0 to 1, that carry several messages, changes or entries.
    pub batch: f64,
}

impl Default for Plan {
    /// 10,000 bodies as fast as answered, to nobody yet.
    fn default() -> Self {
        Self {
            seed: 1,
            targets: Vec::new(),
            customers_per_number: 20,
            bodies: Some(10_000),
            duration: None,
            rate: None,
            connections: 64,
            duplicates: 0.02,
            shuffle: 8,
            start: Timestamp::constant(1_795_000_000, 0),
            batch: 0.05,
        }
    }
}

impl Plan {
    fn check(&self) -> Result<()> {
        ensure!(!self.targets.is_empty(), "a plan needs targets: numbers to write to");
        ensure!(self.customers_per_number > 0, "a plan needs customers_per_number of at least 1");
        ensure!(self.connections > 0, "a plan needs connections of at least 1");
        ensure!(self.bodies.is_some() || self.duration.is_some(), "a plan needs an end: bodies, duration or both");
        ensure!(self.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0), "a rate is more than 0 bodies a second");
        for (name, share) in [("duplicates", self.duplicates), ("batch", self.batch)] {
            ensure!((0.0..=1.0).contains(&share), "{name} is a share from 0 to 1");
        }
        Ok(())
    }
}

/// How a run is coming along.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Since the first body was due.
    pub elapsed: Duration,
    /// How many bodies the plan has, where it says so.
    pub planned: Option<u64>,
    /// Bodies sent at least once, and answered or given up on.
    pub bodies: u64,
    /// The messages in them.
    pub messages: u64,
    /// Requests made: first ones, duplicates and retries.
    pub posts: u64,
    /// Requests answered 200.
    pub accepted: u64,
    /// Requests answered otherwise, or not at all.
    pub refused: u64,
    /// Bodies that wait to be tried again.
    pub retrying: u64,
}
