//! `wazapp demo`: a server with two furnished organizations, and a simulated Meta behind it.

mod furnish;
mod kept;
mod welcome;

use std::net::SocketAddr;

use anyhow::{Context, bail};
use clap::Args;
use data_encoding::BASE64URL_NOPAD;
use guard::Networks;
use secrecy::{ExposeSecret, SecretString};
use simulator::{Options, Simulator};
use web::SignInLink;

use crate::commands::simulator::{DEFAULT_LISTEN, listen};
use crate::config::Config;
use crate::print::Print;
use crate::serve::{Place, Serving};
use crate::telemetry;

/// The subdirectory of DATA_DIR.
const NAME: &str = "demo";

/// The id of an App that exists nowhere else.
const APP_ID: &str = "100000000000042";

/// What the simulated Meta's ids follow from: at every start the same ones.
const SEED: u64 = 1;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The address of the simulated Meta; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    simulator: SocketAddr,
}

pub(crate) async fn run(config: Config, print: &Print, demo: &Demo) -> anyhow::Result<()> {
    if config.database_url.is_some() {
        bail!(
            "the demo has a database of its own and never touches another: unset WAZAPP_DATABASE_URL (database_url) for it"
        );
    }
    let mut config = config.apart(NAME, APP_ID)?;
    // Whoever tries it out has their programs on the same machine.
    config.allow_targets = config.allow_targets.or(Networks::loopback());
    let link = SignInLink::new(furnish::visitor()?, new_token()?);
    config.sign_in_link = Some(link.clone());
    telemetry::log(&config);
    let place = Place::take(&config).await?;
    let listener = listen(demo.simulator, "--simulator").await?;
    config.graph_url = format!("http://{}", listener.local_addr()?);
    let mut serving = Serving::start(&config, place).await?;
    let meta = Simulator::start(options(&config)?, listener)?;

    let database = serving.database().clone();
    let address = serving.address();
    let shown = tokio::select! {
        furnished = furnish::run(&config, print, &database, address, (&meta, &link)) => furnished.map(|welcome| welcome.show(print)),
        asked = serving.asked_to_stop() => {
            Err(asked.err().unwrap_or_else(|| anyhow::anyhow!("stopped before it was furnished: the next start goes on")))
        }
    };
    let asked = match &shown {
        Ok(()) => serving.asked_to_stop().await,
        Err(_) => Ok(()),
    };
    meta.stop().await;
    serving.end(asked).await?;
    shown
}

/// Nobody guesses it.
fn new_token() -> anyhow::Result<SecretString> {
    let mut random = [0; 24];
    model::secret::random(&mut random).context("the operating system gives no random bytes")?;
    Ok(BASE64URL_NOPAD.encode(&random).into())
}

/// A simulated Meta whose App is the server's.
fn options(config: &Config) -> anyhow::Result<Options> {
    let secrets = config.default_app_secrets()?.value;
    Ok(Options {
        app_id: config.meta_app_id.clone(),
        app_secret: secrets.first().map(|secret| secret.expose_secret().to_owned()),
        seed: SEED,
        ..Options::default()
    })
}
