//! The settings as command line flags.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use clap::{Arg, ArgMatches, Command};

use super::settings::{SETTINGS, Secrecy, Setting};

// Flags live as long as the program: clap wants their names that way.
static LONG_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let name = |setting: &Setting| setting.flag().trim_start_matches('-').to_owned();
    SETTINGS.iter().map(name).collect()
});

/// What the command line says: `--config` and a flag for every setting.
/// All are global; a subcommand's own argument of the same name goes first.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub(super) config: Option<String>,
    pub(super) values: BTreeMap<&'static str, String>,
}

impl Flags {
    /// Adds the settings' flags to a command.
    fn add_to(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("TOML file with settings, see config.default.toml [env: WAZAPP_CONFIG]")
            .global(true);
        let settings = SETTINGS.iter().zip(LONG_NAMES.iter()).map(argument);
        command.arg(config).args(settings)
    }

    /// The settings in the help of a command where they are looked for.
    pub fn listing() -> String {
        let settings: Vec<String> = SETTINGS.iter().map(described).collect();
        format!("Settings:\n{}", settings.join("\n"))
    }

    /// What stands in their place in the help of every other command.
    pub const NEAR: &str = "Every setting is a flag of every command too: wazapp serve --help";
}

/// In no help by itself: forty settings would drown a command's own arguments.
fn argument((setting, long): (&'static Setting, &'static String)) -> Arg {
    Arg::new(setting.key).long(long.as_str()).value_name("VALUE").hide(true).global(true)
}

/// What a setting is called, and what it means.
fn described(setting: &Setting) -> String {
    let mut help = format!("{} [env: {}]", setting.doc, setting.variable());
    if setting.secrecy != Secrecy::Open {
        help += "; - reads it from standard input";
    }
    if !setting.default.is_empty() {
        help += &format!(" [default: {}]", setting.default);
    }
    format!("      {} <VALUE>\n          {help}\n", setting.flag())
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        Self::add_to(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::add_to(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // A subcommand may use a setting's name with a type of its own.
        let text = |key: &str| matches.try_get_one::<String>(key).ok().flatten().cloned();
        Ok(Self {
            config: text("config"),
            values: SETTINGS.iter().filter_map(|setting| Some((setting.key, text(setting.key)?))).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let said = Self::from_arg_matches(matches)?;
        self.config = said.config.or(self.config.take());
        self.values.extend(said.values);
        Ok(())
    }
}
