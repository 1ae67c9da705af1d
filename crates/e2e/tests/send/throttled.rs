//! Half an hour in which Meta refuses everything for now: it is asked seldom, nothing is lost, and order is kept.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Stage, id};

const OUTAGE: u64 = 30 * 60;

/// Messages that keep coming while Meta refuses, each step to another of some people.
struct Traffic<'a> {
    stage: &'a Stage,
    numbers: Vec<Uuid>,
    people: usize,
    template: Value,
    /// By recipient, in order.
    sent: HashMap<String, Vec<String>>,
    /// Calls that were refused, after each step, with its second.
    refused: Vec<(u64, u64)>,
}

impl<'a> Traffic<'a> {
    async fn new(stage: &'a Stage, numbers: Vec<Uuid>, people: usize) -> Self {
        let template = stage.template().await;
        Self { stage, numbers, people, template, sent: HashMap::new(), refused: Vec::new() }
    }

    /// The next message. People with even numbers get bulk.
    async fn send(&mut self, nth: usize) {
        let person = nth % self.people;
        let to = format!("346{person:08}");
        let number_id = self.numbers[person % self.numbers.len()];
        let body = json!({ "number_id": number_id, "to": to, "type": "template", "template": self.template,
                           "bulk": person.is_multiple_of(2) });
        let (status, answer) = self.stage.world.post_api(&self.stage.organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
        self.sent.entry(to).or_default().push(id(&answer));
    }

    /// Everything is refused with this fault for half an hour, in steps of so many seconds.
    async fn outage(&mut self, fault: &Value, step: u64) {
        let meta = self.stage.world.meta();
        meta.faults(json!([fault])).await;
        for nth in 0..OUTAGE / step {
            self.stage.world.advance(Duration::from_secs(step)).await;
            self.send(usize::try_from(nth).expect("few")).await;
            self.stage.looked_at().await;
            self.refused.push(((nth + 1) * step, meta.strikes().await));
        }
        meta.no_faults().await;
    }

    /// The most calls in any minute that begins this late.
    fn most_in_a_minute(&self, after: u64) -> u64 {
        let late = self.refused.iter().filter(|(second, _)| *second >= after);
        let in_its_minute = |(from, before): &(u64, u64)| {
            let until = self.refused.iter().take_while(|(second, _)| *second <= from + 60).last();
            until.map_or(0, |(_, calls)| calls - before)
        };
        late.map(in_its_minute).max().unwrap_or(0)
    }

    fn calls(&self) -> u64 {
        self.refused.last().map_or(0, |(_, calls)| *calls)
    }

    /// Lets the time pass in steps of so many seconds until everything is sent, and asserts that it was, once each, in
    /// order, and no faster than Meta takes it. Answers how many seconds it took.
    async fn recovers(&self, step: u64) -> u64 {
        let world = &self.stage.world;
        let mut took = 0;
        while world.count("SELECT count(*) FROM wazapp.outbox").await > 0 {
            assert!(took < 3 * 3_600, "it never ends");
            world.advance(Duration::from_secs(step)).await;
            took += step;
            self.stage.looked_at().await;
        }
        world.settle().await;
        let accepted = world.meta().control(Method::GET, "accepted", None).await;
        let accepted = accepted["data"].as_array().expect("a list");
        let mut by_person: HashMap<String, Vec<String>> = HashMap::new();
        let mut at: HashMap<&str, Vec<Timestamp>> = HashMap::new();
        for row in accepted {
            let word = |value: &Value| value.as_str().expect("text").to_owned();
            let to = word(&row["request"]["to"]);
            by_person.entry(to).or_default().push(word(&row["request"]["biz_opaque_callback_data"]));
            let number = row["phone_number_id"].as_str().expect("text");
            at.entry(number).or_default().push(row["at"].as_str().expect("text").parse().expect("a time"));
        }
        assert_eq!(by_person, self.sent, "each once, in order");
        for times in at.values() {
            let in_a_second = times.iter().enumerate().map(|(nth, from)| {
                times[nth..].iter().take_while(|at| at.duration_since(*from).as_millis() < 1000).count()
            });
            assert!(in_a_second.max() <= Some(80), "within Meta's rate");
        }
        let pauses = "SELECT count(*) FROM wazapp.number_pace WHERE refusals > 0";
        assert_eq!(world.count(pauses).await, 0, "trust is back");
        took
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_hour_of_429s() {
    let stage = Stage::new().await;
    let mut traffic = Traffic::new(&stage, vec![stage.number_id], 20).await;
    traffic.outage(&json!({ "kind": "error", "code": 130_429, "http_status": 429 }), 2).await;
    let (calls, most) = (traffic.calls(), traffic.most_in_a_minute(120));
    let took = traffic.recovers(1).await;
    eprintln!("130429 for 30 minutes: {calls} calls, at most {most} in a minute; recovered {took} s later");
    assert!((25..=60).contains(&calls), "it is tried now and then: {calls}");
    assert!(most <= 3, "back-off: {most}");
    // The longest rest is a minute.
    assert!(took <= 180, "{took}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_hour_of_each_other_throttle() {
    // An App's limit counts over an hour: it is tried seldom, and a pair is asked after 1, 4, 16, 64, 256 and 1,024
    // seconds.
    for (code, most_calls, most_later) in
        [(4, 2 * 10, 4), (80_007, 2 * 10, 4), (131_056, 4 * 8, 8), (131_057, 2 * 24, 4)]
    {
        let stage = Stage::new().await;
        let world = &stage.world;
        let sibling = world.meta().numbers().await.into_iter().find(|other| {
            other.waba_id == stage.number.waba_id && other.phone_number_id != stage.number.phone_number_id
        });
        let sibling = world.connect_simulated(&stage.organization, &sibling.expect("a sibling")).await;
        let mut traffic = Traffic::new(&stage, vec![stage.number_id, sibling], 4).await;
        traffic.outage(&json!({ "kind": "error", "code": code }), 10).await;
        let (calls, later) = (traffic.calls(), traffic.most_in_a_minute(300));
        let took = traffic.recovers(60).await;
        eprintln!("{code} for 30 minutes: {calls} calls, at most {later} in a minute; recovered {took} s later");
        assert!((5..=most_calls).contains(&calls), "{code}: {calls}");
        assert!(later <= most_later, "{code}: {later}");
        stage.world.end().await;
    }
}

/// Many that wait do not all leave at once when a rest is over: one is tried, and more with each answer that is none.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_rest_a_number_begins_slowly() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let mut traffic = Traffic::new(&stage, vec![stage.number_id], 40).await;
    world.meta().faults(json!([{ "kind": "error", "code": 130_429 }])).await;
    let refused = async || world.meta().strikes().await;
    for nth in 0..40 {
        traffic.send(nth).await;
    }
    let rests = "SELECT count(*) FROM wazapp.number_pace WHERE paused_until > '2000-01-01'";
    world.until("the number rests", async || world.count(rests).await == 1).await;
    stage.heard().await;
    let mut before = refused().await;
    // Each of these rests is longer than the one before: one call at the end of each, or few while trust is fresh.
    for (rest, most) in [(1, 10), (2, 5), (4, 2), (8, 1), (16, 1), (32, 1)] {
        world.advance(Duration::from_secs(rest)).await;
        world.until("it is tried again", async || refused().await > before).await;
        stage.heard().await;
        let now = refused().await;
        assert!(now - before <= most, "after {rest} s: {before} {now}");
        before = now;
    }
    world.meta().no_faults().await;
    traffic.recovers(10).await;
    stage.world.end().await;
}
