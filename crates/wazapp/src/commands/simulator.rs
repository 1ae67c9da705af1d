//! `wazapp simulator`: Meta on a laptop, in the foreground.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use simulator::Options;
use tokio::net::TcpListener;

use super::SecretArg;
use super::load::{self, Load};
use crate::config::Config;
use crate::print::Print;
use crate::serve::stop_signal;
use crate::telemetry;

/// Where the simulator listens if nothing is said: beside wazapp's own 8080.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8090";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Simulator {
    #[command(subcommand)]
    command: Option<Command>,
    /// The address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// The App's id [default: made from the seed].
    #[arg(long)]
    app_id: Option<String>,
    /// The App's secret; webhooks are signed with it; - reads it from standard input [default: made from the seed].
    #[arg(long, requires = "app_id")]
    app_secret: Option<SecretArg>,
    /// Where webhooks go, as http://127.0.0.1:8080/webhook. Asked with Meta's handshake until it answers.
    #[arg(long, value_name = "URL", requires = "verify_token")]
    callback: Option<String>,
    /// The word that proves the callback; - reads it from standard input.
    #[arg(long, value_name = "T", requires = "callback")]
    verify_token: Option<SecretArg>,
    /// Ids, chance and order follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send signed webhooks to a wazapp at a rate, and compare what arrived with what was sent.
    Load(Load),
}

pub(crate) async fn run(config: &Config, print: &Print, simulator: Simulator) -> anyhow::Result<()> {
    if let Some(Command::Load(load)) = simulator.command {
        return load::run(config, print, load).await;
    }
    telemetry::log(config);
    let listener = listen(simulator.listen, "--listen").await?;
    let read = |argument: Option<&SecretArg>| -> anyhow::Result<Option<String>> {
        Ok(argument.map(SecretArg::read).transpose()?.map(|secret| secret.expose_secret().to_owned()))
    };
    let app_secret = read(simulator.app_secret.as_ref())?;
    let verify_token = read(simulator.verify_token.as_ref())?;
    let options = Options {
        app_id: simulator.app_id,
        app_secret,
        callback: simulator.callback.zip(verify_token),
        seed: simulator.seed,
        start: None,
    };
    let running = simulator::Simulator::start(options, listener)?;
    let url = running.url();
    print.answer(&json!({ "url": url, "state": format!("{url}/_sim/state") }), || {
        format!(
            "Meta's side is ready on {url}\n\n\
             \x20 a customer's phone   {url}/\n\
             \x20 Graph API            {url}/v26.0/\n\
             \x20 ids and tokens       {url}/_sim/state\n\n\
             Webhooks go nowhere until a callback is set: --callback URL --verify-token T, or POST {url}/_sim/callback.\n\
             Ctrl-C ends it; nothing is kept."
        )
    });
    stop_signal().await?;
    running.stop().await;
    Ok(())
}

/// Listens for a simulator; `flag` is how another address is chosen.
pub(crate) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        bail!(
            "the simulator has no locks on its doors: let it listen on a loopback address, as {flag} {DEFAULT_LISTEN}"
        );
    }
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: another program may; choose another with {flag}"))
}
