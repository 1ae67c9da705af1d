//! What was found.

use jiff::SignedDuration;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Good,
    /// It works, but something should be done.
    Warning,
    /// It does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    /// What it is about: a setting, a file, an App, a number.
    pub(super) subject: String,
    pub(super) level: Level,
    pub(super) says: String,
    /// What mends it: a command, a setting, or where to go.
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn good(area: &'static str, subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self { area, subject: subject.into(), level: Level::Good, says: says.into(), fix: None }
    }

    /// What is well, and what there is to do about it.
    pub(super) fn with(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    pub(super) fn warning(
        area: &'static str,
        subject: impl Into<String>,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { level: Level::Warning, fix: Some(fix.into()), ..Self::good(area, subject, says) }
    }

    pub(super) fn broken(
        area: &'static str,
        subject: impl Into<String>,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { level: Level::Broken, fix: Some(fix.into()), ..Self::good(area, subject, says) }
    }
}

/// Whole seconds are enough for people.
pub(super) fn whole(age: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(age.as_secs())
}
