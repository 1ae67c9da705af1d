//! What stops start-up: one line with the key, its source and the fix.

use std::fmt;
use std::path::PathBuf;

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nowhere.
    Default,
    /// On the command line, as this flag.
    Flag(String),
    /// In this environment variable.
    Environment(String),
    /// In the file that this environment variable names.
    File(String, PathBuf),
    /// In this TOML file.
    Toml(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(out, "default"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Environment(variable) => write!(out, "{variable}"),
            Self::File(variable, path) => write!(out, "{variable}={}", path.display()),
            Self::Toml(path) => write!(out, "{}", path.display()),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.line())]
pub struct ConfigError {
    subject: String,
    source_of_value: Option<Source>,
    problem: String,
}

impl ConfigError {
    /// About something that is no setting: a file, a variable's name.
    pub(super) fn about(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), source_of_value: None, problem: problem.into() }
    }

    /// About a setting's value.
    pub(super) fn value(key: &str, source: &Source, problem: impl Into<String>) -> Self {
        Self { subject: key.to_owned(), source_of_value: Some(source.clone()), problem: problem.into() }
    }

    fn line(&self) -> String {
        let line = match &self.source_of_value {
            Some(source) => format!("{} (from {source}): {}", self.subject, self.problem),
            None => format!("{}: {}", self.subject, self.problem),
        };
        line.replace('\n', " ")
    }
}
