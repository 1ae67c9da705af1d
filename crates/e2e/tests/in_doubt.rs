//! Requests whose database is cut off at a random byte, in the place of COMMIT, and after it. Every answer is true of what
//! became of the request, so a client that follows it to the letter neither loses nor doubles anything.
//!
//! `IN_DOUBT=1000` makes a thousand requests each way.

mod busy;
mod files;
mod sends;
mod templates;

use std::time::Duration;

use e2e::random::Random;
use e2e::{Options, Organization, SimulatedNumber, World};
use serde_json::{Value, json};
use uuid::Uuid;

/// Bytes between web, worker and database while a request is answered, and a little more.
const A_REQUESTS_BYTES: usize = 12_000;

/// A message that is in no row this long after its answer never will be. An operator's client waits a minute.
const NEVER: Duration = Duration::from_secs(2);

/// Between two tries, in the place of the seconds that an answer names; and the most tries.
const PAUSE: Duration = Duration::from_millis(50);
const TRIES: usize = 100;

/// How many requests are made each way.
fn requests(usually: usize) -> usize {
    std::env::var("IN_DOUBT").map_or(usually, |count| count.parse().expect("IN_DOUBT is a number"))
}

/// Where the database is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    AtAnyByte,
    BeforeCommit,
    AfterCommit,
}

impl Cut {
    const ALL: [Self; 3] = [Self::AtAnyByte, Self::BeforeCommit, Self::AfterCommit];
}

/// What an answer has its reader do.
#[derive(Debug)]
enum Says {
    /// It is done, under this id.
    Done(String),
    /// Nothing was done, or it is safe to repeat.
    Repeat,
    /// It may have been done: look at this first.
    Look(String),
}

/// An organization with a number at a simulated Meta, behind a way to the database that can be cut.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    number_id: Uuid,
}

impl Stage {
    async fn new() -> Self {
        let world = World::with(Options { simulated: true, proxied: true, ..Options::default() }).await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        let number_id = world.connect_simulated(&organization, &number).await;
        Self { world, organization, number, number_id }
    }

    /// Cuts the database off: while the next request is answered, or right behind it.
    fn cut_off(&self, cut: Cut, text: &str, chance: &mut Random) {
        let proxy = self.world.proxy();
        match cut {
            Cut::AtAnyByte => {
                let away = Duration::from_millis(chance.below(200).try_into().expect("short"));
                proxy.cut_after(chance.below(A_REQUESTS_BYTES), away);
            }
            Cut::BeforeCommit => drop(proxy.stop_commit(text)),
            Cut::AfterCommit => drop(proxy.lose_commit(text)),
        }
    }

    /// What an answer of API v1's says, by its words alone.
    fn read(&self, status: u16, answer: &Value) -> Says {
        let detail = answer["detail"].as_str().unwrap_or_default();
        match (status, answer["type"].as_str()) {
            (200..=299, _) => Says::Done(answer["id"].as_str().expect("an id").to_owned()),
            (503, Some("/docs#unavailable")) => {
                assert!(detail.contains("Send"), "{answer}");
                Says::Repeat
            }
            (500, Some("/docs#unknown")) => {
                assert!(detail.contains("Do not send it again"), "{answer}");
                let look = detail.split("`GET ").nth(1).and_then(|rest| rest.split('`').next());
                Says::Look(look.unwrap_or_else(|| panic!("nothing to look at: {answer}")).to_owned())
            }
            _ => panic!("an answer that says neither what happened nor what to do: {status} {answer}"),
        }
    }
}

/// What came of all requests of a test.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    repeated: usize,
    looked: usize,
}

impl Tally {
    fn count(&mut self, says: &Says) {
        match says {
            Says::Done(_) => self.done += 1,
            Says::Repeat => self.repeated += 1,
            Says::Look(_) => self.looked += 1,
        }
    }

    fn tell(&self, what: &str) {
        let Self { done, repeated, looked } = self;
        eprintln!(
            "{what}: {done} told that it is done, {repeated} to repeat it, {looked} to look first; 0 lost, 0 doubled"
        );
    }
}

/// A template that says the same to everyone.
fn template(name: &str) -> Value {
    let body = json!({ "type": "BODY", "text": "Tu pedido ya está listo para recoger." });
    json!({ "name": name, "language": "es_MX", "category": "UTILITY", "components": [body] })
}
