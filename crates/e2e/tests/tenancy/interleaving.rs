//! Three organizations do at random what they can with a few numbers, in accounts that are their own or shared, and after
//! each step everything is where the model of who has proven what says.
//!
//! `WAZAPP_TENANCY_STEPS=100000` takes so many steps instead of the usual few, `WAZAPP_TENANCY_SEED=7` begins with another
//! seed; both are named where it fails.

mod check;
mod model;
mod step;

use std::collections::BTreeMap;

use e2e::random::Random;
use e2e::{Organization, SimulatedNumber, World};
use reqwest::Method;
use serde_json::json;

use model::Model;

/// So many in `make test`.
const STEPS: usize = 400;

/// Everything is looked at so often; what a step touched, after each. Of a longer run, a hundred times.
const LOOK_AT_ALL: usize = 50;

/// The world, and who acts in it.
struct Stage {
    world: World,
    organizations: Vec<Organization>,
    numbers: Vec<SimulatedNumber>,
    /// Each organization's tokens, with the account that each opens.
    tokens: Vec<Vec<(String, String)>>,
    /// Accounts that came by sign-up.
    signed_up: Vec<String>,
    sql: tokio_postgres::Client,
    random: Random,
    model: Model,
}

impl Stage {
    /// The first account is the first's and the third's, the second one the second's and the third's.
    async fn new(seed: u64) -> Self {
        let world = World::simulated().await;
        let numbers = world.meta().numbers().await;
        let mut organizations = Vec::new();
        for name in ["Alder", "Birch", "Cedar"] {
            organizations.push(world.organization(name).await);
        }
        let accounts = [&numbers[0].waba_id, &numbers[2].waba_id];
        let mut tokens = Vec::new();
        for opened in [vec![accounts[0]], vec![accounts[1]], accounts.to_vec()] {
            let mut own = vec![("EAAnonsense".to_owned(), String::new())];
            for account in opened {
                let made = world.meta().control(Method::POST, "tokens", Some(&json!({ "waba_id": account }))).await;
                own.push((made["token"].as_str().expect("a token").to_owned(), account.clone()));
            }
            tokens.push(own);
        }
        let sql = world.sql().await;
        let (signed_up, random, model) = (Vec::new(), Random::new(seed), Model::default());
        Self { world, organizations, numbers, tokens, signed_up, sql, random, model }
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len())].clone()
    }

    /// Whether a number is in an account.
    fn has(&self, account: &str, phone_number_id: &str) -> bool {
        self.numbers.iter().any(|number| number.waba_id == account && number.phone_number_id == phone_number_id)
    }
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_reaches_another_whatever_the_order() {
    let seed = setting("WAZAPP_TENANCY_SEED", 20_261_128);
    let steps = usize::try_from(setting("WAZAPP_TENANCY_STEPS", STEPS as u64)).expect("a count");
    let mut stage = Stage::new(seed).await;
    let look_at_all = LOOK_AT_ALL.max(steps / 100);
    let mut done = BTreeMap::<&str, usize>::new();
    for nth in 0..steps {
        let what = stage.step(nth).await;
        *done.entry(what).or_default() += 1;
        let place = format!("WAZAPP_TENANCY_SEED={seed}, step {nth} ({what})");
        stage.check(&place).await;
        if (nth + 1) % look_at_all == 0 || nth + 1 == steps {
            stage.check_all(&place).await;
        }
        if steps > STEPS && (nth + 1) % 1000 == 0 {
            eprintln!("{} steps: {done:?}", nth + 1);
        }
    }
    eprintln!("seed {seed}, {steps} steps: {done:?}, {} messages", stage.model.messages.len());
    assert!(done.len() >= 10 && stage.model.moves > 0, "too little happened: {done:?}");
    drop(stage.sql);
    stage.world.end().await;
}
