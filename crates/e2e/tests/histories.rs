//! Random histories: whatever Meta tells of contacts, conversations and one or two numbers, in any order, in batches of any
//! size, each thing once or several times, ends in the same rows.
//!
//! `WAZAPP_HISTORIES=100000` tries as many; `WAZAPP_HISTORY_SEED=7` begins there.

mod rows;
pub(crate) mod tale;

use e2e::random::Random;
use e2e::{Organization, World, body};
use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;
use worker::inbound::{Input, apply_batch};

use rows::rows;
use tale::Tale;

/// So many where nobody asks for more.
const HISTORIES: u64 = 60;

/// So many other orders of each.
const ORDERS: usize = 2;

/// So many histories are told side by side: one batch holds what comes next of each, in organizations of their own.
const TOGETHER: u64 = 20;

/// So many such groups at once.
const GROUPS: usize = 3;

fn asked(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// One way in which a history reaches us.
struct Telling {
    seed: u64,
    /// `None`: straight, one by one.
    order: Option<usize>,
    bodies: Vec<Value>,
    batch: usize,
}

impl Telling {
    /// A history as it happened, and in other orders: each body once to three times, in batches of any size.
    fn all(seed: u64, now: Timestamp) -> Vec<Self> {
        let mut random = Random::new(seed);
        let tale = Tale::new(&mut random, now.as_second(), seed.is_multiple_of(2));
        let straight = Self { seed, order: None, bodies: tale.bodies.clone(), batch: 1 };
        let shuffled = (0..ORDERS).map(|order| {
            let mut bodies: Vec<Value> =
                tale.bodies.iter().flat_map(|body| vec![body.clone(); 1 + random.below(3) / 2]).collect();
            random.shuffle(&mut bodies);
            Self { seed, order: Some(order), bodies, batch: [1, 2, 5, 100][random.below(4)] }
        });
        std::iter::once(straight).chain(shuffled).collect()
    }
}

/// An organization that hears a telling, with its numbers' ids at Meta.
async fn listener(world: &World, telling: &Telling) -> (Organization, [String; 2]) {
    let acme = world.organization(&format!("h{}-{:?}", telling.seed, telling.order)).await;
    let digits = format!("{:014}", acme.id.as_u128() % 100_000_000_000_000);
    let numbers = ["1", "2"].map(|first| format!("{first}{digits}"));
    for number in &numbers {
        world.connect(&acme, number, &format!("3{digits}"), None).await;
    }
    (acme, numbers)
}

/// Tells each telling to an organization of its own, all side by side, and answers the rows of each.
async fn told(world: &World, tellings: &[Telling], received_at: Timestamp) -> Vec<String> {
    let listeners: Vec<(Organization, [String; 2])> =
        stream::iter(tellings).map(|telling| listener(world, telling)).buffered(4).collect().await;
    let mut bodies: Vec<_> = tellings.iter().map(|telling| telling.bodies.chunks(telling.batch)).collect();
    loop {
        let next =
            bodies.iter_mut().zip(&listeners).filter_map(|(bodies, (_, numbers))| Some((bodies.next()?, numbers)));
        let inputs: Vec<Input> = next
            .flat_map(|(bodies, numbers)| bodies.iter().map(move |value| tale::for_numbers(value, numbers)))
            .map(|value| Input { body: body::bytes(&value).into(), app_id: None, received_at, is_fresh: true })
            .collect();
        if inputs.is_empty() {
            break;
        }
        apply_batch(world.database(), received_at, &inputs).await.expect("the batch is applied");
    }
    let organizations: Vec<Uuid> = listeners.iter().map(|(acme, _)| acme.id).collect();
    rows(world, &organizations).await
}

/// Tries some histories together. Answers what differs: once for each history at most.
async fn tried(world: &World, seeds: std::ops::Range<u64>, received_at: Timestamp) -> Vec<String> {
    let tellings: Vec<Telling> = seeds.flat_map(|seed| Telling::all(seed, received_at)).collect();
    let rows = told(world, &tellings, received_at).await;
    let mut failed = Vec::new();
    for (tellings, rows) in tellings.chunks(1 + ORDERS).zip(rows.chunks(1 + ORDERS)) {
        let other = tellings.iter().zip(rows).find(|(_, found)| **found != rows[0]);
        failed.extend(other.map(|(telling, found)| {
            let order = telling.order.expect("the straight one is as itself");
            let difference = difference(&rows[0], found);
            format!("seed {}, order {order}, batches of {}:\n{difference}", telling.seed, telling.batch)
        }));
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_any_history_ends_in_the_same_rows() {
    let mut world = World::new().await;
    world.idle().await;
    let (first, count) = (asked("WAZAPP_HISTORY_SEED", 1), asked("WAZAPP_HISTORIES", HISTORIES));
    let received_at = e2e::outside::now();
    let groups = (first..first + count).step_by(usize::try_from(TOGETHER).expect("it fits"));
    let groups = groups.map(|begin| begin..(begin + TOGETHER).min(first + count));
    let world_ref = &world;
    let mut tries = stream::iter(groups).map(|seeds| tried(world_ref, seeds, received_at)).buffer_unordered(GROUPS);
    let mut failed = Vec::new();
    while let Some(found) = tries.next().await {
        for difference in found {
            eprintln!("{difference}\n");
            failed.push(difference);
        }
    }
    drop(tries);
    assert!(failed.is_empty(), "{} of {count} histories end otherwise in another order, see above", failed.len());
    world.end().await;
}

/// The lines that only one of two has.
fn difference(expected: &str, found: &str) -> String {
    let (one, other): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let only = |these: &[&str], those: &[&str], sign: char| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [only(&one, &other, '-'), only(&other, &one, '+')].concat().join("\n")
}
