//! Finds PostgreSQL's programs: `postgres` and `initdb` of one version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::PostgresError;

const OLDEST: u32 = 15;
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory of the programs; for a cluster that exists, of the same
/// major version as made it.
pub(super) fn find(given: Option<&Path>, made_by: Option<u32>, cluster: &Path) -> Result<PathBuf, PostgresError> {
    let found: Vec<(u32, PathBuf)> = match given {
        Some(directory) => versioned(directory.to_owned()).into_iter().collect(),
        None => candidates().filter_map(versioned).collect(),
    };
    if found.is_empty() {
        return Err(match given {
            Some(directory) => PostgresError::NotThere(directory.to_owned()),
            None => PostgresError::NotInstalled,
        });
    }
    let usable = found.iter().find(|(major, _)| made_by.is_none_or(|made_by| made_by == *major));
    match usable {
        Some((_, directory)) => Ok(directory.clone()),
        None => Err(PostgresError::OtherMajor {
            cluster: cluster.to_owned(),
            made_by: made_by.unwrap_or_default(),
            found: list(&found),
        }),
    }
}

/// All that are found, with their major versions; those that are said come first.
pub(super) fn all<'a>(said: impl Iterator<Item = &'a Path>) -> Vec<(u32, PathBuf)> {
    said.map(Path::to_owned).chain(candidates()).filter_map(versioned).collect()
}

fn list(found: &[(u32, PathBuf)]) -> String {
    let mut majors: Vec<u32> = found.iter().map(|(major, _)| *major).collect();
    majors.sort_unstable();
    majors.dedup();
    let majors: Vec<String> = majors.iter().map(u32::to_string).collect();
    majors.join(", ")
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let in_path = in_path("postgres").and_then(real_directory);
    let by_pg_config = in_path_output("pg_config", "--bindir").map(PathBuf::from);
    in_path.into_iter().chain(by_pg_config).chain(debian())
}

/// Debian's versions, newest first.
fn debian() -> impl Iterator<Item = PathBuf> {
    let mut majors: Vec<u32> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable();
    majors.into_iter().rev().map(|major| Path::new(DEBIAN).join(major.to_string()).join("bin"))
}

/// The program's path from the PATH variable.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|program| program.is_file())
}

/// A link like /usr/local/bin/postgres stands alone; its target has the others
/// of its version beside it.
fn real_directory(program: PathBuf) -> Option<PathBuf> {
    Some(fs::canonicalize(program).ok()?.parent()?.to_owned())
}

fn in_path_output(program: &str, argument: &str) -> Option<String> {
    output(&in_path(program)?, argument)
}

fn output(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).env("LANG", "C").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The directory with its major version, if it holds a usable PostgreSQL.
fn versioned(directory: PathBuf) -> Option<(u32, PathBuf)> {
    if !directory.join("initdb").is_file() {
        return None;
    }
    let text = output(&directory.join("postgres"), "--version")?;
    let major = major(&text)?;
    (major >= OLDEST).then_some((major, directory))
}

/// From `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` or `… 18beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once(") ")?.1;
    let digits = number.split(|char: char| !char.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_any_wording() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)";
        assert_eq!(major(debian), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major("something else"), None);
    }
}
