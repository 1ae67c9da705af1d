//! How Meta refuses a template: code 100, a subcode, and words for people (§10.1, §10.2).

use crate::error::GraphError;

/// `Invalid parameter` with this subcode of the table, whose title people read.
pub(super) fn refused(subcode: i64, why: impl Into<String>) -> GraphError {
    let title = GraphError::of(subcode).title;
    plain(title, why).subcode(subcode)
}

/// `Invalid parameter`, where no subcode is known.
pub(super) fn plain(title: impl Into<String>, why: impl Into<String>) -> GraphError {
    GraphError::of(100).message("Invalid parameter").user(title, why)
}

/// A component lacks something (2388043).
pub(super) fn lacks(part: &str, field: &str) -> GraphError {
    refused(2388043, format!("component of type {part} is missing expected field(s) ({field})"))
}

/// A text is too long (2388040).
pub(super) fn too_long(what: &str, most: usize) -> GraphError {
    refused(2388040, format!("The {what} can have {most} characters at most."))
}

/// A key that Meta does not know at this place.
pub(super) fn unexpected(key: &str, path: &str) -> GraphError {
    GraphError::of(100).message(format!("(#100) Unexpected key \"{key}\" on param \"{path}\"."))
}

/// A word that is none of the known ones.
pub(super) fn unknown(path: &str, known: &[&str], got: &str) -> GraphError {
    GraphError::of(100).message(format!("(#100) Param {path} must be one of {{{}}} - got \"{got}\".", known.join(", ")))
}
