//! The command line: a table of contents of what operators do.

use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    app, backup, config_show, doctor, endpoint, erase, export, health, import, key, key_ring, mcp, member, migrate,
    number, openapi, organization, postgres, quarantine, relocation, replay, restore, setup, simulator, supabase, user,
    version, webhook,
};
use crate::config::{Config, Flags};
use crate::demo;
use crate::print::Print;
use crate::serve;
use crate::unit;

/// Multi-tenant WhatsApp Business platform: one binary, PostgreSQL only.
#[derive(Debug, Parser)]
#[command(name = "wazapp", version, max_term_width = 120, disable_help_subcommand = true)]
struct Cli {
    /// Answer in JSON, for machines.
    #[arg(long, global = true)]
    json: bool,
    /// As the service of this machine: with the settings of its unit, wazapp.service, and as its user. Takes root.
    #[arg(long, global = true)]
    service: bool,
    #[command(flatten)]
    settings: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve,
    /// Run a furnished server with a simulated Meta behind it, in DATA_DIR/demo. Needs no account.
    Demo(demo::Demo),
    /// From a bare server to the first conversation, question by question: address, Meta App, organization, owner, number. What is
    /// there already is not asked again, and each answer may be given as a flag.
    Setup(setup::Setup),
    /// Bring the database's schema up to date.
    Migrate,
    /// Look at everything from the database to Meta's callback, and say how to mend what is wrong.
    Doctor(doctor::Doctor),
    /// Whether the server that runs here is ready: exit code 0 if it is. For containers and monitors.
    Health,
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Organizations, the tenants.
    #[command(subcommand)]
    Org(organization::Command),
    /// Meta Apps beside the default one.
    #[command(subcommand)]
    App(app::Command),
    /// Business phone numbers.
    #[command(subcommand)]
    Number(number::Command),
    /// API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Where an organization's programs hear of what happens.
    #[command(subcommand)]
    Endpoint(endpoint::Command),
    /// Accounts of people.
    #[command(subcommand)]
    User(user::Command),
    /// Who works in an organization.
    #[command(subcommand)]
    Member(member::Command),
    /// The master keys, which seal tokens and secrets at rest.
    #[command(subcommand)]
    KeyRing(key_ring::Command),
    /// Input that belongs to no connected number, or could not be applied.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Apply again the raw webhook bodies of a time range, with today's parser. Safe to repeat.
    Replay(replay::Replay),
    /// Make an encrypted backup of everything at one moment, while the server runs or while it is stopped.
    Backup(backup::Backup),
    /// Restore a backup into an empty place. Nothing is sent from there until it is released.
    Restore(restore::Restore),
    /// The private PostgreSQL.
    #[command(subcommand)]
    Postgres(postgres::Command),
    /// Move everything to another PostgreSQL, or to another store of files.
    #[command(subcommand)]
    Move(relocation::Command),
    /// Take an organization, or what is of one of its contacts, out into files: rows as JSON, a line each, and media.
    Export(export::Export),
    /// Take an exported organization into this server, where it is not yet. Its numbers come in disconnected, and nothing is sent.
    Import(import::Import),
    /// Erase an organization, or one of its contacts: everything, everywhere on this server, with a proof. There is no way back.
    Erase(erase::Erase),
    /// Webhooks, as Meta sends them.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// What an organization does with a database of its own.
    #[command(subcommand)]
    Supabase(supabase::Command),
    /// Give an assistant the conversations of an organization: Model Context Protocol on standard input and output.
    Mcp(mcp::Mcp),
    /// Meta on a laptop: Graph API, signed webhooks, faults, and a customer's phone.
    Simulator(simulator::Simulator),
    /// Print the API's OpenAPI document, as a server answers it at `/api/v1/openapi.json`.
    Openapi,
    /// Say which version this is.
    Version,
    /// What the server runs to decode a picture: from standard input to standard output.
    #[command(name = worker::media::DECODER_COMMAND, hide = true)]
    ShrinkPicture {
        #[arg(long)]
        memory: u64,
        #[arg(long)]
        size: u64,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Every setting with its value and where it was said, secrets redacted.
    Show,
}

/// Names an organization.
#[derive(Clone, Debug, Args)]
pub(crate) struct OrganizationArg {
    /// The organization's id or slug.
    #[arg(long = "org", alias = "organization", value_name = "ORG")]
    pub(crate) organization: String,
}

/// The command line, with the settings where they are looked for.
fn command_line() -> clap::Command {
    fn with_settings(command: clap::Command, within: bool) -> clap::Command {
        let within = within || ["serve", "demo", "config"].contains(&command.get_name());
        let command = command.after_help(Flags::NEAR).mut_subcommands(|one| with_settings(one, within));
        if within { command.after_long_help(Flags::listing()) } else { command }
    }
    with_settings(Cli::command(), false)
}

/// Whether these arguments, the program's name first, are a command; what is wrong with them if not. Nothing is run.
pub fn check(arguments: &[String]) -> Result<(), clap::Error> {
    command_line().try_get_matches_from(arguments).map(drop)
}

/// Runs the command that the arguments name. Exit code 0: done, 1: failed, 2: misuse.
pub fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&command_line().get_matches()).unwrap_or_else(|error| error.exit());
    // No settings, no threads: whatever the process has counts against its memory.
    if let Command::ShrinkPicture { memory, size } = cli.command {
        return worker::media::decode_here(memory, size);
    }
    let print = Print { json: cli.json };
    if cli.service {
        return print.failed(&unit::become_service());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return print.failed(&anyhow::anyhow!("the asynchronous runtime does not start: {error}"));
        }
    };
    // A thread may still wait for standard input, which nothing ends.
    let reads_on = matches!(cli.command, Command::Mcp(_));
    let code = runtime.block_on(run(cli, &print)).unwrap_or_else(|error| print.failed(&error));
    if reads_on {
        runtime.shutdown_background();
    }
    code
}

async fn run(cli: Cli, print: &Print) -> anyhow::Result<ExitCode> {
    let config = Config::load(&cli.settings)?;
    match cli.command {
        Command::Serve => serve::run(&config).await?,
        Command::Demo(demo) => demo::run(config, print, &demo).await?,
        Command::Setup(setup) => return setup::run(&config, print, setup).await,
        Command::Migrate => migrate::run(&config, print).await?,
        Command::Doctor(doctor) => return doctor::run(&config, print, &doctor).await,
        Command::Health => return health::run(&config, print).await,
        Command::Config(ConfigCommand::Show) => config_show::run(&config, print),
        Command::Org(command) => organization::run(&config, print, command).await?,
        Command::App(command) => app::run(&config, print, command).await?,
        Command::Number(command) => return number::run(&config, print, command).await,
        Command::Endpoint(command) => endpoint::run(&config, print, command).await?,
        Command::Key(command) => key::run(&config, print, command).await?,
        Command::User(command) => user::run(&config, print, command).await?,
        Command::Member(command) => member::run(&config, print, command).await?,
        Command::KeyRing(command) => return key_ring::run(&config, print, command).await,
        Command::Quarantine(command) => quarantine::run(&config, print, command).await?,
        Command::Replay(replay) => replay::run(&config, print, &replay).await?,
        Command::Backup(backup) => backup::run(&config, print, &backup).await?,
        Command::Restore(restore) => restore::run(&config, print, &restore).await?,
        Command::Postgres(command) => postgres::run(&config, print, command).await?,
        Command::Move(command) => relocation::run(&config, print, command).await?,
        Command::Export(export) => export::run(&config, print, &export).await?,
        Command::Import(import) => import::run(&config, print, &import).await?,
        Command::Erase(erase) => return erase::run(&config, print, &erase).await,
        Command::Webhook(command) => return webhook::run(&config, print, command).await,
        Command::Simulator(command) => simulator::run(&config, print, command).await?,
        Command::Supabase(command) => supabase::run(print, command).await?,
        Command::Mcp(mcp) => mcp::run(&config, &mcp).await?,
        Command::Openapi => openapi::run(print),
        Command::Version => version::run(print),
        Command::ShrinkPicture { memory, size } => return Ok(worker::media::decode_here(memory, size)),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
    }

    #[test]
    fn settings_stand_where_they_are_looked_for() {
        let help = |path: &[&str]| {
            let mut arguments = vec!["wazapp"];
            arguments.extend(path);
            arguments.push("--help");
            command_line().try_get_matches_from(arguments).expect_err("help").to_string()
        };
        for path in [&["serve"][..], &["demo"], &["config", "show"]] {
            let help = help(path);
            for setting in crate::config::SETTINGS {
                assert!(help.contains(&format!("{} <VALUE>", setting.flag())), "{}", setting.key);
            }
        }
        for path in [&["number"][..], &["number", "connect"], &[], &["simulator"]] {
            let help = help(path);
            assert!(help.contains(Flags::NEAR) && !help.contains("--inbound-batch"), "{help}");
        }
    }
}
