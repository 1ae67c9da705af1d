//! Finds every setting's text and where it was said. An empty text counts as
//! not said, so that `WAZAPP_X=${X:-}` in a compose file does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Shown;
use super::error::{ConfigError, Source};
use super::flags::Flags;
use super::parse;
use super::settings::{SETTINGS, Secrecy, Setting};
use crate::commands::mcp;

const PREFIX: &str = "WAZAPP_";

/// Variables that commands read, and that are no settings of the server.
const BESIDE: [&str; 2] = [mcp::KEY_VARIABLE, mcp::KEY_FILE_VARIABLE];

type Found = BTreeMap<&'static str, (String, Source)>;

/// This process's WAZAPP_* variables.
pub(super) fn process_environment() -> Result<BTreeMap<String, String>, ConfigError> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::about(name, "not UTF-8: write it in UTF-8")),
        })
        .collect()
}

/// What flags, environment and TOML file say, the strongest for each setting.
pub(super) fn read(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<Layers, ConfigError> {
    let mut exposed = Exposed::default();
    let mut found = match config_file(flags, environment) {
        Some(path) => toml_file(&path)?,
        None => Found::new(),
    };
    exposed.note(&found);
    let variables = variables(environment)?;
    exposed.note(&variables);
    found.extend(variables);
    for (key, value) in &flags.values {
        if let Some(setting) = Setting::named(key).filter(|_| !value.is_empty()) {
            if is_secret(setting.secrecy, value) && value != "-" {
                exposed.flags.push(setting.flag());
            }
            found.insert(setting.key, (flag(setting, value)?, Source::Flag(setting.flag())));
        }
    }
    Ok(Layers { found, exposed })
}

/// Where secrets were said so that others may see them, also those that something stronger took the place of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposed {
    /// Files that hold some.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Flags that said one.
    pub(crate) flags: Vec<String>,
}

impl Exposed {
    fn note(&mut self, found: &Found) {
        for (key, (text, source)) in found {
            let secrecy = Setting::named(key).map_or(Secrecy::Open, |setting| setting.secrecy);
            if let (true, Source::File(_, path) | Source::Toml(path)) = (is_secret(secrecy, text), source) {
                self.files.insert(path.clone());
            }
        }
    }
}

fn is_secret(secrecy: Secrecy, text: &str) -> bool {
    match secrecy {
        Secrecy::Open => false,
        Secrecy::Secret => true,
        Secrecy::UrlWithPassword => without_password(text) != text,
    }
}

/// What a flag says; a secret may be said on standard input, as a command's own.
fn flag(setting: &Setting, value: &str) -> Result<String, ConfigError> {
    if setting.secrecy == Secrecy::Open || value != "-" {
        return Ok(value.to_owned());
    }
    let read = crate::commands::stdin_line();
    read.map_err(|error| ConfigError::value(setting.key, &Source::Flag(setting.flag()), error.to_string()))
}

fn config_file(flags: &Flags, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let said = flags.config.as_ref().or_else(|| environment.get("WAZAPP_CONFIG"));
    said.filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn toml_file(path: &Path) -> Result<Found, ConfigError> {
    let subject = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| ConfigError::about(&subject, format!("cannot be read ({error}): check --config")))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or("", |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        ConfigError::about(&subject, format!("line {line} is not TOML: {}", error.message()))
    })?;

    let mut found = Found::new();
    for (key, value) in &table {
        let source = Source::Toml(path.to_owned());
        let setting = Setting::named(key).ok_or_else(|| {
            let keys = SETTINGS.iter().map(|setting| setting.key.to_owned());
            ConfigError::value(key, &source, unknown(key, keys, "remove it"))
        })?;
        let text = toml_text(value).ok_or_else(|| {
            ConfigError::value(key, &source, "has no usable type: write a string, a number or a list of strings")
        })?;
        if !text.is_empty() {
            found.insert(setting.key, (text, source));
        }
    }
    Ok(found)
}

fn toml_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

fn variables(environment: &BTreeMap<String, String>) -> Result<Found, ConfigError> {
    let mut found = Found::new();
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        // `wazapp supabase sync` reads those of its own: they are no server's.
        let beside = ["TEST_", "SYNC_"].iter().any(|own| name.starts_with(own)) || BESIDE.contains(&variable.as_str());
        if name == "CONFIG" || beside {
            continue;
        }
        let (setting, file) = variable_setting(name).ok_or_else(|| {
            let known = SETTINGS.iter().map(Setting::variable);
            let known = known.chain(["WAZAPP_CONFIG".to_owned()]);
            ConfigError::about(variable, unknown(variable, known, "unset it"))
        })?;
        if value.is_empty() {
            continue;
        }
        let said = if file {
            let text = value_file(setting, variable, Path::new(value))?;
            (text, Source::File(variable.clone(), value.into()))
        } else {
            (value.clone(), Source::Environment(variable.clone()))
        };
        if found.insert(setting.key, said).is_some() {
            let plain = setting.variable();
            return Err(ConfigError::about(setting.key, format!("both {plain} and {plain}_FILE are set: unset one")));
        }
    }
    Ok(found)
}

/// The setting of a variable's name without its prefix, and if it names a file.
fn variable_setting(name: &str) -> Option<(&'static Setting, bool)> {
    let named = |name: &str| {
        let setting = Setting::named(&name.to_lowercase())?;
        (setting.variable().strip_prefix(PREFIX) == Some(name)).then_some(setting)
    };
    match named(name) {
        Some(setting) => Some((setting, false)),
        None => Some((named(name.strip_suffix("_FILE")?)?, true)),
    }
}

fn value_file(setting: &Setting, variable: &str, path: &Path) -> Result<String, ConfigError> {
    let source = Source::File(variable.to_owned(), path.to_owned());
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigError::value(setting.key, &source, format!("cannot be read ({error}): check the path"))
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(ConfigError::value(setting.key, &source, "the file is empty: write the value into it"));
    }
    Ok(text.to_owned())
}

fn unknown(name: &str, known: impl Iterator<Item = String>, fix: &str) -> String {
    let near =
        known.map(|candidate| (distance(name, &candidate), candidate)).min().filter(|(distance, _)| *distance <= 3);
    match near {
        Some((_, near)) => format!("not a setting: did you mean {near}?"),
        None => format!("not a setting: {fix} (config.default.toml lists all)"),
    }
}

/// Levenshtein's edit distance.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// Every setting's text, and the ways to give it a type.
pub(super) struct Layers {
    found: Found,
    exposed: Exposed,
}

impl Layers {
    pub(super) fn exposed(&self) -> &Exposed {
        &self.exposed
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.found.contains_key(key)
    }

    /// The text in force; empty if not set and without default.
    pub(super) fn text(&self, key: &'static str) -> &str {
        self.said(key).0
    }

    fn said(&self, key: &'static str) -> (&str, Source) {
        match self.found.get(key) {
            Some((text, source)) => (text, source.clone()),
            None => {
                let setting = Setting::named(key);
                (setting.map_or("", |setting| setting.default), Source::Default)
            }
        }
    }

    /// The file that the text in force was read from, where a variable names one.
    pub(super) fn file(&self, key: &'static str) -> Option<PathBuf> {
        match self.said(key).1 {
            Source::File(_, path) => Some(path),
            _ => None,
        }
    }

    /// Fails with `problem` if the setting is set.
    pub(super) fn refuse(&self, key: &'static str, problem: &str) -> Result<(), ConfigError> {
        match self.found.get(key) {
            Some((_, source)) => Err(ConfigError::value(key, source, problem)),
            None => Ok(()),
        }
    }

    pub(super) fn required<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let (text, source) = self.said(key);
        parse(text).map_err(|problem| ConfigError::value(key, &source, problem))
    }

    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        match self.is_set(key) {
            true => self.required(key, parse).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn list<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let items = |text: &str| text.split(',').map(str::trim).map(&parse).collect();
        Ok(self.optional(key, items)?.unwrap_or_default())
    }

    pub(super) fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        self.required(key, |text| parse::number(text, &range))
    }

    /// Every setting for people to read.
    pub(super) fn shown(&self, derived: impl Fn(&str) -> Option<String>) -> Vec<Shown> {
        let shown = |setting: &'static Setting| {
            let (text, source) = self.said(setting.key);
            let value = match text {
                "" => derived(setting.key),
                text => Some(redacted(setting.secrecy, text)),
            };
            Shown { key: setting.key, value, source: source.to_string(), doc: setting.doc }
        };
        SETTINGS.iter().map(shown).collect()
    }
}

fn redacted(secrecy: Secrecy, text: &str) -> String {
    match secrecy {
        Secrecy::Open => text.to_owned(),
        Secrecy::Secret => "••• (set)".to_owned(),
        Secrecy::UrlWithPassword => without_password(text),
    }
}

/// A password may hold any character: everything up to the last `@` is taken
/// for credentials, which at worst hides too much.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "••• (set)".to_owned();
    };
    let rest = match rest.rsplit_once('@') {
        Some((credentials, rest)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:•••@{rest}"),
            None => format!("{credentials}@{rest}"),
        },
        None => rest.to_owned(),
    };
    let Some((place, query)) = rest.split_once('?') else {
        return format!("{scheme}://{rest}");
    };
    let parameters: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.to_lowercase().contains("pass") => format!("{name}=•••"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{scheme}://{place}?{}", parameters.join("&"))
}
