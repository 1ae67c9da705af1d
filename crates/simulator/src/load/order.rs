//! In which order bodies are sent, and which are sent twice.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use bytes::Bytes;

use super::Plan;
use super::content::{Body, Content};
use super::ledger::Message;

/// How many requests a duplicate may lie behind the first.
const SPAN: u64 = 64;

/// A body whose turn it is.
#[derive(Debug)]
pub(super) struct Post {
    /// Its place in the ledger.
    pub(super) entry: usize,
    pub(super) bytes: Bytes,
    /// For the first time: the body's number and what it carries.
    pub(super) first: Option<(u64, Box<[Message]>)>,
}

/// One body after the other, by the plan alone.
pub(super) struct Order {
    content: Content,
    random: fastrand::Rng,
    left: Option<u64>,
    shuffle: usize,
    duplicates: f64,
    window: VecDeque<Body>,
    later: BinaryHeap<Reverse<(u64, usize, Bytes)>>,
    entries: usize,
    posts: u64,
}

impl Order {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            content: Content::new(plan),
            // Not the content's chance: bodies are the same in any order.
            random: fastrand::Rng::with_seed(!plan.seed),
            left: plan.bodies,
            shuffle: plan.shuffle.max(1),
            duplicates: plan.duplicates,
            window: VecDeque::new(),
            later: BinaryHeap::new(),
            entries: 0,
            posts: 0,
        }
    }

    /// `None` after the last.
    pub(super) fn next(&mut self) -> Option<Post> {
        let due = self.later.peek().is_some_and(|Reverse((at, ..))| *at <= self.posts);
        let body = if due { None } else { self.body() };
        self.posts += 1;
        let Some(body) = body else {
            let Reverse((_, entry, bytes)) = self.later.pop()?;
            return Some(Post { entry, bytes, first: None });
        };
        let entry = self.entries;
        self.entries += 1;
        if self.random.f64() < self.duplicates {
            let at = self.posts + self.random.u64(0..SPAN);
            self.later.push(Reverse((at, entry, body.bytes.clone())));
        }
        Some(Post { entry, bytes: body.bytes, first: Some((body.number, body.messages)) })
    }

    fn body(&mut self) -> Option<Body> {
        if self.window.is_empty() {
            let count =
                self.left.map_or(self.shuffle, |left| self.shuffle.min(usize::try_from(left).unwrap_or(usize::MAX)));
            self.left = self.left.map(|left| left - count as u64);
            self.window.extend((0..count).map(|_| self.content.next()));
            self.random.shuffle(self.window.make_contiguous());
        }
        self.window.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::plan;
    use super::*;

    fn posts(plan: &Plan) -> Vec<Post> {
        let mut order = Order::new(plan);
        std::iter::from_fn(|| order.next()).collect()
    }

    #[test]
    fn the_same_plan_is_the_same_run() {
        let plan = Plan { bodies: Some(2000), duplicates: 0.1, shuffle: 16, batch: 0.2, ..plan() };
        let run = |plan: &Plan| posts(plan).into_iter().map(|post| (post.entry, post.bytes)).collect::<Vec<_>>();
        assert!(run(&plan) == run(&plan));
        assert!(run(&plan) != run(&Plan { seed: 2, ..plan.clone() }));
    }

    #[test]
    fn the_order_does_not_change_the_bodies() {
        let set = |plan: &Plan| {
            let mut all: Vec<(u64, Bytes)> =
                posts(plan).into_iter().filter_map(|post| Some((post.first?.0, post.bytes))).collect();
            all.sort();
            all
        };
        let straight = Plan { bodies: Some(500), duplicates: 0.0, shuffle: 0, ..plan() };
        let mixed = Plan { duplicates: 0.3, shuffle: 20, ..straight.clone() };
        assert!(set(&straight) == set(&mixed));
    }

    #[test]
    fn a_window_is_mixed_and_nothing_leaves_it() {
        let plan = Plan { bodies: Some(1005), duplicates: 0.0, shuffle: 10, ..plan() };
        let numbers: Vec<u64> = posts(&plan).into_iter().filter_map(|post| Some(post.first?.0)).collect();
        assert_eq!(numbers.len(), 1005);
        assert!(!numbers.is_sorted());
        assert!(numbers.iter().zip(0u64..).all(|(number, at)| number / 10 == at / 10));
    }

    #[test]
    fn some_come_twice_with_the_same_bytes() {
        let plan = Plan { bodies: Some(5000), duplicates: 0.1, ..plan() };
        let posts = posts(&plan);
        let twice = posts.iter().filter(|post| post.first.is_none()).count();
        assert!((400..600).contains(&twice), "{twice} of 5000");
        let firsts: Vec<&Post> = posts.iter().filter(|post| post.first.is_some()).collect();
        assert!(posts.iter().all(|post| firsts[post.entry].bytes == post.bytes));

        let all = self::posts(&Plan { bodies: Some(100), duplicates: 1.0, ..plan });
        assert_eq!(all.len(), 200);
    }

    #[test]
    #[ignore = "a measurement: cargo test --release -- --ignored --nocapture"]
    fn what_a_body_costs() {
        let plan = Plan { bodies: Some(200_000), duplicates: 0.0, ..plan() };
        let before = super::super::cpu::of_this_thread().expect("/proc is there");
        let (mut order, mut bytes) = (Order::new(&plan), 0);
        while let Some(post) = order.next() {
            bytes += post.bytes.len();
        }
        let used = super::super::cpu::of_this_thread().expect("/proc is there") - before;
        println!("{:.2} µs and {} bytes a body", used.as_secs_f64() * 1e6 / 200_000.0, bytes / 200_000);
    }
}
