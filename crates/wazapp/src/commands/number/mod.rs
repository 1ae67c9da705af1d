//! `wazapp number`.

mod attempt;
mod callback;
pub(in crate::commands) mod connect;
mod disconnect;
mod hand_over;
mod list;
mod resume;
mod token;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::print::Print;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect a business phone number to an organization, step by step, or give a connected one another token.
    Connect(connect::Connect),
    /// List numbers.
    List {
        /// Only this organization's (id or slug).
        #[arg(long = "org", value_name = "ORG")]
        organization: Option<String>,
    },
    /// Disconnect a number, and tell Meta; its history stays.
    Disconnect(disconnect::Disconnect),
    /// Give a connected number another token, once Meta says that it is good.
    Token(token::Token),
    /// Let a number go on whose sending rests, with the token that it has: what was in the way is mended at Meta.
    Resume(resume::Resume),
    /// Show where Meta sends a number's webhooks, and take the number's own callback away.
    Callback(callback::Callback),
    /// Give a connected number to another organization. What was said stays where it was.
    Move(hand_over::Move),
}

/// Names a number of an organization.
#[derive(Debug, clap::Args)]
pub(crate) struct NumberArg {
    #[command(flatten)]
    organization: OrganizationArg,
    /// Meta's id of the number.
    #[arg(long)]
    phone_number_id: String,
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Connect(connect) => connect::run(config, print, connect).await,
        Command::List { organization } => list::run(config, print, organization).await.map(|()| ExitCode::SUCCESS),
        Command::Disconnect(disconnect) => disconnect::run(config, print, disconnect).await,
        Command::Token(token) => token::run(config, print, token).await,
        Command::Resume(resume) => resume::run(config, print, resume).await.map(|()| ExitCode::SUCCESS),
        Command::Callback(callback) => callback::run(config, print, callback).await,
        Command::Move(hand_over) => hand_over::run(config, print, hand_over).await.map(|()| ExitCode::SUCCESS),
    }
}

/// Refuses what no id of Meta's looks like, before anything is begun.
fn check_id(what: &str, id: &str, digits_only: bool) -> anyhow::Result<()> {
    let odd = |character: char| character.is_control() || character.is_whitespace();
    let fits = (1..=128).contains(&id.len())
        && !id.chars().any(odd)
        && (!digits_only || id.bytes().all(|byte| byte.is_ascii_digit()));
    if !fits {
        bail!("--{what} {id:?} is no id of Meta's: it is in WhatsApp Manager, digits only");
    }
    Ok(())
}
