//! `--service`: a command as systemd would run it for the service of this machine, with the settings of its unit and as its user.
//! Of a unit it reads what says those, with drop-ins.
//! <https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Environment>

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::postgres::id;

const UNIT: &str = "wazapp.service";

/// Where systemd looks, the strongest first.
const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// What a unit says of how it is run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unit {
    user: Option<String>,
    environment: BTreeMap<String, String>,
    /// Files of more, and whether one may be missing.
    files: Vec<(PathBuf, bool)>,
}

impl Unit {
    /// That of this machine. `None`: there is none.
    fn find() -> Option<Self> {
        let main = FOLDERS.iter().find_map(|folder| fs::read_to_string(Path::new(folder).join(UNIT)).ok())?;
        // A drop-in hides those of its name in weaker folders; they are read by their names.
        let mut more: BTreeMap<String, PathBuf> = BTreeMap::new();
        for folder in FOLDERS.iter().rev() {
            let Ok(found) = fs::read_dir(Path::new(folder).join(format!("{UNIT}.d"))) else { continue };
            for path in found.flatten().map(|entry| entry.path()) {
                let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
                if let Some(name) = name.filter(|name| name.ends_with(".conf")) {
                    more.insert(name, path);
                }
            }
        }
        let mut unit = Self::default();
        unit.read(&main);
        more.values().filter_map(|path| fs::read_to_string(path).ok()).for_each(|text| unit.read(&text));
        Some(unit)
    }

    fn read(&mut self, text: &str) {
        let mut within = false;
        for line in whole_lines(text) {
            if line.starts_with('[') {
                within = line == "[Service]";
            }
            let Some((name, value)) = line.split_once('=').filter(|_| within) else { continue };
            let value = value.trim();
            match name.trim() {
                "User" => self.user = Some(value.to_owned()).filter(|user| !user.is_empty()),
                // Nothing takes back what was said before.
                "Environment" if value.is_empty() => self.environment.clear(),
                "EnvironmentFile" if value.is_empty() => self.files.clear(),
                "Environment" => self.environment.extend(words(value).iter().filter_map(|word| variable(word))),
                "EnvironmentFile" => {
                    let path = value.strip_prefix('-');
                    self.files.push((path.unwrap_or(value).into(), path.is_some()));
                }
                _ => {}
            }
        }
    }

    /// All variables; those of files go first.
    fn variables(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut variables = self.environment.clone();
        for (path, may_be_missing) in &self.files {
            match fs::read_to_string(path) {
                Ok(text) => variables.extend(of_file(&text)),
                Err(error) if *may_be_missing && error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!(
                            "{} cannot be read: the service's settings are root's, so type sudo before it",
                            path.display()
                        )
                    });
                }
            }
        }
        Ok(variables)
    }
}

/// The data directory of this machine's service, where its unit says it openly.
pub(crate) fn data_dir() -> Option<PathBuf> {
    let unit = Unit::find()?;
    // Its files may be root's alone.
    let variables = unit.variables().unwrap_or(unit.environment);
    variables.get("WAZAPP_DATA_DIR").map(PathBuf::from)
}

/// What a person types to run a command as the service.
pub(crate) fn typed(command: &str) -> String {
    format!("sudo wazapp --service {command}")
}

/// Becomes the same command as the service; answers only why that failed.
pub(crate) fn become_service() -> anyhow::Error {
    match command() {
        Ok(mut command) => anyhow::Error::from(command.exec()).context("the command cannot be begun as the service"),
        Err(error) => error,
    }
}

fn command() -> anyhow::Result<Command> {
    let Some(unit) = Unit::find() else {
        bail!("--service: there is no {UNIT} on this machine; say the settings instead, as in WAZAPP_DATA_DIR=…");
    };
    let variables = unit.variables()?;
    let mut command = Command::new(std::env::current_exe().context("this program is not found")?);
    command.args(std::env::args_os().skip(1).filter(|argument| argument != "--service"));
    // What is said here goes before what the service says.
    command.envs(variables.iter().filter(|(name, _)| std::env::var_os(name).is_none()));
    let user = unit.user.unwrap_or_else(|| "root".to_owned());
    let (uid, gid): (Option<u32>, Option<u32>) = (id("-u", &user), id("-g", &user));
    let (Some(uid), Some(gid)) = (uid, gid) else { bail!("--service: there is no user {user}, whom {UNIT} names") };
    let own = rustix::process::geteuid();
    if own.as_raw() != uid {
        if !own.is_root() {
            bail!("--service: the service runs as {user}, which only root can become: type sudo before it");
        }
        // Whoever is no longer root has its other groups no longer either.
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

/// Lines without comments; one that ends in \ goes on.
fn whole_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) || (line.is_empty() && !goes_on) {
            continue;
        }
        let (part, more) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.push_str(part),
            None => lines.push(part.to_owned()),
        }
        goes_on = more;
    }
    lines
}

fn of_file(text: &str) -> BTreeMap<String, String> {
    let assigned = |line: String| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), unquoted(value.trim())))
    };
    whole_lines(text).into_iter().filter_map(assigned).collect()
}

fn variable(word: &str) -> Option<(String, String)> {
    word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// The words of a line, quotes and \ taken off.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let (mut quote, mut chars) = (None, line.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' if quote != Some('\'') => word.get_or_insert_default().extend(chars.next()),
            _ if quote == Some(char) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            _ if char.is_whitespace() && quote.is_none() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// A value of a file: blanks within stay.
fn unquoted(value: &str) -> String {
    match value.starts_with(['"', '\'']) {
        true => words(value).join(" "),
        false => {
            let mut chars = value.chars();
            let mut plain = String::new();
            while let Some(char) = chars.next() {
                if char == '\\' { plain.extend(chars.next()) } else { plain.push(char) }
            }
            plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_says_its_user_and_its_settings() {
        let mut unit = Unit::default();
        unit.read(
            "[Unit]\nUser=nobody\n[Service]\nUser=wazapp\nEnvironment=WAZAPP_DATA_DIR=/var/lib/wazapp/data \"WAZAPP_LOG=a b\"\n\
             Environment=A=1 \\\n  B=2\n# Environment=C=3\nEnvironmentFile=/etc/wazapp/env\nEnvironmentFile=-/etc/more\n",
        );
        let said = |name: &str| unit.environment.get(name).map(String::as_str);
        assert_eq!(unit.user.as_deref(), Some("wazapp"));
        assert_eq!((said("WAZAPP_DATA_DIR"), said("WAZAPP_LOG")), (Some("/var/lib/wazapp/data"), Some("a b")));
        assert_eq!((said("A"), said("B"), said("C")), (Some("1"), Some("2"), None));
        assert_eq!(unit.files, [("/etc/wazapp/env".into(), false), ("/etc/more".into(), true)]);
        unit.read("[Service]\nEnvironment=\nEnvironmentFile=\n");
        assert!(unit.environment.is_empty() && unit.files.is_empty(), "a drop-in takes back");
    }

    #[test]
    fn a_file_of_settings_is_read_as_systemd_does() {
        let text = "# a comment\n; another\n\nA=plain words, $HOME too\nB=\"in \\\"quotes\\\"\"\nC='a \\ b'\nD=\nE=x\\\n y\nF = spaced\n";
        let found = of_file(text);
        for (name, value) in [
            ("A", "plain words, $HOME too"),
            ("B", "in \"quotes\""),
            ("C", "a \\ b"),
            ("D", ""),
            ("E", "xy"),
            ("F", "spaced"),
        ] {
            assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
        }
    }
}
