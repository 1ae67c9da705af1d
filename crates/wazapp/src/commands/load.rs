//! `wazapp simulator load`: signed webhooks at a rate, and the account of what arrived.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use model::api_key::{self, NewKey};
use model::number::Proof;
use model::organization::Organization;
use model::scope::Scope;
use model::{Clock, event};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use simulator::load::{self, Plan, Target};

use crate::config::Config;
use crate::open::{self, Opened};
use crate::print::Print;
use crate::serve::running_here;

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The server [default: the one that runs on this data directory].
    #[arg(long)]
    url: Option<String>,
    /// Organizations to make for it, with an API key each.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    organizations: u32,
    /// Numbers of each organization.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    numbers: u32,
    /// Customers who write to each number.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    customers: u32,
    /// Bodies a second [default: as fast as answered].
    #[arg(long)]
    rate: Option<f64>,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Share of bodies that are sent twice.
    #[arg(long, default_value_t = 0.05)]
    duplicates: f64,
    /// Bodies whose order is mixed with each other.
    #[arg(long, default_value_t = 16)]
    shuffle: usize,
    /// Share of bodies that carry several messages.
    #[arg(long, default_value_t = 0.1)]
    batch: f64,
    /// The same seed, the same bodies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the ledger here, a line for each body.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

pub(crate) async fn run(config: &Config, print: &Print, load: Load) -> anyhow::Result<()> {
    let url = match &load.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => running_here(&config.data_dir)
            .context("no server runs on this data directory: start one, or name it with --url")?,
    };
    let secret = config.default_app_secrets()?.value.into_iter().next().context("the default App has no secret")?;
    let targets = open::with(config, async |opened| targets(&opened, &load).await).await?;
    let plan = Plan {
        seed: load.seed,
        targets: targets.clone(),
        customers_per_number: load.customers,
        bodies: None,
        duration: Some(Duration::from_secs(load.seconds)),
        rate: load.rate,
        connections: load.connections,
        duplicates: load.duplicates,
        shuffle: load.shuffle,
        start: Clock::default().now(),
        batch: load.batch,
    };
    let bar = print.progress("bodies sent");
    let ledger = load::run(&plan, &format!("{url}/webhook"), secret.expose_secret(), |progress| {
        bar.set_position(progress.bodies);
    })
    .await?;
    bar.finish_and_clear();
    if let Some(path) = &load.ledger {
        ledger.save(path).with_context(|| format!("the ledger can't be written to {}", path.display()))?;
    }
    let bar = print.progress("comparing with the API");
    let balance = load::compare(&ledger, &url, &targets).await?;
    bar.finish_and_clear();
    let report = ledger.report();
    print.answer(&json!({ "report": report, "balance": balance }), || format!("{report}\n\n{balance}"));
    if !balance.holds() {
        bail!("the ledger does not balance: what is lost, doubled or misplaced is listed above");
    }
    Ok(())
}

/// Organizations of this load's own, so that others are left alone.
async fn targets(opened: &Opened, load: &Load) -> anyhow::Result<Vec<Target>> {
    // The same seed connects the same numbers again, which another organization may still have.
    let run = Clock::default().now().as_millisecond() as u64;
    let tx = opened.database.operator().await?;
    let mut targets = Vec::new();
    let mut organizations = Vec::new();
    for row in 0..load.organizations {
        organizations.push(model::organization::create(&tx, &format!("Load {run} {}", row + 1)).await?);
    }
    let scopes: Vec<Scope> = organizations.iter().map(Organization::scope).collect();
    let lines = event::any_organization_lines(&tx, &scopes.iter().collect::<Vec<_>>()).await?;
    for (row, (made, scope)) in (0..).zip(organizations.iter().zip(&scopes)) {
        for column in 0..load.numbers {
            let phone_number_id = format!("{run}{row:03}{column:02}");
            let waba_id = format!("{run}{row:03}");
            let token = SecretString::from("none");
            let proof = Proof::operators_word(scope, &phone_number_id, &waba_id, None, &token);
            let connected =
                model::number::connect(&lines.of(made.id), &opened.keyring, &proof, Clock::default().now()).await?;
            connected.map_err(|_| anyhow::anyhow!("the number {phone_number_id} is connected already"))?;
            targets.push(Target {
                organization: made.slug.clone(),
                api_key: None,
                waba_id,
                phone_number_id,
                display_phone_number: format!("1555{:07}", row * 100 + column),
            });
        }
    }
    tx.commit().await?;
    for (made, scope) in organizations.iter().zip(&scopes) {
        let tx = opened.database.tenant(scope).await?;
        let (_, key) = api_key::create(&tx, Clock::default().now(), &NewKey::whole("load")).await?;
        tx.commit().await?;
        for target in targets.iter_mut().filter(|target| target.organization == made.slug) {
            target.api_key = Some(key.expose_secret().to_owned());
        }
    }
    Ok(targets)
}
